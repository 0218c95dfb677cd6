//! Streams: entries by their ids, XRANGE and XREVRANGE.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags};
use crate::types::kind::Kind;
use crate::types::stream::{EntryRef, StreamId};

use super::{STREAM, key, reply_id, stream_at};

/// What the rows of this family share.
const RANGE: CommandSpec = CommandSpec {
    arity: -4,
    flags: Flags::READONLY.and(Flags::VISITABLE),
    keys: &[key(KeyFlags::RO.and(KeyFlags::ACCESS))],
    complexity: "O(log M + N) where M is the number of nodes and N the number of entries that are returned",
    history: &[("6.2.0", "An end of the range may be left out with `(`.")],
    ..STREAM
};

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "xrange",
            summary: "Returns the entries of a stream within a range of ids.",
            syntax: "key start end [COUNT count]",
            ..RANGE
        },
        run: xrange,
    },
    DataRow {
        spec: CommandSpec {
            name: "xrevrange",
            summary: "Returns the entries of a stream within a range of ids, the last one first.",
            syntax: "key end start [COUNT count]",
            ..RANGE
        },
        run: xrevrange,
    },
];

/// Which end of a range comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

/// Writes an entry.
pub(super) fn reply_entry(reply: &mut Reply, entry: &EntryRef) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply.array(2 * entry.len);
    for (field, value) in entry.pairs() {
        reply.element(field);
        reply.element(value);
    }
}

/// Writes entries, at most `count` of them.
pub(super) fn reply_entries<'a>(reply: &mut Reply, entries: impl Iterator<Item = EntryRef<'a>>, count: usize) {
    reply.counted_array(|reply| entries.take(count).map(|entry| reply_entry(reply, &entry)).count());
}

fn xrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    range(exec, args, Order::Ascending, reply)
}

fn xrevrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    range(exec, args, Order::Descending, reply)
}

fn range(exec: &mut Exec, args: Args, order: Order, reply: &mut Reply) -> Outcome {
    let (start, end) = match order {
        Order::Ascending => (args.at(2), args.at(3)),
        Order::Descending => (args.at(3), args.at(2)),
    };
    let (start, end) = (StreamId::parse_start(start)?, StreamId::parse_end(end)?);
    let (mut count, mut index) = (None, 4);
    while index < args.len() {
        if !args.is(index, "count") || index + 1 == args.len() {
            return Err(Refusal::Syntax);
        }
        count = Some(parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?);
        index += 2;
    }
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::Stream)? else {
        reply.array(0);
        return Ok(());
    };
    let count = match count {
        None => usize::MAX,
        Some(..=0) => {
            reply.null_array();
            return Ok(());
        }
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
    };
    let log = stream_at(exec, &key, place).log();
    match order {
        Order::Ascending => reply_entries(reply, log.range(start, end), count),
        Order::Descending => reply_entries(reply, log.range_back(start, end), count),
    }
    Ok(())
}
