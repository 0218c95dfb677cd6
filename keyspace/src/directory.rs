//! A large table's directory: segments by hash prefix.
//!
//! Entry `i` of the map names the segment of all hashes whose upper `depth` bits are `i`. A segment with fewer bits of its own
//! stands in a run of entries. A full segment splits in two, a small one joins its neighbour; both move one segment's entries.
//! Doubling the map copies four bytes per entry: 512 KiB, some 50 µs, for a slot with 100 million keys.

use hashbrown::HashTable;

use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::table::{SCAN_SHIFT, SEGMENT_ENTRIES_MAX, ScanPosition, inner, shrink};

/// Two neighbours join when they hold at most this many entries together: well below a split, so that nothing flaps.
const JOIN_ENTRIES_MAX: usize = SEGMENT_ENTRIES_MAX / 4;

/// Buckets of a full segment.
const SEGMENT_BUCKETS_MAX: u64 = SEGMENT_ENTRIES_MAX as u64 * 8 / 7;

/// No prefix is longer. A keyed hash does not get there; if it did, a segment would grow instead.
const DEPTH_MAX: u32 = 30;

/// Segments are stored in chunks of this many, so that adding one never moves the others.
const CHUNK: usize = 64;

struct Segment {
    table: HashTable<Entry>,
    /// Bits of prefix that all its hashes share.
    depth: u32,
}

/// The segments of one table.
pub(crate) struct Directory {
    depth: u32,
    map: Vec<u32>,
    chunks: Vec<Vec<Segment>>,
    free: Vec<u32>,
    /// How many segments have each depth: none of the directory's own means that the map can halve.
    by_depth: [u32; DEPTH_MAX as usize + 1],
    len: usize,
    table_bytes: usize,
}

