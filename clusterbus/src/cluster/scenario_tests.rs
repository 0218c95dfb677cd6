//! Scenarios that broke clusters in production, by the numbers of the project's list, as far as no data is needed.
//!
//! `adversarial_tests.rs` plays each again with its guard off. More of them stand beside what they are about: S01, S02, S21, S22, S29 and
//! S38 in `cluster_tests.rs`, S08, S09, S31 and S35 in `moved_tests.rs`, S26, S27, S32 and S39 in `restart_tests.rs`, S19 in `vote_tests.rs`,
//! S20 in `manual_tests.rs`. S04, S05, S06, S13, S33, S34, S36 and S37 are about data: of moves that are one step, of replication, of logs.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::world::World;
use super::world::disk::{Crash, STEPS};
use super::world::{checks::Checks, hail, story, weather::Weather};
use super::{FailoverKind, SlotChange, Stored};
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::nodes::NODES_MAX;
use crate::wire::{Body, Frame, GossipEntry, Header, Health, Kind, Marks, Pulse, PulseKind, Seconds};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("in range")
}

fn all_agree(world: &mut World, millis: u64) {
    world.run_until(millis, "all agree and serve", |world| world.agreed() && world.all_ok());
}

fn is_master(world: &World, at: usize) -> bool {
    world.member(at).nodes()[world.member(at).me()].is_master()
}

#[test]
pub(crate) fn FR_P2C_007_S03_a_target_that_alone_knows_keeps_the_slot() {
    for seed in 0..4 {
        let mut world = World::formed(4, 4, 1_000, seed);
        let epoch = |world: &World, at: usize| world.member(at).nodes()[world.member(at).me()].config_epoch;
        // The resharder dies behind its third step: the source is never told. It has the greatest epoch of all.
        let source = (0..4).max_by_key(|at| epoch(&world, *at)).expect("four");
        let target = (source + 1) % 4;
        let (from, to) = (World::id(source), World::id(target));
        let moved = world.member(source).slots().slots_of(world.member(source).me()).iter().next().expect("a master");
        let steps = [
            (target, SlotChange::Importing(from)),
            (source, SlotChange::Migrating(to)),
            (target, SlotChange::Node(to)),
        ];
        for (at, change) in steps {
            world.at_node(at, |cluster, _| cluster.set_slot(moved, change, Stored::Nothing)).expect("it may");
            world.run(50);
        }
        world.run_until(5_000, "all know the new owner", |world| (0..4).all(|at| world.owner(at, moved) == Some(to)));
        all_agree(&mut world, 5_000);
    }
}

#[test]
pub(crate) fn FR_P2C_007_S07_who_follows_has_no_slot_open() {
    let mut world = World::formed(6, 3, 1_000, 7);
    for (number, change) in [(5, SlotChange::Migrating(World::id(1))), (8_000, SlotChange::Importing(World::id(1)))] {
        world.at_node(0, |cluster, _| cluster.set_slot(slot(number), change, Stored::Keys)).expect("it may");
    }
    world.at_node(3, |cluster, now| cluster.failover(FailoverKind::Forced, now)).expect("a replica");
    world.run_until(5_000, "the old master follows", |world| !is_master(world, 0));
    all_agree(&mut world, 5_000);
    assert!((0..6).all(|at| world.member(at).conf().open.is_empty()), "{}", world.show());
}

