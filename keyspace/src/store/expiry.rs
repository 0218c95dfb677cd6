//! Deadlines: what is due is found by slot, table and line ([`crate::due`]), and removed.

use evict::time::UnixMillis;
use smallvec::SmallVec;

use crate::due::{NEVER, Search};
use crate::signals::EventClasses;
use crate::slot::{SLOTS, Slot};
use crate::table::Place;

use super::{Db, Key, Keyspace};

/// What looking for something whose deadline has come led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// A key was removed.
    Removed,
    /// Deadlines that had come were changed or are gone.
    NotYet,
    /// Nothing is due.
    NothingDue,
}

impl Keyspace {
    /// Looks for something of a database whose deadline has come, and removes it. Reads the entries of one line of one table.
    pub fn expire_next(&mut self, db: Db, now: UnixMillis) -> Expiry {
        let databases = self.databases.len();
        let due = &mut self.due[db.0 as usize];
        let Some(index) = due.first(now) else { return Expiry::NothingDue };
        let slot = Slot::new(index as u16).expect("groups are slots");
        let table = self.slots[index].table_mut(db, databases);
        match table.next_due(now, &self.hasher) {
            Search::Found(place) => {
                let bytes: SmallVec<[u8; 64]> = table.at(place).key().into();
                let key = Key { slot, hash: self.hasher.hash(&bytes), bytes: &bytes };
                self.expire(db, &key, place);
                Expiry::Removed
            }
            Search::Raised | Search::Nothing => {
                due.set(index, SLOTS, table.earliest());
                Expiry::NotYet
            }
        }
    }

    /// When something of a database may be due at the earliest; `None` if nothing ever is.
    pub fn next_due(&self, db: Db) -> Option<UnixMillis> {
        Some(self.due[db.0 as usize].earliest()).filter(|at| *at != NEVER)
    }

    /// Deletes the entry of a key because its deadline has passed.
    #[cold]
    pub fn expire(&mut self, db: Db, key: &Key, place: Place) {
        self.discard(db, key.slot, key.hash, place);
        self.stats.expired_keys += 1;
        self.modified(db, key);
        self.notify(db, EventClasses::EXPIRED, "expired", key);
    }

    /// The entry at a place got this deadline.
    pub(super) fn set_deadline(&mut self, db: Db, slot: Slot, place: Place, deadline: UnixMillis) {
        let databases = self.databases.len();
        let table = self.slots[slot.index()].table_mut(db, databases);
        let before = table.heap_bytes();
        table.set_deadline(place, deadline);
        self.bytes += table.heap_bytes() - before;
        self.due[db.0 as usize].lower(slot.index(), SLOTS, deadline);
    }
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
