//! The rows of the contract FR-P2C-007, its errors and its reason codes: one table.
//!
//! §1 and §2.3. Audit events and tests name a broken row by its code.

use audit::contract::Contract;

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

impl Contract for ClusterError {
    const PACKET: &'static str = "FR-P2C-007";
    const ROWS: &'static [(Self, &'static [&'static str])] = &[
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
    const CRITICAL: &'static [u8] = &[3, 10, 11, 15, 16];
}

impl std::fmt::Display for ClusterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.describe(f)
    }
}

impl std::error::Error for ClusterError {}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use audit::mode::{Hardening, Mode, Rejection};
    use std::collections::HashSet;

    #[test]
    pub(crate) fn FR_P2C_007_U012_one_table_of_reasons() {
        let mut codes = HashSet::new();
        for (&(error, own), row) in ClusterError::ROWS.iter().zip(1..) {
            assert_eq!((error.row(), error as u8 + 1), (row, row));
            assert!(own.iter().all(|code| code.starts_with("cluster.") && codes.insert(*code)), "{error}");
        }
        assert_eq!((ClusterError::ROWS.len(), codes.len()), (16, 20));
        let shown = Error::SlotOwnerQueryViolation.to_string();
        assert_eq!(shown, "FR-P2C-007 C03: cluster.slot_owner_query_violation");
        let rejections = [Rejection::NotListed, Rejection::Strict, Rejection::Exhausted];
        assert_eq!(rejections.map(ClusterError::rejection_code), Error::HardenedDeviationRejected.codes());
    }

    #[test]
    pub(crate) fn FR_P2C_007_HARDENED_U012_drift_on_critical_rows_ends_hardening() {
        for &(error, _) in ClusterError::ROWS {
            let mut hardening = Hardening::new(Mode::Hardened, [1; 3]);
            let expected = if [3, 10, 11, 15, 16].contains(&error.row()) { Mode::Strict } else { Mode::Hardened };
            assert_eq!(hardening.drift(error.criticality()), expected, "{error}");
        }
    }
}
