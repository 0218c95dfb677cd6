//! The table of settings: every one once, with its field, type, default, name, group, values, and when it may change.
//!
//! `only "x"` marks a setting of a capability that does not exist: it is known, so that scripts and files written for Redis work,
//! and takes no value but the one that leaves the capability off.

use clusterbus::address::Host;
use clusterbus::snapshot::PreferredEndpoint;
use evict::clients::ClientsLimit;
use evict::policy::Policy;
use evict::victim::SAMPLES_MAX;
use keyspace::signals::EventClasses;

use super::choices::{ContractMode, DebugAccess, LogFormat, LogLevel, PipelineOrder, PubsubDefault, Supervised};
use super::cluster::{AnnouncedHostname, AnnouncedNodename, ENDPOINTS};
use super::limits::OutputLimits;
use super::memory::POLICIES;
use super::row::{
    Change::{Anytime, AtStart, Protected},
    Group, Kind, Row,
};
use super::value::{Secret, Value};

/// Greatest `proto-max-bulk-len` and `client-query-buffer-limit`: positions in a query buffer are 32 bits wide, and one receive may
/// add up to a mebibyte before the limit is checked.
pub const QUERY_BYTES_MAX: u64 = (1 << 32) - (1 << 20);
/// Greatest port.
const PORT_MAX: i64 = 65_535;
/// Greatest value of what Redis holds in an `int`.
const INT_MAX: i64 = i32::MAX as i64;
/// Most databases: each has a table per slot on every core.
const DATABASES_MAX: i64 = 1024;
/// Most core loops: every ordered pair of them has a mailbox.
const CORES_MAX: i64 = 256;
/// Most addresses to listen on, as in Redis: each is a listener on every core.
const BIND_MAX: usize = 16;
/// Most words of `save`: 16 pairs of seconds and changes.
const SAVE_WORDS_MAX: usize = 32;

const PORT: Kind = Kind::Integer { min: 0, max: PORT_MAX };
const INT: Kind = Kind::Integer { min: 0, max: INT_MAX };
const LONG: Kind = Kind::Integer { min: 0, max: i64::MAX };
/// Bytes of what Redis holds in a `long`.
const MEMORY: Kind = Kind::Bytes { min: 0, max: i64::MAX as u64 };
const QUERY_BYTES: Kind = Kind::Bytes { min: 1 << 20, max: QUERY_BYTES_MAX };

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:expr,
            $group:ident $name:literal $(/ $alias:literal)* $kind:expr, $change:ident $(only $only:literal)?;
    )+) => {
        /// The value of every setting, for reading by field. Cheap to share as `Arc<Settings>`, replaced whole when one changes.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings { $( $(#[doc = $doc])+ pub $field: $type, )+ }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// Every setting, in the order of the sample file.
        pub static ROWS: &[Row] = &[$(Row {
            name: $name,
            aliases: &[$($alias),*],
            group: Group::$group,
            kind: $kind,
            change: $change,
            only: settings!(@only $($only)?),
            doc: concat!($($doc, "\n"),+),
            read: |settings, row| settings.$field.print(&row.kind),
            write: |settings, row, raw| {
                let value = <$type as Value>::parse(&settings.$field, &row.kind, raw)?;
                row.admit(&value.print(&row.kind))?;
                settings.$field = value;
                Ok(())
            },
        },)+];
    };
    (@only) => { None };
    (@only $only:literal) => { Some($only) };
}

