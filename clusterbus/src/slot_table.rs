//! Who owns which slot, as this node knows it.
//!
//! C14, §10.1. The owner of each slot, the set of each node and their sizes say the same thing three times, so one type keeps them
//! and nobody else can change one without the others. Also here: the marks of slots that are being moved by hand, and the slots
//! whose owner no longer claims them.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyspace::slot::{SLOTS, Slot};

use crate::faults::{Fault, planted};
use crate::slot_set::SlotSet;

/// A node's place in the table of nodes. Places are used again, so what refers to one is taken away with its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub(crate) u16);

impl NodeIndex {
    /// Its place in an array.
    pub(crate) fn index(self) -> usize {
        self.0.into()
    }
}

/// Why a slot's owner was not changed. Nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// It has an owner.
    #[error("the slot has an owner")]
    Busy,
    /// It has none.
    #[error("the slot has no owner")]
    Unassigned,
}

/// What a node has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Share {
    /// Shared with records of the node until it changes: files are written often, and slots change seldom.
    slots: Arc<SlotSet>,
    count: u16,
}

/// Who owns which slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTable {
    owners: Vec<Option<NodeIndex>>,
    /// By node; nodes that never had a slot may be missing at the end.
    shares: Vec<Option<Box<Share>>>,
    /// The set of nodes that have none.
    nothing: Arc<SlotSet>,
    assigned: u16,
    /// Slots that their owner, when it was last heard, did not claim. They are still routed to it (§10.1).
    not_claimed: SlotSet,
    migrating: BTreeMap<Slot, NodeIndex>,
    importing: BTreeMap<Slot, NodeIndex>,
}

/// The set of a node that has no slot.
static NOTHING: SlotSet = SlotSet::EMPTY;

impl SlotTable {
    /// No slot has an owner.
    pub fn new() -> Self {
        Self {
            owners: vec![None; SLOTS],
            shares: Vec::new(),
            nothing: Arc::default(),
            assigned: 0,
            not_claimed: SlotSet::EMPTY,
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
        }
    }

    /// The owner of a slot.
    pub fn owner(&self, slot: Slot) -> Option<NodeIndex> {
        self.owners[slot.index()]
    }

    /// The slots of a node.
    pub fn slots_of(&self, node: NodeIndex) -> &SlotSet {
        self.share(node).map_or(&NOTHING, |share| &share.slots)
    }

    /// The slots of a node, to be kept.
    pub fn shared_slots_of(&self, node: NodeIndex) -> Arc<SlotSet> {
        self.share(node).map_or_else(|| Arc::clone(&self.nothing), |share| Arc::clone(&share.slots))
    }

    /// How many slots a node has.
    pub fn count_of(&self, node: NodeIndex) -> usize {
        self.share(node).map_or(0, |share| share.count.into())
    }

    /// How many slots have an owner.
    pub fn assigned(&self) -> usize {
        self.assigned.into()
    }

    /// Gives a slot that nobody owns to a node.
    pub fn add(&mut self, node: NodeIndex, slot: Slot) -> Result<(), SlotError> {
        if self.owners[slot.index()].is_some() {
            return Err(SlotError::Busy);
        }
        self.owners[slot.index()] = Some(node);
        if self.shares.len() <= node.index() {
            self.shares.resize(node.index() + 1, None);
        }
        let share = self.shares[node.index()].get_or_insert_default();
        let absent = Arc::make_mut(&mut share.slots).insert(slot);
        assert!(absent, "a slot without owner is in no node's set (C14)");
        share.count += 1;
        self.assigned += 1;
        self.not_claimed.remove(slot);
        Ok(())
    }

    /// Takes a slot from its owner, and tells who that was.
    pub fn remove(&mut self, slot: Slot) -> Result<NodeIndex, SlotError> {
        let node = self.owners[slot.index()].take().ok_or(SlotError::Unassigned)?;
        let share = self.shares[node.index()].as_mut().expect("an owner has a share (C14)");
        let present = Arc::make_mut(&mut share.slots).remove(slot);
        assert!(present, "a slot is in its owner's set (C14)");
        share.count -= u16::from(!planted(Fault::CountNotKept));
        self.assigned -= 1;
        self.not_claimed.remove(slot);
        Ok(node)
    }

    /// Makes a node the owner, whoever owned the slot. Returns who did.
    pub fn assign(&mut self, node: NodeIndex, slot: Slot) -> Option<NodeIndex> {
        let before = self.remove(slot).ok();
        self.add(node, slot).expect("its owner was taken away");
        before
    }

    /// Takes all slots of a node, and every mark about it: the node goes away.
    pub fn forget(&mut self, node: NodeIndex) {
        for slot in self.slots_of(node).clone().iter() {
            self.remove(slot).expect("it is in the node's set");
        }
        self.migrating.retain(|_, target| *target != node);
        self.importing.retain(|_, source| *source != node);
    }

    /// Whether a slot has no owner, or one that no longer claims it: others may take it.
    pub fn unclaimed(&self, slot: Slot) -> bool {
        self.owner(slot).is_none() || self.not_claimed.contains(slot)
    }

    /// Notes whether the owner of a slot claims it.
    pub fn note_claim(&mut self, slot: Slot, claim: SlotClaim) {
        match claim {
            SlotClaim::Claimed => self.not_claimed.remove(slot),
            SlotClaim::Dropped => self.owner(slot).is_some() && self.not_claimed.insert(slot),
        };
    }

    /// The slots that a node has and claims.
    pub fn claimed_by(&self, node: NodeIndex) -> SlotSet {
        let dropped = |slot: &Slot| self.not_claimed.contains(*slot);
        self.slots_of(node).iter().filter(|slot| !dropped(slot)).collect()
    }

