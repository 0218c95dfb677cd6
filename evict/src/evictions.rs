//! The eviction loop of one core: before a command, and from a timer for what is left.
//!
//! C12, `spec/expire-evict.md` §12. A call frees what its core is over, within a time limit. It ends in one of three ways: memory is
//! fine; it is not yet, and the loop goes on from a timer while commands go on; or nothing can be freed, and what needs memory
//! is refused. The outcome does not depend on who calls.
//!
//! What is the data's (`Evictable`): which key, by the policy's choice; deleting it with all that belongs to it (§6); and how much
//! is too much, which is what the core's quota lacks after borrowing.

use crate::barren::Elsewhere;
use crate::decision::Decision;
use crate::faults::{Fault, planted};
use crate::s3fifo::Search;
use crate::tenacity::Tenacity;
use crate::time::Monotonic;

/// Steps after which the loop looks at the clock, has the output of replicas flushed, and measures again.
pub const CHECK_STEPS: u32 = 16;

/// What the loop asks of the data of a core.
pub trait Evictable {
    /// Where a key is.
    type Handle: Copy;

    /// Bytes that this core is over its quota, after borrowing.
    fn excess(&mut self) -> u64;

    /// The next key to evict.
    fn choose(&mut self) -> Search<Self::Handle>;

    /// Evicts a key: removes it, tells of it (`evicted`, WATCH, tracking), logs the deletion and counts it. Returns by how many bytes
    /// the memory that counts fell; with lazy freeing that is little.
    fn evict(&mut self, victim: Self::Handle) -> u64;

    /// Hands what was propagated so far to the replicas' connections.
    fn flush_replicas(&mut self);

    /// Frees a piece of what waits to be freed, for at most 1 ms.
    fn free_a_piece(&mut self) -> Pending;
}

/// Whether something waits to be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing did.
    Nothing,
    /// A piece was freed.
    Freed,
}

/// `lazyfree-lazy-eviction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeing {
    /// A key's memory is freed as it is evicted.
    AtOnce,
    /// It is freed later, in pieces.
    Later,
}

/// The rules of a call.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What the pressure asks for; see [`crate::decision`].
    pub decision: Decision,
    /// `maxmemory-eviction-tenacity`.
    pub tenacity: Tenacity,
    /// `lazyfree-lazy-eviction`.
    pub freeing: Freeing,
    /// What the turn has left for evicting, in microseconds: many commands of a turn evict one after the other.
    pub turn_micros: u64,
    /// Whether other cores have candidates.
    pub elsewhere: Elsewhere,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Memory is fine.
    Ok,
    /// Not yet: the timer has to call again at once. Commands go on, unless the core would overdraw its quota: see
    /// [`crate::quota::Quota::may_overdraw`].
    Running,
    /// It cannot be helped: commands that need memory are refused.
    Fail,
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Keys evicted: the sample of `evicted_keys`.
    pub keys: u64,
    /// How long it took: the sample of the latency event `eviction-cycle`.
    pub micros: u64,
    /// Whether this core has no candidate, which it publishes: see [`crate::barren`].
    pub barren: bool,
}

/// The loop of one core: what it remembers between calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evictions {
    exceeded_since: Option<Monotonic>,
    exceeded_micros: u64,
    evicted: u64,
}

/// Why the loop stopped.
enum Stop {
    /// Enough is freed.
    Freed,
    /// The time is up.
    Time,
    /// There are no candidates.
    NoVictim,
}

