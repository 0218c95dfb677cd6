//! A story: a cluster forms, everything goes wrong for a while, and then nothing does any more.
//!
//! From a seed come the size of the cluster, its node timeout and what happens when: weather, partitions whole, one-way and partial, nodes
//! that stand still, are killed, lose their power and come back with what they had, with an old file or with none, clocks that jump,
//! slow disks, and an administrator who moves slots and fails over in the middle of it. What must always hold is looked at all the
//! time; at the end the administrator mends what only he can, and the cluster has to agree within a bound.

use clusterbus::cluster::{Cluster, FailoverKind, SlotChange, Stored};
use clusterbus::conf::PrimaryPort;
use clusterbus::effect::Alarm;
use clusterbus::flags::NodeFlags;
use clusterbus::id::NodeId;
use clusterbus::slot_set::SlotSet;
use fastrand::Rng;
use keyspace::slot::Slot;

use super::checks::{Checks, tables_agree};
use super::disk::{Crash, STEPS};
use super::weather::Weather;
use super::world::{CrashPoint, World};

/// How long everything goes wrong, in milliseconds.
const STORM_MILLIS: u64 = 60_000;
/// Within how many node timeouts all agree once faults have stopped, and a fixed time beside: an election that fails is tried again after
/// four of them.
const CALM_TIMEOUTS: u64 = 30;
const CALM_MILLIS: u64 = 20_000;
/// How far a clock jumps at most.
const JUMP_MILLIS: i64 = 3_600_000;
/// Nodes that went away for good are forgotten in the calm, after so many node timeouts.
const MOURNING_TIMEOUTS: u64 = 8;

/// What a story was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// A sum over what all nodes know at the end: the same story has the same.
    pub(crate) digest: u64,
    pub(crate) nodes: usize,
    pub(crate) virtual_millis: u64,
    pub(crate) frames: u64,
    pub(crate) elections: u64,
    /// How long it took until all agreed once faults had stopped.
    pub(crate) calm_millis: u64,
    /// The longest that an older claim was served beside a newer one.
    pub(crate) overlap_millis: u64,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Weather,
    FairWeather,
    Partition,
    OneWay,
    Partial,
    Heal,
    Pause,
    Kill,
    PowerCut,
    CrashAtStep,
    OldFile,
    NoFile,
    Clock,
    SlowDisk,
    Failover,
    MoveSlot,
}

const TROUBLES: [Trouble; 16] = [
    Trouble::Weather,
    Trouble::FairWeather,
    Trouble::Partition,
    Trouble::OneWay,
    Trouble::Partial,
    Trouble::Heal,
    Trouble::Pause,
    Trouble::Kill,
    Trouble::PowerCut,
    Trouble::CrashAtStep,
    Trouble::OldFile,
    Trouble::NoFile,
    Trouble::Clock,
    Trouble::SlowDisk,
    Trouble::Failover,
    Trouble::MoveSlot,
];

/// Who hears what goes wrong while it does.
pub(crate) type Listener = fn(&str);

/// Plays the story of a seed.
pub(crate) fn play(seed: u64, listener: Listener) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let masters = rng.usize(3..=5);
    let count = masters + rng.usize(0..=masters);
    let timeout = [1_000, 2_000, 5_000][rng.usize(..3)];
    let mut world = World::formed(count, masters, timeout, rng.u64(..));
    let begun = world.now;
    let mut checks = Checks::new(&world);
    // Frames are lost and clocks jump, so whoever is to hear may hear later than on whole links.
    checks.overlap_max = 4 * timeout + 2 * JITTER_MILLIS;
    world.checks = Some(checks);
    let end = world.now + STORM_MILLIS;
    while world.now < end {
        let pause = rng.u64(50..2_500);
        world.run(pause);
        let trouble = TROUBLES[rng.usize(..TROUBLES.len())];
        let one = rng.usize(..count);
        listener(&format!("{:6} ms: {trouble:?} at {one}", world.now - begun));
        happen(&mut world, trouble, one, &mut rng);
    }
    listener(&format!("{:6} ms: calm", world.now - begun));
    let calm_millis = calm(&mut world, &mut rng);
    let checks = world.checks.take().expect("it was looked at");
    Outcome {
        digest: digest(&world),
        nodes: count,
        virtual_millis: world.now - begun,
        frames: world.frames,
        elections: checks.elections,
        calm_millis,
        overlap_millis: checks.overlap,
    }
}

/// What frames in bad weather are late at most.
const JITTER_MILLIS: u64 = 5_000;

