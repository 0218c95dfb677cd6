//! The rows of FR-P2C-007 that the state machine can show, in both modes: `cluster.md` §20.
//!
//! Each test runs the checks of one row and writes one line of evidence under `target/evidence/`. In hardened mode each check is compared with
//! its run in strict mode: all that came out of the state machine (frames, files, orders to the cores, replies) has to be the same to the
//! byte. What a row needs beside decisions is tested where that is; two checks that play sixty nodes for long stand by themselves.
#![allow(non_snake_case)]

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use audit::contract::Contract;
use audit::digest::Digest;
use audit::evidence::{Evidence, Shown};
use audit::mode::{Category, Deviation, Mode};
use audit::record::Verdict;
use audit::time::UnixMillis;
use audit::topic::AuditTopic;

use crate::cluster::cluster_tests as cluster;
use crate::cluster::hostile_tests as hostile;
use crate::cluster::manual_tests as manual;
use crate::cluster::migration_tests as migration;
use crate::cluster::notes_tests as notes;
use crate::cluster::reconcile::tests as reconcile;
use crate::cluster::rights_tests as rights;
use crate::cluster::scenario_tests as scenario;
use crate::cluster::vote_tests as vote;
use crate::command::{captured_tests, command_tests, model_tests, slots_tests};
use crate::conf::conf_tests as conf;
use crate::faults::notices;
use crate::observed::observe;
use crate::reason::ClusterError as Error;
use crate::wire::{captured_tests as captured, frame_tests as frame, stream};
use crate::{
    address, epoch, forgotten, gate_captured_tests, gate_tests as gate, health, id, modes, nodes, quorum, reason,
    reports, slot_set, slot_table,
};

const SUITE: &str = "fr_cluster_phase2c_packet_007";

/// Every check begins with a seed of its own, which stands there.
const SEED: u64 = 0;

/// The checks of a row, by name.
type Checks = &'static [(&'static str, fn())];

/// How a check ended, and what came out meanwhile.
#[derive(Clone, Copy, PartialEq)]
struct Run {
    fails: bool,
    output: Digest,
    outputs: u64,
}

fn run(mode: Mode, check: fn()) -> Run {
    let (observed, fails) = observe(mode, || notices(check, None));
    Run { fails, output: observed.output, outputs: observed.outputs }
}

