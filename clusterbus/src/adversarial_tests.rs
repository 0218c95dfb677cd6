//! The adversarial suite: every guard of `faults.rs` is switched off in turn, and a check of the catalogue notices it.
//!
//! Each row says which threat of `cluster.md` §2.2 the guard stands against, and which check has to notice. From the same rows comes the
//! calibration of the expected-loss decision (`packets.md`) on the cluster's evidence: what nodes noted by themselves while a check played,
//! and what the check noticed.
#![allow(non_snake_case)]

use audit::loss::{Beliefs, Calibration, Listed, Sign, State, choose};
use audit::mode::Mode;
use audit::topic::AuditTopic;

use crate::cluster::cluster_tests as cluster;
use crate::cluster::doubt_tests as doubt;
use crate::cluster::hostile_tests as hostile;
use crate::cluster::manual_tests as manual;
use crate::cluster::moved_tests as moved;
use crate::cluster::restart_tests as restart;
use crate::cluster::rights_tests as rights;
use crate::cluster::scenario_tests as scenario;
use crate::cluster::vote_tests as vote;
use crate::conf::conf_tests as conf;
use crate::faults::{Fault, notices};
use crate::gate_tests as gate;
use crate::observed::{Observed, observe};
use crate::wire::frame_tests as frame;
use crate::{epoch, health, id, modes, packet_tests, quorum, reports, slot_table, wire};

