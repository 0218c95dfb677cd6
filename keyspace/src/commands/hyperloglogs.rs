//! Estimates of how many distinct elements were added: PFADD, PFCOUNT, PFMERGE, and PFDEBUG and PFSELFTEST.
//!
//! A HyperLogLog is a string that other commands read and write as bytes, so each command first looks whether it still is one.

use crate::args::Args;
use crate::entry::{Entry, Shape};
use crate::exec::{DataRow, Exec, Expiry};
use crate::hyperloglog::{self, Corrupt, Encoding, Histogram, Hit, REGISTERS, Registers, Run};
use crate::packed::ByteStore;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

/// What the rows of this family share.
const ESTIMATE: CommandSpec =
    CommandSpec { categories: Categories::HYPERLOGLOG, since: "2.8.9", group: "hyperloglog", ..CommandSpec::NONE };

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "pfadd",
            arity: -2,
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 1, last: 0, step: 1 }],
            summary: "Adds elements to a HyperLogLog.",
            complexity: "O(1) for each element",
            syntax: "key [element [element ...]]",
            ..ESTIMATE
        },
        run: pfadd,
    },
    DataRow {
        spec: CommandSpec {
            name: "pfcount",
            arity: -2,
            flags: Flags::READONLY.and(Flags::MAY_REPLICATE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS), first: 1, last: -1, step: 1 }],
            summary: "Estimates how many distinct elements were added to HyperLogLogs, taken together.",
            complexity: "O(1) for one key that did not change since; O(N) with a large constant for N keys",
            syntax: "key [key ...]",
            key_note: "RW because it may change the internal representation of the key, and propagate to replicas",
            ..ESTIMATE
        },
        run: pfcount,
    },
    DataRow {
        spec: CommandSpec {
            name: "pfmerge",
            arity: -2,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[
                KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::INSERT), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 2, last: -1, step: 1 },
            ],
            summary: "Merges HyperLogLogs into one.",
            complexity: "O(N) with a large constant for N keys",
            syntax: "destkey:key [sourcekey:key [sourcekey ...]]",
            ..ESTIMATE
        },
        run: pfmerge,
    },
    DataRow {
        spec: CommandSpec {
            name: "pfdebug",
            arity: 3,
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::ADMIN).and(Flags::SYSCMD),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS), first: 2, last: 0, step: 1 }],
            summary: "Shows and converts what a HyperLogLog is made of.",
            complexity: "",
            syntax: "subcommand key",
            ..ESTIMATE
        },
        run: pfdebug,
    },
    DataRow {
        spec: CommandSpec {
            name: "pfselftest",
            arity: 1,
            flags: Flags::ADMIN.and(Flags::SYSCMD),
            summary: "Tests the HyperLogLogs of this build.",
            complexity: "",
            ..ESTIMATE
        },
        run: pfselftest,
    },
];

