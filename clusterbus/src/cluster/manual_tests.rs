//! Failover by request, and slots moved by hand.
#![allow(non_snake_case)]

use crate::snapshot::{Mark, Owner, SnapshotVersion};
use keyspace::slot::Slot;

use super::world::World;
use super::{AdminError, FailoverError, FailoverKind, SlotChange, Stored};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("in range")
}

#[test]
pub(crate) fn FR_P2C_007_U011_a_failover_by_request() {
    for kind in [FailoverKind::Agreed, FailoverKind::Forced, FailoverKind::Takeover] {
        for seed in 0..5 {
            let mut world = World::formed(6, 3, 2_000, seed);
            world.run(1_000);
            world.at_node(3, |cluster, now| cluster.failover(kind, now)).expect("the master is there");
            let took = world.run_until(5_000, "the replica has the slots", |world| {
                (0..6).all(|at| world.owner(at, slot(0)) == Some(World::id(3)))
            });
            assert!(took < 3_000, "{kind:?} {seed}: {took}");
            world.run_until(5_000, "all agree", |world| world.agreed() && world.all_ok());
            assert!(!world.member(0).nodes()[world.member(0).me()].is_master(), "{kind:?}: the old master follows");
            assert!(
                world.members.iter().flatten().all(|member| member.paused.is_none()),
                "{kind:?}: nobody stands still"
            );
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_S20_a_failover_that_does_not_come_to_an_end_is_called_off() {
    let mut world = World::formed(6, 3, 2_000, 20);
    world.at_node(3, |cluster, now| cluster.failover(FailoverKind::Agreed, now)).expect("the master is there");
    world.run(10);
    assert!(world.members[0].as_ref().expect("it runs").paused.is_some(), "the master stands still");
    world.crash(3);
    world.run(5_500);
    assert_eq!(world.members[0].as_ref().expect("it runs").paused, None, "it goes on after five seconds");
    assert_eq!(world.owner(1, slot(0)), Some(World::id(0)));
}

#[test]
pub(crate) fn FR_P2C_007_U011_who_may_ask_for_a_failover() {
    let mut world = World::formed(6, 3, 2_000, 2);
    let ask = |world: &mut World, at, kind| world.at_node(at, |cluster, now| cluster.failover(kind, now));
    assert_eq!(ask(&mut world, 0, FailoverKind::Forced), Err(FailoverError::Master));
    world.crash(0);
    world.run(300);
    assert_eq!(ask(&mut world, 3, FailoverKind::Agreed), Err(FailoverError::MasterDown));
    assert_eq!(ask(&mut world, 3, FailoverKind::Forced), Ok(()));
}

#[test]
pub(crate) fn FR_P2C_007_U014_a_slot_is_moved_by_hand() {
    let mut world = World::formed(4, 3, 1_000, 3);
    let (source, target, moved) = (World::id(0), World::id(1), slot(100));
    let mut set = |at: usize, change, stored| world.at_node(at, |cluster, _| cluster.set_slot(moved, change, stored));
    let (keys, none) = (Stored::Keys, Stored::Nothing);
    assert_eq!(set(1, SlotChange::Migrating(source), none), Err(AdminError::NotOwner(moved)));
    assert_eq!(set(0, SlotChange::Importing(target), none), Err(AdminError::AlreadyOwner(moved)));
    assert_eq!(set(0, SlotChange::Migrating(World::id(9)), none), Err(AdminError::DoNotKnow(World::id(9))));
    assert_eq!(set(0, SlotChange::Node(World::id(9)), none), Err(AdminError::UnknownNode(World::id(9))));
    assert_eq!(set(0, SlotChange::Migrating(World::id(3)), none), Err(AdminError::TargetReplica));
    assert_eq!(set(3, SlotChange::Stable, none), Err(AdminError::NotMaster));
    set(1, SlotChange::Importing(source), none).expect("it is another's");
    set(0, SlotChange::Migrating(target), keys).expect("it is its own");
    assert_eq!(set(0, SlotChange::Node(target), keys), Err(AdminError::HoldsKeys(moved)));
    set(1, SlotChange::Node(target), keys).expect("it came here");
    set(0, SlotChange::Node(target), none).expect("it is empty");
    world.run_until(5_000, "all know", |world| {
        (0..4).all(|at| world.owner(at, moved) == Some(target)) && world.agreed()
    });
    assert!([0, 1].iter().all(|at| world.member(*at).conf().open.is_empty()), "no mark is left");
    let epoch = |at: usize| world.member(at).nodes()[world.member(at).me()].config_epoch;
    assert!(epoch(1) > epoch(0) && epoch(1) > epoch(2), "it took the slot with an epoch of its own");
}

#[test]
pub(crate) fn FR_P2C_007_U014_a_slot_that_comes_is_served_as_before_until_it_is_on_disk() {
    let mut world = World::formed(3, 3, 1_000, 5);
    let (target, moved) = (World::id(1), slot(100));
    let import = SlotChange::Importing(World::id(0));
    world.at_node(1, |cluster, _| cluster.set_slot(moved, import, Stored::Nothing)).expect("it is another's");
    world.run(1_000);
    let (before, meanwhile) = world.at_node(1, |cluster, _| {
        let before = cluster.snapshot(SnapshotVersion(1));
        cluster.set_slot(moved, SlotChange::Node(target), Stored::Keys).expect("its keys came here");
        (before, cluster.snapshot(SnapshotVersion(1)))
    });
    assert!(matches!(before.owner(moved), Owner::Other(_)) && before.mark(moved) == Mark::Importing);
    assert_eq!(meanwhile, before);
    world.run(1_000);
    assert_eq!(world.member(1).snapshot(SnapshotVersion(2)).owner(moved), Owner::Me);
}

#[test]
pub(crate) fn FR_P2C_007_S03_the_target_need_not_be_told() {
    // Only the source hears SETSLOT NODE; the target imports, and its claim of the others' table is made when it is told later.
    let mut world = World::formed(3, 3, 1_000, 4);
    let moved = slot(100);
    world
        .at_node(1, |cluster, _| cluster.set_slot(moved, SlotChange::Importing(World::id(0)), Stored::Nothing))
        .expect("it may");
    world
        .at_node(0, |cluster, _| cluster.set_slot(moved, SlotChange::Node(World::id(1)), Stored::Nothing))
        .expect("it is empty");
    world.run(3_000);
    world
        .at_node(1, |cluster, _| cluster.set_slot(moved, SlotChange::Node(World::id(1)), Stored::Keys))
        .expect("it may");
    world.run_until(5_000, "all know", |world| (0..3).all(|at| world.owner(at, moved) == Some(World::id(1))));
    world.run(3_000);
    assert!(world.agreed() && world.all_ok());
}
