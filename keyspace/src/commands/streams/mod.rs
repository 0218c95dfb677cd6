//! Streams: adding and deleting entries, XADD, XDEL, XTRIM, XSETID and XLEN.
//!
//! How a stream is kept is `types::stream`'s business. One without entries stays: it has a last id and groups.

mod claim;
pub mod groups;
pub mod info;
mod logged;
mod options;
mod pending;
mod range;
mod read;

use crate::args::Args;
use crate::entry::Entry;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::Object;
use crate::types::kind::Kind;
use crate::types::stream::{AskedId, ID_BYTES_MAX, Log, Stream, StreamId, Trim, Unfit};

use self::options::{AddOptions, Trimming};

/// What the rows of all families of streams share.
pub(super) const STREAM: CommandSpec =
    CommandSpec { categories: Categories::STREAM, since: "5.0.0", group: "stream", ..CommandSpec::NONE };

/// The only key, with what happens to it.
pub(super) const fn key(flags: KeyFlags) -> KeySpec {
    KeySpec { flags, first: 1, last: 0, step: 1 }
}

const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE);

/// The rows of all stream commands.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    [ROWS, range::ROWS, read::ROWS, groups::ROWS, pending::ROWS, claim::ROWS, info::ROWS].into_iter().flatten()
}

/// The rows of this file.
static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "xadd",
            arity: -5,
            flags: FAST_WRITE.and(Flags::DENYOOM),
            keys: &[key(KeyFlags::RW.and(KeyFlags::UPDATE))],
            summary: "Adds an entry to a stream, which is made if there is none, and trims the stream if asked to.",
            complexity: "O(1), and O(N) where N is the number of entries that are trimmed",
            syntax: "key [NOMKSTREAM]@6.2.0 \
                     trim=[{strategy=<MAXLEN | MINID@6.2.0> operator=[equal== | approximately=~] threshold:string \
                     [LIMIT count]@6.2.0}] id_or_auto=<auto_id=* | id> field value [field value ...]",
            tips: &["nondeterministic_output"],
            key_note: "UPDATE instead of INSERT because of the optional trimming feature",
            history: &[("6.2.0", "It takes `NOMKSTREAM`, `MINID` and `LIMIT`."), ("7.0.0", "An id may be `<ms>-*`.")],
            ..STREAM
        },
        run: xadd,
    },
    DataRow {
        spec: CommandSpec {
            name: "xdel",
            arity: -3,
            flags: FAST_WRITE,
            keys: &[key(KeyFlags::RW.and(KeyFlags::DELETE))],
            summary: "Deletes entries of a stream by their ids.",
            complexity: "O(log N) for each entry",
            syntax: "key id [id ...]",
            ..STREAM
        },
        run: xdel,
    },
    DataRow {
        spec: CommandSpec {
            name: "xtrim",
            arity: -4,
            flags: Flags::WRITE,
            keys: &[key(KeyFlags::RW.and(KeyFlags::DELETE))],
            summary: "Deletes entries from the front of a stream.",
            complexity: "O(N) where N is the number of nodes that are removed",
            syntax: "key trim={strategy=<MAXLEN | MINID@6.2.0> operator=[equal== | approximately=~] threshold:string \
                     [LIMIT count]@6.2.0}",
            tips: &["nondeterministic_output"],
            history: &[("6.2.0", "It takes `MINID` and `LIMIT`.")],
            ..STREAM
        },
        run: xtrim,
    },
    DataRow {
        spec: CommandSpec {
            name: "xsetid",
            arity: -3,
            flags: FAST_WRITE.and(Flags::DENYOOM),
            keys: &[key(KeyFlags::RW.and(KeyFlags::UPDATE))],
            summary: "Sets the last id of a stream, and what else a replica cannot know.",
            syntax: "key last-id [ENTRIESADDED entries_added:integer]@7.0.0 [MAXDELETEDID max_deleted_entry_id]@7.0.0",
            history: &[("7.0.0", "It takes `ENTRIESADDED` and `MAXDELETEDID`.")],
            ..STREAM
        },
        run: xsetid,
    },
    DataRow {
        spec: CommandSpec {
            name: "xlen",
            arity: 2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[key(KeyFlags::RO)],
            summary: "Returns the number of entries of a stream.",
            syntax: "key",
            ..STREAM
        },
        run: xlen,
    },
];

/// The stream of an entry of that kind.
pub(super) fn stream_of(entry: &Entry) -> &Stream {
    match entry.object() {
        Some(Object::Stream(stream)) => stream,
        _ => unreachable!("its kind was checked, and every stream is large"),
    }
}

/// The stream of an entry of that kind, to change.
pub(super) fn stream_mut(entry: &mut Entry) -> &mut Stream {
    match entry.object_mut() {
        Some(Object::Stream(stream)) => stream,
        _ => unreachable!("its kind was checked, and every stream is large"),
    }
}

/// The stream at a place that `read_as` or `write_as` gave.
pub(super) fn stream_at<'e>(exec: &'e Exec, key: &Key, place: Place) -> &'e Stream {
    stream_of(exec.entry(key, place))
}

/// Changes the stream at a place.
pub(super) fn change<R>(exec: &mut Exec, key: &Key, place: Place, change: impl FnOnce(&mut Stream) -> R) -> R {
    exec.edit(key, place, |entry| change(stream_mut(entry)))
}

/// Adds the key of a stream.
pub(super) fn create(exec: &mut Exec, key: &Key, stream: Stream) {
    let entry = Entry::large(key.bytes, Box::new(Object::Stream(Box::new(stream))), exec.access);
    exec.insert(key, entry);
}

/// Writes an id.
pub(super) fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text(&mut [0; ID_BYTES_MAX]));
}