    /// To whom our slot is being moved, by hand.
    pub fn migrating(&self, slot: Slot) -> Option<NodeIndex> {
        self.migrating.get(&slot).copied()
    }

    /// From whom we import a slot, by hand.
    pub fn importing(&self, slot: Slot) -> Option<NodeIndex> {
        self.importing.get(&slot).copied()
    }

    /// Marks a slot as being moved to a node, or takes the mark away.
    pub fn set_migrating(&mut self, slot: Slot, target: Option<NodeIndex>) {
        set_mark(&mut self.migrating, slot, target);
    }

    /// Marks a slot as being imported from a node, or takes the mark away.
    pub fn set_importing(&mut self, slot: Slot, source: Option<NodeIndex>) {
        set_mark(&mut self.importing, slot, source);
    }

    /// Takes all marks away.
    pub fn close_all(&mut self) {
        self.migrating.clear();
        self.importing.clear();
    }

    /// All slots that are marked as being moved away, ascending.
    pub fn all_migrating(&self) -> impl Iterator<Item = (Slot, NodeIndex)> + '_ {
        self.migrating.iter().map(|(slot, node)| (*slot, *node))
    }

    /// All slots that are marked as being imported, ascending.
    pub fn all_importing(&self) -> impl Iterator<Item = (Slot, NodeIndex)> + '_ {
        self.importing.iter().map(|(slot, node)| (*slot, *node))
    }

    fn share(&self, node: NodeIndex) -> Option<&Share> {
        self.shares.get(node.index())?.as_deref()
    }
}

/// Whether an owner, when it was last heard, claimed a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotClaim {
    /// It did.
    Claimed,
    /// It did not.
    Dropped,
}

fn set_mark(marks: &mut BTreeMap<Slot, NodeIndex>, slot: Slot, node: Option<NodeIndex>) {
    match node {
        Some(node) => marks.insert(slot, node),
        None => marks.remove(&slot),
    };
}

impl Default for SlotTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    const NODES: u16 = 5;

    /// The same, said once.
    #[derive(Default)]
    struct Model {
        owners: HashMap<Slot, NodeIndex>,
        dropped: BTreeSet<Slot>,
    }

    fn agree(table: &SlotTable, model: &Model) {
        for slot in Slot::all() {
            let owner = model.owners.get(&slot).copied();
            assert_eq!(table.owner(slot), owner);
            assert_eq!(table.unclaimed(slot), owner.is_none() || model.dropped.contains(&slot));
        }
        assert_eq!(table.assigned(), model.owners.len());
        for node in (0..NODES).map(NodeIndex) {
            let of_model: SlotSet = model.owners.iter().filter(|(_, of)| **of == node).map(|(slot, _)| *slot).collect();
            assert_eq!((table.slots_of(node), table.count_of(node)), (&of_model, of_model.len()));
            let claimed: SlotSet = of_model.iter().filter(|slot| !model.dropped.contains(slot)).collect();
            assert_eq!(table.claimed_by(node), claimed);
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_owners_sets_and_counts_agree_after_any_operations() {
        let mut rng = fastrand::Rng::with_seed(14);
        let (mut table, mut model) = (SlotTable::new(), Model::default());
        for step in 0..60_000 {
            // Few slots, so that operations meet.
            let slot = Slot::new([rng.u16(..64), rng.u16(16_300..16_384)][rng.usize(..2)]).expect("in range");
            let node = NodeIndex(rng.u16(..NODES));
            let owner = model.owners.get(&slot).copied();
            match rng.u8(..6) {
                0 => {
                    let expected = if owner.is_some() { Err(SlotError::Busy) } else { Ok(()) };
                    assert_eq!(table.add(node, slot), expected);
                    model.owners.entry(slot).or_insert(node);
                }
                1 => {
                    assert_eq!(table.remove(slot), owner.ok_or(SlotError::Unassigned));
                    model.owners.remove(&slot);
                    model.dropped.remove(&slot);
                }
                2 => {
                    assert_eq!(table.assign(node, slot), owner);
                    model.owners.insert(slot, node);
                    model.dropped.remove(&slot);
                }
                3 => {
                    table.note_claim(slot, SlotClaim::Dropped);
                    if owner.is_some() {
                        model.dropped.insert(slot);
                    }
                }
                4 => {
                    table.note_claim(slot, SlotClaim::Claimed);
                    model.dropped.remove(&slot);
                }
                _ if rng.u8(..50) == 0 => {
                    table.forget(node);
                    model.owners.retain(|_, of| *of != node);
                    model.dropped.retain(|slot| model.owners.contains_key(slot));
                }
                _ => {}
            }
            if step % 2_000 == 0 {
                agree(&table, &model);
            }
        }
        agree(&table, &model);
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_marks_go_with_their_node() {
        let mut table = SlotTable::new();
        let slot = |number| Slot::new(number).expect("in range");
        table.set_migrating(slot(7), Some(NodeIndex(1)));
        table.set_migrating(slot(3), Some(NodeIndex(2)));
        table.set_importing(slot(9), Some(NodeIndex(1)));
        table.set_importing(slot(9), Some(NodeIndex(2)));
        assert_eq!(table.all_migrating().collect::<Vec<_>>(), [(slot(3), NodeIndex(2)), (slot(7), NodeIndex(1))]);
        assert_eq!(table.importing(slot(9)), Some(NodeIndex(2)));
        table.forget(NodeIndex(2));
        assert_eq!((table.migrating(slot(3)), table.importing(slot(9))), (None, None));
        assert_eq!(table.migrating(slot(7)), Some(NodeIndex(1)));
        table.close_all();
        assert_eq!(table, SlotTable::new());
    }
}
