//! A set of slots: the bitmap that nodes tell each other.
//!
//! §7.2: slot `s` is bit `s & 7` of byte `s / 8`. Kept as words of 64 slots, so that what two sets differ in is found without
//! looking at each slot (per packet, a claim costs 256 comparisons and what has changed).

use keyspace::slot::{SLOTS, Slot};

/// Bytes of the bitmap on the wire.
pub const SLOT_SET_BYTES: usize = SLOTS / 8;

/// Slots in a word.
const WORD_SLOTS: usize = u64::BITS as usize;

/// What is looked for in a set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sought {
    Present,
    Absent,
}

/// A set of slots.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet([u64; SLOTS / WORD_SLOTS]);

impl SlotSet {
    /// No slot.
    pub const EMPTY: SlotSet = SlotSet([0; SLOTS / WORD_SLOTS]);

    /// The set in a bitmap of the wire.
    pub fn from_wire(bytes: &[u8; SLOT_SET_BYTES]) -> Self {
        let mut set = Self::EMPTY;
        for (word, bytes) in set.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        set
    }

    /// The set as a bitmap of the wire.
    pub fn to_wire(&self) -> [u8; SLOT_SET_BYTES] {
        let mut bytes = [0; SLOT_SET_BYTES];
        for (word, bytes) in self.0.iter().zip(bytes.as_chunks_mut::<8>().0) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// Whether a slot is in it.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[slot.index() / WORD_SLOTS] & bit(slot) != 0
    }

    /// Puts a slot in. Returns whether it was not there.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let absent = !self.contains(slot);
        self.0[slot.index() / WORD_SLOTS] |= bit(slot);
        absent
    }

    /// Takes a slot out. Returns whether it was there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let present = self.contains(slot);
        self.0[slot.index() / WORD_SLOTS] &= !bit(slot);
        present
    }

    /// Number of slots in it.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Its slots in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Slot::new((index * WORD_SLOTS + lowest) as u16)
            })
        })
    }

    /// Its maximal runs of slots, in ascending order: first and last of each. Cost: a step per word and run.
    pub fn runs(&self) -> impl Iterator<Item = (Slot, Slot)> + '_ {
        let mut from = 0;
        std::iter::from_fn(move || {
            let first = self.seek(from, Sought::Present)?;
            from = self.seek(first, Sought::Absent).unwrap_or(SLOTS);
            Some((Slot::new(first as u16)?, Slot::new((from - 1) as u16)?))
        })
    }

    /// The first number from `from` on whose slot is in the set, or is not.
    fn seek(&self, from: usize, sought: Sought) -> Option<usize> {
        let flipped = if sought == Sought::Absent { u64::MAX } else { 0 };
        let mut index = from / WORD_SLOTS;
        let mut word = (self.0.get(index)? ^ flipped) & (u64::MAX << (from % WORD_SLOTS));
        while word == 0 {
            index += 1;
            word = self.0.get(index)? ^ flipped;
        }
        Some(index * WORD_SLOTS + word.trailing_zeros() as usize)
    }

    /// What is in both.
    pub fn common(&self, other: &SlotSet) -> SlotSet {
        let mut set = Self::EMPTY;
        for (index, word) in set.0.iter_mut().enumerate() {
            *word = self.0[index] & other.0[index];
        }
        set
    }

    /// What is in one of the two and not in the other.
    pub fn differing(&self, other: &SlotSet) -> SlotSet {
        let mut set = Self::EMPTY;
        for (index, word) in set.0.iter_mut().enumerate() {
            *word = self.0[index] ^ other.0[index];
        }
        set
    }
}

/// The slots from `first` to `last`, both included.
pub fn span(first: Slot, last: Slot) -> impl Iterator<Item = Slot> {
    (first.number()..=last.number()).filter_map(Slot::new)
}

/// The bit of a slot in its word.
#[inline]
fn bit(slot: Slot) -> u64 {
    1 << (slot.index() % WORD_SLOTS)
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<T: IntoIterator<Item = Slot>>(slots: T) -> Self {
        let mut set = Self::EMPTY;
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

impl std::fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.runs().map(|(first, last)| first.number()..=last.number())).finish()
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("below 16,384")
    }

    #[test]
    fn bits_of_the_wire() {
        let set: SlotSet = [0, 1, 9, 5461, 16383].map(slot).into_iter().collect();
        let bytes = set.to_wire();
        assert_eq!([bytes[0], bytes[1], bytes[5461 / 8], bytes[2047]], [3, 2, 1 << (5461 & 7), 128]);
        assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 5);
        assert_eq!(SlotSet::from_wire(&bytes), set);
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_a_set_is_a_set() {
        let mut rng = fastrand::Rng::with_seed(14);
        let (mut set, mut model) = (SlotSet::EMPTY, BTreeSet::new());
        for _ in 0..20_000 {
            let it = slot(rng.u16(..SLOTS as u16));
            if rng.bool() {
                assert_eq!(set.insert(it), model.insert(it));
            } else {
                assert_eq!(set.remove(it), model.remove(&it));
            }
        }
        assert!(set.iter().eq(model.iter().copied()));
        assert_eq!((set.len(), set.is_empty()), (model.len(), false));
        let of_runs: Vec<Slot> = set.runs().flat_map(|(first, last)| span(first, last)).collect();
        assert!(of_runs.iter().eq(model.iter()));
        let runs: Vec<_> = set.runs().collect();
        assert!(runs.windows(2).all(|pair| pair[0].1.number() + 1 < pair[1].0.number()), "runs are maximal");
    }

    #[test]
    fn runs_at_the_ends() {
        let all: SlotSet = Slot::all().collect();
        assert_eq!(format!("{all:?}"), "[0..=16383]");
        assert_eq!((all.len(), SlotSet::EMPTY.runs().count()), (SLOTS, 0));
        let ends: SlotSet = [0, 63, 64, 65, 16383].map(slot).into_iter().collect();
        assert_eq!(format!("{ends:?}"), "[0..=0, 63..=65, 16383..=16383]");
        assert_eq!(format!("{:?}", all.differing(&ends)), "[1..=62, 66..=16382]");
        assert_eq!(all.common(&ends), ends);
    }
}
