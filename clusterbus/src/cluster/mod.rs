//! The state machine of a node.
//!
//! Give it what happened: [`Cluster::handle_frame`], [`Cluster::tick`] every [`TICK`], links that came and went, saves that are done,
//! snapshots that all cores have, commands of the administrator. Call [`Cluster::before_sleep`] when a round of these is over, then do what [`Cluster::poll_effect`]
//! says, in order, until it says nothing. Nothing else leaves the machine.

mod admin;
mod claims;
mod clock;
mod doubt;
mod election;
mod failure;
mod gossip;
mod links;
mod manual;
mod migration;
mod notes;
mod open_slots;
mod publish;
mod pulse;
mod receive;
pub(crate) mod reconcile;
mod reset;
mod roles;
mod send;
mod state;
mod tick;
mod withheld;

#[cfg(test)]
pub(crate) mod cluster_tests;
#[cfg(test)]
pub(crate) mod doubt_tests;
#[cfg(test)]
mod growth_tests;
#[cfg(test)]
pub(crate) mod hostile_tests;
#[cfg(test)]
pub(crate) mod manual_tests;
#[cfg(test)]
pub(crate) mod migration_tests;
#[cfg(test)]
pub(crate) mod moved_tests;
#[cfg(test)]
pub(crate) mod notes_tests;
#[cfg(test)]
pub(crate) mod restart_tests;
#[cfg(test)]
pub(crate) mod rights_tests;
#[cfg(test)]
pub(crate) mod scenario_tests;
#[cfg(test)]
#[path = "../../tests/simulator/mod.rs"]
pub(crate) mod simulator;
#[cfg(test)]
pub(crate) mod vote_tests;
#[cfg(test)]
pub(crate) use simulator as world;

use std::collections::BTreeMap;

pub use admin::{AdminError, Stored};
pub use election::{Election, ReplicationFacts, VoteRefusal};
pub use links::{Link, LinkSide};
pub use manual::{FailoverError, FailoverKind};
pub use open_slots::SlotChange;
pub use receive::FrameCounts;
pub use reconcile::Reconciled;
pub use tick::TICK;
pub use withheld::Withheld;

use keyspace::slot::Slot;

use crate::address::Address;
use crate::conf::NodesConf;
use crate::dice::Dice;
use crate::effect::{Durability, Effect, LinkId, Outbox, SaveSeq, Until};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::forgotten::Forgotten;
use crate::health::Judgement;
use crate::id::{NodeId, ShardId};
use crate::nodes::{Node, Nodes};
use crate::observed;
use crate::settings::ClusterSettings;
use crate::slot_set::SlotSet;
use crate::slot_table::{NodeIndex, SlotTable};
use crate::snapshot::SnapshotVersion;
use crate::time::{Millis, UnixMillis};
use crate::topics::Auditor;
use crate::wire::Health;

/// What a node knows of the cluster, and what it is about to do.
#[derive(Clone, Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    me: NodeIndex,
    nodes: Nodes,
    slots: SlotTable,
    current_epoch: Epoch,
    last_vote_epoch: Epoch,
    judgement: Judgement,
    forgotten: Forgotten,
    election: Election,
    /// What the file that this node started from may lack. None once that is out of the question.
    doubt: Option<doubt::Doubt>,
    manual: manual::Manual,
    replication: ReplicationFacts,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    dice: Dice,
    due: Due,
    outbox: Outbox,
    /// The save that has our own claims, the last of them: frames tell of these, so they wait for it.
    claims_saved_by: SaveSeq,
    /// The snapshot that took the last right from cores. Frames tell that we do not use it, so they wait until no core does (§18.3).
    shrunk_by: SnapshotVersion,
    /// The snapshot that told cores last whether the cluster serves.
    judged_by: SnapshotVersion,
    /// Our slots that cores may serve: those that a durable file has. Rights grow last (§18.4).
    granted: SlotSet,
    /// Of our slots that cores may not serve yet, those that are taken over by hand, and from whom: until then it is as before.
    taken_from: BTreeMap<Slot, NodeId>,
    /// Slots that cores do not serve while they are asked what is stored there.
    withheld: withheld::Withholding,
    /// The snapshot that gave cores their latest right.
    granted_by: SnapshotVersion,
    counts: FrameCounts,
    /// What there is to say of the contract; no decision reads it.
    auditor: Auditor,
    ticks: u64,
    last_tick: Option<UnixMillis>,
    /// What the clock showed when it was last read.
    clock: UnixMillis,
    /// When the process was found to have stood still.
    stalled: UnixMillis,
}

/// What is to be done when the round is over (C13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    failover: bool,
    judge: bool,
    save: Option<Durability>,
    routes: bool,
    pong_all: bool,
}

impl Due {
    fn save(&mut self, durability: Durability) {
        self.save = self.save.max(Some(durability));
    }
}

