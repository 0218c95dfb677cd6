//! Keys as such: whether they are there, what they hold, and their removal.

use crate::args::Args;
use crate::entry::Entry;
use crate::exec::{DataRow, Exec};
use crate::limits::Removal;
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;

const MULTI_SHARD: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

const EVERY_ARGUMENT: KeySpec = KeySpec { flags: KeyFlags::RO, first: 1, last: -1, step: 1 };

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "del",
            arity: -2,
            flags: Flags::WRITE.and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[KeySpec { flags: KeyFlags::RM.and(KeyFlags::DELETE), ..EVERY_ARGUMENT }],
            group: "generic",
            summary: "Removes keys.",
            complexity: "O(N) for N keys; O(M) more for a collection of M elements.",
            syntax: "key [key ...]",
            tips: MULTI_SHARD,
            ..CommandSpec::NONE
        },
        run: del,
    },
    DataRow {
        spec: CommandSpec {
            name: "unlink",
            arity: -2,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[KeySpec { flags: KeyFlags::RM.and(KeyFlags::DELETE), ..EVERY_ARGUMENT }],
            since: "4.0.0",
            group: "generic",
            summary: "Removes keys and frees what they held later.",
            complexity: "O(N) for N keys; memory is given back later.",
            syntax: "key [key ...]",
            tips: MULTI_SHARD,
            ..CommandSpec::NONE
        },
        run: unlink,
    },
    DataRow {
        spec: CommandSpec {
            name: "exists",
            arity: -2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[EVERY_ARGUMENT],
            group: "generic",
            summary: "Counts the named keys that exist; a key named twice counts twice.",
            complexity: "O(N) for N keys.",
            syntax: "key [key ...]",
            tips: MULTI_SHARD,
            history: &[("3.0.3", "It takes more than one key.")],
            ..CommandSpec::NONE
        },
        run: exists,
    },
    DataRow {
        spec: CommandSpec {
            name: "touch",
            arity: -2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[EVERY_ARGUMENT],
            since: "3.2.1",
            group: "generic",
            summary: "Marks keys as used now and counts those that exist.",
            complexity: "O(N) for N keys.",
            syntax: "key [key ...]",
            tips: MULTI_SHARD,
            ..CommandSpec::NONE
        },
        run: touch,
    },
    DataRow {
        spec: CommandSpec {
            name: "type",
            arity: 2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[KeySpec { last: 0, ..EVERY_ARGUMENT }],
            group: "generic",
            summary: "Tells the type of the value under a key.",
            syntax: "key",
            ..CommandSpec::NONE
        },
        run: type_of,
    },
];

/// The name of the type of an entry's value, as TYPE and the TYPE option of SCAN have it.
pub(crate) fn type_name(entry: &Entry) -> &'static str {
    entry.kind().name()
}

/// The keys that are the arguments from the first one on. The first key's hash is known already.
fn each_key<'k>(exec: &mut Exec, args: Args<'k>, mut visit: impl FnMut(&mut Exec, &Key<'k>) -> bool) -> i64 {
    let first = exec.first_key(args, 1);
    let mut count = visit(exec, &first) as i64;
    for bytes in args.from(2).iter() {
        let key = exec.key(bytes);
        count += visit(exec, &key) as i64;
    }
    count
}

fn del(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    remove(exec, args, reply, Removal::Del)
}

fn unlink(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    remove(exec, args, reply, Removal::Unlink)
}

/// DEL and UNLINK. A string or a small collection is one or two allocations, which are freed at once in either case: handing them
/// on would cost more. A large collection is freed later in either case, and sooner for DEL.
fn remove(exec: &mut Exec, args: Args, reply: &mut Reply, removal: Removal) -> Outcome {
    let count = each_key(exec, args, |exec, key| {
        let place = exec.peek(key);
        if let Some(place) = place {
            exec.delete_loudly(key, place, removal);
        }
        place.is_some()
    });
    reply.int(count);
    Ok(())
}

fn exists(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let count = each_key(exec, args, |exec, key| exec.inspect(key).is_some());
    reply.int(count);
    Ok(())
}

/// TOUCH is what marks a key as used even under `CLIENT NO-TOUCH`.
fn touch(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    exec.caller.no_touch = false;
    let count = each_key(exec, args, |exec, key| exec.read(key).is_some());
    reply.int(count);
    Ok(())
}

fn type_of(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    match exec.inspect(&key) {
        Some(place) => reply.simple(type_name(exec.entry(&key, place))),
        None => reply.simple("none"),
    }
    Ok(())
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
