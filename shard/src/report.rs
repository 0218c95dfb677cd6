//! What one core reports about itself: the source of INFO, of the metrics and of MEMORY STATS.
//!
//! Every core answers `Ask::Report` with a `CoreReport` of its own numbers; whoever asked adds them up, or shows them core by core.
//! So nothing is counted in shared memory, and the sum is as of the moments at which the cores answered.
//!
//! Facts about the whole process (resident memory, processor time) are in the report of core 0 alone.

use keyspace::store::{DataStats, DbTotals};
use scripting::Sha;

use crate::acl::AccessCounters;
use crate::stats::Stats;

/// What happened to a core's connections since the counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections taken on.
    pub accepted: u64,
    /// Connections refused because of `maxclients`.
    pub rejected: u64,
    /// Snapshots that clients of this core began.
    pub syncs: u64,
    /// Connections ended.
    pub closed: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Receives.
    pub reads: u64,
    /// Sends.
    pub writes: u64,
    /// Connections ended because of their output limit.
    pub output_limit_closed: u64,
    /// Connections ended because of the query buffer limit.
    pub query_limit_closed: u64,
    /// Connections ended because all clients together used too much memory.
    pub evicted: u64,
    /// Commands that were sent to another core.
    pub hops: u64,
    /// Commands that were carried out as a visitor of another core.
    pub visits: u64,
}

/// The turns of a core since the counters were reset, without what they waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnTotals {
    /// How many.
    pub count: u64,
    /// Their time in nanoseconds.
    pub ns: u64,
    /// The longest, in nanoseconds. Whoever had the core's CPU meanwhile is in it.
    pub longest_ns: u64,
    /// The longest in processor time, with the entry of the ring before it, in nanoseconds; overstated by a span (`core/turns.rs`).
    pub longest_cpu_ns: u64,
}

impl TurnTotals {
    /// Counts a turn.
    pub fn note(&mut self, ns: u64) {
        self.count += 1;
        self.ns += ns;
        self.longest_ns = self.longest_ns.max(ns);
    }

    /// Counts the processor time of a turn.
    pub fn note_cpu(&mut self, ns: u64) {
        self.longest_cpu_ns = self.longest_cpu_ns.max(ns);
    }

    fn add(&mut self, other: &TurnTotals) {
        self.count += other.count;
        self.ns += other.ns;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.note_cpu(other.longest_cpu_ns);
    }
}

/// Averages over the last 16 samples, 100 ms each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Commands carried out per second.
    pub ops: u64,
    /// Bytes received per second.
    pub bytes_in: u64,
    /// Bytes sent per second.
    pub bytes_out: u64,
    /// Turns per second.
    pub turns: u64,
    /// Nanoseconds of turns per second.
    pub turn_ns: u64,
}

/// The clients of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTotals {
    /// Connected now.
    pub connected: u64,
    /// Waiting in a blocking command.
    pub blocked: u64,
    /// Of those, the ones whose waiting has an end.
    pub timed: u64,
    /// Keys of the core's slots on which clients wait.
    pub blocking_keys: u64,
    /// Of those, the ones of whose end some of these clients want to hear.
    pub blocking_keys_on_nokey: u64,
    /// Most received and unread bytes of one client in the last seconds.
    pub input_bytes_max: u64,
    /// Most reply bytes of one client in the last seconds.
    pub output_bytes_max: u64,
}

/// What clients listen to, as far as a core knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PubsubTotals {
    /// Channels of the core's slots with subscribers.
    pub channels: u64,
    /// Patterns with subscribers: every core knows all.
    pub patterns: u64,
    /// Shard channels of the core's slots with subscribers.
    pub shard_channels: u64,
}

/// What the active-expire cycle of a core did and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpiryTotals {
    /// Calls that ran out of time.
    pub time_cap_reached: u64,
    /// Time of all calls, in microseconds.
    pub micros: u64,
    /// Keys past their deadline, as of the end of the last call.
    pub due: u64,
    /// Keys with a deadline then.
    pub volatile: u64,
    /// By number of the database, the average time to live of its keys in milliseconds, times the keys with a deadline.
    pub ttl_sums: Vec<u128>,
}

impl ExpiryTotals {
    fn add(&mut self, other: &ExpiryTotals) {
        self.time_cap_reached += other.time_cap_reached;
        self.micros += other.micros;
        self.due += other.due;
        self.volatile += other.volatile;
        self.ttl_sums.resize(self.ttl_sums.len().max(other.ttl_sums.len()), 0);
        self.ttl_sums.iter_mut().zip(&other.ttl_sums).for_each(|(mine, other)| *mine += other);
    }

    /// Keys past their deadline per 100 keys with one.
    pub fn stale_percent(&self) -> f64 {
        if self.volatile == 0 { 0.0 } else { 100.0 * self.due as f64 / self.volatile as f64 }
    }
}

