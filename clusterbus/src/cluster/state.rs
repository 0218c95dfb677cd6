//! The end of a round, and what the machine is to others: the judgement, the file, the snapshot.
//!
//! C13, C14, §14.2: failover, then the judgement, then the save; frames that depend on the save leave after it.

use super::Cluster;
use crate::conf::{LinkState, NodeRecord, NodesConf, OpenSlot};
use crate::effect::Durability;
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::health::Census;
use crate::slot_table::NodeIndex;
use crate::snapshot::{Endpoint, EndpointIndex, Owner, Role, Snapshot, SnapshotVersion};
use crate::time::UnixMillis;

impl Cluster {
    /// Does what the events of a round left to its end, each once.
    pub fn before_sleep(&mut self, now: UnixMillis) {
        let due = std::mem::take(&mut self.due);
        if due.failover {
            self.run_manual(now);
            self.run_election(now);
        }
        if due.judge || self.due.judge {
            self.due.judge = false;
            self.judge(now);
        }
        // What is lost is not served from now on; what is won, once it is saved.
        let kept = self.granted.common(self.slots.slots_of(self.me));
        let shrinks = self.shrunk_by == self.outbox.next_routes();
        assert!(shrinks || kept == self.granted, "frames wait for what takes a right from cores");
        self.granted = kept;
        // What the steps above asked for belongs to this round: the number of its save is already promised.
        if std::mem::take(&mut self.due.pong_all) || due.pong_all {
            self.pong_all(now);
        }
        if let Some(durability) = due.save.max(self.due.save.take()) {
            let conf = self.conf();
            self.outbox.save(durability, conf);
        }
        if std::mem::take(&mut self.due.routes) || due.routes {
            self.outbox.route();
        }
    }

    /// Judges anew whether the cluster serves (§11).
    pub(super) fn judge(&mut self, now: UnixMillis) {
        let failed = |node: NodeIndex| self.nodes[node].flags.has(NodeFlags::FAIL);
        let (mut size, mut reachable, mut covered) = (0, 0, self.slots.assigned() == keyspace::slot::SLOTS);
        for (index, node) in self.nodes.iter().filter(|(index, _)| self.slots.count_of(*index) > 0) {
            covered &= !failed(index);
            if node.is_master() {
                size += 1;
                let answered = index == self.me || node.pong_received >= self.stalled;
                reachable += usize::from(answered && !node.is_failing());
            }
        }
        let census = Census { covered, size, reachable, master: self.nodes[self.me].is_master() };
        if self.judgement.update(now, census, self.settings.coverage, self.settings.node_timeout) {
            self.health_changed();
        }
    }

    /// What `nodes.conf` has to hold now.
    pub fn conf(&self) -> NodesConf {
        let known = self.nodes.iter().filter(|(_, node)| !node.in_handshake());
        NodesConf {
            myself: self.my_id(),
            nodes: known.map(|(index, _)| self.record(index)).collect(),
            open: self.open_slots(),
            current_epoch: self.current_epoch,
            last_vote_epoch: self.last_vote_epoch,
            disputed: Vec::new(),
        }
    }

    /// What is told of a node: in the file, and to operators.
    pub(crate) fn record(&self, index: NodeIndex) -> NodeRecord {
        let node = &self.nodes[index];
        // Flags without a word are not in the file.
        let shown = NodeFlags::MIGRATE_TO.and(NodeFlags::EXTENSIONS).and(NodeFlags::MEET);
        let linked = index == self.me || node.outbound.is_some_and(|link| self.links[&link].up);
        NodeRecord {
            id: node.id,
            address: node.address,
            hostname: node.hostname.clone(),
            nodename: node.nodename.clone(),
            shard: Some(node.shard),
            flags: node.flags.without(shown),
            master: node.master.map(|master| self.id_of(master)),
            ping_sent: node.ping_sent,
            pong_received: node.pong_received,
            config_epoch: self.shown_epoch(index),
            link: if linked { LinkState::Connected } else { LinkState::Disconnected },
            slots: self.slots.shared_slots_of(index),
        }
    }

