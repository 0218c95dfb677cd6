//! The table of members: from a member to the handle of its record.
//!
//! A directory of small hash tables by hash prefix (extendible hashing; Fagin et al. 1979), like the keyspace's own: growing and
//! shrinking never moves more than one segment, and the order of the prefixes is ZSCAN's order, which no resize disturbs. The
//! table holds handles only. What hashes a handle's member is passed in, as the bytes are the records' business.

use hashbrown::HashTable;

use super::dense::Dense;
use super::records::Handle;

/// The most handles of one segment: what 1,024 buckets hold at hashbrown's load of 7/8. Bounds every resize and scan step.
const SEGMENT_MEMBERS_MAX: usize = 896;

/// Two neighbours join when they hold at most this many together: well below a split, so that nothing flaps.
const JOIN_MEMBERS_MAX: usize = SEGMENT_MEMBERS_MAX / 4;

/// No prefix is longer. A keyed hash does not get there; if it did, a segment would grow instead.
const DEPTH_MAX: u32 = 30;

/// Bits of the hash that a scan position leaves out. Members that agree in all others are returned together.
const SCAN_SHIFT: u32 = 16;

/// Segments are listed in chunks of this many.
const CHUNK: usize = 64;

#[derive(Default)]
struct Segment {
    table: HashTable<Handle>,
    /// Bits of prefix that all its hashes share.
    depth: u32,
}

/// The handles of one sorted set, by hash.
pub(super) struct MemberTable {
    /// Bits of prefix that number the map.
    depth: u32,
    /// The segment of each prefix.
    map: Vec<u32>,
    segments: Dense<Segment, CHUNK>,
    /// Numbers of segments that are in no use.
    vacant: Vec<u32>,
    /// How many segments have each depth: none of the map's own means that the map can halve.
    by_depth: [u32; DEPTH_MAX as usize + 1],
    table_bytes: usize,
}

/// Where a handle stands; valid until the table changes.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    segment: u32,
    bucket: u32,
}

/// The hash as a segment's buckets use it: its prefix has chosen the segment already.
#[inline]
fn inner(hash: u64) -> u64 {
    hash.rotate_left(32)
}

impl Default for MemberTable {
    fn default() -> Self {
        let mut segments = Dense::default();
        segments.push(Segment::default());
        let mut by_depth = [0; DEPTH_MAX as usize + 1];
        by_depth[0] = 1;
        MemberTable { depth: 0, map: vec![0], segments, vacant: Vec::new(), by_depth, table_bytes: 0 }
    }
}

impl MemberTable {
    /// Bytes on the heap. O(1).
    pub(super) fn heap_bytes(&self) -> usize {
        self.table_bytes + (self.map.capacity() + self.vacant.capacity()) * 4 + self.segments.heap_bytes()
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> u32 {
        // A shift by 64 is not a shift: depth 0 has one entry.
        self.map[if self.depth == 0 { 0 } else { (hash >> (64 - self.depth)) as usize }]
    }

    /// Where a handle stands that probably has this hash; touches none.
    #[inline]
    pub(super) fn candidate(&self, hash: u64) -> Option<Bucket> {
        let segment = self.segment_of(hash);
        let bucket = self.segments[segment].table.iter_hash_buckets(inner(hash)).next()?;
        Some(Bucket { segment, bucket: bucket as u32 })
    }

    /// The handle at a place.
    #[inline]
    pub(super) fn at(&self, Bucket { segment, bucket }: Bucket) -> Option<Handle> {
        self.segments[segment].table.get_bucket(bucket as usize).copied()
    }

    /// The handle with this hash that `is_it` recognises.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Handle) -> bool) -> Option<Handle> {
        self.segments[self.segment_of(hash)].table.find(inner(hash), |&handle| is_it(handle)).copied()
    }

    /// Adds a handle whose member is not here.
    pub(super) fn insert(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) {
        let mut id = self.segment_of(hash);
        while self.segments[id].table.len() >= SEGMENT_MEMBERS_MAX && self.segments[id].depth < DEPTH_MAX {
            self.split(hash, id, &hash_of);
            id = self.segment_of(hash);
        }
        let table = &mut self.segments[id].table;
        let before = table.allocation_size();
        table.insert_unique(inner(hash), handle, |&handle| inner(hash_of(handle)));
        self.table_bytes = self.table_bytes + table.allocation_size() - before;
    }

