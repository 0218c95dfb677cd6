//! Hashes: setting and removing fields.
//!
//! How a hash is kept is `types::hash`'s business. A hash that loses its last field is deleted: no key holds an empty one.

mod counters;
mod deadlines;
mod field_list;
mod logged;
mod read;
mod walk;
mod with_deadlines;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Deprecation, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::hash::{self, Hash, HashMut};
use crate::types::kind::Kind;

/// What the rows of all families of hashes share.
pub(super) const HASH: CommandSpec =
    CommandSpec { categories: Categories::HASH, since: "2.0.0", group: "hash", ..CommandSpec::NONE };

/// A small write that may grow memory.
pub(super) const STORES: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE);

/// The rows of all hash commands.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    [ROWS, read::ROWS, counters::ROWS, walk::ROWS, deadlines::ROWS, with_deadlines::ROWS].into_iter().flatten()
}

/// The rows of this file.
static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "hset",
            arity: -4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            summary: "Sets fields of a hash; a missing key counts as an empty hash.",
            complexity: "O(N) where N is the number of fields that are set",
            syntax: "key field value [field value ...]",
            history: &[("4.0.0", "It takes more than one field.")],
            ..HASH
        },
        run: hset,
    },
    DataRow {
        spec: CommandSpec {
            name: "hmset",
            arity: -4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            summary: "Sets fields of a hash; HSET is its present name.",
            complexity: "O(N) where N is the number of fields that are set",
            syntax: "key field value [field value ...]",
            deprecated: Some(Deprecation { since: "4.0.0", replaced_by: "`HSET` with multiple field-value pairs" }),
            ..HASH
        },
        run: hmset,
    },
    DataRow {
        spec: CommandSpec {
            name: "hsetnx",
            arity: 4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 1, last: 0, step: 1 }],
            summary: "Sets a field of a hash unless the hash has it.",
            syntax: "key field value",
            ..HASH
        },
        run: hsetnx,
    },
    DataRow {
        spec: CommandSpec {
            name: "hdel",
            arity: -3,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::DELETE), first: 1, last: 0, step: 1 }],
            summary: "Removes fields of a hash, and the key with the last one.",
            complexity: "O(N) where N is the number of fields that are removed",
            syntax: "key field [field ...]",
            history: &[("2.4.0", "It takes more than one field.")],
            ..HASH
        },
        run: hdel,
    },
];

/// Changes the hash of a key, which stands at `place` or is yet to be made.
#[inline]
pub(super) fn change<R>(exec: &mut Exec, key: &Key, place: Option<Place>, change: impl FnOnce(&mut HashMut) -> R) -> R {
    let (limits, now) = (exec.keyspace.limits.hash, exec.now);
    match place {
        Some(place) => {
            exec.edit_hashed(key, place, |entry, hasher| change(&mut HashMut::of(entry, hasher, limits, now)))
        }
        None => {
            let mut entry = hash::empty(key.bytes, exec.access);
            let result = change(&mut HashMut::of(&mut entry, exec.keyspace.hasher(), limits, now));
            exec.insert(key, entry);
            result
        }
    }
}

/// The hash at a place, to read.
#[inline]
pub(super) fn hash_at<'e>(exec: &'e Exec, key: &Key, place: Place) -> Hash<'e> {
    Hash::of(exec.entry(key, place), exec.now)
}

/// Sets the fields that the arguments name from the third on; returns how many are new.
fn set_fields(exec: &mut Exec, args: Args, name: &'static str) -> Result<usize, Refusal> {
    if !args.len().is_multiple_of(2) {
        return Err(Refusal::Arity(name));
    }
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let added = change(exec, &key, place, |hash| {
        (2..args.len()).step_by(2).filter(|&index| hash.set(args.at(index), args.at(index + 1))).count()
    });
    exec.happened(&key, args.len() as u64 / 2 - 1, EventClasses::HASH, "hset");
    Ok(added)
}

/// Deletes a hash that has lost its last field.
pub(super) fn delete_emptied(exec: &mut Exec, key: &Key, place: Place) {
    exec.delete(key, place);
    // What was removed may have been hidden, so that it was not counted.
    exec.touched(key);
    exec.emptied(key);
}

fn hset(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let added = set_fields(exec, args, "hset")?;
    reply.int(added as i64);
    Ok(())
}

fn hmset(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set_fields(exec, args, "hmset")?;
    reply.ok();
    Ok(())
}

fn hsetnx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let field = args.at(2);
    let taken = place.is_some_and(|place| hash_at(exec, &key, place).get(exec.keyspace.hasher(), field).is_some());
    if !taken {
        change(exec, &key, place, |hash| hash.set(field, args.at(3)));
        exec.happened(&key, 1, EventClasses::HASH, "hset");
    }
    reply.int(!taken as i64);
    Ok(())
}

fn hdel(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::Hash)? else {
        reply.int(0);
        return Ok(());
    };
    let before = hash_at(exec, &key, place).len();
    let (removed, left) = change(exec, &key, Some(place), |hash| {
        let mut removed = 0;
        for field in args.from(2).iter() {
            removed += hash.remove(field) as i64;
            if hash.as_hash().is_empty() {
                break;
            }
        }
        (removed, hash.as_hash().len())
    });
    let emptied = left == 0;
    if left < before {
        // Fields that were hidden are not counted, and are gone all the same.
        exec.changed_unseen();
    }
    exec.happened(&key, removed as u64, EventClasses::HASH, "hdel");
    if emptied {
        delete_emptied(exec, &key, place);
    }
    reply.int(removed);
    Ok(())
}

#[cfg(test)]
mod tests;
