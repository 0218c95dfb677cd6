//! The adversarial suite: every fault of `faults.rs` is planted in turn, and a check of the catalogue notices it.
//!
//! Each row says which threat of `expire-evict.md` §2 the fault serves, which check has to notice, what kind of sign that is, and what
//! state the contract is in. From the same rows comes the calibration of the expected-loss decision (`packets.md`): with the
//! fault there is the sign, as the check noticed; without it there is none.
#![allow(non_snake_case)]

use audit::loss::{Beliefs, Calibration, Listed, Sign, State, choose};

use crate::cycle::tests as cycle;
use crate::deadline::tests as deadline;
use crate::decision::tests as decision;
use crate::evictions::tests as evictions;
use crate::faults::{Fault, notices};
use crate::fields::tests as fields;
use crate::gate::tests as gate;
use crate::machine_tests as machine;
use crate::oom::tests as oom;
use crate::options::tests as options;
use crate::order::tests as order;
use crate::pool::tests as pool;
use crate::pressure::tests as pressure;
use crate::quota::tests as quota;
use crate::s3fifo::tests as s3fifo;
use crate::safety::tests as safety;
use crate::victim::tests as victim;

/// Threat, fault, check, sign and state.
type Row = (&'static str, Fault, fn(), Sign, State);

const ROWS: &[Row] = &[
    (
        "T01",
        Fault::CycleStarvesDatabases,
        cycle::FR_P2C_008_U002_every_database_has_its_turn,
        Sign::Order,
        State::Unsafe,
    ),
    (
        "T01",
        Fault::CycleIgnoresLimit,
        cycle::FR_P2C_008_U002_a_million_keys_of_one_millisecond,
        Sign::Accounting,
        State::Unsafe,
    ),
    (
        "T01",
        Fault::CycleCapNotCounted,
        cycle::FR_P2C_008_U002_a_million_keys_of_one_millisecond,
        Sign::Metadata,
        State::Recoverable,
    ),
    (
        "T01",
        Fault::FieldQuotaIgnored,
        cycle::FR_P2C_008_U003_fields_have_a_quota_and_take_turns_with_keys,
        Sign::Accounting,
        State::Unsafe,
    ),
    (
        "T01",
        Fault::FieldQuotaIgnored,
        fields::FR_P2C_008_U003_factor_follows_the_backlog,
        Sign::Accounting,
        State::Unsafe,
    ),
    (
        "T02",
        Fault::OptionConflictAccepted,
        options::FR_P2C_008_U004_all_sets_of_options,
        Sign::Parser,
        State::Recoverable,
    ),
    ("T02", Fault::GreaterAcceptsEqual, options::FR_P2C_008_U004_truth_table, Sign::Gate, State::Unsafe),
    ("T03", Fault::PastBorderOff, deadline::FR_P2C_008_U005_past_deadlines, Sign::Gate, State::Unsafe),
    ("T03", Fault::ExpireTimeWraps, deadline::FR_P2C_008_U005_overflow_table, Sign::Parser, State::Recoverable),
    (
        "T05",
        Fault::AccessBorderOff,
        gate::FR_P2C_008_U009_valid_in_any_case_while_loading_or_live,
        Sign::Gate,
        State::Unsafe,
    ),
    ("T05", Fault::ReplicaDeletes, gate::FR_P2C_008_U009_expired_keys, Sign::Gate, State::Unsafe),
    ("T05", Fault::PauseIgnoredByGate, gate::FR_P2C_008_U009_expired_keys, Sign::Gate, State::Unsafe),
    ("T06", Fault::BuffersCounted, pressure::FR_P2C_008_U010_what_counts, Sign::Accounting, State::Unsafe),
    ("T06", Fault::BuffersCounted, pressure::FR_P2C_008_U010_pressure, Sign::Accounting, State::Unsafe),
    ("T06", Fault::QuotaOvershoots, quota::FR_P2C_008_U010_quotas_in_any_order, Sign::Accounting, State::Unsafe),
    ("T06", Fault::QuotaLost, quota::FR_P2C_008_U010_quotas_in_any_order, Sign::Accounting, State::Unsafe),
    (
        "T06",
        Fault::QuotaNotWanted,
        quota::FR_P2C_008_U012_a_core_with_nothing_to_evict_is_given_quota,
        Sign::Eviction,
        State::Unsafe,
    ),
    (
        "T06",
        Fault::WantMetTwice,
        quota::FR_P2C_008_U012_what_is_wanted_is_evicted_once,
        Sign::Accounting,
        State::Unsafe,
    ),
    ("T07", Fault::PoolKeepsWorst, pool::FR_P2C_008_U011_pool_as_a_sorted_list, Sign::Eviction, State::Unsafe),
    ("T07", Fault::ClassIgnored, victim::FR_P2C_008_U011_no_key_outside_the_class, Sign::Eviction, State::Unsafe),
    (
        "T07",
        Fault::DecayWraps,
        victim::FR_P2C_008_U011_the_counter_of_a_key_long_unused_is_zero,
        Sign::Metadata,
        State::Recoverable,
    ),
    (
        "T07",
        Fault::RandomStaysInDatabase,
        victim::FR_P2C_008_U011_random_is_fair_over_databases_and_keys,
        Sign::Eviction,
        State::Unsafe,
    ),
    ("T07", Fault::ScoreReversed, victim::FR_P2C_008_U011_takes_what_the_policy_means, Sign::Eviction, State::Unsafe),
    ("T07", Fault::SmallPromotesUnused, s3fifo::FR_P2C_008_U011_s3fifo_golden_order, Sign::Eviction, State::Unsafe),
    ("T08", Fault::LoopIgnoresLimit, evictions::FR_P2C_008_U012_the_loop_ends_in_time, Sign::Eviction, State::Unsafe),
    (
        "T08",
        Fault::LonelyFailure,
        evictions::FR_P2C_008_U012_one_core_without_candidates_does_not_fail,
        Sign::Eviction,
        State::Unsafe,
    ),
    (
        "T08",
        Fault::MemoNotInvalidated,
        decision::FR_P2C_008_U012_the_memo_answers_as_the_plain_decision,
        Sign::Accounting,
        State::Unsafe,
    ),
    (
        "T09",
        Fault::MasterLinkEvicts,
        safety::FR_P2C_008_U013_each_circumstance_alone_and_together,
        Sign::Eviction,
        State::Unsafe,
    ),
    (
        "T09",
        Fault::CycleIgnoresPause,
        cycle::FR_P2C_008_U013_a_pause_between_slices_ends_the_call,
        Sign::Gate,
        State::Unsafe,
    ),
    ("T10", Fault::ExecNotAsked, oom::FR_P2C_008_U014_who_is_refused, Sign::Order, State::Unsafe),
    ("T10", Fault::OrderNotChecked, order::FR_P2C_008_U012_what_is_out_of_order_is_found, Sign::Order, State::Unsafe),
    ("T01", Fault::CycleIgnoresPause, machine::FR_P2C_008_U012_a_machine_of_several_cores, Sign::Gate, State::Unsafe),
    (
        "T06",
        Fault::QuotaOvershoots,
        machine::FR_P2C_008_U012_a_machine_of_several_cores,
        Sign::Accounting,
        State::Unsafe,
    ),
];

#[test]
fn FR_P2C_008_adversarial_every_fault_is_noticed() {
    let mut calibration = Calibration::default();
    for &(threat, fault, check, sign, truth) in ROWS {
        assert!(!notices(check, None), "{threat} {fault:?}: the check fails without the fault");
        assert!(notices(check, Some(fault)), "{threat} {fault:?} goes unnoticed");
        for (signs, truth) in [(&[sign][..], truth), (&[], State::Preserved)] {
            let beliefs = Beliefs::after(signs);
            calibration.add(&beliefs, choose(&beliefs, Listed::Yes), truth);
        }
    }
    let (brier, missed) = (calibration.brier(), calibration.missed());
    assert!(calibration.holds(), "Brier {brier}, missed {missed}");
}

#[test]
fn FR_P2C_008_adversarial_all_faults_and_threats_have_a_row() {
    for fault in Fault::ALL {
        assert!(ROWS.iter().any(|row| row.1 == *fault), "{fault:?} is never planted");
    }
    assert!(Fault::ALL.len() >= 20);
    // T04 is about what commands answer; its checks stand with the commands. T11 is of the crate `audit`.
    for threat in (1..=10).filter(|&threat| threat != 4) {
        let name = format!("T{threat:02}");
        assert!(ROWS.iter().any(|row| row.0 == name), "no fault for {name}");
    }
}
