//! The directory of a large table: segments by hash prefix (extendible hashing; Fagin et al. 1979).
//!
//! Entry `i` of the map names the segment of all hashes whose upper `depth` bits are `i`. A segment with fewer bits of its own
//! stands in a run of entries. A full segment splits in two, a small one joins its neighbour; both move one segment's values.
//! Doubling the map copies four bytes per entry: 512 KiB, some 50 µs, for 100 million values. The order of the prefixes is the
//! order of scans, which no resize disturbs.

use evict::time::UnixMillis;

use crate::dense::Dense;
use crate::due::{Due, NEVER, Search};
use crate::hash::Random;
use crate::lines::{self, Hashes, Lines};

/// The most values of one segment. Bounds every resize and every scan step.
pub const SEGMENT_VALUES_MAX: usize = 1792;

/// Two neighbours join when they hold at most this many values together: well below a split, so that nothing flaps.
const JOIN_VALUES_MAX: usize = SEGMENT_VALUES_MAX / 4;

/// No prefix is longer: 4 billion values have as many bits, and the map is bounded, 16 MiB. A segment that it would not divide grows.
const DEPTH_MAX: u32 = 22;

/// Segments are stored in chunks of this many, so that adding one never moves the others.
const CHUNK: usize = 64;

/// Where a scan stands: the upper 48 bits of the next hash.
pub type ScanPosition = u64;

/// Bits of the hash that a scan position leaves out. Values that agree in all others are returned together.
pub(crate) const SCAN_SHIFT: u32 = 16;

/// Where what has this hash stands in the order of scans: those before a position that a scan returned were visited, the others not.
#[inline]
pub(crate) fn position_of(hash: u64) -> ScanPosition {
    hash >> SCAN_SHIFT
}

/// Where a value stands; valid until its table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) segment: u32,
    pub(crate) line: lines::Place,
}

struct Segment<V, const N: usize, const W: usize> {
    table: Lines<V, N, W>,
    /// Bits of prefix that all its hashes share.
    depth: u32,
}

