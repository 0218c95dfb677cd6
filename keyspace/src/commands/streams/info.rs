//! Streams: what is known about one, XINFO.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::stream::{Consumer, Group, Log, Stream, StreamId};

use super::groups::{help_row, missing_group, misused};
use super::range::{reply_entries, reply_entry};
use super::{STREAM, reply_id, stream_at};

/// The row of `XINFO` itself, which does nothing without a subcommand.
pub const CONTAINER: CommandSpec = CommandSpec {
    name: "xinfo",
    arity: -2,
    summary: "Tells about a stream and its groups.",
    complexity: "Depends on the subcommand.",
    categories: Categories(0),
    ..STREAM
};

/// What the rows of this family share.
const INFO: CommandSpec = CommandSpec {
    flags: Flags::READONLY,
    keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 2, last: 0, step: 1 }],
    ..STREAM
};

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "xinfo|stream",
            arity: -3,
            summary: "Tells about a stream.",
            complexity: "O(N) where N is the number of nodes",
            syntax: "key [FULL full={[COUNT count]}]",
            history: &[
                ("6.0.0", "It takes `FULL`."),
                (
                    "7.0.0",
                    "It tells `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
                ),
            ],
            ..INFO
        },
        run: stream,
    },
    DataRow {
        spec: CommandSpec {
            name: "xinfo|groups",
            arity: 3,
            summary: "Lists the groups of a stream.",
            complexity: "O(N) where N is the number of groups",
            syntax: "key",
            history: &[("7.0.0", "It tells `entries-read` and `lag`.")],
            ..INFO
        },
        run: groups,
    },
    DataRow {
        spec: CommandSpec {
            name: "xinfo|consumers",
            arity: 4,
            summary: "Lists the consumers of a group.",
            complexity: "O(N) where N is the number of consumers",
            syntax: "key groupname",
            tips: &["nondeterministic_output"],
            ..INFO
        },
        run: consumers,
    },
    help_row("xinfo|help", help),
];

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Lists the consumers of a group.",
    "GROUPS <key>",
    "    Lists the groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Tells about a stream; FULL shows entries, groups and consumers, too.",
    "HELP",
    "    Prints this help.",
];

/// Entries, and pending entries of each list, that FULL shows.
const SHOWN_BY_DEFAULT: usize = 10;

fn help(_: &mut Exec, _: Args, reply: &mut Reply) -> Outcome {
    reply.lines(HELP);
    Ok(())
}

/// The stream that the third argument names.
fn find(exec: &mut Exec, key: &Key) -> Result<Place, Refusal> {
    exec.read_as(key, Kind::Stream)?.ok_or(Refusal::NoSuchKey)
}

fn stream(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = find(exec, &key)?;
    let full = match args.len() {
        3 => None,
        4 | 6 if args.is(3, "full") => Some(shown(args)?),
        _ => return Err(misused(args)),
    };
    let stream = stream_at(exec, &key, place);
    let log = stream.log();
    reply.map(if full.is_some() { 9 } else { 10 });
    let counts = [
        ("length", log.len() as i64),
        ("radix-tree-keys", log.nodes() as i64),
        ("radix-tree-nodes", log.radix_nodes() as i64),
    ];
    counts.iter().for_each(|(name, count)| count_of(reply, name, *count));
    id_of(reply, "last-generated-id", log.last_id);
    id_of(reply, "max-deleted-entry-id", log.max_deleted_id);
    count_of(reply, "entries-added", log.entries_added as i64);
    id_of(reply, "recorded-first-entry-id", log.first_id);
    match full {
        None => brief(stream, reply),
        Some(count) => whole(stream, count, reply),
    }
    Ok(())
}

/// How many entries of each list FULL shows.
fn shown(args: Args) -> Result<usize, Refusal> {
    if args.len() == 4 {
        return Ok(SHOWN_BY_DEFAULT);
    }
    if !args.is(4, "count") {
        return Err(misused(args));
    }
    Ok(match parse_i64(args.at(5)).ok_or(Refusal::NotInteger)? {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(SHOWN_BY_DEFAULT),
    })
}

