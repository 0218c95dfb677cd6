//! The rows of the contract FR-P2C-008, its errors and its reason codes: one table.
//!
//! `spec/expire-evict.md` §1 and §2. Audit events and tests name a broken row by its code.

use audit::contract::Contract;

/// A row of the contract that was found broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireEvictError {
    /// C01.
    ActiveCycleContractViolation,
    /// C02.
    CycleBudgetViolation,
    /// C03.
    SubexpiryCycleViolation,
    /// C04.
    ExpireOptionParseViolation,
    /// C05.
    ExpireCommandSemanticsViolation,
    /// C06.
    TtlObservableContractViolation,
    /// C07.
    PersistContractViolation,
    /// C08.
    ExpireMetadataApiViolation,
    /// C09.
    ExpireLookupGuardViolation,
    /// C10.
    MaxmemoryStateViolation,
    /// C11.
    EvictionPolicySelectionViolation,
    /// C12.
    EvictionLoopContractViolation,
    /// C13.
    EvictionSafetyGateViolation,
    /// C14.
    RuntimeHookOrderViolation,
    /// C15.
    PropagationOrderViolation,
    /// C16.
    HardenedDeviationRejected,
}

use ExpireEvictError as Error;

impl Contract for ExpireEvictError {
    const PACKET: &'static str = "FR-P2C-008";
    const ROWS: &'static [(Self, &'static [&'static str])] = &[
        (Error::ActiveCycleContractViolation, &["expire.active_cycle_contract_violation"]),
        (Error::CycleBudgetViolation, &["expire.fast_slow_budget_violation"]),
        (Error::SubexpiryCycleViolation, &["expire.subexpiry_cycle_contract_violation"]),
        (Error::ExpireOptionParseViolation, &["expire.option_parse_contract_violation"]),
        (
            Error::ExpireCommandSemanticsViolation,
            &["expire.command_semantics_violation", "expire.immediate_delete_rewrite_violation"],
        ),
        (Error::TtlObservableContractViolation, &["expire.ttl_observable_contract_violation"]),
        (Error::PersistContractViolation, &["expire.persist_contract_violation"]),
        (Error::ExpireMetadataApiViolation, &["expire.metadata_api_contract_violation"]),
        (Error::ExpireLookupGuardViolation, &["expire.lookup_guard_contract_violation"]),
        (Error::MaxmemoryStateViolation, &["evict.maxmemory_state_contract_violation"]),
        (Error::EvictionPolicySelectionViolation, &["evict.policy_candidate_selection_violation"]),
        (Error::EvictionLoopContractViolation, &["evict.eviction_loop_contract_violation"]),
        (Error::EvictionSafetyGateViolation, &["evict.safety_gate_contract_violation"]),
        (Error::RuntimeHookOrderViolation, &["expireevict.runtime_hook_order_violation"]),
        (Error::PropagationOrderViolation, &["expireevict.propagation_order_violation"]),
        (
            Error::HardenedDeviationRejected,
            &[
                "expireevict.hardened_nonallowlisted_rejected",
                "expireevict.hardened_policy_violation",
                "expireevict.hardened_budget_exhausted_failclosed",
            ],
        ),
    ];
    const CRITICAL: &'static [u8] = &[5, 9, 12, 16];
}

impl std::fmt::Display for ExpireEvictError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.describe(f)
    }
}

impl std::error::Error for ExpireEvictError {}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;
    use audit::mode::{Hardening, Mode, Rejection};
    use std::collections::HashSet;

    #[test]
    fn FR_P2C_008_U013_one_table_of_reasons() {
        assert_eq!(ExpireEvictError::ROWS.len(), 16);
        let mut codes = HashSet::new();
        for (&(error, own), row) in ExpireEvictError::ROWS.iter().zip(1..) {
            assert_eq!((error.row(), error as u8 + 1), (row, row));
            assert!(own.iter().all(|code| codes.insert(*code)), "{error}: each code once");
            let area = error.code().split('.').next();
            let expected = match row {
                1..=9 => "expire",
                10..=13 => "evict",
                _ => "expireevict",
            };
            assert_eq!(area, Some(expected), "{error}");
        }
        assert_eq!(codes.len(), 19);
        assert_eq!(Error::CycleBudgetViolation.to_string(), "FR-P2C-008 C02: expire.fast_slow_budget_violation");
        let rejections =
            [Rejection::NotListed, Rejection::Strict, Rejection::Exhausted].map(ExpireEvictError::rejection_code);
        assert_eq!(rejections, Error::HardenedDeviationRejected.codes());
    }

    #[test]
    fn FR_P2C_008_HARDENED_U013_drift_on_critical_rows_ends_hardening() {
        for &(error, _) in ExpireEvictError::ROWS {
            let mut hardening = Hardening::new(Mode::Hardened, [1; 3]);
            let expected = if [5, 9, 12, 16].contains(&error.row()) { Mode::Strict } else { Mode::Hardened };
            assert_eq!(hardening.drift(error.criticality()), expected, "{error}");
        }
    }
}
