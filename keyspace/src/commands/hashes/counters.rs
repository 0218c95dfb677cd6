//! Hashes: fields as counters, HINCRBY and HINCRBYFLOAT.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::long_double::LongDouble;
use crate::number::parse_i64;
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

use super::{HASH, STORES, change, hash_at};

/// What the rows of this family share.
const COUNTER: CommandSpec = CommandSpec {
    arity: 4,
    flags: STORES,
    keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
    ..HASH
};

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "hincrby",
            summary: "Adds a number to the integer of a field; a missing field counts as 0.",
            syntax: "key field increment:integer",
            ..COUNTER
        },
        run: hincrby,
    },
    DataRow {
        spec: CommandSpec {
            name: "hincrbyfloat",
            since: "2.6.0",
            summary: "Adds a floating-point number to that of a field; a missing field counts as 0.",
            syntax: "key field increment:double",
            ..COUNTER
        },
        run: hincrbyfloat,
    },
];

/// The value of a field of the hash at `place`.
#[inline]
fn value<'e>(exec: &'e Exec, key: &Key, place: Option<Place>, field: &[u8]) -> Option<Element<'e>> {
    hash_at(exec, key, place?).get(exec.keyspace.hasher(), field)
}

fn hincrby(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let term = parse_i64(args.at(3)).ok_or(Refusal::NotInteger)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let before = match value(exec, &key, place, args.at(2)) {
        None => Some(0),
        Some(Element::Int(value)) => Some(value),
        Some(Element::Bytes(text)) => parse_i64(text),
    };
    let before = before.ok_or(Refusal::Text("ERR hash value is not an integer"))?;
    let sum = before.checked_add(term).ok_or(Refusal::Overflow)?;
    let mut digits = itoa::Buffer::new();
    let text = digits.format(sum).as_bytes();
    change(exec, &key, place, |hash| hash.set_value(args.at(2), text));
    exec.happened(&key, 1, EventClasses::HASH, "hincrby");
    reply.int(sum);
    Ok(())
}

fn hincrbyfloat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let term = LongDouble::parse(args.at(3)).ok_or(Refusal::NotFloat)?;
    if !term.is_finite() {
        return Err(Refusal::Text("ERR value is NaN or Infinity"));
    }
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let mut digits = itoa::Buffer::new();
    let before = value(exec, &key, place, args.at(2)).unwrap_or(Element::Int(0));
    let before = LongDouble::parse(before.text(&mut digits)).ok_or(Refusal::Text("ERR hash value is not a float"))?;
    let sum = before.checked_add(term).ok_or(Refusal::Text("ERR increment would produce NaN or Infinity"))?;
    let text = sum.text();
    change(exec, &key, place, |hash| hash.set_value(args.at(2), &text));
    exec.happened(&key, 1, EventClasses::HASH, "hincrbyfloat");
    if exec.is_logged() {
        log_value(exec, &key, args.at(2), &text);
    }
    reply.bulk(&text);
    Ok(())
}

/// The sum as a value to set. A deadline of the field stays.
fn log_value(exec: &mut Exec, key: &Key, field: &[u8], value: &[u8]) {
    let place = exec.keyspace.locate(exec.db, key).expect("it was just changed");
    match hash_at(exec, key, place).deadline(exec.keyspace.hasher(), field).flatten() {
        None => exec.log_as(&[b"HSET", key.bytes, field, value]),
        Some(_) => exec.log_as(&[b"HSETEX", key.bytes, b"KEEPTTL", b"FIELDS", b"1", field, value]),
    }
}
