//! Rights shrink first (§18.3): what follows from a lost slot waits until no core serves it.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::world::World;
use super::{Cluster, Stored};
use crate::command::{ClusterCommand, CommandFacts, NamedNode, NamedSlot, ResetKind, SlotAction};
use crate::effect::{Effect, SaveSeq};
use crate::slot_set::SlotSet;
use crate::slot_table::NodeIndex;
use crate::snapshot::{Owner, Snapshot, SnapshotVersion};
use crate::time::UnixMillis;
use crate::wire::{Frame, Health};

/// One of two masters, with its disk and its cores in the hands of the test.
struct Alone {
    cluster: Cluster,
    now: UnixMillis,
    saves: Vec<SaveSeq>,
    routes: Vec<SnapshotVersion>,
    /// What the last frame told of the cluster.
    told: Option<Health>,
}

/// What came out of a round, beside saves and snapshots.
#[derive(Default, Debug, PartialEq, Eq)]
struct Seen {
    frames: usize,
    lost: Option<SlotSet>,
    followed: usize,
}

impl Alone {
    fn new() -> Self {
        let mut world = World::formed(2, 2, 1_000, 31);
        let cluster = world.members[0].take().expect("it runs").cluster;
        let mut alone = Self { cluster, now: UnixMillis(world.now), saves: Vec::new(), routes: Vec::new(), told: None };
        alone.round();
        alone.saved();
        alone.cores_know();
        alone
    }

    fn other(&self) -> NodeIndex {
        self.cluster.nodes().find(&World::id(1)).expect("known")
    }

    /// Ends a round and tells what is to be done.
    fn round(&mut self) -> Seen {
        self.cluster.before_sleep(self.now);
        let mut seen = Seen::default();
        while let Some(effect) = self.cluster.poll_effect() {
            match effect {
                Effect::Save(seq, ..) => self.saves.push(seq),
                Effect::Routes(version) => self.routes.push(version),
                Effect::Send(_, frame) => {
                    seen.frames += 1;
                    self.told = Some(Frame::decode(&frame).expect("our own frames are well-formed").header.health);
                }
                Effect::Lost(slots) => seen.lost = Some(*slots),
                Effect::Follow(_) => seen.followed += 1,
                _ => {}
            }
        }
        seen
    }

    fn saved(&mut self) -> Seen {
        self.saves.drain(..).for_each(|seq| self.cluster.saved(seq));
        self.round()
    }

    fn cores_know(&mut self) -> Seen {
        self.routes.drain(..).for_each(|version| self.cluster.acknowledged(version));
        self.round()
    }

    /// Sends something to the other node.
    fn speak(&mut self) -> Seen {
        self.cluster.pong_all(self.now);
        self.round()
    }

    /// The other node takes slots from us.
    fn lose(&mut self, slots: &SlotSet) {
        let (other, epoch) = (self.other(), self.cluster.current_epoch().next());
        let claimed = Slot::all().filter(|slot| slots.contains(*slot) || self.owns(other, *slot)).collect();
        self.cluster.nodes[other].config_epoch = epoch;
        self.cluster.hear_claim(other, epoch, &claimed);
    }

    fn owns(&self, node: NodeIndex, slot: Slot) -> bool {
        self.cluster.slots().owner(slot) == Some(node)
    }

    fn some(&self) -> SlotSet {
        self.cluster.slots().slots_of(self.cluster.me()).iter().take(100).collect()
    }
}

const ONE_FRAME: Seen = Seen { frames: 1, lost: None, followed: 0 };
const SILENCE: Seen = Seen { frames: 0, lost: None, followed: 0 };

#[test]
pub(crate) fn FR_P2C_007_U014_nobody_hears_of_a_lost_right_before_all_cores_know() {
    let mut alone = Alone::new();
    assert_eq!(alone.speak(), ONE_FRAME, "nothing is lost yet");
    let slot = Slot::new(7).expect("in range");
    alone.cluster.delete_slots([slot]).expect("it is ours");
    assert_eq!(alone.speak(), SILENCE);
    assert_eq!(alone.saved(), SILENCE, "a core may still serve it");
    assert_eq!(alone.speak(), SILENCE);
    assert_eq!(alone.cores_know().frames, 2, "both frames that waited");
    assert_eq!(alone.speak(), ONE_FRAME);

    // The other way round, the disk is the last.
    alone.cluster.add_slots([slot]).expect("it is free");
    assert_eq!(alone.speak(), SILENCE);
    assert_eq!(alone.cores_know(), SILENCE, "it is not on disk");
    assert_eq!(alone.saved(), ONE_FRAME);
    alone.cores_know();

    // Who finds the cluster down goes on speaking, and says so when no core serves any more.
    assert_eq!((alone.speak(), alone.told), (ONE_FRAME, Some(Health::Ok)));
    let theirs = alone.cluster.slots().slots_of(alone.other()).iter().next().expect("it has some");
    alone.cluster.slots.remove(theirs).expect("it has an owner");
    alone.cluster.due.judge = true;
    alone.round();
    assert_eq!(alone.cluster.health(), Health::Fail, "a slot is not covered");
    assert_eq!((alone.speak(), alone.told), (ONE_FRAME, Some(Health::Ok)));
    alone.cores_know();
    assert_eq!((alone.speak(), alone.told), (ONE_FRAME, Some(Health::Fail)));
}

