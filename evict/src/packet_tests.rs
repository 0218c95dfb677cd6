//! The rows of FR-P2C-008 that pure decisions can show, in both modes: `expire-evict.md` §18.
//!
//! Each test runs the checks of one row and writes one line of evidence under `target/evidence/`. What a row needs beside decisions
//! (commands, data, sockets) is tested where that is.
#![allow(non_snake_case)]

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use audit::contract::Contract;
use audit::digest::Digest;
use audit::evidence::{Evidence, Shown};
use audit::mode::Mode;
use audit::record::Verdict;

use crate::evictions::Outcome;
use crate::faults::notices;
use crate::gate::{Caller, DataSet, Expiry, GateContext, GateFlags, Role, gate};
use crate::oom::{Need, Subject, refused};
use crate::policy::{Policy, score};
use crate::pressure::Pressure;
use crate::reason::ExpireEvictError as Error;
use crate::safety::Hindrances;
use crate::time::UnixMillis;
use crate::{
    access, cycle, deadline, decision, evictions, fields, gate, hooks, oom, options, order, pool, pressure, quota,
    s3fifo, safety, victim,
};

const SUITE: &str = "fr_expire_evict_phase2c_packet_008";

/// The checks of a row, by name.
type Checks = &'static [(&'static str, fn())];