/// Runs the checks of a row and writes its line; fails if one of them does, or if a mode was seen.
fn row(id: &str, error: Error, mode: Mode, checks: Checks) {
    let begun = Instant::now();
    let (mut output, mut ended, mut seen) = (Digest::default(), Vec::new(), false);
    for (name, check) in checks {
        let run_here = run(mode, *check);
        let differs = mode == Mode::Hardened && run_here != run(Mode::Strict, *check);
        seen |= differs;
        output = output.and(&run_here.output.sum().to_le_bytes());
        ended.push((*name, if run_here.fails || differs { Verdict::Fail } else { Verdict::Pass }));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970").as_millis();
    let reason = if seen { Error::HardenedDeviationRejected.codes()[1] } else { error.code() };
    let evidence =
        Evidence { packet: Error::PACKET, suite: SUITE, row: id, mode, part: "clusterbus", seed: SEED, reason };
    let millis = begun.elapsed().as_millis() as u64;
    let shown = Shown { time: UnixMillis(now as i64), millis, checks: &ended, output };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/evidence").join(Error::PACKET);
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    std::fs::write(folder.join(evidence.file()), evidence.line(&shown)).expect("a line can be written");
    assert!(ended.iter().all(|(_, verdict)| *verdict == Verdict::Pass), "{error}, {reason}: {ended:?}");
}

/// While nodes defend themselves in all three ways, and in one that is not on the list, what comes out is what comes out in strict mode.
#[test]
pub(crate) fn FR_P2C_007_HARDENED_U012_defences_change_nothing_that_comes_out() {
    let mut wanted = Vec::new();
    let checks: [fn(); 3] = [
        hostile::FR_P2C_007_U010_members_that_lie_break_nothing_of_our_own,
        scenario::FR_P2C_007_U010_malformed_frames_of_every_type_change_nothing,
        hostile::FR_P2C_007_U010_a_flood_of_meets_is_bounded,
    ];
    for check in checks {
        let (hardened, ()) = observe(Mode::Hardened, check);
        let (strict, ()) = observe(Mode::Strict, check);
        assert_eq!((hardened.output, hardened.outputs), (strict.output, strict.outputs));
        assert_eq!(hardened.topics, strict.topics);
        assert!(hardened.outputs > 100, "{}", hardened.outputs);
        wanted.extend(hardened.topics.iter().filter_map(|topic| topic.wanted()));
    }
    let listed = Category::ALL.map(Deviation::Listed);
    assert!(listed.into_iter().chain([Deviation::Other]).all(|deviation| wanted.contains(&deviation)), "{wanted:?}");
}

audit::rows! {
    FR_P2C_007_STRICT_U001 FR_P2C_007_HARDENED_U001 "U001" CommandRouterContractViolation [
        command_tests::FR_P2C_007_U001_every_subcommand_with_every_number_of_arguments,
        command_tests::FR_P2C_007_U001_what_is_refused_changes_nothing,
        command_tests::FR_P2C_007_U001_any_bytes_are_refused_or_a_command,
        command_tests::FR_P2C_007_U001_who_cannot_replicate_says_so_when_nothing_else_is_wrong,
        command_tests::FR_P2C_007_U001_failover_of_a_replica_without_a_link,
        command_tests::FR_P2C_007_U001_reset,
        command_tests::FR_P2C_007_U001_texts_of_info_and_nodes,
        captured_tests::FR_P2C_007_U001_replies_of_redis,
        slots_tests::FR_P2C_007_U001_frames_of_shards,
        slots_tests::FR_P2C_007_U001_frames_of_links,
        rights::FR_P2C_007_U001_who_asked_hears_when_disk_and_cores_know,
    ]
    FR_P2C_007_STRICT_U002 FR_P2C_007_HARDENED_U002 "U002" CrossSlotDetectionViolation [
        gate::FR_P2C_007_U002_two_slots_are_never_one,
    ]
    FR_P2C_007_STRICT_U003 FR_P2C_007_HARDENED_U003 "U003" SlotOwnerQueryViolation [
        gate::FR_P2C_007_U003_the_gate_is_its_model_in_all_circumstances,
        gate::FR_P2C_007_U003_one_key_is_looked_for_only_where_its_slot_is_being_moved,
        gate::FR_P2C_007_U003_a_key_behind_an_unassigned_or_crossing_one_changes_nothing,
        gate::FR_P2C_007_U003_channels_of_a_transaction_end_the_looking,
        gate_captured_tests::FR_P2C_007_U003_redis_decides_the_same,
        gate::FR_P2C_007_U003_the_memo_answers_as_the_plain_gate,
    ]
    FR_P2C_007_STRICT_U004 FR_P2C_007_HARDENED_U004 "U004" RedirectReplyContractViolation [
        gate::FR_P2C_007_U004_bytes_of_redirects,
        gate::FR_P2C_007_U004_bytes_of_errors,
    ]
    FR_P2C_007_STRICT_U005 FR_P2C_007_HARDENED_U005 "U005" BlockedClientRedirectViolation [
        gate::FR_P2C_007_U005_who_waits_on,
    ]
    FR_P2C_007_STRICT_U006 FR_P2C_007_HARDENED_U006 "U006" SlotsReplyShapeViolation [
        slots_tests::FR_P2C_007_U006_frames_of_slots,
        slots_tests::FR_P2C_007_U006_endpoints_by_preference,
        slots_tests::FR_P2C_007_U006_clients_on_tls_get_the_other_port,
        slots_tests::FR_P2C_007_U006_ranges_are_what_is_assigned,
    ]
    FR_P2C_007_STRICT_U007 FR_P2C_007_HARDENED_U007 "U007" ClientModeFlagTransitionViolation [
        modes::tests::FR_P2C_007_U007_asking_is_for_the_next_command,
        modes::tests::FR_P2C_007_U007_asking_holds_through_a_transaction,
        modes::tests::FR_P2C_007_U007_readonly_holds_until_it_is_taken_back,
        modes::tests::FR_P2C_007_U007_any_history,
    ]
    FR_P2C_007_STRICT_U008 FR_P2C_007_HARDENED_U008 "U008" VerifyConfigWithDataViolation [
        reconcile::FR_P2C_007_U008_claim_then_save_then_delete,
        reconcile::FR_P2C_007_U008_a_replica_keeps_what_it_has,
        hostile::FR_P2C_007_U008_an_edited_file_does_not_break_the_start,
        conf::FR_P2C_007_U008_a_damaged_file_is_a_fault_with_its_line,
        conf::FR_P2C_007_U008_cut_anywhere_it_is_no_file,
        conf::FR_P2C_007_U008_what_is_written_is_read,
        conf::FR_P2C_007_U008_damage_is_refused_or_harmless,
    ]
    FR_P2C_007_STRICT_U009 FR_P2C_007_HARDENED_U009 "U009" ConfigEpochCollisionResolutionViolation [
        epoch::tests::FR_P2C_007_U009_epochs_never_fall,
        cluster::FR_P2C_007_U009_equal_epochs_part,
        cluster::FR_P2C_007_S02_collisions_and_moved_slots_converge,
        scenario::FR_P2C_007_S11_an_old_file_does_not_lower_an_epoch,
        scenario::FR_P2C_007_S30_takeovers_on_both_sides_have_one_end,
    ]
    FR_P2C_007_STRICT_U010 FR_P2C_007_HARDENED_U010 "U010" PacketParseFailClosedViolation [
        hostile::FR_P2C_007_U010_strangers_change_nothing,
        hostile::FR_P2C_007_U010_members_that_lie_break_nothing_of_our_own,
        hostile::FR_P2C_007_U010_old_frames_again_change_nothing,
        scenario::FR_P2C_007_U010_malformed_frames_of_every_type_change_nothing,
        scenario::FR_P2C_007_U010_a_flood_of_gossip_is_bounded,
        cluster::FR_P2C_007_U010_an_epoch_from_nowhere_is_not_believed,
        epoch::tests::FR_P2C_007_U010_the_greatest_epoch_of_others_leaves_room_for_our_own,
        nodes::tests::FR_P2C_007_U010_the_table_is_bounded,
        id::tests::FR_P2C_007_U010_names_are_forty_letters_and_digits,
        address::tests::FR_P2C_007_U010_addresses_cannot_forge_lines,
        address::tests::FR_P2C_007_U010_labels,
        forgotten::tests::FR_P2C_007_U010_forgetting_ends_and_is_bounded,
        frame::FR_P2C_007_U010_truncated_at_every_byte,
        frame::FR_P2C_007_U010_longer_than_it_says,
        frame::FR_P2C_007_U010_bad_fields_of_the_header,
        frame::FR_P2C_007_U010_lying_counts,
        frame::FR_P2C_007_U010_lengths_of_extensions,
        frame::FR_P2C_007_U010_one_bad_entry_voids_the_section,
        frame::FR_P2C_007_U010_damaged_frames_are_refused_or_are_frames,
        frame::FR_P2C_007_U010_noise_is_refused,
        captured::FR_P2C_007_U010_frames_of_redis_are_read,
        captured::FR_P2C_007_U010_frames_of_redis_are_written_the_same,
        stream::tests::FR_P2C_007_U010_frames_come_out_however_they_arrive,
        stream::tests::FR_P2C_007_U010_what_closes_a_link,
        stream::tests::FR_P2C_007_U010_announced_lengths_reserve_nothing,
    ]
    FR_P2C_007_STRICT_U011 FR_P2C_007_HARDENED_U011 "U011" FailoverElectionContractViolation [
        vote::FR_P2C_007_U011_each_condition_of_a_vote,
        vote::FR_P2C_007_S19_no_second_vote_in_an_epoch_or_about_a_master,
        cluster::FR_P2C_007_U011_a_replica_takes_over_and_the_old_master_follows,
        cluster::FR_P2C_007_U011_two_replicas_one_winner,
        cluster::FR_P2C_007_U011_a_vote_is_on_disk_before_it_is_told,
        cluster::FR_P2C_007_U011_a_voter_that_crashes_votes_once,
        scenario::FR_P2C_007_U011_a_crash_at_every_step_of_every_save,
        scenario::FR_P2C_007_S12_an_empty_replica_is_not_elected,
        scenario::FR_P2C_007_S40_a_primary_that_ends_hands_over_first,
        manual::FR_P2C_007_U011_a_failover_by_request,
        manual::FR_P2C_007_U011_who_may_ask_for_a_failover,
        manual::FR_P2C_007_S20_a_failover_that_does_not_come_to_an_end_is_called_off,
        migration::FR_P2C_007_U011_a_replica_goes_to_an_orphaned_master,
        migration::FR_P2C_007_U011_nobody_goes_who_is_needed_or_forbidden_to,
        quorum::tests::FR_P2C_007_U011_two_parts_are_never_both_a_majority,
        reports::tests::FR_P2C_007_U011_one_report_per_reporter_for_two_timeouts,
    ]
    FR_P2C_007_STRICT_U012 FR_P2C_007_HARDENED_U012 "U012" HardenedDeviationRejected [
        reason::tests::FR_P2C_007_U012_one_table_of_reasons,
        reason::tests::FR_P2C_007_HARDENED_U012_drift_on_critical_rows_ends_hardening,
        notes::FR_P2C_007_STRICT_U012_each_irregularity_is_told,
        notes::FR_P2C_007_HARDENED_U012_defences_are_evidence_and_the_rest_fails_closed,
        notes::FR_P2C_007_HARDENED_U012_who_spends_a_budget_in_two_windows_loses_hardening,
        notes::FR_P2C_007_HARDENED_U012_a_second_vote_of_a_master_is_drift,
    ]
    FR_P2C_007_STRICT_U013 FR_P2C_007_HARDENED_U013 "U013" CronLivenessPolicyViolation [
        cluster::FR_P2C_007_U013_a_cluster_forms_from_meets,
        cluster::FR_P2C_007_U013_a_dead_node_fails_everywhere_in_time,
        cluster::FR_P2C_007_U013_no_false_reports_in_a_quiet_cluster,
        cluster::FR_P2C_007_U013_a_forgotten_node_stays_away,
        cluster::FR_P2C_007_U013_forgetting_at_one_node_is_enough,
        cluster::FR_P2C_007_U013_who_moves_is_found_again,
        cluster::FR_P2C_007_S21_a_forgotten_node_comes_back_only_by_a_meet,
        cluster::FR_P2C_007_S38_dead_nodes_are_dialled_once_a_tick_each,
        scenario::FR_P2C_007_U013_a_clock_that_jumps_stops_nobody,
        scenario::FR_P2C_007_S23_an_address_of_a_dead_node_merges_no_clusters,
        scenario::FR_P2C_007_S24_a_node_with_another_address_is_found,
        scenario::FR_P2C_007_S28_a_slow_disk_makes_nobody_suspect,
        scenario::FR_P2C_007_SIM_stories_of_some_seeds,
    ]
    FR_P2C_007_STRICT_U014 FR_P2C_007_HARDENED_U014 "U014" SlotOwnerStateUpdateViolation [
        slot_table::tests::FR_P2C_007_U014_owners_sets_and_counts_agree_after_any_operations,
        slot_table::tests::FR_P2C_007_U014_marks_go_with_their_node,
        slot_set::tests::FR_P2C_007_U014_a_set_is_a_set,
        model_tests::FR_P2C_007_U014_orders_about_slots_beside_a_model,
        manual::FR_P2C_007_U014_a_slot_is_moved_by_hand,
        manual::FR_P2C_007_U014_a_slot_that_comes_is_served_as_before_until_it_is_on_disk,
        rights::FR_P2C_007_U014_nobody_hears_of_a_lost_right_before_all_cores_know,
        rights::FR_P2C_007_U014_keys_go_when_no_core_writes_there,
        rights::FR_P2C_007_U014_who_lost_all_follows_when_no_core_writes,
        rights::FR_P2C_007_U014_who_cannot_replicate_stays_a_master_and_lets_go,
        cluster::FR_P2C_007_U014_claims_of_the_old_lose,
        cluster::FR_P2C_007_U014_a_minority_stops_and_comes_back,
        cluster::FR_P2C_007_U014_rights_shrink_first_and_grow_last,
        cluster::FR_P2C_007_S01_who_was_cut_off_hears_from_others_that_its_slots_are_gone,
        health::tests::FR_P2C_007_U014_a_started_master_waits_a_replica_does_not,
        health::tests::FR_P2C_007_U014_who_was_in_a_minority_waits,
        health::tests::FR_P2C_007_U014_a_majority_that_comes_and_goes_serves_never,
        health::tests::FR_P2C_007_U014_coverage_and_size,
    ]
}
