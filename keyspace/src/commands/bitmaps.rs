//! Strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP.

use crate::args::Args;
use crate::bitmap::{self, Bit, Combination};
use crate::entry::{Entry, INLINE_BYTES_MAX, Shape};
use crate::exec::{DataRow, Exec, Expiry};
use crate::number::parse_i64;
use crate::packed::ByteStore;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

use super::stretch::stretch;

/// What the rows of this family share.
const BITMAP: CommandSpec = CommandSpec { categories: Categories::BITMAP, group: "bitmap", ..CommandSpec::NONE };

const READ: KeySpec = KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 };

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "setbit",
            arity: 4,
            // Not a visit: a large offset makes up to the longest string.
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            since: "2.2.0",
            summary: "Sets or clears a bit of a string and returns the one before.",
            syntax: "key offset:integer value:integer",
            ..BITMAP
        },
        run: setbit,
    },
    DataRow {
        spec: CommandSpec {
            name: "getbit",
            arity: 3,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[READ],
            since: "2.2.0",
            summary: "Returns a bit of a string; beyond its end they are clear.",
            syntax: "key offset:integer",
            ..BITMAP
        },
        run: getbit,
    },
    DataRow {
        spec: CommandSpec {
            name: "bitcount",
            arity: -2,
            flags: Flags::READONLY,
            keys: &[READ],
            since: "2.6.0",
            summary: "Counts the set bits of a string or a part of it.",
            complexity: "O(N) where N is the length of the part",
            syntax: "key index=[start:integer end:integer index_unit=[BYTE | BIT]@7.0.0]",
            history: &[("7.0.0", "The options BYTE and BIT.")],
            ..BITMAP
        },
        run: bitcount,
    },
    DataRow {
        spec: CommandSpec {
            name: "bitpos",
            arity: -3,
            flags: Flags::READONLY,
            keys: &[READ],
            since: "2.8.7",
            summary: "Finds the first set or clear bit of a string or a part of it.",
            complexity: "O(N) where N is the length of the part",
            syntax: "key bit:integer index=[start:integer end_index=[end:integer index_unit=[BYTE | BIT]@7.0.0]]",
            history: &[("7.0.0", "The options BYTE and BIT.")],
            ..BITMAP
        },
        run: bitpos,
    },
    DataRow {
        spec: CommandSpec {
            name: "bitop",
            arity: -4,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[
                KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 2, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 3, last: -1, step: 1 },
            ],
            since: "2.6.0",
            summary: "Combines strings bit by bit and stores the result.",
            complexity: "O(N) where N is the length of all strings together",
            syntax: "operation destkey:key key [key ...]",
            ..BITMAP
        },
        run: bitop,
    },
];

/// The offset of a bit: at least 0, and in a string that is not too long.
pub(super) fn bit_offset(exec: &Exec, offset: Option<i64>) -> Result<u64, Refusal> {
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    let inside = offset.filter(|offset| offset / 8 < exec.keyspace.limits.string_bytes_max as u64);
    inside.ok_or(Refusal::Text("ERR bit offset is not an integer or out of range"))
}

fn setbit(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let offset = bit_offset(exec, parse_i64(args.at(2)))?;
    let bit = match parse_i64(args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Refusal::Text("ERR bit is not an integer or out of range")),
    };
    let key = exec.first_key(args, 1);
    let byte = (offset / 8) as usize;
    let string = stretch(exec, &key, byte + 1)?;
    let before = bitmap::bit_at(exec.entry(&key, string.place).value(), offset);
    if string.grew || before != bit {
        exec.edit(&key, string.place, |entry| bitmap::write(entry.bytes_mut(), offset, 1, bit as u64));
        exec.happened(&key, 1, EventClasses::STRING, "setbit");
    }
    reply.int(before as i64);
    Ok(())
}

fn getbit(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let offset = bit_offset(exec, parse_i64(args.at(2)))?;
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::String)?;
    let bit = place.is_some_and(|place| bitmap::bit_at(exec.entry(&key, place).value(), offset));
    reply.int(bit as i64);
    Ok(())
}

/// What the indexes of a range count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

/// The unit at argument `index`; bytes if there is none.
fn unit_at(args: Args, index: usize) -> Result<Unit, Refusal> {
    if args.len() <= index || args.is(index, "byte") {
        return Ok(Unit::Byte);
    }
    if args.is(index, "bit") { Ok(Unit::Bit) } else { Err(Refusal::Syntax) }
}

