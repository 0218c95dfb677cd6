//! What the administrator asks for.
//!
//! C01, C14, §6.9 to §6.13. Everything is checked before anything is changed. Texts of errors are Redis's, without `ERR`.

use std::borrow::Borrow;

use keyspace::slot::Slot;

use super::Cluster;
use crate::address::Address;
use crate::effect::Durability;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::forgotten::FORGET_TTL;
use crate::id::NodeId;
use crate::slot_set::SlotSet;
use crate::slot_table::NodeIndex;
use crate::snapshot::Permission;
use crate::time::UnixMillis;

/// Why a command of the administrator is refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// ADDSLOTS of one that has an owner.
    #[error("Slot {} is already busy", .0.number())]
    Busy(Slot),
    /// DELSLOTS of one that has none.
    #[error("Slot {} is already unassigned", .0.number())]
    Unassigned(Slot),
    /// A slot that is named twice.
    #[error("Slot {} specified multiple times", .0.number())]
    Twice(Slot),
    /// A node that is not known.
    #[error("Unknown node {0}")]
    UnknownNode(NodeId),
    /// FORGET of ourselves.
    #[error("I tried hard but I can't forget myself...")]
    ForgetMyself,
    /// FORGET of our master.
    #[error("Can't forget my master!")]
    ForgetMyMaster,
    /// SET-CONFIG-EPOCH of a node that knows others.
    #[error("The user can assign a config epoch only when the node does not know any other node.")]
    KnowsOthers,
    /// SET-CONFIG-EPOCH of a node that has one.
    #[error("Node config epoch is already non-zero")]
    HasEpoch,
    /// REPLICATE of ourselves.
    #[error("Can't replicate myself")]
    ReplicateMyself,
    /// REPLICATE of a replica.
    #[error("I can only replicate a master, not a replica.")]
    ReplicateReplica,
    /// SETSLOT by a replica.
    #[error("Please use SETSLOT only with masters.")]
    NotMaster,
    /// SETSLOT with a replica.
    #[error("Target node is not a master")]
    TargetReplica,
    /// SETSLOT MIGRATING of a slot of others.
    #[error("I'm not the owner of hash slot {}", .0.number())]
    NotOwner(Slot),
    /// SETSLOT IMPORTING of a slot of ours.
    #[error("I'm already the owner of hash slot {}", .0.number())]
    AlreadyOwner(Slot),
    /// SETSLOT MIGRATING or IMPORTING with a node that is not known.
    #[error("I don't know about node {0}")]
    DoNotKnow(NodeId),
    /// SETSLOT NODE of a slot whose keys are still here.
    #[error("Can't assign hashslot {} to a different node while I still hold keys for this hash slot.", .0.number())]
    HoldsKeys(Slot),
    /// REPLICATE by a master that has slots or keys.
    #[error("To set a master the node must be empty and without assigned slots.")]
    NotEmpty,
    /// REPLICATE by a node that cannot copy the data of another.
    #[error("This node cannot replicate: it does not support data replication")]
    CannotReplicate,
    /// FLUSHSLOTS by a node that has keys.
    #[error("DB must be empty to perform CLUSTER FLUSHSLOTS.")]
    FlushWithKeys,
    /// RESET of a master that has keys.
    #[error("CLUSTER RESET can't be called with master nodes containing keys")]
    ResetWithKeys,
}

/// Whether this node stores anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It does.
    Keys,
    /// It does not.
    Nothing,
}

impl Cluster {
    /// CLUSTER MEET.
    pub fn meet(&mut self, address: Address, now: UnixMillis) {
        self.start_handshake(address, NodeFlags::HANDSHAKE.and(NodeFlags::MEET), now);
    }

    /// Whether ADDSLOTS takes these: the set of them.
    pub fn may_add_slots<S: Borrow<Slot>>(&self, slots: impl IntoIterator<Item = S>) -> Result<SlotSet, AdminError> {
        self.checked(slots, |owned, slot| if owned { Err(AdminError::Busy(slot)) } else { Ok(()) })
    }

    /// CLUSTER ADDSLOTS and ADDSLOTSRANGE.
    pub fn add_slots<S: Borrow<Slot>>(&mut self, slots: impl IntoIterator<Item = S>) -> Result<(), AdminError> {
        let (slots, before) = (self.may_add_slots(slots)?, self.slots.count_of(self.me));
        for slot in slots.iter() {
            self.slots.set_importing(slot, None);
            self.slots.add(self.me, slot).expect("it has no owner");
        }
        self.note_first_slots(self.me, before);
        self.claims_changed();
        Ok(())
    }

