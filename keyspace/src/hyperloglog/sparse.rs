//! Sparse registers: runs of equal ones.
//!
//! ```text
//! 00llllll            l + 1 registers of 0
//! 01llllll llllllll   l + 1 registers of 0, up to 16,384
//! 1vvvvvll            l + 1 registers of v + 1
//! ```
//!
//! Which runs stand for the same registers is not settled by the format: what a change does to them, and which neighbours it
//! unites afterwards, is Redis's, so that the same elements in the same order make the same bytes.

use super::{Corrupt, HEADER_BYTES, Histogram, Hit, REGISTERS, Registers};
use crate::packed::ByteStore;

/// The most zeros in a run of one byte.
const SHORT_ZEROS: usize = 64;
/// The most registers in a run of another value.
const EQUALS: usize = 4;
/// The highest value of a run.
const HIGHEST: u8 = 32;

/// A run of equal registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it stands in the string.
    at: usize,
    /// How long its code is: two bytes for many zeros. At the end of bytes that a client wrote the second one may be missing, and
    /// counts as 0.
    pub(crate) bytes: usize,
    /// What the registers hold.
    pub(crate) value: u8,
    /// How many they are.
    pub(crate) len: usize,
}

impl Run {
    /// The run that stands at `at`.
    fn decode(value: &[u8], at: usize) -> Run {
        let first = value[at];
        let low = (first & 0x3f) as usize;
        match first >> 6 {
            0 => Run { at, bytes: 1, value: 0, len: low + 1 },
            1 => {
                let second = value.get(at + 1).copied().unwrap_or(0) as usize;
                Run { at, bytes: 2, value: 0, len: (low << 8 | second) + 1 }
            }
            _ => Run { at, bytes: 1, value: (first >> 2 & 0x1f) + 1, len: (first & 3) as usize + 1 },
        }
    }
}

/// The runs of a string, one after another.
pub(crate) struct Runs<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    /// The runs behind the header of `value`.
    pub(super) fn new(value: &'a [u8]) -> Self {
        Runs { value, at: HEADER_BYTES }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let run = (self.at < self.value.len()).then(|| Run::decode(self.value, self.at))?;
        self.at += run.bytes;
        Some(run)
    }
}

/// Appends a run of zeros.
pub(super) fn push_zeros(out: &mut Vec<u8>, len: usize) {
    match len - 1 {
        less if len <= SHORT_ZEROS => out.push(less as u8),
        less => out.extend_from_slice(&[0x40 | (less >> 8) as u8, less as u8]),
    }
}

fn equals(value: u8, len: usize) -> u8 {
    0x80 | (value - 1) << 2 | (len - 1) as u8
}

/// Visits all runs with the index of their first register. They have to add up.
fn walk(value: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupt> {
    let mut first = 0;
    for run in Runs::new(value) {
        if first + run.len > REGISTERS {
            return Err(Corrupt);
        }
        visit(first, run);
        first += run.len;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Raises `registers` to those of a string.
pub(super) fn merge(value: &[u8], registers: &mut Registers) -> Result<(), Corrupt> {
    walk(value, |first, run| {
        if run.value > 0 {
            let same = &mut registers[first..first + run.len];
            same.iter_mut().for_each(|register| *register = (*register).max(run.value));
        }
    })
}

/// How many registers have each value.
pub(super) fn histogram(value: &[u8]) -> Result<Histogram, Corrupt> {
    let mut histogram = Histogram::default();
    walk(value, |_, run| histogram.add(run.value, run.len))?;
    Ok(histogram)
}

/// What came of raising a register.
pub(super) enum Raised {
    /// It is as high as it has to be; whether it was not before.
    Done(bool),
    /// It cannot be raised in sparse bytes, or not within the limit.
    TooDense,
}

/// Raises a register, if the string then has at most `bytes_max` bytes.
pub(super) fn raise(value: &mut impl ByteStore, hit: Hit, bytes_max: usize) -> Result<Raised, Corrupt> {
    if hit.rank > HIGHEST {
        return Ok(Raised::TooDense);
    }
    let bytes = value.bytes();
    let (mut first, mut before) = (0, None);
    let run = Runs::new(bytes).find(|run| {
        let found = hit.index < first + run.len;
        if !found {
            before = Some(run.at);
            first += run.len;
        }
        found
    });
    let run = run.ok_or(Corrupt)?;
    if run.value >= hit.rank {
        return Ok(Raised::Done(false));
    }
    let codes = split(run, hit.index - first, hit.rank);
    let len = bytes.len();
    if codes.len() > run.bytes && len + codes.len() - run.bytes > bytes_max {
        return Ok(Raised::TooDense);
    }
    value.replace(run.at..len.min(run.at + run.bytes), &[&codes]);
    unite(value, before.unwrap_or(HEADER_BYTES));
    Ok(Raised::Done(true))
}

/// The codes of a run in which the register at `place` has another value.
fn split(run: Run, place: usize, rank: u8) -> Vec<u8> {
    let mut codes = Vec::with_capacity(5);
    let after = run.len - place - 1;
    let push = |codes: &mut Vec<u8>, len: usize| match (len, run.value) {
        (0, _) => {}
        (len, 0) => push_zeros(codes, len),
        (len, value) => codes.push(equals(value, len)),
    };
    push(&mut codes, place);
    codes.push(equals(rank, 1));
    push(&mut codes, after);
    codes
}

/// Unites neighbours of the same value, from a run on. Five steps reach all that one change can bring together.
fn unite(value: &mut impl ByteStore, mut at: usize) {
    const STEPS: usize = 5;
    for _ in 0..STEPS {
        let bytes = value.bytes();
        if at >= bytes.len() {
            return;
        }
        let run = Run::decode(bytes, at);
        let next = (run.value > 0 && at + 1 < bytes.len()).then(|| Run::decode(bytes, at + 1));
        match next {
            Some(next) if next.value == run.value && run.len + next.len <= EQUALS => {
                value.replace(at..at + 2, &[&[equals(run.value, run.len + next.len)]]);
            }
            _ => at += run.bytes,
        }
    }
}
