//! Deadlines: what is due is found by slot, table and line ([`crate::due`]), and removed.
//!
//! A hash with deadlines of fields stands in the index of keys with the earliest of them, and has an index of its own (`types::fields`). So
//! one search finds both kinds; a large hash whose fields are due leaves some for the next search.

use evict::record::{Cause, Kind};
use evict::time::UnixMillis;
use smallvec::SmallVec;

use crate::args::OwnedArgs;
use crate::due::{NEVER, Search};
use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::limits::Removal;
use crate::signals::EventClasses;
use crate::slot::{SLOTS, Slot};
use crate::table::Place;
use crate::types::Object;

use super::{Db, Key, Keyspace};

/// What looking for something whose deadline has come led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Keys that were removed.
    pub keys: u32,
    /// Fields of hashes that were; a hash went with its last.
    pub fields: u32,
    /// Looks at deadlines that had come and were changed or are gone. One costs about as much as a removal.
    pub in_vain: u32,
    /// Nothing else in the slot is due.
    pub is_all: bool,
}

impl Expired {
    /// Removals and looks in vain.
    pub fn looks(&self) -> u32 {
        self.keys + self.fields + self.in_vain
    }
}

/// Entries that are freed together.
const TOGETHER: usize = 16;

impl Keyspace {
    /// The first slot from `from` on, or else of those before it, in which something of a database may be due.
    pub fn due_slot(&self, db: Db, from: Slot, now: UnixMillis) -> Option<Slot> {
        let slot = self.due[db.0 as usize].next(from.index(), now)?;
        Some(Slot::new(slot as u16).expect("groups are slots"))
    }

    /// Looks in a slot for what of a database has a deadline that has come, and removes it: keys, until there were `keys_max` looks, or
    /// fields of one hash, with which there are up to `looks_max`; at least one of either. Entries are freed when all are removed: what
    /// the allocator reads for one then arrives while it reads for the next.
    pub fn expire_in(&mut self, db: Db, slot: Slot, now: UnixMillis, keys_max: u32, looks_max: u32) -> Expired {
        let mut expired = Expired::default();
        let mut removed: SmallVec<[Entry; TOGETHER]> = SmallVec::new();
        loop {
            let databases = self.databases.len();
            let table = self.slots[slot.index()].table_mut(db, databases);
            match table.next_due(now, &self.hasher) {
                Search::Found(place) => {
                    let entry = table.at(place);
                    let hash = self.hasher.hash(entry.key());
                    if entry.deadline().is_some_and(|at| at <= now) {
                        removed.push(self.take_expired(db, slot, hash, place));
                        expired.keys += 1;
                    } else {
                        let bytes: SmallVec<[u8; 64]> = entry.key().into();
                        let key = Key { slot, hash, bytes: &bytes };
                        let fields_max = looks_max.saturating_sub(expired.looks()).max(1);
                        expired.fields = self.expire_fields(db, &key, place, now, fields_max);
                        expired.in_vain += u32::from(expired.fields == 0);
                    }
                }
                Search::Raised | Search::Nothing => {
                    let earliest = table.earliest();
                    self.due[db.0 as usize].set(slot.index(), SLOTS, earliest);
                    expired.is_all = earliest > now;
                    if expired.is_all {
                        return expired;
                    }
                    expired.in_vain += 1;
                }
            }
            if expired.looks() >= keys_max || expired.fields > 0 {
                return expired;
            }
        }
    }

    /// The deadline of a key drawn in a random slot with deadlines: what the keys with deadlines are like on average, as long as slots have about
    /// as many. `None` if the draw met a key without one.
    pub fn sample_deadline(&mut self, db: Db) -> Option<UnixMillis> {
        let from = self.random.below(SLOTS as u64) as usize;
        let slot = self.due[db.0 as usize].next(from, NEVER)?;
        let table = self.slots[slot].table(db)?;
        table.sample(&mut self.random)?.deadline()
    }

    /// When something of a database may be due at the earliest; `None` if nothing ever is.
    pub fn next_due(&self, db: Db) -> Option<UnixMillis> {
        Some(self.due[db.0 as usize].earliest()).filter(|at| *at != NEVER)
    }

    /// Deletes the entry of a key because its deadline has passed.
    #[cold]
    pub fn expire(&mut self, db: Db, key: &Key, place: Place) {
        self.take_expired(db, key.slot, key.hash, place);
    }

    /// `expire`, but for freeing the entry.
    fn take_expired(&mut self, db: Db, slot: Slot, hash: u64, place: Place) -> Entry {
        let mut entry = self.remove(db, slot, hash, place);
        if let Some(object) = entry.take_object() {
            self.drop_later(object, Removal::Expiry);
        }
        let key = Key { slot, hash, bytes: entry.key() };
        self.stats.expired_keys += 1;
        self.log_gone(Cause::Expired, db, &key);
        self.modified(db, &key);
        self.notify(db, EventClasses::EXPIRED, "expired", &key);
        entry
    }

    /// Deletes up to `max` fields of the hash at a place because their deadlines have come, and the hash with its last field. Says how
    /// many. One event tells of all of them.
    fn expire_fields(&mut self, db: Db, key: &Key, place: Place, now: UnixMillis, max: u32) -> u32 {
        let mut parts = self.signals.log.is_on().then(|| OwnedArgs::from_iter([key.bytes]));
        let remove = |entry: &mut Entry, hasher: &KeyHasher| match entry.object_mut() {
            Some(Object::Hash(fields)) => {
                let gone = |field: &[u8]| parts.iter_mut().for_each(|parts| parts.push(field));
                (fields.remove_due(hasher, now, max, gone), fields.is_empty())
            }
            _ => (0, false),
        };
        let (removed, emptied) = self.edit_hashed(db, key.slot, place, remove);
        if removed > 0 {
            self.stats.expired_fields += u64::from(removed);
            if let Some(parts) = parts {
                self.note_for_log(Kind::Fields, db, parts);
            }
            self.modified(db, key);
            self.notify(db, EventClasses::HASH, "hexpired", key);
        }
        if emptied {
            self.discard(db, key.slot, key.hash, place, Removal::Expiry);
            self.notify(db, EventClasses::GENERIC, "del", key);
        }
        removed
    }

    /// The entry at a place got this deadline, or a field of its hash.
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

#[cfg(test)]
#[path = "expiry_fields_tests.rs"]
mod fields_tests;
