//! Settings of the cluster that decisions depend on.
//!
//! §19. What is not here is of the transport or of the commands.

use crate::address::{Host, Label, Ports};
use crate::conf::PrimaryPort;
use crate::health::Coverage;
use crate::snapshot::{Permission, RoutingRules};
use crate::time::Millis;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// `cluster-node-timeout`.
    pub node_timeout: Millis,
    /// `cluster-ping-interval`; 0 for half the node timeout.
    pub ping_interval: Millis,
    /// `cluster-require-full-coverage`.
    pub coverage: Coverage,
    /// `cluster-announce-ip`; unknown to let others tell us.
    pub announced_host: Host,
    /// The ports that are announced.
    pub ports: Ports,
    /// `cluster-announce-hostname`.
    pub hostname: Option<Label>,
    /// `cluster-announce-human-nodename`.
    pub nodename: Option<Label>,
    /// `cluster-allow-replica-migration`: also whether a master without slots follows who took its last.
    pub replica_migration: Permission,
    /// `cluster-migration-barrier`: how many replicas a master keeps before one leaves it for another.
    pub migration_barrier: u64,
    /// Whether this node can copy the data of another: a node that cannot follows nobody.
    pub replication: Permission,
    /// Whether this node, as a replica, may fail over: `cluster-replica-no-failover no`.
    pub failover: Permission,
    /// `cluster-replica-validity-factor`; 0: no data is too old.
    pub validity_factor: u64,
    /// `repl-ping-replica-period`.
    pub replication_ping_period: Millis,
    /// What cores are told for routing.
    pub rules: RoutingRules,
    /// The port that clients use first.
    pub primary: PrimaryPort,
}

impl ClusterSettings {
    /// Redis's defaults, with these ports.
    pub fn new(ports: Ports) -> Self {
        Self {
            node_timeout: Millis(15_000),
            ping_interval: Millis(0),
            coverage: Coverage::Full,
            announced_host: Host::UNKNOWN,
            ports,
            hostname: None,
            nodename: None,
            replica_migration: Permission::Allowed,
            migration_barrier: 1,
            replication: Permission::Allowed,
            failover: Permission::Allowed,
            validity_factor: 10,
            replication_ping_period: Millis(10_000),
            rules: RoutingRules::DEFAULT,
            primary: PrimaryPort::Tcp,
        }
    }

    /// How old a node's last answer becomes before it is asked again.
    pub(crate) fn asks_after(&self) -> Millis {
        if self.ping_interval.0 == 0 { Millis(self.node_timeout.0 / 2) } else { self.ping_interval }
    }
}
