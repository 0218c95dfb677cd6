//! What the state machine notes: each topic in both modes, and the ways back to strict.
#![allow(non_snake_case)]

use audit::contract::Contract;
use audit::mode::{Deviation, Mode};
use audit::record::Verdict;
use audit::topic::AuditTopic;
use keyspace::slot::Slot;

use super::Cluster;
use super::hostile_tests::member;
use super::world::World;
use crate::address::Host;
use crate::effect::LinkId;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::nodes::{HANDSHAKES_MAX, NODES_MAX};
use crate::reason::ClusterError;
use crate::settings::ClusterSettings;
use crate::slot_set::SlotSet;
use crate::time::UnixMillis;
use crate::topics::{Event, Topic};
use crate::wire::{
    Body, Extension, ForgetTtl, Frame, FrameError, GossipEntry, Header, Marks, Pulse, PulseKind, Seconds,
};

/// A node, a link that a stranger opened to it, and the time.
struct Scene {
    cluster: Cluster,
    link: LinkId,
    now: UnixMillis,
}

impl Scene {
    /// A header as the node itself would send it, from another.
    fn header(&self, sender: NodeId) -> Header {
        Header { sender, ..self.cluster.header(Marks::NONE) }
    }

    /// Goes on with another node, in the same mode.
    fn go_on_with(&mut self, cluster: Cluster) {
        let mode = self.cluster.mode();
        self.cluster = cluster;
        self.cluster.set_mode(mode);
    }

    fn hear_on(&mut self, link: LinkId, header: Header, body: Body<'_>) {
        self.cluster.handle_frame(link, &Frame { header, body }, self.now);
    }

    fn hear(&mut self, header: Header, body: Body<'_>) {
        self.hear_on(self.link, header, body);
    }

    /// A pulse of member 0, a master.
    fn pulse(&mut self, gossip: Option<Vec<GossipEntry>>, extensions: Vec<Extension>) {
        // A member says what it is and claims what it owns.
        let index = self.cluster.nodes().find(&World::id(0)).expect("known");
        let node = self.cluster.nodes()[index].clone();
        let header = Header {
            flags: node.flags,
            address: node.address,
            config_epoch: node.config_epoch,
            slots: self.cluster.slots().slots_of(index).clone(),
            ..self.header(node.id)
        };
        self.hear(header, Body::Pulse(Pulse { kind: PulseKind::Ping, gossip, extensions }));
    }

    fn meet_from(&mut self, number: usize) {
        let mut header = self.header(stranger(number));
        let host = format!("10.{}.{}.1", number / 256 + 1, number % 256);
        header.address.host = Host::new(&host).expect("an address");
        let pulse = Pulse { kind: PulseKind::Meet, gossip: None, extensions: Vec::new() };
        self.hear(header, Body::Pulse(pulse));
    }
}

fn stranger(number: usize) -> NodeId {
    let [.., high, low] = number.to_be_bytes();
    let mut entropy = [200; 20];
    (entropy[0], entropy[1]) = (high, low);
    NodeId::from_entropy(entropy)
}

/// A node that knows nobody.
fn alone() -> Cluster {
    let settings = ClusterSettings::new(World::address(0).ports);
    let name = ShardId::from_entropy([1; 20]);
    Cluster::create(settings, World::id(0), name, 1, UnixMillis(1_000))
}

/// A replica that has asked for votes and has none yet.
fn candidate() -> (Cluster, UnixMillis) {
    let mut world = World::formed(6, 3, 2_000, 3);
    world.crash(0);
    let before = world.member(3).current_epoch();
    for _ in 0..20_000 {
        world.run(1);
        if world.member(3).current_epoch() > before {
            return (world.member(3).clone(), world.clock(3));
        }
    }
    panic!("nobody asked for votes");
}

/// A topic, and what makes it be noted.
type Cause = (Topic, fn(&mut Scene));

