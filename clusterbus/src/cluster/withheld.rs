//! Slots that no core serves for a moment, so that what is found out about their keys is true until it is decided on.
//!
//! §18.3: rights shrink first. What lets go of slots because nothing is stored in them would otherwise be decided by facts that a core
//! changes while others are still asked. To clients these slots are nobody's until the decision; who waits on a key
//! of theirs goes on waiting for it. Other nodes hear nothing of it.

use std::collections::BTreeMap;

use super::Cluster;
use crate::faults::{Fault, planted};
use crate::slot_set::SlotSet;

/// Slots that are withheld from cores until they are given back, by [`Cluster::give_back`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Withheld(u64);

/// All that is withheld.
#[derive(Clone, Debug, Default)]
pub(super) struct Withholding {
    next: u64,
    slots: BTreeMap<u64, SlotSet>,
}

impl Withholding {
    /// The slots that cores do not serve.
    pub(super) fn all(&self) -> SlotSet {
        let mut all = SlotSet::EMPTY;
        for slot in self.slots.values().flat_map(SlotSet::iter).filter(|_| !planted(Fault::ServedWhileAsked)) {
            all.insert(slot);
        }
        all
    }
}

impl Cluster {
    /// Has cores not serve these slots: known to all of them when [`Cluster::is_done`] says so of what this round decided.
    pub(crate) fn withhold_slots(&mut self, slots: SlotSet) -> Withheld {
        let id = self.withheld.next;
        self.withheld.next += 1;
        self.withheld.slots.insert(id, slots);
        self.due.routes = true;
        Withheld(id)
    }

    /// It is decided: cores may serve what is still ours.
    pub fn give_back(&mut self, withheld: Withheld) {
        self.withheld.slots.remove(&withheld.0);
        self.due.routes = true;
    }
}