fn happen(world: &mut World, trouble: Trouble, one: usize, rng: &mut Rng) {
    let count = world.members.len();
    let all: Vec<usize> = (0..count).collect();
    match trouble {
        Trouble::Weather => world.weather = Weather::any(rng),
        Trouble::FairWeather => world.weather = Weather::FAIR,
        Trouble::Partition => {
            let (here, there): (Vec<usize>, Vec<usize>) = all.iter().partition(|_| rng.bool());
            world.partition(&here, &there);
        }
        Trouble::OneWay => {
            let others: Vec<usize> = all.into_iter().filter(|other| *other != one && rng.u8(..4) > 0).collect();
            let inward = rng.bool();
            others
                .iter()
                .for_each(|other| if inward { world.cut_way(*other, one) } else { world.cut_way(one, *other) });
        }
        Trouble::Partial => world.partition(&[one], &[rng.usize(..count)]),
        Trouble::Heal => world.heal(),
        Trouble::Pause => world.freeze(one, rng.u64(100..10_000)),
        Trouble::Kill => restart(world, one, Crash::Kill, rng),
        Trouble::PowerCut => restart(world, one, Crash::Power, rng),
        Trouble::CrashAtStep => {
            let how = [Crash::Kill, Crash::Power][rng.usize(..2)];
            let save = world.disks[one].begun + rng.u64(1..3);
            world.crash_point = Some(CrashPoint { member: one, save, step: STEPS[rng.usize(..4)], how });
        }
        Trouble::OldFile => {
            world.crash_as(one, Crash::Power);
            world.disks[one].put_back(rng);
            world.start(one);
        }
        // Rarely: a node without a file is another node, and its old name is gone for good.
        Trouble::NoFile if rng.u8(..3) == 0 => {
            world.crash_as(one, Crash::Power);
            world.disks[one].wipe();
            world.start(one);
        }
        Trouble::NoFile => {}
        Trouble::Clock => {
            let far = [2_000, 20_000, JUMP_MILLIS][rng.usize(..3)];
            world.set_clock(one, rng.i64(-far..=far));
        }
        Trouble::SlowDisk => world.disk_millis = [1, 4, 100, 1_500][rng.usize(..4)],
        Trouble::Failover | Trouble::MoveSlot if world.members[one].is_none() => {}
        Trouble::Failover => {
            let kind = [FailoverKind::Agreed, FailoverKind::Forced, FailoverKind::Takeover][rng.usize(..3)];
            let asked = world.at_node(one, |cluster, now| cluster.failover(kind, now)).is_ok();
            if let Some(checks) = world.checks.as_mut().filter(|_| asked && kind == FailoverKind::Takeover) {
                checks.takeovers.insert(one);
            }
        }
        Trouble::MoveSlot => move_slot(world, one, rng),
    }
}

/// Ends a node, and starts it now or starts another that was ended before.
fn restart(world: &mut World, member: usize, how: Crash, rng: &mut Rng) {
    if world.members[member].is_none() {
        return world.start(member);
    }
    world.crash_as(member, how);
    if rng.bool() {
        world.start(member);
    }
}

/// The administrator moves a slot, and may stop anywhere in the middle.
fn move_slot(world: &mut World, target: usize, rng: &mut Rng) {
    let slot = Slot::new(rng.u16(..16_384)).expect("in range");
    let source = world.owner(target, slot).and_then(|owner| world.member_of(&owner));
    let Some(source) = source.filter(|source| world.members[*source].is_some()) else { return };
    let (from, to) = (world.id_of(source), world.id_of(target));
    let steps = [
        (target, SlotChange::Importing(from)),
        (source, SlotChange::Migrating(to)),
        (target, SlotChange::Node(to)),
        (source, SlotChange::Node(to)),
    ];
    for (at, change) in steps.into_iter().take(rng.usize(1..=4)) {
        if world.members[at].is_none()
            || world.at_node(at, |cluster, _| cluster.set_slot(slot, change, Stored::Nothing)).is_err()
        {
            return;
        }
        world.run(rng.u64(1..200));
    }
}

/// Faults stop, and the administrator mends what only he can. Returns how long it took until all agreed.
fn calm(world: &mut World, rng: &mut Rng) -> u64 {
    world.heal();
    world.weather = Weather::FAIR;
    world.disk_millis = 4;
    world.crash_point = None;
    let count = world.members.len();
    for member in 0..count {
        if world.members[member].is_none() {
            world.start(member);
        }
    }
    while (0..count).any(|member| world.is_frozen(member)) {
        world.run(100);
    }
    let begun = world.now;
    let bound = CALM_TIMEOUTS * world.node_timeout + CALM_MILLIS;
    world.run(500);
    introduce(world, rng);
    close_slots(world);
    world.run(MOURNING_TIMEOUTS * world.node_timeout);
    while !settled(world) {
        assert!(world.now - begun < bound, "no agreement within {bound} ms\n{}", world.show());
        bury(world);
        cover(world);
        close_slots(world);
        introduce(world, rng);
        world.run(world.node_timeout / 2);
    }
    for (at, cluster) in world.running() {
        tables_agree(at, cluster);
    }
    world.now - begun
}

