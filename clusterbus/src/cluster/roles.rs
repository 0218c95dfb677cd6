//! Masters and replicas: what others are, and what this node becomes.
//!
//! §8 (role of a known sender), §12.6.

use super::Cluster;
use crate::effect::{Durability, Effect};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::wire::Header;

impl Cluster {
    /// Takes over what a known node says that it is.
    pub(super) fn hear_role(&mut self, sender: NodeIndex, header: &Header) {
        let Some(master) = header.master else {
            self.nodes[sender].denies = UnixMillis::NEVER;
            if !self.nodes[sender].is_master() {
                self.become_recorded_master(sender);
            }
            return;
        };
        let master = self.nodes.find(&master).filter(|master| *master != sender);
        if self.nodes[sender].is_master() && !self.hear_demotion(sender, master, header) {
            return;
        }
        if let Some(master) = master.filter(|master| self.nodes[sender].master != Some(*master)) {
            self.nodes[sender].shard = self.nodes[master].shard;
            self.attach(sender, Some(master));
            self.changed(Durability::Written);
        }
    }

    /// A node that was a master says that it is a replica. Returns whether that is news, and not an old frame.
    fn hear_demotion(&mut self, sender: NodeIndex, master: Option<NodeIndex>, header: &Header) -> bool {
        let same_shard = |master: &NodeIndex| self.nodes[*master].shard == self.nodes[sender].shard;
        let slots = self.slots.slots_of(sender).clone();
        match master.filter(|master| *master != self.me && same_shard(master)) {
            Some(_) if self.nodes[sender].config_epoch > header.config_epoch && !self.insists(sender) => return false,
            Some(successor) => {
                for slot in slots.iter() {
                    self.slots.assign(successor, slot);
                }
                if !self.nodes[successor].is_master() {
                    self.become_recorded_master(successor);
                }
                self.nodes[successor].config_epoch.raise(header.config_epoch);
            }
            None => slots.iter().for_each(|slot| {
                self.slots.remove(slot).expect("it is in the sender's set");
            }),
        }
        let node = &mut self.nodes[sender];
        node.flags.clear(NodeFlags::MASTER.and(NodeFlags::MIGRATE_TO));
        node.flags.set(NodeFlags::REPLICA);
        self.changed(Durability::Written);
        true
    }

    /// Whether a node that was elected says for so long that it is a replica of whom it replaced that these are no old frames: it came
    /// back with a file of before, and does not serve.
    fn insists(&mut self, sender: NodeIndex) -> bool {
        let (now, timeout) = (self.clock, self.settings.node_timeout);
        let since = &mut self.nodes[sender].denies;
        if *since == UnixMillis::NEVER {
            *since = now;
        }
        now.since(*since) > timeout && !planted(Fault::DenialIgnored)
    }

    /// Notes that a node is a master.
    pub(super) fn become_recorded_master(&mut self, index: NodeIndex) {
        let followed = self.nodes[index].master.is_some();
        self.attach(index, None);
        let node = &mut self.nodes[index];
        node.flags.clear(NodeFlags::REPLICA);
        node.flags.set(NodeFlags::MASTER);
        if followed {
            // Its siblings may come back to it.
            node.flags.set(NodeFlags::MIGRATE_TO);
        }
        self.changed(Durability::Written);
    }

    /// This node follows a master from now on.
    pub(super) fn follow(&mut self, master: NodeIndex) {
        assert!(master != self.me, "a node does not follow itself");
        if self.nodes[self.me].is_master() && !planted(Fault::MarksKept) {
            self.slots.close_all();
        }
        let shard = self.nodes[master].shard;
        let me = &mut self.nodes[self.me];
        me.flags.clear(NodeFlags::MASTER.and(NodeFlags::MIGRATE_TO));
        me.flags.set(NodeFlags::REPLICA);
        me.shard = shard;
        self.attach(self.me, Some(master));
        if planted(Fault::DataForgotten) {
            self.replication = super::ReplicationFacts::default();
        }
        self.election.reset();
        self.end_manual();
        self.claims_changed();
        // Gossip keeps the others from asking for long: they are told, as since Redis 8.4 (§6.13).
        self.due.pong_all = true;
        self.tell_replication(Some(master));
    }

    /// This replica takes its master's place, with its slots (§12.4).
    pub(super) fn take_over(&mut self) {
        let master = self.nodes[self.me].master.expect("only a replica that knows its master takes over");
        let slots = self.slots.slots_of(master).clone();
        let me = &mut self.nodes[self.me];
        me.flags.clear(NodeFlags::REPLICA);
        me.flags.set(NodeFlags::MASTER);
        self.attach(self.me, None);
        for slot in slots.iter() {
            self.slots.assign(self.me, slot);
        }
        self.election.reset();
        self.end_manual();
        self.claims_changed();
        self.tell_replication(None);
        self.due.pong_all = true;
    }

    /// Tells replication whom to follow, once no core serves what its data would replace. In order: each waits for what the one before
    /// waited for.
    pub(super) fn tell_replication(&mut self, master: Option<NodeIndex>) {
        let master = master.map(|master| (self.nodes[master].id, self.nodes[master].address));
        self.outbox.after(self.claims_settled(), Effect::Follow(master));
    }
}
