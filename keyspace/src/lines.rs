//! Lines: a hash table whose buckets are cache lines.
//!
//! A line holds some values, a tag of seven hash bits for each, and how many values went past it because it was full. A value
//! stands in the first line with room from its home on, which its hash names. A look-up reads the home and goes on only if some
//! value went past: at the highest load one in ten values is not at home, and one look-up in three of what is not there reads a
//! second line. So tags and values come with one cache miss, and the place of that miss is known before anything is read.
//! (Bronson and Shi, "F14", 2019, have lines like these.)
//!
//! A table has any number of lines, not only powers of two, so growing by a half keeps more of them in use.

use evict::time::UnixMillis;

use crate::directory::SEGMENT_VALUES_MAX;
use crate::due::Due;
use crate::prefetch::prefetch;

mod deadlines;

pub(crate) use deadlines::STEPS_AHEAD;

/// The lines of pointers to entries: seven in a line.
pub(crate) type PointerLines<V> = Lines<V, 7, 1>;

const BYTES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = BYTES << 7;

/// A count of values that went past a line stays here once it has got here, as nobody knows how many there are.
const PASSED_MAX: u8 = u8::MAX;

/// Bits of a place that number the value in its line.
const SLOT_BITS: u32 = 4;

/// One cache line: `N` values behind `W` words, whose bytes are the values' tags and, last, the count of those that went past.
#[repr(align(64))]
struct Line<V, const N: usize, const W: usize> {
    words: [u64; W],
    values: [V; N],
}

impl<V: Default, const N: usize, const W: usize> Default for Line<V, N, W> {
    fn default() -> Self {
        const { assert!(N < 8 * W && N <= 1 << SLOT_BITS && size_of::<Self>() == 64) };
        Line { words: [0; W], values: std::array::from_fn(|_| V::default()) }
    }
}

/// The slots whose bytes have their high bit set in `words`, the first one first.
#[inline]
fn slots<const N: usize>(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(number, word)| {
        // The bytes of this word that are tags.
        let tags = (N - 8 * number).min(8) as u32;
        let mut left = word & HIGH_BITS & u64::MAX >> (64 - 8 * tags);
        std::iter::from_fn(move || {
            let byte = (left != 0).then(|| left.trailing_zeros() as usize / 8)?;
            left &= left - 1;
            Some(8 * number + byte)
        })
    })
}

impl<V, const N: usize, const W: usize> Line<V, N, W> {
    /// The slots that probably have a tag: those that do, and some behind them (Mycroft 1987).
    #[inline]
    fn matches(&self, tag: u8) -> impl Iterator<Item = usize> {
        let tags = BYTES * u64::from(tag);
        slots::<N>(self.words.iter().map(move |word| {
            let difference = word ^ tags;
            difference.wrapping_sub(BYTES) & !difference
        }))
    }

    /// The slots in use.
    #[inline]
    fn used(&self) -> impl Iterator<Item = usize> + use<V, N, W> {
        slots::<N>(self.words.into_iter())
    }

    /// A slot that is not in use.
    #[inline]
    fn vacant(&self) -> Option<usize> {
        slots::<N>(self.words.iter().map(|word| !word)).next()
    }

    #[inline]
    fn is_used(&self, slot: usize) -> bool {
        slot < N && self.words[slot / 8] >> (8 * (slot % 8)) & 0x80 != 0
    }

    #[inline]
    fn set_tag(&mut self, slot: usize, tag: u8) {
        let (word, shift) = (&mut self.words[slot / 8], 8 * (slot % 8));
        *word = *word & !(0xff << shift) | u64::from(tag) << shift;
    }

    /// How many values went past.
    #[inline]
    fn passed(&self) -> u8 {
        (self.words[W - 1] >> 56) as u8
    }

    fn set_passed(&mut self, count: u8) {
        self.words[W - 1] = self.words[W - 1] & !(0xff << 56) | u64::from(count) << 56;
    }
}

