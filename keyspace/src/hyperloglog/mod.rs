//! HyperLogLogs: strings that estimate how many distinct elements were added to them, byte for byte as Redis keeps them.
//!
//! ```text
//! 0    "HYLL"
//! 4    u8       0: dense, 1: sparse
//! 5    3 bytes  unused
//! 8    u64      the last estimate, little-endian; with the highest bit set there is none
//! 16            16,384 registers
//! ```
//!
//! An element's hash chooses a register and a rank, and a register keeps its highest rank. A sparse string codes runs of equal
//! registers (`sparse`); it becomes dense, six bits per register (`dense`), when it would pass a limit or a rank does not fit.
//! Clients can write any bytes: what is not a HyperLogLog is told apart here, and sparse bytes are checked as they are walked.

mod dense;
mod estimate;
mod hash;
pub(crate) mod selftest;
mod sparse;

use crate::packed::ByteStore;

pub(crate) use estimate::Histogram;
pub(crate) use hash::Hit;
pub(crate) use sparse::{Run, Runs};

/// Registers of every HyperLogLog: their number is `2^INDEX_BITS`.
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const ESTIMATE: std::ops::Range<usize> = 8..16;
/// The highest bit of the last estimate's last byte.
const STALE: u8 = 0x80;

/// How registers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Six bits each.
    Dense = 0,
    /// As runs.
    Sparse = 1,
}

/// The bytes look like a HyperLogLog, but their registers are not 16,384.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// All registers, one byte each.
pub(crate) type Registers = [u8; REGISTERS];

/// A HyperLogLog without elements: sparse, with an estimate of 0.
pub(crate) fn empty() -> Vec<u8> {
    let mut value = [MAGIC, &[Encoding::Sparse as u8], &[0; HEADER_BYTES - ENCODING_AT - 1]].concat();
    sparse::push_zeros(&mut value, REGISTERS);
    value
}

/// How a string's registers are kept. `None` if it is no HyperLogLog.
pub(crate) fn encoding(value: &[u8]) -> Option<Encoding> {
    let (header, registers) = value.split_at_checked(HEADER_BYTES)?;
    match (header.starts_with(MAGIC), header[ENCODING_AT]) {
        (true, 0) => (registers.len() == dense::BYTES).then_some(Encoding::Dense),
        (true, 1) => Some(Encoding::Sparse),
        _ => None,
    }
}

/// How the registers of a string are kept that is known to be a HyperLogLog.
fn kept(value: &[u8]) -> Encoding {
    if value[ENCODING_AT] == Encoding::Sparse as u8 { Encoding::Sparse } else { Encoding::Dense }
}

/// The last estimate, if nothing has changed since.
pub(crate) fn last_estimate(value: &[u8]) -> Option<u64> {
    let bytes = value[ESTIMATE].try_into().expect("a range of eight bytes");
    (value[ESTIMATE.end - 1] & STALE == 0).then(|| u64::from_le_bytes(bytes))
}

/// Keeps an estimate.
pub(crate) fn keep_estimate(value: &mut [u8], estimate: u64) {
    value[ESTIMATE].copy_from_slice(&estimate.to_le_bytes());
}

/// Makes the last estimate one of the past.
pub(crate) fn forget_estimate(value: &mut [u8]) {
    value[ESTIMATE.end - 1] |= STALE;
}

/// The runs of a sparse HyperLogLog, as they are: they may not add up.
pub(crate) fn runs(value: &[u8]) -> Runs<'_> {
    Runs::new(value)
}

/// Raises a register to the rank of a hit. False if it is that high already. A sparse string that would pass `sparse_bytes`
/// becomes dense.
pub(crate) fn raise(value: &mut impl ByteStore, hit: Hit, sparse_bytes: usize) -> Result<bool, Corrupt> {
    if kept(value.bytes()) == Encoding::Sparse {
        match sparse::raise(value, hit, sparse_bytes)? {
            sparse::Raised::Done(changed) => return Ok(changed),
            sparse::Raised::TooDense => make_dense(value)?,
        };
    }
    Ok(dense::raise(&mut value.bytes_mut()[HEADER_BYTES..], hit))
}

/// Makes a sparse HyperLogLog dense. True if it was not. Its last estimate stays.
pub(crate) fn make_dense(value: &mut impl ByteStore) -> Result<bool, Corrupt> {
    let old = value.bytes();
    if kept(old) == Encoding::Dense {
        return Ok(false);
    }
    let mut registers = [0; REGISTERS];
    sparse::merge(old, &mut registers)?;
    let mut new = old[..HEADER_BYTES].to_vec();
    new[ENCODING_AT] = Encoding::Dense as u8;
    dense::push(&mut new, &registers);
    let len = old.len();
    value.replace(0..len, &[&new]);
    Ok(true)
}

/// Raises `registers` to those of a HyperLogLog.
pub(crate) fn merge(value: &[u8], registers: &mut Registers) -> Result<(), Corrupt> {
    match kept(value) {
        Encoding::Dense => dense::merge(&value[HEADER_BYTES..], registers),
        Encoding::Sparse => return sparse::merge(value, registers),
    }
    Ok(())
}

/// Estimates how many distinct elements were added to a HyperLogLog.
pub(crate) fn estimate(value: &[u8]) -> Result<u64, Corrupt> {
    let histogram = match kept(value) {
        Encoding::Dense => dense::histogram(&value[HEADER_BYTES..]),
        Encoding::Sparse => sparse::histogram(value)?,
    };
    Ok(histogram.estimate())
}

#[cfg(test)]
mod tests;
