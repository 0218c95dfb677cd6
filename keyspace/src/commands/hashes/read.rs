//! Hashes: reading fields, one, some or all.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::hash::Hash;
use crate::types::kind::Kind;

use super::{HASH, hash_at};

const ACCESS: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }];
const LOOK: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO, first: 1, last: 0, step: 1 }];

const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE);

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "hget",
            arity: 3,
            flags: FAST_READ,
            keys: ACCESS,
            summary: "Returns the value of a field of a hash.",
            syntax: "key field",
            ..HASH
        },
        run: hget,
    },
    DataRow {
        spec: CommandSpec {
            name: "hmget",
            arity: -3,
            flags: FAST_READ,
            keys: ACCESS,
            summary: "Returns the values of some fields of a hash.",
            complexity: "O(N) where N is the number of fields that are asked for",
            syntax: "key field [field ...]",
            ..HASH
        },
        run: hmget,
    },
    DataRow {
        spec: CommandSpec {
            name: "hlen",
            arity: 2,
            flags: FAST_READ,
            keys: LOOK,
            summary: "Counts the fields of a hash, those included that have expired and are still there.",
            syntax: "key",
            ..HASH
        },
        run: hlen,
    },
    DataRow {
        spec: CommandSpec {
            name: "hexists",
            arity: 3,
            flags: FAST_READ,
            keys: LOOK,
            summary: "Tells whether a hash has a field.",
            syntax: "key field",
            ..HASH
        },
        run: hexists,
    },
    DataRow {
        spec: CommandSpec {
            name: "hstrlen",
            arity: 3,
            flags: FAST_READ,
            keys: LOOK,
            since: "3.2.0",
            summary: "Returns the length of a field's value in bytes.",
            syntax: "key field",
            ..HASH
        },
        run: hstrlen,
    },
    all("hgetall", "Returns all fields of a hash with their values.", hgetall),
    all("hkeys", "Returns all fields of a hash.", hkeys),
    all("hvals", "Returns the values of all fields of a hash.", hvals),
];

const fn all(name: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: 2,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        keys: ACCESS,
        summary,
        complexity: "O(N) where N is the number of fields",
        syntax: "key",
        tips: &["nondeterministic_output_order"],
        ..HASH
    };
    DataRow { spec, run }
}

/// The hash of the first key, if there is one. Counts as a read.
#[inline]
pub(super) fn read<'e>(exec: &'e mut Exec, args: Args) -> Result<Option<Hash<'e>>, Refusal> {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Hash)?;
    Ok(place.map(|place| hash_at(exec, &key, place)))
}

/// The value of the field that is the second argument of the first key's hash.
#[inline]
fn field<'e>(exec: &'e mut Exec, args: Args) -> Result<Option<Element<'e>>, Refusal> {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Hash)?;
    Ok(place.and_then(|place| hash_at(exec, &key, place).get(exec.keyspace.hasher(), args.at(2))))
}

fn hget(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    match field(exec, args)? {
        Some(value) => reply.element(value),
        None => reply.null(),
    }
    Ok(())
}

fn hmget(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Hash)?;
    let hash = place.map(|place| hash_at(exec, &key, place));
    reply.array(args.len() - 2);
    for field in args.from(2).iter() {
        match hash.and_then(|hash| hash.get(exec.keyspace.hasher(), field)) {
            Some(value) => reply.element(value),
            None => reply.null(),
        }
    }
    Ok(())
}

fn hlen(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let len = read(exec, args)?.map_or(0, |hash| hash.len());
    reply.int(len as i64);
    Ok(())
}

fn hexists(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let found = field(exec, args)?.is_some();
    reply.int(found as i64);
    Ok(())
}

fn hstrlen(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let len = field(exec, args)?.map_or(0, |value| value.text_len());
    reply.int(len as i64);
    Ok(())
}

fn hgetall(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let hash = read(exec, args)?;
    reply.map(hash.map_or(0, |hash| hash.shown_len()));
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            reply.element(field);
            reply.element(value);
        });
    }
    Ok(())
}

fn hkeys(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let hash = read(exec, args)?;
    reply.array(hash.map_or(0, |hash| hash.shown_len()));
    if let Some(hash) = hash {
        hash.for_each(|field, _| reply.element(field));
    }
    Ok(())
}

fn hvals(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let hash = read(exec, args)?;
    reply.array(hash.map_or(0, |hash| hash.shown_len()));
    if let Some(hash) = hash {
        hash.for_each(|_, value| reply.element(value));
    }
    Ok(())
}