impl From<Corrupt> for Refusal {
    fn from(_: Corrupt) -> Refusal {
        Refusal::Text("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// A key's HyperLogLog among others: its bytes and how they are kept. Refuses what is none.
fn checked(entry: &Entry) -> Result<Encoding, Refusal> {
    const OTHER: Refusal = Refusal::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
    hyperloglog::encoding(entry.value()).ok_or(OTHER)
}

/// The place of a key for a command that reads it, if it exists and is a HyperLogLog.
fn read(exec: &mut Exec, key: &Key) -> Result<Option<Place>, Refusal> {
    let place = exec.read_as(key, Kind::String)?;
    place.map(|place| checked(exec.entry(key, place)).map(|_| place)).transpose()
}

/// The place of a key for a command that may change it, if it exists and is a HyperLogLog.
fn write(exec: &mut Exec, key: &Key) -> Result<Option<Place>, Refusal> {
    let place = exec.write_as(key, Kind::String)?;
    place.map(|place| checked(exec.entry(key, place)).map(|_| place)).transpose()
}

/// Makes a key with a HyperLogLog without elements.
fn create(exec: &mut Exec, key: &Key) -> Place {
    exec.put(key, None, &hyperloglog::empty(), Expiry::Never, Shape::Edited);
    exec.peek(key).expect("the key was stored just now, without a deadline")
}

fn pfadd(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let found = write(exec, &key)?;
    let place = found.unwrap_or_else(|| create(exec, &key));
    let sparse_bytes = exec.keyspace.limits.hll_sparse_bytes;
    let raised = exec.edit(&key, place, |entry| {
        entry.set_shape(Shape::Edited);
        let mut raised = found.is_none() as u64;
        let all = args.from(2).iter().try_for_each(|element| {
            raised += hyperloglog::raise(entry, Hit::of(element), sparse_bytes)? as u64;
            Ok::<_, Corrupt>(())
        });
        // Some may be raised before the one where corrupt runs end.
        if raised > 0 {
            hyperloglog::forget_estimate(entry.bytes_mut());
        }
        all.map(|()| raised)
    })?;
    exec.happened(&key, raised, EventClasses::STRING, "pfadd");
    reply.int((raised > 0) as i64);
    Ok(())
}

fn pfcount(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if args.len() > 2 {
        return count_together(exec, args, reply);
    }
    let key = exec.first_key(args, 1);
    let Some(place) = read(exec, &key)? else {
        reply.int(0);
        return Ok(());
    };
    // Redis takes the string for one that it may change, even where the last estimate still holds.
    exec.edit(&key, place, |entry| entry.set_shape(Shape::Edited));
    let value = exec.entry(&key, place).value();
    let estimate = match hyperloglog::last_estimate(value) {
        Some(estimate) => estimate,
        None => {
            let estimate = hyperloglog::estimate(value)?;
            exec.edit(&key, place, |entry| hyperloglog::keep_estimate(entry.bytes_mut(), estimate));
            exec.modified(&key, 1);
            estimate
        }
    };
    reply.int(estimate as i64);
    Ok(())
}

fn count_together(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let mut registers: Registers = [0; REGISTERS];
    merge(exec, args, &mut registers)?;
    reply.int(Histogram::of(&registers).estimate() as i64);
    Ok(())
}

/// Raises `registers` to those of all keys from argument 1 on. True if any of them is dense.
fn merge(exec: &mut Exec, args: Args, registers: &mut Registers) -> Result<bool, Refusal> {
    let mut any_dense = false;
    for index in 1..args.len() {
        let key = if index == 1 { exec.first_key(args, 1) } else { exec.key(args.at(index)) };
        if let Some(place) = read(exec, &key)? {
            let entry = exec.entry(&key, place);
            any_dense |= checked(entry)? == Encoding::Dense;
            hyperloglog::merge(entry.value(), registers)?;
        }
    }
    Ok(any_dense)
}

fn pfmerge(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let mut registers: Registers = [0; REGISTERS];
    let any_dense = merge(exec, args, &mut registers)?;
    let key = exec.first_key(args, 1);
    let place = write(exec, &key)?.unwrap_or_else(|| create(exec, &key));
    let sparse_bytes = exec.keyspace.limits.hll_sparse_bytes;
    exec.edit(&key, place, |entry| {
        entry.set_shape(Shape::Edited);
        if any_dense {
            hyperloglog::make_dense(entry)?;
        }
        for (index, &rank) in registers.iter().enumerate().filter(|(_, rank)| **rank > 0) {
            hyperloglog::raise(entry, Hit { index, rank }, sparse_bytes)?;
        }
        hyperloglog::forget_estimate(entry.bytes_mut());
        Ok::<_, Corrupt>(())
    })?;
    exec.happened(&key, 1, EventClasses::STRING, "pfadd");
    reply.ok();
    Ok(())
}

fn pfdebug(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = write(exec, &key)?.ok_or(Refusal::Text("ERR The specified key does not exist"))?;
    exec.edit(&key, place, |entry| entry.set_shape(Shape::Edited));
    let encoding = checked(exec.entry(&key, place))?;
    match () {
        _ if args.is(1, "getreg") => {
            make_dense(exec, &key, place)?;
            let mut registers: Registers = [0; REGISTERS];
            hyperloglog::merge(exec.entry(&key, place).value(), &mut registers)?;
            reply.array(REGISTERS);
            registers.iter().for_each(|&register| reply.int(register as i64));
        }
        _ if args.is(1, "decode") => {
            if encoding == Encoding::Dense {
                return Err(Refusal::Text("ERR HLL encoding is not sparse"));
            }
            let runs = hyperloglog::runs(exec.entry(&key, place).value()).map(describe);
            reply.text(&runs.collect::<Vec<_>>().join(" "));
        }
        _ if args.is(1, "encoding") => reply.simple(if encoding == Encoding::Dense { "dense" } else { "sparse" }),
        _ if args.is(1, "todense") => {
            let changed = make_dense(exec, &key, place)?;
            reply.int(changed as i64);
        }
        _ => return Err(Refusal::naming("ERR Unknown PFDEBUG subcommand '", args.at(1), "'")),
    }
    Ok(())
}

fn make_dense(exec: &mut Exec, key: &Key, place: Place) -> Result<bool, Refusal> {
    let changed = exec.edit(key, place, hyperloglog::make_dense)?;
    exec.counted(changed as u64);
    Ok(changed)
}

/// A run as PFDEBUG DECODE shows it.
fn describe(run: Run) -> String {
    match (run.value, run.bytes) {
        (0, 1) => format!("z:{}", run.len),
        (0, _) => format!("Z:{}", run.len),
        (value, _) => format!("v:{value},{}", run.len),
    }
}

fn pfselftest(exec: &mut Exec, _: Args, reply: &mut Reply) -> Outcome {
    hyperloglog::selftest::run(&mut exec.keyspace.random).map_err(Refusal::Text)?;
    reply.ok();
    Ok(())
}

#[cfg(test)]
#[path = "hyperloglogs_tests.rs"]
mod tests;
