//! A packed set of integers: sorted, all of one width, found by halving.
//!
//! ```text
//! intset   width (u8: 2, 4 or 8) integer*     little-endian, ascending
//! ```
//!
//! The width is that of the widest integer ever added; removing one does not narrow the others.

use crate::packed::ByteStore;

/// Bytes of an intset without integers.
pub const EMPTY: &[u8] = &[2];

const HEADER_BYTES: usize = 1;

/// A set of integers, to read.
#[derive(Clone, Copy, Debug)]
pub struct IntSet<'a> {
    width: usize,
    integers: &'a [u8],
}

/// Bytes that an integer needs.
#[inline]
fn width_of(value: i64) -> usize {
    match value {
        -0x8000..0x8000 => 2,
        -0x8000_0000..0x8000_0000 => 4,
        _ => 8,
    }
}

impl<'a> IntSet<'a> {
    /// The set that `bytes` hold, which were built by this module.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> IntSet<'a> {
        IntSet { width: bytes[0] as usize, integers: &bytes[HEADER_BYTES..] }
    }

    /// Bytes of each integer: 2, 4 or 8.
    #[inline]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of integers.
    #[inline]
    pub fn len(&self) -> usize {
        self.integers.len() / self.width
    }

    /// True without integers.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.integers.is_empty()
    }

    /// The integer with this index in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let start = index.checked_mul(self.width)?;
        let bytes = self.integers.get(start..start.checked_add(self.width)?)?;
        Some(match *bytes {
            [a, b] => i16::from_le_bytes([a, b]).into(),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => unreachable!("a width is 2, 4 or 8"),
        })
    }

    /// The index of an integer, or the index at which it would be added. O(log n).
    pub fn search(&self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.get(middle).expect("the middle of a range lies in it").cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// True if the integer is in the set. O(log n).
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        width_of(value) <= self.width && self.search(value).is_ok()
    }

    /// All integers in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + use<'a> {
        let set = *self;
        (0..set.len()).map(move |index| set.get(index).expect("the index is below the length"))
    }
}

/// A set of integers, to edit.
pub struct IntSetMut<'a, S: ByteStore>(&'a mut S);

impl<'a, S: ByteStore> IntSetMut<'a, S> {
    /// The set that `store` holds, which was built by this module.
    #[inline]
    pub fn new(store: &'a mut S) -> IntSetMut<'a, S> {
        IntSetMut(store)
    }

    /// The set, to read.
    #[inline]
    pub fn as_set(&self) -> IntSet<'_> {
        IntSet::new(self.0.bytes())
    }

    /// Adds an integer; false if it is there already. O(n): moves those behind it, or widens all.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = width_of(value);
        if width > self.as_set().width() {
            self.widen(width);
        }
        let set = self.as_set();
        let Err(index) = set.search(value) else { return false };
        let (at, width) = (HEADER_BYTES + index * set.width(), set.width());
        self.0.replace(at..at, &[&value.to_le_bytes()[..width]]);
        true
    }

    /// Removes an integer; false if it is not there. O(n).
    pub fn remove(&mut self, value: i64) -> bool {
        let found = self.as_set().search(value);
        if let Ok(index) = found {
            self.remove_at(index);
        }
        found.is_ok()
    }

    /// Removes the integer with this index, which is below the length. O(n).
    pub fn remove_at(&mut self, index: usize) {
        let width = self.as_set().width();
        let at = HEADER_BYTES + index * width;
        self.0.replace(at..at + width, &[]);
    }

    fn widen(&mut self, width: usize) {
        let set = self.as_set();
        let mut wide = Vec::with_capacity(HEADER_BYTES + set.len() * width);
        wide.push(width as u8);
        set.iter().for_each(|value| wide.extend_from_slice(&value.to_le_bytes()[..width]));
        let end = self.0.bytes().len();
        self.0.replace(0..end, &[&wide]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn integers() -> impl Strategy<Value = i64> {
        let edges =
            vec![-0x8000i64, 0x7fff, 0x8000, -0x8001, 0x7fff_ffff, 0x8000_0000, -0x8000_0001, i64::MIN, i64::MAX];
        prop_oneof![8 => -20..20i64, 2 => any::<i16>().prop_map(i64::from), 1 => proptest::sample::select(edges)]
    }

    proptest! {
        #[test]
        fn is_a_set(edits in proptest::collection::vec((any::<bool>(), integers()), 0..200)) {
            let (mut bytes, mut model) = (EMPTY.to_vec(), BTreeSet::new());
            for (add, value) in edits {
                let mut set = IntSetMut::new(&mut bytes);
                match add {
                    true => prop_assert_eq!(set.insert(value), model.insert(value)),
                    false => prop_assert_eq!(set.remove(value), model.remove(&value)),
                }
                let set = IntSet::new(&bytes);
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.is_empty(), model.is_empty());
                prop_assert_eq!(set.contains(value), model.contains(&value));
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert_eq!(set.get(set.len()), None);
            }
        }
    }
}
