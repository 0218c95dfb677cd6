//! The snapshot in force at a core, and who of those that began under an older one has something that it took away.
//!
//! Rights shrink first (`cores.md` §7.9): before the cluster hears that this node lost a slot, every core has said that nothing works
//! there any more. A command decides and runs in one turn, so only units and holds can be in the middle of something: a core says it
//! once the loans are back that cover what was lost, and the holds are over.

use std::sync::Arc;

use clusterbus::snapshot::{Owner, Role, Snapshot, SnapshotVersion};
use clusterbus::wire::Health;
use keyspace::slot::Slot;

use crate::mesh::holds::{HoldId, Holds};
use crate::mesh::loans::{Loans, UnitId};

/// What a core knows of the cluster.
pub struct Routes {
    /// What it routes by.
    pub snapshot: Arc<Snapshot>,
    /// Units that had a loan of something that changed since, when it did.
    covers: Vec<UnitId>,
    /// Holds of something that changed since, likewise.
    held: Vec<HoldId>,
    /// The bus thread does not know yet that it is in force.
    unsaid: bool,
    /// What is in force again when the bus thread is heard: while it is not, the cluster counts as down.
    suspended: Option<Arc<Snapshot>>,
}

impl Routes {
    /// A node begins with what it is made with.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Routes { snapshot, covers: Vec::new(), held: Vec::new(), unsaid: false, suspended: None }
    }

    /// Takes a snapshot on, unless a newer one is in force. True if it was taken.
    pub fn take<W>(&mut self, snapshot: Arc<Snapshot>, loans: &Loans<W>, holds: &Holds<W>) -> bool {
        if snapshot.version <= self.snapshot.version {
            return false;
        }
        let in_force = std::mem::replace(&mut self.snapshot, snapshot);
        // Units began under what was suspended since.
        let old = self.suspended.take().unwrap_or(in_force);
        let new = &*self.snapshot;
        let changed = |slot| Slot::new(slot).is_some_and(|slot| differs(&old, new, slot));
        for unit in loans.units_with(changed) {
            if !self.covers.contains(&unit) {
                self.covers.push(unit);
            }
        }
        for hold in holds.with(changed) {
            if !self.held.contains(&hold) {
                self.held.push(hold);
            }
        }
        self.unsaid = true;
        true
    }

    /// The bus thread has not been heard for too long: others may have taken over what this node owns (§18.11), so that nothing is served
    /// until it is heard again. It says itself what it has missed.
    pub fn suspend(&mut self) {
        if self.suspended.is_none() {
            let mut down = (*self.snapshot).clone();
            down.health = Health::Fail;
            self.suspended = Some(std::mem::replace(&mut self.snapshot, Arc::new(down)));
        }
    }

    /// The bus thread is heard.
    pub fn resume(&mut self) {
        if let Some(snapshot) = self.suspended.take() {
            self.snapshot = snapshot;
        }
    }

    /// True if the bus thread is still to be told.
    pub fn is_owed(&self) -> bool {
        self.unsaid
    }

    /// The version that the bus thread is to be told now: nothing works under an older one any more.
    pub fn said<W>(&mut self, loans: &Loans<W>, holds: &Holds<W>) -> Option<SnapshotVersion> {
        if !self.unsaid {
            return None;
        }
        self.covers.retain(|unit| loans.has_loan(*unit));
        self.held.retain(|hold| holds.has(*hold));
        let is_over = self.covers.is_empty() && self.held.is_empty();
        self.unsaid = !is_over;
        is_over.then_some(self.snapshot.version)
    }
}

/// Whether two snapshots may decide differently about a slot. What was gained counts as well: it is rare, and costs a wait at most.
pub fn differs(old: &Snapshot, new: &Snapshot, slot: Slot) -> bool {
    old.health != new.health
        || old.role != new.role
        || old.rules != new.rules
        || old.owner(slot) != new.owner(slot)
        || old.mark(slot) != new.mark(slot)
}

/// Whether this node or its master owns a slot.
pub fn is_of_our_shard(snapshot: &Snapshot, slot: Slot) -> bool {
    match snapshot.owner(slot) {
        Owner::Me => true,
        Owner::Other(owner) => snapshot.role == Role::Replica(Some(owner)),
        Owner::Nobody => false,
    }
}
