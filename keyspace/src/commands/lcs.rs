//! LCS: the longest common subsequence of two strings.
//!
//! The textbook table of lengths has 32 bits per pair of bytes. Here it has one: whether a row's length grows at this column.
//! 64 columns are one word and a row is a few additions (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"), and
//! that bit is also the direction in which the subsequence is read back. Which of several longest ones is found, and how it
//! falls into ranges, is as in Redis: from the end, and along the second string where both directions are as good.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::table::Place;

/// The rows of this family.
pub static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "lcs",
        arity: -3,
        flags: Flags::READONLY,
        categories: Categories::STRING,
        keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 1, step: 1 }],
        since: "7.0.0",
        group: "string",
        summary: "Finds the longest common subsequence of two strings.",
        complexity: "O(N*M) where N and M are the lengths of the strings",
        syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
        ..CommandSpec::NONE
    },
    run: lcs,
}];

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    len: bool,
    idx: bool,
    match_len: bool,
    match_len_min: usize,
}

fn lcs(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let first = exec.first_key(args, 1);
    let second = exec.key(args.at(2));
    // Both look-ups, then both places: the second may remove what has expired.
    exec.read(&first);
    let b = exec.read(&second);
    let a = exec.peek(&first);
    let is_string = |key, place: Option<Place>| place.is_none_or(|place| exec.entry(key, place).is_string());
    if !is_string(&first, a) || !is_string(&second, b) {
        return Err(Refusal::Text("ERR The specified keys must contain string values"));
    }
    let options = options(args.from(3))?;
    let a = a.map_or(&b""[..], |place| exec.entry(&first, place).value());
    let b = b.map_or(&b""[..], |place| exec.entry(&second, place).value());
    // The bound is on the table as Redis has it; ours is a 32nd of that, and as much again for the columns of each byte.
    let cells = (a.len() as u128 + 1) * (b.len() as u128 + 1);
    if cells * size_of::<u32>() as u128 > exec.keyspace.limits.string_bytes_max as u128 {
        return Err(Refusal::Text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
    }
    if options.len {
        reply.int(common_len(a, b) as i64);
        return Ok(());
    }
    let ranges = common_ranges(a, b);
    let common = ranges.iter().map(|range| range.len).sum();
    if options.idx {
        write_ranges(&ranges, common, options, reply);
    } else {
        let mut text = Vec::with_capacity(common);
        ranges.iter().rev().for_each(|range| text.extend_from_slice(&a[range.a..range.a + range.len]));
        reply.bulk(&text);
    }
    Ok(())
}

fn options(args: Args) -> Result<Options, Refusal> {
    let mut options = Options::default();
    let mut index = 0;
    while index < args.len() {
        match args.at(index) {
            word if word.eq_ignore_ascii_case(b"len") => options.len = true,
            word if word.eq_ignore_ascii_case(b"idx") => options.idx = true,
            word if word.eq_ignore_ascii_case(b"withmatchlen") => options.match_len = true,
            word if word.eq_ignore_ascii_case(b"minmatchlen") && index + 1 < args.len() => {
                let min = parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?;
                options.match_len_min = usize::try_from(min).unwrap_or(0);
                index += 1;
            }
            _ => return Err(Refusal::Syntax),
        }
        index += 1;
    }
    if options.len && options.idx {
        return Err(Refusal::Text("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}

fn write_ranges(ranges: &[Range], common: usize, options: Options, reply: &mut Reply) {
    let shown = || ranges.iter().filter(|range| range.len >= options.match_len_min);
    reply.map(2);
    reply.text("matches");
    reply.array(shown().count());
    for range in shown() {
        reply.array(2 + options.match_len as usize);
        for start in [range.a, range.b] {
            reply.array(2);
            reply.int(start as i64);
            reply.int((start + range.len - 1) as i64);
        }
        if options.match_len {
            reply.int(range.len as i64);
        }
    }
    reply.text("len");
    reply.int(common as i64);
}

/// A run of equal bytes in both strings: where it starts in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    a: usize,
    b: usize,
    len: usize,
}

/// For each byte of the first string, the columns of the second that hold it: one bit per column.
struct Columns {
    words: usize,
    /// Number of each byte's set of columns.
    sets: [Option<u8>; 256],
    bits: Vec<u64>,
}

impl Columns {
    fn new(a: &[u8], b: &[u8]) -> Columns {
        let mut columns = Columns { words: b.len().div_ceil(64), sets: [None; 256], bits: Vec::new() };
        let mut count = 0u8;
        for &byte in a {
            let set = &mut columns.sets[byte as usize];
            if set.is_none() {
                *set = Some(count);
                // There are 256 bytes at most: the last one does not need the next number.
                count = count.wrapping_add(1);
                columns.bits.resize(columns.bits.len() + columns.words, 0);
            }
        }
        for (column, &byte) in b.iter().enumerate() {
            if let Some(set) = columns.sets[byte as usize] {
                columns.bits[set as usize * columns.words + column / 64] |= 1 << (column % 64);
            }
        }
        columns
    }

    /// The row above the first: no length grows anywhere. A bit that is set means that.
    fn row_zero(&self) -> Vec<u64> {
        vec![u64::MAX; self.words]
    }

    /// Turns the row before `byte` of the first string into the row after it.
    fn step(&self, byte: u8, row: &mut [u64]) {
        let set = self.sets[byte as usize].expect("every byte of the first string has its columns") as usize;
        let mut carry = false;
        for (word, &equal) in row.iter_mut().zip(&self.bits[set * self.words..]) {
            let (sum, over) = word.carrying_add(*word & equal, carry);
            (*word, carry) = (sum | *word & !equal, over);
        }
    }
}

/// The length of the longest common subsequence.
fn common_len(a: &[u8], b: &[u8]) -> usize {
    let columns = Columns::new(a, b);
    let mut row = columns.row_zero();
    a.iter().for_each(|&byte| columns.step(byte, &mut row));
    row.iter().map(|word| word.count_zeros() as usize).sum()
}

/// The ranges of the longest common subsequence, last one first.
fn common_ranges(a: &[u8], b: &[u8]) -> Vec<Range> {
    let columns = Columns::new(a, b);
    let mut row = columns.row_zero();
    let mut rows = Vec::with_capacity(a.len() * columns.words);
    for &byte in a {
        columns.step(byte, &mut row);
        rows.extend_from_slice(&row);
    }
    let grows = |i: usize, j: usize| rows[(i - 1) * columns.words + (j - 1) / 64] >> ((j - 1) % 64) & 1 == 0;
    let (mut i, mut j) = (a.len(), b.len());
    let mut ranges: Vec<Range> = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            match ranges.last_mut() {
                Some(range) if range.a == i && range.b == j => {
                    *range = Range { a: i - 1, b: j - 1, len: range.len + 1 };
                }
                _ => ranges.push(Range { a: i - 1, b: j - 1, len: 1 }),
            }
            (i, j) = (i - 1, j - 1);
        } else if grows(i, j) {
            // The length at (i, j) is more than at (i, j - 1), so it comes from (i - 1, j).
            i -= 1;
        } else {
            j -= 1;
        }
    }
    ranges
}

#[cfg(test)]
#[path = "lcs_tests.rs"]
mod tests;