impl Directory {
    /// A directory of one segment.
    pub(crate) fn new(table: HashTable<Entry>) -> Self {
        let (len, table_bytes) = (table.len(), table.allocation_size());
        let mut first = Vec::with_capacity(CHUNK);
        first.push(Segment { table, depth: 0 });
        let mut by_depth = [0; DEPTH_MAX as usize + 1];
        by_depth[0] = 1;
        Directory { depth: 0, map: vec![0], chunks: vec![first], free: Vec::new(), by_depth, len, table_bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let chunk_bytes = CHUNK * size_of::<Segment>();
        size_of::<Directory>() + self.table_bytes + self.map.capacity() * 4 + self.chunks.len() * chunk_bytes
    }

    #[inline]
    fn index_of(&self, hash: u64) -> usize {
        // A shift by 64 is not a shift: depth 0 has one entry.
        if self.depth == 0 { 0 } else { (hash >> (64 - self.depth)) as usize }
    }

    #[inline]
    fn get(&self, id: u32) -> &Segment {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    #[inline]
    fn get_mut(&mut self, id: u32) -> &mut Segment {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// The segment that holds entries with this hash, and its number.
    #[inline]
    pub(crate) fn segment_of(&self, hash: u64) -> (&HashTable<Entry>, u32) {
        let id = self.map[self.index_of(hash)];
        (&self.get(id).table, id)
    }

    /// A segment drawn with `random`, or none: so that all buckets of all segments have the same chance, a segment that has fewer
    /// of them than a full one, or that stands more often in the map than one of full depth, is refused in proportion.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<(&HashTable<Entry>, u32)> {
        let id = self.map[random.below(self.map.len() as u64) as usize];
        let segment = self.get(id);
        let chances = SEGMENT_BUCKETS_MAX << (self.depth - segment.depth);
        (random.below(chances) < segment.table.num_buckets() as u64).then_some((&segment.table, id))
    }

    #[inline]
    pub(crate) fn segment(&self, id: u32) -> &HashTable<Entry> {
        &self.get(id).table
    }

    #[inline]
    pub(crate) fn segment_mut(&mut self, id: u32) -> &mut HashTable<Entry> {
        &mut self.get_mut(id).table
    }

    /// The segment at a scan position, and the position at which the next one begins.
    pub(crate) fn segment_at(&self, from: ScanPosition) -> (&HashTable<Entry>, Option<ScanPosition>) {
        let hash = from << SCAN_SHIFT;
        let segment = self.get(self.map[self.index_of(hash)]);
        let end = match segment.depth {
            0 => None,
            depth => {
                let prefix = hash >> (64 - depth);
                (prefix + 1 < 1 << depth).then(|| (prefix + 1) << (64 - depth) >> SCAN_SHIFT)
            }
        };
        (&segment.table, end)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &HashTable<Entry>> {
        self.chunks.iter().flatten().map(|segment| &segment.table)
    }

    /// Takes some segment's table out: only for taking the whole directory apart.
    pub(crate) fn take_piece(&mut self) -> Option<HashTable<Entry>> {
        let segment = self.chunks.last_mut()?.pop().expect("no chunk is empty");
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        Some(segment.table)
    }

    /// Adds an entry whose key is not here.
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) {
        let mut id = self.map[self.index_of(hash)];
        while self.get(id).table.len() >= SEGMENT_ENTRIES_MAX && self.get(id).depth < DEPTH_MAX {
            self.split(hash, id, hasher);
            id = self.map[self.index_of(hash)];
        }
        let table = &mut self.get_mut(id).table;
        let before = table.allocation_size();
        table.insert_unique(inner(hash), entry, |e| inner(hasher.hash(e.key())));
        let after = table.allocation_size();
        self.table_bytes = self.table_bytes + after - before;
        self.len += 1;
    }

    /// Splits the segment `id`, to which `hash` belongs.
    fn split(&mut self, hash: u64, id: u32, hasher: &KeyHasher) {
        if self.get(id).depth == self.depth {
            self.map = self.map.iter().flat_map(|&id| [id, id]).collect();
            self.depth += 1;
        }
        let segment = self.get_mut(id);
        segment.depth += 1;
        let depth = segment.depth;
        let mut table = std::mem::take(&mut segment.table);
        let before = table.allocation_size();
        let room = table.len() / 2 + table.len() / 16;
        let (mut low, mut high) = (HashTable::with_capacity(room), HashTable::with_capacity(room));
        table.iter().for_each(Entry::prefetch);
        for entry in table.drain() {
            let hash = hasher.hash(entry.key());
            let half = if hash >> (64 - depth) & 1 == 0 { &mut low } else { &mut high };
            half.insert_unique(inner(hash), entry, |e| inner(hasher.hash(e.key())));
        }
        self.table_bytes = self.table_bytes + low.allocation_size() + high.allocation_size() - before;
        self.get_mut(id).table = low;
        let sibling = self.add(Segment { table: high, depth });
        let run = 1usize << (self.depth - depth);
        let upper = ((hash >> (64 - depth) | 1) as usize) * run;
        self.map[upper..upper + run].fill(sibling);
        self.by_depth[depth as usize - 1] -= 1;
        self.by_depth[depth as usize] += 2;
    }

    fn add(&mut self, segment: Segment) -> u32 {
        if let Some(id) = self.free.pop() {
            *self.get_mut(id) = segment;
            return id;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len() - 1;
        self.chunks[chunk].push(segment);
        (chunk * CHUNK + self.chunks[chunk].len() - 1) as u32
    }

    /// Corrects sizes after an entry left segment `id`. The last segment comes back as a plain table.
    pub(crate) fn after_remove(&mut self, hash: u64, id: u32, hasher: &KeyHasher) -> Option<HashTable<Entry>> {
        self.len -= 1;
        let table = &mut self.get_mut(id).table;
        let before = table.allocation_size();
        shrink(table, hasher);
        let (len, after) = (table.len(), table.allocation_size());
        self.table_bytes = self.table_bytes + after - before;
        if len <= JOIN_ENTRIES_MAX / 2 {
            self.join(hash, id, hasher);
        }
        (self.depth == 0).then(|| {
            let id = self.map[0];
            std::mem::take(&mut self.get_mut(id).table)
        })
    }

    /// Joins segment `id` with its neighbour of the same depth, if both are small.
    fn join(&mut self, hash: u64, id: u32, hasher: &KeyHasher) {
        let depth = self.get(id).depth;
        if depth == 0 {
            return;
        }
        let run = 1usize << (self.depth - depth);
        let prefix = (hash >> (64 - depth)) as usize;
        let sibling = self.map[(prefix ^ 1) * run];
        let small = self.get(id).table.len() + self.get(sibling).table.len() <= JOIN_ENTRIES_MAX;
        if self.get(sibling).depth != depth || !small {
            return;
        }
        let moved = std::mem::take(&mut self.get_mut(sibling).table);
        self.table_bytes -= moved.allocation_size();
        let segment = self.get_mut(id);
        segment.depth -= 1;
        let before = segment.table.allocation_size();
        for entry in moved {
            let hash = hasher.hash(entry.key());
            segment.table.insert_unique(inner(hash), entry, |e| inner(hasher.hash(e.key())));
        }
        let after = segment.table.allocation_size();
        self.table_bytes = self.table_bytes + after - before;
        self.map[(prefix ^ 1) * run..(prefix ^ 1) * run + run].fill(id);
        self.free.push(sibling);
        self.by_depth[depth as usize] -= 2;
        self.by_depth[depth as usize - 1] += 1;
        self.halve();
    }

    /// Halves the map while no segment needs all of its bits.
    fn halve(&mut self) {
        while self.by_depth[self.depth as usize] == 0 {
            self.map = self.map.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }
}
