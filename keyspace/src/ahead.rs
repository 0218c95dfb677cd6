//! Fetching ahead: what the commands of a batch will look up, so that their cache misses overlap.
//!
//! A look-up follows pointers, and each may miss the cache: the slot's table, the line of the table, the entry; in a large
//! collection then the line and the element. Each stage is done for a window of look-ups before the next one begins, so that
//! what it asks for is there, or on its way, when the next stage reads it. The active-expire cycle has no window: its stages come
//! one by one between the keys of the slot before.

use evict::time::UnixMillis;
use smallvec::SmallVec;

use crate::entry::Entry;
use crate::lines::STEPS_AHEAD;
use crate::prefetch::prefetch;
use crate::slot::Slot;
use crate::store::{Db, Keyspace};

/// Look-ups of one window: not more lines than a processor can have on their way, a few dozen.
const WINDOW: usize = 32;

impl Keyspace {
    /// Steps of `prefetch_due`: the slot's table, and what that takes.
    pub const STEPS_AHEAD: usize = 1 + STEPS_AHEAD;

    /// Fetches what the look-up of keys will touch, given their slots and hashes.
    pub fn prefetch(&self, db: Db, keys: impl Iterator<Item = (Slot, u64)>) {
        let mut last = None;
        // Commands on one key after the other are common, and look up what the first has fetched.
        let keys = keys.filter(|&key| last.replace(key) != Some(key));
        let mut tables = keys.filter_map(|(slot, hash)| Some((self.table(db, slot)?, hash)));
        loop {
            let window: SmallVec<[_; WINDOW]> = tables.by_ref().take(WINDOW).collect();
            if window.is_empty() {
                return;
            }
            window.iter().for_each(|(table, _)| prefetch(*table));
            window.iter().for_each(|(table, hash)| table.prefetch(*hash));
            window.iter().filter_map(|(table, hash)| table.candidate(*hash)).for_each(Entry::prefetch);
        }
    }

    /// Fetches what the look-up of elements in large collections will touch, given the slots and hashes of their keys, whose
    /// entries are fetched already.
    pub fn prefetch_elements<'e>(&self, db: Db, elements: impl Iterator<Item = (Slot, u64, &'e [u8])>) {
        let mut known = None;
        let mut elements = elements.filter_map(|(slot, hash, element)| {
            let object = match known {
                Some((key, object)) if key == (slot, hash) => object,
                _ => {
                    let object = self.candidate(db, slot, hash).and_then(Entry::object);
                    known = Some(((slot, hash), object));
                    object
                }
            };
            Some((object?, self.hasher().hash(element)))
        });
        loop {
            let window: SmallVec<[_; WINDOW]> = elements.by_ref().take(WINDOW).collect();
            if window.is_empty() {
                return;
            }
            window.iter().for_each(|(object, hash)| object.prefetch_line(*hash));
            window.iter().for_each(|(object, hash)| object.prefetch_element(*hash));
        }
    }

    /// Fetches what `expire_in` will read first in a slot, in [`Keyspace::STEPS_AHEAD`] steps with some other work between them: each reads
    /// what the one before it fetched. A later step does nothing.
    pub fn prefetch_due(&self, db: Db, slot: Slot, now: UnixMillis, step: usize) {
        let Some(table) = self.table(db, slot) else { return };
        match step.checked_sub(1) {
            None => prefetch(table),
            Some(step) => table.prefetch_due(now, step, self.hasher()),
        }
    }

    /// Bytes of the entry that probably has this hash; 0 if there is none. What a look-up of it will find in the cache.
    #[inline]
    pub fn weight(&self, db: Db, slot: Slot, hash: u64) -> usize {
        self.candidate(db, slot, hash).map_or(0, Entry::heap_bytes)
    }

    #[inline]
    fn candidate(&self, db: Db, slot: Slot, hash: u64) -> Option<&Entry> {
        self.table(db, slot)?.candidate(hash)
    }
}