/// Nodes that do not know each other meet.
fn introduce(world: &mut World, rng: &mut Rng) {
    let count = world.members.len();
    for at in 0..count {
        for other in (0..count).filter(|other| *other != at) {
            let id = world.id_of(other);
            if world.member(at).nodes().find(&id).is_none() && rng.bool() {
                world.at_node(at, |cluster, now| cluster.meet(World::address(other), now));
            }
        }
    }
}

/// Slots that were left open are closed where they stand open.
fn close_slots(world: &mut World) {
    for at in 0..world.members.len() {
        let slots = world.member(at).slots();
        let open: Vec<Slot> = slots.all_importing().chain(slots.all_migrating()).map(|(slot, _)| slot).collect();
        for slot in open {
            let _ = world.at_node(at, |cluster, _| cluster.set_slot(slot, SlotChange::Stable, Stored::Nothing));
        }
    }
}

/// Names that nobody has any more are forgotten.
fn bury(world: &mut World) {
    let count = world.members.len();
    let living: Vec<NodeId> = (0..count).map(|member| world.id_of(member)).collect();
    for at in 0..count {
        let dead: Vec<NodeId> =
            world.member(at).nodes().iter().map(|(_, node)| node.id).filter(|id| !living.contains(id)).collect();
        for id in dead {
            if world.at_node(at, |cluster, now| cluster.forget(id, now)).is_err() {
                // It follows the dead: it follows somebody who lives first.
                let nodes = world.member(at).nodes();
                let other = nodes.iter().find(|(_, node)| node.is_master() && living.contains(&node.id));
                if let Some(other) = other.map(|(_, node)| node.id) {
                    let _ = world.at_node(at, |cluster, _| cluster.replicate(other, Stored::Nothing));
                }
            }
        }
    }
}

/// Slots that no node claims as its own are given to somebody, as `redis-cli --cluster fix` does. A master that came back with an old file
/// does not know that they were its own, and nobody else may take them.
fn cover(world: &mut World) {
    let own = |cluster: &Cluster| cluster.slots().slots_of(cluster.me()).clone();
    let claimed: Vec<SlotSet> = world.running().map(|(_, cluster)| own(cluster)).collect();
    let uncovered: Vec<Slot> = Slot::all().filter(|slot| claimed.iter().all(|set| !set.contains(*slot))).collect();
    let master = |cluster: &Cluster| cluster.nodes()[cluster.me()].is_master();
    let heir = world.running().find(|(_, cluster)| !own(cluster).is_empty());
    let heir = heir.or_else(|| world.running().find(|(_, cluster)| master(cluster))).map(|(at, _)| at);
    let Some(heir) = heir.filter(|_| !uncovered.is_empty()) else { return };
    world.at_node(heir, |cluster, _| {
        let owned: Vec<Slot> =
            uncovered.iter().copied().filter(|slot| cluster.slots().owner(*slot).is_some()).collect();
        cluster.delete_slots(&owned).expect("they have owners");
        cluster.add_slots(&uncovered).expect("they have none any more");
        cluster.bump();
    });
}

/// Whether all know all, find all well, and agree about every slot.
fn settled(world: &World) -> bool {
    let ill = NodeFlags::PFAIL.and(NodeFlags::FAIL).and(NodeFlags::NOADDR);
    let well = |(_, cluster): (usize, &Cluster)| cluster.nodes().iter().all(|(_, node)| !node.flags.has_any(ill));
    world.all_ok()
        && world.acquainted()
        && world.running().all(well)
        && world.agreed()
        && world.running().all(|(_, cluster)| cluster.slots().assigned() == Slot::all().count())
}

/// A sum over what all nodes know (FNV-1a).
fn digest(world: &World) -> u64 {
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let texts = world.running().map(|(_, cluster)| cluster.conf().print(PrimaryPort::Tcp));
    let counts = format!("{} {} {}", world.frames, world.dials, world.now);
    let alarms = world.members.iter().flatten().flat_map(|member| &member.alarms);
    let alarms: Vec<&Alarm> = alarms.collect();
    let all = texts.chain([counts, format!("{alarms:?}")]);
    all.fold(0xcbf2_9ce4_8422_2325, |sum, text| text.bytes().fold(sum, step))
}
