//! From the process's settings to those of the state machine: what this node announces and how it judges.

use clusterbus::address::Ports;
use clusterbus::conf::PrimaryPort;
use clusterbus::health::Coverage;
use clusterbus::settings::ClusterSettings;
use clusterbus::snapshot::{Permission, RoutingRules};
use clusterbus::time::Millis;
use shard::settings::Settings;

use super::forming::Forming;

/// What the state machine is told. `bus_port` is where the bus listens. A node that has an entry in a description of the cluster
/// announces what that says, unless its settings say otherwise.
pub(super) fn cluster_settings(settings: &Settings, bus_port: u16, forming: Option<&Forming>) -> ClusterSettings {
    let described = forming.map(|forming| forming.my_address());
    let or = |announced: u16, otherwise: u16| if announced == 0 { otherwise } else { announced };
    let permission = |allowed| if allowed { Permission::Allowed } else { Permission::Refused };
    let host = match described {
        Some(address) if settings.cluster_announce_ip.is_unknown() => address.host,
        _ => settings.cluster_announce_ip,
    };
    let ports = Ports {
        client: or(settings.cluster_announce_port, settings.port),
        other: or(settings.cluster_announce_tls_port, settings.tls_port),
        bus: or(settings.cluster_announce_bus_port, described.map_or(bus_port, |address| address.ports.bus)),
    };
    ClusterSettings {
        node_timeout: Millis(settings.cluster_node_timeout),
        ping_interval: Millis(settings.cluster_ping_interval),
        coverage: if settings.cluster_require_full_coverage { Coverage::Full } else { Coverage::Any },
        announced_host: host,
        hostname: settings.cluster_announce_hostname.0.clone(),
        nodename: settings.cluster_announce_human_nodename.0.clone(),
        replica_migration: permission(settings.cluster_allow_replica_migration),
        failover: permission(!settings.cluster_replica_no_failover),
        // There is no replication of data yet.
        replication: Permission::Refused,
        validity_factor: settings.cluster_replica_validity_factor.into(),
        rules: RoutingRules {
            reads_when_down: permission(settings.cluster_allow_reads_when_down),
            pubsub_when_down: permission(settings.cluster_allow_pubsubshard_when_down),
            preferred: settings.cluster_preferred_endpoint_type,
            primary: PrimaryPort::Tcp,
        },
        ..ClusterSettings::new(ports)
    }
}
