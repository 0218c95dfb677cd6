//! Frames that mean harm: of strangers, of members that lie, of the past.
#![allow(non_snake_case)]

use fastrand::Rng;
use keyspace::slot::Slot;

use super::Cluster;
use super::world::World;
use crate::address::Host;
use crate::conf::{NodesConf, PrimaryPort};
use crate::effect::{Effect, LinkId};
use crate::epoch::Epoch;
use crate::id::NodeId;
use crate::nodes::{HANDSHAKES_MAX, NODES_MAX};
use crate::time::UnixMillis;
use crate::wire::{Body, Frame, Kind, PulseKind, generated};

/// All that a node knows, as text.
fn digest(cluster: &Cluster) -> String {
    format!(
        "{}{:?}{:?}{}",
        cluster.conf().print(PrimaryPort::Tcp),
        cluster.health(),
        cluster.slots(),
        cluster.nodes().len()
    )
}

/// A node of a cluster of six, and a link that a stranger opened to it.
pub(super) fn member(seed: u64) -> (Cluster, LinkId, UnixMillis) {
    let world = World::formed(6, 3, 2_000, seed);
    let mut cluster = world.member(1).clone();
    let now = UnixMillis(world.now);
    let host = |text| Host::new(text).expect("an address");
    let link = cluster.accepted(host("10.9.9.9"), host("10.0.0.1"), now);
    while cluster.poll_effect().is_some() {}
    (cluster, link, now)
}

#[test]
pub(crate) fn FR_P2C_007_U010_strangers_change_nothing() {
    let (cluster, link, now) = member(1);
    let before = digest(&cluster);
    let slots = &cluster.slots().clone();
    let mut kinds = std::collections::HashSet::new();
    for seed in 0..1_000 {
        let mut rng = Rng::with_seed(seed);
        let mut header = generated::header(&mut rng);
        header.sender = NodeId::from_entropy([200 + rng.u8(..50); 20]);
        let body = generated::body(&mut rng, b"{a}b");
        let mut cluster = cluster.clone();
        cluster.handle_frame(link, &Frame { header, body: body.clone() }, now);
        cluster.before_sleep(now);
        let meets = matches!(&body, Body::Pulse(pulse) if pulse.kind == PulseKind::Meet);
        if meets {
            // A handshake, which is in no file; and the address at which we were met.
            assert!(cluster.nodes().len() <= 7);
            assert!(cluster.slots() == slots, "a meeting moves no slot");
        } else {
            assert_eq!(digest(&cluster), before, "seed {seed}: {:?}", body.kind());
        }
        // All that a stranger hears is a PONG.
        let answers = std::iter::from_fn(|| cluster.poll_effect()).filter(|effect| matches!(effect, Effect::Send(..)));
        let asked = matches!(&body, Body::Pulse(pulse) if pulse.kind != PulseKind::Pong);
        assert_eq!(answers.count(), usize::from(asked), "seed {seed}: {:?}", body.kind());
        kinds.insert(body.kind());
    }
    assert_eq!(kinds.len(), Kind::all().len(), "each type was tried");
}

#[test]
pub(crate) fn FR_P2C_007_U010_a_flood_of_meets_is_bounded() {
    let (mut cluster, link, now) = member(2);
    for number in 0..20_000_u32 {
        let mut rng = Rng::with_seed(number.into());
        let mut header = generated::header(&mut rng);
        header.sender = NodeId::from_entropy([(number % 251) as u8; 20]);
        header.address.host = Host::new(&format!("10.{}.{}.1", number / 256 % 256, number % 256)).expect("an address");
        let pulse = crate::wire::Pulse { kind: PulseKind::Meet, gossip: None, extensions: Vec::new() };
        cluster.handle_frame(link, &Frame { header, body: Body::Pulse(pulse) }, now);
    }
    assert!(cluster.nodes().len() <= HANDSHAKES_MAX + 6, "{}", cluster.nodes().len());
    // They never answer, so they go.
    cluster.tick(UnixMillis(now.0 + 2_001));
    assert_eq!(cluster.nodes().len(), 6);
}

