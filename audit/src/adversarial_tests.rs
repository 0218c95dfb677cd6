//! The adversarial suite of what all packets use: every fault is planted in turn, and a check notices it.
//!
//! Each row says what kind of sign the check is, and what state the contract is in. From the same rows comes a calibration of the expected-loss
//! decision: with the fault there is the sign, without it there is none. The packets calibrate it with suites of their own.
#![allow(non_snake_case)]

use crate::auditor::tests as auditor;
use crate::faults::{Fault, notices};
use crate::loss::tests as loss;
use crate::loss::{Beliefs, Calibration, Listed, Sign, State, choose};
use crate::mode::tests as mode;

/// Fault, check, sign and state.
type Row = (Fault, fn(), Sign, State);

const ROWS: &[Row] = &[
    (
        Fault::BudgetNeverSpent,
        mode::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_budgets_are_finite,
        Sign::Metadata,
        State::Recoverable,
    ),
    (
        Fault::AllowListIgnored,
        mode::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_only_the_list,
        Sign::Order,
        State::Unsafe,
    ),
    (
        Fault::DriftIgnored,
        mode::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_drift_on_a_critical_row,
        Sign::Order,
        State::Unsafe,
    ),
    (
        Fault::DriftIgnored,
        auditor::FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_probable_harm_on_a_critical_row_is_drift,
        Sign::Order,
        State::Unsafe,
    ),
    (Fault::UnsafeGoesOn, loss::FR_P2C_008_U013_FR_P2C_007_U012_the_rule, Sign::Order, State::Unsafe),
];

#[test]
fn FR_P2C_008_FR_P2C_007_adversarial_every_fault_is_noticed() {
    let mut calibration = Calibration::default();
    for &(fault, check, sign, truth) in ROWS {
        assert!(!notices(check, None), "{fault:?}: the check fails without the fault");
        assert!(notices(check, Some(fault)), "{fault:?} goes unnoticed");
        for (signs, truth) in [(&[sign][..], truth), (&[], State::Preserved)] {
            let beliefs = Beliefs::after(signs);
            calibration.add(&beliefs, choose(&beliefs, Listed::Yes), truth);
        }
    }
    assert!(calibration.holds(), "Brier {}, missed {}", calibration.brier(), calibration.missed());
    for fault in Fault::ALL {
        assert!(ROWS.iter().any(|row| row.0 == *fault), "{fault:?} is never planted");
    }
}
