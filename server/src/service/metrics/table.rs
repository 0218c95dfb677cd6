//! The metrics that are one number: of the server by redis_exporter's names, and of each core by our own.

use shard::report::CoreReport;

use super::View;
use super::text::Kind::{self, Counter, Gauge};

/// One number about `T`.
pub(super) struct Metric<T> {
    /// Full name.
    pub(super) name: &'static str,
    /// Whether it can go down.
    pub(super) kind: Kind,
    /// What it is, with its unit.
    pub(super) help: &'static str,
    /// Where it comes from.
    pub(super) value: fn(&T) -> f64,
}

macro_rules! metrics {
    ($($kind:ident $name:literal, $help:literal, $value:expr;)+) => {
        &[$(Metric { name: $name, kind: $kind, help: $help, value: $value }),+]
    };
}

/// A microsecond count in seconds.
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// Tables, connections and what is there from the start: everything that is not keys and values.
fn overhead(report: &CoreReport) -> u64 {
    report.memory.tables + report.memory.clients + report.memory.startup
}

/// The server, as redis_exporter names it.
pub(super) static SERVER: &[Metric<View>] = metrics! {
    Gauge "redis_up", "Whether the server answers.", |_| 1.0;
    Gauge "redis_uptime_in_seconds", "Seconds since the start.", |v| v.uptime_s as f64;
    Gauge "redis_start_time_seconds", "Start of the server in seconds since the Unix epoch.", |v| seconds(v.server.started_us).floor();
    Gauge "redis_process_id", "Process id.", |v| f64::from(v.server.pid);
    Gauge "redis_hz", "Periodic work per second of each core.", |v| f64::from(v.settings.hz);
    Gauge "redis_configured_hz", "The setting hz.", |v| f64::from(v.settings.hz);

    Gauge "redis_connected_clients", "Connected clients.", |v| v.sum.clients.connected as f64;
    Gauge "redis_blocked_clients", "Clients that wait in a blocking command.", |v| v.sum.clients.blocked as f64;
    Gauge "redis_max_clients", "The setting maxclients.", |v| f64::from(v.settings.maxclients);
    Gauge "redis_config_maxclients", "The setting maxclients.", |v| f64::from(v.settings.maxclients);
    Gauge "redis_client_recent_max_input_buffer_bytes", "Largest input buffer of a client in the last seconds.", |v| v.sum.clients.input_bytes_max as f64;
    Gauge "redis_client_recent_max_output_buffer_bytes", "Largest output buffer of a client in the last seconds.", |v| v.sum.clients.output_bytes_max as f64;

    Gauge "redis_memory_used_bytes", "Memory that the server accounts for.", |v| v.sum.memory.used() as f64;
    Gauge "redis_memory_used_peak_bytes", "The most that it was.", |v| v.process.used_bytes_peak.max(v.sum.memory.used()) as f64;
    Gauge "redis_memory_used_rss_bytes", "Resident memory of the process.", |v| v.process.rss_bytes as f64;
    Gauge "redis_memory_used_overhead_bytes", "Memory that is not keys and values.", |v| overhead(&v.sum) as f64;
    Gauge "redis_memory_used_startup_bytes", "Memory that an empty server uses.", |v| v.sum.memory.startup as f64;
    Gauge "redis_memory_used_dataset_bytes", "Memory of keys and values.", |v| v.sum.memory.used().saturating_sub(overhead(&v.sum)) as f64;
    Gauge "redis_memory_max_bytes", "The setting maxmemory; 0 is no limit.", |v| v.settings.maxmemory as f64;
    Gauge "redis_config_maxmemory", "The setting maxmemory; 0 is no limit.", |v| v.settings.maxmemory as f64;
    Gauge "redis_mem_fragmentation_ratio", "Resident memory by accounted memory.", |v| v.process.rss_bytes as f64 / v.sum.memory.used().max(1) as f64;
    Gauge "redis_mem_fragmentation_bytes", "Resident memory less accounted memory.", |v| v.process.rss_bytes as f64 - v.sum.memory.used() as f64;
    Gauge "redis_mem_clients_normal", "Memory of clients, in bytes.", |v| v.sum.memory.clients as f64;
    Gauge "redis_total_system_memory_bytes", "Memory of the machine.", |v| v.process.machine_bytes as f64;
    Gauge "redis_lazyfree_pending_objects", "Keys of flushed databases, and large collections, that are still to be freed lazily.", |v| v.sum.lazyfree_pending as f64;
    Gauge "redis_lazyfreed_objects", "Keys of flushed databases, and large collections, that were freed lazily.", |v| v.sum.data.lazyfreed_objects as f64;

    Gauge "redis_loading_dump_file", "Whether a snapshot is being loaded.", |_| 0.0;
    Gauge "redis_rdb_changes_since_last_save", "Changes of keys since the last snapshot.", |v| v.sum.data.changes as f64;
    Gauge "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written.", |v| f64::from(u8::from(v.sum.saves));
    Gauge "redis_aof_enabled", "Whether writes are logged to a file.", |v| f64::from(u8::from(v.settings.appendonly));
    Gauge "redis_aof_rewrite_in_progress", "Whether that file is being rewritten.", |_| 0.0;
    Gauge "redis_connected_slaves", "Connected replicas.", |_| 0.0;
    Gauge "redis_cluster_enabled", "Whether the server is a node of a cluster.", |v| f64::from(u8::from(v.settings.cluster_enabled));

    Counter "redis_connections_received_total", "Connections accepted.", |v| v.sum.traffic.accepted as f64;
    Counter "redis_rejected_connections_total", "Connections refused because of maxclients.", |v| v.sum.traffic.rejected as f64;
    Counter "redis_acl_access_denied_auth_total", "Wrong passwords.", |v| v.sum.access.auth as f64;
    Counter "redis_acl_access_denied_cmd_total", "Commands that a user may not carry out.", |v| v.sum.access.command as f64;
    Counter "redis_acl_access_denied_key_total", "Commands with keys that a user may not use.", |v| v.sum.access.key as f64;
    Counter "redis_acl_access_denied_channel_total", "Commands with channels that a user may not use.", |v| v.sum.access.channel as f64;
    Counter "redis_commands_processed_total", "Commands carried out.", |v| v.sum.stats.calls() as f64;
    Counter "redis_net_input_bytes_total", "Bytes received from clients.", |v| v.sum.traffic.bytes_in as f64;
    Counter "redis_net_output_bytes_total", "Bytes sent to clients.", |v| v.sum.traffic.bytes_out as f64;
    Counter "redis_total_reads_processed", "Receives.", |v| v.sum.traffic.reads as f64;
    Counter "redis_total_writes_processed", "Sends.", |v| v.sum.traffic.writes as f64;
    Counter "redis_total_error_replies", "Error replies.", |v| v.sum.stats.error_replies as f64;
    Counter "redis_client_query_buffer_limit_disconnections_total", "Clients ended because of the query buffer limit.", |v| v.sum.traffic.query_limit_closed as f64;
    Counter "redis_client_output_buffer_limit_disconnections_total", "Clients ended because of the output buffer limit.", |v| v.sum.traffic.output_limit_closed as f64;
    Counter "redis_evicted_clients_total", "Clients ended because all together used too much memory.", |v| v.sum.traffic.evicted as f64;
    Counter "redis_keyspace_hits_total", "Look-ups that found a key.", |v| v.sum.data.hits as f64;
    Counter "redis_keyspace_misses_total", "Look-ups that found none.", |v| v.sum.data.misses as f64;
    Counter "redis_expired_keys_total", "Keys removed because their deadline had passed.", |v| v.sum.data.expired_keys as f64;
    Counter "redis_expired_subkeys_total", "Hash fields removed because their deadline had passed.", |v| v.sum.data.expired_fields as f64;
    Counter "redis_evicted_keys_total", "Keys removed for want of memory.", |v| v.sum.evictions.keys as f64;
    Counter "redis_cpu_user_seconds_total", "Processor time in user mode.", |v| seconds(v.process.cpu.user_us);
    Counter "redis_cpu_sys_seconds_total", "Processor time in the kernel.", |v| seconds(v.process.cpu.system_us);
    Counter "redis_cpu_user_children_seconds_total", "Processor time of child processes in user mode.", |_| 0.0;
    Counter "redis_cpu_sys_children_seconds_total", "Processor time of child processes in the kernel.", |_| 0.0;

    Gauge "redis_slowlog_length", "Entries of the slow log.", |v| v.sum.slowlog_entries as f64;
};