/// Where a value stands; valid until the table changes.
pub(crate) type Place = u32;

/// What a table needs to know of its values when it takes them in and moves them.
pub(crate) trait Hashes<V> {
    /// The hash of a value.
    fn hash_of(&self, value: &V) -> u64;

    /// Fetches what `hash_of` reads.
    fn prefetch(&self, value: &V);

    /// When a value is due, if it has a deadline.
    #[inline]
    fn deadline_of(&self, value: &V) -> Option<UnixMillis> {
        let _ = value;
        None
    }
}

/// A table of values, found by hash and by what they are. A vacant value is `V::default()`.
///
/// The home comes from the lower 16 bits of the hash, which no scan cursor shows to clients, the tag from bits 32 to 38; what chooses
/// among tables takes the upper ones.
pub(crate) struct Lines<V, const N: usize, const W: usize> {
    lines: Box<[Line<V, N, W>]>,
    /// Which lines have something that is due.
    due: Due,
    len: u32,
}

impl<V, const N: usize, const W: usize> Default for Lines<V, N, W> {
    fn default() -> Self {
        Lines { lines: Box::new([]), due: Due::default(), len: 0 }
    }
}

/// A value's tag: never zero, which is a vacant slot's.
#[inline]
fn tag_of(hash: u64) -> u8 {
    (hash >> 32) as u8 | 0x80
}

impl<V: Default, const N: usize, const W: usize> Lines<V, N, W> {
    /// Places of a line: `draw` numbers those of each in a row.
    pub(crate) const WIDTH: usize = N;

    /// What a line holds on average at the highest load.
    const LOAD: usize = N - N / 6;

    /// A table that grows only beyond so many values.
    pub(crate) fn with_capacity(values: usize) -> Self {
        let lines = if values <= N { values.min(1) } else { values.div_ceil(Self::LOAD) };
        Lines { lines: (0..lines).map(|_| Line::default()).collect(), ..Lines::default() }
    }

