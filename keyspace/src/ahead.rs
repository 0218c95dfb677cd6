//! Fetching ahead: what the commands of a batch will look up, so that their cache misses overlap.
//!
//! A look-up follows pointers, and each may miss the cache: the slot's table, its bucket, the entry; in a large collection then
//! the bucket and the element. Each stage is done for a window of look-ups before the next one begins, as a processor goes on
//! with what does not depend on a miss.

use smallvec::SmallVec;

use crate::entry::Entry;
use crate::slot::Slot;
use crate::store::{Db, Keyspace};

/// Look-ups of one window: what fits the reorder buffer of today's processors, some hundred instructions, a few times over.
const WINDOW: usize = 32;

impl Keyspace {
    /// Fetches what the look-up of keys will touch, given their slots and hashes.
    pub fn prefetch(&self, db: Db, keys: impl Iterator<Item = (Slot, u64)>) {
        let mut last = None;
        // Commands on one key after the other are common, and look up what the first has fetched.
        let mut keys = keys.filter(|&key| last.replace(key) != Some(key));
        loop {
            let window: SmallVec<[(Slot, u64); WINDOW]> = keys.by_ref().take(WINDOW).collect();
            let found: SmallVec<[_; WINDOW]> = window
                .iter()
                .filter_map(|&(slot, hash)| {
                    let table = self.table(db, slot)?;
                    Some((table, table.candidate(hash)?))
                })
                .collect();
            found.iter().for_each(|(table, place)| table.at(*place).prefetch());
            if window.len() < WINDOW {
                return;
            }
        }
    }

    /// Fetches what the look-up of elements in large collections will touch, given the slots and hashes of their keys, whose
    /// entries are fetched already.
    pub fn prefetch_elements<'e>(&self, db: Db, elements: impl Iterator<Item = (Slot, u64, &'e [u8])>) {
        let mut elements = elements;
        let mut known = None;
        loop {
            let mut left = WINDOW;
            let found: SmallVec<[_; WINDOW]> = elements
                .by_ref()
                .inspect(|_| left -= 1)
                .take(WINDOW)
                .filter_map(|(slot, hash, element)| {
                    let object = match known {
                        Some((key, object)) if key == (slot, hash) => object,
                        _ => {
                            let object = self.candidate(db, slot, hash).and_then(Entry::object);
                            known = Some(((slot, hash), object));
                            object
                        }
                    };
                    object?.candidate(self.hasher(), element)
                })
                .collect();
            found.iter().for_each(|candidate| candidate.prefetch());
            if left > 0 {
                return;
            }
        }
    }

    /// Bytes of the entry that probably has this hash; 0 if there is none. What a look-up of it will find in the cache.
    #[inline]
    pub fn weight(&self, db: Db, slot: Slot, hash: u64) -> usize {
        self.candidate(db, slot, hash).map_or(0, Entry::heap_bytes)
    }

    #[inline]
    fn candidate(&self, db: Db, slot: Slot, hash: u64) -> Option<&Entry> {
        let table = self.table(db, slot)?;
        Some(table.at(table.candidate(hash)?))
    }
}