/// All but those that only the transport can meet.
const CAUSES: &[Cause] = &[
    (Topic::FrameRefused, |scene| scene.cluster.note_frame(FrameError::Length)),
    (Topic::GossipRefused, |scene| scene.pulse(None, Vec::new())),
    (Topic::ForgetRefused, |scene| {
        let myself = Extension::Forgotten(scene.cluster.my_id(), ForgetTtl(60));
        scene.pulse(Some(Vec::new()), vec![myself]);
    }),
    (Topic::AddressReused, |scene| {
        let node = scene.cluster.nodes().find(&World::id(2)).expect("known");
        let link = scene.cluster.nodes()[node].outbound.expect("they are linked");
        let pulse = Pulse { kind: PulseKind::Pong, gossip: Some(Vec::new()), extensions: Vec::new() };
        scene.hear_on(link, scene.header(stranger(1)), Body::Pulse(pulse));
    }),
    (Topic::ClockBack, |scene| scene.cluster.tick(UnixMillis(scene.now.0 - 5_000))),
    (Topic::EpochJump, |scene| {
        let current_epoch = Epoch::taken(1 << 60).expect("in range");
        scene.hear(Header { current_epoch, ..scene.header(World::id(0)) }, Body::AuthAck);
    }),
    (Topic::HandshakeRefused, |scene| (0..=HANDSHAKES_MAX).for_each(|number| scene.meet_from(number))),
    (Topic::NodeRefused, |scene| {
        let entry = |number| GossipEntry {
            id: stranger(number),
            ping_sent: Seconds(0),
            pong_received: Seconds(0),
            address: World::address(9),
            flags: NodeFlags::MASTER,
        };
        scene.pulse(Some((0..NODES_MAX).map(entry).collect()), Vec::new());
    }),
    (Topic::StrangerRefused, |scene| scene.hear(scene.header(stranger(1)), Body::Fail(World::id(2)))),
    (Topic::ImpostorRefused, |scene| {
        scene.pulse(Some(Vec::new()), Vec::new());
        scene.hear(scene.header(World::id(2)), Body::AuthAck);
    }),
    (Topic::VoteRefused, |scene| scene.hear(scene.header(World::id(0)), Body::AuthRequest)),
    (Topic::VotedTwice, |scene| {
        let (candidate, now) = candidate();
        scene.go_on_with(candidate);
        scene.now = now;
        for _ in 0..2 {
            let host = World::address(1).host;
            let link = scene.cluster.accepted(host, host, scene.now);
            scene.hear_on(link, scene.header(World::id(1)), Body::AuthAck);
        }
    }),
    (Topic::EpochCollision, |scene| {
        let pulse = Pulse { kind: PulseKind::Ping, gossip: Some(Vec::new()), extensions: Vec::new() };
        let slots = scene.cluster.slots().slots_of(scene.cluster.nodes().find(&World::id(2)).expect("known")).clone();
        scene.hear(Header { slots, ..scene.header(World::id(2)) }, Body::Pulse(pulse));
    }),
    (Topic::SlotsClaimed, |scene| {
        scene.go_on_with(alone());
        scene.cluster.reconcile(&[Slot::FIRST].into_iter().collect());
    }),
    (Topic::ForeignKeys, |scene| {
        let all: SlotSet = Slot::all().collect();
        scene.cluster.reconcile(&all);
    }),
    (Topic::NodeFailed, |scene| scene.hear(scene.header(World::id(0)), Body::Fail(World::id(2)))),
    (Topic::Stalled, |scene| scene.cluster.tick(UnixMillis(scene.now.0 + 100_000))),
    (Topic::NotServing, |scene| scene.go_on_with(alone())),
    (Topic::ModeChanged, |scene| {
        let other = if scene.cluster.mode() == Mode::Strict { Mode::Hardened } else { Mode::Strict };
        scene.cluster.set_mode(other);
    }),
];

/// Topics that only the transport meets.
const OF_THE_TRANSPORT: [Topic; 7] = [
    Topic::CommandRefused,
    Topic::StreamRefused,
    Topic::FrameTooLong,
    Topic::LinkRefused,
    Topic::SendQueueFull,
    Topic::ArrivalsFull,
    Topic::SilentStranger,
];

/// What is told after `cause`, in a mode.
fn told(mode: Mode, cause: fn(&mut Scene)) -> Vec<Event> {
    let (mut cluster, link, now) = member(12);
    cluster.set_mode(mode);
    let wall = audit::time::UnixMillis(1);
    cluster.take_events(wall, now);
    let mut scene = Scene { cluster, link, now };
    cause(&mut scene);
    // In the next window: a topic is told once in each.
    scene.cluster.take_events(wall, UnixMillis(scene.now.0 + 10_000))
}

