//! From an element to a register and a rank: MurmurHash64A by Austin Appleby, read in little-endian order, with Redis's seed.

use super::{INDEX_BITS, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
/// Bits of a hash beside the index: the highest rank is one more.
pub(super) const RANK_BITS: u32 = 64 - INDEX_BITS;

/// What an element's hash says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Which register: below 16,384.
    pub(crate) index: usize,
    /// The position of the first set bit behind the index, from 1 on.
    pub(crate) rank: u8,
}

impl Hit {
    /// The hit of an element.
    pub(crate) fn of(element: &[u8]) -> Hit {
        let hash = murmur64a(element, SEED);
        let index = hash as usize % REGISTERS;
        // A bit above all others ends the search.
        let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
        Hit { index, rank: rest.trailing_zeros() as u8 + 1 }
    }
}

fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        hash = (hash ^ (word ^ word >> SHIFT).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}