/// What holds whatever members say.
fn sane(cluster: &Cluster) {
    let text = cluster.conf().print(PrimaryPort::Tcp);
    let read = NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp);
    assert!(read.is_ok(), "a file that we would not read: {read:?}\n{text}");
    assert!(cluster.nodes().len() <= NODES_MAX);
    let me = &cluster.nodes()[cluster.me()];
    assert!(me.is_master() || cluster.slots().count_of(cluster.me()) == 0, "a replica owns nothing");
    assert!(me.config_epoch <= cluster.current_epoch(), "our epoch is one of the cluster");
    for (_, node) in cluster.nodes().iter() {
        assert_ne!(node.master.map(|master| cluster.nodes()[master].id), Some(node.id), "nobody follows itself");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_members_that_lie_break_nothing_of_our_own() {
    const FRAMES: usize = 3_000;
    for seed in 0..4 {
        let (mut cluster, stranger, mut now) = member(seed);
        let mut rng = Rng::with_seed(seed);
        let mut links = vec![stranger];
        for number in 0..FRAMES {
            let mut header = generated::header(&mut rng);
            header.sender = World::id(rng.usize(..8));
            if rng.u8(..4) > 0 {
                header.current_epoch = Epoch::taken(cluster.current_epoch().number() + rng.u64(..2)).expect("in range");
                header.config_epoch = Epoch::taken(rng.u64(..=cluster.current_epoch().number())).expect("in range");
            }
            header.slots = Slot::all().skip(rng.usize(..16_384)).step_by(97).take(rng.usize(..40)).collect();
            let body = generated::body(&mut rng, b"text");
            let before = (cluster.current_epoch(), cluster.last_vote_epoch());
            links.retain(|link| cluster.link(*link).is_some());
            let outbound = cluster.nodes().iter().filter_map(|(_, node)| node.outbound).collect::<Vec<_>>();
            let all = [&links[..], &outbound].concat();
            if let Some(link) = all.get(rng.usize(..all.len().max(1))) {
                cluster.handle_frame(*link, &Frame { header, body }, now);
            }
            happen(&mut cluster, &mut links, &mut now, &mut rng);
            assert!(cluster.current_epoch() >= before.0 && cluster.last_vote_epoch() >= before.1, "epochs do not fall");
            if number % 20 == 0 {
                sane(&cluster);
            }
        }
    }
}

/// Lets something else happen now and then: time, links, saves.
fn happen(cluster: &mut Cluster, links: &mut Vec<LinkId>, now: &mut UnixMillis, rng: &mut Rng) {
    let host = Host::new("10.9.9.9").expect("an address");
    match rng.u8(..8) {
        0 => {
            *now = UnixMillis(now.0 + rng.u64(..400));
            cluster.tick(*now);
        }
        1 if links.len() < 12 => links.push(cluster.accepted(host, host, *now)),
        2 if !links.is_empty() => {
            let gone = links.swap_remove(rng.usize(..links.len()));
            cluster.closed(gone, *now);
        }
        _ => {}
    }
    cluster.before_sleep(*now);
    while let Some(effect) = cluster.poll_effect() {
        match effect {
            Effect::Dial(link, _) if rng.bool() => cluster.dialled(link, host, host, *now),
            Effect::Dial(link, _) => cluster.closed(link, *now),
            Effect::Save(seq, ..) if rng.u8(..4) > 0 => cluster.saved(seq),
            _ => {}
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_old_frames_again_change_nothing() {
    // What every node sent while the cluster formed and failed over, played again at the end.
    let mut world = World::formed(6, 3, 1_000, 4);
    world.record = Some(Vec::new());
    world.crash(0);
    world.run_until(20_000, "a replica took over", |world| {
        world.running().all(|(at, _)| world.owner(at, Slot::FIRST) == Some(World::id(3))) && world.all_ok()
    });
    world.run(3_000);
    let frames = world.record.take().expect("it was recorded");
    assert!(frames.len() > 300, "{}", frames.len());
    for at in [1, 2, 3, 4, 5] {
        let mut cluster = world.member(at).clone();
        let owners = format!("{:?}", cluster.slots());
        let epochs = |cluster: &Cluster| cluster.nodes().iter().map(|(_, node)| node.config_epoch).collect::<Vec<_>>();
        let before = (cluster.current_epoch(), cluster.last_vote_epoch(), epochs(&cluster));
        let host = Host::new("10.0.0.9").expect("an address");
        for (_, bytes) in frames.iter().filter(|(to, _)| *to == at) {
            let frame = Frame::decode(bytes).expect("our own");
            let link = cluster.accepted(host, host, UnixMillis(world.now));
            cluster.handle_frame(link, &frame, UnixMillis(world.now));
            cluster.before_sleep(UnixMillis(world.now));
        }
        assert_eq!(format!("{:?}", cluster.slots()), owners, "at {at}");
        assert_eq!((cluster.current_epoch(), cluster.last_vote_epoch(), epochs(&cluster)), before, "at {at}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U008_an_edited_file_does_not_break_the_start() {
    let me = "a".repeat(40);
    let lines = [
        format!("{me} :0@0, myself {me} 0 0 0 connected"),
        format!("{me} :0@0, myself,slave {me} 0 0 0 connected"),
        format!("{me} :0@0, myself,slave - 0 0 0 connected"),
        format!("{me} :0@0, myself,master,slave,fail,noaddr {me} 5 5 7 connected 0-16383"),
        format!("{me} :0@0, myself,master,handshake - 0 0 0 connected [5->-{}]", "b".repeat(40)),
    ];
    let ports = World::address(0).ports;
    for line in lines {
        let text = format!("{line}\nvars currentEpoch 3 lastVoteEpoch 9\n");
        let conf =
            NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut cluster = Cluster::restore(crate::settings::ClusterSettings::new(ports), &conf, 1, UnixMillis(5));
        for tick in 0..100 {
            cluster.tick(UnixMillis(5 + tick * 100));
            cluster.before_sleep(UnixMillis(5 + tick * 100));
            while cluster.poll_effect().is_some() {}
        }
        sane(&cluster);
    }
}