/// Visits values in the order of their hashes from position `from` until their weights, which `visit` tells, add up to `limit`.
/// `segment_at` gives the segment at a position, and the position at which the next one begins.
///
/// Returns where to go on, or `None` at the end. A value that is there throughout a whole scan is visited at least once. Cost: the
/// hashes of at most one segment more than the values visited.
pub(crate) fn scan<'a, V: Default + 'a, const N: usize, const W: usize>(
    segment_at: impl Fn(ScanPosition) -> (&'a Lines<V, N, W>, Option<ScanPosition>),
    from: ScanPosition,
    limit: usize,
    hashes: &impl Hashes<V>,
    visit: &mut impl FnMut(ScanPosition, &'a V) -> usize,
) -> Option<ScanPosition> {
    // A position that no scan returned may lie beyond all hashes.
    let mut from = from & (u64::MAX >> SCAN_SHIFT);
    let mut visited = 0;
    loop {
        let (table, end) = segment_at(from);
        // All are read to place them in the order, so the misses had better overlap.
        table.iter().for_each(|value| hashes.prefetch(value));
        let mut found: Vec<(ScanPosition, &V)> = table
            .iter()
            .map(|value| (position_of(hashes.hash_of(value)), value))
            .filter(|(position, _)| *position >= from)
            .collect();
        found.sort_unstable_by_key(|(position, _)| *position);
        let mut last = None;
        for (position, value) in found {
            if visited >= limit && last != Some(position) {
                return Some(position);
            }
            visited += visit(position, value);
            last = Some(position);
        }
        from = end?;
        if visited >= limit {
            return Some(from);
        }
    }
}

/// The segments of one table.
pub(crate) struct Directory<V, const N: usize, const W: usize> {
    /// Bits of prefix that number the map.
    depth: u32,
    /// The segment of each prefix.
    map: Vec<u32>,
    segments: Dense<Segment<V, N, W>, CHUNK>,
    /// Numbers of segments that are in no use.
    vacant: Vec<u32>,
    /// How many segments have each depth: none of the map's own means that the map can halve.
    by_depth: [u32; DEPTH_MAX as usize + 1],
    len: usize,
    /// Bytes of the segments' tables.
    table_bytes: usize,
    /// Which segments have something that is due.
    due: Due,
    /// Places of a segment that has never had more: what a draw goes by.
    segment_slots_max: usize,
}

impl<V: Default, const N: usize, const W: usize> Default for Directory<V, N, W> {
    fn default() -> Self {
        Directory::new(Lines::default())
    }
}

impl<V: Default, const N: usize, const W: usize> Directory<V, N, W> {
    /// A directory of one segment.
    pub(crate) fn new(table: Lines<V, N, W>) -> Self {
        let (len, table_bytes, segment_slots_max) = (table.len(), table.heap_bytes(), table.slots());
        let mut due = Due::default();
        due.set(0, 1, table.earliest());
        let mut segments = Dense::default();
        segments.push(Segment { table, depth: 0 });
        let mut by_depth = [0; DEPTH_MAX as usize + 1];
        by_depth[0] = 1;
        let (map, vacant) = (vec![0], Vec::new());
        Directory { depth: 0, map, segments, vacant, by_depth, len, table_bytes, due, segment_slots_max }
    }

    /// Number of values.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap, without what values point to. O(1).
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        let lists = (self.map.capacity() + self.vacant.capacity()) * 4 + self.due.heap_bytes();
        self.table_bytes + lists + self.segments.heap_bytes()
    }

    #[inline]
    fn index_of(&self, hash: u64) -> usize {
        // A shift by 64 is not a shift: depth 0 has one entry.
        if self.depth == 0 { 0 } else { (hash >> (64 - self.depth)) as usize }
    }

    /// The segment that holds values with this hash, and its number.
    #[inline]
    pub(crate) fn segment_of(&self, hash: u64) -> (&Lines<V, N, W>, u32) {
        let id = self.map[self.index_of(hash)];
        (&self.segments[id].table, id)
    }

    /// The value with this hash that `is_it` recognises.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&V) -> bool) -> Option<Place> {
        let (table, segment) = self.segment_of(hash);
        Some(Place { segment, line: table.find(hash, is_it)? })
    }

    /// The value at a place.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&V> {
        self.segments[place.segment].table.get(place.line)
    }

    /// The value at a place, to change. It keeps its hash.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut V> {
        self.segments[place.segment].table.get_mut(place.line)
    }

    /// A value drawn with `random`, or none: so that all places of all segments have the same chance, a segment that has fewer of
    /// them than the largest, or that stands more often in the map than one of full depth, is refused in proportion.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<Place> {
        let segment = self.map[random.below(self.map.len() as u64) as usize];
        let Segment { table, depth } = &self.segments[segment];
        let chances = (self.segment_slots_max as u64) << (self.depth - depth);
        let number = random.below(chances) as usize;
        if number >= table.slots() {
            return None;
        }
        Some(Place { segment, line: table.draw(number)? })
    }

    /// Numbers of segments, some of which may be in no use.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The table of the segment with this number, if something in it may have a deadline.
    #[inline]
    pub(crate) fn timed_segment(&self, id: u32) -> Option<&Lines<V, N, W>> {
        (self.due.of(id as usize) != NEVER).then(|| &self.segments[id].table)
    }

    /// Places of a segment that has never had more.
    pub(crate) fn segment_slots_max(&self) -> usize {
        self.segment_slots_max
    }

    /// The table of the segment with this number.
    #[inline]
    pub(crate) fn segment(&self, id: u32) -> &Lines<V, N, W> {
        &self.segments[id].table
    }

    /// The first segment from `from` on, or else of those before it, in which something may have a deadline.
    pub(crate) fn next_timed(&self, from: u32) -> Option<u32> {
        // Segments without deadlines may have come after the last one with any.
        let from = from as usize % self.due.groups().max(1);
        self.due.next(from, NEVER).map(|id| id as u32)
    }

    /// Lets somebody look through a segment's table and correct the bounds of its lines.
    pub(crate) fn correct<T>(&mut self, id: u32, look: impl FnOnce(&mut Lines<V, N, W>) -> T) -> T {
        let result = look(&mut self.segments[id].table);
        self.renew_due(id);
        result
    }

    /// The segment at a scan position, and the position at which the next one begins.
    pub(crate) fn segment_at(&self, from: ScanPosition) -> (&Lines<V, N, W>, Option<ScanPosition>) {
        let hash = from << SCAN_SHIFT;
        let segment = &self.segments[self.map[self.index_of(hash)]];
        let end = match segment.depth {
            0 => None,
            depth => {
                let prefix = hash >> (64 - depth);
                (prefix + 1 < 1 << depth).then(|| (prefix + 1) << (64 - depth) >> SCAN_SHIFT)
            }
        };
        (&segment.table, end)
    }

    /// All segments' tables, in no order.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Lines<V, N, W>> {
        self.segments.iter().map(|segment| &segment.table)
    }

    /// Where the value stands that has so many before it, in no order. O(segments).
    pub(crate) fn nth(&self, rank: usize) -> Option<Place> {
        let mut rank = rank;
        (0u32..).zip(self.tables()).find_map(|(segment, table)| match rank.checked_sub(table.len()) {
            Some(behind) => {
                rank = behind;
                None
            }
            None => table.nth(rank).map(|line| Place { segment, line }),
        })
    }

    /// Takes some segment's table out: only for taking the whole directory apart.
    pub(crate) fn take_piece(&mut self) -> Option<Lines<V, N, W>> {
        let last = self.segments.len().checked_sub(1)?;
        let table = self.segments.swap_remove(last as u32).table;
        self.table_bytes -= table.heap_bytes();
        Some(table)
    }

    /// Adds a value that is not here.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, value: V, hashes: &impl Hashes<V>) {
        let id = self.segment_of(hash).1;
        let table = &mut self.segments[id].table;
        self.len += 1;
        let fits = table.len() < table.capacity().min(SEGMENT_VALUES_MAX);
        match hashes.deadline_of(&value) {
            None if fits => table.insert(hash, value, hashes),
            None => drop(self.insert_growing(hash, value, hashes)),
            Some(deadline) => {
                let id = self.insert_growing(hash, value, hashes);
                self.due.lower(id as usize, self.due_groups(), deadline);
            }
        }
    }

    /// Groups of `due`: segments, with room for as many again when they are too many.
    fn due_groups(&self) -> usize {
        self.segments.len().next_power_of_two()
    }

    /// Sets the bound of a segment to what its table says.
    fn renew_due(&mut self, id: u32) {
        let earliest = self.segments[id].table.earliest();
        self.due.set(id as usize, self.due_groups(), earliest);
    }

    /// Nothing here is due earlier.
    #[inline]
    pub(crate) fn earliest(&self) -> UnixMillis {
        self.due.earliest()
    }

    /// The value at a place got this deadline.
    pub(crate) fn set_deadline(&mut self, place: Place, deadline: UnixMillis) {
        let table = &mut self.segments[place.segment].table;
        let before = table.heap_bytes();
        table.set_deadline(place.line, deadline);
        self.table_bytes += table.heap_bytes() - before;
        self.due.lower(place.segment as usize, self.due_groups(), deadline);
    }

    /// Looks for a value that is due. Reads the values of one line.
    pub(crate) fn next_due(&mut self, now: UnixMillis, hashes: &impl Hashes<V>) -> Search<Place> {
        let Some(segment) = self.due.first(now) else { return Search::Nothing };
        let segment = segment as u32;
        match self.segments[segment].table.next_due(now, hashes) {
            Search::Found(line) => Search::Found(Place { segment, line }),
            Search::Raised | Search::Nothing => {
                self.renew_due(segment);
                Search::Raised
            }
        }
    }

    /// Fetches what `next_due` will read in the segment that is due first: see `Lines::prefetch_due`.
    pub(crate) fn prefetch_due(&self, now: UnixMillis, step: usize, hashes: &impl Hashes<V>) {
        if let Some(segment) = self.due.first(now) {
            self.segments[segment as u32].table.prefetch_due(now, step, hashes);
        }
    }

    /// Adds a value to a segment that may be full. Returns the segment.
    fn insert_growing(&mut self, hash: u64, value: V, hashes: &impl Hashes<V>) -> u32 {
        let mut id = self.segment_of(hash).1;
        while self.segments[id].table.len() >= SEGMENT_VALUES_MAX && self.segments[id].depth < DEPTH_MAX {
            self.split(hash, id, hashes);
            id = self.segment_of(hash).1;
        }
        self.resize(id, |table| table.insert(hash, value, hashes));
        id
    }

    /// Changes a segment's table and accounts for its bytes.
    fn resize(&mut self, id: u32, change: impl FnOnce(&mut Lines<V, N, W>)) {
        let table = &mut self.segments[id].table;
        let before = table.heap_bytes();
        change(table);
        self.table_bytes = self.table_bytes + table.heap_bytes() - before;
        self.segment_slots_max = self.segment_slots_max.max(table.slots());
    }

    /// Splits the segment `id`, to which `hash` belongs.
    fn split(&mut self, hash: u64, id: u32, hashes: &impl Hashes<V>) {
        if self.segments[id].depth == self.depth {
            self.map = self.map.iter().flat_map(|&id| [id, id]).collect();
            self.depth += 1;
        }
        let depth = self.segments[id].depth + 1;
        let table = std::mem::take(&mut self.segments[id].table);
        self.table_bytes -= table.heap_bytes();
        let (low, high) = divide(table, depth, hashes);
        self.table_bytes += low.heap_bytes() + high.heap_bytes();
        self.segment_slots_max = self.segment_slots_max.max(low.slots()).max(high.slots());
        self.segments[id] = Segment { table: low, depth };
        let sibling = self.add(Segment { table: high, depth });
        self.renew_due(id);
        self.renew_due(sibling);
        let run = 1usize << (self.depth - depth);
        let upper = ((hash >> (64 - depth) | 1) as usize) * run;
        self.map[upper..upper + run].fill(sibling);
        self.by_depth[depth as usize - 1] -= 1;
        self.by_depth[depth as usize] += 2;
    }

    fn add(&mut self, segment: Segment<V, N, W>) -> u32 {
        match self.vacant.pop() {
            Some(id) => {
                self.segments[id] = segment;
                id
            }
            None => self.segments.push(segment),
        }
    }

    /// Takes out the value at a place, whose hash this is. Moves at most a quarter of a segment.
    pub(crate) fn remove(&mut self, hash: u64, place: Place, hashes: &impl Hashes<V>) -> V {
        let table = &mut self.segments[place.segment].table;
        let value = table.remove(hash, place.line);
        self.len -= 1;
        if table.is_sparse() {
            self.resize(place.segment, |table| table.shrink(hashes));
        }
        if self.segments[place.segment].table.len() <= JOIN_VALUES_MAX / 2 {
            self.join(hash, place.segment, hashes);
        }
        value
    }

    /// The table of the only segment, if there is one only: the directory is void from then on.
    pub(crate) fn take_only(&mut self) -> Option<Lines<V, N, W>> {
        (self.depth == 0).then(|| std::mem::take(&mut self.segments[self.map[0]].table))
    }

    /// Joins segment `id` with its neighbour of the same depth, if both are small.
    fn join(&mut self, hash: u64, id: u32, hashes: &impl Hashes<V>) {
        let depth = self.segments[id].depth;
        if depth == 0 {
            return;
        }
        let run = 1usize << (self.depth - depth);
        let prefix = (hash >> (64 - depth)) as usize;
        let sibling = self.map[(prefix ^ 1) * run];
        let small = self.segments[id].table.len() + self.segments[sibling].table.len() <= JOIN_VALUES_MAX;
        if self.segments[sibling].depth != depth || !small {
            return;
        }
        let moved = std::mem::take(&mut self.segments[sibling].table);
        self.table_bytes -= moved.heap_bytes();
        self.vacant.push(sibling);
        self.segments[id].depth -= 1;
        self.resize(id, |table| table.absorb(moved, hashes));
        self.due.set(sibling as usize, self.due_groups(), NEVER);
        self.renew_due(id);
        let lower = (prefix & !1) * run;
        self.map[lower..lower + 2 * run].fill(id);
        self.by_depth[depth as usize] -= 2;
        self.by_depth[depth as usize - 1] += 1;
        while self.by_depth[self.depth as usize] == 0 {
            self.map = self.map.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }
}

