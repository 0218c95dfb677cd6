//! Slots that are moved by hand, while nodes and administrators come and go; and what clients are told of it.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::world::World;
use super::{AdminError, FailoverKind, SlotChange, Stored};
use crate::command::{ClusterCommand, ClusterReply, CommandFacts};
use crate::flags::NodeFlags;
use crate::gate::{Access, ClientModes, Decision, Gate, Request, Topic, Verb, decide_waiting};
use crate::id::NodeId;
use crate::snapshot::{Owner, Snapshot, SnapshotVersion};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("in range")
}

fn all_agree(world: &mut World, millis: u64) {
    world.run_until(millis, "all agree and serve", |world| world.agreed() && world.all_ok());
}

fn master_of(world: &World, at: usize) -> Option<NodeId> {
    let cluster = world.member(at);
    cluster.nodes()[cluster.me()].master.map(|master| cluster.nodes()[master].id)
}

#[test]
pub(crate) fn FR_P2C_007_S08_replicas_of_an_emptied_master_go_along() {
    for seed in 0..3 {
        let mut world = World::formed(6, 3, 1_000, seed);
        let (source, target) = (World::id(1), World::id(2));
        // Its replica hears of it from the target only, and before any gossip about its master.
        world.partition(&[4], &[0, 1, 3, 5]);
        let moved: Vec<Slot> = world.member(1).slots().slots_of(world.member(1).me()).iter().collect();
        for change in [SlotChange::Importing(source), SlotChange::Node(target)] {
            world.at_node(2, |cluster, _| {
                moved.iter().for_each(|slot| cluster.set_slot(*slot, change, Stored::Nothing).expect("it may"));
            });
        }
        world.run_until(5_000, "it follows the new owner", |world| master_of(world, 4) == Some(target));
        world.heal();
        world.run_until(5_000, "so does its old master", |world| master_of(world, 1) == Some(target));
        all_agree(&mut world, 10_000);
        assert_eq!(master_of(&world, 4), Some(target), "seed {seed}");
    }
}

/// An administrator who moves slot 100, from 0 to 1, and where its keys are.
struct Move {
    world: World,
    keys_at: usize,
}

impl Move {
    const STEPS: usize = 6;

    fn set(&mut self, at: usize, change: SlotChange) -> Result<(), AdminError> {
        let stored = if self.keys_at == at { Stored::Keys } else { Stored::Nothing };
        let done = self.world.at_node(at, |cluster, _| cluster.set_slot(slot(100), change, stored));
        self.world.run(100);
        done
    }

    /// One step of it. It tries to give the slot away too early as well.
    fn step(&mut self, step: usize) {
        let (from, to) = (World::id(0), World::id(1));
        match step {
            0 => self.set(1, SlotChange::Importing(from)).expect("it may"),
            1 => self.set(0, SlotChange::Migrating(to)).expect("it may"),
            2 => drop(self.set(0, SlotChange::Node(to))),
            3 => self.keys_at = 1,
            4 => self.set(1, SlotChange::Node(to)).expect("it may"),
            _ => self.set(0, SlotChange::Node(to)).expect("it is empty"),
        }
        let (owner, here) = (self.world.owner(self.keys_at, slot(100)), World::id(self.keys_at));
        let imports = self.world.member(self.keys_at).slots().importing(slot(100)).is_some();
        assert!(imports || owner == Some(here), "step {step}: {here} has the keys, and to it the slot is {owner:?}'s");
    }

    /// What `redis-cli --cluster fix` does of a slot that is open: keys go to one node, and it gets the slot.
    fn fix(&mut self) {
        let open = |world: &World, at: usize| world.member(at).conf().open.iter().any(|open| open.slot() == slot(100));
        if !open(&self.world, 0) && !open(&self.world, 1) {
            return;
        }
        let importing = self.world.member(1).slots().importing(slot(100)).is_some();
        let owns = self.world.owner(1, slot(100)) == Some(World::id(1));
        if self.keys_at == 1 || importing || owns {
            self.keys_at = 1;
            [1, 0].iter().for_each(|at| self.set(*at, SlotChange::Node(World::id(1))).expect("its keys are there"));
        }
        [0, 1].iter().for_each(|at| self.set(*at, SlotChange::Stable).expect("it may"));
    }
}

#[test]
pub(crate) fn FR_P2C_007_S09_a_move_that_ends_anywhere_is_mended_without_loss() {
    for steps in 0..=Move::STEPS {
        let mut moving = Move { world: World::formed(4, 3, 1_000, 9), keys_at: 0 };
        (0..steps).for_each(|step| moving.step(step));
        moving.world.run(1_000);
        moving.fix();
        all_agree(&mut moving.world, 10_000);
        let (world, keys_at) = (&moving.world, moving.keys_at);
        assert!((0..4).all(|at| world.member(at).conf().open.is_empty()), "{steps} steps\n{}", world.show());
        let owner = Some(World::id(keys_at));
        assert!((0..4).all(|at| world.owner(at, slot(100)) == owner), "{steps} steps: its keys are at {keys_at}");
    }
}

fn items(reply: &ClusterReply) -> &[ClusterReply] {
    let ClusterReply::Array(items) = reply else { panic!("{reply:?} is no array") };
    items
}

fn number(reply: &ClusterReply) -> i64 {
    let ClusterReply::Int(number) = reply else { panic!("{reply:?} is no number") };
    *number
}

fn ask(world: &mut World, at: usize, command: ClusterCommand) -> ClusterReply {
    let facts = CommandFacts::quiet();
    world.at_node(at, |cluster, now| cluster.command(command, &facts, now)).expect("it is always answered")
}

