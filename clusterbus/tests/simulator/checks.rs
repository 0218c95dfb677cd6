//! What has to hold whatever goes wrong. Each check panics with what it found.
//!
//! Invariants of `spec/cluster.md` §2.1 and §10.5. What one event can break is looked at after each event, at the node that it happened to;
//! tables and who serves what, every now and then at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusterbus::cluster::Cluster;
use clusterbus::epoch::Epoch;
use clusterbus::id::NodeId;
use clusterbus::nodes::NODES_MAX;
use clusterbus::slot_set::SlotSet;
use clusterbus::snapshot::Owner;
use clusterbus::wire::{Health, Kind};
use keyspace::slot::Slot;

use super::disk::Disk;
use super::world::{TICK, World};

/// How often tables and service are looked at, in milliseconds.
const PERIOD: u64 = 50;

/// A claim that is on a disk.
#[derive(Clone, Debug, Default)]
struct Claim {
    id: Option<NodeId>,
    epoch: Epoch,
    slots: Arc<SlotSet>,
    /// Whether masters voted for it. What an administrator takes without asking, others may not hear of while they cannot be reached.
    elected: bool,
}

/// What was seen of a node when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    current: Epoch,
    config: Epoch,
    vote: Epoch,
    replica: bool,
}

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Checks {
    /// Each vote: who gave it, in which epoch, to whom.
    votes: BTreeMap<(NodeId, u64), NodeId>,
    /// Who won the election of an epoch.
    winners: BTreeMap<u64, NodeId>,
    claims: Vec<Claim>,
    seen: Vec<Seen>,
    /// Since when each node serves what another has a newer claim to.
    stale: Vec<Option<u64>>,
    next: u64,
    /// For how long after a newer claim an older one may be served: until whoever is cut off stops by itself.
    pub(crate) overlap_max: u64,
    /// Whose administrator told them to take their master's place without asking anybody.
    pub(crate) takeovers: BTreeSet<usize>,
    /// The longest that an older claim was served.
    pub(crate) overlap: u64,
    pub(crate) elections: u64,
}

impl Checks {
    /// Nothing was seen of a world of so many nodes yet.
    pub(crate) fn new(world: &World) -> Self {
        let count = world.members.len();
        let mut checks = Checks {
            votes: BTreeMap::new(),
            winners: BTreeMap::new(),
            claims: vec![Claim::default(); count],
            seen: vec![Seen::default(); count],
            stale: vec![None; count],
            next: world.now,
            overlap_max: world.node_timeout * 3 / 2 + 2 * TICK,
            takeovers: BTreeSet::new(),
            overlap: 0,
            elections: 0,
        };
        for (member, cluster) in world.running() {
            checks.started(member, cluster);
            checks.saved(member, &world.disks[member]);
        }
        checks
    }

    /// A node starts: what it has forgotten, it was allowed to.
    pub(crate) fn started(&mut self, member: usize, cluster: &Cluster) {
        self.seen[member] = see(cluster);
        self.stale[member] = None;
    }

    /// A node's disk took a step.
    pub(crate) fn saved(&mut self, member: usize, disk: &Disk) {
        let Some(conf) = disk.durable() else { return };
        let me = conf.nodes.iter().find(|node| node.id == conf.myself).expect("a file has its own line");
        let claim = &mut self.claims[member];
        if claim.id != Some(me.id) || claim.epoch != me.config_epoch || claim.slots != me.slots {
            let elected = self.winners.get(&me.config_epoch.number()) == Some(&me.id);
            *claim = Claim { id: Some(me.id), epoch: me.config_epoch, slots: me.slots.clone(), elected };
        }
    }

    /// A frame leaves: what it tells is durable.
    pub(crate) fn leaves(&mut self, world: &World, of: usize, to: usize, frame: &[u8]) {
        let kind = Kind::of_number(u16::from_be_bytes([frame[12], frame[13]]));
        let number = |at: usize| u64::from_be_bytes(frame[at..at + 8].try_into().expect("eight bytes"));
        let (current, config) = (number(16), number(24));
        let is_master = frame[2128] == 0;
        let Some(conf) = world.disks[of].durable() else {
            assert_eq!(config, 0, "{of} tells of a claim and has no file");
            return;
        };
        if is_master {
            let mine = conf.nodes.iter().find(|node| node.id == conf.myself).expect("a file has its own line");
            let durable = mine.config_epoch.number();
            assert!(config <= durable, "{of} tells of config epoch {config}, and its file has {durable}");
        }
        match kind {
            Some(Kind::AuthAck) => {
                let durable = conf.last_vote_epoch.number();
                assert!(current <= durable, "{of} tells of its vote in {current}, and its file has {durable}");
                let (voter, candidate) = (world.id_of(of), world.id_of(to));
                let before = *self.votes.entry((voter, current)).or_insert(candidate);
                assert!(before == candidate, "{of} votes twice in {current}: for {before} and {candidate}");
            }
            Some(Kind::AuthRequest) => {
                let durable = conf.current_epoch.number();
                assert!(current <= durable, "{of} asks for votes in {current}, and its file has {durable}");
            }
            _ => {}
        }
    }

