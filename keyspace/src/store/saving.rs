//! A snapshot of a keyspace that goes on being used: what was there when it began, written piece by piece as a snapshot's file has it.
//!
//! Slots are written in ascending order and the entries of a slot in the order of their hashes, so what is written already is a position.
//! Whoever changes or removes an entry that is not written yet has it written first, as it is; the walk then leaves it out, as it does with
//! what was made since. A slot that leaves is written whole before. So a snapshot holds nobody up, and costs one entry's encoding for the
//! first change of each entry, in time and in bytes that wait to be taken.
//!
//! Emptying a database ends the snapshot without a result: all that is not written yet would have to be kept for it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::entry::Entry;
use crate::limits::DataLimits;
use crate::payloads;
use crate::rdb::file::{push_database, push_entry};
use crate::slot::{SLOTS, Slot};
use crate::table::{Place, ScanPosition, position_of};

use super::loans::SlotSet;
use super::{Db, Keyspace};

/// What it costs to look at an entry, in bytes that are written in that time.
const VISIT_WORK: usize = 32;

/// Bytes that wait to be taken, beyond which the snapshot is given up: whoever takes them is too slow for the changes.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// Why a snapshot has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaved {
    /// A database was emptied.
    Flushed,
    /// More than 256 MiB waited to be taken.
    TooSlow,
    /// What was taken could not be kept.
    NotKept,
}

impl fmt::Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsaved::Flushed => "a database was emptied meanwhile",
            Unsaved::TooSlow => "the data changed faster than it could be written",
            Unsaved::NotKept => "what was written could not be kept",
        })
    }
}

/// What a snapshot has written since it was looked at last.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// A part of a snapshot's file, which says itself to which databases its entries belong.
    pub bytes: Vec<u8>,
    /// Whether that was the last of it.
    pub end: Option<Result<(), Unsaved>>,
}

/// A snapshot that is being written.
pub(super) struct Saving {
    /// The databases' numbers as they were when it began, by place.
    numbers: Vec<u16>,
    /// Slots with entries that are not written.
    pending: SlotSet,
    /// Where the walk goes on.
    at: At,
    /// Keys that the walk leaves out, by slot and database.
    early: HashMap<(Slot, Db), HashSet<Box<[u8]>>>,
    /// Work that the step under way has left.
    left: usize,
    out: Vec<u8>,
    /// The number of the database that was named last in `out`.
    named: Option<u16>,
    failed: Option<Unsaved>,
}

/// A position of the walk: all that is before it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    slot: usize,
    place: u16,
    from: ScanPosition,
}

impl Saving {
    fn is_pending(&self, db: Db, slot: Slot, hash: u64) -> bool {
        let at = At { slot: slot.index(), place: db.0, from: position_of(hash) };
        self.pending.has(slot) && at >= self.at
    }

    /// Notes that the walk leaves a key out. False if it does so already.
    fn leave_out(&mut self, db: Db, slot: Slot, key: &[u8]) -> bool {
        let keys = self.early.entry((slot, db)).or_default();
        !keys.contains(key) && keys.insert(key.into())
    }

    fn write(&mut self, db: Db, entry: &Entry, limits: &DataLimits) {
        let number = self.numbers[db.0 as usize];
        if self.named.replace(number) != Some(number) {
            push_database(&mut self.out, number);
        }
        let deadline = entry.deadline().map(|at| at.0);
        push_entry(&mut self.out, entry.key(), deadline, |out| payloads::write(entry, limits, out));
        if self.out.len() > WAITING_BYTES_MAX {
            self.fail(Unsaved::TooSlow);
        }
    }

    fn fail(&mut self, why: Unsaved) {
        self.failed = Some(why);
        self.pending = SlotSet::default();
        self.early = HashMap::new();
        self.out = Vec::new();
    }

    /// Goes on with the walk for so much work.
    fn walk(&mut self, keyspace: &Keyspace, work: usize) {
        self.left = work;
        while self.left > 0 && self.failed.is_none() {
            let next = (self.at.slot..SLOTS).find(|number| self.pending.has(slot_at(*number)));
            let Some(number) = next else { return };
            if number > self.at.slot {
                self.at = At { slot: number, place: 0, from: 0 };
            }
            self.walk_slot(keyspace, slot_at(number));
        }
    }

    /// Writes what is left of the slot at which the walk is, as far as the work that is left goes.
    fn walk_slot(&mut self, keyspace: &Keyspace, slot: Slot) {
        while (self.at.place as usize) < self.numbers.len() {
            if self.left == 0 || self.failed.is_some() {
                return;
            }
            let (db, left) = (Db(self.at.place), self.left);
            let next =
                keyspace.scan(db, slot, self.at.from, left, &mut |_, entry| self.visit(db, slot, entry, keyspace));
            self.at = match next {
                Some(from) => At { from, ..self.at },
                None => At { place: self.at.place + 1, from: 0, ..self.at },
            };
        }
        self.finish(slot);
    }