    /// Splits the segment `id`, to which `hash` belongs.
    fn split(&mut self, hash: u64, id: u32, hash_of: &impl Fn(Handle) -> u64) {
        if self.segments[id].depth == self.depth {
            self.map = self.map.iter().flat_map(|&id| [id, id]).collect();
            self.depth += 1;
        }
        let Segment { table, depth } = std::mem::take(&mut self.segments[id]);
        let depth = depth + 1;
        let room = table.len() / 2 + table.len() / 16;
        let (mut low, mut high) = (HashTable::with_capacity(room), HashTable::with_capacity(room));
        let before = table.allocation_size();
        for handle in table {
            let hash = hash_of(handle);
            let half = if hash >> (64 - depth) & 1 == 0 { &mut low } else { &mut high };
            half.insert_unique(inner(hash), handle, |&handle| inner(hash_of(handle)));
        }
        self.table_bytes = self.table_bytes + low.allocation_size() + high.allocation_size() - before;
        self.segments[id] = Segment { table: low, depth };
        let sibling = self.add(Segment { table: high, depth });
        let run = 1usize << (self.depth - depth);
        let upper = ((hash >> (64 - depth) | 1) as usize) * run;
        self.map[upper..upper + run].fill(sibling);
        self.by_depth[depth as usize - 1] -= 1;
        self.by_depth[depth as usize] += 2;
    }

    fn add(&mut self, segment: Segment) -> u32 {
        match self.vacant.pop() {
            Some(id) => {
                self.segments[id] = segment;
                id
            }
            None => self.segments.push(segment),
        }
    }

    /// Removes a handle that is here.
    pub(super) fn remove(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) {
        let id = self.segment_of(hash);
        let table = &mut self.segments[id].table;
        let Ok(found) = table.find_entry(inner(hash), |&known| known == handle) else {
            unreachable!("a handle is removed once");
        };
        found.remove();
        let len = table.len();
        if table.num_buckets() > 8 && len * 8 < table.capacity() {
            let before = table.allocation_size();
            table.shrink_to(len * 2, |&handle| inner(hash_of(handle)));
            self.table_bytes = self.table_bytes + table.allocation_size() - before;
        }
        if len <= JOIN_MEMBERS_MAX / 2 {
            self.join(hash, id, hash_of);
        }
    }

