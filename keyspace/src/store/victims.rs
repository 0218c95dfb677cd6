//! Eviction: which key goes next, by the policy in force, and its removal (`spec/expire-evict.md` §6, §11).
//!
//! The decisions are those of the crate `evict`. Here is what they ask for: how many keys of the policy's class each slot has, kept while memory is
//! limited and a policy takes anything, and not else; fair draws among them (`candidates`); S3-FIFO's queues (`queues`). A slot that is on loan is
//! not here: its keys are not counted, not drawn and not found. Nor are those of a slot that this core has borrowed: their owner evicts them.

use evict::policy::{Class, Ranking};
use evict::record::Cause;
use evict::s3fifo::{S3Fifo, Search};
use evict::time::UnixMillis;
use evict::victim::{Choice, Chooser};
use evict::weights::Weights;
use smallvec::SmallVec;

use crate::limits::Removal;
use crate::signals::EventClasses;
use crate::slot::{SLOTS, Slot};
use crate::table::Table;

use super::access::Marks;
use super::candidates::Here;
use super::queues::{Keys, Queues};
use super::{Db, Key, Keyspace, SlotTables};

/// Where a key is that may be evicted. It need not be there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Victim {
    /// The upper and the lower half of its hash: in two, so that a queue of millions takes 12 bytes for each and not 16.
    hash: [u32; 2],
    slot: Slot,
    db: Db,
}

const _: () = assert!(size_of::<Victim>() == 12);

impl Victim {
    pub(super) fn new(db: Db, slot: Slot, hash: u64) -> Victim {
        Victim { hash: [(hash >> 32) as u32, hash as u32], slot, db }
    }

    /// Its database.
    pub fn db(self) -> Db {
        self.db
    }

    /// Its slot.
    pub fn slot(self) -> Slot {
        self.slot
    }

    pub(super) fn hash(self) -> u64 {
        u64::from(self.hash[0]) << 32 | u64::from(self.hash[1])
    }
}

/// What choosing victims needs.
pub(super) struct Victims {
    /// The keys that the policy may take.
    class: Class,
    /// How many of them each slot has, by database: room for it comes with a database's first key.
    pub(super) weights: Box<[Option<Weights>]>,
    /// All of them together.
    keys: u64,
    /// Bytes of `weights`.
    weights_bytes: usize,
    chooser: Chooser<Victim>,
    /// A slot that was drawn ahead, of which database.
    ahead: Option<(Db, usize)>,
    /// Only for the policy that has queues.
    queues: Option<Queues>,
}

impl Victims {
    /// What a policy that takes keys of this class needs where nothing is stored yet.
    pub(super) fn new(class: Class, databases: usize) -> Box<Victims> {
        let weights = (0..databases).map(|_| None).collect();
        let (chooser, ahead, queues) = (Chooser::default(), None, None);
        Box::new(Victims { class, weights, keys: 0, weights_bytes: 0, chooser, ahead, queues })
    }

    /// The same for another place, where nothing is stored.
    pub(super) fn renewed(&self) -> Box<Victims> {
        let queues = self.queues.as_ref().map(|_| Queues::default());
        Box::new(Victims { queues, ..*Victims::new(self.class, self.weights.len()) })
    }

    /// Counts the keys of a slot again. O(1).
    #[inline(never)]
    pub(super) fn count(&mut self, db: Db, slot: Slot, table: &Table) {
        let keys = match self.class {
            Class::All => table.len(),
            Class::Volatile => table.volatile(),
        };
        let keys = u32::try_from(keys).expect("a table has fewer than 2^32 entries");
        let weights = match &mut self.weights[db.0 as usize] {
            Some(weights) => weights,
            None if keys == 0 => return,
            none => {
                let weights = none.insert(Weights::new(SLOTS));
                self.weights_bytes += weights.heap_bytes();
                weights
            }
        };
        self.keys = self.keys + u64::from(keys) - u64::from(weights.get(slot.index()));
        weights.set(slot.index(), keys);
    }

    /// The keys of a slot are not here any more.
    fn clear(&mut self, slot: Slot) {
        for weights in self.weights.iter_mut().flatten() {
            self.keys -= u64::from(weights.get(slot.index()));
            weights.set(slot.index(), 0);
        }
    }