impl Cluster {
    /// A node that knows nobody, under a name of its own.
    pub fn create(settings: ClusterSettings, id: NodeId, shard: ShardId, seed: u64, now: UnixMillis) -> Self {
        let mut dice = Dice::new(seed);
        let address = Address { host: settings.announced_host, ports: settings.ports };
        let flags = NodeFlags::MYSELF.and(NodeFlags::MASTER);
        let mut myself = Node::new(id, address, flags, now, &mut dice);
        myself.shard = shard;
        let mut nodes = Nodes::default();
        let me = nodes.insert(myself).expect("the table is empty");
        let mut cluster = Self::with(settings, me, nodes, dice);
        cluster.due.save(Durability::Synced);
        cluster.announce();
        cluster
    }

    /// The node that wrote `conf`, again.
    pub fn restore(settings: ClusterSettings, conf: &NodesConf, seed: u64, now: UnixMillis) -> Self {
        let mut dice = Dice::new(seed);
        let mut nodes = Nodes::default();
        // The file was checked: each name once. More nodes than there is room for are forgotten, but not ourselves.
        let (mine, others): (Vec<_>, Vec<_>) = conf.nodes.iter().partition(|record| record.id == conf.myself);
        for record in mine.into_iter().chain(others) {
            let flags = if record.id == conf.myself { own_flags(record.flags) } else { record.flags };
            let mut node = Node::new(record.id, record.address, flags, now, &mut dice);
            let seen = |time: UnixMillis| if time == UnixMillis::NEVER { time } else { now };
            node.hostname.clone_from(&record.hostname);
            node.nodename.clone_from(&record.nodename);
            node.shard = record.shard.unwrap_or(node.shard);
            node.config_epoch = record.config_epoch;
            (node.ping_sent, node.pong_received) = (seen(record.ping_sent), seen(record.pong_received));
            node.fail_time = if record.flags.has(NodeFlags::FAIL) { now } else { UnixMillis::NEVER };
            let _ = nodes.insert(node);
        }
        let me = nodes.find(&conf.myself).expect("the file has a line of this node, and room for it");
        let mut cluster = Self::with(settings, me, nodes, dice);
        for record in &conf.nodes {
            let Some(node) = cluster.nodes.find(&record.id) else { continue };
            let master = record.master.and_then(|master| cluster.nodes.find(&master));
            let master = master.filter(|master| *master != node && !cluster.nodes[node].is_master());
            cluster.attach(node, master);
            if let Some(master) = master.filter(|_| !planted(Fault::ShardsApart)) {
                // Files of other versions have replicas in shards of their own.
                cluster.nodes[node].shard = cluster.nodes[master].shard;
            }
            for slot in record.slots.iter() {
                cluster.slots.add(node, slot).expect("the file was checked: a slot has one owner");
            }
        }
        cluster.restore_marks(conf);
        cluster.granted = cluster.slots.slots_of(me).clone();
        // The file may be an old one: as after having stood still, nothing is served until a majority has answered since.
        cluster.stalled = now + Millis(1);
        cluster.current_epoch = conf.current_epoch;
        cluster.last_vote_epoch = conf.last_vote_epoch;
        cluster.doubt = Some(doubt::Doubt::new(cluster.settings.node_timeout));
        cluster.announce();
        if let Some(master) = cluster.nodes[me].master {
            cluster.tell_replication(Some(master));
        }
        cluster
    }

    fn with(settings: ClusterSettings, me: NodeIndex, nodes: Nodes, dice: Dice) -> Self {
        Self {
            settings,
            me,
            nodes,
            slots: SlotTable::new(),
            current_epoch: Epoch::ZERO,
            last_vote_epoch: Epoch::ZERO,
            judgement: Judgement::START,
            forgotten: Forgotten::default(),
            election: Election::default(),
            doubt: None,
            manual: manual::Manual::default(),
            replication: ReplicationFacts::default(),
            links: BTreeMap::new(),
            next_link: 1,
            dice,
            due: Due { judge: true, routes: true, ..Due::default() },
            outbox: Outbox::default(),
            claims_saved_by: SaveSeq::default(),
            shrunk_by: SnapshotVersion::default(),
            judged_by: SnapshotVersion::default(),
            granted: SlotSet::EMPTY,
            taken_from: BTreeMap::new(),
            withheld: withheld::Withholding::default(),
            granted_by: SnapshotVersion::default(),
            counts: FrameCounts::default(),
            auditor: Auditor::new(observed::first_mode()),
            ticks: 0,
            last_tick: None,
            clock: UnixMillis::NEVER,
            stalled: UnixMillis::NEVER,
        }
    }

    /// Takes what the settings say of ourselves over.
    fn announce(&mut self) {
        let settings = self.settings.clone();
        let me = &mut self.nodes[self.me];
        me.address.ports = settings.ports;
        if !settings.announced_host.is_unknown() {
            me.address.host = settings.announced_host;
        }
        (me.hostname, me.nodename) = (settings.hostname, settings.nodename);
        me.flags.clear(NodeFlags::NOFAILOVER);
        if settings.failover == crate::snapshot::Permission::Refused {
            me.flags.set(NodeFlags::NOFAILOVER);
        }
    }