/// Each core.
pub(super) static CORE: &[Metric<CoreReport>] = metrics! {
    Gauge "ashlar_core_connected_clients", "Clients that the core serves.", |r| r.clients.connected as f64;
    Counter "ashlar_core_connections_received_total", "Connections that the core took on.", |r| r.traffic.accepted as f64;
    Counter "ashlar_core_commands_total", "Commands carried out on the core's data, by whomever.", |r| r.stats.calls() as f64;
    Gauge "ashlar_core_commands_per_second", "The same per second, averaged over 1.6 s.", |r| r.rates.ops as f64;
    Counter "ashlar_core_hops_total", "Commands that the core sent to another core.", |r| r.traffic.hops as f64;
    Counter "ashlar_core_visits_total", "Commands that the core carried out itself on the data of another core that slept.", |r| r.traffic.visits as f64;
    Gauge "ashlar_core_keys", "Keys of the core, expired ones included.", |r| r.keys() as f64;
    Gauge "ashlar_core_memory_used_bytes", "Memory that the core accounts for.", |r| r.memory.used() as f64;
    Counter "ashlar_core_net_input_bytes_total", "Bytes received from the core's clients.", |r| r.traffic.bytes_in as f64;
    Counter "ashlar_core_net_output_bytes_total", "Bytes sent to the core's clients.", |r| r.traffic.bytes_out as f64;
    Counter "ashlar_core_reads_total", "Receives of the core.", |r| r.traffic.reads as f64;
    Counter "ashlar_core_writes_total", "Sends of the core.", |r| r.traffic.writes as f64;
    Counter "ashlar_core_cpu_user_seconds_total", "Processor time of the core's thread in user mode.", |r| seconds(r.cpu.user_us);
    Counter "ashlar_core_cpu_sys_seconds_total", "Processor time of the core's thread in the kernel.", |r| seconds(r.cpu.system_us);
    Gauge "ashlar_core_loans", "Units that have slots of the core on loan, and work that waits for such slots.", |r| r.loans as f64;
    Gauge "ashlar_core_dropped_bytes", "Memory of deleted values that the core has yet to free.", |r| r.memory.dropped as f64;
    Gauge "ashlar_core_lazyfree_pending", "Keys of flushed databases, and large collections, that the core has yet to free lazily.", |r| r.lazyfree_pending as f64;
};