/// The first and the last bit of a string of `len` bytes from index `start` to `end`, both included; negative indexes count from
/// the end. `None` if there is nothing between them.
fn bits_between(len: usize, start: i64, end: i64, unit: Unit) -> Option<(usize, usize)> {
    let total = if unit == Unit::Bit { len as i64 * 8 } else { len as i64 };
    let from_end = |index: i64| if index < 0 { (index + total).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(total - 1));
    if start > end {
        return None;
    }
    let (start, end) = (start as usize, end as usize);
    Some(if unit == Unit::Bit { (start, end) } else { (start * 8, end * 8 + 7) })
}

fn bitcount(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    // A missing key wins over whatever else is wrong.
    let Some(place) = exec.read_as(&key, Kind::String)? else {
        reply.int(0);
        return Ok(());
    };
    let value = exec.entry(&key, place).value();
    let count = match args.len() {
        2 => bitmap::count(value),
        4 | 5 => {
            let start = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
            let end = parse_i64(args.at(3)).ok_or(Refusal::NotInteger)?;
            // Two negative indexes in the wrong order would meet at 0, and win over a bad unit.
            match start < 0 && end < 0 && start > end {
                true => 0,
                false => bits_between(value.len(), start, end, unit_at(args, 4)?)
                    .map_or(0, |(first, last)| bitmap::count_between(value, first, last)),
            }
        }
        _ => return Err(Refusal::Syntax),
    };
    reply.int(count as i64);
    Ok(())
}

fn bitpos(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let bit = match parse_i64(args.at(2)).ok_or(Refusal::NotInteger)? {
        0 => Bit::Clear,
        1 => Bit::Set,
        _ => return Err(Refusal::Text("ERR The bit argument must be 1 or 0.")),
    };
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::String)? else {
        // A missing key has clear bits without end.
        reply.int(if bit == Bit::Set { -1 } else { 0 });
        return Ok(());
    };
    let value = exec.entry(&key, place).value();
    if args.len() > 6 {
        return Err(Refusal::Syntax);
    }
    let start = args.get(3).map_or(Ok(0), |start| parse_i64(start).ok_or(Refusal::NotInteger))?;
    let unit = unit_at(args, 5)?;
    let end = args.get(4).map_or(Ok(-1), |end| parse_i64(end).ok_or(Refusal::NotInteger))?;
    let position = match bits_between(value.len(), start, end, unit) {
        None => None,
        Some((first, last)) => bitmap::find(value, bit, first, last).or_else(|| {
            // Behind a string whose end nobody named, bits are clear.
            (bit == Bit::Clear && args.len() < 5).then_some(last + 1)
        }),
    };
    reply.int(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// What BITOP does.
enum Operation {
    Combine(Combination),
    Invert,
}

fn bitop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let operations = [
        ("and", Operation::Combine(Combination::And)),
        ("or", Operation::Combine(Combination::Or)),
        ("xor", Operation::Combine(Combination::Xor)),
        ("not", Operation::Invert),
    ];
    let named = operations.into_iter().find(|(name, _)| args.is(1, name));
    let (_, operation) = named.ok_or(Refusal::Syntax)?;
    if matches!(operation, Operation::Invert) && args.len() != 4 {
        return Err(Refusal::Text("ERR BITOP NOT must be called with a single source key."));
    }
    let sources: Vec<_> = args.from(3).iter().map(|bytes| exec.key(bytes)).collect();
    for source in &sources {
        exec.read_as(source, Kind::String)?;
    }
    // What has expired is gone now, so all values can be borrowed together.
    let values: Vec<&[u8]> = sources.iter().map(|source| exec.glance(source).map_or(&b""[..], Entry::value)).collect();
    let result = match operation {
        Operation::Combine(how) => bitmap::combine(how, &values),
        Operation::Invert => bitmap::invert(values[0]),
    };
    let len = result.len();
    let target = exec.first_key(args, 2);
    if result.is_empty() {
        exec.clear(&target);
    } else {
        let place = exec.target(&target);
        store(exec, &target, place, result);
        exec.happened(&target, 1, EventClasses::STRING, "set");
    }
    reply.int(len as i64);
    Ok(())
}

/// Stores a result under a key. A long one changes hands, it is not copied.
fn store(exec: &mut Exec, key: &Key, place: Option<Place>, result: Vec<u8>) {
    if result.len() <= INLINE_BYTES_MAX {
        return exec.put(key, place, &result, Expiry::Never, Shape::Edited);
    }
    exec.put(key, place, b"", Expiry::Never, Shape::Edited);
    let place = exec.peek(key).expect("the key was stored just now, without a deadline");
    exec.edit(key, place, |entry| *entry.boxed_mut() = result);
}

#[cfg(test)]
#[path = "bitmaps_tests.rs"]
mod tests;