/// A table's values by the `depth`th bit of their hashes. Where that is the same for all, none moves: what was added in the order of
/// the hashes may divide many times before it parts.
fn divide<V: Default, const N: usize, const W: usize>(
    table: Lines<V, N, W>,
    depth: u32,
    hashes: &impl Hashes<V>,
) -> (Lines<V, N, W>, Lines<V, N, W>) {
    table.iter().for_each(|value| hashes.prefetch(value));
    let is_high = |value: &V| hashes.hash_of(value) >> (64 - depth) & 1 == 1;
    let highs = table.iter().filter(|value| is_high(value)).count();
    if highs == 0 {
        return (table, Lines::default());
    }
    if highs == table.len() {
        return (Lines::default(), table);
    }
    let room = |values: usize| Lines::with_capacity(values + values / 8);
    let (mut low, mut high) = (room(table.len() - highs), room(highs));
    for value in table {
        let hash = hashes.hash_of(&value);
        let half = if is_high(&value) { &mut high } else { &mut low };
        half.insert(hash, value, hashes);
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefetch::prefetch;

    struct ByValue;

    impl Hashes<u64> for ByValue {
        fn hash_of(&self, value: &u64) -> u64 {
            Random::new(*value).draw()
        }

        fn prefetch(&self, value: &u64) {
            prefetch(value);
        }
    }

    type Numbers = Directory<u64, 7, 1>;

    fn check_figures(directory: &Numbers, len: usize) {
        let tables =
            directory.tables().fold((0, 0), |(len, bytes), table| (len + table.len(), bytes + table.heap_bytes()));
        assert_eq!(tables, (len, directory.table_bytes));
        assert_eq!(directory.len(), len);
    }

    #[test]
    fn figures_are_exact_through_splits_and_joins() {
        let mut directory = Numbers::default();
        for value in 0..50_000 {
            directory.insert(ByValue.hash_of(&value), value, &ByValue);
            if value % 5_000 == 0 {
                check_figures(&directory, value as usize + 1);
            }
        }
        check_figures(&directory, 50_000);
        assert!(directory.map.len() >= 32);
        for value in 0..50_000 {
            let hash = ByValue.hash_of(&value);
            let place = directory.find(hash, |&known| known == value).expect("it was added and not removed yet");
            assert_eq!(directory.remove(hash, place, &ByValue), value);
            if value % 5_000 == 0 {
                check_figures(&directory, 49_999 - value as usize);
            }
        }
        check_figures(&directory, 0);
        assert_eq!(directory.map.len(), 1);
    }

    #[test]
    fn values_in_the_order_of_their_hashes_divide_many_times_at_once() {
        let mut values: Vec<u64> = (0..200_000).collect();
        values.sort_unstable_by_key(|value| ByValue.hash_of(value));
        let mut directory = Numbers::default();
        for (count, value) in values.iter().enumerate() {
            directory.insert(ByValue.hash_of(value), *value, &ByValue);
            if count == SEGMENT_VALUES_MAX {
                assert!(directory.depth >= 6, "all of them have the first bits in common");
            }
        }
        check_figures(&directory, values.len());
        assert!(values.iter().all(|value| directory.find(ByValue.hash_of(value), |known| known == value).is_some()));
    }

    #[test]
    fn ranks_name_every_value_once() {
        let mut directory = Numbers::default();
        (0..5_000).for_each(|value| directory.insert(ByValue.hash_of(&value), value, &ByValue));
        let mut found: Vec<u64> = (0..5_000).filter_map(|rank| directory.get(directory.nth(rank)?).copied()).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(0..5_000));
        assert_eq!(directory.nth(5_000), None);
    }
}