#[test]
pub(crate) fn FR_P2C_007_S10_an_old_primary_does_not_win_again() {
    for seed in 0..5 {
        let mut world = World::formed(6, 3, 1_000, seed);
        world.run(2_000);
        world.crash(0);
        world.run_until(10_000, "its replica takes over", |world| world.owner(1, slot(0)) == Some(World::id(3)));
        all_agree(&mut world, 5_000);
        // It comes back with a file of before the epochs of the cluster had parted.
        let mut rng = fastrand::Rng::with_seed(seed);
        world.disks[0].put_back(&mut rng);
        world.start(0);
        for _ in 0..400 {
            world.run(25);
            assert!((1..6).all(|at| world.owner(at, slot(0)) == Some(World::id(3))), "seed {seed}\n{}", world.show());
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_S11_an_old_file_does_not_lower_an_epoch() {
    let mut played = 0;
    for seed in 0..12 {
        let mut world = World::formed(6, 3, 1_000, seed);
        world.at_node(0, |cluster, _| cluster.bump());
        world.run(2_000);
        let mut rng = fastrand::Rng::with_seed(seed);
        let own = |world: &World| {
            world.on_disk(0).nodes.iter().find(|node| node.id == World::id(0)).map(|node| node.config_epoch)
        };
        let before = own(&world);
        world.crash(0);
        // One with an earlier epoch, but in which it knows the others.
        let fits = |world: &World| world.on_disk(0).nodes.len() == 6 && own(world) < before;
        if !(0..100).any(|_| world.disks[0].put_back(&mut rng) && fits(&world)) {
            continue;
        }
        played += 1;
        world.start(0);
        world.run(6_000);
        for (at, cluster) in world.running() {
            let own = world.member(0).nodes()[world.member(0).me()].config_epoch;
            let seen = cluster.nodes()[cluster.nodes().find(&World::id(0)).expect("known")].config_epoch;
            assert_eq!(own, seen, "seed {seed}: node 0 and what {at} knows of it");
        }
    }
    assert!(played > 0, "some node had such a file");
}

#[test]
pub(crate) fn FR_P2C_007_S12_an_empty_replica_is_not_elected() {
    for seed in 0..3 {
        let mut world = World::formed(6, 3, 1_000, seed);
        // It was just added: its master has sent it nothing, and dies.
        world.crash(3);
        world.disks[3].wipe();
        world.starved.insert(3);
        world.start(3);
        let added = world.id_of(3);
        world.at_node(1, |cluster, now| cluster.meet(World::address(3), now));
        let known = |world: &World, at| world.member(at).nodes().find(&World::id(0)).is_some();
        world.run_until(10_000, "it is known", |world| {
            known(world, 3) && (0..3).all(|at| world.member(at).nodes().find(&added).is_some())
        });
        world.at_node(3, |cluster, _| cluster.replicate(World::id(0), Stored::Nothing)).expect("it is empty");
        world.run(3_000);
        world.crash(0);
        world.run(30_000);
        assert!(!is_master(&world, 3), "seed {seed}: an empty replica has its master's slots\n{}", world.show());
    }
}

#[test]
pub(crate) fn FR_P2C_007_S14_no_replica_follows_a_replica() {
    for seed in 0..8 {
        let mut world = World::formed(9, 3, 1_000, seed);
        // Replica 6 of 0 is away while 3 takes 0's place and 0 comes back as its replica.
        world.partition(&[6], &[0, 1, 2, 3, 4, 5, 7, 8]);
        world.crash(0);
        world.run_until(15_000, "replica 3 takes over", |world| world.owner(1, slot(0)) == Some(World::id(3)));
        world.start(0);
        world.run_until(10_000, "the old master follows", |world| !is_master(world, 0));
        world.run(1_000);
        // At first it hears only the old master, which is a replica now.
        world.heal();
        world.partition(&[6], &[1, 2, 3, 4, 5, 7, 8]);
        world.run(3_000);
        let follows = |world: &World, at: usize| {
            let cluster = world.member(at);
            cluster.nodes()[cluster.me()].master.map(|master| cluster.nodes()[master].id)
        };
        assert_eq!(follows(&world, 6), Some(World::id(3)), "seed {seed}\n{}", world.show());
        world.heal();
        all_agree(&mut world, 20_000);
        assert_eq!([0, 6].map(|at| follows(&world, at)), [Some(World::id(3)); 2]);
    }
}

#[test]
pub(crate) fn FR_P2C_007_S15_many_masters_at_once_are_replaced() {
    for seed in 0..6 {
        let mut world = World::formed(30, 15, 1_000, seed);
        // All who live have to vote for each, and the votes of several elections may be under way at the same time.
        world.weather = Weather { late: 300, late_millis: 300, ..Weather::FAIR };
        world.run(2_000);
        (0..7).for_each(|at| world.crash(at));
        world.run_until(5_000, "they are missed", |world| world.running().all(|(_, one)| one.health() == Health::Fail));
        let took = world.run_until(40_000, "replicas took over", |world| world.all_ok() && world.agreed());
        // One after the other. All at once it takes 11 s on average, and in one of fifty cases their data is too old before they agree.
        assert!(took < 9_000, "seed {seed}: {took} ms");
    }
}

#[test]
pub(crate) fn FR_P2C_007_S15_an_election_without_majority_comes_again() {
    let mut world = World::formed(6, 3, 1_000, 15);
    world.run(1_000);
    world.crash(0);
    world.run_until(10_000, "FAIL", |world| (1..6).all(|at| world.flags(at, 0).has(NodeFlags::FAIL)));
    // Of two who would have to vote, one stands still until the first election is over.
    world.freeze(1, 4_000);
    world.run(4_000);
    assert!(!is_master(&world, 3), "one vote of three");
    world.run_until(15_000, "it is elected", |world| is_master(world, 3));
    all_agree(&mut world, 10_000);
}

#[test]
pub(crate) fn FR_P2C_007_S16_suspects_of_a_large_cluster_fail() {
    let mut world = World::formed(60, 60, 2_000, 16);
    world.crash(7);
    let failed = |world: &World| (0..60).filter(|at| *at != 7).all(|at| world.flags(at, 7).has(NodeFlags::FAIL));
    let took = world.run_until(10_000, "FAIL everywhere", failed);
    assert!(took <= 2_000 + 1_000 + 500, "{took} ms");
}

#[test]
pub(crate) fn FR_P2C_007_S17_a_replica_that_followed_for_a_moment_is_elected() {
    for seed in 0..4 {
        let mut world = World::formed(9, 3, 1_000, seed);
        world.run(1_000);
        world.crash(0);
        world
            .run_until(15_000, "one of its replicas takes over", |world| [3, 6].iter().any(|at| is_master(world, *at)));
        let (first, second) = if is_master(&world, 3) { (3, 6) } else { (6, 3) };
        // The other follows it, and never gets as far as to hear anything of its data.
        world.starved.insert(second);
        let follows = |world: &World| {
            let cluster = world.member(second);
            cluster.nodes()[cluster.me()].master.map(|master| cluster.nodes()[master].id) == Some(World::id(first))
        };
        world.run_until(5_000, "the other follows it", follows);
        world.crash(first);
        let has = |world: &World| world.owner(1, slot(0)) == Some(World::id(second)) && world.all_ok();
        let took = world.run_until(30_000, "the other takes over", has);
        assert!(took < 15_000, "seed {seed}: {took} ms");
    }
}

#[test]
pub(crate) fn FR_P2C_007_S18_a_replica_that_missed_a_move_is_elected() {
    for seed in 0..4 {
        let mut world = World::formed(10, 5, 1_000, seed);
        let everybody: Vec<usize> = (0..10).filter(|at| *at != 5).collect();
        world.partition(&[5], &everybody);
        // Slot 0 goes from 0 to 1, and 5, which follows 0, does not hear of it; nor will it hear 1.
        world
            .at_node(1, |cluster, _| cluster.set_slot(slot(0), SlotChange::Importing(World::id(0)), Stored::Nothing))
            .expect("may");
        for at in [1, 0] {
            world
                .at_node(at, |cluster, _| cluster.set_slot(slot(0), SlotChange::Node(World::id(1)), Stored::Nothing))
                .expect("may");
        }
        world.run(500);
        world.crash(0);
        world.heal();
        world.partition(&[5], &[1]);
        world.run_until(40_000, "it is elected", |world| is_master(world, 5));
        world.heal();
        all_agree(&mut world, 20_000);
        assert_eq!((world.owner(2, slot(0)), world.owner(2, slot(9))), (Some(World::id(1)), Some(World::id(5))));
    }
}

#[test]
pub(crate) fn FR_P2C_007_S23_an_address_of_a_dead_node_merges_no_clusters() {
    // Two clusters: 0 to 2, and 3 to 5.
    let mut world = World::new(6, 1_000, 23);
    for first in [0, 3] {
        let all: Vec<Slot> = Slot::all().collect();
        world.at_node(first, |cluster, _| cluster.add_slots(&all)).expect("they are free");
        [1, 2]
            .iter()
            .for_each(|other| world.at_node(first, |cluster, now| cluster.meet(World::address(first + other), now)));
    }
    let known = |world: &World, at: usize| world.member(at).nodes().len();
    world.run_until(10_000, "both are formed", |world| (0..6).all(|at| known(world, at) == 3));
    world.crash(2);
    world.crash(5);
    world.move_to(2, 7);
    world.move_to(5, 2);
    world.start(5);
    world.run(20_000);
    assert!([0, 1, 3, 4, 5].iter().all(|at| known(&world, *at) == 3), "{}", world.show());
    assert!([0, 1].iter().all(|at| world.flags(*at, 2).has(NodeFlags::NOADDR)), "nobody looks for it there");
    assert_eq!(world.owner(0, slot(0)), Some(World::id(0)));
}

#[test]
pub(crate) fn FR_P2C_007_S24_a_node_with_another_address_is_found() {
    let mut world = World::formed(6, 3, 1_000, 24);
    for (at, home) in [(2, 20), (4, 21), (5, 22)] {
        world.crash(at);
        world.move_to(at, home);
        world.start(at);
    }
    world.run_until(20_000, "all are found", |world| {
        let ill = NodeFlags::PFAIL.and(NodeFlags::FAIL).and(NodeFlags::NOADDR);
        world.all_ok() && (0..6).all(|at| (0..6).all(|of| !world.flags(at, of).has_any(ill)))
    });
}

#[test]
pub(crate) fn FR_P2C_007_S25_two_nodes_change_places() {
    let mut world = World::formed(6, 3, 1_000, 25);
    // A master and its replica: the replica must not take itself for its master.
    [1, 4].iter().for_each(|at| world.crash(*at));
    world.move_to(1, 4);
    world.move_to(4, 1);
    [1, 4].iter().for_each(|at| world.start(*at));
    world.run_until(30_000, "all are found", |world| {
        let ill = NodeFlags::PFAIL.and(NodeFlags::FAIL).and(NodeFlags::NOADDR);
        world.all_ok() && world.agreed() && (0..6).all(|at| (0..6).all(|of| !world.flags(at, of).has_any(ill)))
    });
}

#[test]
pub(crate) fn FR_P2C_007_S28_a_slow_disk_makes_nobody_suspect() {
    let mut world = World::formed(6, 3, 1_000, 28);
    world.disk_millis = 5_000;
    for _ in 0..200 {
        world.at_node(1, |cluster, _| cluster.save_conf());
        world.run(100);
        for (at, cluster) in world.running() {
            let failing = cluster.nodes().iter().filter(|(_, node)| node.is_failing()).count();
            assert_eq!((failing, cluster.health()), (0, Health::Ok), "at {at}");
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_S30_takeovers_on_both_sides_have_one_end() {
    for seed in 0..4 {
        let mut world = World::formed(6, 3, 1_000, seed);
        world.partition(&[0, 1, 2], &[3, 4, 5]);
        world.run(500);
        for at in 3..6 {
            world.at_node(at, |cluster, now| cluster.failover(FailoverKind::Takeover, now)).expect("a replica");
        }
        for at in 0..3 {
            world.at_node(at, |cluster, _| cluster.bump());
        }
        world.run(8_000);
        world.heal();
        all_agree(&mut world, 20_000);
        let owners = |world: &World| [0, 6_000, 12_000].map(|number| world.owner(0, slot(number)));
        let before = owners(&world);
        for _ in 0..300 {
            world.run(100);
            assert!(owners(&world) == before && world.all_ok(), "seed {seed}: it goes to and fro");
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_S40_a_primary_that_ends_hands_over_first() {
    for seed in 0..4 {
        let mut world = World::formed(6, 3, 1_000, seed);
        world.run(1_000);
        world.at_node(3, |cluster, now| cluster.failover(FailoverKind::Agreed, now)).expect("the master is there");
        let took = world.run_until(2_000, "it has handed over", |world| !is_master(world, 0) && world.agreed());
        assert!(took < 1_000, "seed {seed}: {took} ms");
        world.crash(0);
        for _ in 0..100 {
            world.run(50);
            assert!([1, 2, 3].iter().all(|at| world.member(*at).health() == Health::Ok), "seed {seed}");
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_U013_a_clock_that_jumps_stops_nobody() {
    for by in [-3_600_000, -900, 3_600_000] {
        let mut world = World::formed(6, 3, 1_000, 13);
        // Alone, it stops in time by its own clock.
        world.partition(&[1], &[0, 2, 3, 4, 5]);
        world.set_clock(1, by);
        let took = world.run_until(8_000, "it stops", |world| world.member(1).health() == Health::Fail);
        assert!(took <= 1_700, "{by}: {took} ms");
        world.heal();
        world.run_until(8_000, "it serves", |world| world.all_ok() && world.agreed());
        world.run(3_000);
        world.crash(3);
        let took = world.run_until(8_000, "it finds a dead node", |world| world.flags(1, 3).has(NodeFlags::FAIL));
        assert!(took <= 2_000, "{by}: {took} ms");
        let ill = NodeFlags::PFAIL.and(NodeFlags::FAIL);
        assert!((0..3).all(|at| (0..3).all(|of| !world.flags(at, of).has_any(ill))), "{by}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U011_a_crash_at_every_step_of_every_save() {
    // Node 1 votes in the election that follows the death of 0, and crashes before, in and behind each of its saves.
    for save in 1..=3 {
        for step in STEPS {
            for how in [Crash::Kill, Crash::Power] {
                let mut world = World::formed(9, 3, 1_000, 11 + save);
                world.checks = Some(Checks::new(&world));
                world.disk_millis = 40;
                world.crash(0);
                for member in [1, 3] {
                    let save = world.disks[member].begun + save;
                    world.crash_point = Some(super::world::CrashPoint { member, save, step, how });
                    world.run(4_000);
                    world.crash_point = None;
                    for at in [1, 3] {
                        if world.members[at].is_none() {
                            world.start(at);
                        }
                    }
                }
                world.run_until(40_000, "somebody has the slots", |world| world.agreed() && world.all_ok());
            }
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_SIM_stories_of_some_seeds() {
    for seed in 0..12 {
        story::play(seed, |_| ());
    }
}

#[test]
pub(crate) fn FR_P2C_007_SIM_a_story_is_the_same_each_time() {
    assert_eq!(story::play(3, |_| ()), story::play(3, |_| ()));
}

#[test]
pub(crate) fn FR_P2C_007_U010_malformed_frames_of_every_type_change_nothing() {
    let fallen = hail::fall(10, 60_000);
    assert_eq!(fallen.types, Kind::all().len(), "{fallen:?}");
    assert!(fallen.refused > 30_000 && fallen.of_strangers > 1_000, "{fallen:?}");
}

#[test]
pub(crate) fn FR_P2C_007_U010_a_flood_of_gossip_is_bounded() {
    // A member tells of a hundred thousand nodes that nobody knows.
    let world = World::formed(3, 3, 1_000, 10);
    let (mut cluster, now) = (world.member(1).clone(), world.clock(1));
    let member = cluster.nodes()[cluster.nodes().find(&World::id(0)).expect("known")].clone();
    let link = member.outbound.expect("they are linked");
    let mut rng = fastrand::Rng::with_seed(10);
    for _ in 0..1_000 {
        let header = Header { sender: member.id, ..cluster.header(Marks::NONE) };
        let gossip = (0..100).map(|_| GossipEntry {
            id: NodeId::from_entropy(std::array::from_fn(|_| rng.u8(..))),
            ping_sent: Seconds(0),
            pong_received: Seconds(0),
            address: World::address(9),
            flags: NodeFlags::MASTER,
        });
        let pulse = Pulse { kind: PulseKind::Ping, gossip: Some(gossip.collect()), extensions: Vec::new() };
        cluster.handle_frame(link, &Frame { header, body: Body::Pulse(pulse) }, now);
        while cluster.poll_effect().is_some() {}
    }
    assert_eq!(cluster.nodes().len(), NODES_MAX);
}
