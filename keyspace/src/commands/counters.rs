//! Counters: INCR and its relatives, and INCRBYFLOAT.

use crate::args::Args;
use crate::entry::Shape;
use crate::exec::{DataRow, Exec, Expiry};
use crate::long_double::LongDouble;
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;

/// What the rows of this family share.
const COUNTER: CommandSpec = CommandSpec {
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE),
    categories: Categories::STRING,
    keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
    group: "string",
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "incr",
            arity: 2,
            summary: "Adds one to the integer of a key; a missing key counts as 0.",
            syntax: "key",
            ..COUNTER
        },
        run: incr,
    },
    DataRow {
        spec: CommandSpec {
            name: "decr",
            arity: 2,
            summary: "Takes one from the integer of a key; a missing key counts as 0.",
            syntax: "key",
            ..COUNTER
        },
        run: decr,
    },
    DataRow {
        spec: CommandSpec {
            name: "incrby",
            arity: 3,
            summary: "Adds a number to the integer of a key; a missing key counts as 0.",
            syntax: "key increment:integer",
            ..COUNTER
        },
        run: incrby,
    },
    DataRow {
        spec: CommandSpec {
            name: "decrby",
            arity: 3,
            summary: "Takes a number from the integer of a key; a missing key counts as 0.",
            syntax: "key decrement:integer",
            ..COUNTER
        },
        run: decrby,
    },
    DataRow {
        spec: CommandSpec {
            name: "incrbyfloat",
            arity: 3,
            since: "2.6.0",
            summary: "Adds a floating-point number to that of a key; a missing key counts as 0.",
            syntax: "key increment:double",
            ..COUNTER
        },
        run: incrbyfloat,
    },
];

fn incr(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    add(exec, args, reply, 1)
}

fn decr(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    add(exec, args, reply, -1)
}

fn incrby(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let term = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    add(exec, args, reply, term)
}

fn decrby(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let term = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    let term = term.checked_neg().ok_or(Refusal::Text("ERR decrement would overflow"))?;
    add(exec, args, reply, term)
}

/// Adds to the integer of the first key. The value is edited where it stands when its length stays.
#[inline]
fn add(exec: &mut Exec, args: Args, reply: &mut Reply, term: i64) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::String)?;
    let before = match place {
        Some(place) => parse_i64(exec.entry(&key, place).value()).ok_or(Refusal::NotInteger)?,
        None => 0,
    };
    let sum = before.checked_add(term).ok_or(Refusal::Overflow)?;
    let mut digits = itoa::Buffer::new();
    exec.put(&key, place, digits.format(sum).as_bytes(), Expiry::Keep, Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "incrby");
    reply.int(sum);
    Ok(())
}

fn incrbyfloat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::String)?;
    let before = match place {
        Some(place) => exec.entry(&key, place).value(),
        None => b"0",
    };
    let before = LongDouble::parse(before).ok_or(Refusal::NotFloat)?;
    let term = LongDouble::parse(args.at(2)).ok_or(Refusal::NotFloat)?;
    let sum = before.checked_add(term).ok_or(Refusal::Text("ERR increment would produce NaN or Infinity"))?;
    let text = sum.text();
    exec.put(&key, place, &text, Expiry::Keep, Shape::Float);
    exec.happened(&key, 1, EventClasses::STRING, "incrbyfloat");
    exec.log_as(&[b"SET", key.bytes, &text, b"KEEPTTL"]);
    reply.bulk(&text);
    Ok(())
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