/// Threat, guard and check.
type Row = (&'static str, Fault, fn());

const ROWS: &[Row] = &[
    ("T01", Fault::CrossSlotTaken, gate::FR_P2C_007_U002_two_slots_are_never_one),
    ("T01", Fault::MovingSlotServed, gate::FR_P2C_007_U003_the_gate_is_its_model_in_all_circumstances),
    ("T01", Fault::DownBeforeUnassigned, gate::FR_P2C_007_U003_the_gate_is_its_model_in_all_circumstances),
    ("T01", Fault::ReplicaWrites, gate::FR_P2C_007_U003_the_gate_is_its_model_in_all_circumstances),
    ("T01", Fault::ToldBeforeCores, rights::FR_P2C_007_U014_nobody_hears_of_a_lost_right_before_all_cores_know),
    ("T01", Fault::SettledWhileMoving, gate::FR_P2C_007_U003_the_memo_answers_as_the_plain_gate),
    ("T02", Fault::WrongPort, gate::FR_P2C_007_U004_bytes_of_redirects),
    ("T03", Fault::WaitsForEver, gate::FR_P2C_007_U005_who_waits_on),
    ("T04", Fault::AskingLasts, modes::tests::FR_P2C_007_U007_any_history),
    ("T05", Fault::MarksKept, scenario::FR_P2C_007_S07_who_follows_has_no_slot_open),
    ("T05", Fault::CutFileTaken, conf::FR_P2C_007_U008_cut_anywhere_it_is_no_file),
    ("T05", Fault::DroppedBeforeCores, rights::FR_P2C_007_U014_keys_go_when_no_core_writes_there),
    ("T06", Fault::CollisionIgnored, cluster::FR_P2C_007_S02_collisions_and_moved_slots_converge),
    ("T06", Fault::EpochFalls, epoch::tests::FR_P2C_007_U009_epochs_never_fall),
    ("T06", Fault::OldClaimsWin, cluster::FR_P2C_007_U014_claims_of_the_old_lose),
    ("T06", Fault::OldClaimsWin, scenario::FR_P2C_007_S10_an_old_primary_does_not_win_again),
    ("T06", Fault::LostEpochNotTold, scenario::FR_P2C_007_S11_an_old_file_does_not_lower_an_epoch),
    ("T06", Fault::TakenWithoutEpoch, scenario::FR_P2C_007_S03_a_target_that_alone_knows_keeps_the_slot),
    ("T06", Fault::CollisionIgnored, scenario::FR_P2C_007_S30_takeovers_on_both_sides_have_one_end),
    ("T06", Fault::EqualUpdateIgnored, scenario::FR_P2C_007_S18_a_replica_that_missed_a_move_is_elected),
    ("T06", Fault::UpdateNotSent, scenario::FR_P2C_007_S18_a_replica_that_missed_a_move_is_elected),
    ("T06", Fault::UpdateNotSent, cluster::FR_P2C_007_S01_who_was_cut_off_hears_from_others_that_its_slots_are_gone),
    ("T07", Fault::ExtensionLengthCut, frame::FR_P2C_007_U010_lengths_of_extensions),
    ("T07", Fault::TrailingBytesIgnored, frame::FR_P2C_007_U010_longer_than_it_says),
    ("T07", Fault::LengthReserved, wire::stream::tests::FR_P2C_007_U010_announced_lengths_reserve_nothing),
    ("T07", Fault::HandshakesUnbounded, hostile::FR_P2C_007_U010_a_flood_of_meets_is_bounded),
    ("T07", Fault::EpochJumpBelieved, cluster::FR_P2C_007_U010_an_epoch_from_nowhere_is_not_believed),
    ("T07", Fault::NamesUnchecked, id::tests::FR_P2C_007_U010_names_are_forty_letters_and_digits),
    ("T08", Fault::VoteNotDurable, cluster::FR_P2C_007_U011_a_vote_is_on_disk_before_it_is_told),
    ("T08", Fault::VotesTwice, vote::FR_P2C_007_S19_no_second_vote_in_an_epoch_or_about_a_master),
    ("T08", Fault::HalfIsEnough, quorum::tests::FR_P2C_007_U011_two_parts_are_never_both_a_majority),
    ("T08", Fault::LivingMasterReplaced, vote::FR_P2C_007_U011_each_condition_of_a_vote),
    ("T08", Fault::VoteNotDurable, scenario::FR_P2C_007_U011_a_crash_at_every_step_of_every_save),
    ("T08", Fault::OldDataElected, scenario::FR_P2C_007_S12_an_empty_replica_is_not_elected),
    ("T08", Fault::PauseLasts, manual::FR_P2C_007_S20_a_failover_that_does_not_come_to_an_end_is_called_off),
    ("T08", Fault::PauseNotHeard, scenario::FR_P2C_007_S40_a_primary_that_ends_hands_over_first),
    ("T09", Fault::SuspectsNotTold, scenario::FR_P2C_007_S16_suspects_of_a_large_cluster_fail),
    ("T09", Fault::ChainKept, scenario::FR_P2C_007_S14_no_replica_follows_a_replica),
    ("T09", Fault::StrangerAtAddress, scenario::FR_P2C_007_S23_an_address_of_a_dead_node_merges_no_clusters),
    ("T09", Fault::AddressKept, scenario::FR_P2C_007_S24_a_node_with_another_address_is_found),
    ("T09", Fault::AddressKept, scenario::FR_P2C_007_S25_two_nodes_change_places),
    ("T09", Fault::ForgetsAnybody, cluster::FR_P2C_007_S22_forgetting_the_unknown_and_oneself_is_harmless),
    ("T09", Fault::ForgetNotTold, cluster::FR_P2C_007_S21_a_forgotten_node_comes_back_only_by_a_meet),
    ("T09", Fault::AllFramesWait, scenario::FR_P2C_007_S28_a_slow_disk_makes_nobody_suspect),
    ("T09", Fault::RedialsAtOnce, cluster::FR_P2C_007_S38_dead_nodes_are_dialled_once_a_tick_each),
    ("T09", Fault::ClockTrusted, scenario::FR_P2C_007_U013_a_clock_that_jumps_stops_nobody),
    ("T09", Fault::NobodySuspected, cluster::FR_P2C_007_U013_a_dead_node_fails_everywhere_in_time),
    ("T09", Fault::ReportsLast, reports::tests::FR_P2C_007_U011_one_report_per_reporter_for_two_timeouts),
    ("T09", Fault::ForgetNotTold, cluster::FR_P2C_007_U013_forgetting_at_one_node_is_enough),
    ("T10", Fault::CountNotKept, slot_table::tests::FR_P2C_007_U014_owners_sets_and_counts_agree_after_any_operations),
    ("T10", Fault::RejoinsAtOnce, health::tests::FR_P2C_007_U014_who_was_in_a_minority_waits),
    ("T10", Fault::StartsAtOnce, health::tests::FR_P2C_007_U014_a_started_master_waits_a_replica_does_not),
    ("T10", Fault::StallIgnored, cluster::FR_P2C_007_S29_a_master_that_stood_still_does_not_serve),
    ("T10", Fault::RightsGrowFirst, cluster::FR_P2C_007_U014_rights_shrink_first_and_grow_last),
    ("T02", Fault::FailedShardHidden, moved::FR_P2C_007_S31_slots_of_a_failed_shard_are_told_and_redirects_end),
    ("T03", Fault::WaitsForEver, moved::FR_P2C_007_S35_who_waits_when_a_slot_goes_is_sent_on),
    ("T05", Fault::GivenWithKeys, moved::FR_P2C_007_S09_a_move_that_ends_anywhere_is_mended_without_loss),
    ("T05", Fault::ServedWhileAsked, rights::FR_P2C_007_U014_what_is_let_go_of_is_empty),
    ("T05", Fault::ShardsApart, restart::FR_P2C_007_S26_a_file_with_other_shards_is_read_and_put_right),
    ("T05", Fault::MarksOfReplicaRead, restart::FR_P2C_007_S39_an_upgrade_in_the_middle_of_a_move),
    ("T06", Fault::DenialIgnored, restart::FR_P2C_007_U009_who_was_elected_and_forgot_it_is_believed),
    ("T07", Fault::NamesUnchecked, restart::FR_P2C_007_S32_no_garbage_among_320_names),
    ("T08", Fault::OldFileTrusted, doubt::FR_P2C_007_U011_an_old_file_gives_no_second_vote),
    ("T08", Fault::ElectionOnce, scenario::FR_P2C_007_S15_an_election_without_majority_comes_again),
    ("T08", Fault::TurnsIgnored, scenario::FR_P2C_007_S15_many_masters_at_once_are_replaced),
    ("T08", Fault::VoteNotDurable, restart::FR_P2C_007_S27_a_full_disk_ends_its_nodes_before_they_tell),
    ("T08", Fault::DataForgotten, scenario::FR_P2C_007_S17_a_replica_that_followed_for_a_moment_is_elected),
    ("T09", Fault::StaysBehind, moved::FR_P2C_007_S08_replicas_of_an_emptied_master_go_along),
    ("T10", Fault::MinorityServes, cluster::FR_P2C_007_U014_a_minority_stops_and_comes_back),
    ("T11", Fault::DefenceIsSeen, packet_tests::FR_P2C_007_HARDENED_U012_defences_change_nothing_that_comes_out),
];

/// What is noticed when a threat gets through, and what state the contract is in then.
fn left_by(threat: &str) -> (Sign, State) {
    match threat {
        "T01" | "T04" | "T05" => (Sign::Owner, State::Unsafe),
        "T06" | "T08" | "T11" => (Sign::Order, State::Unsafe),
        "T10" => (Sign::Accounting, State::Unsafe),
        "T02" => (Sign::Metadata, State::Recoverable),
        "T07" => (Sign::Parser, State::Recoverable),
        "T03" | "T09" => (Sign::Transport, State::Recoverable),
        other => panic!("no such threat: {other}"),
    }
}

/// The state in which a check plays with all guards on: where nodes meet, they collide, fail or are lied to, and get over it.
fn played(observed: &Observed) -> State {
    if observed.outputs > 0 { State::Recoverable } else { State::Preserved }
}

/// Guards whose checks take long: with the guard on they play by themselves.
const PLAYED_APART: [Fault; 3] = [Fault::SuspectsNotTold, Fault::TurnsIgnored, Fault::DefenceIsSeen];

#[test]
fn FR_P2C_007_ADVERSARIAL_every_guard_is_missed() {
    let mut calibration = Calibration::default();
    let mut add = |observed: &Observed, beside: &[Sign], truth: State| {
        let signs: Vec<Sign> = observed.topics.iter().map(|topic| topic.sign()).chain(beside.iter().copied()).collect();
        let beliefs = Beliefs::after(&signs);
        calibration.add(&beliefs, choose(&beliefs, Listed::Yes), truth);
    };
    for (threat, fault, check) in ROWS {
        let (observed, noticed) = observe(Mode::Strict, || notices(*check, Some(*fault)));
        assert!(noticed, "{threat} {fault:?}: nobody notices that the guard is off");
        let (sign, truth) = left_by(threat);
        add(&observed, &[sign], truth);
        if !PLAYED_APART.contains(fault) {
            let (observed, fails) = observe(Mode::Strict, || notices(*check, None));
            assert!(!fails, "{threat} {fault:?}: the check fails with the guard on");
            add(&observed, &[], played(&observed));
        }
    }
    let (brier, missed) = (calibration.brier(), calibration.missed());
    assert!(calibration.holds() && calibration.cases() > 100, "Brier {brier}, missed {missed}");
}

#[test]
fn every_guard_has_a_row_and_every_threat_a_guard() {
    for fault in Fault::ALL {
        assert!(ROWS.iter().any(|(_, of, _)| of == fault), "{fault:?}");
    }
    for number in 1..=11 {
        let threat = format!("T{number:02}");
        assert!(ROWS.iter().any(|(of, ..)| *of == threat), "{threat}");
    }
}

/// Scenarios that are about data are played where there is some: moves that are one step, replication, logs.
const OF_DATA: [usize; 8] = [4, 5, 6, 13, 33, 34, 36, 37];

#[test]
fn every_scenario_without_data_has_a_row() {
    let rows = include_str!("adversarial_tests.rs");
    for number in (1..=40).filter(|number| !OF_DATA.contains(number)) {
        assert!(rows.contains(&format!("::FR_P2C_007_S{number:02}_")), "S{number:02}");
    }
}
