//! What is gone for commands and still to be freed.
//!
//! To free a large collection or the tables of a database takes as long as they are large, so both are put aside and freed in
//! pieces, between the turns of the core. Their bytes count as held until the piece that they are in is freed: memory that the
//! allocator has not got back cannot be used for anything else.
//!
//! The settings `lazyfree-lazy-*` cannot make a core stop for longer than a piece. They decide the order: what is to be freed promptly
//! goes first, and what lazily when there is nothing else. Only the latter is counted, as it is in Redis.

use std::collections::VecDeque;

use crate::limits::{Pace, Removal};
use crate::signals::Upheaval;
use crate::slot::SLOTS;
use crate::table::{SEGMENT_ENTRIES_MAX, Table};
use crate::types::Object;

use super::{Db, Due, Keyspace, Unsaved};

/// Pieces and tables that one call of `free_dropped` looks at: small tables are many.
const FREED_STEPS_MAX: usize = 128;

/// The most allocations of a value that Redis frees at once wherever it may free it lazily.
const FREED_AT_ONCE: usize = 64;

/// Something that is to be freed.
enum Held {
    Table(Table),
    Object(Box<Object>),
}

impl Held {
    /// Bytes on the heap. O(1).
    fn heap_bytes(&self) -> u64 {
        match self {
            Held::Table(table) => table.heap_bytes(),
            Held::Object(object) => (size_of::<Object>() + object.heap_bytes()) as u64,
        }
    }
}

/// Something that is to be freed, and how.
struct Dropped {
    held: Held,
    pace: Pace,
}

/// What waits to be freed.
#[derive(Default)]
pub(super) struct Freeing {
    queue: VecDeque<Dropped>,
    /// Bytes of what stands in the queue.
    bytes: u64,
    /// Bytes of what is on loan with the whole keyspace.
    lent_bytes: u64,
    /// Of what is freed lazily: keys of tables, and large collections.
    keys: u64,
    /// Of what is freed promptly: bytes that stand in the queue, and bytes that were freed so far.
    prompt_bytes: u64,
    prompt_freed: u64,
}

impl Freeing {
    /// What stands in for it while it is on loan: nothing to free, but the same bytes.
    pub(super) fn stand_in(&self) -> Freeing {
        Freeing { lent_bytes: self.held_bytes(), ..Freeing::default() }
    }

    /// Takes over what its stand-in was given.
    pub(super) fn take_over(&mut self, mut stand_in: Freeing) {
        self.queue.append(&mut stand_in.queue);
        self.bytes += stand_in.bytes;
        self.keys += stand_in.keys;
        self.prompt_bytes += stand_in.prompt_bytes;
        self.prompt_freed += stand_in.prompt_freed;
    }

    fn held_bytes(&self) -> u64 {
        let places = self.queue.capacity() * size_of::<Dropped>();
        self.bytes + self.lent_bytes + places as u64
    }

    fn put(&mut self, held: Held, pace: Pace) {
        let bytes = held.heap_bytes();
        self.bytes += bytes;
        let dropped = Dropped { held, pace };
        match pace {
            Pace::Prompt => {
                self.prompt_bytes += bytes;
                self.queue.push_front(dropped);
            }
            Pace::Lazy => self.queue.push_back(dropped),
        }
    }

    /// Frees a piece of what stands first. Returns what is freed with it: elements, and keys that were counted. `None` if nothing is left
    /// at all.
    fn free_first(&mut self) -> Option<(usize, u64)> {
        let Dropped { held, pace } = self.queue.front_mut()?;
        let (pace, all_before) = (*pace, self.bytes);
        let before = held.heap_bytes();
        let mut collections = Vec::new();
        let (elements, keys, more) = match held {
            Held::Object(object) => {
                let elements = object.free_piece(SEGMENT_ENTRIES_MAX);
                let more = elements >= SEGMENT_ENTRIES_MAX;
                (elements, u64::from(!more), more)
            }
            Held::Table(table) => {
                // The large collections among its entries have to wait for their turn.
                let piece = table.take_piece(|mut entry| collections.extend(entry.take_object()));
                let entries = piece.unwrap_or(0);
                (entries, (entries - collections.len()) as u64, piece.is_some())
            }
        };
        if more {
            self.bytes -= before - held.heap_bytes();
        } else {
            self.queue.pop_front();
            self.bytes -= before;
        }
        // They come before the rest of their table, so that no more than those of one piece wait.
        for object in collections {
            let held = Held::Object(object);
            self.bytes += held.heap_bytes();
            self.queue.push_front(Dropped { held, pace });
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        if pace == Pace::Prompt {
            self.prompt_bytes = self.prompt_bytes + self.bytes - all_before;
            self.prompt_freed += all_before.saturating_sub(self.bytes);
        }
        let counted = if pace == Pace::Lazy { keys } else { 0 };
        self.keys -= counted;
        Some((elements, counted))
    }
}

/// True if so much work is in freeing a value that Redis leaves it to a thread where it may.
fn is_much_work(object: &Object) -> bool {
    let allocations = match object {
        Object::List(nodes) => nodes.node_count(),
        Object::Hash(fields) | Object::Set(fields) => fields.len(),
        Object::SortedSet(set) => set.len(),
        Object::Stream(stream) => stream.allocations(FREED_AT_ONCE),
    };
    allocations > FREED_AT_ONCE
}

impl Keyspace {
    /// Puts a large collection aside that no entry holds any more. A piece of what stands there is freed at once, so that a small
    /// one costs no later turn, and whoever drops much pays for it.
    #[cold]
    pub fn drop_later(&mut self, object: Box<Object>, removal: Removal) {
        let pace = match self.limits.lazy_free.pace(removal) {
            Pace::Lazy if is_much_work(&object) => Pace::Lazy,
            _ => Pace::Prompt,
        };
        self.freeing.keys += u64::from(pace == Pace::Lazy);
        self.freeing.put(Held::Object(object), pace);
        self.free_dropped();
    }