/// What a core's evictions came to since the counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictionTotals {
    /// Keys removed for want of memory.
    pub keys: u64,
    /// How long the core has been above its quota, in microseconds; 0 while it is not.
    pub exceeded_now_us: u64,
    /// How long it was in all.
    pub exceeded_us: u64,
}

impl EvictionTotals {
    /// Cores are above their quotas at the same time, as parts of one process that is above its limit.
    fn add(&mut self, other: &EvictionTotals) {
        self.keys += other.keys;
        self.exceeded_now_us = self.exceeded_now_us.max(other.exceeded_now_us);
        self.exceeded_us = self.exceeded_us.max(other.exceeded_us);
    }
}

/// What a core keeps to run scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptTotals {
    /// The names of the scripts that are loaded, ascending.
    pub names: Vec<Sha>,
    /// Bytes of their sources.
    pub source_bytes: u64,
    /// Bytes of the interpreter, with all scripts and functions.
    pub engine_bytes: u64,
    /// Functions: every core has all.
    pub functions: u64,
    /// Their libraries.
    pub libraries: u64,
    /// Bytes of the code of the libraries.
    pub library_bytes: u64,
}

impl ScriptTotals {
    fn add(&mut self, other: &ScriptTotals) {
        self.names.extend_from_slice(&other.names);
        self.names.sort_unstable();
        self.names.dedup();
        self.source_bytes += other.source_bytes;
        self.engine_bytes += other.engine_bytes;
        self.functions = self.functions.max(other.functions);
        self.libraries = self.libraries.max(other.libraries);
        self.library_bytes += other.library_bytes;
    }
}

/// What clients track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackingTotals {
    /// The core's clients that track.
    pub clients: u64,
    /// Keys of the core's slots that are noted for them.
    pub keys: u64,
    /// Clients beside those keys.
    pub items: u64,
    /// Prefixes: every core knows all.
    pub prefixes: u64,
}

/// Bytes that a core accounts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryTotals {
    /// Tables and entries of the core's slots.
    pub data: u64,
    /// What was dropped from them and is not freed yet.
    pub dropped: u64,
    /// Of `data`, the tables without their entries: the sum of `CoreReport::table_bytes`.
    pub tables: u64,
    /// Connections with all that is held for them.
    pub clients: u64,
    /// Who hears which channel, without the names, for which the clients stand.
    pub pubsub: u64,
    /// Who watches, waits on and tracks which key.
    pub listeners: u64,
    /// The interpreter with all scripts and functions, and their sources.
    pub scripts: u64,
    /// Slow log, ACL log and counters.
    pub logs: u64,
    /// Buffers kept for reuse, what waits to be told to other cores and monitors, the tables of what is under way, and copies of keys that
    /// are on their way to other servers.
    pub buffers: u64,
    /// What the core holds from its start: slots, receive buffers, counters.
    pub startup: u64,
}

impl MemoryTotals {
    /// Everything: Redis's `used_memory`.
    pub fn used(&self) -> u64 {
        self.data + self.dropped + self.startup + self.others()
    }

    /// What is neither data nor held from the start.
    pub fn others(&self) -> u64 {
        self.clients + self.pubsub + self.listeners + self.scripts + self.logs + self.buffers
    }

    fn add(&mut self, other: &MemoryTotals) {
        self.data += other.data;
        self.dropped += other.dropped;
        self.tables += other.tables;
        self.clients += other.clients;
        self.pubsub += other.pubsub;
        self.listeners += other.listeners;
        self.scripts += other.scripts;
        self.logs += other.logs;
        self.buffers += other.buffers;
        self.startup += other.startup;
    }
}

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In user mode, in microseconds.
    pub user_us: u64,
    /// In the kernel, in microseconds.
    pub system_us: u64,
}

/// Facts about the process, sampled by core 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessReport {
    /// Processor time of all threads.
    pub cpu: CpuTime,
    /// Resident memory in bytes, at most a second old.
    pub rss_bytes: u64,
    /// The most that `MemoryTotals::used` of all cores together was when it was looked at, ten times a second.
    pub used_bytes_peak: u64,
    /// Memory of the machine in bytes.
    pub machine_bytes: u64,
    /// Kernel name, release and machine, as `uname` gives them.
    pub os: String,
}

