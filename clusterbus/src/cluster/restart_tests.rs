//! Nodes that start again: from files of other versions, on disks that are full, and one after the other with another version.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::Cluster;
use super::world::World;
use super::world::checks::Checks;
use super::{FailoverKind, SlotChange, Stored};
use crate::conf::OpenSlot;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::time::UnixMillis;
use crate::wire::{Body, Frame, Header, Marks, Pulse, PulseKind};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("in range")
}

fn all_agree(world: &mut World, millis: u64) {
    world.run_until(millis, "all agree and serve", |world| world.agreed() && world.all_ok());
}

/// Whether all nodes see each replica in the shard of its master.
fn shards_are_whole(world: &World) -> bool {
    world.running().all(|(_, cluster)| {
        let nodes = cluster.nodes();
        nodes.iter().all(|(_, node)| node.master.is_none_or(|master| nodes[master].shard == node.shard))
    })
}

#[test]
pub(crate) fn FR_P2C_007_S26_a_file_with_other_shards_is_read_and_put_right() {
    let mut world = World::formed(6, 3, 1_000, 26);
    world.run(1_000);
    assert!(shards_are_whole(&world));
    for at in 0..6 {
        world.crash(at);
        let mut conf = world.on_disk(at).clone();
        for (node, number) in conf.nodes.iter_mut().zip(0..).filter(|(node, _)| node.flags.has(NodeFlags::REPLICA)) {
            node.shard = Some(ShardId::from_entropy([100 + number; 20]));
        }
        world.disks[at].put(conf);
    }
    (0..6).for_each(|at| world.start(at));
    assert!(shards_are_whole(&world), "{}", world.show());
    all_agree(&mut world, 10_000);
    assert!(shards_are_whole(&world), "{}", world.show());
    // A replica that followed before its master said its shard, as after an upgrade, goes along.
    world.at_node(0, |cluster, _| {
        let me = cluster.me;
        cluster.nodes[me].shard = ShardId::from_entropy([99; 20]);
    });
    world.run_until(5_000, "all have heard", shards_are_whole);
    let shard = |at: usize| world.member(at).nodes()[world.member(at).me()].shard;
    assert_eq!(shard(3), shard(0));
}

#[test]
pub(crate) fn FR_P2C_007_S27_a_full_disk_ends_its_nodes_before_they_tell() {
    for seed in 0..3 {
        let mut world = World::formed(14, 7, 1_000, seed);
        world.checks = Some(Checks::new(&world));
        world.crash(2);
        world.run_until(5_000, "FAIL", |world| (3..14).all(|at| world.flags(at, 2).has(NodeFlags::FAIL)));
        world.run(50);
        // Two masters and a replica live on the host whose disk is full now. The next that is to be saved is a vote.
        world.full.extend([0, 1, 13]);
        let living = |world: &World| world.all_ok() && world.agreed();
        world.run_until(60_000, "the others go on", living);
        assert!([0, 1].iter().all(|at| world.members[*at].is_none()), "seed {seed}: they cannot go on");
        world.full.clear();
        for at in [0, 1, 2, 13] {
            if world.members[at].is_none() {
                world.start(at);
            }
        }
        all_agree(&mut world, 20_000);
    }
}

#[test]
pub(crate) fn FR_P2C_007_S39_an_upgrade_in_the_middle_of_a_move() {
    let mut world = World::new(6, 1_000, 39);
    world.old.extend(0..6);
    world.form(3);
    let (from, to) = (World::id(0), World::id(1));
    let moved = slot(100);
    for (at, change) in [(1, SlotChange::Importing(from)), (0, SlotChange::Migrating(to))] {
        world.at_node(at, |cluster, _| cluster.set_slot(moved, change, Stored::Keys)).expect("it may");
    }
    world.run(500);
    // Replicas first, then masters, each in less than a node timeout.
    for at in [3, 4, 5, 0, 1, 2] {
        world.crash(at);
        if at == 3 {
            // Its version before had a replica note what its master moves.
            let mut conf = world.on_disk(at).clone();
            conf.open = vec![OpenSlot::Migrating(moved, to)];
            world.disks[at].put(conf);
        }
        world.old.remove(&at);
        world.start(at);
        all_agree(&mut world, 10_000);
        let open = |at: usize| world.member(at).conf().open;
        assert_eq!([0, 1, 2].map(|at| open(at).len()), [1, 1, 0], "{at} is new: the move goes on");
        assert!([3, 4, 5].iter().all(|at| open(*at).is_empty()), "{at} is new: a replica moves nothing");
    }
    world.run(2_000);
    assert!(shards_are_whole(&world), "{}", world.show());
    for (at, stored) in [(1, Stored::Keys), (0, Stored::Nothing)] {
        world.at_node(at, |cluster, _| cluster.set_slot(moved, SlotChange::Node(to), stored)).expect("it may");
    }
    world.at_node(3, |cluster, now| cluster.failover(FailoverKind::Forced, now)).expect("a replica");
    let owner = |world: &World, number| -> Option<NodeId> { world.owner(5, slot(number)) };
    world.run_until(5_000, "3 has its master's place", |world| owner(world, 7) == Some(World::id(3)));
    all_agree(&mut world, 5_000);
    assert_eq!(owner(&world, 100), Some(to));
    assert!((0..6).all(|at| world.member(at).conf().open.is_empty()));
}