    /// Number of values.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// How many values there can be before it grows.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        if self.lines.len() <= 1 { self.lines.len() * N } else { self.lines.len() * Self::LOAD }
    }

    /// How many places there are for values: what `draw` numbers.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.lines.len() * N
    }

    /// Bytes on the heap, without what values point to.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.lines) + self.due.heap_bytes()
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        // The factor gives tables of different sizes different orders: or what is copied in the order of one table would crowd into
        // the first lines of another, until that has grown.
        let lines = self.lines.len();
        let mixed = (hash as u16).wrapping_mul((2 * lines + 1) as u16);
        (mixed as usize * lines) >> 16
    }

    #[inline]
    fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    /// Fetches the line in which a value with this hash is looked up first; reads nothing of it.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(line) = self.lines.get(self.home(hash)) {
            prefetch(line);
        }
    }

    /// Where the value stands that has this hash and that `is_it` recognises.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(&V) -> bool) -> Option<Place> {
        let (tag, mut at) = (tag_of(hash), self.home(hash));
        for _ in 0..self.lines.len() {
            let line = &self.lines[at];
            if let Some(slot) = line.matches(tag).find(|&slot| is_it(&line.values[slot])) {
                return Some((at as u32) << SLOT_BITS | slot as u32);
            }
            if line.passed() == 0 {
                break;
            }
            at = self.after(at);
        }
        None
    }

    /// A value that is probably the one with this hash: reads one line and no value.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<&V> {
        let line = self.lines.get(self.home(hash))?;
        line.matches(tag_of(hash)).next().map(|slot| &line.values[slot])
    }

    /// The value at a place, if one stands there.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&V> {
        let (line, slot) = (self.lines.get((place >> SLOT_BITS) as usize)?, place as usize & ((1 << SLOT_BITS) - 1));
        line.is_used(slot).then(|| &line.values[slot])
    }

    /// The value at a place, if one stands there, to change. It keeps its hash.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut V> {
        let (at, slot) = ((place >> SLOT_BITS) as usize, place as usize & ((1 << SLOT_BITS) - 1));
        let line = self.lines.get_mut(at)?;
        line.is_used(slot).then(|| &mut line.values[slot])
    }

    /// The place with this number, below `slots`, if a value stands there.
    #[inline]
    pub(crate) fn draw(&self, number: usize) -> Option<Place> {
        let (line, slot) = (number / N, number % N);
        self.lines.get(line)?.is_used(slot).then_some((line as u32) << SLOT_BITS | slot as u32)
    }

    /// Where the value stands that has so many before it, in no order. O(lines).
    pub(crate) fn nth(&self, rank: usize) -> Option<Place> {
        (0..self.slots()).filter_map(|number| self.draw(number)).nth(rank)
    }

    /// Adds a value that is not here. At its capacity the table grows first, by a half: that moves all values.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, value: V, hashes: &impl Hashes<V>) {
        if self.len() >= self.capacity() {
            self.rebuild(self.grown() * Self::LOAD, hashes);
        }
        self.place(hash, value, hashes);
    }

    /// How many lines it has when it grows: half as many again, but no more than a segment needs.
    fn grown(&self) -> usize {
        let (lines, enough) = (self.lines.len(), SEGMENT_VALUES_MAX.div_ceil(Self::LOAD));
        let grown = (lines + 1).max(lines * 3 / 2);
        if lines < enough { grown.min(enough) } else { grown }
    }

    /// Puts a value in where there is room.
    #[inline]
    fn place(&mut self, hash: u64, value: V, hashes: &impl Hashes<V>) {
        let (mut at, lines) = (self.home(hash), self.lines.len());
        loop {
            let line = &mut self.lines[at];
            if let Some(slot) = line.vacant() {
                if let Some(deadline) = hashes.deadline_of(&value) {
                    self.due.lower(at, lines, deadline);
                }
                line.values[slot] = value;
                line.set_tag(slot, tag_of(hash));
                self.len += 1;
                return;
            }
            line.set_passed(line.passed().saturating_add(1));
            at = self.after(at);
        }
    }

    /// Takes out the value at a place, whose hash this is.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u64, place: Place) -> V {
        let (found, slot) = ((place >> SLOT_BITS) as usize, place as usize & ((1 << SLOT_BITS) - 1));
        assert!(self.get(place).is_some(), "a place is used before its table changes");
        let mut at = self.home(hash);
        while at != found {
            let line = &mut self.lines[at];
            if line.passed() < PASSED_MAX {
                line.set_passed(line.passed().checked_sub(1).expect("the value went past this line"));
            }
            at = self.after(at);
        }
        let line = &mut self.lines[found];
        line.set_tag(slot, 0);
        self.len -= 1;
        std::mem::take(&mut line.values[slot])
    }

    /// True if so few values are left that `shrink` gives memory back.
    #[inline]
    pub(crate) fn is_sparse(&self) -> bool {
        self.lines.len() > 1 && self.len() * 8 < self.capacity()
    }

    /// Leaves room for twice the values that there are.
    pub(crate) fn shrink(&mut self, hashes: &impl Hashes<V>) {
        self.rebuild(self.len() * 2, hashes);
    }

    /// Takes over the values of another table, of which none is here. Moves those that are here at most once.
    pub(crate) fn absorb(&mut self, other: Self, hashes: &impl Hashes<V>) {
        if self.len() + other.len() > self.capacity() {
            self.rebuild(self.len() + other.len(), hashes);
        }
        other.iter().for_each(|value| hashes.prefetch(value));
        other.into_iter().for_each(|value| self.place(hashes.hash_of(&value), value, hashes));
    }

    #[cold]
    fn rebuild(&mut self, capacity: usize, hashes: &impl Hashes<V>) {
        self.iter().for_each(|value| hashes.prefetch(value));
        let mut rebuilt = Self::with_capacity(capacity);
        for value in std::mem::take(self) {
            rebuilt.place(hashes.hash_of(&value), value, hashes);
        }
        *self = rebuilt;
    }

    /// All values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        self.lines.iter().flat_map(|line| line.used().map(|slot| &line.values[slot]))
    }
}