/// Everything that one core reports about itself.
#[derive(Clone, Default)]
pub struct CoreReport {
    /// Counters per command and per error code.
    pub stats: Stats,
    /// Counters of look-ups and changes.
    pub data: DataStats,
    /// What the core holds of each database, by the number that clients select.
    pub databases: Vec<DbTotals>,
    /// Bytes of each database's tables without their entries, likewise, as of the last look (one database a second).
    pub table_bytes: Vec<u64>,
    /// Counters of connections and traffic.
    pub traffic: Traffic,
    /// What was denied to its clients.
    pub access: AccessCounters,
    /// Its turns.
    pub turns: TurnTotals,
    /// Recent averages.
    pub rates: Rates,
    /// Its clients.
    pub clients: ClientTotals,
    /// What clients listen to.
    pub pubsub: PubsubTotals,
    /// What clients track.
    pub tracking: TrackingTotals,
    /// Its active-expire cycle.
    pub expiry: ExpiryTotals,
    /// Its evictions.
    pub evictions: EvictionTotals,
    /// What it keeps to run scripts.
    pub scripts: ScriptTotals,
    /// Bytes.
    pub memory: MemoryTotals,
    /// Processor time of the core's thread.
    pub cpu: CpuTime,
    /// Keys of flushed databases, and large collections, that are still to be freed lazily.
    pub lazyfree_pending: u64,
    /// Units that have slots of this core on loan, and work that waits for such slots.
    pub loans: u64,
    /// Entries of the slow log of this core's clients.
    pub slowlog_entries: u64,
    /// Whether it writes its part of a snapshot.
    pub saves: bool,
    /// The process; from core 0.
    pub process: Option<ProcessReport>,
}

impl CoreReport {
    /// Adds another core's report.
    pub fn add(&mut self, other: &CoreReport) {
        self.stats.add(&other.stats);
        add_data(&mut self.data, &other.data);
        self.databases.resize(self.databases.len().max(other.databases.len()), DbTotals::default());
        for (mine, other) in self.databases.iter_mut().zip(&other.databases) {
            mine.keys += other.keys;
            mine.volatile += other.volatile;
            mine.timed_hashes += other.timed_hashes;
        }
        self.table_bytes.resize(self.table_bytes.len().max(other.table_bytes.len()), 0);
        self.table_bytes.iter_mut().zip(&other.table_bytes).for_each(|(mine, other)| *mine += other);
        self.traffic.add(&other.traffic);
        self.turns.add(&other.turns);
        self.access.add(&other.access);
        self.rates.ops += other.rates.ops;
        self.rates.bytes_in += other.rates.bytes_in;
        self.rates.bytes_out += other.rates.bytes_out;
        self.rates.turns += other.rates.turns;
        self.rates.turn_ns += other.rates.turn_ns;
        self.clients.add(&other.clients);
        self.pubsub.channels += other.pubsub.channels;
        self.pubsub.patterns = self.pubsub.patterns.max(other.pubsub.patterns);
        self.pubsub.shard_channels += other.pubsub.shard_channels;
        self.scripts.add(&other.scripts);
        self.expiry.add(&other.expiry);
        self.evictions.add(&other.evictions);
        self.tracking.clients += other.tracking.clients;
        self.tracking.keys += other.tracking.keys;
        self.tracking.items += other.tracking.items;
        self.tracking.prefixes = self.tracking.prefixes.max(other.tracking.prefixes);
        self.memory.add(&other.memory);
        self.cpu.user_us += other.cpu.user_us;
        self.cpu.system_us += other.cpu.system_us;
        self.lazyfree_pending += other.lazyfree_pending;
        self.loans += other.loans;
        self.slowlog_entries += other.slowlog_entries;
        self.saves |= other.saves;
        if self.process.is_none() {
            self.process.clone_from(&other.process);
        }
    }

    /// The reports of all cores together.
    pub fn sum<'a>(reports: impl IntoIterator<Item = &'a CoreReport>) -> CoreReport {
        let mut sum = CoreReport::default();
        reports.into_iter().for_each(|report| sum.add(report));
        sum
    }

    /// Keys of all databases, expired ones included.
    pub fn keys(&self) -> u64 {
        self.databases.iter().map(|totals| totals.keys).sum()
    }
}

impl Traffic {
    fn add(&mut self, other: &Traffic) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.syncs += other.syncs;
        self.closed += other.closed;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.reads += other.reads;
        self.writes += other.writes;
        self.output_limit_closed += other.output_limit_closed;
        self.query_limit_closed += other.query_limit_closed;
        self.evicted += other.evicted;
        self.hops += other.hops;
        self.visits += other.visits;
    }
}

impl ClientTotals {
    fn add(&mut self, other: &ClientTotals) {
        self.connected += other.connected;
        self.blocked += other.blocked;
        self.timed += other.timed;
        self.blocking_keys += other.blocking_keys;
        self.blocking_keys_on_nokey += other.blocking_keys_on_nokey;
        self.input_bytes_max = self.input_bytes_max.max(other.input_bytes_max);
        self.output_bytes_max = self.output_bytes_max.max(other.output_bytes_max);
    }
}

fn add_data(mine: &mut DataStats, other: &DataStats) {
    mine.hits += other.hits;
    mine.misses += other.misses;
    mine.expired_keys += other.expired_keys;
    mine.expired_fields += other.expired_fields;
    mine.changes += other.changes;
    mine.lazyfreed_objects += other.lazyfreed_objects;
}