    /// Something happened to a node.
    pub(crate) fn after(&mut self, world: &World, of: usize) {
        if let Some(member) = &world.members[of] {
            let (before, now) = (self.seen[of], see(&member.cluster));
            self.seen[of] = now;
            assert!(now.current >= before.current, "the current epoch of {of} fell: {before:?} {now:?}");
            assert!(now.vote >= before.vote, "the vote of {of} fell: {before:?} {now:?}");
            assert!(now.config <= now.current, "{of} has a config epoch that nobody has heard of: {now:?}");
            let fell = now.config < before.config && !now.replica && !before.replica;
            assert!(!fell, "the config epoch of {of} fell: {before:?} {now:?}");
            let promoted = before.replica && !now.replica;
            if promoted && member.cluster.slots().count_of(member.cluster.me()) > 0 && !self.takeovers.remove(&of) {
                self.won(now.config.number(), world.id_of(of));
            }
        }
        if world.now >= self.next {
            self.next = world.now + PERIOD;
            self.served(world);
            let due = (world.now / PERIOD) as usize % world.members.len();
            if let Some(member) = &world.members[due] {
                tables_agree(due, &member.cluster);
            }
        }
    }

    fn won(&mut self, epoch: u64, winner: NodeId) {
        self.elections += 1;
        let before = *self.winners.entry(epoch).or_insert(winner);
        assert!(before == winner, "two won in epoch {epoch}: {before} and {winner}");
    }

    /// Nobody serves for long what another was elected for, with a newer claim that is on its disk.
    fn served(&mut self, world: &World) {
        for at in 0..world.members.len() {
            let Some((claimer, epoch)) = self.newer_claim(world, at).map(|claim| (claim.id, claim.epoch)) else {
                self.stale[at] = None;
                continue;
            };
            let since = world.now - *self.stale[at].get_or_insert(world.now);
            self.overlap = self.overlap.max(since);
            assert!(
                since <= self.overlap_max,
                "{at} serves what {:?} claims with epoch {epoch}, since {since} ms\n{}",
                claimer.and_then(|id| world.member_of(&id)),
                world.show()
            );
        }
    }

    /// The claim of another to something that a node serves now.
    fn newer_claim(&self, world: &World, at: usize) -> Option<&Claim> {
        let member = world.members[at].as_ref().filter(|_| !world.is_frozen(at) && world.stepped(at))?;
        let routes = member.routes.as_ref().filter(|routes| routes.health == Health::Ok)?;
        let mine = member.cluster.nodes()[member.cluster.me()].config_epoch;
        let others = self.claims.iter().filter(|claim| claim.elected && claim.id != Some(world.id_of(at)));
        let mut newer = others.filter(|claim| claim.epoch > mine);
        newer.find(|claim| claim.slots.iter().any(|slot| routes.owner(slot) == Owner::Me))
    }
}

fn see(cluster: &Cluster) -> Seen {
    let me = &cluster.nodes()[cluster.me()];
    let (current, vote) = (cluster.current_epoch(), cluster.last_vote_epoch());
    Seen { current, config: if me.is_master() { me.config_epoch } else { Epoch::ZERO }, vote, replica: !me.is_master() }
}

/// The table of owners, the sets of nodes and their counts say the same (C14); tables have their bounds (C10).
pub(crate) fn tables_agree(at: usize, cluster: &Cluster) {
    let (nodes, slots) = (cluster.nodes(), cluster.slots());
    let mut assigned = 0;
    for (index, node) in nodes.iter() {
        let (set, count) = (slots.slots_of(index), slots.count_of(index));
        assert_eq!(set.len(), count, "{at}: the count of {}", node.id);
        assert!(set.iter().all(|slot| slots.owner(slot) == Some(index)), "{at}: the owner of a slot of {}", node.id);
        assigned += count;
    }
    assert_eq!(assigned, slots.assigned(), "{at}: assigned slots");
    assert_eq!(assigned, Slot::all().filter(|slot| slots.owner(*slot).is_some()).count(), "{at}: owners");
    assert!(nodes.len() <= NODES_MAX);
    let me = &nodes[cluster.me()];
    assert!(me.is_master() || slots.count_of(cluster.me()) == 0, "{at}: a replica that owns slots");
    assert_ne!(me.master, Some(cluster.me()), "{at} follows itself");
}