    /// Writes an entry, unless it is left out. Returns what work that was.
    fn visit(&mut self, db: Db, slot: Slot, entry: &Entry, keyspace: &Keyspace) -> usize {
        let is_early = self.early.get(&(slot, db)).is_some_and(|keys| keys.contains(entry.key()));
        let mut work = VISIT_WORK;
        if !is_early && self.failed.is_none() {
            self.write(db, entry, &keyspace.limits);
            work += entry.heap_bytes();
        }
        self.left = self.left.saturating_sub(work);
        work
    }

    /// Nothing of a slot is pending any more.
    fn finish(&mut self, slot: Slot) {
        self.pending.remove(slot);
        for place in 0..self.numbers.len() as u16 {
            self.early.remove(&(slot, Db(place)));
        }
    }
}

fn slot_at(number: usize) -> Slot {
    Slot::new(number as u16).expect("there are so many slots")
}

impl Keyspace {
    /// Begins a snapshot of all that is here. None is under way, and no slot is on loan. O(slots).
    pub fn begin_saving(&mut self) {
        assert!(self.saving.is_none(), "one snapshot at a time");
        self.saves += 1;
        let mut pending = SlotSet::default();
        let filled = Slot::all().zip(self.slots.iter()).filter(|(_, tables)| !tables.is_empty());
        filled.for_each(|(slot, _)| pending.insert(slot));
        self.saving = Some(Box::new(Saving {
            numbers: (0..self.databases.len() as u16).map(|place| self.number_of(Db(place))).collect(),
            pending,
            at: At { slot: 0, place: 0, from: 0 },
            early: HashMap::new(),
            left: 0,
            out: Vec::new(),
            named: None,
            failed: None,
        }));
    }

    /// Whether a snapshot is under way.
    #[inline]
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// How many snapshots have begun: the number of the one that is under way.
    pub fn saves(&self) -> u64 {
        self.saves
    }

    /// Goes on with the snapshot that is under way, for so many bytes of entries, and no more than one entry above that. An entry of which
    /// nothing is written counts as well.
    pub fn save_some(&mut self, bytes: usize) {
        let Some(mut saving) = self.saving.take() else { return };
        saving.walk(self, bytes);
        self.saving = Some(saving);
    }

    /// Gives the snapshot up, if one is under way: its end says so.
    pub fn stop_saving(&mut self, why: Unsaved) {
        if let Some(saving) = &mut self.saving {
            saving.fail(why);
        }
    }

    /// Takes what the snapshot has written. `None` if none is under way; with its end it is none any more.
    pub fn take_saved(&mut self) -> Option<Saved> {
        let saving = self.saving.as_mut()?;
        let end = match saving.failed {
            Some(why) => Some(Err(why)),
            None => saving.pending.is_empty().then_some(Ok(())),
        };
        saving.named = None;
        let bytes = std::mem::take(&mut saving.out);
        if end.is_some() {
            self.saving = None;
        }
        Some(Saved { bytes, end })
    }

    /// The entry at a place is about to change: it is written first if it was not yet.
    #[cold]
    pub(super) fn save_first(&mut self, db: Db, slot: Slot, place: Place) {
        let Some(mut saving) = self.saving.take() else { return };
        let entry = self.at(db, slot, place);
        if saving.is_pending(db, slot, self.hasher.hash(entry.key())) && saving.leave_out(db, slot, entry.key()) {
            saving.write(db, entry, &self.limits);
        }
        self.saving = Some(saving);
    }

    /// A key is made that the snapshot does not have.
    #[cold]
    pub(super) fn save_without(&mut self, db: Db, slot: Slot, hash: u64, key: &[u8]) {
        let Some(saving) = &mut self.saving else { return };
        if saving.is_pending(db, slot, hash) {
            saving.leave_out(db, slot, key);
        }
    }

    /// A slot is about to leave: what is not written of it is written first.
    #[cold]
    pub(super) fn save_slot(&mut self, slot: Slot) {
        let Some(mut saving) = self.saving.take() else { return };
        if saving.pending.has(slot) {
            let at = At { slot: slot.index(), place: 0, from: 0 };
            let resume = std::mem::replace(&mut saving.at, at);
            saving.at = if resume.slot == slot.index() { resume } else { at };
            saving.left = usize::MAX;
            saving.walk_slot(self, slot);
            if resume.slot != slot.index() {
                saving.at = resume;
            }
        }
        self.saving = Some(saving);
    }
}

#[cfg(test)]
#[path = "saving_tests.rs"]
mod tests;
