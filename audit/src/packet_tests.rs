//! The rows of both packets that are about hardened mode: FR-P2C-007 U012 and FR-P2C-008 U013, as far as no packet has a part in it.
//!
//! Each test runs the checks in one mode and writes one line of evidence under `target/evidence/`. What hardened mode must not change is shown
//! by the packets.
#![allow(non_snake_case)]

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::digest::Digest;
use crate::evidence::{Evidence, Shown};
use crate::faults::notices;
use crate::mode::Mode;
use crate::record::Verdict;
use crate::time::UnixMillis;
use crate::{auditor, loss, mode};

/// Checks by name.
type Checks = &'static [(&'static str, fn())];

macro_rules! checks {
    ($($check:path),+ $(,)?) => { &[$((stringify!($check), $check as fn())),+] };
}

const STRICT: Checks = checks![
    mode::tests::FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_nothing_deviates,
    auditor::tests::FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_a_million_refusals_make_one_record,
    auditor::tests::FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_no_defence_is_used,
    loss::tests::FR_P2C_008_U013_FR_P2C_007_U012_the_rule,
];

const HARDENED: Checks = checks![
    mode::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_budgets_are_finite,
    mode::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_only_the_list,
    mode::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_windows_without_budget,
    mode::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_windows_of_wrong_beliefs,
    mode::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_drift_on_a_critical_row,
    auditor::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_evidence_within_the_budget_then_closed,
    auditor::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_the_first_window_is_as_long_as_any,
    auditor::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_exhausted_windows_are_told,
    auditor::tests::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_probable_harm_on_a_critical_row_is_drift,
    loss::tests::FR_P2C_008_U013_FR_P2C_007_U012_the_rule,
];

/// Runs the checks of a mode and writes the line of a row; fails if one of them does.
fn row(row: Evidence<'_>, checks: Checks) {
    let begun = Instant::now();
    let ended = |check: fn()| if notices(check, None) { Verdict::Fail } else { Verdict::Pass };
    let checks: Vec<(&str, Verdict)> = checks.iter().map(|(name, check)| (*name, ended(*check))).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970").as_millis();
    let shown = Shown {
        time: UnixMillis(now as i64),
        millis: begun.elapsed().as_millis() as u64,
        checks: &checks,
        output: Digest::default(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/evidence").join(row.packet);
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    std::fs::write(folder.join(row.file()), row.line(&shown)).expect("a line can be written");
    assert!(checks.iter().all(|(_, verdict)| *verdict == Verdict::Pass), "{}: {checks:?}", row.reason);
}

const CLUSTER: Evidence<'static> = Evidence {
    packet: "FR-P2C-007",
    suite: "fr_cluster_phase2c_packet_007",
    row: "U012",
    mode: Mode::Strict,
    part: "audit",
    seed: 0,
    reason: "cluster.hardened_policy_violation",
};

const EXPIRE_EVICT: Evidence<'static> = Evidence {
    packet: "FR-P2C-008",
    suite: "fr_expire_evict_phase2c_packet_008",
    row: "U013",
    reason: "expireevict.hardened_policy_violation",
    ..CLUSTER
};

#[test]
fn FR_P2C_007_STRICT_U012() {
    row(CLUSTER, STRICT);
}

#[test]
fn FR_P2C_007_HARDENED_U012() {
    row(Evidence { mode: Mode::Hardened, ..CLUSTER }, HARDENED);
}

#[test]
fn FR_P2C_008_STRICT_U013() {
    row(EXPIRE_EVICT, STRICT);
}

#[test]
fn FR_P2C_008_HARDENED_U013() {
    row(Evidence { mode: Mode::Hardened, ..EXPIRE_EVICT }, HARDENED);
}
