//! The loop against data that takes time, frees late or not at all: `expire-evict.md` §12, U012.
#![allow(non_snake_case)]

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::policy::Class;

/// Keys of 100 bytes each and a limit. What is done to them takes time.
struct Data {
    keys: u64,
    limit_keys: u64,
    /// Keys that were evicted and still use their memory.
    pending: u64,
    freeing: Freeing,
    clock: Rc<Cell<u64>>,
    micros_per_key: u64,
    keys_per_piece: u64,
    /// Searches without a result before each one that has one.
    vain_searches: u64,
    searches: u64,
    flushes: u64,
    measured: u64,
}

const MICROS_PER_PIECE: u64 = 100;

/// So many keys where so many are allowed.
fn data(keys: u64, limit_keys: u64) -> Data {
    Data {
        keys,
        limit_keys,
        pending: 0,
        freeing: Freeing::AtOnce,
        clock: Rc::new(Cell::new(5_000)),
        micros_per_key: 1,
        keys_per_piece: 10,
        vain_searches: 0,
        searches: 0,
        flushes: 0,
        measured: 0,
    }
}

const RULES: Rules = Rules {
    decision: Decision::Evict(Class::All),
    tenacity: Tenacity::new(10).expect("10 is a tenacity"),
    freeing: Freeing::AtOnce,
    turn_micros: u64::MAX,
    elsewhere: Elsewhere::Nothing,
};

const LATER: Rules = Rules { freeing: Freeing::Later, ..RULES };

fn tenacity(number: u8) -> Tenacity {
    Tenacity::new(number).expect("at most 100")
}

impl Evictable for Data {
    type Handle = ();

    fn excess(&mut self) -> u64 {
        self.measured += 1;
        (self.keys + self.pending).saturating_sub(self.limit_keys) * 100
    }

    fn choose(&mut self) -> Search<()> {
        self.searches += 1;
        if !self.searches.is_multiple_of(self.vain_searches + 1) {
            return Search::Again;
        }
        if self.keys == 0 { Search::Nothing } else { Search::Victim(()) }
    }

    fn evict(&mut self, (): ()) -> u64 {
        self.clock.set(self.clock.get() + self.micros_per_key);
        self.keys -= 1;
        if self.freeing == Freeing::Later {
            self.pending += 1;
            return 0;
        }
        100
    }

    fn flush_replicas(&mut self) {
        self.flushes += 1;
    }

    fn free_a_piece(&mut self) -> Pending {
        if self.pending == 0 {
            return Pending::Nothing;
        }
        self.clock.set(self.clock.get() + MICROS_PER_PIECE);
        self.pending = self.pending.saturating_sub(self.keys_per_piece);
        Pending::Freed
    }
}

fn perform(rules: &Rules, data: &mut Data) -> Report {
    perform_as(&mut Evictions::default(), rules, data)
}

fn perform_as(evictions: &mut Evictions, rules: &Rules, data: &mut Data) -> Report {
    let clock = data.clock.clone();
    evictions.perform(rules, data, || Monotonic(clock.get()))
}

#[test]
pub(crate) fn FR_P2C_008_U012_results() {
    use Outcome::{Fail, Ok, Running};
    let barren = Rules { decision: Decision::Barren, ..RULES };
    let others = Rules { elsewhere: Elsewhere::Candidates, ..RULES };
    let rows = [
        // keys, limit, rules, outcome, keys evicted, barren
        (10, 10, RULES, Ok, 0, false),
        (15, 10, RULES, Ok, 5, false),
        (15, 10, Rules { decision: Decision::Proceed, ..RULES }, Ok, 0, false),
        (15, 10, Rules { decision: Decision::Refuse, ..RULES }, Fail, 0, false),
        (15, 10, Rules { decision: Decision::Hindered, ..RULES }, Ok, 0, false),
        (10, 10, Rules { decision: Decision::Refuse, ..RULES }, Ok, 0, false),
        (15, 10, barren, Fail, 0, true),
        (15, 10, Rules { elsewhere: Elsewhere::Candidates, ..barren }, Running, 0, true),
        (5_000, 10, RULES, Running, 512, false),
        (5_000, 10, Rules { tenacity: tenacity(0), ..RULES }, Running, 16, false),
        (5_000, 10, Rules { tenacity: tenacity(100), ..RULES }, Ok, 4_990, false),
        (5_000, 10, Rules { turn_micros: 100, ..RULES }, Running, 112, false),
        (5_000, 10, Rules { turn_micros: 100, tenacity: tenacity(100), ..RULES }, Running, 112, false),
        (10, 0, RULES, Ok, 10, false),
        (0, 10, others, Ok, 0, false),
    ];
    for (keys, limit, rules, outcome, evicted, barren) in rows {
        let report = perform(&rules, &mut data(keys, limit));
        assert_eq!(
            (report.outcome, report.keys, report.barren),
            (outcome, evicted, barren),
            "{keys} {limit} {rules:?}"
        );
    }
}