impl<V: Default, const N: usize, const W: usize> IntoIterator for Lines<V, N, W> {
    type Item = V;
    type IntoIter = IntoIter<V, N, W>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter { left: self.len as usize, lines: self.lines.into_vec().into_iter(), line: None }
    }
}

/// All values of a table, taken out.
pub(crate) struct IntoIter<V, const N: usize, const W: usize> {
    left: usize,
    lines: std::vec::IntoIter<Line<V, N, W>>,
    line: Option<Line<V, N, W>>,
}

impl<V: Default, const N: usize, const W: usize> Iterator for IntoIter<V, N, W> {
    type Item = V;

    fn next(&mut self) -> Option<V> {
        loop {
            if let Some(line) = &mut self.line
                && let Some(slot) = line.used().next()
            {
                line.set_tag(slot, 0);
                self.left -= 1;
                return Some(std::mem::take(&mut line.values[slot]));
            }
            self.line = Some(self.lines.next()?);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<V: Default, const N: usize, const W: usize> ExactSizeIterator for IntoIter<V, N, W> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hash::Random;
    use proptest::prelude::*;

    type NumberLines = Lines<u32, 12, 2>;

    fn good_hash(value: &u32) -> u64 {
        Random::new(u64::from(*value)).draw()
    }

    /// Few homes and tags, so that lines overflow and tags collide.
    fn bad_hash(value: &u32) -> u64 {
        u64::from(value % 3) << 14 | u64::from(value % 2) << 32
    }

    /// A hash function, for a table that moves its values.
    struct By<V>(fn(&V) -> u64);

    impl<V> Hashes<V> for By<V> {
        fn hash_of(&self, value: &V) -> u64 {
            self.0(value)
        }

        fn prefetch(&self, value: &V) {
            prefetch(value);
        }
    }

    fn is_a_set(edits: &[(bool, u32)], hash_of: fn(&u32) -> u64) -> Result<(), TestCaseError> {
        let (mut lines, mut model) = (NumberLines::default(), BTreeSet::new());
        for &(adds, value) in edits {
            let hash = hash_of(&value);
            let found = lines.find(hash, |&known| known == value);
            prop_assert_eq!(found.is_some(), model.contains(&value));
            match found {
                None if adds => {
                    lines.insert(hash, value, &By(hash_of));
                    model.insert(value);
                }
                Some(place) if !adds => {
                    prop_assert_eq!(lines.get(place), Some(&value));
                    prop_assert_eq!(lines.remove(hash, place), value);
                    prop_assert_eq!(lines.get(place), None);
                    model.remove(&value);
                }
                _ => {}
            }
            prop_assert_eq!(lines.len(), model.len());
            prop_assert!(lines.len() <= lines.capacity());
            if lines.is_sparse() {
                lines.shrink(&By(hash_of));
                prop_assert!(!lines.is_sparse());
            }
        }
        prop_assert_eq!(&lines.iter().copied().collect::<BTreeSet<_>>(), &model);
        let drawn = (0..lines.slots()).filter_map(|number| lines.draw(number)).filter_map(|place| lines.get(place));
        prop_assert_eq!(&drawn.copied().collect::<BTreeSet<_>>(), &model);
        let ranked = (0..model.len()).filter_map(|rank| lines.get(lines.nth(rank)?));
        prop_assert_eq!(&ranked.copied().collect::<BTreeSet<_>>(), &model);
        prop_assert_eq!(lines.nth(model.len()), None);
        let bytes = lines.heap_bytes();
        prop_assert!(bytes <= 64 + model.len().max(2) * 64);
        prop_assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), model);
        Ok(())
    }