/// A node says with a PING that it is a master, or whom it follows.
fn says(cluster: &mut Cluster, header: Header, now: UnixMillis) {
    let host = World::address(3).host;
    let link = cluster.accepted(host, host, now);
    let pulse = Pulse { kind: PulseKind::Ping, gossip: Some(Vec::new()), extensions: Vec::new() };
    cluster.handle_frame(link, &Frame { header, body: Body::Pulse(pulse) }, now);
}

#[test]
pub(crate) fn FR_P2C_007_U009_who_was_elected_and_forgot_it_is_believed() {
    let mut world = World::formed(6, 3, 1_000, 9);
    let before = world.member(0).header(Marks::NONE);
    world.crash(0);
    world.run_until(10_000, "3 is elected", |world| world.owner(2, slot(0)) == Some(World::id(3)));
    let after = world.member(3).header(Marks::NONE);
    let mut cluster = world.members[2].take().expect("it runs").cluster;
    // It came back with a file of before: a replica of 0, with the epoch that 0 had.
    let (current_epoch, config_epoch) = (after.current_epoch, before.config_epoch);
    assert!(config_epoch < after.config_epoch);
    let forgot =
        Header { master: Some(World::id(0)), current_epoch, config_epoch, slots: before.slots, ..after.clone() };
    let three = cluster.nodes().find(&World::id(3)).expect("known");
    // One that is late is not believed, nor are several between which it says the contrary.
    for time in (0..4_000).step_by(400) {
        let now = UnixMillis(world.now + time);
        cluster.last_tick = Some(now);
        says(&mut cluster, forgot.clone(), now);
        assert!(cluster.nodes()[three].is_master(), "{time}");
        says(&mut cluster, after.clone(), now);
    }
    for time in (4_000..5_500).step_by(100) {
        let now = UnixMillis(world.now + time);
        cluster.last_tick = Some(now);
        says(&mut cluster, forgot.clone(), now);
        assert_eq!(cluster.nodes()[three].is_master(), time <= 5_000, "{time}");
    }
    let zero = cluster.nodes().find(&World::id(0)).expect("known");
    assert_eq!(cluster.slots().owner(slot(0)), Some(zero));
}

#[test]
pub(crate) fn FR_P2C_007_S32_no_garbage_among_320_names() {
    const COUNT: usize = 320;
    /// Where the first name of gossip is.
    const GOSSIP: usize = 2_256;
    let mut world = World::of_files(COUNT, 10_000, 32);
    world.record = Some(Vec::new());
    world.run_until(8_000, "all serve", World::all_ok);
    // Frames of members arrive with damaged names in them, at all kinds of nodes.
    let recorded = world.record.take().expect("it was recorded");
    let pulses = recorded.iter().filter(|(_, frame)| frame.len() > GOSSIP + 104 && frame[15] > 0);
    let mut damaged = 0;
    for (number, (at, frame)) in pulses.step_by(41).take(200).enumerate() {
        let sender = Frame::decode(frame).expect("our own frames are well-formed").header.sender;
        let mut bytes = frame.to_vec();
        bytes[GOSSIP + number % 40] = [b'A', b'{', 0, b' '][number % 4];
        let now = world.clock(*at);
        let host = World::address(0).host;
        let cluster = &mut world.members[*at].as_mut().expect("it runs").cluster;
        let bound = cluster.nodes().find(&sender).and_then(|sender| cluster.nodes()[sender].inbound);
        let link = bound.unwrap_or_else(|| cluster.accepted(host, host, now));
        damaged += 1;
        if let Ok(frame) = Frame::decode(&bytes) {
            cluster.handle_frame(link, &frame, now);
        }
    }
    assert_eq!(damaged, 200);
    world.run(2_000);
    let names: Vec<NodeId> = (0..COUNT).map(World::id).collect();
    for (at, cluster) in world.running() {
        let strange = cluster.nodes().iter().find(|(_, node)| names.binary_search(&node.id).is_err());
        assert!(strange.is_none(), "{at} knows {:?}", strange.map(|(_, node)| node.id.bytes()));
        assert_eq!(cluster.nodes().len(), COUNT, "{at}");
    }
    assert!(world.all_ok() && world.agreed());
}