#[test]
pub(crate) fn FR_P2C_007_U014_keys_go_when_no_core_writes_there() {
    for disk_first in [true, false] {
        let mut alone = Alone::new();
        let lost = alone.some();
        alone.lose(&lost);
        assert_eq!(alone.round().lost, None);
        let first = if disk_first { alone.saved() } else { alone.cores_know() };
        assert_eq!(first.lost, None, "disk first: {disk_first}");
        let second = if disk_first { alone.cores_know() } else { alone.saved() };
        assert_eq!(second.lost, Some(lost));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U014_who_lost_all_follows_when_no_core_writes() {
    let mut alone = Alone::new();
    let all = alone.cluster.slots().slots_of(alone.cluster.me()).clone();
    alone.lose(&all);
    assert!(!alone.cluster.nodes()[alone.cluster.me()].is_master());
    assert_eq!((alone.round().followed, alone.saved().followed), (0, 0));
    assert_eq!(alone.cores_know().followed, 1);
}

#[test]
pub(crate) fn FR_P2C_007_U014_who_cannot_replicate_stays_a_master_and_lets_go() {
    let mut alone = Alone::new();
    alone.cluster.settings.replication = crate::snapshot::Permission::Refused;
    let all = alone.cluster.slots().slots_of(alone.cluster.me()).clone();
    alone.lose(&all);
    assert!(alone.cluster.nodes()[alone.cluster.me()].is_master());
    alone.round();
    alone.saved();
    assert_eq!(alone.cores_know().lost, Some(all));
}

#[test]
pub(crate) fn FR_P2C_007_U001_who_asked_hears_when_disk_and_cores_know() {
    let mut alone = Alone::new();
    let slot = alone.some().iter().next().expect("it has some");
    alone.cluster.delete_slots([slot]).expect("it is ours");
    alone.round();
    let until = alone.cluster.decided();
    assert!(!alone.cluster.is_done(until));
    alone.cores_know();
    assert!(!alone.cluster.is_done(until), "the disk does not know");
    alone.saved();
    assert!(alone.cluster.is_done(until), "nothing was granted");

    alone.cluster.add_slots([slot]).expect("it is free");
    alone.round();
    let until = alone.cluster.decided();
    alone.cores_know();
    alone.saved();
    assert!(!alone.cluster.is_done(until), "the disk knows it is ours; cores do not serve it yet");
    alone.cores_know();
    assert!(alone.cluster.is_done(until));
}

/// A core: what it routes by, and in which slots it has keys. It writes to every slot that it serves, whenever it can.
struct Core {
    routes: Snapshot,
    stored: SlotSet,
}

impl Core {
    fn write(&mut self) {
        let served = Slot::all().filter(|slot| self.routes.owner(*slot) == Owner::Me);
        served.for_each(|slot| {
            self.stored.insert(slot);
        });
    }

    fn facts(&self) -> CommandFacts {
        CommandFacts { stored: self.stored.clone(), ..CommandFacts::quiet() }
    }
}

#[test]
pub(crate) fn FR_P2C_007_U014_what_is_let_go_of_is_empty() {
    let other = NamedNode::Id(World::id(1));
    let commands = [
        ClusterCommand::FlushSlots,
        ClusterCommand::Reset(ResetKind::Soft),
        ClusterCommand::SetSlot(NamedSlot::Slot(Slot::FIRST), SlotAction::Node(other)),
    ];
    for command in commands {
        // A client writes before, or between what cores say and the decision.
        for early in [true, false] {
            let mut alone = Alone::new();
            let routes = alone.cluster.snapshot(alone.cluster.decided().routes);
            let mut core = Core { routes, stored: SlotSet::EMPTY };
            let withheld = alone.cluster.withhold_for(&command, &core.facts()).expect("it is empty");
            alone.round();
            assert!(!alone.cluster.is_done(alone.cluster.decided()), "the core serves as before");
            if early {
                core.write();
            }
            core.routes = alone.cluster.snapshot(alone.cluster.decided().routes);
            alone.cores_know();
            assert!(alone.cluster.is_done(alone.cluster.decided()));
            let facts = core.facts();
            core.write();
            let done = alone.cluster.command(command.clone(), &facts, alone.now);
            alone.cluster.give_back(withheld);
            alone.round();
            assert_eq!(done.is_ok(), !early, "{command:?}: {done:?}");
            let mine = alone.cluster.slots().slots_of(alone.cluster.me()).clone();
            assert!(
                core.stored.iter().all(|slot| mine.contains(slot)),
                "{command:?}: keys in slots that were let go of"
            );
            // What is still ours is served again.
            let after = alone.cluster.snapshot(alone.cluster.decided().routes);
            assert!(mine.iter().all(|slot| after.owner(slot) == Owner::Me), "{command:?}");
        }
    }
}

#[test]
fn FR_P2C_007_U014_nothing_is_withheld_without_need() {
    let mut alone = Alone::new();
    let full = CommandFacts { stored: alone.some(), ..CommandFacts::quiet() };
    let first = alone.some().iter().next().expect("it has some");
    let give = |to: usize| {
        let to = NamedNode::Id(World::id(to));
        ClusterCommand::SetSlot(NamedSlot::Slot(first), SlotAction::Node(to))
    };
    let reset = ClusterCommand::Reset(ResetKind::Hard);
    let mut needless = |command: &ClusterCommand, facts: &CommandFacts| {
        assert_eq!(alone.cluster.withhold_for(command, facts), None, "{command:?}");
    };
    for command in [ClusterCommand::FlushSlots, reset, give(1)] {
        needless(&command, &full);
    }
    let stable = ClusterCommand::SetSlot(NamedSlot::Slot(first), SlotAction::Stable);
    for command in [ClusterCommand::Slots, stable, give(0), give(7)] {
        needless(&command, &CommandFacts::quiet());
    }
    // What is being moved away takes nothing new anyway.
    let migrating = super::SlotChange::Migrating(World::id(1));
    alone.cluster.set_slot(first, migrating, Stored::Keys).expect("it is ours");
    assert_eq!(alone.cluster.withhold_for(&give(1), &CommandFacts::quiet()), None);
}