#[test]
pub(crate) fn FR_P2C_008_U012_the_loop_ends_in_time() {
    for number in 0..=20 {
        for micros_per_key in [1, 7, 40] {
            let mut data = Data { micros_per_key, ..data(1_000_000, 0) };
            let rules = Rules { tenacity: tenacity(number), ..RULES };
            let limit = rules.tenacity.limit_micros().expect("below 100 there is a limit");
            let report = perform(&rules, &mut data);
            // Between two readings of the clock are sixteen keys.
            let most = limit + u64::from(CHECK_STEPS) * micros_per_key;
            assert!(report.micros > limit && report.micros <= most, "{number}: {report:?}");
            assert_eq!((report.outcome, report.keys % 16), (Outcome::Running, 0));
            assert_eq!(data.flushes, report.keys / 16, "replicas hear of it every sixteen keys");
        }
    }
}

#[test]
fn FR_P2C_008_U012_lazy_freeing() {
    // Nothing is freed as it is evicted: measuring again every sixteen keys is what ends the loop.
    let mut some = Data { freeing: Freeing::Later, ..data(500, 100) };
    let report = perform(&Rules { tenacity: tenacity(100), ..LATER }, &mut some);
    assert_eq!((report.outcome, report.keys, some.keys, some.pending), (Outcome::Ok, 500, 0, 100));
    // All keys are not enough; what waits to be freed is.
    let mut few = Data { freeing: Freeing::Later, pending: 5, ..data(30, 0) };
    let report = perform(&Rules { tenacity: tenacity(100), ..LATER }, &mut few);
    assert_eq!((report.outcome, few.pending), (Outcome::Ok, 0), "in the end all memory is free");
}

#[test]
pub(crate) fn FR_P2C_008_U012_freeing_that_never_ends() {
    for micros_per_key in [0, 1] {
        let mut data = Data { freeing: Freeing::Later, keys_per_piece: 0, micros_per_key, ..data(50, 10) };
        let report = perform(&LATER, &mut data);
        assert_eq!((report.outcome, report.barren, data.keys), (Outcome::Fail, true, 0));
        assert!(report.micros <= 500 + MICROS_PER_PIECE, "{report:?}");
    }
}

#[test]
fn FR_P2C_008_U012_victims_that_free_nothing() {
    // As if each were gone, or came back, by the time that it was deleted: a million of them do not hold the core.
    let mut data = Data { freeing: Freeing::Later, ..data(1_000_000, 0) };
    let report = perform(&RULES, &mut data);
    assert_eq!((report.outcome, report.keys), (Outcome::Running, 512));
}

#[test]
fn FR_P2C_008_U012_searches_in_vain_are_counted() {
    let mut data = Data { vain_searches: 9, ..data(100, 90) };
    let report = perform(&RULES, &mut data);
    assert_eq!((report.outcome, report.keys, data.searches, data.flushes), (Outcome::Ok, 10, 100, 6));
}

#[test]
pub(crate) fn FR_P2C_008_U012_one_core_without_candidates_does_not_fail() {
    for decision in [Decision::Barren, Decision::Evict(Class::Volatile)] {
        for (elsewhere, outcome) in [(Elsewhere::Candidates, Outcome::Running), (Elsewhere::Nothing, Outcome::Fail)] {
            let mut data = Data { pending: 20, keys_per_piece: 1, ..data(0, 10) };
            let rules = Rules { decision, elsewhere, tenacity: tenacity(0), ..RULES };
            let report = perform(&rules, &mut data);
            assert_eq!((report.outcome, report.barren), (outcome, true), "{decision:?} {elsewhere:?}");
        }
    }
}

#[test]
fn FR_P2C_008_U012_the_timer_ends_when_memory_is_fine() {
    let mut data = data(5_000, 2_000);
    let mut evictions = Evictions::default();
    let mut calls = 0;
    while perform_as(&mut evictions, &RULES, &mut data).outcome == Outcome::Running {
        calls += 1;
    }
    assert_eq!((calls, data.keys, evictions.evicted()), (5, 2_000, 3_000));
    assert_eq!(evictions.exceeded_now(Monotonic(1 << 40)), 0);
}

#[test]
fn FR_P2C_008_U012_time_over_the_limit() {
    let mut some = data(2_000, 1_000);
    let mut evictions = Evictions::default();
    perform_as(&mut evictions, &RULES, &mut some);
    // The first call ends 512 µs after 5000.
    let at = |evictions: &Evictions, now| {
        (evictions.exceeded_now(Monotonic(now)), evictions.exceeded_in_all(Monotonic(now)))
    };
    assert_eq!(at(&evictions, 6_512), (1_000, 1_000));
    evictions.reset_stats();
    assert_eq!((evictions.evicted(), at(&evictions, 6_512)), (0, (1_000, 1_000)), "what is under way goes on");
    some.clock.set(9_000);
    perform_as(&mut evictions, &RULES, &mut some);
    assert_eq!(at(&evictions, 50_000), (0, 9_488 - 5_512));
    // It ends, too, when memory is fine without the loop.
    some.limit_keys = 0;
    perform_as(&mut evictions, &Rules { decision: Decision::Refuse, ..RULES }, &mut some);
    assert!(evictions.exceeded_now(Monotonic(50_000)) > 0);
    perform_as(&mut evictions, &Rules { decision: Decision::Hindered, ..RULES }, &mut some);
    assert!(evictions.exceeded_now(Monotonic(50_000)) > 0, "a pause changes nothing about it");
    perform_as(&mut evictions, &Rules { decision: Decision::Proceed, ..RULES }, &mut some);
    assert_eq!(evictions.exceeded_now(Monotonic(50_000)), 0);
}