    /// Joins segment `id` with its neighbour of the same depth, if both are small.
    fn join(&mut self, hash: u64, id: u32, hash_of: impl Fn(Handle) -> u64) {
        let depth = self.segments[id].depth;
        if depth == 0 {
            return;
        }
        let run = 1usize << (self.depth - depth);
        let prefix = (hash >> (64 - depth)) as usize;
        let sibling = self.map[(prefix ^ 1) * run];
        let small = self.segments[id].table.len() + self.segments[sibling].table.len() <= JOIN_MEMBERS_MAX;
        if self.segments[sibling].depth != depth || !small {
            return;
        }
        let moved = std::mem::take(&mut self.segments[sibling]).table;
        self.vacant.push(sibling);
        let segment = &mut self.segments[id];
        segment.depth -= 1;
        let before = segment.table.allocation_size() + moved.allocation_size();
        for handle in moved {
            segment.table.insert_unique(inner(hash_of(handle)), handle, |&handle| inner(hash_of(handle)));
        }
        self.table_bytes = self.table_bytes + segment.table.allocation_size() - before;
        let lower = (prefix & !1) * run;
        self.map[lower..lower + 2 * run].fill(id);
        self.by_depth[depth as usize] -= 2;
        self.by_depth[depth as usize - 1] += 1;
        while self.by_depth[self.depth as usize] == 0 {
            self.map = self.map.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }

    /// Gives the member of a handle another handle.
    pub(super) fn rename(&mut self, hash: u64, from: Handle, to: Handle) {
        let id = self.segment_of(hash);
        let found = self.segments[id].table.find_mut(inner(hash), |&known| known == from);
        *found.expect("a handle that is renamed is here") = to;
    }

    /// Visits handles in hash order from position `from` until their weights, which `visit` tells, add up to `limit`.
    ///
    /// Returns where to go on, or `None` at the end. A member that is present throughout a whole scan is visited at least once.
    /// Cost: the hashes of at most one segment more than the handles visited.
    pub(super) fn scan(
        &self,
        from: u64,
        limit: usize,
        hash_of: impl Fn(Handle) -> u64,
        visit: &mut impl FnMut(Handle) -> usize,
    ) -> Option<u64> {
        // A position that no scan returned may lie beyond all hashes.
        let mut from = from & (u64::MAX >> SCAN_SHIFT);
        let mut visited = 0;
        loop {
            let segment = &self.segments[self.segment_of(from << SCAN_SHIFT)];
            let positions = segment.table.iter().map(|&handle| (hash_of(handle) >> SCAN_SHIFT, handle));
            let mut found: Vec<(u64, Handle)> = positions.filter(|(position, _)| *position >= from).collect();
            found.sort_unstable();
            let mut last = None;
            for (position, handle) in found {
                if visited >= limit && last != Some(position) {
                    return Some(position);
                }
                visited += visit(handle);
                last = Some(position);
            }
            from = end_of(segment.depth, from)?;
            if visited >= limit {
                return Some(from);
            }
        }
    }

    /// Frees some segments; the table is void from then on. Returns how many allocations that were: 0 when nothing is left.
    pub(super) fn free_piece(&mut self) -> usize {
        let Some(segments) = self.segments.take_chunk() else { return 0 };
        let bytes: usize = segments.iter().map(|segment| segment.table.allocation_size()).sum();
        self.table_bytes = self.table_bytes.saturating_sub(bytes);
        segments.len()
    }
}

/// Where the segment after the one of `depth` at position `from` begins.
fn end_of(depth: u32, from: u64) -> Option<u64> {
    if depth == 0 {
        return None;
    }
    let prefix = from << SCAN_SHIFT >> (64 - depth);
    (prefix + 1 < 1 << depth).then(|| (prefix + 1) << (64 - depth) >> SCAN_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Random;

    /// A handle's hash: as random as a member's.
    fn hash_of(handle: Handle) -> u64 {
        Random::new(handle as u64).draw()
    }

    /// Handles and bytes, counted.
    fn sizes(table: &MemberTable) -> (usize, usize) {
        let mut ids = table.map.clone();
        ids.sort_unstable();
        ids.dedup();
        let tables = ids.iter().map(|&id| &table.segments[id].table);
        tables.fold((0, 0), |(len, bytes), table| (len + table.len(), bytes + table.allocation_size()))
    }

    #[test]
    fn grows_and_shrinks_with_exact_figures() {
        let mut table = MemberTable::default();
        for handle in 0..50_000 {
            table.insert(hash_of(handle), handle, hash_of);
        }
        assert_eq!((50_000, table.table_bytes), sizes(&table));
        assert!(table.map.len() >= 64);
        assert!((0..50_000).all(|handle| table.find(hash_of(handle), |known| known == handle) == Some(handle)));
        for handle in 0..50_000 {
            table.remove(hash_of(handle), handle, hash_of);
            if handle % 5_000 == 0 {
                assert_eq!((50_000 - 1 - handle as usize, table.table_bytes), sizes(&table));
            }
        }
        assert_eq!((sizes(&table).0, table.map.len()), (0, 1));
    }

    #[test]
    fn a_scan_returns_what_stays_whatever_else_changes() {
        let mut table = MemberTable::default();
        (0..20_000).for_each(|handle| table.insert(hash_of(handle), handle, hash_of));
        let mut seen = std::collections::BTreeSet::new();
        let (mut from, mut calls) = (0, 0u32);
        loop {
            let next = table.scan(from, 10, hash_of, &mut |handle| {
                seen.insert(handle);
                1
            });
            // Grow to twice the size, then shrink to an eighth, all while the scan goes on.
            if calls < 200 {
                (0..100).for_each(|n| {
                    let handle = 20_000 + calls * 100 + n;
                    table.insert(hash_of(handle), handle, hash_of);
                });
            } else if calls < 1200 {
                (0..20).for_each(|n| {
                    let handle = 40_000 - 1 - (calls - 200) * 20 - n;
                    table.remove(hash_of(handle), handle, hash_of);
                });
            }
            calls += 1;
            let Some(next) = next else { break };
            assert!(next > from);
            from = next;
        }
        assert!((0..20_000).all(|handle| seen.contains(&handle)));
    }
}