    /// Takes other settings.
    pub fn configure(&mut self, settings: ClusterSettings) {
        self.settings = settings;
        self.announce();
        self.changed(Durability::Written);
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.outbox.poll();
        effect.iter().for_each(observed::carried_out);
        effect
    }

    /// A save is done, as durable as it was asked to be.
    pub fn saved(&mut self, seq: SaveSeq) {
        self.outbox.saved(seq);
        let mine = self.slots.slots_of(self.me);
        let durable = self.outbox.is_done(Until { save: self.claims_saved_by, ..Until::default() });
        if durable && self.granted != *mine {
            self.granted = mine.clone();
            self.taken_from.clear();
            self.granted_by = self.outbox.next_routes();
            self.due.routes = true;
        }
    }

    /// No core runs a command under a snapshot before this one any more, and what it was doing under one is done (§18.3).
    pub fn acknowledged(&mut self, version: SnapshotVersion) {
        self.outbox.acknowledged(version);
    }

    /// What was decided up to the end of this round. Who asked for it hears of it when [`Cluster::is_done`] says that the disk and all
    /// cores know: then it holds for the next command, whichever core gets it, and after a crash.
    pub fn decided(&self) -> Until {
        self.outbox.asked()
    }

    /// Whether the disk and all cores know what was decided.
    pub fn is_done(&self, decided: Until) -> bool {
        self.outbox.is_done(Until { routes: decided.routes.max(self.granted_by), ..decided })
    }

    /// The name of this node.
    pub fn my_id(&self) -> NodeId {
        self.nodes[self.me].id
    }

    /// The nodes, this one among them.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The slots.
    pub fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// This node's place among the nodes.
    pub fn me(&self) -> NodeIndex {
        self.me
    }

    /// The settings.
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// Whether the cluster serves, as this node finds.
    pub fn health(&self) -> Health {
        self.judgement.health()
    }

    /// The current epoch.
    pub fn current_epoch(&self) -> Epoch {
        self.current_epoch
    }

    /// The epoch of this node's last vote.
    pub fn last_vote_epoch(&self) -> Epoch {
        self.last_vote_epoch
    }

    /// The master of this node's shard: itself, or the one that it follows.
    fn my_master(&self) -> Option<NodeIndex> {
        let me = &self.nodes[self.me];
        if me.is_master() { Some(self.me) } else { me.master }
    }

    /// Masters that own slots.
    fn voters(&self) -> impl Iterator<Item = (NodeIndex, &Node)> + '_ {
        self.nodes.iter().filter(|(index, node)| node.is_master() && self.slots.count_of(*index) > 0)
    }

    /// What changed is to be saved durably, and taken over by all cores, before any frame tells of our own claims again.
    fn claims_changed(&mut self) {
        self.due.save(Durability::Synced);
        self.due.judge = true;
        self.due.routes = true;
        self.claims_saved_by = self.outbox.next_save();
        self.shrunk_by = self.outbox.next_routes();
    }

    /// Cores are to serve, or to stop.
    fn health_changed(&mut self) {
        self.due.routes = true;
        self.judged_by = self.outbox.next_routes();
    }

    /// What others are told of whether the cluster serves: that it does not, once no core serves any more (§18.3). Frames need not wait
    /// for that, so a core that works on something long does not make this node look dead.
    fn told_health(&self) -> Health {
        let known = self.outbox.is_done(Until { routes: self.judged_by, ..Until::default() });
        if known || planted(Fault::ToldBeforeCores) { self.health() } else { Health::Ok }
    }

    /// When our own claims, as they are now, are on disk and what they take from cores is taken.
    fn claims_settled(&self) -> Until {
        Until { save: self.claims_saved_by, routes: self.shrunk_by }
    }

    /// What is stored in these slots goes: others own them. Not before it is on disk that they do, and no core writes there (§10.1).
    fn drop_keys(&mut self, slots: SlotSet) {
        let settled = self.claims_settled();
        let routes = if planted(Fault::DroppedBeforeCores) { SnapshotVersion::default() } else { settled.routes };
        self.outbox.after(Until { routes, ..settled }, Effect::Lost(Box::new(slots)));
    }

    /// What changed is to be saved, and to be looked at by whoever depends on it.
    fn changed(&mut self, durability: Durability) {
        self.due.save(durability);
        self.due.judge = true;
        self.due.routes = true;
    }
}

/// What of the flags in our own line counts: our role, a master's if an edited file leaves it out.
fn own_flags(read: NodeFlags) -> NodeFlags {
    let role = if read.role() == NodeFlags::REPLICA { NodeFlags::REPLICA } else { NodeFlags::MASTER };
    role.and(NodeFlags::MYSELF)
}