/// Runs the checks of a row and writes its line; fails if one of them does.
fn row(id: &str, error: Error, mode: Mode, checks: Checks) {
    let begun = Instant::now();
    let ended = |check: fn()| if notices(check, None) { Verdict::Fail } else { Verdict::Pass };
    let checks: Vec<(&str, Verdict)> = checks.iter().map(|(name, check)| (*name, ended(*check))).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970").as_millis();
    let evidence = Evidence {
        packet: Error::PACKET,
        suite: SUITE,
        row: id,
        mode,
        part: "evict",
        seed: SEED,
        reason: error.code(),
    };
    let shown = Shown {
        time: UnixMillis(now as i64),
        millis: begun.elapsed().as_millis() as u64,
        checks: &checks,
        output: decisions(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/evidence").join(Error::PACKET);
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    std::fs::write(folder.join(evidence.file()), evidence.line(&shown)).expect("a line can be written");
    assert!(checks.iter().all(|(_, verdict)| *verdict == Verdict::Pass), "{error}: {checks:?}");
}

const SEED: u64 = 8;

/// A sum over many decisions at random questions. No decision of this crate is told the mode.
fn decisions() -> Digest {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let policies: Vec<Policy> = Policy::all().collect();
    let mut sum = Digest::default();
    for _ in 0..5_000 {
        let (now, when) = (UnixMillis(rng.i64(0..100)), rng.bool().then(|| UnixMillis(rng.i64(0..100))));
        let context = GateContext {
            now,
            role: [Role::Master, Role::Replica][rng.usize(..2)],
            caller: [Caller::Client, Caller::MasterLink, Caller::Nested][rng.usize(..3)],
            data_set: DataSet::Ready,
            expiry: [Expiry::Running, Expiry::Paused][rng.usize(..2)],
        };
        let policy = policies[rng.usize(..policies.len())];
        let question = decision::Question {
            pressure: Pressure::of(rng.u64(..20), rng.u64(..20), Default::default).into(),
            hindrances: [Hindrances::NONE, Hindrances::LOADING][rng.usize(..2)],
            ttl: decision::TtlBucket::of(rng.u64(..2), rng.u64(..2)),
        };
        let outcome = [Outcome::Ok, Outcome::Running, Outcome::Fail][rng.usize(..3)];
        let bits = access::AccessBits::new(rng.u32(..));
        let all = (
            gate(&context, when, GateFlags::NONE),
            decision::decide(policy, question),
            refused(outcome, Subject::Exec([Need::Memory, Need::Nothing][rng.usize(..2)])),
            score(policy.ranking(), bits, when, now, access::LfuSettings::default()),
        );
        sum = sum.and(format!("{all:?}").as_bytes());
    }
    sum
}

audit::rows! {
    FR_P2C_008_STRICT_U001 FR_P2C_008_HARDENED_U001 "U001" ActiveCycleContractViolation [
        cycle::tests::FR_P2C_008_U001_fields_and_keys_that_expire_together_go_once,
        cycle::tests::FR_P2C_008_U002_a_million_keys_of_one_millisecond,
    ]
    FR_P2C_008_STRICT_U002 FR_P2C_008_HARDENED_U002 "U002" CycleBudgetViolation [
        cycle::tests::FR_P2C_008_U002_golden_trace_of_one_call,
        cycle::tests::FR_P2C_008_U002_golden_trace_of_all_efforts,
        cycle::tests::FR_P2C_008_U002_a_million_keys_of_one_millisecond,
        cycle::tests::FR_P2C_008_U002_every_database_has_its_turn,
        cycle::tests::FR_P2C_008_U002_a_database_without_end_starves_no_other,
        cycle::tests::FR_P2C_008_U002_clock_jumps,
        cycle::tests::FR_P2C_008_U002_when_a_fast_call_begins,
        cycle::tests::FR_P2C_008_U002_fast_calls_have_their_own_limit_and_keep_to_the_share,
    ]
    FR_P2C_008_STRICT_U003 FR_P2C_008_HARDENED_U003 "U003" SubexpiryCycleViolation [
        cycle::tests::FR_P2C_008_U003_fields_have_a_quota_and_take_turns_with_keys,
        fields::tests::FR_P2C_008_U003_factor_follows_the_backlog,
    ]
    FR_P2C_008_STRICT_U004 FR_P2C_008_HARDENED_U004 "U004" ExpireOptionParseViolation [
        options::tests::FR_P2C_008_U004_all_sets_of_options,
        options::tests::FR_P2C_008_U004_unknown_words_come_first,
        options::tests::FR_P2C_008_U004_truth_table,
    ]
    FR_P2C_008_STRICT_U005 FR_P2C_008_HARDENED_U005 "U005" ExpireCommandSemanticsViolation [
        deadline::tests::FR_P2C_008_U005_overflow_table,
        deadline::tests::FR_P2C_008_U005_past_deadlines,
        deadline::tests::FR_P2C_008_U005_deadlines_of_fields,
    ]
    FR_P2C_008_STRICT_U006 FR_P2C_008_HARDENED_U006 "U006" TtlObservableContractViolation [
        deadline::tests::FR_P2C_008_U006_rounding,
    ]
    FR_P2C_008_STRICT_U009 FR_P2C_008_HARDENED_U009 "U009" ExpireLookupGuardViolation [
        gate::tests::FR_P2C_008_U009_expired_keys,
        gate::tests::FR_P2C_008_U009_valid_in_any_case_while_loading_or_live,
        gate::tests::FR_P2C_008_U009_borders_differ_at_the_deadline_only,
    ]
    FR_P2C_008_STRICT_U010 FR_P2C_008_HARDENED_U010 "U010" MaxmemoryStateViolation [
        pressure::tests::FR_P2C_008_U010_what_counts,
        pressure::tests::FR_P2C_008_U010_pressure,
        pressure::tests::FR_P2C_008_U010_slow_replicas_do_not_empty_the_data_set,
        quota::tests::FR_P2C_008_U010_quotas_in_any_order,
    ]
    FR_P2C_008_STRICT_U011 FR_P2C_008_HARDENED_U011 "U011" EvictionPolicySelectionViolation [
        pool::tests::FR_P2C_008_U011_pool_as_a_sorted_list,
        victim::tests::FR_P2C_008_U011_no_key_outside_the_class,
        victim::tests::FR_P2C_008_U011_takes_what_the_policy_means,
        victim::tests::FR_P2C_008_U011_random_is_fair_over_databases_and_keys,
        victim::tests::FR_P2C_008_U011_the_counter_of_a_key_long_unused_is_zero,
        s3fifo::tests::FR_P2C_008_U011_s3fifo_golden_order,
        s3fifo::tests::FR_P2C_008_U011_s3fifo_hits_more_than_lru,
    ]
    FR_P2C_008_STRICT_U012 FR_P2C_008_HARDENED_U012 "U012" EvictionLoopContractViolation [
        evictions::tests::FR_P2C_008_U012_results,
        evictions::tests::FR_P2C_008_U012_the_loop_ends_in_time,
        evictions::tests::FR_P2C_008_U012_freeing_that_never_ends,
        evictions::tests::FR_P2C_008_U012_one_core_without_candidates_does_not_fail,
        decision::tests::FR_P2C_008_U012_the_memo_answers_as_the_plain_decision,
        quota::tests::FR_P2C_008_U012_a_core_with_nothing_to_evict_is_given_quota,
        order::tests::FR_P2C_008_U012_what_is_out_of_order_is_found,
    ]
    FR_P2C_008_STRICT_U013 FR_P2C_008_HARDENED_U013 "U013" EvictionSafetyGateViolation [
        safety::tests::FR_P2C_008_U013_each_circumstance_alone_and_together,
        cycle::tests::FR_P2C_008_U013_a_pause_between_slices_ends_the_call,
    ]
    FR_P2C_008_STRICT_U014 FR_P2C_008_HARDENED_U014 "U014" RuntimeHookOrderViolation [
        hooks::tests::FR_P2C_008_U014_lists_are_orders,
        hooks::tests::FR_P2C_008_U014_what_the_contract_hangs_on,
        oom::tests::FR_P2C_008_U014_who_is_refused,
    ]
}
