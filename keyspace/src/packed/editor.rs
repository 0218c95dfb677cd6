//! Editing a packed collection where it is stored.

use smallvec::SmallVec;

use super::ByteStore;
use super::element::{Back, Encoded};
use super::reader::{COUNT_BYTES, COUNT_UNKNOWN, Offset, Packed};

/// Elements of one edit that need no allocation: a group of a hash or a sorted set is two.
const AT_ONCE: usize = 4;

/// A packed collection, to edit.
pub struct PackedMut<'a, S: ByteStore>(&'a mut S);

impl<'a, S: ByteStore> PackedMut<'a, S> {
    /// The collection that `store` holds, which was built by this module.
    #[inline]
    pub fn new(store: &'a mut S) -> PackedMut<'a, S> {
        debug_assert!(store.bytes().len() >= COUNT_BYTES);
        PackedMut(store)
    }

    /// The collection, to read.
    #[inline]
    pub fn as_packed(&self) -> Packed<'_> {
        Packed::new(self.0.bytes())
    }

    /// Puts elements before that at `at`, or at the end.
    #[inline]
    pub fn insert(&mut self, at: Offset, elements: &[Encoded]) {
        self.replace(at.0..at.0, elements);
        self.recount(0, elements.len());
    }

    /// Puts elements behind the last.
    #[inline]
    pub fn push_back(&mut self, elements: &[Encoded]) {
        self.insert(self.as_packed().end(), elements);
    }

    /// Puts elements before the first, in their order.
    #[inline]
    pub fn push_front(&mut self, elements: &[Encoded]) {
        self.insert(self.as_packed().start(), elements);
    }

    /// Puts all elements of another collection behind the last.
    pub fn append(&mut self, other: Packed) {
        let end = self.as_packed().end().0;
        self.0.replace(end..end, &[other.elements()]);
        self.recount(0, other.len());
    }

    /// Puts an element in the place of that at `at`.
    #[inline]
    pub fn set(&mut self, at: Offset, element: &Encoded) {
        let end = self.as_packed().after(at);
        self.replace(at.0..end.0, std::slice::from_ref(element));
    }

    /// Takes out `count` elements from that at `at` on; there are that many.
    pub fn remove(&mut self, at: Offset, count: usize) {
        let packed = self.as_packed();
        let end = (0..count).fold(at, |at, _| packed.after(at));
        self.0.replace(at.0..end.0, &[]);
        self.recount(count, 0);
    }

    /// Takes out the elements between two places, of which there are `count`.
    pub fn remove_range(&mut self, from: Offset, to: Offset, count: usize) {
        self.0.replace(from.0..to.0, &[]);
        self.recount(count, 0);
    }

    /// Takes out the elements at these places, which are in ascending order. O(bytes), however many there are.
    pub fn remove_each(&mut self, places: &[Offset]) {
        let Some(&first) = places.first() else { return };
        let end = self.as_packed().end();
        let mut to = first.0;
        for (index, &at) in places.iter().enumerate() {
            let kept = self.as_packed().after(at).0..places.get(index + 1).copied().unwrap_or(end).0;
            let len = kept.len();
            self.0.bytes_mut().copy_within(kept, to);
            to += len;
        }
        self.0.replace(to..end.0, &[]);
        self.recount(places.len(), 0);
    }

    /// Takes out the elements from that at `at` on, of which there are `count`, and returns them as a collection.
    pub fn split_off(&mut self, at: Offset, count: usize) -> Vec<u8> {
        let elements = &self.0.bytes()[at.0..];
        let mut tail = Vec::with_capacity(COUNT_BYTES + elements.len());
        tail.extend_from_slice(&u16::try_from(count).unwrap_or(COUNT_UNKNOWN).to_le_bytes());
        tail.extend_from_slice(elements);
        let end = self.as_packed().end();
        self.remove_range(at, end, count);
        tail
    }

    #[inline]
    fn replace(&mut self, range: std::ops::Range<usize>, elements: &[Encoded]) {
        match elements {
            [element] => self.0.replace(range, &[element.head(), element.data(), element.back().bytes()]),
            _ => self.replace_by_many(range, elements),
        }
    }

    fn replace_by_many(&mut self, range: std::ops::Range<usize>, elements: &[Encoded]) {
        let backs: SmallVec<[Back; AT_ONCE]> = elements.iter().map(Encoded::back).collect();
        let pieces: SmallVec<[&[u8]; AT_ONCE * 3]> = elements
            .iter()
            .zip(&backs)
            .flat_map(|(element, back)| [element.head(), element.data(), back.bytes()])
            .collect();
        self.0.replace(range, &pieces);
    }

    /// Corrects the count at the front after elements left and came.
    #[inline]
    fn recount(&mut self, left: usize, came: usize) {
        let count = match self.as_packed().count() {
            _ if self.as_packed().is_empty() => 0,
            COUNT_UNKNOWN => COUNT_UNKNOWN,
            count => u16::try_from(count as usize - left + came).unwrap_or(COUNT_UNKNOWN),
        };
        self.0.bytes_mut()[..COUNT_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}
