//! The latency monitor of one core: commands that took at least `latency-monitor-threshold` milliseconds, one sample per second.
//!
//! Each core samples what it carries out; LATENCY puts the samples of all cores together with [`merge`]. The histograms of
//! LATENCY HISTOGRAM are something else: they count every command and stand in `stats`.

use keyspace::args::Args;

use crate::ring::clock::{ticks, ticks_to_ns};

/// The most samples that an event keeps, on a core and in a reply: as many as the seconds in which it last happened.
pub const SAMPLES_MAX: usize = 160;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A command that may be slow.
    Command,
    /// A command that is flagged as fast.
    FastCommand,
    /// A call of the active-expire cycle.
    ExpireCycle,
    /// A call of the eviction loop.
    EvictionCycle,
    /// The removal of a key by the active-expire cycle. What a command finds expired counts with the command.
    ExpireDel,
    /// The removal of a key by the eviction loop.
    EvictDel,
    /// The freeing of what was dropped before, once nothing is left to evict.
    EvictionLazyfree,
}

impl EventKind {
    /// Its name in LATENCY.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Command => "command",
            EventKind::FastCommand => "fast-command",
            EventKind::ExpireCycle => "expire-cycle",
            EventKind::EvictionCycle => "eviction-cycle",
            EventKind::ExpireDel => "expire-del",
            EventKind::EvictDel => "evict-del",
            EventKind::EvictionLazyfree => "eviction-lazyfree",
        }
    }
}

/// How long steps of the core's own work take. Nothing is timed while nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    is_on: bool,
    /// The longest step in microseconds, if any was timed.
    pub longest: Option<u64>,
    /// All steps together, likewise.
    pub total: Option<u64>,
}

impl Timing {
    /// What times nothing.
    pub const OFF: Timing = Timing { is_on: false, longest: None, total: None };

    /// What times steps.
    pub const ON: Timing = Timing { is_on: true, longest: None, total: None };

    /// Whether it times steps.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Does a step.
    #[inline]
    pub fn time<T>(&mut self, step: impl FnOnce() -> T) -> T {
        if !self.is_on {
            return step();
        }
        let begun = ticks();
        let result = step();
        let micros = ticks_to_ns(ticks().wrapping_sub(begun)) / 1000;
        self.longest = self.longest.max(Some(micros));
        self.total = Some(self.total.unwrap_or(0).saturating_add(micros));
        result
    }
}

/// The longest duration within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The second, since the Unix epoch.
    pub at: i64,
    /// Milliseconds.
    pub ms: u64,
}

/// One kind of event with its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Oldest first, at most [`SAMPLES_MAX`], one per second.
    pub samples: Vec<Sample>,
    /// The longest duration since the event was last reset, in milliseconds.
    pub ms_max: u64,
}

impl Event {
    fn add(&mut self, sample: Sample) {
        self.ms_max = self.ms_max.max(sample.ms);
        match self.samples.last_mut() {
            Some(last) if last.at == sample.at => last.ms = last.ms.max(sample.ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.remove(0);
                }
                self.samples.push(sample);
            }
        }
    }
}

/// The events of one core.
#[derive(Default)]
pub struct LatencyMonitor {
    events: Vec<Event>,
}

impl LatencyMonitor {
    /// Takes a sample. `at` is in seconds and does not go back.
    pub fn record(&mut self, kind: EventKind, at: i64, ms: u64) {
        let place = self.events.iter().position(|event| event.kind == kind).unwrap_or_else(|| {
            self.events.push(Event { kind, samples: Vec::new(), ms_max: 0 });
            self.events.len() - 1
        });
        self.events[place].add(Sample { at, ms });
    }

    /// What happened so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Forgets the events with these names, or all if there is no name. Returns what it forgot.
    pub fn forget(&mut self, names: Args) -> Vec<Event> {
        let named =
            |event: &mut Event| names.is_empty() || names.iter().any(|name| name == event.kind.name().as_bytes());
        self.events.extract_if(.., named).collect()
    }
}

/// Puts the events of several cores together: one event per kind, one sample per second, the newest ones.
pub fn merge(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events: Vec<Event> = events.into_iter().collect();
    events.sort_by_key(|event| event.kind);
    let by_kind = events.chunk_by(|a, b| a.kind == b.kind);
    let merged = by_kind.map(|group| {
        let mut samples: Vec<Sample> = group.iter().flat_map(|event| event.samples.iter().copied()).collect();
        samples.sort_by_key(|sample| sample.at);
        let mut merged = Event { kind: group[0].kind, samples: Vec::new(), ms_max: 0 };
        samples.into_iter().for_each(|sample| merged.add(sample));
        merged.ms_max = group.iter().map(|event| event.ms_max).max().unwrap_or(0);
        merged
    });
    merged.collect()
}

#[cfg(test)]
mod tests {
    use keyspace::args::OwnedArgs;

    use super::*;

    fn of(samples: &[(i64, u64)]) -> LatencyMonitor {
        let mut monitor = LatencyMonitor::default();
        samples.iter().for_each(|&(at, ms)| monitor.record(EventKind::Command, at, ms));
        monitor
    }

    fn pairs(event: &Event) -> Vec<(i64, u64)> {
        event.samples.iter().map(|sample| (sample.at, sample.ms)).collect()
    }

    #[test]
    fn a_second_keeps_its_longest() {
        let monitor = of(&[(5, 3), (5, 9), (5, 4), (6, 1)]);
        assert_eq!(pairs(&monitor.events()[0]), [(5, 9), (6, 1)]);
        assert_eq!(monitor.events()[0].ms_max, 9);
    }

    #[test]
    fn the_oldest_samples_go_but_the_maximum_stays() {
        let seconds: Vec<(i64, u64)> = (0..SAMPLES_MAX as i64 + 10).map(|at| (at, 1000 - at as u64)).collect();
        let monitor = of(&seconds);
        assert_eq!(pairs(&monitor.events()[0]), seconds[10..]);
        assert_eq!(monitor.events()[0].ms_max, 1000);
    }

    #[test]
    fn cores_are_merged_by_second() {
        let mut other = of(&[(2, 7), (3, 1)]);
        other.record(EventKind::FastCommand, 3, 2);
        let cores = [of(&[(1, 5), (2, 6), (4, 1)]), other];
        let merged = merge(cores.iter().flat_map(|core| core.events().to_vec()));
        assert_eq!(merged.len(), 2);
        assert_eq!((pairs(&merged[0]), merged[0].ms_max), (vec![(1, 5), (2, 7), (3, 1), (4, 1)], 7));
        assert_eq!(pairs(&merged[1]), [(3, 2)]);
    }

    #[test]
    fn forgetting_by_name() {
        let mut monitor = of(&[(1, 1)]);
        monitor.record(EventKind::FastCommand, 1, 1);
        let names = |names: &[&str]| OwnedArgs::from_iter(names);
        assert!(monitor.forget(names(&["nothing", "COMMAND"]).args()).is_empty());
        assert_eq!(monitor.forget(names(&["command", "x"]).args()).len(), 1);
        assert_eq!(monitor.forget(names(&[]).args()).len(), 1);
        assert!(monitor.events().is_empty());
    }
}