/// Whose a slot is by CLUSTER SLOTS.
fn shown_owner(world: &mut World, at: usize, slot: Slot) -> Option<NodeId> {
    let reply = ask(world, at, ClusterCommand::Slots);
    let has = |range: &&ClusterReply| {
        let range = items(range);
        (number(&range[0])..=number(&range[1])).contains(&i64::from(slot.number()))
    };
    let range = items(&reply).iter().find(has)?;
    let ClusterReply::Bulk(name) = &items(&items(range)[2])[2] else { panic!("{range:?}") };
    NodeId::parse(name)
}

/// Whether a slot is in a shard of CLUSTER SHARDS.
fn is_in_a_shard(world: &mut World, at: usize, slot: Slot) -> bool {
    let reply = ask(world, at, ClusterCommand::Shards);
    items(&reply).iter().any(|shard| {
        let ClusterReply::Map(fields) = shard else { panic!("{shard:?} is no map") };
        let bounds: Vec<i64> = items(&fields[0].1).iter().map(number).collect();
        bounds.as_chunks::<2>().0.iter().any(|[first, last]| (*first..=*last).contains(&i64::from(slot.number())))
    })
}

fn snapshot(world: &World, at: usize) -> Snapshot {
    world.member(at).snapshot(SnapshotVersion(1))
}

/// Where a client ends that follows redirects from a node: it is sent on once at most.
fn served_by(world: &World, at: usize, slot: Slot) -> NodeId {
    let first = snapshot(world, at);
    let Owner::Other(other) = first.owner(slot) else { return world.id_of(at) };
    let id = first.endpoint(other).id;
    let next = world.member_of(&id).expect("a node of this world");
    assert_eq!(snapshot(world, next).owner(slot), Owner::Me, "{at} sends clients of {slot:?} to {next}");
    id
}

#[test]
pub(crate) fn FR_P2C_007_S31_slots_of_a_failed_shard_are_told_and_redirects_end() {
    let mut world = World::formed(6, 3, 1_000, 31);
    world.crash(0);
    world.run_until(5_000, "FAIL", |world| (1..6).all(|at| world.flags(at, 0).has(NodeFlags::FAIL)));
    for at in 1..6 {
        assert_eq!(shown_owner(&mut world, at, slot(0)), Some(World::id(0)), "nobody has its place yet");
        assert!(is_in_a_shard(&mut world, at, slot(0)), "{at} hides the slots of a failed master");
    }
    world.run_until(10_000, "its replica has its place", |world| world.owner(1, slot(0)) == Some(World::id(3)));
    all_agree(&mut world, 5_000);
    let import = SlotChange::Importing(World::id(3));
    world.at_node(1, |cluster, _| cluster.set_slot(slot(100), import, Stored::Nothing)).expect("it is another's");
    for at in [1, 3] {
        let node = SlotChange::Node(World::id(1));
        world.at_node(at, |cluster, _| cluster.set_slot(slot(100), node, Stored::Nothing)).expect("it is empty");
    }
    world.run(2_000);
    for (number, owner) in [(0, World::id(3)), (100, World::id(1)), (12_000, World::id(2))] {
        for at in 1..6 {
            assert_eq!(shown_owner(&mut world, at, slot(number)), Some(owner), "{at}, {number}");
            assert_eq!(served_by(&world, at, slot(number)), owner);
            assert!(is_in_a_shard(&mut world, at, slot(number)));
        }
    }
}

#[test]
pub(crate) fn FR_P2C_007_S35_who_waits_when_a_slot_goes_is_sent_on() {
    let mut world = World::formed(6, 3, 1_000, 35);
    let modes = ClientModes::default();
    let given = slot(100);
    let import = SlotChange::Importing(World::id(0));
    world.at_node(1, |cluster, _| cluster.set_slot(given, import, Stored::Nothing)).expect("it is another's");
    for at in [1, 0] {
        let node = SlotChange::Node(World::id(1));
        world.at_node(at, |cluster, _| cluster.set_slot(given, node, Stored::Nothing)).expect("it is empty");
    }
    let sent_on = |snapshot: &Snapshot, slot: Slot, to: usize| {
        let waiting = [Access::Write, Access::Read].map(|access| decide_waiting(snapshot, slot, modes, access));
        let moved = |decision: &Option<Decision>| matches!(decision, Some(Decision::Moved(_, other)) if snapshot.endpoint(*other).id == World::id(to));
        assert!(waiting.iter().all(moved), "{slot:?}: {waiting:?}");
    };
    sent_on(&snapshot(&world, 0), given, 1);
    assert_eq!(decide_waiting(&snapshot(&world, 0), slot(7), modes, Access::Write), None, "others go on waiting");
    world.run(1_000);
    world.at_node(3, |cluster, now| cluster.failover(FailoverKind::Agreed, now)).expect("the master is there");
    world.run_until(5_000, "the master follows", |world| master_of(world, 0) == Some(World::id(3)));
    let after = snapshot(&world, 0);
    world.member(3).slots().slots_of(world.member(3).me()).iter().for_each(|slot| sent_on(&after, slot, 3));
    // EXEC of what was queued before, with a shard channel among it: sent on as well.
    let mut exec = Gate::new(&after);
    for topic in [Topic::Keys, Topic::Channels] {
        exec.command(topic);
        exec.key(b"bar", || panic!("nothing is being moved"));
    }
    let key = Slot::of(b"bar");
    let request = Request { access: Access::Write, verb: Verb::Ordinary, modes };
    assert!(matches!(exec.decide(&request), Decision::Moved(of, _) if of == key), "{:?}", exec.decide(&request));
}
