//! The rows of the contract FR-P2C-008, its errors and its reason codes: one table.
//!
//! `spec/expire-evict.md` §1 and §2. Audit events and tests name a broken row by its code.

use crate::mode::{Criticality, Rejection};

/// The packet's name in log records.
pub const PACKET: &str = "FR-P2C-008";

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

/// The reason codes of each error, in the order of the contract's rows. The first is the row's own.
const TABLE: [(Error, &[&str]); 16] = [
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

/// Rows on which drift ends hardening.
const CRITICAL: [u8; 4] = [5, 9, 12, 16];

impl ExpireEvictError {
    /// All of them, in the order of their rows.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The number of its row: 5 for C05.
    pub const fn row(self) -> u8 {
        self as u8 + 1
    }

    /// Its reason codes.
    pub const fn codes(self) -> &'static [&'static str] {
        TABLE[self as usize].1
    }

    /// The reason code of the row itself.
    pub const fn code(self) -> &'static str {
        self.codes()[0]
    }

    /// Whether drift on its row ends hardening.
    pub fn criticality(self) -> Criticality {
        if CRITICAL.contains(&self.row()) { Criticality::Critical } else { Criticality::Ordinary }
    }
}

/// The reason code of C05 when a deadline that is past was not turned into a deletion.
pub const IMMEDIATE_DELETE: &str = Error::ExpireCommandSemanticsViolation.codes()[1];

/// The reason code of a deviation that was rejected.
pub const fn rejection_code(rejection: Rejection) -> &'static str {
    let codes = Error::HardenedDeviationRejected.codes();
    match rejection {
        Rejection::NotListed => codes[0],
        Rejection::Strict => codes[1],
        Rejection::Exhausted => codes[2],
    }
}

impl std::fmt::Display for ExpireEvictError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PACKET} C{:02}: {}", self.row(), self.code())
    }
}

impl std::error::Error for ExpireEvictError {}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn FR_P2C_008_U013_one_table_of_reasons() {
        assert_eq!(ExpireEvictError::all().len(), 16);
        let mut codes = HashSet::new();
        for (error, row) in ExpireEvictError::all().zip(1..) {
            assert_eq!((error.row(), TABLE[error as usize].0), (row, error));
            assert!(error.codes().iter().all(|code| codes.insert(*code)), "{error}: each code once");
            let area = error.code().split('.').next();
            let expected = match row {
                1..=9 => "expire",
                10..=13 => "evict",
                _ => "expireevict",
            };
            assert_eq!(area, Some(expected), "{error}");
        }
        assert_eq!(codes.len(), 19);
        let critical: Vec<u8> = ExpireEvictError::all()
            .filter(|error| error.criticality() == Criticality::Critical)
            .map(ExpireEvictError::row)
            .collect();
        assert_eq!(critical, CRITICAL);
        assert_eq!(Error::CycleBudgetViolation.to_string(), "FR-P2C-008 C02: expire.fast_slow_budget_violation");
        let rejections = [Rejection::NotListed, Rejection::Strict, Rejection::Exhausted].map(rejection_code);
        assert_eq!(rejections, Error::HardenedDeviationRejected.codes());
        assert!(codes.contains(IMMEDIATE_DELETE));
    }
}
