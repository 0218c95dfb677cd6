//! The table of one slot and database: entries by key, with bounded growth and an order for SCAN.
//!
//! A table is one table of lines (`lines`) while it is small. Beyond `SEGMENT_ENTRIES_MAX` it becomes a directory of segments
//! (`directory`), so that growing or shrinking never moves more than one segment: at most 1,792 entries, whatever the size of the
//! slot. The same prefix order is SCAN's order, which no resize disturbs.
//!
//! The prefix takes the upper bits of the hash; a segment's own lines take the lower ones, so that neither weakens the other.
//!
//! What the largest steps cost at 100 million keys (`benches/pauses.rs` measures them; the limit is 1 ms):
//! - spread over all slots, 6,100 keys each: a split moves 1,792 entries, for each a cache miss that overlaps others, a hash and
//!   an insertion, some 100 ns together: 0.2 ms. The maps have eight entries.
//! - all in one slot: the same, and 65,536 segments behind a map of 16 bits. Doubling or halving the map copies at most
//!   512 KiB: 0.05 ms. Going back to one table, when nearly all is removed, frees the empty segments: 0.6 ms.
//! - joining two segments moves at most 448 entries, shrinking one at most 224: well below a split.
//! - entries that come in the order of their hashes may divide a segment a dozen times at once, but only one of these moves them.

use evict::time::UnixMillis;

use crate::directory::{self, Directory};
use crate::due::Search;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::lines::{Hashes, PointerLines};

pub(crate) use crate::directory::position_of;
pub use crate::directory::{Place, SEGMENT_VALUES_MAX as SEGMENT_ENTRIES_MAX, ScanPosition};

/// What an entry takes in its table: its share of a line, at the highest load. A table that has just grown has a third less of it in use.
pub const BUCKET_BYTES: usize = 64 / 6;

/// Some entries by hash.
pub(crate) type Entries = PointerLines<Option<Entry>>;

/// The bit of `Table::timed` that is the mark.
const MARK: u32 = 1 << 31;

/// The entries of one slot in one database.
pub struct Table {
    root: Root,
    volatile: u32,
    /// Hashes with volatile fields, and the mark in the highest bit: a slot's tables have no room for a word more.
    timed: u32,
    entry_bytes: u64,
}

enum Root {
    One(Entries),
    Many(Box<Directory<Option<Entry>, 7, 1>>),
}

impl Hashes<Option<Entry>> for KeyHasher {
    #[inline]
    fn hash_of(&self, entry: &Option<Entry>) -> u64 {
        self.hash(there(entry.as_ref()).key())
    }

    #[inline]
    fn prefetch(&self, entry: &Option<Entry>) {
        there(entry.as_ref()).prefetch();
    }

    #[inline]
    fn deadline_of(&self, entry: &Option<Entry>) -> Option<UnixMillis> {
        there(entry.as_ref()).earliest()
    }
}

/// The entry in a place that is in use.
#[inline]
fn there<E>(entry: Option<E>) -> E {
    entry.expect("a place in use holds an entry")
}

impl Default for Table {
    fn default() -> Self {
        Table { root: Root::One(Entries::default()), volatile: 0, timed: 0, entry_bytes: 0 }
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

    /// Number of hashes with a field that has a deadline.
    pub fn timed(&self) -> usize {
        (self.timed & !MARK) as usize
    }

    /// A mark for whoever keeps the table: here it costs no room.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        self.timed & MARK != 0
    }

    /// Sets or clears the mark.
    pub(crate) fn mark(&mut self, marked: bool) {
        self.timed = self.timed & !MARK | if marked { MARK } else { 0 };
    }

