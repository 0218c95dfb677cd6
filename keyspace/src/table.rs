//! The table of one slot and database: entries by key, with bounded growth and an order for SCAN.
//!
//! A table is one hashbrown table while it is small. Beyond `SEGMENT_ENTRIES_MAX` it becomes a directory of segments by hash
//! prefix (extendible hashing; Fagin et al. 1979), so that growing or shrinking never moves more than one segment: at most
//! 1,792 entries, whatever the size of the slot. The same prefix order is SCAN's order, which no resize disturbs.
//!
//! The prefix takes the upper bits of the hash; a segment's own buckets take the middle bits, so that neither weakens the other.
//!
//! What the largest steps cost at 100 million keys (`benches/pauses.rs` measures them; the limit is 1 ms):
//! - spread over all slots, 6,100 keys each: a split moves 1,792 entries, for each a cache miss that overlaps others, a hash and
//!   an insertion, some 100 ns together: 0.2 ms. The maps have eight entries.
//! - all in one slot: the same, and 65,536 segments behind a map of 16 bits. Doubling or halving the map copies at most
//!   512 KiB: 0.05 ms. Going back to one table, when nearly all is removed, frees the empty segments: 0.6 ms.
//! - joining two segments moves at most 448 entries, shrinking one at most 224: well below a split.

use hashbrown::HashTable;

use crate::directory::Directory;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};

/// The most entries of one segment: what 2,048 buckets hold at hashbrown's load of 7/8. Bounds every resize.
pub const SEGMENT_ENTRIES_MAX: usize = 1792;

/// What an entry takes in its table: a pointer and a control byte. Free buckets come on top of that: 1 in 8 to 9 in 16.
pub const BUCKET_BYTES: usize = size_of::<Entry>() + 1;

/// Where an entry stands in its table; valid until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) segment: u32,
    pub(crate) bucket: u32,
}

/// Where a scan of one table stands: the upper 48 bits of the next hash.
pub type ScanPosition = u64;

/// Bits of the hash that a scan position leaves out. Entries that agree in all others are returned together.
pub(crate) const SCAN_SHIFT: u32 = 16;

/// The entries of one slot in one database.
pub struct Table {
    root: Root,
    volatile: u32,
    entry_bytes: u64,
}

enum Root {
    One(HashTable<Entry>),
    Many(Box<Directory>),
}

/// The hash as a segment's buckets use it.
#[inline]
pub(crate) fn inner(hash: u64) -> u64 {
    hash.rotate_left(32)
}

impl Default for Table {
    fn default() -> Self {
        Table { root: Root::One(HashTable::new()), volatile: 0, entry_bytes: 0 }
    }
}

