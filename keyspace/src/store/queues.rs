//! The queues of `allkeys-s3fifo` over a keyspace ([`evict::s3fifo`]): who stands in them, and how those come in who were there before.
//!
//! A key that is made here is queued at once. Those that were there when the policy was chosen are found by a scan of all tables, a piece in each
//! turn: until it has come to a key, that key cannot be evicted, and one that is made meanwhile may be taken for an older one. A
//! slot on loan keeps its handles, and lists the keys that are made in it; where the list is not whole, the slot is scanned when it is back.

use evict::s3fifo::{Held, QueueBits, Queued, S3Fifo, Search};

use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::slot::{SLOTS, Slot};
use crate::table::{Place, ScanPosition};

use super::loans::{SlotSet, Strays};
use super::tables::Made;
use super::{SlotTables, Victim};

/// Keys that one piece of a scan takes in.
const ADOPTED_MAX: usize = 512;

/// Slots that one piece of a scan looks at: most may have few keys, or none.
const SLOTS_MAX: usize = 256;

/// The queues of a core, and what is still to be taken into them.
#[derive(Default)]
pub(super) struct Queues {
    order: S3Fifo<Victim>,
    /// What may have keys that stand in no queue. At most two scans for a slot, beside one for all.
    scans: Vec<Scan>,
    /// Slots that a scan has missed because they were on loan.
    missed: SlotSet,
}

/// Keys that are to be taken in: those of some slots, from a place in their tables on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Scan {
    slot: usize,
    end: usize,
    db: u16,
    from: ScanPosition,
}

impl Queues {
    /// Queues for so many keys that are there already; `lent` are the slots that are elsewhere.
    pub(super) fn of_all(keys: u64, lent: &SlotSet) -> Queues {
        let all = (keys > 0).then_some(Scan { slot: 0, end: SLOTS, db: 0, from: 0 });
        Queues { scans: all.into_iter().collect(), missed: lent.clone(), ..Queues::default() }
    }

    /// Bytes on the heap. O(1).
    pub(super) fn heap_bytes(&self) -> usize {
        self.order.heap_bytes() + self.scans.capacity() * size_of::<Scan>() + size_of::<[u64; SLOTS / 64]>()
    }

    /// Takes in a key that was made here.
    pub(super) fn made(&mut self, keys: &mut Keys, key: Victim) {
        self.order.made(keys, key);
    }

    /// The key to evict next.
    pub(super) fn choose(&mut self, keys: &mut Keys) -> Search<Victim> {
        match self.order.choose(keys) {
            // A key that is here may stand in no queue yet.
            Search::Nothing if !self.scans.is_empty() => {
                self.adopt_some(keys);
                Search::Again
            }
            search => search,
        }
    }

    /// Takes in a key that was chosen and stays.
    pub(super) fn spare(&mut self, keys: &mut Keys, key: Victim) {
        self.order.adopt(keys, key);
    }

    /// A slot is here again. `made` are the keys that were made in it meanwhile.
    pub(super) fn slot_is_back(&mut self, slot: Slot, made: Option<Made>, keys: &mut Keys) {
        let missed = self.missed.remove(slot);
        match made {
            Some(made) if !made.incomplete && !missed => made.keys.into_iter().for_each(|key| self.made(keys, key)),
            _ => {
                let scan = Scan { slot: slot.index(), end: slot.index() + 1, db: 0, from: 0 };
                if !self.scans.contains(&scan) {
                    self.scans.push(scan);
                }
            }
        }
    }

    /// Takes in a piece of what stands in no queue: up to `ADOPTED_MAX` keys, read from at most one segment more. Then drops handles of keys
    /// that are gone, if they are too many. Says whether something is left to do.
    pub(super) fn adopt_some(&mut self, keys: &mut Keys) -> bool {
        let Some(scan) = self.scans.pop() else { return self.order.tidy(keys) };
        let mut found = Vec::with_capacity(ADOPTED_MAX);
        self.scans.extend(scan.piece(keys, &mut found, &mut self.missed));
        found.into_iter().for_each(|key| self.order.adopt(keys, key));
        true
    }

    /// Nothing is here and nothing is on loan: gives the queues up, to be freed in pieces.
    pub(super) fn give_up(&mut self) -> S3Fifo<Victim> {
        std::mem::take(self).order
    }
}

impl Scan {
    /// Finds the next keys. Returns what is left.
    fn piece(mut self, keys: &Keys, found: &mut Vec<Victim>, missed: &mut SlotSet) -> Option<Scan> {
        for _ in 0..SLOTS_MAX {
            let slot = Slot::new(self.slot as u16).filter(|_| self.slot < self.end)?;
            if keys.strays.lent.has(slot) {
                missed.insert(slot);
            } else if !keys.strays.guests.has(slot) && !self.slot_piece(slot, keys, found) {
                return Some(self);
            }
            self = Scan { slot: self.slot + 1, db: 0, from: 0, ..self };
        }
        Some(self)
    }

    /// Finds the next keys of a slot. False if some are left.
    fn slot_piece(&mut self, slot: Slot, keys: &Keys, found: &mut Vec<Victim>) -> bool {
        for (db, table) in keys.slots[slot.index()].tables().skip(self.db as usize) {
            let room = ADOPTED_MAX.saturating_sub(found.len());
            let mut note = |_, entry: &Entry| {
                found.push(Victim::new(db, slot, keys.hasher.hash(entry.key())));
                1
            };
            if let Some(next) = table.scan(self.from, room, keys.hasher, &mut note) {
                (self.db, self.from) = (db.0, next);
                return false;
            }
            self.from = 0;
        }
        true
    }
}

/// The keys that are here, as the queues see them.
pub(super) struct Keys<'a> {
    pub(super) slots: &'a mut [SlotTables],
    pub(super) databases: usize,
    pub(super) strays: &'a Strays,
    pub(super) hasher: &'a KeyHasher,
    /// How many keys of this core's are here.
    pub(super) count: u64,
}

impl Keys<'_> {
    fn locate(&self, key: Victim) -> Option<(&Entry, Place)> {
        let table = self.slots[key.slot().index()].table(key.db())?;
        let place = table.locate_hash(key.hash(), self.hasher)?;
        Some((table.at(place), place))
    }
}

impl Queued for Keys<'_> {
    type Handle = Victim;

    fn held(&self, key: Victim) -> Held {
        if self.strays.lent.has(key.slot()) {
            return Held::Away;
        }
        self.locate(key).map_or(Held::Gone, |(entry, _)| Held::Here(QueueBits::of(entry.access())))
    }

    fn set_bits(&mut self, key: Victim, bits: QueueBits) {
        let (_, place) = self.locate(key).expect("bits are set of keys that are here");
        let table = self.slots[key.slot().index()].table_mut(key.db(), self.databases);
        table.at_mut(place).set_access(bits.access());
    }

    fn fingerprint(&self, key: Victim) -> u32 {
        // The same key in another database is another key.
        (key.hash() >> 32) as u32 ^ u32::from(key.db().place()).wrapping_mul(0x9e37_79b1)
    }

    fn keys(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
#[path = "queues_tests.rs"]
mod tests;
