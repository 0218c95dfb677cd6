//! What a core measures of itself, and the report made of it.
//!
//! Rates are sampled as Redis samples them: sixteen samples, 100 ms apart, averaged. Clients are looked at once a second. Nothing
//! here is on the path of a command.

use crate::conn::Conn;
use crate::mesh::{CoreId, Mesh};
use crate::pubsub::Kind;
use crate::report::{ClientTotals, CoreReport, ProcessReport, PubsubTotals, Rates, TrackingTotals};
use crate::ring::{Ring, process};
use crate::shard::Shard;

use super::Inner;
use super::holdings::Dear;

/// Samples that a rate is averaged over.
const SAMPLES: usize = 16;

/// Time between two samples, in microseconds.
const SAMPLE_US: u64 = 100_000;

/// Time between two looks at the process's resident memory, in microseconds.
const PROCESS_US: u64 = 1_000_000;

/// Looks at all clients over which the greatest buffers are kept: as many seconds.
const RECENT_LOOKS: usize = 8;

/// The change per second of a counter that grows.
#[derive(Default)]
struct Rate {
    samples: [u64; SAMPLES],
    next: usize,
    counter: u64,
    at_us: u64,
}

impl Rate {
    /// Takes a sample.
    fn sample(&mut self, counter: u64, now_us: u64) {
        let elapsed_us = now_us.saturating_sub(self.at_us).max(1);
        // A counter that was reset in between counts from zero.
        let grown = counter.saturating_sub(self.counter);
        self.samples[self.next] = grown.saturating_mul(1_000_000) / elapsed_us;
        self.next = (self.next + 1) % SAMPLES;
        (self.counter, self.at_us) = (counter, now_us);
    }

