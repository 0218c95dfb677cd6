//! The rows of the contract FR-P2C-007, its errors and its reason codes: one table.
//!
//! §1 and §2.3. Audit events and tests name a broken row by its code.

/// The packet's name in log records.
pub const PACKET: &str = "FR-P2C-007";

/// A row of the contract that was found broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterError {
    /// C01.
    CommandRouterContractViolation,
    /// C02.
    CrossSlotDetectionViolation,
    /// C03.
    SlotOwnerQueryViolation,
    /// C04.
    RedirectReplyContractViolation,
    /// C05.
    BlockedClientRedirectViolation,
    /// C06.
    SlotsReplyShapeViolation,
    /// C07.
    ClientModeFlagTransitionViolation,
    /// C08.
    VerifyConfigWithDataViolation,
    /// C09.
    ConfigEpochCollisionResolutionViolation,
    /// C10.
    PacketParseFailClosedViolation,
    /// C11.
    FailoverElectionContractViolation,
    /// C12.
    CronLivenessPolicyViolation,
    /// C13.
    BeforeSleepDeferredTaskViolation,
    /// C14.
    SlotOwnerStateUpdateViolation,
    /// C15.
    AsmSyncslotsStateMachineViolation,
    /// C16.
    HardenedDeviationRejected,
}

use ClusterError as Error;

/// The reason codes of each error, in the order of the contract's rows. The first is the row's own.
const TABLE: [(Error, &[&str]); 16] = [
    (Error::CommandRouterContractViolation, &["cluster.command_router_contract_violation"]),
    (Error::CrossSlotDetectionViolation, &["cluster.crossslot_detection_violation"]),
    (Error::SlotOwnerQueryViolation, &["cluster.slot_owner_query_violation"]),
    (Error::RedirectReplyContractViolation, &["cluster.redirect_reply_contract_violation"]),
    (Error::BlockedClientRedirectViolation, &["cluster.blocked_client_redirect_violation"]),
    (Error::SlotsReplyShapeViolation, &["cluster.slots_reply_shape_violation"]),
    (Error::ClientModeFlagTransitionViolation, &["cluster.client_mode_flag_transition_violation"]),
    (Error::VerifyConfigWithDataViolation, &["cluster.verify_config_with_data_violation"]),
    (Error::ConfigEpochCollisionResolutionViolation, &["cluster.config_epoch_collision_resolution_violation"]),
    (Error::PacketParseFailClosedViolation, &["cluster.packet_parse_failclosed_violation"]),
    (Error::FailoverElectionContractViolation, &["cluster.failover_election_contract_violation"]),
    (Error::CronLivenessPolicyViolation, &["cluster.cron_liveness_policy_violation"]),
    (Error::BeforeSleepDeferredTaskViolation, &["cluster.before_sleep_deferred_task_violation"]),
    (
        Error::SlotOwnerStateUpdateViolation,
        &["cluster.slot_owner_state_update_violation", "cluster.state_transition_contract_violation"],
    ),
    (
        Error::AsmSyncslotsStateMachineViolation,
        &["cluster.asm_syncslots_state_machine_violation", "cluster.asm_crossslot_cancel_violation"],
    ),
    (
        Error::HardenedDeviationRejected,
        &[
            "cluster.hardened_nonallowlisted_rejected",
            "cluster.hardened_policy_violation",
            "cluster.hardened_budget_exhausted_failclosed",
        ],
    ),
];

impl ClusterError {
    /// All of them, in the order of their rows.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The number of its row: 3 for C03.
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
}

impl std::fmt::Display for ClusterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PACKET} C{:02}: {}", self.row(), self.code())
    }
}

impl std::error::Error for ClusterError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn one_table_of_reasons() {
        let mut codes = HashSet::new();
        for (error, row) in ClusterError::all().zip(1..) {
            assert_eq!((error.row(), TABLE[error as usize].0), (row, error));
            assert!(error.codes().iter().all(|code| code.starts_with("cluster.") && codes.insert(*code)), "{error}");
        }
        assert_eq!((ClusterError::all().len(), codes.len()), (16, 20));
        let shown = Error::SlotOwnerQueryViolation.to_string();
        assert_eq!(shown, "FR-P2C-007 C03: cluster.slot_owner_query_violation");
    }
}
