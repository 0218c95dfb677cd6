//! LLEN, LINDEX and LRANGE: reading items by their place.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags};
use crate::types::kind::Kind;
use crate::types::list::List;

use super::{LIST, READ, index_in, integer, one_key, range_in};

/// The rows.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "llen",
            arity: 2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[one_key(KeyFlags::RO)],
            summary: "Counts the items of a list.",
            syntax: "key",
            ..LIST
        },
        run: llen,
    },
    DataRow {
        spec: CommandSpec {
            name: "lindex",
            arity: 3,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            keys: READ,
            summary: "Returns the item of a list at an index.",
            complexity: "O(N) where N is the number of nodes to the nearer end, or of items in a list of one node",
            syntax: "key index:integer",
            ..LIST
        },
        run: lindex,
    },
    DataRow {
        spec: CommandSpec {
            name: "lrange",
            arity: 4,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            keys: READ,
            summary: "Returns the items of a list between two indexes.",
            complexity: "O(S+N) where S is the distance in nodes to the nearer end and N the number of items",
            syntax: "key start:integer stop:integer",
            ..LIST
        },
        run: lrange,
    },
];

/// The list of the first key, if there is one. Counts as a read.
#[inline]
pub(super) fn read<'e>(exec: &'e mut Exec, args: Args) -> Result<Option<List<'e>>, Refusal> {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::List)?;
    Ok(place.map(|place| List::of(exec.keyspace.at(exec.db, key.slot, place))))
}

fn llen(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let len = read(exec, args)?.map_or(0, |list| list.len());
    reply.int(len as i64);
    Ok(())
}

fn lindex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let Some(list) = read(exec, args)? else {
        reply.null();
        return Ok(());
    };
    let index = index_in(integer(args, 2)?, list.len());
    match index.and_then(|index| list.get(index)) {
        Some(item) => reply.element(item),
        None => reply.null(),
    }
    Ok(())
}

fn lrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (start, stop) = (integer(args, 2)?, integer(args, 3)?);
    let Some(list) = read(exec, args)? else {
        reply.array(0);
        return Ok(());
    };
    let (start, count) = range_in(start, stop, list.len());
    reply.array(count);
    if count > 0 {
        list.for_range(start, count, |item| reply.element(item));
    }
    Ok(())
}
