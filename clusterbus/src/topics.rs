//! What the running server has to say about the packet: one row for each thing that it detects, rejects or recovers from.
//!
//! `spec/packets.md`. What is noted changes nothing of what is done: a malformed frame is refused, a sender put right and a flood held to its
//! bound in both modes. In hardened mode each of them may make a record of its own besides, within a budget.

use audit::topic::{CLAMP, DIAGNOSE, SANITISE, UNLISTED};

use crate::reason::ClusterError as Error;

/// Defences of each category per window.
const BUDGETS: [u32; 3] = [64; 3];

audit::topics! {
    Error, "fr_cluster_phase2c_packet_007_runtime", BUDGETS;
    /// A CLUSTER command was refused because of its arguments.
    CommandRefused "command_refused" CommandRouterContractViolation Parser DIAGNOSE;
    /// A frame was refused: it is not one.
    FrameRefused "frame_refused" PacketParseFailClosedViolation Parser DIAGNOSE;
    /// A link was closed: what arrives there is not of the bus.
    StreamRefused "stream_refused" PacketParseFailClosedViolation Parser DIAGNOSE;
    /// A frame was dropped as it came: it is longer than any that says something.
    FrameTooLong "frame_too_long" PacketParseFailClosedViolation Parser CLAMP;
    /// A gossip section was not read: one of its entries names no node or no address.
    GossipRefused "gossip_refused" PacketParseFailClosedViolation Metadata SANITISE;
    /// A request to forget ourselves, the sender or our master was left out.
    ForgetRefused "forget_refused" PacketParseFailClosedViolation Metadata SANITISE;
    /// At a node's address somebody else answered: the address was taken away.
    AddressReused "address_reused" PacketParseFailClosedViolation Metadata SANITISE;
    /// The clock was set back: what was noted by it moved along.
    ClockBack "clock_back" CronLivenessPolicyViolation Metadata SANITISE;
    /// An epoch far ahead of all others was not believed.
    EpochJump "epoch_jump" ConfigEpochCollisionResolutionViolation Metadata CLAMP;
    /// A stranger was not greeted: there are as many handshakes as there may be.
    HandshakeRefused "handshake_refused" PacketParseFailClosedViolation Transport CLAMP;
    /// A node was not taken in: the table is full.
    NodeRefused "node_refused" PacketParseFailClosedViolation Transport CLAMP;
    /// A connection was closed at once: there are as many as there may be.
    LinkRefused "link_refused" PacketParseFailClosedViolation Transport CLAMP;
    /// A link was closed: too much waited to be sent there.
    SendQueueFull "send_queue_full" BeforeSleepDeferredTaskViolation Transport CLAMP;
    /// A link was closed: all links together had too much that was not read.
    ArrivalsFull "arrivals_full" PacketParseFailClosedViolation Transport CLAMP;
    /// A stranger said what only members may. To close its link would be seen, so it is on no list.
    StrangerRefused "stranger_refused" PacketParseFailClosedViolation Transport UNLISTED;
    /// A frame on a node's link named another sender. To close the link would be seen.
    ImpostorRefused "impostor_refused" PacketParseFailClosedViolation Transport UNLISTED;
    /// A link was closed on which nobody made himself known in time.
    SilentStranger "silent_stranger" CronLivenessPolicyViolation Transport None;
    /// A vote was refused.
    VoteRefused "vote_refused" FailoverElectionContractViolation Transport None;
    /// A master voted for this node twice in one epoch: whoever does may vote for others as well.
    VotedTwice "voted_twice" FailoverElectionContractViolation Order None;
    /// Two masters had one config epoch: this one took another.
    EpochCollision "epoch_collision" ConfigEpochCollisionResolutionViolation Metadata None;
    /// Slots without owner that have keys were claimed at the start.
    SlotsClaimed "slots_claimed" VerifyConfigWithDataViolation Metadata None;
    /// There were keys in slots of others at the start: they go.
    ForeignKeys "foreign_keys" VerifyConfigWithDataViolation Owner None;
    /// A node was found failed.
    NodeFailed "node_failed" CronLivenessPolicyViolation Transport None;
    /// The process stood still for longer than the node timeout: it does not serve until it has heard a majority.
    Stalled "stalled" CronLivenessPolicyViolation Transport None;
    /// This node does not serve: begins and ends.
    NotServing "not_serving" SlotOwnerStateUpdateViolation Transport None;
    /// Another mode is in force.
    ModeChanged "mode_changed" HardenedDeviationRejected Metadata None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::contract::Contract;
    use audit::loss::{Beliefs, State};
    use audit::mode::{Category, Criticality, Deviation};
    use audit::topic::AuditTopic;
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_each_category_is_wanted_by_some_topic() {
        let names: HashSet<&str> = Topic::ALL.iter().map(|topic| topic.name()).collect();
        assert_eq!(names.len(), Topic::ALL.len());
        let listed = Category::ALL.map(|category| Some(Deviation::Listed(category)));
        for wanted in listed.into_iter().chain([UNLISTED, None]) {
            assert!(Topic::ALL.iter().any(|topic| topic.wanted() == wanted), "{wanted:?}");
        }
    }

    #[test]
    fn what_is_a_sign_of_harm_is_defended_against_by_nobody() {
        let harm = |topic: &&Topic| Beliefs::after(&[topic.sign()]).of(State::Unsafe) > 0.3;
        let harmful: Vec<Topic> = Topic::ALL.iter().filter(harm).copied().collect();
        assert_eq!(harmful, [Topic::VotedTwice, Topic::ForeignKeys]);
        assert!(harmful.iter().all(|topic| topic.wanted().is_none()));
        // What a peer may bring about ends hardening; what is found at a start, before anything is served, need not.
        let critical = harmful.iter().map(|topic| topic.row().criticality());
        assert_eq!(critical.collect::<Vec<_>>(), [Criticality::Critical, Criticality::Ordinary]);
    }
}