fn count_of(reply: &mut Reply, name: &str, count: i64) {
    reply.text(name);
    reply.int(count);
}

fn id_of(reply: &mut Reply, name: &str, id: StreamId) {
    reply.text(name);
    reply_id(reply, id);
}

/// A count that may not be known.
fn maybe_of(reply: &mut Reply, name: &str, count: Option<i64>) {
    reply.text(name);
    match count {
        Some(count) => reply.int(count),
        None => reply.null(),
    }
}

fn brief(stream: &Stream, reply: &mut Reply) {
    let log = stream.log();
    count_of(reply, "groups", stream.groups().len() as i64);
    let first = log.range(StreamId::MIN, StreamId::MAX).next();
    let last = log.range_back(StreamId::MIN, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.text(name);
        match entry {
            Some(entry) => reply_entry(reply, &entry),
            None => reply.null(),
        }
    }
}

fn whole(stream: &Stream, count: usize, reply: &mut Reply) {
    let log = stream.log();
    reply.text("entries");
    reply_entries(reply, log.range(StreamId::MIN, StreamId::MAX), count);
    reply.text("groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(7);
        reply.text("name");
        reply.bulk(name);
        id_of(reply, "last-delivered-id", group.last_id);
        maybe_of(reply, "entries-read", group.entries_read);
        maybe_of(reply, "lag", group.lag(log));
        count_of(reply, "pel-count", group.pending().len() as i64);
        reply.text("pending");
        reply.counted_array(|reply| {
            let pending = group.pending().iter().take(count);
            pending
                .map(|(id, entry)| {
                    reply.array(4);
                    reply_id(reply, *id);
                    reply.bulk(group.consumer(entry.consumer).name());
                    reply.int(entry.delivered);
                    reply.int(entry.deliveries);
                })
                .count()
        });
        reply.text("consumers");
        reply.array(group.consumers());
        group.iter().for_each(|consumer| whole_consumer(group, consumer, count, reply));
    }
}

fn whole_consumer(group: &Group, consumer: &Consumer, count: usize, reply: &mut Reply) {
    reply.map(4);
    reply.text("name");
    reply.bulk(consumer.name());
    count_of(reply, "seen-time", consumer.seen);
    count_of(reply, "pel-count", consumer.pending().len() as i64);
    reply.text("pending");
    reply.counted_array(|reply| {
        let own = consumer.pending().iter().filter_map(|(id, ())| Some((*id, group.pending().get(id)?)));
        own.take(count)
            .map(|(id, entry)| {
                reply.array(3);
                reply_id(reply, id);
                reply.int(entry.delivered);
                reply.int(entry.deliveries);
            })
            .count()
    });
}

fn group_of(log: &Log, name: &[u8], group: &Group, reply: &mut Reply) {
    reply.map(6);
    reply.text("name");
    reply.bulk(name);
    count_of(reply, "consumers", group.consumers() as i64);
    count_of(reply, "pending", group.pending().len() as i64);
    id_of(reply, "last-delivered-id", group.last_id);
    maybe_of(reply, "entries-read", group.entries_read);
    maybe_of(reply, "lag", group.lag(log));
}

fn groups(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = find(exec, &key)?;
    let stream = stream_at(exec, &key, place);
    reply.array(stream.groups().len());
    stream.groups().iter().for_each(|(name, group)| group_of(stream.log(), name, group, reply));
    Ok(())
}

fn consumers(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = find(exec, &key)?;
    let now = exec.now.0;
    let group = stream_at(exec, &key, place).group(args.at(3)).ok_or_else(|| missing_group(args))?;
    reply.array(group.consumers());
    for consumer in group.iter() {
        reply.map(3);
        reply.text("name");
        reply.bulk(consumer.name());
        count_of(reply, "pending", consumer.pending().len() as i64);
        count_of(reply, "idle", now.wrapping_sub(consumer.seen).max(0));
    }
    Ok(())
}
