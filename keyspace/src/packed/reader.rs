//! Reading a packed collection: by position, in both directions, by index, and by content.

use super::LISTPACK_FRAME_BYTES;
use super::element::{self, Element, Encoded};

/// Bytes of the count at the front.
pub(super) const COUNT_BYTES: usize = 2;

/// The count of a collection whose elements have to be walked to know their number.
pub(super) const COUNT_UNKNOWN: u16 = u16::MAX;

/// Where an element stands, in bytes from the front; valid until the collection changes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(pub(super) usize);

/// A packed collection, to read.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    /// The collection that `bytes` hold, which were built by this module.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Packed<'a> {
        debug_assert!(bytes.len() >= COUNT_BYTES);
        Packed(bytes)
    }

    /// The bytes that it takes.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The bytes of its elements, one behind the other: those that they have in a listpack.
    #[inline]
    pub fn elements(&self) -> &'a [u8] {
        &self.0[COUNT_BYTES..]
    }

    /// Bytes of a listpack of the same elements: what Redis compares with its limits.
    #[inline]
    pub fn listpack_bytes(&self) -> usize {
        self.0.len() - COUNT_BYTES + LISTPACK_FRAME_BYTES
    }

    #[inline]
    pub(super) fn count(&self) -> u16 {
        u16::from_le_bytes([self.0[0], self.0[1]])
    }

    /// Number of elements. O(1) below 65,535 of them.
    #[inline]
    pub fn len(&self) -> usize {
        match self.count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => count as usize,
        }
    }

    /// True without elements. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len() == COUNT_BYTES
    }

    /// The first element.
    #[inline]
    pub fn first(&self) -> Option<Offset> {
        (!self.is_empty()).then_some(Offset(COUNT_BYTES))
    }

    /// The last element.
    #[inline]
    pub fn last(&self) -> Option<Offset> {
        self.prev(self.end())
    }

    /// Behind the last element: where a new one is appended.
    #[inline]
    pub fn end(&self) -> Offset {
        Offset(self.0.len())
    }

    /// Where the first element stands, or would stand.
    #[inline]
    pub fn start(&self) -> Offset {
        Offset(COUNT_BYTES)
    }

    /// Where the element at `at` ends and the next one begins, if there is one.
    #[inline]
    pub(super) fn after(&self, at: Offset) -> Offset {
        Offset(at.0 + element::stored_len(&self.0[at.0..]))
    }

    /// The element behind that at `at`.
    #[inline]
    pub fn next(&self, at: Offset) -> Option<Offset> {
        let next = self.after(at);
        (next.0 < self.0.len()).then_some(next)
    }

    /// The element before `at`, which is an element's place or the end.
    #[inline]
    pub fn prev(&self, at: Offset) -> Option<Offset> {
        (at.0 > COUNT_BYTES).then(|| Offset(at.0 - element::stored_len_before(&self.0[..at.0])))
    }

    /// The element at `at`.
    #[inline]
    pub fn get(&self, at: Offset) -> Element<'a> {
        element::split(&self.0[at.0..]).0
    }

    /// The element with this index; negative ones count from the end, -1 is the last. O(distance to the nearer end).
    pub fn seek(&self, index: i64) -> Option<Offset> {
        let len = self.len() as i64;
        let index = if index < 0 { index.checked_add(len)? } else { index };
        if !(0..len).contains(&index) {
            return None;
        }
        if index <= len / 2 {
            (0..index).try_fold(self.start(), |at, _| self.next(at))
        } else {
            (index..len).try_fold(self.end(), |at, _| self.prev(at))
        }
    }

    /// The first element from `from` on that equals `needle`, among every `stride`th of them.
    #[inline]
    pub fn find(&self, from: Offset, needle: &Encoded, stride: usize) -> Option<Offset> {
        let mut at = from;
        while at.0 < self.0.len() {
            if needle.starts(&self.0[at.0..]) {
                return Some(at);
            }
            for _ in 0..stride {
                // Elements come in whole groups, so a group's end is an element's place or the end.
                at = self.after(at);
            }
        }
        None
    }

    /// True if the element at `at` equals `needle`.
    #[inline]
    pub fn is(&self, at: Offset, needle: &Encoded) -> bool {
        needle.starts(&self.0[at.0..])
    }

    /// All elements, from the front or the back.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        self.range(self.start(), self.end())
    }

    /// All elements two by two: fields with values, members with scores.
    #[inline]
    pub fn pairs(&self) -> impl Iterator<Item = (Element<'a>, Element<'a>)> + Clone + use<'a> {
        let mut elements = self.iter();
        std::iter::from_fn(move || Some((elements.next()?, elements.next()?)))
    }

    /// The elements between two places.
    #[inline]
    pub fn range(&self, from: Offset, to: Offset) -> Iter<'a> {
        Iter { packed: *self, front: from, back: to }
    }
}

/// Iterates over elements in both directions.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    packed: Packed<'a>,
    front: Offset,
    back: Offset,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (element, len) = element::split(&self.packed.0[self.front.0..]);
        self.front.0 += len;
        Some(element)
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.packed.prev(self.back)?;
        Some(self.packed.get(self.back))
    }
}