impl Table {
    /// Number of entries, expired ones included.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.root {
            Root::One(table) => table.len(),
            Root::Many(directory) => directory.len(),
        }
    }

    /// True without entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of entries with a deadline.
    pub fn volatile(&self) -> usize {
        self.volatile as usize
    }

    /// Corrects the figures after an entry changed: the number of those with a deadline by -1, 0 or 1, and their bytes.
    #[inline]
    pub(crate) fn correct(&mut self, volatile: i32, bytes: i64) {
        self.volatile = self.volatile.wrapping_add_signed(volatile);
        self.entry_bytes = self.entry_bytes.wrapping_add_signed(bytes);
    }

    /// Bytes of the table and its entries. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> u64 {
        self.own_bytes() + self.entry_bytes
    }

    /// Bytes of the table without its entries. O(1).
    #[inline]
    pub fn own_bytes(&self) -> u64 {
        let own = match &self.root {
            Root::One(table) => table.allocation_size(),
            Root::Many(directory) => directory.heap_bytes(),
        };
        own as u64
    }

    /// Where `key` stands, if it is here.
    #[inline]
    pub fn locate(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let (table, segment) = match &self.root {
            Root::One(table) => (table, 0),
            Root::Many(directory) => directory.segment_of(hash),
        };
        let bucket = table.find_bucket_index(inner(hash), |entry| entry.key() == key)?;
        Some(Place { segment, bucket: bucket as u32 })
    }

    /// Where an entry stands that is probably the one with this hash: what to fetch ahead of a command. Touches no entry.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Option<Place> {
        let (table, segment) = match &self.root {
            Root::One(table) => (table, 0),
            Root::Many(directory) => directory.segment_of(hash),
        };
        let bucket = table.iter_hash_buckets(inner(hash)).next()?;
        Some(Place { segment, bucket: bucket as u32 })
    }

    /// The entry at a place that `locate` gave.
    #[inline]
    pub fn at(&self, place: Place) -> &Entry {
        let table = match &self.root {
            Root::One(table) => table,
            Root::Many(directory) => directory.segment(place.segment),
        };
        table.get_bucket(place.bucket as usize).expect("a place is used before its table changes")
    }

    /// The entry at a place that `locate` gave, to change.
    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Entry {
        let table = match &mut self.root {
            Root::One(table) => table,
            Root::Many(directory) => directory.segment_mut(place.segment),
        };
        table.get_bucket_mut(place.bucket as usize).expect("a place is used before its table changes")
    }

    /// Adds an entry whose key is not here.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) {
        self.volatile += entry.deadline().is_some() as u32;
        self.entry_bytes += entry.heap_bytes() as u64;
        match &mut self.root {
            Root::One(table) if table.len() < table.capacity() => {
                table.insert_unique(inner(hash), entry, |e| inner(hasher.hash(e.key())));
            }
            _ => self.insert_growing(hash, entry, hasher),
        }
    }

    fn insert_growing(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) {
        match &mut self.root {
            Root::One(table) if table.len() < SEGMENT_ENTRIES_MAX => {
                table.insert_unique(inner(hash), entry, |e| inner(hasher.hash(e.key())));
            }
            Root::One(table) => {
                let mut directory = Box::new(Directory::new(std::mem::take(table)));
                directory.insert(hash, entry, hasher);
                self.root = Root::Many(directory);
            }
            Root::Many(directory) => directory.insert(hash, entry, hasher),
        }
    }

    /// Takes out the entry at a place.
    pub(crate) fn remove(&mut self, hash: u64, place: Place, hasher: &KeyHasher) -> Entry {
        let entry = match &mut self.root {
            Root::One(table) => {
                let entry = take(table, place.bucket);
                shrink(table, hasher);
                entry
            }
            Root::Many(directory) => {
                let entry = take(directory.segment_mut(place.segment), place.bucket);
                if let Some(table) = directory.after_remove(hash, place.segment, hasher) {
                    self.root = Root::One(table);
                }
                entry
            }
        };
        self.volatile -= entry.deadline().is_some() as u32;
        self.entry_bytes -= entry.heap_bytes() as u64;
        entry
    }

    /// All entries, in no order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &Entry> + '_> {
        match &self.root {
            Root::One(table) => Box::new(table.iter()),
            Root::Many(directory) => Box::new(directory.tables().flat_map(HashTable::iter)),
        }
    }

    /// An entry drawn with `random`: each with the same probability.
    pub fn sample(&self, random: &mut Random) -> Option<&Entry> {
        self.sample_place(random).map(|place| self.at(place))
    }

    /// Where an entry stands that is drawn with `random`: each with the same probability.
    pub(crate) fn sample_place(&self, random: &mut Random) -> Option<Place> {
        /// Buckets that are looked at. Tables shrink below a load of 1/8, so far fewer find a full one.
        const DRAWS_MAX: usize = 4096;
        if self.is_empty() {
            return None;
        }
        let mut draws = (0..DRAWS_MAX).filter_map(|_| {
            let (table, segment) = match &self.root {
                Root::One(table) => (table, 0),
                Root::Many(directory) => directory.draw(random)?,
            };
            let bucket = random.below(table.num_buckets() as u64) as usize;
            table.get_bucket(bucket).map(|_| Place { segment, bucket: bucket as u32 })
        });
        draws.next().or_else(|| self.first_place())
    }

    /// Where some entry stands.
    #[cold]
    fn first_place(&self) -> Option<Place> {
        let first = |table: &HashTable<Entry>, segment| {
            let bucket = (0..table.num_buckets()).find(|&bucket| table.get_bucket(bucket).is_some())?;
            Some(Place { segment, bucket: bucket as u32 })
        };
        match &self.root {
            Root::One(table) => first(table, 0),
            Root::Many(directory) => (0u32..).zip(directory.tables()).find_map(|(id, table)| first(table, id)),
        }
    }

    /// Visits entries in hash order from position `from` until their weights, which `visit` tells, add up to `limit`.
    ///
    /// Returns where to go on, or `None` at the end. An entry that is present throughout a whole scan is visited at least once.
    /// Cost: the hashes of at most one segment more than the entries visited.
    pub fn scan(
        &self,
        from: ScanPosition,
        limit: usize,
        hasher: &KeyHasher,
        visit: &mut impl FnMut(ScanPosition, &Entry) -> usize,
    ) -> Option<ScanPosition> {
        let mut from = from;
        let mut visited = 0;
        loop {
            let (table, end) = match &self.root {
                Root::One(table) => (table, None),
                Root::Many(directory) => directory.segment_at(from),
            };
            // Every key is read to place it in the order, so the misses had better overlap.
            table.iter().for_each(Entry::prefetch);
            let mut found: Vec<(ScanPosition, &Entry)> = table
                .iter()
                .map(|entry| (hasher.hash(entry.key()) >> SCAN_SHIFT, entry))
                .filter(|(position, _)| *position >= from)
                .collect();
            found.sort_unstable_by_key(|(position, _)| *position);
            let mut last = None;
            for (position, entry) in found {
                if visited >= limit && last != Some(position) {
                    return Some(position);
                }
                visited += visit(position, entry);
                last = Some(position);
            }
            from = end?;
            if visited >= limit {
                return Some(from);
            }
        }
    }

    /// Takes a piece of at most one segment off, for freeing the table step by step; its figures are void from then on.
    pub(crate) fn take_piece(&mut self) -> Option<HashTable<Entry>> {
        match &mut self.root {
            Root::One(table) if table.allocation_size() == 0 => None,
            Root::One(table) => Some(std::mem::take(table)),
            Root::Many(directory) => directory.take_piece(),
        }
    }
}

fn take(table: &mut HashTable<Entry>, bucket: u32) -> Entry {
    match table.get_bucket_entry(bucket as usize) {
        Ok(entry) => entry.remove().0,
        Err(_) => unreachable!("a place is used before its table changes"),
    }
}

/// Gives memory back once a table is less than an eighth full. Moves at most an eighth of a segment.
pub(crate) fn shrink(table: &mut HashTable<Entry>, hasher: &KeyHasher) {
    let len = table.len();
    if table.num_buckets() > 8 && len * 8 < table.capacity() {
        table.shrink_to(len * 2, |e| inner(hasher.hash(e.key())));
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