    fn average(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

/// What is measured from time to time.
#[derive(Default)]
pub(super) struct Meters {
    ops: Rate,
    bytes_in: Rate,
    bytes_out: Rate,
    turns: Rate,
    turn_ns: Rate,
    sample_next_us: u64,
    /// Greatest input and output buffers of each of the last looks.
    recent: [(u64, u64); RECENT_LOOKS],
    looks: usize,
    /// Bytes of each database's tables when they were last looked at.
    pub(super) table_bytes: Vec<u64>,
    table_next: usize,
    /// What is dear to sum, when it was last looked at.
    pub(super) dear: Dear,
    rss_bytes: u64,
    rss_next_us: u64,
    used_bytes_peak: u64,
}

impl Meters {
    /// Begins a look at all clients.
    pub(super) fn begin_clients(&mut self) {
        self.looks += 1;
        self.recent[self.looks % RECENT_LOOKS] = (0, 0);
    }

    /// Looks at one client.
    pub(super) fn client(&mut self, conn: &Conn) {
        let (input, output) = &mut self.recent[self.looks % RECENT_LOOKS];
        *input = (*input).max(conn.input.capacity() as u64);
        *output = (*output).max((conn.out.capacity() + conn.sending) as u64);
    }

    /// Forgets the rates: CONFIG RESETSTAT.
    pub(super) fn reset_rates(&mut self, now_us: u64) {
        for rate in [&mut self.ops, &mut self.bytes_in, &mut self.bytes_out, &mut self.turns, &mut self.turn_ns] {
            *rate = Rate { at_us: now_us, ..Rate::default() };
        }
    }

    fn rates(&self) -> Rates {
        Rates {
            ops: self.ops.average(),
            bytes_in: self.bytes_in.average(),
            bytes_out: self.bytes_out.average(),
            turns: self.turns.average(),
            turn_ns: self.turn_ns.average(),
        }
    }
}

impl<R: Ring> Inner<R> {
    /// Takes the samples that are due, and publishes.
    pub(super) fn measure(&mut self, mesh: &Mesh<Shard>) {
        let now_us = self.now.monotonic_us;
        let used = self.used_bytes();
        let shard = self.owner.shard();
        let calls = shard.stats.calls();
        let keys = shard.keyspace.databases();
        let keys = (0..keys).filter_map(|n| shard.keyspace.db(n)).map(|db| shard.keyspace.totals(db).keys).sum();
        let published = mesh.published(self.id);
        published.keys.set(keys);
        published.used_bytes.set(used);
        published.commands.set(calls);
        let (traffic, turns, meters) = (&self.cron.traffic, &self.cron.turns.totals, &mut self.cron.meters);
        published.visits.set(traffic.visits);
        published.hops.set(traffic.hops);
        if now_us >= meters.sample_next_us {
            meters.sample_next_us = now_us + SAMPLE_US;
            meters.ops.sample(calls, now_us);
            meters.bytes_in.sample(traffic.bytes_in, now_us);
            meters.bytes_out.sample(traffic.bytes_out, now_us);
            meters.turns.sample(turns.count, now_us);
            meters.turn_ns.sample(turns.ns, now_us);
        }
        if self.id == CoreId(0) {
            let used = (0..mesh.cores()).map(|core| mesh.published(CoreId(core as u16)).used_bytes.get()).sum();
            meters.used_bytes_peak = meters.used_bytes_peak.max(used);
            if now_us >= meters.rss_next_us {
                meters.rss_next_us = now_us + PROCESS_US;
                meters.rss_bytes = process::resident_bytes();
            }
        }
    }

    /// Looks at the tables of the next database that has keys: one per call, as all of them together may take a millisecond.
    pub(super) fn look_at_tables(&mut self) {
        let shard = self.owner.shard();
        if !shard.loans.is_quiet() {
            // What is on loan is looked at another time.
            return;
        }
        let keyspace = &shard.keyspace;
        let meters = &mut self.cron.meters;
        let databases = keyspace.databases();
        meters.table_bytes.resize(databases, 0);
        for _ in 0..databases {
            let number = meters.table_next % databases;
            meters.table_next = number + 1;
            let db = keyspace.db(number).expect("the number is below the number of databases");
            let keys = keyspace.totals(db).keys;
            meters.table_bytes[number] = if keys > 0 { keyspace.table_bytes(db) } else { 0 };
            if keys > 0 {
                break;
            }
        }
    }

    /// This core's report.
    pub(super) fn report(&mut self) -> CoreReport {
        let memory = self.memory();
        let scripts = self.scripts.totals();
        let expiry = self.expiry_totals();
        let (blocking_keys, blocking_keys_on_nokey) = self.owner.shard().listeners.waited_for();
        let meters = &self.cron.meters;
        let recent = meters.recent.iter();
        let clients = ClientTotals {
            connected: self.conns.len() as u64,
            blocked: self.blocked_clients.count() as u64,
            timed: self.blocked_clients.timed() as u64,
            blocking_keys: blocking_keys as u64,
            blocking_keys_on_nokey: blocking_keys_on_nokey as u64,
            input_bytes_max: recent.clone().map(|(input, _)| *input).max().unwrap_or(0),
            output_bytes_max: recent.map(|(_, output)| *output).max().unwrap_or(0),
        };
        let process = (self.id == CoreId(0)).then(|| ProcessReport {
            cpu: process::cpu_of_process(),
            rss_bytes: meters.rss_bytes,
            used_bytes_peak: meters.used_bytes_peak,
            machine_bytes: process::machine().memory_bytes,
            os: process::machine().os.clone(),
        });
        let (rates, traffic, turns) = (meters.rates(), self.cron.traffic, self.cron.turns.totals);
        let tracking_clients = self.conns.iter().filter(|conn| conn.session.tracking.is_some()).count() as u64;
        let listened = |kind| self.directory.len(kind) as u64;
        let pubsub = PubsubTotals {
            channels: listened(Kind::Channel),
            patterns: listened(Kind::Pattern),
            shard_channels: listened(Kind::Shard),
        };
        let table_bytes = meters.table_bytes.clone();
        let slowlog_entries = self.slowlog.len() as u64;
        let shard = self.owner.shard();
        let keyspace = &shard.keyspace;
        let databases = (0..keyspace.databases()).filter_map(|number| keyspace.db(number));
        let tracked = shard.listeners.tracked();
        let tracking = TrackingTotals {
            clients: tracking_clients,
            keys: tracked.keys as u64,
            items: tracked.items as u64,
            prefixes: shard.prefixes.len() as u64,
        };
        CoreReport {
            stats: shard.stats.clone(),
            data: keyspace.stats,
            databases: databases.map(|db| keyspace.totals(db)).collect(),
            table_bytes,
            traffic,
            turns,
            access: self.guard.book.borrow().counters,
            rates,
            clients,
            pubsub,
            tracking,
            expiry,
            evictions: shard.memory.totals(),
            scripts,
            memory,
            cpu: process::cpu_of_thread(),
            lazyfree_pending: keyspace.dropped_keys(),
            loans: shard.loans.depth() as u64,
            slowlog_entries,
            saves: keyspace.is_saving(),
            process,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_average_of_its_samples() {
        let mut rate = Rate::default();
        for n in 1..=4 {
            rate.sample(n * 100, n * SAMPLE_US);
        }
        assert_eq!(rate.average(), 4 * 1000 / 16);
        (5..=40).for_each(|n| rate.sample(n * 100, n * SAMPLE_US));
        assert_eq!(rate.average(), 1000);
        rate.sample(0, 41 * SAMPLE_US);
        assert_eq!(rate.average(), 15 * 1000 / 16, "a counter that was reset did not grow");
    }
}