    /// A database is empty.
    fn clear_database(&mut self, db: Db) {
        if let Some(weights) = self.weights[db.0 as usize].take() {
            self.keys -= weights.total();
            self.weights_bytes -= weights.heap_bytes();
        }
    }

    /// Bytes on the heap, itself included. O(1).
    fn heap_bytes(&self) -> u64 {
        let queues = self.queues.as_ref().map_or(0, Queues::heap_bytes);
        (size_of::<Victims>() + size_of_val(&*self.weights) + self.weights_bytes + queues) as u64
    }
}

impl Keyspace {
    /// Sets the policy that access bits and the choice of victims go by, and whether memory is limited: without a limit nothing is kept for
    /// the choice. O(slots) when the class of keys changes that may be taken.
    pub fn set_choice(&mut self, choice: Choice, limited: bool) {
        let before = std::mem::replace(&mut self.choice, choice).policy;
        self.marks = Marks::of(choice.policy);
        let class = choice.policy.class().filter(|_| limited);
        if self.victims.as_ref().map(|victims| victims.class) != class {
            self.retire_queues();
            self.victims = class.map(|class| self.count_all(class));
        }
        if before != choice.policy {
            self.retire_queues();
            self.victims.iter_mut().for_each(|victims| victims.chooser.policy_changed());
        }
        if let Some(victims) = &mut self.victims
            && choice.policy.ranking() == Ranking::Queues
        {
            victims.queues.get_or_insert_with(|| Queues::of_all(victims.keys, &self.strays.lent));
        }
    }

    /// What choosing among keys of a class needs, for those that are here. O(slots).
    fn count_all(&self, class: Class) -> Box<Victims> {
        let mut victims = Victims::new(class, self.databases.len());
        for (slot, tables) in Slot::all().zip(self.slots.iter()) {
            if !self.strays.guests.has(slot) {
                tables.tables().for_each(|(db, table)| victims.count(db, slot, table));
            }
        }
        victims
    }

    /// Gives up the queues, if there are any. `adopt_some` frees them.
    fn retire_queues(&mut self) {
        let queues = self.victims.as_mut().and_then(|victims| victims.queues.take());
        self.retired.extend(queues.map(|mut queues| queues.give_up()));
    }

    /// The choice in force.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// How many keys that are here the policy may take; 0 without a limit of memory. O(1).
    pub fn evictable(&self) -> u64 {
        self.victims.as_ref().map_or(0, |victims| victims.keys)
    }

    /// The key to evict next. `Nothing` if there is none, or no limit.
    pub fn choose_victim(&mut self, now: UnixMillis) -> Search<Victim> {
        if self.evictable() == 0 {
            return Search::Nothing;
        }
        if let Some((queues, mut keys)) = self.queues() {
            return queues.choose(&mut keys);
        }
        let Keyspace { victims, choice, slots, databases, hasher, random, .. } = self;
        let Some(victims) = victims else { return Search::Nothing };
        let Victims { chooser, weights, ahead, .. } = &mut **victims;
        let mut here = Here { slots, databases: databases.len(), weights, hasher, ahead };
        let victim = chooser.choose(&mut here, choice, now, &mut || random.draw());
        victim.map_or(Search::Nothing, Search::Victim)
    }

    /// Takes a key back in that was chosen and is not evicted: a unit holds its slot.
    pub fn spare(&mut self, victim: Victim) {
        if let Some((queues, mut keys)) = self.queues() {
            queues.spare(&mut keys, victim);
        }
    }

    /// Evicts a key: removes it, tells of it and counts it. Says by how many bytes `heap_bytes` fell: by none if the key is gone.
    pub fn evict(&mut self, victim: Victim) -> u64 {
        let Victim { db, slot, .. } = victim;
        let hash = victim.hash();
        let table = self.slots[slot.index()].table(db);
        let Some(place) = table.and_then(|table| table.locate_hash(hash, &self.hasher)) else { return 0 };
        let bytes: SmallVec<[u8; 64]> = self.at(db, slot, place).key().into();
        let key = Key { bytes: &bytes, slot, hash };
        let before = self.heap_bytes();
        self.discard(db, slot, hash, place, Removal::Eviction);
        self.log_gone(Cause::Evicted, db, &key);
        self.notify(db, EventClasses::EVICTED, "evicted", &key);
        self.modified(db, &key);
        self.stats.evicted_keys += 1;
        before.saturating_sub(self.heap_bytes())
    }

