//! What a core counts per command: calls, time, refusals, and a latency histogram. Plain numbers, touched by one thread at a time.

use std::collections::BTreeMap;

use keyspace::refusal::error_code;
use scripting::ReplyErrors;

use crate::command::CommandId;

/// Sub-buckets per power of two: values are kept to 1/8, about 6 % at worst.
const SUB_BITS: u32 = 3;

/// Buckets from 1 ns to 2^40 ns (18 minutes); what is longer counts in the last one.
const BUCKETS: usize = (40 - SUB_BITS as usize + 1) << SUB_BITS;

/// Most different error codes that are counted; what a script or a user invents beyond that counts as one.
const ERROR_CODES_MAX: usize = 128;

/// Log-linear histogram of durations in nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: Box::new([0; BUCKETS]) }
    }
}

#[inline]
fn bucket(ns: u64) -> usize {
    let high = 63 - (ns | 1).leading_zeros();
    let index = match high <= SUB_BITS {
        true => ns as usize,
        false => {
            (((high - SUB_BITS + 1) as usize) << SUB_BITS)
                + ((ns >> (high - SUB_BITS)) as usize & ((1 << SUB_BITS) - 1))
        }
    };
    index.min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    let (group, sub) = ((index >> SUB_BITS) as u32, (index & ((1 << SUB_BITS) - 1)) as u64);
    match group {
        0 => sub,
        _ => ((((1 << SUB_BITS) | sub) + 1) << (group - 1)) - 1,
    }
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.counts[bucket(ns)] += 1;
    }

    /// Adds another histogram's counts.
    pub fn add(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(other.counts.iter()).for_each(|(mine, other)| *mine += other);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration in ns that `percent` of all do not exceed; 0 without any.
    pub fn percentile(&self, percent: f64) -> u64 {
        let total = self.count();
        let rank = ((total as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && total > 0 {
                return upper(index);
            }
        }
        0
    }

    /// How many durations do not exceed `ns`, to the histogram's precision.
    pub fn up_to(&self, ns: u64) -> u64 {
        self.counts.iter().enumerate().filter(|(index, _)| upper(*index) <= ns).map(|(_, count)| count).sum()
    }

    /// The longest duration counted, to the histogram's precision.
    pub fn max(&self) -> u64 {
        self.counts.iter().rposition(|&count| count > 0).map_or(0, upper)
    }
}

/// What is counted of one command.
#[derive(Clone, Default)]
pub struct CommandStats {
    /// Times it was carried out.
    pub calls: u64,
    /// Time in its handler, all calls together.
    pub ns: u64,
    /// Times it was refused before its handler ran.
    pub rejected: u64,
    /// Times its handler answered with an error.
    pub failed: u64,
    /// Durations, once it was carried out with `latency-tracking`.
    pub latency: Option<Histogram>,
}

impl CommandStats {
    /// Adds another core's counters, or those of another row of the same command.
    pub fn add(&mut self, other: &CommandStats) {
        self.calls += other.calls;
        self.ns += other.ns;
        self.rejected += other.rejected;
        self.failed += other.failed;
        if let Some(latency) = &other.latency {
            self.latency.get_or_insert_default().add(latency);
        }
    }
}

/// What one core counts of its commands.
#[derive(Clone, Default)]
pub struct Stats {
    commands: Vec<CommandStats>,
    /// Replies by error code.
    pub errors: BTreeMap<Box<str>, u64>,
    /// Error replies in total.
    pub error_replies: u64,
}

impl Stats {
    /// Counters for a table of this many commands.
    pub fn new(commands: usize) -> Self {
        Stats { commands: vec![CommandStats::default(); commands], ..Stats::default() }
    }

    /// Counts one execution.
    #[inline]
    pub fn executed(&mut self, command: CommandId, ns: u64, tracked: bool) {
        let stats = &mut self.commands[command.0 as usize];
        stats.calls += 1;
        stats.ns += ns;
        if tracked {
            stats.latency.get_or_insert_default().record(ns);
        }
    }

    /// Counts an error that a handler answered with.
    #[cold]
    pub fn failed(&mut self, command: CommandId, text: &[u8]) {
        self.commands[command.0 as usize].failed += 1;
        self.error(text);
    }

    /// Counts a refusal before the handler.
    #[cold]
    pub fn rejected(&mut self, command: Option<CommandId>, text: &[u8]) {
        if let Some(command) = command {
            self.commands[command.0 as usize].rejected += 1;
        }
        self.error(text);
    }

    /// Counts the errors in what a script replied: each is one of the command that ran it.
    #[cold]
    pub fn replied(&mut self, command: CommandId, errors: &ReplyErrors) {
        self.commands[command.0 as usize].failed += errors.count();
        errors.uncounted().for_each(|(code, count)| self.coded(code, count));
    }

    fn error(&mut self, text: &[u8]) {
        self.coded(error_code(text), 1);
    }

    /// Counts errors with this code.
    fn coded(&mut self, code: &[u8], times: u64) {
        self.error_replies += times;
        let code = str::from_utf8(code).unwrap_or("ERR");
        if let Some(count) = self.errors.get_mut(code) {
            *count += times;
        } else {
            let code = if self.errors.len() < ERROR_CODES_MAX { code } else { "ERRORSTATS_OVERFLOW" };
            *self.errors.entry(code.into()).or_default() += times;
        }
    }

    /// Counters of one command.
    pub fn command(&self, command: CommandId) -> &CommandStats {
        &self.commands[command.0 as usize]
    }

    /// Commands carried out in total.
    pub fn calls(&self) -> u64 {
        self.commands.iter().map(|stats| stats.calls).sum()
    }

    /// Time that commands took in total, in nanoseconds.
    pub fn ns(&self) -> u64 {
        self.commands.iter().map(|stats| stats.ns).sum()
    }

    /// Forgets the latency histograms of the commands that `chosen` accepts; says of how many.
    pub fn reset_latency(&mut self, chosen: impl Fn(CommandId) -> bool) -> usize {
        let numbered = self.commands.iter_mut().enumerate();
        numbered.filter(|(id, _)| chosen(CommandId(*id as u16))).filter_map(|(_, stats)| stats.latency.take()).count()
    }

    /// Adds another core's counters.
    pub fn add(&mut self, other: &Stats) {
        if self.commands.is_empty() {
            self.commands.resize_with(other.commands.len(), CommandStats::default);
        }
        self.commands.iter_mut().zip(&other.commands).for_each(|(mine, other)| mine.add(other));
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
        self.error_replies += other.error_replies;
    }

    /// Bytes that they hold on the heap. O(commands).
    pub fn heap_bytes(&self) -> usize {
        let histograms = self.commands.iter().filter(|stats| stats.latency.is_some()).count();
        self.commands.capacity() * size_of::<CommandStats>() + histograms * size_of::<[u64; BUCKETS]>()
    }

    /// Sets everything to zero.
    pub fn reset(&mut self) {
        *self = Stats::new(self.commands.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_bound_their_values() {
        for ns in (0..4096).chain([1 << 20, (1 << 20) + 12345, (1 << 39) + 7]) {
            let index = bucket(ns);
            let below = if index == 0 { None } else { Some(upper(index - 1)) };
            assert!(ns <= upper(index) && below.is_none_or(|below| below < ns), "{ns} in {index}");
            assert!(upper(index) - ns <= ns / 8 + 1, "{ns} is kept as {}", upper(index));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_follow_the_values() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|n| histogram.record(n * 1000));
        for (percent, exact) in [(50.0, 500_000.0), (99.0, 990_000.0), (100.0, 1_000_000.0)] {
            let value = histogram.percentile(percent) as f64;
            assert!((value / exact - 1.0).abs() < 0.13, "p{percent} is {value}");
        }
        assert_eq!((histogram.count(), Histogram::default().percentile(50.0)), (1000, 0));
    }
}
