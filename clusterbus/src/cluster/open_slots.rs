//! CLUSTER SETSLOT: slots that are moved by hand.
//!
//! C14, §6.11.

use keyspace::slot::Slot;

use super::Cluster;
use super::admin::{AdminError, Stored};
use crate::effect::Durability;
use crate::faults::{Fault, planted};
use crate::id::NodeId;
use crate::slot_table::NodeIndex;
use crate::snapshot::Permission;

/// What becomes of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotChange {
    /// It is being moved to this node.
    Migrating(NodeId),
    /// It is being moved here from this node.
    Importing(NodeId),
    /// It is not being moved.
    Stable,
    /// It is this node's.
    Node(NodeId),
}

impl Cluster {
    /// CLUSTER SETSLOT. `stored` says whether this node has keys of the slot.
    pub fn set_slot(&mut self, slot: Slot, change: SlotChange, stored: Stored) -> Result<(), AdminError> {
        if !self.nodes[self.me].is_master() {
            return Err(AdminError::NotMaster);
        }
        let mine = self.slots.owner(slot) == Some(self.me);
        let find = |id: NodeId, unknown: fn(NodeId) -> AdminError| {
            let index = self.nodes.find(&id).ok_or(unknown(id))?;
            if self.nodes[index].is_master() { Ok(index) } else { Err(AdminError::TargetReplica) }
        };
        let before = self.marks_of(slot);
        match change {
            SlotChange::Migrating(_) if !mine => return Err(AdminError::NotOwner(slot)),
            SlotChange::Importing(_) if mine => return Err(AdminError::AlreadyOwner(slot)),
            SlotChange::Migrating(id) => {
                let target = find(id, AdminError::DoNotKnow)?;
                self.slots.set_migrating(slot, Some(target));
            }
            SlotChange::Importing(id) => {
                let source = find(id, AdminError::DoNotKnow)?;
                self.slots.set_importing(slot, Some(source));
            }
            SlotChange::Stable => {
                self.slots.set_migrating(slot, None);
                self.slots.set_importing(slot, None);
            }
            SlotChange::Node(id) => {
                let owner = find(id, AdminError::UnknownNode)?;
                if mine && owner != self.me && stored == Stored::Keys && !planted(Fault::GivenWithKeys) {
                    return Err(AdminError::HoldsKeys(slot));
                }
                self.give_slot(slot, owner, stored);
            }
        }
        // As when the new owner's claim came first: who asks waits for the save that this asked for.
        if self.marks_of(slot) != before {
            self.changed(Durability::Synced);
        }
        Ok(())
    }

    /// Whether SETSLOT NODE depends on what is stored in the slot: it cannot leave this node while keys are here.
    pub(crate) fn keys_bind(&self, slot: Slot) -> bool {
        self.slots.owner(slot) == Some(self.me) || self.slots.migrating(slot).is_some()
    }

    /// Where a slot is, and where it is moved to and from by hand.
    fn marks_of(&self, slot: Slot) -> [Option<NodeIndex>; 3] {
        [self.slots.owner(slot), self.slots.migrating(slot), self.slots.importing(slot)]
    }

    /// SETSLOT NODE, checked.
    fn give_slot(&mut self, slot: Slot, owner: NodeIndex, stored: Stored) {
        if stored == Stored::Nothing {
            self.slots.set_migrating(slot, None);
        }
        let count = self.slots.count_of(owner);
        let source = self.slots.importing(slot).map(|source| self.nodes[source].id);
        if let Some(source) = source.filter(|_| owner == self.me) {
            self.taken_from.insert(slot, source);
        }
        let before = self.slots.assign(owner, slot);
        self.note_first_slots(owner, count);
        if before == Some(self.me) || owner == self.me {
            self.claims_changed();
        }
        let emptied = before == Some(self.me) && owner != self.me && self.slots.count_of(self.me) == 0;
        let rules = [self.settings.replica_migration, self.settings.replication];
        if emptied && rules == [Permission::Allowed; 2] {
            self.follow(owner);
        }
        if owner == self.me && self.slots.importing(slot).is_some() {
            // Everybody is to hear of it at once, and to believe it.
            if !planted(Fault::TakenWithoutEpoch) {
                self.bump_epoch();
            }
            self.slots.set_importing(slot, None);
            self.due.pong_all = true;
        }
    }
}