settings! {
    /// Addresses to listen on. One that starts with `-` may be missing on this machine; `*` and `::*` are all of IPv4 and IPv6.
    bind: Vec<String> = vec!["127.0.0.1".to_owned(), "-::1".to_owned()],
        Network "bind" Kind::Words { max: BIND_MAX }, AtStart;
    /// TCP port; 0 listens on none.
    port: u16 = 6379,
        Network "port" PORT, AtStart;
    /// Connections that may wait to be accepted; the kernel's `net.core.somaxconn` bounds it.
    tcp_backlog: u32 = 511,
        Network "tcp-backlog" INT, AtStart;
    /// Seconds of silence after which TCP asks whether the peer lives; 0 never asks.
    tcp_keepalive: u32 = 300,
        Network "tcp-keepalive" INT, Anytime;
    /// Seconds after which an idle client is closed; 0 never closes one.
    timeout: u32 = 0,
        Network "timeout" INT, Anytime;
    /// Path of a UNIX socket to listen on; empty for none.
    unixsocket: String = String::new(),
        Network "unixsocket" Kind::Text, AtStart;
    /// Permissions of the UNIX socket in octal; 0 leaves what the process's umask gives.
    unixsocketperm: u32 = 0,
        Network "unixsocketperm" Kind::Permissions, AtStart;
    /// TCP port for TLS. Not available: only 0.
    tls_port: u16 = 0,
        Network "tls-port" PORT, AtStart only "0";

    /// Password that clients must give with AUTH or HELLO; empty for none.
    requirepass: Secret = Secret::default(),
        Security "requirepass" Kind::Secret, Anytime;
    /// Refuse clients of other machines while no password is set.
    protected_mode: bool = true,
        Security "protected-mode" Kind::YesNo, Anytime;
    /// Who may use DEBUG; `local` are the clients of this machine.
    enable_debug_command: DebugAccess = DebugAccess::No,
        Security "enable-debug-command" Kind::OneOf(DebugAccess::WORDS), AtStart;
    /// File that holds the users, which ACL LOAD reads and ACL SAVE writes; empty for none. Then there are no `[[users]]`.
    aclfile: String = String::new(),
        Security "aclfile" Kind::Text, AtStart;
    /// Channels that a user may use about whom no rule says more.
    acl_pubsub_default: PubsubDefault = PubsubDefault::Resetchannels,
        Security "acl-pubsub-default" Kind::OneOf(PubsubDefault::WORDS), Anytime;
    /// Entries that ACL LOG keeps.
    acllog_max_len: u64 = 128,
        Security "acllog-max-len" LONG, Anytime;
    /// Wrong passwords in a row after which an address must wait before it may try again, on each core: a second, then twice as
    /// long with every further wrong one, up to a minute; 0 for no limit.
    auth_failures_max: u64 = 20,
        Security "auth-failures-max" LONG, Anytime;
    /// `strict`: refusals of commands and settings that concern deadlines and memory are counted in the audit log. `hardened`: each
    /// is told there by itself as well, within a budget; a core that spends it in two windows in a row makes all strict. Clients see
    /// no difference.
    expire_evict_mode: ContractMode = ContractMode::Strict,
        Security "expire-evict-mode" Kind::OneOf(ContractMode::WORDS), Anytime;

    /// Directory in which the process works; empty for the one it is started in.
    dir: String = String::new(),
        Process "dir" Kind::Text, Protected;
    /// File that holds the process id while the server runs; empty for none.
    pidfile: String = String::new(),
        Process "pidfile" Kind::Text, AtStart;
    /// Run in the background. Not available: only no; use a service manager.
    daemonize: bool = false,
        Process "daemonize" Kind::YesNo, AtStart only "no";
    /// Tell a service manager when the server is ready. Not available: only no.
    supervised: Supervised = Supervised::No,
        Process "supervised" Kind::OneOf(Supervised::WORDS), AtStart only "no";
    /// Show what the process does in its title. Not available: only no.
    set_proc_title: bool = false,
        Process "set-proc-title" Kind::YesNo, AtStart only "no";
    /// Print a logo at start. There is none: only no.
    always_show_logo: bool = false,
        Process "always-show-logo" Kind::YesNo, AtStart only "no";

    /// Core loops, each pinned to a CPU; 0 for one per available CPU.
    cores: u32 = 0,
        Cores "cores" Kind::Integer { min: 0, max: CORES_MAX }, AtStart;
    /// How often per second each core does its periodic work.
    hz: u32 = 10,
        Cores "hz" Kind::Clamped { low: 1, high: 500 }, Anytime;
    /// Do the periodic work of clients more often when there are many.
    dynamic_hz: bool = true,
        Cores "dynamic-hz" Kind::YesNo, Anytime;
    /// `relaxed`: commands of one pipeline whose keys live on different cores may take effect in either order. `strict`: in the
    /// order sent. Replies are in order with both.
    pipeline_order: PipelineOrder = PipelineOrder::Relaxed,
        Cores "pipeline-order" Kind::OneOf(PipelineOrder::WORDS), AtStart;
    /// Carry out short commands on the data of a sleeping core without waking it. `no` is for measurements.
    visits: bool = true,
        Cores "visits" Kind::YesNo, Anytime;
    /// Receive buffers of each core. Few fit the CPU's caches; a core that runs out waits until some are free.
    ring_buffers: u32 = 256,
        Cores "ring-buffers" Kind::PowerOfTwo { min: 2, max: 32_768 }, AtStart;
    /// Size of a receive buffer in bytes.
    ring_buffer_bytes: u32 = 4096,
        Cores "ring-buffer-bytes" Kind::Bytes { min: 64, max: 1 << 20 }, AtStart;

    /// Most clients at a time, of which a core takes at most 131,072.
    maxclients: u32 = 10_000,
        Clients "maxclients" Kind::Integer { min: 1, max: u32::MAX as i64 }, Anytime;
    /// Greatest length of one argument.
    proto_max_bulk_len: u64 = 512 << 20,
        Clients "proto-max-bulk-len" QUERY_BYTES, Anytime;
    /// Greatest size of what a client has sent and is not yet carried out.
    client_query_buffer_limit: u64 = 1 << 30,
        Clients "client-query-buffer-limit" QUERY_BYTES, Anytime;
    /// Per class of clients: close one whose replies exceed `hard`, or exceed `soft` for `seconds`; 0 is no limit. Classes are
    /// `normal`, `replica` and `pubsub`.
    client_output_buffer_limit: OutputLimits = OutputLimits::default(),
        Clients "client-output-buffer-limit" Kind::OutputLimits, Anytime;

    /// Most keys that are noted for clients that track what they read; 0 for no limit. Each core has its part.
    tracking_table_max_keys: u64 = 1_000_000,
        Clients "tracking-table-max-keys" LONG, Anytime;

    /// Databases that SELECT can choose from.
    databases: u32 = 16,
        Keyspace "databases" Kind::Integer { min: 1, max: DATABASES_MAX }, AtStart;
    /// How hard expired keys are searched for in the background.
    active_expire_effort: u32 = 1,
        Keyspace "active-expire-effort" Kind::Integer { min: 1, max: 10 }, Anytime;
    /// Free what was evicted in the background.
    lazyfree_lazy_eviction: bool = false,
        Keyspace "lazyfree-lazy-eviction" Kind::YesNo, Anytime;
    /// Free what has expired in the background.
    lazyfree_lazy_expire: bool = false,
        Keyspace "lazyfree-lazy-expire" Kind::YesNo, Anytime;
    /// Free what a command such as RENAME replaces in the background.
    lazyfree_lazy_server_del: bool = false,
        Keyspace "lazyfree-lazy-server-del" Kind::YesNo, Anytime;
    /// Let DEL free in the background, as UNLINK does.
    lazyfree_lazy_user_del: bool = false,
        Keyspace "lazyfree-lazy-user-del" Kind::YesNo, Anytime;
    /// Let FLUSHDB and FLUSHALL free in the background unless they say SYNC.
    lazyfree_lazy_user_flush: bool = false,
        Keyspace "lazyfree-lazy-user-flush" Kind::YesNo, Anytime;
    /// Most fields of a hash that is kept packed.
    hash_max_listpack_entries: u64 = 512,
        Keyspace "hash-max-listpack-entries" / "hash-max-ziplist-entries" LONG, Anytime;
    /// Longest field or value of a hash that is kept packed.
    hash_max_listpack_value: u64 = 64,
        Keyspace "hash-max-listpack-value" / "hash-max-ziplist-value" MEMORY, Anytime;
    /// Most items of a list's node; from -1 to -5 its most bytes: 4, 8, 16, 32 or 64 KiB. A list of one node is kept packed.
    list_max_listpack_size: i32 = -2,
        Keyspace "list-max-listpack-size" / "list-max-ziplist-size" Kind::Integer { min: i32::MIN as i64, max: INT_MAX }, Anytime;
    /// Nodes at each end of a list that are not compressed; 0 compresses none. Not available: only 0.
    list_compress_depth: u32 = 0,
        Keyspace "list-compress-depth" INT, Anytime only "0";
    /// Most integers of a set of only integers that is kept as sorted integers.
    set_max_intset_entries: u64 = 512,
        Keyspace "set-max-intset-entries" LONG, Anytime;
    /// Most members of a set that is kept packed.
    set_max_listpack_entries: u64 = 128,
        Keyspace "set-max-listpack-entries" LONG, Anytime;
    /// Longest member of a set that is kept packed.
    set_max_listpack_value: u64 = 64,
        Keyspace "set-max-listpack-value" MEMORY, Anytime;
    /// Most members of a sorted set that is kept packed.
    zset_max_listpack_entries: u64 = 128,
        Keyspace "zset-max-listpack-entries" / "zset-max-ziplist-entries" LONG, Anytime;
    /// Longest member of a sorted set that is kept packed.
    zset_max_listpack_value: u64 = 64,
        Keyspace "zset-max-listpack-value" / "zset-max-ziplist-value" MEMORY, Anytime;
    /// Longest HyperLogLog, its header included, that is kept sparse.
    hll_sparse_max_bytes: u64 = 3000,
        Keyspace "hll-sparse-max-bytes" MEMORY, Anytime;
    /// Most bytes of a stream's node; 0 for no limit.
    stream_node_max_bytes: u64 = 4096,
        Keyspace "stream-node-max-bytes" MEMORY, Anytime;
    /// Most entries of a stream's node; 0 for no limit.
    stream_node_max_entries: u64 = 100,
        Keyspace "stream-node-max-entries" LONG, Anytime;
    /// Events of keys to publish, by letters: `K` by key, `E` by event; of `g` keys of any type, `$` strings, `l` lists, `s` sets,
    /// `h` hashes, `z` sorted sets, `t` streams, `x` expiry, `e` eviction, `A` all of these; `n` new keys, `m` keys looked for in
    /// vain. Empty for none.
    notify_keyspace_events: EventClasses = EventClasses::default(),
        Keyspace "notify-keyspace-events" Kind::Text, Anytime;

    /// Milliseconds after which a running script makes other clients see BUSY; 0 never.
    busy_reply_threshold: u64 = 5000,
        Scripts "busy-reply-threshold" / "lua-time-limit" LONG, Anytime;

    /// Most memory that the server may use; 0 for no limit. Each core needs 64 KiB of it.
    maxmemory: u64 = 0,
        Memory "maxmemory" Kind::Bytes { min: 0, max: u64::MAX }, Anytime;
    /// Which keys are removed at that limit: of all keys or of the volatile ones, which have a deadline, those unused longest (`lru`),
    /// used least often (`lfu`), not written longest (`lrm`), any (`random`), or those that expire soonest (`ttl`);
    /// `allkeys-s3fifo` keeps what is used again, for caches with a skewed load; `noeviction` removes none.
    maxmemory_policy: Policy = Policy::NoEviction,
        Memory "maxmemory-policy" Kind::OneOf(POLICIES), Anytime;
    /// Keys that are drawn for each one that is removed: more choose better and cost more.
    maxmemory_samples: u32 = 5,
        Memory "maxmemory-samples" Kind::Integer { min: 1, max: SAMPLES_MAX as i64 }, Anytime;
    /// How long one command may be held up by removing keys: 0 not at all, 10 for 0.5 ms, 100 without a limit.
    maxmemory_eviction_tenacity: u32 = 10,
        Memory "maxmemory-eviction-tenacity" Kind::Integer { min: 0, max: 100 }, Anytime;
    /// Most memory of all clients together, in bytes or as a percentage of `maxmemory` such as `5%`: those with most are closed. 0
    /// for no limit.
    maxmemory_clients: ClientsLimit = ClientsLimit::Off,
        Memory "maxmemory-clients" Kind::BytesOrPercent, Anytime;
    /// How slowly the counter of `lfu` grows; 0 counts every use.
    lfu_log_factor: u32 = 10,
        Memory "lfu-log-factor" INT, Anytime;
    /// Minutes without use that take 1 from the counter of `lfu`; 0 never takes any.
    lfu_decay_time: u32 = 1,
        Memory "lfu-decay-time" INT, Anytime;
    /// Leave it to the master of a replica to keep to `maxmemory`. There are no replicas: only yes.
    replica_ignore_maxmemory: bool = true,
        Memory "replica-ignore-maxmemory" Kind::YesNo, Anytime only "yes";

    /// When to save a snapshot. Not available: only empty, which is never.
    save: Vec<String> = Vec::new(),
        Persistence "save" Kind::Words { max: SAVE_WORDS_MAX }, Anytime only "";
    /// Log every write to a file. Not available: only no.
    appendonly: bool = false,
        Persistence "appendonly" Kind::YesNo, Anytime only "no";

    /// Be a node of a cluster.
    cluster_enabled: bool = false,
        Cluster "cluster-enabled" Kind::YesNo, AtStart;
    /// Which of the `[[cluster.nodes]]` of the configuration this server is, by its address such as `10.0.0.1:7000`; empty for the
    /// one that has its port and an address that it listens on.
    cluster_node: String = String::new(),
        Cluster "cluster-node" Kind::Text, AtStart;
    /// File in which the node keeps what it knows of the cluster. The server writes it; nobody else should. It is locked while the
    /// server runs.
    cluster_config_file: String = "nodes.conf".to_owned(),
        Cluster "cluster-config-file" Kind::Text, AtStart;
    /// Milliseconds of silence after which a node is held to be failing. Most other times of the cluster derive from it.
    cluster_node_timeout: u64 = 15_000,
        Cluster "cluster-node-timeout" LONG, Anytime;
    /// Milliseconds since the last answer of a node after which it is asked again; 0 for half of `cluster-node-timeout`.
    cluster_ping_interval: u64 = 0,
        Cluster "cluster-ping-interval" INT, Anytime;
    /// TCP port of the cluster bus; 0 for `port` + 10000, which must then be at most 65535.
    cluster_port: u16 = 0,
        Cluster "cluster-port" PORT, AtStart;
    /// Listen with the bus on addresses of other machines' reach too. Whoever reaches the bus can take the cluster over: it has no
    /// authentication. `no` refuses to start unless `bind` has only loopback addresses.
    cluster_bus_open: bool = false,
        Cluster "cluster-bus-open" Kind::YesNo, AtStart;
    /// `strict`: what the bus refuses, puts right and holds to a bound is counted in the audit log. `hardened`: each is told there by
    /// itself as well, within a budget; a node that spends it in two windows in a row is strict again. Clients and other nodes see no
    /// difference.
    cluster_bus_mode: ContractMode = ContractMode::Strict,
        Cluster "cluster-bus-mode" Kind::OneOf(ContractMode::WORDS), Anytime;
    /// Address under which others reach this node; empty lets them find out.
    cluster_announce_ip: Host = Host::UNKNOWN,
        Cluster "cluster-announce-ip" Kind::Text, Anytime;
    /// Port under which clients reach this node; 0 for `port`.
    cluster_announce_port: u16 = 0,
        Cluster "cluster-announce-port" PORT, Anytime;
    /// The same for TLS; 0 for `tls-port`.
    cluster_announce_tls_port: u16 = 0,
        Cluster "cluster-announce-tls-port" PORT, Anytime;
    /// Port under which other nodes reach the bus of this one; 0 for where it listens.
    cluster_announce_bus_port: u16 = 0,
        Cluster "cluster-announce-bus-port" PORT, Anytime;
    /// Host name of this node, which others are told; empty for none.
    cluster_announce_hostname: AnnouncedHostname = AnnouncedHostname::default(),
        Cluster "cluster-announce-hostname" Kind::Text, Anytime;
    /// Name of this node for people, for logs of other nodes; empty for none.
    cluster_announce_human_nodename: AnnouncedNodename = AnnouncedNodename::default(),
        Cluster "cluster-announce-human-nodename" Kind::Text, Anytime;
    /// What redirects tell clients: the address of a node, its host name, or nothing but its port.
    cluster_preferred_endpoint_type: PreferredEndpoint = PreferredEndpoint::Ip,
        Cluster "cluster-preferred-endpoint-type" Kind::OneOf(ENDPOINTS), Anytime;
    /// A replica whose data is older than this many times `cluster-node-timeout` does not take over from its master; 0 for any age.
    cluster_replica_validity_factor: u32 = 10,
        Cluster "cluster-replica-validity-factor" / "cluster-slave-validity-factor" INT, Anytime;
    /// Replicas that a master keeps before one of them moves to a master that has none.
    cluster_migration_barrier: u32 = 1,
        Cluster "cluster-migration-barrier" INT, Anytime;
    /// Let replicas move to masters that have none, and masters that lost all slots follow who has them.
    cluster_allow_replica_migration: bool = true,
        Cluster "cluster-allow-replica-migration" Kind::YesNo, Anytime;
    /// Never let this node, as a replica, take over from its master by itself.
    cluster_replica_no_failover: bool = false,
        Cluster "cluster-replica-no-failover" / "cluster-slave-no-failover" Kind::YesNo, Anytime;
    /// Serve nothing while any slot has no owner that is reached.
    cluster_require_full_coverage: bool = true,
        Cluster "cluster-require-full-coverage" Kind::YesNo, Anytime;
    /// Serve reads of own slots while the cluster is down.
    cluster_allow_reads_when_down: bool = false,
        Cluster "cluster-allow-reads-when-down" Kind::YesNo, Anytime;
    /// Serve sharded publish and subscribe of own slots while the cluster is down.
    cluster_allow_pubsubshard_when_down: bool = true,
        Cluster "cluster-allow-pubsubshard-when-down" Kind::YesNo, Anytime;
    /// Most bytes that wait to be sent to one node before the link to it is closed; 0 for no limit but that of 1 GiB.
    cluster_link_sendbuf_limit: u64 = 0,
        Cluster "cluster-link-sendbuf-limit" Kind::Bytes { min: 0, max: u64::MAX }, Anytime;
    /// Count what the commands of each slot take, for CLUSTER SLOT-STATS: processor time, and bytes of commands and replies. It then tells
    /// of memory, too.
    cluster_slot_stats_enabled: bool = false,
        Cluster "cluster-slot-stats-enabled" Kind::YesNo, Anytime;

    /// How much to log, most first.
    loglevel: LogLevel = LogLevel::Notice,
        Log "loglevel" Kind::OneOf(LogLevel::WORDS), Anytime;
    /// File to log to; empty for standard output.
    logfile: String = String::new(),
        Log "logfile" Kind::Text, AtStart;
    /// Form of a log line.
    log_format: LogFormat = LogFormat::Text,
        Log "log-format" Kind::OneOf(LogFormat::WORDS), AtStart;

    /// Microseconds from which a command is entered in the slow log; 0 enters all, -1 none.
    slowlog_log_slower_than: i64 = 10_000,
        Statistics "slowlog-log-slower-than" Kind::Integer { min: -1, max: i64::MAX }, Anytime;
    /// Entries that the slow log keeps.
    slowlog_max_len: u64 = 128,
        Statistics "slowlog-max-len" LONG, Anytime;
    /// Milliseconds from which LATENCY records an event; 0 records none.
    latency_monitor_threshold: u64 = 0,
        Statistics "latency-monitor-threshold" LONG, Anytime;
    /// Keep a histogram of latency per command.
    latency_tracking: bool = true,
        Statistics "latency-tracking" Kind::YesNo, Anytime;
    /// Percentiles of that latency that INFO prints.
    latency_tracking_info_percentiles: Vec<f64> = vec![50.0, 99.0, 99.9],
        Statistics "latency-tracking-info-percentiles" Kind::Percentiles, Anytime;

    /// Address of the HTTP endpoint with `/metrics` and `/healthz`.
    metrics_bind: String = "127.0.0.1".to_owned(),
        Metrics "metrics-bind" Kind::Text, AtStart;
    /// Its port; 0 for no endpoint.
    metrics_port: u16 = 0,
        Metrics "metrics-port" PORT, AtStart;
}
