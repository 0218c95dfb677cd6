//! Emptying and exchanging whole databases: FLUSHDB, FLUSHALL, SWAPDB.
//!
//! SYNC and ASYNC both put the tables aside, so the keys are gone at once, and leave the freeing to the turns that follow, a segment at a
//! time: others have their turns meanwhile. They differ in their counters, in what is freed first, and in when the client hears that it
//! is done: with SYNC once the memory is free (`answers_when_free`). What a transaction or a script flushes is not waited for.

use crate::args::Args;
use crate::limits::{LazyFree, Pace, Reach};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags};
use crate::whole::{Whole, WholeRow};

const FLUSHDB: &str = "flushdb";
const FLUSHALL: &str = "flushall";

/// The rows of this family.
pub static ROWS: &[WholeRow] = &[
    WholeRow {
        spec: CommandSpec {
            name: FLUSHDB,
            arity: -1,
            flags: Flags::WRITE.and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
            group: "server",
            summary: "Removes all keys of the database.",
            complexity: "O(1); memory is given back in O(N) for N keys, before the reply with SYNC.",
            syntax: "async=[ASYNC@4.0.0 | SYNC@6.2.0]",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            history: &[("4.0.0", "The mode ASYNC."), ("6.2.0", "The mode SYNC.")],
            ..CommandSpec::NONE
        },
        run: flushdb,
    },
    WholeRow {
        spec: CommandSpec {
            name: FLUSHALL,
            arity: -1,
            flags: Flags::WRITE.and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
            group: "server",
            summary: "Removes all keys of all databases.",
            complexity: "O(1) per database; memory is given back in O(N) for N keys, before the reply with SYNC.",
            syntax: "async=[ASYNC@4.0.0 | SYNC@6.2.0]",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            history: &[("4.0.0", "The mode ASYNC."), ("6.2.0", "The mode SYNC.")],
            ..CommandSpec::NONE
        },
        run: flushall,
    },
    WholeRow {
        spec: CommandSpec {
            name: "swapdb",
            arity: 3,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::ALL_SLOTS),
            categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
            since: "4.0.0",
            group: "server",
            summary: "Exchanges two databases.",
            syntax: "index1:integer index2:integer",
            ..CommandSpec::NONE
        },
        run: swapdb,
    },
];

/// What no option, SYNC or ASYNC says.
fn pace(lazy_free: &LazyFree, args: Args) -> Result<Pace, Refusal> {
    match args.len() {
        1 => Ok(lazy_free.pace_of_flush()),
        2 if args.is(1, "sync") => Ok(Pace::Prompt),
        2 if args.is(1, "async") => Ok(Pace::Lazy),
        _ => Err(Refusal::Syntax),
    }
}

/// Whether the client hears of a command on everything only once what it dropped is free.
pub fn answers_when_free(name: &str, args: Args, lazy_free: &LazyFree) -> bool {
    matches!(name, FLUSHDB | FLUSHALL) && pace(lazy_free, args) == Ok(Pace::Prompt)
}

/// Empties the databases with these numbers. Every key counts as a change, and an empty database as none.
fn flush(whole: &mut Whole, numbers: std::ops::Range<usize>, pace: Pace) {
    for number in numbers {
        let db = whole.database(number).expect("the caller counted the databases");
        whole.counted(whole.keys(db));
        whole.keyspaces.iter_mut().for_each(|keyspace| keyspace.flush(db, pace));
    }
    // It is logged even if there was nothing to remove, as at redis-server.
    whole.keyspaces[0].signals.dirtied();
}

fn flushdb(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    let pace = pace(&whole.keyspaces[0].limits.lazy_free, args)?;
    let number = whole.caller.db as usize;
    flush(whole, number..number + 1, pace);
    reply.ok();
    Ok(())
}

fn flushall(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    let pace = pace(&whole.keyspaces[0].limits.lazy_free, args)?;
    flush(whole, 0..whole.keyspaces[0].databases(), pace);
    reply.ok();
    Ok(())
}

/// A database's number in an argument of SWAPDB, whether or not there is such a database.
fn index(arg: &[u8], refusal: &'static str) -> Result<i32, Refusal> {
    parse_i64(arg).and_then(|number| i32::try_from(number).ok()).ok_or(Refusal::Text(refusal))
}

/// One exchange of two numbers per core: no key moves. It counts as a change even of a database with itself.
fn swapdb(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    if whole.keyspaces[0].limits.reach == Reach::Slot {
        return Err(Refusal::Text("ERR SWAPDB is not allowed in cluster mode"));
    }
    let first = index(args.at(1), "ERR invalid first DB index")?;
    let second = index(args.at(2), "ERR invalid second DB index")?;
    let exists = |number: i32| usize::try_from(number).is_ok_and(|number| whole.database(number).is_some());
    if !exists(first) || !exists(second) {
        return Err(Refusal::Text("ERR DB index is out of range"));
    }
    for keyspace in whole.keyspaces.iter_mut() {
        keyspace.swap_databases(first as usize, second as usize);
    }
    whole.counted(1);
    reply.ok();
    Ok(())
}

#[cfg(test)]
#[path = "flush_tests.rs"]
mod tests;
