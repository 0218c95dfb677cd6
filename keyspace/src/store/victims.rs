//! Eviction: which key goes next, by the policy in force, and its removal (`spec/expire-evict.md` §6, §11).
//!
//! The decisions are those of the crate `evict`. Here is what they ask for: how many keys of the policy's class each slot has, kept while memory is
//! limited and a policy takes anything, and not else; fair draws among them (`candidates`). A slot that is on loan is not here: its keys are
//! not counted, not drawn and not found.

use evict::policy::{Class, Ranking};
use evict::s3fifo::Search;
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
use super::{Db, Key, Keyspace};

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
    pub(super) chooser: Chooser<Victim>,
}

impl Victims {
    /// What a policy that takes keys of this class needs where nothing is stored yet.
    pub(super) fn new(class: Class, databases: usize) -> Box<Victims> {
        let weights = (0..databases).map(|_| None).collect();
        Box::new(Victims { class, weights, chooser: Chooser::default() })
    }

    /// The same for another place, where nothing is stored.
    pub(super) fn renewed(&self) -> Box<Victims> {
        Victims::new(self.class, self.weights.len())
    }

    /// Counts the keys of a slot again. O(1).
    #[inline(never)]
    pub(super) fn count(&mut self, db: Db, slot: Slot, table: &Table) {
        let keys = match self.class {
            Class::All => table.len(),
            Class::Volatile => table.volatile(),
        };
        let keys = u32::try_from(keys).expect("a table has fewer than 2^32 entries");
        match &mut self.weights[db.0 as usize] {
            Some(weights) => weights.set(slot.index(), keys),
            None if keys == 0 => {}
            none => none.insert(Weights::new(SLOTS)).set(slot.index(), keys),
        }
    }

    /// The keys of a slot are not here any more.
    pub(super) fn clear(&mut self, db: Db, slot: Slot) {
        if let Some(weights) = &mut self.weights[db.0 as usize] {
            weights.set(slot.index(), 0);
        }
    }

    /// A database is empty.
    pub(super) fn flushed(&mut self, db: Db) {
        self.weights[db.0 as usize] = None;
    }

    /// Bytes on the heap. O(databases).
    pub(super) fn heap_bytes(&self) -> u64 {
        let weights: usize = self.weights.iter().flatten().map(Weights::heap_bytes).sum();
        (size_of::<Victims>() + size_of_val(&*self.weights) + weights) as u64
    }

    fn keys(&self) -> u64 {
        self.weights.iter().flatten().map(Weights::total).sum()
    }
}

impl Keyspace {
    /// Sets the policy that access bits and the choice of victims go by, and whether memory is limited: without a limit nothing is kept for
    /// the choice. O(slots) when the class of keys changes that may be taken.
    pub fn set_choice(&mut self, choice: Choice, limited: bool) {
        let changed = self.choice.policy != choice.policy;
        self.choice = choice;
        self.marks = Marks::of(choice.policy);
        let class = choice.policy.class().filter(|_| limited);
        match (&mut self.victims, class) {
            (_, None) => self.victims = None,
            (Some(victims), Some(class)) if victims.class == class => {
                if changed {
                    victims.chooser.policy_changed();
                }
            }
            (_, Some(class)) => {
                let mut victims = Victims::new(class, self.databases.len());
                for (slot, tables) in Slot::all().zip(self.slots.iter()) {
                    tables.tables().for_each(|(db, table)| victims.count(db, slot, table));
                }
                self.victims = Some(victims);
            }
        }
    }

    /// The choice in force.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// How many keys that are here the policy may take; 0 without a limit of memory. O(databases).
    pub fn evictable(&self) -> u64 {
        self.victims.as_ref().map_or(0, |victims| victims.keys())
    }

    /// The key to evict next. `Nothing` if there is none, or no limit.
    pub fn choose_victim(&mut self, now: UnixMillis) -> Search<Victim> {
        let Keyspace { victims, choice, slots, hasher, random, .. } = self;
        let Some(victims) = victims else { return Search::Nothing };
        if choice.policy.ranking() == Ranking::Queues {
            return Search::Nothing;
        }
        let Victims { chooser, weights, .. } = &mut **victims;
        let mut here = Here { slots, weights, hasher };
        let victim = chooser.choose(&mut here, choice, now, &mut || random.draw());
        victim.map_or(Search::Nothing, Search::Victim)
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
        self.notify(db, EventClasses::EVICTED, "evicted", &key);
        self.modified(db, &key);
        self.stats.evicted_keys += 1;
        before.saturating_sub(self.heap_bytes())
    }

    /// The keys of a slot have changed that the policy may take. Only while there are `victims`.
    #[inline(never)]
    pub(super) fn count_victims(&mut self, db: Db, slot: Slot) {
        if let (Some(victims), Some(table)) = (&mut self.victims, self.slots[slot.index()].table(db)) {
            victims.count(db, slot, table);
        }
    }
}

#[cfg(test)]
#[path = "victims_tests.rs"]
mod tests;