/// Trims a stream; returns how many entries went.
fn trim(exec: &mut Exec, key: &Key, place: Place, trim: Trim) -> u64 {
    let trimmed = change(exec, key, place, |stream| stream.log_mut().trim(trim));
    if let Some(nodes) = trimmed.retired {
        exec.keyspace.drop_parts_later(Box::new(Object::Stream(nodes)));
    }
    trimmed.entries
}

fn unfit(why: Unfit) -> Refusal {
    Refusal::Text(match why {
        Unfit::NotGreater => "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        Unfit::Exhausted => "ERR The stream has exhausted the last possible ID, unable to add more items",
        Unfit::TooLarge => "ERR Elements are too large to be stored",
    })
}

fn xadd(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let options = AddOptions::parse(args, exec.keyspace.limits.stream_node_entries)?;
    let pairs = args.from(options.pairs);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Refusal::Arity("xadd"));
    }
    if options.id == AskedId::Exactly(StreamId::MIN) {
        return Err(Refusal::Text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Stream)?;
    let now = exec.now.0.max(0) as u64;
    let limits = exec.keyspace.limits;
    let id = match place {
        None if options.needs_stream => {
            reply.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::default();
            let id = append(stream.log_mut(), options.id, now, pairs, &limits)?;
            create(exec, &key, stream);
            id
        }
        Some(place) => change(exec, &key, place, |stream| append(stream.log_mut(), options.id, now, pairs, &limits))?,
    };
    reply_id(reply, id);
    exec.happened(&key, 1, EventClasses::STREAM, "xadd");
    if let Some(wanted) = options.trim
        && let Some(place) = exec.peek(&key)
        && trim(exec, &key, place, wanted) > 0
    {
        exec.notify(EventClasses::STREAM, "xtrim", &key);
    }
    let generated = !matches!(options.id, AskedId::Exactly(_));
    let id = generated.then_some((options.pairs - 1, id));
    logged::log_changes(exec, &key, args, id, options.trim.map(|trim| (trim, options.words)));
    Ok(())
}

/// Adds an entry, or refuses and changes nothing.
fn append(
    log: &mut Log,
    asked: AskedId,
    now: u64,
    pairs: Args,
    limits: &crate::limits::DataLimits,
) -> Result<StreamId, Refusal> {
    let id = log.next_id(asked, now).and_then(|id| Log::check(pairs).map(|()| id)).map_err(unfit)?;
    log.append(id, pairs, limits);
    Ok(id)
}

/// Reads all arguments from `from` on as ids.
pub(super) fn parse_ids(args: Args, from: usize) -> Result<Vec<StreamId>, Refusal> {
    args.from(from).iter().map(StreamId::parse).collect()
}

fn xdel(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::Stream)? else {
        reply.int(0);
        return Ok(());
    };
    let ids = parse_ids(args, 2)?;
    let deleted = change(exec, &key, place, |stream| {
        let log = stream.log_mut();
        ids.iter().filter(|id| log.delete(**id)).count()
    });
    exec.happened(&key, deleted as u64, EventClasses::STREAM, "xdel");
    reply.int(deleted as i64);
    Ok(())
}

fn xtrim(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (wanted, words) = Trimming::parse_alone(args, exec.keyspace.limits.stream_node_entries)?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::Stream)? else {
        reply.int(0);
        return Ok(());
    };
    let trimmed = trim(exec, &key, place, wanted);
    exec.happened(&key, trimmed, EventClasses::STREAM, "xtrim");
    if trimmed > 0 {
        logged::log_changes(exec, &key, args, None, Some((wanted, words)));
    }
    reply.int(trimmed as i64);
    Ok(())
}

fn xlen(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Stream)?;
    reply.int(place.map_or(0, |place| stream_at(exec, &key, place).log().len()) as i64);
    Ok(())
}

/// What XSETID sets beside the last id.
#[derive(Default)]
struct Set {
    entries_added: Option<u64>,
    max_deleted_id: StreamId,
}

fn set_options(args: Args, id: StreamId) -> Result<Set, Refusal> {
    let (mut set, mut index) = (Set::default(), 3);
    while index < args.len() {
        let value = args.get(index + 1).ok_or(Refusal::Syntax)?;
        if args.is(index, "entriesadded") {
            let added = parse_i64(value).ok_or(Refusal::NotInteger)?;
            let added = u64::try_from(added).map_err(|_| Refusal::Text("ERR entries_added must be positive"))?;
            set.entries_added = Some(added);
        } else if args.is(index, "maxdeletedid") {
            set.max_deleted_id = StreamId::parse(value)?;
            if id < set.max_deleted_id {
                return Err(Refusal::Text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Refusal::Syntax);
        }
        index += 2;
    }
    Ok(set)
}

fn xsetid(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let id = StreamId::parse(args.at(2))?;
    let set = set_options(args, id)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Stream)?.ok_or(Refusal::NoSuchKey)?;
    let log = stream_at(exec, &key, place).log();
    if log.last_live().is_some_and(|last| id < last) {
        return Err(Refusal::Text("ERR The ID specified in XSETID is smaller than the target stream top item"));
    }
    if !log.is_empty() && set.entries_added.is_some_and(|added| added < log.len()) {
        return Err(Refusal::Text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    change(exec, &key, place, |stream| {
        let log = stream.log_mut();
        log.last_id = id;
        if let Some(added) = set.entries_added {
            log.entries_added = added;
        }
        if set.max_deleted_id != StreamId::MIN {
            log.max_deleted_id = set.max_deleted_id;
        }
    });
    exec.counted(1);
    exec.notify(EventClasses::STREAM, "xsetid", &key);
    reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
