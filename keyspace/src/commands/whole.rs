//! Questions about a whole database: KEYS, DBSIZE, RANDOMKEY.

use crate::args::Args;
use crate::glob::{self, Case};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags};
use crate::store::{Db, is_expired};
use crate::whole::{Whole, WholeRow};

/// The rows of this family.
pub static ROWS: &[WholeRow] = &[
    WholeRow {
        spec: CommandSpec {
            name: "keys",
            arity: 2,
            flags: Flags::READONLY.and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
            group: "generic",
            summary: "Lists the keys that match a pattern.",
            complexity: "O(N) for N keys in the database.",
            syntax: "pattern",
            tips: &["request_policy:all_shards", "nondeterministic_output_order"],
            ..CommandSpec::NONE
        },
        run: keys,
    },
    WholeRow {
        spec: CommandSpec {
            name: "dbsize",
            arity: 1,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE,
            group: "server",
            summary: "Counts the keys of the database, expired ones included.",
            tips: &["request_policy:all_shards", "response_policy:agg_sum"],
            ..CommandSpec::NONE
        },
        run: dbsize,
    },
    WholeRow {
        spec: CommandSpec {
            name: "randomkey",
            arity: 1,
            flags: Flags::READONLY.and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE,
            group: "generic",
            summary: "Draws a key of the database.",
            tips: &["request_policy:all_shards", "nondeterministic_output"],
            ..CommandSpec::NONE
        },
        run: randomkey,
    },
];

/// Draws after which RANDOMKEY takes the first key that has not expired: a database may consist of expired keys, and a draw
/// passes over all slots.
const DRAWS_MAX: usize = 16;

/// What has expired is left out and left alone. No key counts as used.
fn keys(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    let (db, now, pattern) = (whole.db(), whole.now, args.at(1));
    let all = glob::is_everything(pattern);
    let entries = whole.keyspaces.iter().flat_map(|keyspace| keyspace.entries(db));
    let found: Vec<&[u8]> = entries
        .filter(|entry| !is_expired(entry.deadline(), now))
        .map(|entry| entry.key())
        .filter(|key| all || glob::matches(pattern, key, Case::Exact))
        .collect();
    reply.array(found.len());
    found.into_iter().for_each(|key| reply.bulk(key));
    Ok(())
}

fn dbsize(whole: &mut Whole, _: Args, reply: &mut Reply) -> Outcome {
    reply.int(whole.keys(whole.db()) as i64);
    Ok(())
}

fn randomkey(whole: &mut Whole, _: Args, reply: &mut Reply) -> Outcome {
    let db = whole.db();
    match draw(whole, db) {
        Some(key) => reply.bulk(&key),
        None => reply.null(),
    }
    Ok(())
}

/// A key of `db` that has not expired. What is drawn and has expired is removed, as whoever asked for it would have done.
fn draw(whole: &mut Whole, db: Db) -> Option<Vec<u8>> {
    let now = whole.now;
    for _ in 0..DRAWS_MAX {
        let mut rank = match whole.keys(db) {
            0 => return None,
            keys => whole.keyspaces[0].random.below(keys),
        };
        // A keyspace is chosen by how much it holds.
        let keyspace = whole.keyspaces.iter_mut().find(|keyspace| {
            let held = keyspace.totals(db).keys;
            let found = rank < held;
            rank = rank.saturating_sub(held);
            found
        })?;
        let entry = keyspace.sample(db)?;
        let bytes = entry.key().to_vec();
        if !is_expired(entry.deadline(), now) {
            return Some(bytes);
        }
        if !whole.caller.expiry_paused {
            let key = keyspace.key(&bytes);
            let place = keyspace.locate(db, &key).expect("the key was drawn from here");
            keyspace.expire(db, &key, place);
        }
    }
    let mut entries = whole.keyspaces.iter().flat_map(|keyspace| keyspace.entries(db));
    entries.find(|entry| !is_expired(entry.deadline(), now)).map(|entry| entry.key().to_vec())
}

#[cfg(test)]
#[path = "whole_tests.rs"]
mod tests;
