//! Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE and its old name SUBSTR.

use smallvec::SmallVec;

use crate::args::Args;
use crate::entry::{Entry, Shape};
use crate::exec::{DataRow, Exec, Expiry};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Deprecation, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;

/// What the rows of this family share.
const RANGE: CommandSpec = CommandSpec { categories: Categories::STRING, group: "string", ..CommandSpec::NONE };

const READ: KeySpec = KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 };

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "append",
            arity: 3,
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 1, last: 0, step: 1 }],
            since: "2.0.0",
            summary: "Adds to the end of a string; a missing key counts as an empty one.",
            complexity: "O(1) amortised for a short argument",
            syntax: "key value",
            ..RANGE
        },
        run: append,
    },
    DataRow {
        spec: CommandSpec {
            name: "strlen",
            arity: 2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RO, first: 1, last: 0, step: 1 }],
            since: "2.2.0",
            summary: "Returns the length of a string in bytes.",
            syntax: "key",
            ..RANGE
        },
        run: strlen,
    },
    DataRow {
        spec: CommandSpec {
            name: "setrange",
            arity: 4,
            // Not a visit: a large offset fills up to the longest string with zeros.
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            since: "2.2.0",
            summary: "Overwrites a string from an offset on, after zero bytes where it is shorter.",
            complexity: "O(M) where M is the length of the value, plus the bytes that the string grows by",
            syntax: "key offset:integer value",
            ..RANGE
        },
        run: setrange,
    },
    DataRow {
        spec: CommandSpec {
            name: "getrange",
            arity: 4,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            keys: &[READ],
            since: "2.4.0",
            summary: "Returns a part of a string by its first and last index.",
            complexity: "O(N) where N is the length of the returned string",
            syntax: "key start:integer end:integer",
            ..RANGE
        },
        run: getrange,
    },
    DataRow {
        spec: CommandSpec {
            name: "substr",
            arity: 4,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            keys: &[READ],
            summary: "Returns a part of a string by its first and last index; GETRANGE is its present name.",
            complexity: "O(N) where N is the length of the returned string",
            syntax: "key start:integer end:integer",
            deprecated: Some(Deprecation { since: "2.0.0", replaced_by: "`GETRANGE`" }),
            ..RANGE
        },
        run: getrange,
    },
];

fn append(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let tail = args.at(2);
    let Some(place) = exec.write_as(&key, Kind::String)? else {
        exec.put(&key, None, tail, Expiry::Never, Shape::Stored);
        exec.happened(&key, 1, EventClasses::STRING, "append");
        reply.int(tail.len() as i64);
        return Ok(());
    };
    let len = exec.entry(&key, place).value().len();
    let total = checked_len(exec, len, tail)?;
    exec.edit(&key, place, |entry| overwrite(entry, len, tail));
    exec.happened(&key, 1, EventClasses::STRING, "append");
    reply.int(total as i64);
    Ok(())
}

fn strlen(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let len = exec.read_as(&key, Kind::String)?.map_or(0, |place| exec.entry(&key, place).value().len());
    reply.int(len as i64);
    Ok(())
}

fn setrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let offset = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    let offset = usize::try_from(offset).map_err(|_| Refusal::Text("ERR offset is out of range"))?;
    let piece = args.at(3);
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::String)?;
    let len = place.map_or(0, |place| exec.entry(&key, place).value().len());
    // An empty piece changes nothing, wherever it would stand.
    if piece.is_empty() {
        reply.int(len as i64);
        return Ok(());
    }
    let end = checked_len(exec, offset, piece)?;
    let place = place.or_else(|| {
        exec.put(&key, None, b"", Expiry::Never, Shape::Edited);
        exec.peek(&key)
    });
    let place = place.expect("the key was stored just now, without a deadline");
    exec.edit(&key, place, |entry| overwrite(entry, offset, piece));
    exec.happened(&key, 1, EventClasses::STRING, "setrange");
    reply.int(end.max(len) as i64);
    Ok(())
}

/// Where `piece` ends from `offset` on, if a string may be that long.
fn checked_len(exec: &Exec, offset: usize, piece: &[u8]) -> Result<usize, Refusal> {
    let end = offset.checked_add(piece.len());
    end.filter(|&end| end <= exec.keyspace.limits.string_bytes_max).ok_or(Refusal::TooLong)
}

/// Writes `piece` into the value at `offset`, after zeros where the value is shorter.
fn overwrite(entry: &mut Entry, offset: usize, piece: &[u8]) {
    /// Up to this length a value is copied and stays beside its key; longer ones get room to grow in.
    const SHORT: usize = 128;
    let len = entry.value().len();
    let end = offset + piece.len();
    if len.max(end) <= SHORT {
        let mut value = SmallVec::<[u8; SHORT]>::from_slice(entry.value());
        value.resize(len.max(end), 0);
        value[offset..end].copy_from_slice(piece);
        entry.set_value(&value);
    } else {
        let value = entry.boxed_mut();
        if end > value.capacity() {
            value.reserve_exact(end + spare(end) - len);
        }
        // What the piece replaces, then what it adds.
        value.resize(len.max(offset), 0);
        let (inside, beyond) = piece.split_at(piece.len().min(value.len() - offset));
        value[offset..offset + inside.len()].copy_from_slice(inside);
        value.extend_from_slice(beyond);
    }
    entry.set_shape(Shape::Edited);
}

/// Room beside a string of `len` bytes for what is appended next: doubles short strings, and wastes little of long ones.
fn spare(len: usize) -> usize {
    const DOUBLES_TO: usize = 1 << 20;
    len.min(DOUBLES_TO).max(len / 8)
}

fn getrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let start = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    let end = parse_i64(args.at(3)).ok_or(Refusal::NotInteger)?;
    let key = exec.first_key(args, 1);
    let value = match exec.read_as(&key, Kind::String)? {
        Some(place) => exec.entry(&key, place).value(),
        None => b"",
    };
    reply.bulk(part(value, start, end));
    Ok(())
}

/// The bytes from index `start` to `end`, both included; negative indexes count from the end.
fn part(value: &[u8], start: i64, end: i64) -> &[u8] {
    let len = value.len() as i64;
    // Two negative indexes in the wrong order would meet at 0 below.
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { b"" } else { &value[start as usize..=end as usize] }
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