#[test]
pub(crate) fn FR_P2C_007_STRICT_U012_each_irregularity_is_told() {
    for (topic, cause) in CAUSES {
        let events = told(Mode::Strict, *cause);
        let of_topic: Vec<&Event> = events.iter().filter(|event| event.topic == *topic).collect();
        assert_eq!(of_topic.len(), 1, "{topic:?} in {events:?}");
        let (verdict, reason) = match topic {
            Topic::ModeChanged => (Verdict::Pass, None),
            _ => (Verdict::Fail, Some(topic.row().code())),
        };
        assert_eq!((of_topic[0].verdict, of_topic[0].reason), (verdict, reason), "{topic:?}");
        let line = of_topic[0].record().to_json_line();
        assert!(
            line.contains("\"FR-P2C-007\"") && line.contains(Topic::SUITE) && line.contains(topic.name()),
            "{line}"
        );
    }
    let caused = |topic: &Topic| CAUSES.iter().any(|(of, _)| of == topic) || OF_THE_TRANSPORT.contains(topic);
    assert!(Topic::ALL.iter().all(caused), "a topic without a cause");
}

#[test]
pub(crate) fn FR_P2C_007_HARDENED_U012_defences_are_evidence_and_the_rest_fails_closed() {
    for (topic, cause) in CAUSES.iter().filter(|(topic, _)| topic.wanted().is_some()) {
        // A few causes bring the same about more than once.
        let events = told(Mode::Hardened, *cause);
        let first = events.iter().find(|event| event.topic == *topic);
        let first = first.unwrap_or_else(|| panic!("{topic:?} in {events:?}"));
        let expected = match topic.wanted() {
            Some(Deviation::Listed(_)) => (Verdict::Pass, topic.row().code()),
            _ => (Verdict::Fail, "cluster.hardened_nonallowlisted_rejected"),
        };
        assert_eq!((first.verdict, first.reason), (expected.0, Some(expected.1)), "{topic:?}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_HARDENED_U012_who_spends_a_budget_in_two_windows_loses_hardening() {
    let (mut cluster, _, now) = member(12);
    cluster.set_mode(Mode::Hardened);
    let wall = audit::time::UnixMillis(1);
    cluster.take_events(wall, now);
    let mut modes = Vec::new();
    for window in 1..=3 {
        for _ in 0..=Topic::BUDGETS[0] {
            cluster.note_frame(FrameError::Signature);
        }
        let events = cluster.take_events(wall, UnixMillis(now.0 + window * 5_000));
        let refused: Vec<&Event> = events.iter().filter(|event| event.topic == Topic::FrameRefused).collect();
        let spent = Some("cluster.hardened_budget_exhausted_failclosed");
        modes.push((refused.len(), refused.last().and_then(|event| event.reason) == spent, cluster.mode()));
    }
    let told_apart = Topic::BUDGETS[0] as usize + 1;
    let expected = [(told_apart, true, Mode::Hardened), (told_apart, true, Mode::Strict), (1, false, Mode::Strict)];
    assert_eq!(modes, expected);
}

#[test]
pub(crate) fn FR_P2C_007_HARDENED_U012_a_second_vote_of_a_master_is_drift() {
    let mode_after = |topic: Topic| {
        let cause = CAUSES.iter().find(|(of, _)| *of == topic).expect("each has a cause").1;
        let (mut cluster, link, now) = member(12);
        cluster.set_mode(Mode::Hardened);
        let mut scene = Scene { cluster, link, now };
        cause(&mut scene);
        scene.cluster.mode()
    };
    assert!(ClusterError::CRITICAL.contains(&Topic::VotedTwice.row().row()));
    assert_eq!(mode_after(Topic::VotedTwice), Mode::Strict);
    assert_eq!(mode_after(Topic::ForeignKeys), Mode::Hardened, "C08 is no critical row");
    assert_eq!(mode_after(Topic::VoteRefused), Mode::Hardened, "a refusal is the contract kept");
}