    /// `drop_later` for parts of a value that stays, which are put aside as a collection of their own. They are freed promptly.
    #[cold]
    pub fn drop_parts_later(&mut self, parts: Box<Object>) {
        self.freeing.put(Held::Object(parts), Pace::Prompt);
        self.free_dropped();
    }

    /// Empties one database: its tables are put aside, and `free_dropped` frees them. O(slots): at most some 0.7 ms.
    pub fn flush(&mut self, db: Db, pace: Pace) {
        let number = self.number_of(db);
        self.signals.upheaval(Upheaval::Flushed(number));
        let keys = std::mem::take(&mut self.totals[db.0 as usize]).keys;
        if keys == 0 {
            return;
        }
        self.stop_saving(Unsaved::Flushed);
        if pace == Pace::Lazy {
            self.freeing.keys += keys;
        }
        // Room at once: growing step by step would take as long as all the rest.
        self.freeing.queue.reserve(SLOTS.min(keys as usize));
        self.due[db.0 as usize] = Due::default();
        self.victims_flushed(db);
        let databases = self.databases.len();
        for tables in self.slots.iter_mut() {
            if tables.table(db).is_none_or(Table::is_empty) {
                continue;
            }
            let table = tables.table_mut(db, databases).take();
            self.bytes -= table.heap_bytes();
            self.freeing.put(Held::Table(table), pace);
        }
    }

    /// Frees a piece of what was dropped, and takes its bytes out of `dropped_bytes`. False when nothing was left.
    ///
    /// A piece is so many entries and elements as a segment has, 1,792, and those that make the last segment of them full: fewer
    /// than twice as many. Where an element is longer than a few KiB, or memory goes back to the system, less counts as one. What
    /// that takes is measured by `benches/pauses.rs`, which is to stay below 1 ms.
    pub fn free_dropped(&mut self) -> bool {
        let (mut freed, mut steps) = (0, 0);
        while freed < SEGMENT_ENTRIES_MAX && steps < FREED_STEPS_MAX {
            let Some((elements, keys)) = self.freeing.free_first() else { return steps > 0 };
            freed += elements;
            steps += 1;
            self.stats.lazyfreed_objects += keys;
        }
        true
    }

    /// Bytes of all that is here, and of what was dropped and is not freed yet.
    #[inline]
    pub fn held_bytes(&self) -> u64 {
        self.heap_bytes() + self.dropped_bytes()
    }

    /// Bytes of what was dropped and is not freed yet. `heap_bytes` does not contain them.
    pub fn dropped_bytes(&self) -> u64 {
        self.freeing.held_bytes()
    }

    /// How far freeing has to come until all that is to be freed promptly now is free; for `has_freed`. What is dropped later does not put
    /// it off.
    pub fn freed_by(&self) -> u64 {
        self.freeing.prompt_freed + self.freeing.prompt_bytes
    }

    /// Whether freeing has come so far.
    pub fn has_freed(&self, by: u64) -> bool {
        self.freeing.prompt_freed >= by || self.freeing.prompt_bytes == 0
    }

    /// Flushed tables and large collections that are not freed yet.
    pub fn dropped(&self) -> usize {
        self.freeing.queue.len()
    }

    /// Keys in flushed tables, and large collections, that are to be freed lazily and are not freed yet.
    pub fn dropped_keys(&self) -> u64 {
        self.freeing.keys
    }
}

#[cfg(test)]
#[path = "freeing_tests.rs"]
mod tests;