    /// Corrects the figures after an entry changed: the number of those with a deadline and of hashes with volatile fields by -1, 0 or 1
    /// each, and their bytes.
    #[inline]
    pub(crate) fn correct(&mut self, volatile: i32, timed: i32, bytes: i64) {
        self.volatile = self.volatile.wrapping_add_signed(volatile);
        self.timed = self.timed.wrapping_add_signed(timed);
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
            Root::One(table) => table.heap_bytes(),
            Root::Many(directory) => size_of_val(&**directory) + directory.heap_bytes(),
        };
        own as u64
    }

    /// Where `key` stands, if it is here.
    #[inline]
    pub fn locate(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let is_it = |entry: &Option<Entry>| there(entry.as_ref()).key() == key;
        match &self.root {
            Root::One(table) => table.find(hash, is_it).map(|line| Place { segment: 0, line }),
            Root::Many(directory) => directory.find(hash, is_it),
        }
    }

    /// Where the entry stands that has this hash, if it is here. Of two with the same, one.
    pub(crate) fn locate_hash(&self, hash: u64, hasher: &KeyHasher) -> Option<Place> {
        let is_it = |entry: &Option<Entry>| hasher.hash_of(entry) == hash;
        match &self.root {
            Root::One(table) => table.find(hash, is_it).map(|line| Place { segment: 0, line }),
            Root::Many(directory) => directory.find(hash, is_it),
        }
    }

    #[inline]
    fn lines_of(&self, hash: u64) -> &Entries {
        match &self.root {
            Root::One(table) => table,
            Root::Many(directory) => directory.segment_of(hash).0,
        }
    }

    /// Fetches the line in which an entry with this hash is looked up first.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.lines_of(hash).prefetch(hash);
    }

    /// An entry that is probably the one with this hash. Touches no entry.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Option<&Entry> {
        self.lines_of(hash).candidate(hash)?.as_ref()
    }

    /// The entry at a place that `locate` gave.
    #[inline]
    pub fn at(&self, place: Place) -> &Entry {
        let entry = match &self.root {
            Root::One(table) => table.get(place.line),
            Root::Many(directory) => directory.get(place),
        };
        there(entry.and_then(Option::as_ref))
    }

    /// The entry at a place that `locate` gave, to change.
    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Entry {
        let entry = match &mut self.root {
            Root::One(table) => table.get_mut(place.line),
            Root::Many(directory) => directory.get_mut(place),
        };
        there(entry.and_then(Option::as_mut))
    }

    /// Adds an entry whose key is not here.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) {
        self.volatile += entry.deadline().is_some() as u32;
        self.timed += entry.has_volatile_fields() as u32;
        self.entry_bytes += entry.heap_bytes() as u64;
        match &mut self.root {
            Root::One(table) if table.len() < SEGMENT_ENTRIES_MAX => table.insert(hash, Some(entry), hasher),
            Root::One(table) => {
                let mut directory = Box::new(Directory::new(std::mem::take(table)));
                directory.insert(hash, Some(entry), hasher);
                self.root = Root::Many(directory);
            }
            Root::Many(directory) => directory.insert(hash, Some(entry), hasher),
        }
    }

    /// Takes all entries out. The mark stays.
    pub(crate) fn take(&mut self) -> Table {
        let taken = std::mem::take(self);
        self.mark(taken.is_marked());
        taken
    }

    /// Nothing here is due earlier.
    #[inline]
    pub(crate) fn earliest(&self) -> UnixMillis {
        match &self.root {
            Root::One(table) => table.earliest(),
            Root::Many(directory) => directory.earliest(),
        }
    }

    /// The entry at a place got this deadline.
    #[inline]
    pub(crate) fn set_deadline(&mut self, place: Place, deadline: UnixMillis) {
        match &mut self.root {
            Root::One(table) => table.set_deadline(place.line, deadline),
            Root::Many(directory) => directory.set_deadline(place, deadline),
        }
    }

    /// Looks for an entry that is due. Reads the entries of one line.
    pub(crate) fn next_due(&mut self, now: UnixMillis, hasher: &KeyHasher) -> Search<Place> {
        match &mut self.root {
            Root::One(table) => match table.next_due(now, hasher) {
                Search::Found(line) => Search::Found(Place { segment: 0, line }),
                Search::Raised => Search::Raised,
                Search::Nothing => Search::Nothing,
            },
            Root::Many(directory) => directory.next_due(now, hasher),
        }
    }

    /// Fetches what `next_due` will read, in steps, each of which reads what the one before it fetched.
    pub(crate) fn prefetch_due(&self, now: UnixMillis, step: usize, hasher: &KeyHasher) {
        match &self.root {
            Root::One(table) => table.prefetch_due(now, step, hasher),
            Root::Many(directory) => directory.prefetch_due(now, step, hasher),
        }
    }

    /// Takes out the entry at a place.
    pub(crate) fn remove(&mut self, hash: u64, place: Place, hasher: &KeyHasher) -> Entry {
        let entry = match &mut self.root {
            Root::One(table) => {
                let entry = table.remove(hash, place.line);
                if table.is_sparse() {
                    table.shrink(hasher);
                }
                entry
            }
            Root::Many(directory) => {
                let entry = directory.remove(hash, place, hasher);
                if let Some(table) = directory.take_only() {
                    self.root = Root::One(table);
                }
                entry
            }
        };
        let entry = there(entry);
        self.volatile -= entry.deadline().is_some() as u32;
        self.timed -= entry.has_volatile_fields() as u32;
        self.entry_bytes -= entry.heap_bytes() as u64;
        entry
    }

    /// All entries, in no order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &Entry> + '_> {
        match &self.root {
            Root::One(table) => Box::new(table.iter().flatten()),
            Root::Many(directory) => Box::new(directory.tables().flat_map(Entries::iter).flatten()),
        }
    }

    /// An entry drawn with `random`: each with the same probability.
    pub fn sample(&self, random: &mut Random) -> Option<&Entry> {
        self.sample_place(random).map(|place| self.at(place))
    }

    /// Where an entry stands that is drawn with `random`: each with the same probability.
    pub(crate) fn sample_place(&self, random: &mut Random) -> Option<Place> {
        /// Places that are looked at. Most of a small table are in use, but of a directory that lost much of its order few may be.
        const DRAWS_MAX: usize = 64;
        if self.is_empty() {
            return None;
        }
        let mut draws = (0..DRAWS_MAX).filter_map(|_| match &self.root {
            Root::One(table) => {
                let line = table.draw(random.below(table.slots() as u64) as usize)?;
                Some(Place { segment: 0, line })
            }
            Root::Many(directory) => directory.draw(random),
        });
        draws.next().or_else(|| self.nth_place(random.below(self.len() as u64) as usize))
    }

    /// Where the entry stands that has so many before it, in no order. O(segments).
    #[cold]
    fn nth_place(&self, rank: usize) -> Option<Place> {
        match &self.root {
            Root::One(table) => table.nth(rank).map(|line| Place { segment: 0, line }),
            Root::Many(directory) => directory.nth(rank),
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
        let segment_at = |from| match &self.root {
            Root::One(table) => (table, None),
            Root::Many(directory) => directory.segment_at(from),
        };
        directory::scan(segment_at, from, limit, hasher, &mut |position, entry| visit(position, there(entry.as_ref())))
    }

    /// Takes a piece of at most one segment off and hands its entries over, for freeing the table step by step. Returns how many
    /// they were; `None` when nothing is left. Of its figures only the bytes are true from then on.
    pub(crate) fn take_piece(&mut self, mut take: impl FnMut(Entry)) -> Option<usize> {
        let piece = match &mut self.root {
            Root::One(table) if table.slots() == 0 => return None,
            Root::One(table) => std::mem::take(table),
            Root::Many(directory) => directory.take_piece()?,
        };
        let entries = piece.len();
        for entry in piece.into_iter().map(there) {
            self.entry_bytes -= entry.heap_bytes() as u64;
            take(entry);
        }
        Some(entries)
    }
}

mod draws;

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
