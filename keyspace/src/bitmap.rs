//! Bits of a byte string: counting, searching and combining them, and integers of any width among them.
//!
//! Bit 0 is the highest bit of the first byte, as everywhere in Redis. Whole words and blocks are worked on at a time in loops
//! that the compiler turns into vector instructions; only the edges of a range are looked at bit by bit.

/// Bytes of a block in a search: what is skipped at a time.
const SEARCH_BYTES: usize = 64;

/// How many bits are set.
pub(crate) fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones() as u64).sum();
    whole + rest.iter().map(|byte| byte.count_ones() as u64).sum::<u64>()
}

/// How many bits from `first` to `last`, both included, are set. Both lie in `bytes`, in this order.
pub(crate) fn count_between(bytes: &[u8], first: usize, last: usize) -> u64 {
    let all = count(&bytes[first / 8..=last / 8]);
    let before = bytes[first / 8] & !from_bit(first);
    let after = bytes[last / 8] & !to_bit(last);
    all - before.count_ones() as u64 - after.count_ones() as u64
}

/// The bits of a byte from bit `index` (counted in the whole string) on.
fn from_bit(index: usize) -> u8 {
    0xff >> (index % 8)
}

/// The bits of a byte up to bit `index` (counted in the whole string).
fn to_bit(index: usize) -> u8 {
    0xff << (7 - index % 8)
}

/// What a search looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bit {
    /// A bit that is 0.
    Clear,
    /// A bit that is 1.
    Set,
}

impl Bit {
    /// A byte without any such bit.
    fn none(self) -> u8 {
        match self {
            Bit::Clear => 0xff,
            Bit::Set => 0,
        }
    }
}

/// The first such bit from `first` to `last`, both included, counted from the start of `bytes`. Both lie in `bytes`, in this order.
pub(crate) fn find(bytes: &[u8], bit: Bit, first: usize, last: usize) -> Option<usize> {
    let none = bit.none();
    let (first_byte, last_byte) = (first / 8, last / 8);
    let found = |byte: usize, mask: u8| {
        let hits = (bytes[byte] ^ none) & mask;
        (hits != 0).then(|| byte * 8 + hits.leading_zeros() as usize)
    };
    if first_byte == last_byte {
        return found(first_byte, from_bit(first) & to_bit(last));
    }
    found(first_byte, from_bit(first))
        .or_else(|| {
            let inner = &bytes[first_byte + 1..last_byte];
            find_other(inner, none).and_then(|at| found(first_byte + 1 + at, 0xff))
        })
        .or_else(|| found(last_byte, to_bit(last)))
}

/// The index of the first byte that is not `same`.
fn find_other(bytes: &[u8], same: u8) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<SEARCH_BYTES>();
    let differs = |block: &[u8; SEARCH_BYTES]| block.iter().fold(0, |sum, byte| sum | (byte ^ same)) != 0;
    let skipped = blocks.iter().position(differs);
    let (from, tail) = match skipped {
        Some(block) => (block * SEARCH_BYTES, &blocks[block][..]),
        None => (blocks.len() * SEARCH_BYTES, rest),
    };
    tail.iter().position(|&byte| byte != same).map(|at| from + at)
}

/// How strings are combined bit by bit. What a string lacks at its end counts as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combination {
    /// Set where all are.
    And,
    /// Set where any is.
    Or,
    /// Set where an odd number of them is.
    Xor,
}

/// Combines strings into one as long as the longest of them.
pub(crate) fn combine(how: Combination, strings: &[&[u8]]) -> Vec<u8> {
    /// What is combined at a time: small enough to stay in the first cache while every string is applied to it.
    const BLOCK_BYTES: usize = 8 * 1024;
    let len = strings.iter().map(|string| string.len()).max().unwrap_or(0);
    let mut out = Vec::with_capacity(len);
    let part = |string: &'_ [u8], from: usize| from.min(string.len())..(from + BLOCK_BYTES).min(string.len());
    for from in (0..len).step_by(BLOCK_BYTES) {
        let Some((first, others)) = strings.split_first() else { break };
        out.extend_from_slice(&first[part(first, from)]);
        out.resize((from + BLOCK_BYTES).min(len), 0);
        for other in others {
            apply(how, &mut out[from..], &other[part(other, from)]);
        }
    }
    out
}

/// Combines `string` into `out`, which is at least as long.
fn apply(how: Combination, out: &mut [u8], string: &[u8]) {
    let (both, beyond) = out.split_at_mut(string.len());
    let pairs = both.iter_mut().zip(string);
    match how {
        Combination::And => {
            pairs.for_each(|(out, byte)| *out &= byte);
            beyond.fill(0);
        }
        Combination::Or => pairs.for_each(|(out, byte)| *out |= byte),
        Combination::Xor => pairs.for_each(|(out, byte)| *out ^= byte),
    }
}

/// The bits of a string inverted.
pub(crate) fn invert(string: &[u8]) -> Vec<u8> {
    string.iter().map(|byte| !byte).collect()
}

/// The bit at `index`; beyond the end it is clear.
pub(crate) fn bit_at(bytes: &[u8], index: u64) -> bool {
    let byte = usize::try_from(index / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - index % 8) & 1 != 0)
}

/// The `width` bits from `offset` on as an unsigned integer; beyond the end they are clear. A width is 1 to 64.
pub(crate) fn read(bytes: &[u8], offset: u64, width: u32) -> u64 {
    let window = window(bytes, offset);
    let shift = WINDOW_BITS - (offset % 8) as u32 - width;
    (window >> shift) as u64 & (u64::MAX >> (64 - width))
}

/// Writes the lower `width` bits of `value` from `offset` on; all of them lie in `bytes`. A width is 1 to 64.
pub(crate) fn write(bytes: &mut [u8], offset: u64, width: u32, value: u64) {
    let shift = WINDOW_BITS - (offset % 8) as u32 - width;
    let mask = (u64::MAX >> (64 - width)) as u128;
    let window = window(bytes, offset) & !(mask << shift) | (value as u128 & mask) << shift;
    let from = (offset / 8) as usize;
    let to = bytes.len().min(from + WINDOW_BYTES);
    bytes[from..to].copy_from_slice(&window.to_be_bytes()[16 - WINDOW_BYTES..][..to - from]);
}

/// Bytes that an integer of 64 bits can touch.
const WINDOW_BYTES: usize = 9;
const WINDOW_BITS: u32 = WINDOW_BYTES as u32 * 8;

/// The bytes around `offset`, the first one highest; what lies beyond the end is zero.
fn window(bytes: &[u8], offset: u64) -> u128 {
    let from = usize::try_from(offset / 8).map_or(bytes.len(), |from| from.min(bytes.len()));
    let to = bytes.len().min(from + WINDOW_BYTES);
    let mut padded = [0; 16];
    padded[16 - WINDOW_BYTES..][..to - from].copy_from_slice(&bytes[from..to]);
    u128::from_be_bytes(padded)
}

#[cfg(test)]
#[path = "bitmap_tests.rs"]
mod tests;