    /// Does a piece of what the queues of S3-FIFO need beside commands, at most one segment's work: takes in keys that stand in none yet,
    /// drops handles of keys that are gone, frees queues that were given up. Call it once per turn. Says whether something is left to do.
    pub fn adopt_some(&mut self) -> bool {
        if let Some(queues) = self.retired.last_mut() {
            if !queues.free_piece() {
                self.retired.pop();
            }
            return true;
        }
        self.queues().is_some_and(|(queues, mut keys)| queues.adopt_some(&mut keys))
    }

    /// Bytes of what choosing victims needs. O(1).
    pub(super) fn victims_bytes(&self) -> u64 {
        let retired: usize = self.retired.iter().map(S3Fifo::heap_bytes).sum();
        retired as u64 + self.victims.as_ref().map_or(0, |victims| victims.heap_bytes())
    }

    /// The number of a slot's keys has changed that the policy may take. Only while there are `victims`.
    #[inline(never)]
    pub(super) fn count_victims(&mut self, db: Db, slot: Slot) {
        if let (Some(victims), Some(table)) = (&mut self.victims, self.slots[slot.index()].table(db))
            && !self.strays.guests.has(slot)
        {
            victims.count(db, slot, table);
        }
    }

    /// A key was made. Only while there are `victims`.
    #[inline(never)]
    pub(super) fn victim_made(&mut self, db: Db, slot: Slot, hash: u64) {
        self.count_victims(db, slot);
        let key = Victim::new(db, slot, hash);
        match self.queues() {
            Some((_, keys)) if keys.strays.guests.has(slot) => keys.slots[slot.index()].made(key),
            Some((queues, mut keys)) => queues.made(&mut keys, key),
            None => {}
        }
    }

    /// A database was emptied.
    pub(super) fn victims_flushed(&mut self, db: Db) {
        if let Some(victims) = &mut self.victims {
            victims.clear_database(db);
            if let Some(queues) = &mut victims.queues
                && victims.keys == 0
                && self.strays.lent.is_empty()
            {
                self.retired.push(queues.give_up());
            }
        }
    }

    /// A slot's tables were taken out: it is on loan now, or it was borrowed.
    pub(super) fn slot_left(&mut self, slot: Slot, tables: &mut SlotTables) {
        let queues = self.victims.as_ref().is_some_and(|victims| victims.queues.is_some());
        if self.strays.guests.remove(slot) {
            if !queues {
                tables.made_unlisted();
            }
            return;
        }
        self.strays.lent.insert(slot);
        if queues {
            tables.list_made();
        }
        if let Some(victims) = &mut self.victims {
            victims.clear(slot);
        }
    }

    /// A slot's tables were put in: it is back, or it is borrowed now.
    pub(super) fn slot_came(&mut self, slot: Slot) {
        if !self.strays.lent.remove(slot) {
            return self.strays.guests.insert(slot);
        }
        let made = self.slots[slot.index()].take_made();
        if let Some(victims) = &mut self.victims {
            self.slots[slot.index()].tables().for_each(|(db, table)| victims.count(db, slot, table));
        }
        if let Some((queues, mut keys)) = self.queues() {
            queues.slot_is_back(slot, made, &mut keys);
        }
    }

    fn queues(&mut self) -> Option<(&mut Queues, Keys<'_>)> {
        let Keyspace { victims, slots, databases, strays, hasher, .. } = self;
        let victims = victims.as_mut()?;
        let queues = victims.queues.as_mut()?;
        Some((queues, Keys { slots, databases: databases.len(), strays, hasher, count: victims.keys }))
    }
}

#[cfg(test)]
#[path = "victims_tests.rs"]
mod tests;