impl Evictions {
    /// Evicts until the core is within its quota, or its time is up. `clock` is read only if there is something to do.
    pub fn perform<D: Evictable>(
        &mut self,
        rules: &Rules,
        data: &mut D,
        mut clock: impl FnMut() -> Monotonic,
    ) -> Report {
        let idle = Report { outcome: Outcome::Ok, keys: 0, micros: 0, barren: false };
        if rules.decision == Decision::Hindered {
            return idle;
        }
        let excess = if rules.decision == Decision::Proceed { 0 } else { data.excess() };
        if excess == 0 {
            if self.exceeded_since.is_some() {
                self.note(Outcome::Ok, clock());
            }
            return idle;
        }
        let start = clock();
        if rules.decision == Decision::Refuse {
            self.note(Outcome::Fail, start);
            return Report { outcome: Outcome::Fail, ..idle };
        }
        let tenacity = rules.tenacity.limit_micros().unwrap_or(u64::MAX);
        let limit = tenacity.min(rules.turn_micros);
        let mut keys = 0;
        let mut late = || !planted(Fault::LoopIgnoresLimit) && clock().micros_since(start) > limit;
        let stop = match rules.decision {
            Decision::Barren => Stop::NoVictim,
            _ => run(rules, data, excess, &mut keys, &mut late),
        };
        let outcome = match stop {
            Stop::Freed => Outcome::Ok,
            Stop::Time => Outcome::Running,
            Stop::NoVictim if free_pending(data, &mut late) => Outcome::Ok,
            // Another core has candidates, and evicts its share of what this one wants.
            Stop::NoVictim if rules.elsewhere == Elsewhere::Candidates && !planted(Fault::LonelyFailure) => {
                Outcome::Running
            }
            Stop::NoVictim => Outcome::Fail,
        };
        let end = clock();
        self.evicted += keys;
        self.note(outcome, end);
        Report { outcome, keys, micros: end.micros_since(start), barren: matches!(stop, Stop::NoVictim) }
    }

    /// `evicted_keys`.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// `current_eviction_exceeded_time`, in microseconds: how long the core has been over its quota up to `now`.
    pub fn exceeded_now(&self, now: Monotonic) -> u64 {
        self.exceeded_since.map_or(0, |since| now.micros_since(since))
    }

    /// `total_eviction_exceeded_time`, in microseconds, with the current time.
    pub fn exceeded_in_all(&self, now: Monotonic) -> u64 {
        self.exceeded_micros.saturating_add(self.exceeded_now(now))
    }

    /// `CONFIG RESETSTAT`: zeroes the counters; what is under way goes on.
    pub fn reset_stats(&mut self) {
        *self = Self { exceeded_since: self.exceeded_since, ..Self::default() };
    }

    fn note(&mut self, outcome: Outcome, now: Monotonic) {
        if outcome == Outcome::Ok {
            self.exceeded_micros = self.exceeded_in_all(now);
            self.exceeded_since = None;
        } else {
            self.exceeded_since.get_or_insert(now);
        }
    }
}

/// The loop of §12.2.
fn run<D: Evictable>(
    rules: &Rules,
    data: &mut D,
    excess: u64,
    keys: &mut u64,
    late: &mut impl FnMut() -> bool,
) -> Stop {
    let (mut freed, mut steps) = (0u64, 0u32);
    while freed < excess {
        match data.choose() {
            Search::Victim(victim) => {
                freed = freed.saturating_add(data.evict(victim));
                *keys += 1;
            }
            Search::Again => {}
            Search::Nothing => return Stop::NoVictim,
        }
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(CHECK_STEPS) {
            data.flush_replicas();
            // What was freed later than it was evicted is not in `freed`.
            if rules.freeing == Freeing::Later && data.excess() == 0 {
                return Stop::Freed;
            }
            if late() {
                return Stop::Time;
            }
        }
    }
    Stop::Freed
}

/// The FAIL path of §12.3: nothing is left to evict, but perhaps something to be freed. Whether that was enough.
fn free_pending<D: Evictable>(data: &mut D, late: &mut impl FnMut() -> bool) -> bool {
    loop {
        if data.free_a_piece() == Pending::Nothing {
            return false;
        }
        if data.excess() == 0 {
            return true;
        }
        if late() {
            return false;
        }
    }
}

#[cfg(test)]
#[path = "evictions_tests.rs"]
pub(crate) mod tests;
