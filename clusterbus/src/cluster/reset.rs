//! CLUSTER FLUSHSLOTS and CLUSTER RESET: a node lets go of what it has.
//!
//! C14, §6.10, §6.13.

use keyspace::slot::Slot;

use super::Cluster;
use super::admin::{AdminError, Stored};
use crate::command::ResetKind;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};

impl Cluster {
    /// CLUSTER FLUSHSLOTS. `stored` says whether this node has any keys.
    pub fn flush_slots(&mut self, stored: Stored) -> Result<(), AdminError> {
        if stored == Stored::Keys {
            return Err(AdminError::FlushWithKeys);
        }
        for slot in self.slots.slots_of(self.me).clone().iter() {
            self.slots.remove(slot).expect("it is in our set");
        }
        self.claims_changed();
        Ok(())
    }

    /// CLUSTER RESET. `stored` says whether this node has any keys.
    pub fn reset(&mut self, kind: ResetKind, stored: Stored) -> Result<(), AdminError> {
        let was_master = self.nodes[self.me].is_master();
        if was_master && stored == Stored::Keys {
            return Err(AdminError::ResetWithKeys);
        }
        if !was_master {
            self.stop_following();
        }
        self.slots.close_all();
        self.end_manual();
        self.election.reset();
        for slot in Slot::all() {
            let _ = self.slots.remove(slot);
        }
        let me = self.me;
        for index in self.nodes.indices().into_iter().filter(|index| *index != me) {
            self.delete_node(index);
        }
        self.forgotten.clear();
        if kind == ResetKind::Hard {
            (self.current_epoch, self.last_vote_epoch) = (Epoch::ZERO, Epoch::ZERO);
            self.nodes[self.me].config_epoch = Epoch::ZERO;
            let name = NodeId::from_entropy(self.dice.name());
            self.nodes.rename(self.me, name);
        }
        if kind == ResetKind::Hard || !was_master {
            // Who stays in the shard of its former master would still be listed there.
            self.nodes[self.me].shard = ShardId::from_entropy(self.dice.name());
        }
        self.claims_changed();
        Ok(())
    }

    /// A replica becomes a master without slots and without data.
    fn stop_following(&mut self) {
        let me = &mut self.nodes[self.me];
        me.flags.clear(NodeFlags::REPLICA);
        me.flags.set(NodeFlags::MASTER);
        self.attach(self.me, None);
        self.claims_changed();
        self.tell_replication(None);
        self.drop_keys(Slot::all().collect());
    }
}