    proptest! {
        #[test]
        fn lines_are_a_set(edits in proptest::collection::vec((prop::bool::weighted(0.6), 0..400u32), 0..2000)) {
            is_a_set(&edits, good_hash)?;
        }

        #[test]
        fn lines_that_overflow_are_a_set(edits in proptest::collection::vec((prop::bool::weighted(0.6), 0..900u32), 0..1500)) {
            is_a_set(&edits, bad_hash)?;
        }
    }

    #[test]
    fn values_are_dropped_once() {
        let counted = std::rc::Rc::new(());
        let mut lines: PointerLines<Option<std::rc::Rc<()>>> = Lines::default();
        (0..100u64).for_each(|n| lines.insert(Random::new(n).draw(), Some(counted.clone()), &By(|_| 7)));
        assert_eq!(std::rc::Rc::strong_count(&counted), 101);
        let place = lines.nth(0).expect("a hundred values stand there");
        lines.get_mut(place).expect("a value stands at its place").take();
        assert_eq!(std::rc::Rc::strong_count(&counted), 100);
        let mut taken = lines.into_iter();
        taken.by_ref().take(50).for_each(drop);
        drop(taken);
        assert_eq!(std::rc::Rc::strong_count(&counted), 1);
    }

    #[test]
    fn most_stand_at_home() {
        let mut lines = NumberLines::with_capacity(10_000);
        (0..10_000u32).for_each(|value| lines.insert(good_hash(&value), value, &By(good_hash)));
        assert_eq!(lines.len(), lines.capacity());
        let home = (0..10_000u32).filter(|value| lines.candidate(good_hash(value)) == Some(value)).count();
        assert!(home > 8_700, "{home} of 10,000");
    }

    fn passed(lines: &NumberLines) -> usize {
        lines.lines.iter().map(|line| line.passed() as usize).sum()
    }

    #[test]
    fn a_line_forgets_what_went_past_when_it_is_gone() {
        let mut lines = NumberLines::with_capacity(150);
        (0..150).for_each(|value| lines.insert(bad_hash(&value), value, &By(bad_hash)));
        assert!(passed(&lines) > 0);
        for value in 0..150 {
            let place =
                lines.find(bad_hash(&value), |&known| known == value).expect("it was added and not removed yet");
            lines.remove(bad_hash(&value), place);
        }
        assert_eq!((lines.len(), passed(&lines)), (0, 0));
    }

    #[test]
    fn a_line_that_lost_count_is_always_gone_past() {
        let same = |_: &u32| 7;
        let mut lines = NumberLines::with_capacity(1000);
        (0..1000).for_each(|value| lines.insert(7, value, &By(same)));
        assert!(lines.lines.iter().any(|line| line.passed() == PASSED_MAX));
        for value in 0..700 {
            let place = lines.find(7, |&known| known == value).expect("a line that lost count is gone past");
            lines.remove(7, place);
        }
        assert!((700..1000).all(|value| lines.find(7, |&known| known == value).is_some()));
    }

    #[test]
    #[should_panic = "a place is used before its table changes"]
    fn a_place_of_nothing_stops_the_process() {
        let mut lines = NumberLines::with_capacity(10);
        lines.remove(0, 1000 << SLOT_BITS);
    }

    #[test]
    fn a_copy_in_the_order_of_the_table_is_spread_at_every_size() {
        let mut lines = NumberLines::default();
        (0..SEGMENT_VALUES_MAX as u32).for_each(|value| lines.insert(good_hash(&value), value, &By(good_hash)));
        let mut copy = NumberLines::default();
        let mut most = 0;
        for value in lines.iter() {
            copy.insert(good_hash(value), *value, &By(good_hash));
            most = most.max(passed(&copy));
        }
        // Crowded into the first lines, a value would go past dozens.
        assert!(most < SEGMENT_VALUES_MAX, "{most} lines were passed");
    }
}