    /// The config epoch that is told of a node: a replica's is its master's.
    pub(crate) fn shown_epoch(&self, index: NodeIndex) -> Epoch {
        let node = &self.nodes[index];
        match node.master {
            _ if node.is_master() => node.config_epoch,
            Some(master) => self.nodes[master].config_epoch,
            None => Epoch::ZERO,
        }
    }

    /// Slots that are being moved by hand: each once, as Redis has it, the way out before the way in.
    pub(crate) fn open_slots(&self) -> Vec<OpenSlot> {
        let leaving = self.slots.all_migrating().map(|(slot, node)| OpenSlot::Migrating(slot, self.id_of(node)));
        let coming = self.slots.all_importing().filter(|(slot, _)| self.slots.migrating(*slot).is_none());
        let coming = coming.map(|(slot, node)| OpenSlot::Importing(slot, self.id_of(node)));
        let mut open: Vec<OpenSlot> = leaving.chain(coming).collect();
        open.sort_by_key(OpenSlot::slot);
        open
    }

    /// Takes marks of slots from a file. A replica moves none, whatever a file of another version says.
    pub(super) fn restore_marks(&mut self, conf: &NodesConf) {
        if !self.nodes[self.me].is_master() && !planted(Fault::MarksOfReplicaRead) {
            return;
        }
        for open in &conf.open {
            match open {
                OpenSlot::Migrating(slot, id) => self.slots.set_migrating(*slot, self.nodes.find(id)),
                OpenSlot::Importing(slot, id) => self.slots.set_importing(*slot, self.nodes.find(id)),
            }
        }
    }

    /// Asks for a save without a change: the administrator wants one, or a fresh node has no file.
    pub(super) fn save(&mut self, durability: Durability) {
        self.due.save(durability);
    }

    /// What cores route by now, under this version. A slot that we won and that no durable file has is nobody's.
    pub fn snapshot(&self, version: SnapshotVersion) -> Snapshot {
        let mut snapshot = Snapshot::new(version, self.settings.rules);
        let mut places: Vec<Option<EndpointIndex>> = Vec::new();
        for (index, node) in self.nodes.iter().filter(|(index, node)| *index != self.me && !node.in_handshake()) {
            let (id, host, ports) = (node.id, node.address.host, node.address.ports);
            let place = snapshot.add_endpoint(Endpoint { id, host, hostname: node.hostname.clone(), ports });
            places.resize(places.len().max(index.index() + 1), None);
            places[index.index()] = Some(place);
        }
        let place = |index: NodeIndex| places.get(index.index()).copied().flatten();
        let withheld = self.withheld.all();
        for slot in keyspace::slot::Slot::all() {
            let owner = self.slots.owner(slot);
            let other = owner.and_then(place).map_or(Owner::Nobody, Owner::Other);
            let granted = self.granted.contains(slot) || planted(Fault::RightsGrowFirst);
            let served = granted && !withheld.contains(slot);
            snapshot.set_owner(slot, if owner == Some(self.me) && served { Owner::Me } else { other });
            if owner == Some(self.me) && withheld.contains(slot) {
                snapshot.set_withheld(slot);
            }
        }
        for (slot, source) in self.taken_from.iter().filter(|(slot, _)| !withheld.contains(**slot)) {
            let source = self.nodes.find(source).and_then(place);
            let waits = self.slots.owner(*slot) == Some(self.me) && !self.granted.contains(*slot);
            if let Some(source) = source.filter(|_| waits) {
                snapshot.set_owner(*slot, Owner::Other(source));
                snapshot.set_importing(*slot, source);
            }
        }
        for (slot, target) in self.slots.all_migrating() {
            place(target).into_iter().for_each(|target| snapshot.set_migrating(slot, target));
        }
        for (slot, source) in self.slots.all_importing().filter(|(slot, _)| !withheld.contains(*slot)) {
            place(source).into_iter().for_each(|source| snapshot.set_importing(slot, source));
        }
        let me = &self.nodes[self.me];
        snapshot.role = if me.is_master() { Role::Master } else { Role::Replica(me.master.and_then(place)) };
        snapshot.health = self.health();
        snapshot
    }
}
