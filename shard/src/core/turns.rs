//! How long the turns of a core take: by the clock, and in processor time.
//!
//! By the clock, whoever else had the CPU is in it. Processor time is what the core itself took, but its clock costs a system call. So
//! that is read at the ends of turns that are [`SPAN_NS`] apart or more: between two readings lie turns that end before the span does,
//! and one more. A long turn is therefore found with at most a span of others before it, and only a busy core pays, some 0.1 %.

use crate::report::TurnTotals;
use crate::ring::clock::{thread_cpu_ns, ticks, ticks_to_ns};

/// Time between two readings of the thread's processor time, in nanoseconds: what the longest turn may be overstated by.
const SPAN_NS: u64 = 250_000;

/// The turns of a core.
#[derive(Default)]
pub(super) struct Turns {
    /// Since the counters were reset.
    pub(super) totals: TurnTotals,
    /// The last reading; none before the first turn.
    read: Option<Reading>,
}

/// The thread's processor time at some tick.
struct Reading {
    at: u64,
    cpu_ns: u64,
}

impl Turns {
    /// Counts a turn that began at this tick and ends now.
    pub(super) fn end(&mut self, begun: u64) {
        let now = ticks();
        self.totals.note(ticks_to_ns(now.wrapping_sub(begun)));
        if self.read.as_ref().is_none_or(|read| ticks_to_ns(now.wrapping_sub(read.at)) >= SPAN_NS) {
            self.note_cpu(now, thread_cpu_ns());
        }
    }

    fn note_cpu(&mut self, at: u64, cpu_ns: u64) {
        if let Some(before) = self.read.replace(Reading { at, cpu_ns }) {
            self.totals.note_cpu(cpu_ns.saturating_sub(before.cpu_ns));
        }
    }

    /// Sets the counters to zero.
    pub(super) fn reset(&mut self) {
        self.totals = TurnTotals::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_span_of_processor_time_counts_and_what_was_before_the_first_does_not() {
        let mut turns = Turns::default();
        for (at, cpu_ns) in [(0, 5_000_000), (1, 5_300_000), (2, 9_300_000), (3, 9_600_000)] {
            turns.note_cpu(at, cpu_ns);
        }
        assert_eq!(turns.totals.longest_cpu_ns, 4_000_000);
        turns.reset();
        turns.note_cpu(4, 9_900_000);
        assert_eq!(turns.totals.longest_cpu_ns, 300_000, "a reset forgets the figure, not the reading");
    }

    #[test]
    fn a_turn_that_works_is_told_from_one_that_waits() {
        let mut turns = Turns::default();
        turns.end(ticks());
        let begun = ticks();
        let cpu_ns = thread_cpu_ns();
        while thread_cpu_ns() - cpu_ns < 3_000_000 {
            std::hint::spin_loop();
        }
        turns.end(begun);
        let TurnTotals { longest_ns, longest_cpu_ns, .. } = turns.totals;
        assert!(longest_cpu_ns >= 3_000_000, "{longest_cpu_ns}");
        assert!(longest_ns >= 2_900_000, "{longest_ns}");
    }
}
