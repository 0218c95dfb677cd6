//! Strings of several keys at once: MGET, MSET, MSETNX.
//!
//! Every slot that the keys need is here when a handler runs, so each is a plain loop and atomic.

use crate::args::Args;
use crate::entry::Shape;
use crate::exec::{DataRow, Exec, Expiry};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;

/// What the rows of this family share.
const MANY: CommandSpec = CommandSpec { categories: Categories::STRING, group: "string", ..CommandSpec::NONE };

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "mget",
            arity: -2,
            flags: Flags::READONLY.and(Flags::FAST),
            keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: -1, step: 1 }],
            summary: "Returns the string values of several keys.",
            complexity: "O(N) where N is the number of keys",
            syntax: "key [key ...]",
            tips: &["request_policy:multi_shard"],
            ..MANY
        },
        run: mget,
    },
    DataRow {
        spec: CommandSpec {
            name: "mset",
            arity: -3,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: -1, step: 2 }],
            since: "1.0.1",
            summary: "Stores strings under several keys at once.",
            complexity: "O(N) where N is the number of keys",
            syntax: "key value [key value ...]",
            tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
            ..MANY
        },
        run: mset,
    },
    DataRow {
        spec: CommandSpec {
            name: "msetnx",
            arity: -3,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::INSERT), first: 1, last: -1, step: 2 }],
            since: "1.0.1",
            summary: "Stores strings under several keys at once, if none of the keys exists.",
            complexity: "O(N) where N is the number of keys",
            syntax: "key value [key value ...]",
            tips: &["request_policy:multi_shard", "response_policy:agg_min"],
            ..MANY
        },
        run: msetnx,
    },
];

/// The key at `index`: the first one may be known already.
#[inline]
fn key_at<'k>(exec: &Exec, args: Args<'k>, index: usize) -> Key<'k> {
    if index == 1 { exec.first_key(args, 1) } else { exec.key(args.at(index)) }
}

fn mget(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    reply.array(args.len() - 1);
    for index in 1..args.len() {
        let key = key_at(exec, args, index);
        // What is no string counts as missing here.
        match exec.read(&key).map(|place| exec.entry(&key, place)).filter(|entry| entry.is_string()) {
            Some(entry) => reply.bulk(entry.value()),
            None => reply.null(),
        }
    }
    Ok(())
}

fn mset(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Refusal::Arity("mset"));
    }
    store_pairs(exec, args);
    reply.ok();
    Ok(())
}

fn msetnx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Refusal::Arity("msetnx"));
    }
    for index in (1..args.len()).step_by(2) {
        let key = key_at(exec, args, index);
        if exec.write(&key).is_some() {
            reply.int(0);
            return Ok(());
        }
    }
    store_pairs(exec, args);
    reply.int(1);
    Ok(())
}

/// Stores every pair in order, so that the last value of a repeated key stays.
fn store_pairs(exec: &mut Exec, args: Args) {
    for index in (1..args.len()).step_by(2) {
        let key = key_at(exec, args, index);
        let place = exec.target(&key);
        exec.put(&key, place, args.at(index + 1), Expiry::Never, Shape::Stored);
        exec.happened(&key, 1, EventClasses::STRING, "set");
    }
}

#[cfg(test)]
#[path = "strings_many_tests.rs"]
mod tests;