    /// Whether DELSLOTS takes these: the set of them.
    pub fn may_delete_slots<S: Borrow<Slot>>(&self, slots: impl IntoIterator<Item = S>) -> Result<SlotSet, AdminError> {
        self.checked(slots, |owned, slot| if owned { Ok(()) } else { Err(AdminError::Unassigned(slot)) })
    }

    /// CLUSTER DELSLOTS and DELSLOTSRANGE.
    pub fn delete_slots<S: Borrow<Slot>>(&mut self, slots: impl IntoIterator<Item = S>) -> Result<(), AdminError> {
        for slot in self.may_delete_slots(slots)?.iter() {
            self.slots.remove(slot).expect("it has an owner");
        }
        self.claims_changed();
        Ok(())
    }

    /// The set of slots, if each is named once and `check` finds no fault. It ends with the first that is wrong, so no list that a
    /// client can make takes longer than there are slots.
    fn checked<S: Borrow<Slot>>(
        &self,
        slots: impl IntoIterator<Item = S>,
        check: fn(bool, Slot) -> Result<(), AdminError>,
    ) -> Result<SlotSet, AdminError> {
        let mut named = SlotSet::EMPTY;
        for slot in slots {
            let slot = *slot.borrow();
            check(self.slots.owner(slot).is_some(), slot)?;
            if !named.insert(slot) {
                return Err(AdminError::Twice(slot));
            }
        }
        Ok(named)
    }

    /// CLUSTER FORGET.
    pub fn forget(&mut self, id: NodeId, now: UnixMillis) -> Result<(), AdminError> {
        let Some(index) = self.nodes.find(&id) else {
            return if self.forgotten.contains(&id, now) { Ok(()) } else { Err(AdminError::UnknownNode(id)) };
        };
        if index == self.me {
            return Err(AdminError::ForgetMyself);
        }
        if self.nodes[self.me].master == Some(index) {
            return Err(AdminError::ForgetMyMaster);
        }
        self.forgotten.add(id, FORGET_TTL, now);
        self.delete_node(index);
        Ok(())
    }

    /// Whether REPLICATE of this node makes a replica of a master, if nothing is stored.
    pub(crate) fn may_replicate(&self, id: NodeId) -> bool {
        self.nodes[self.me].is_master() && self.replicable(id, Stored::Nothing).is_ok()
    }

    /// CLUSTER REPLICATE.
    pub fn replicate(&mut self, id: NodeId, stored: Stored) -> Result<(), AdminError> {
        self.replicable(id, stored).map(|index| self.follow(index))
    }

    /// The node with this name, if this one may follow it.
    fn replicable(&self, id: NodeId, stored: Stored) -> Result<NodeIndex, AdminError> {
        let index = self.nodes.find(&id).ok_or(AdminError::UnknownNode(id))?;
        if index == self.me {
            return Err(AdminError::ReplicateMyself);
        }
        if !self.nodes[index].is_master() {
            return Err(AdminError::ReplicateReplica);
        }
        let empty = stored == Stored::Nothing && self.slots.count_of(self.me) == 0;
        if self.nodes[self.me].is_master() && !empty {
            return Err(AdminError::NotEmpty);
        }
        if self.settings.replication == Permission::Refused {
            return Err(AdminError::CannotReplicate);
        }
        Ok(index)
    }

    /// CLUSTER SET-CONFIG-EPOCH.
    pub fn set_config_epoch(&mut self, epoch: Epoch) -> Result<(), AdminError> {
        if self.nodes.len() > 1 {
            return Err(AdminError::KnowsOthers);
        }
        if self.nodes[self.me].config_epoch != Epoch::ZERO {
            return Err(AdminError::HasEpoch);
        }
        self.nodes[self.me].config_epoch = epoch;
        self.current_epoch.raise(epoch);
        self.claims_changed();
        Ok(())
    }

    /// CLUSTER BUMPEPOCH: this node's config epoch, and whether it is a new one.
    pub fn bump(&mut self) -> (Epoch, bool) {
        let bumped = self.bump_epoch();
        (self.nodes[self.me].config_epoch, bumped)
    }

    /// CLUSTER SAVECONFIG.
    pub fn save_conf(&mut self) {
        self.save(Durability::Synced);
    }
}
