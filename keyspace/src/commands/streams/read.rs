//! Streams: what is new in some of them, XREAD, and for a group's consumer, XREADGROUP.
//!
//! With BLOCK they wait if there is nothing. What serves a client that waits has the id that `$` stood for in its place.

use crate::args::{Args, OwnedArgs};
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal, quoted};
use crate::reply::{Reply, Resp};
use crate::signals::Wait;
use crate::spec::{CommandSpec, Flags, Form, KeyFlags, KeyRun, MovableKeys};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::stream::{ConsumerId, Group, ID_BYTES_MAX, Log, Pending, Stream, StreamId};

use super::super::waiting;
use super::groups::tell_of_consumer;
use super::logged::{GroupLog, log_consumer, log_position};
use super::range::{reply_entries, reply_entry};
use super::{STREAM, change, reply_id, stream_at};

/// What the rows of this family share. Not visits: a reply may be any number of entries.
const READ: CommandSpec = CommandSpec {
    complexity: "O(log M + N) for each stream where M is the number of nodes and N the number of entries that are returned",
    ..STREAM
};

const fn streams(from: u8) -> MovableKeys {
    let form = Form::HalfBehind { word: "STREAMS", from };
    let keys = MovableKeys::new(KeyFlags::RO.and(KeyFlags::ACCESS), form);
    MovableKeys { find: Some(find_keys), is_readable: Some(is_readable), ..keys }
}

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "xread",
            arity: -4,
            flags: Flags::READONLY.and(Flags::BLOCKING).and(Flags::MOVABLEKEYS),
            movable_keys: const { &[streams(1)] },
            summary: "Returns the entries of some streams that are newer than given ids.",
            syntax: "[COUNT count] [BLOCK milliseconds] STREAMS streams={key [key ...] id [id ...]}",
            ..READ
        },
        run: xread,
    },
    DataRow {
        spec: CommandSpec {
            name: "xreadgroup",
            arity: -7,
            flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLEKEYS),
            movable_keys: const { &[streams(4)] },
            summary: "Delivers new entries of some streams to a group's consumer, or shows it its pending ones.",
            syntax: "GROUP group_consumer={group consumer} [COUNT count] [BLOCK milliseconds] [NOACK] \
                     STREAMS streams={key [key ...] id [id ...]}",
            ..READ
        },
        run: xreadgroup,
    },
];

/// The most bytes of names in what is kept for one client that waits for streams: names of 1 KiB for 65,536 streams.
const WAITING_NAMES_BYTES_MAX: usize = 64 << 20;

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Client,
    Group,
}

/// The words of a read.
struct Words<'a> {
    /// The most entries of each stream.
    count: usize,
    /// How long to wait when there is nothing, in milliseconds; 0 for ever.
    block: Option<u64>,
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    /// What is delivered counts as acknowledged.
    no_ack: bool,
    /// Index of the first key.
    first: usize,
    /// Number of keys.
    streams: usize,
}

/// Where STREAMS stands, read as the command reads it: it may be the name of a group, too.
fn streams_word(args: Args) -> Option<usize> {
    let mut index = 1;
    while index < args.len() {
        index += match () {
            () if args.is(index, "streams") => return Some(index),
            () if args.is(index, "block") || args.is(index, "count") => 2,
            () if args.is(index, "group") => 3,
            () if args.is(index, "noack") => 1,
            () => return None,
        };
    }
    None
}

fn find_keys(args: Args) -> KeyRun {
    let word = || (1..args.len()).find(|&index| args.is(index, "streams"));
    match streams_word(args).or_else(word) {
        Some(index) => KeyRun { first: index + 1, end: index + 1 + (args.len() - index - 1) / 2, step: 1 },
        None => KeyRun::NONE,
    }
}

/// True if the words lead to as many keys as ids.
fn is_readable(args: Args) -> bool {
    let behind = streams_word(args).map_or(0, |index| args.len() - index - 1);
    behind > 0 && behind.is_multiple_of(2)
}

impl<'a> Words<'a> {
    fn parse(args: Args<'a>, reader: Reader) -> Result<Words<'a>, Refusal> {
        let mut words = Words { count: 0, block: None, group: None, no_ack: false, first: 0, streams: 0 };
        let mut index = 1;
        while index < args.len() {
            let more = args.len() - 1 - index;
            if args.is(index, "block") && more > 0 {
                words.block = Some(waiting::milliseconds(args.at(index + 1))?);
                index += 2;
            } else if args.is(index, "count") && more > 0 {
                let count = parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?;
                words.count = usize::try_from(count).unwrap_or(0);
                index += 2;
            } else if args.is(index, "streams") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(UNBALANCED);
                }
                (words.first, words.streams) = (index + 1, more / 2);
                break;
            } else if args.is(index, "group") && more >= 2 {
                only_in_groups(reader, "GROUP")?;
                words.group = Some((args.at(index + 1), args.at(index + 2)));
                index += 3;
            } else if args.is(index, "noack") {
                only_in_groups(reader, "NOACK")?;
                words.no_ack = true;
                index += 1;
            } else {
                return Err(Refusal::Syntax);
            }
        }
        if words.streams == 0 {
            return Err(Refusal::Syntax);
        }
        if reader == Reader::Group && words.group.is_none() {
            return Err(Refusal::Text("ERR Missing GROUP option for XREADGROUP"));
        }
        if words.count == 0 {
            words.count = usize::MAX;
        }
        Ok(words)
    }

    /// Refuses to wait with names of which there would be too many copies, one for each stream.
    fn check_names(&self) -> Outcome {
        let bytes = self.group.map_or(0, |(group, consumer)| group.len() + consumer.len());
        match bytes.saturating_mul(self.streams) > WAITING_NAMES_BYTES_MAX {
            true => Err(Refusal::Text("ERR the names of group and consumer are too long to wait for so many streams")),
            false => Ok(()),
        }
    }

    /// The command that reads one stream after an id and waits for it: only with `>` does a group's reader wait.
    fn serve(&self, args: Args, index: usize, after: StreamId) -> OwnedArgs {
        let mut serve = waiting::command(&[args.at(0)]);
        let mut add = |words: &[&[u8]]| words.iter().for_each(|word| serve.push(word));
        if let Some((group, consumer)) = self.group {
            add(&[b"GROUP", group, consumer]);
        }
        if self.no_ack {
            add(&[b"NOACK"]);
        }
        if self.count < usize::MAX {
            add(&[b"COUNT", self.count.to_string().as_bytes()]);
        }
        let id = &mut [0; ID_BYTES_MAX];
        let after = if self.group.is_some() { b">" } else { after.text(id) };
        add(&[b"BLOCK", b"0", b"STREAMS", args.at(index), after]);
        serve
    }
}

fn only_in_groups(reader: Reader, option: &str) -> Result<(), Refusal> {
    match reader {
        Reader::Group => Ok(()),
        Reader::Client => Err(Refusal::owned(format!(
            "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
        ))),
    }
}

/// Redis says this of XREADGROUP, too.
const UNBALANCED: Refusal =
    Refusal::Text("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");

/// The refusal of a command that names a group that is not there; `whose` names the command.
pub(super) fn no_group(key: &[u8], group: &[u8], whose: &str) -> Refusal {
    let parts = [
        b"NOGROUP No such key '",
        quoted(key, usize::MAX),
        b"' or consumer group '",
        quoted(group, usize::MAX),
        b"'",
        whose.as_bytes(),
    ];
    Refusal::owned(parts.concat())
}

fn xread(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    read(exec, args, Reader::Client, reply)
}

fn xreadgroup(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    read(exec, args, Reader::Group, reply)
}

/// Looks up a stream to read it. What is tried for a client that waits counts as no look-up of the client's.
fn look_up(exec: &mut Exec, key: &Key) -> Result<Option<Place>, Refusal> {
    if exec.caller.waited { exec.write_as(key, Kind::Stream) } else { exec.read_as(key, Kind::Stream) }
}

/// Looks up a stream, and refuses what is none or has not the group. Who waited is told in other words that the group is gone, and
/// goes on waiting for a stream if it reads without a group.
fn find<'e>(exec: &'e mut Exec, key: &Key, words: &Words) -> Result<Option<&'e Stream>, Refusal> {
    let waited = exec.caller.waited;
    let place = match look_up(exec, key) {
        Err(Refusal::WrongType) if waited => None,
        found => found?,
    };
    let stream = place.map(|place| stream_at(exec, key, place));
    let Some((group, _)) = words.group else { return Ok(stream) };
    match stream {
        Some(stream) if stream.group(group).is_some() => Ok(Some(stream)),
        None if waited => Err(Refusal::Text("UNBLOCKED the stream key no longer exists")),
        Some(_) if waited => {
            Err(Refusal::Text("NOGROUP the consumer group this client was blocked on no longer exists"))
        }
        _ => Err(no_group(key.bytes, group, " in XREADGROUP with GROUP option")),
    }
}

/// After which id each stream is read; `>` is the greatest id.
fn parse_ids(exec: &mut Exec, args: Args, reader: Reader, words: &Words) -> Result<Vec<StreamId>, Refusal> {
    let mut ids = Vec::with_capacity(words.streams);
    for index in words.first..words.first + words.streams {
        let key = exec.key(args.at(index));
        let stream = find(exec, &key, words)?;
        let text = args.at(index + words.streams);
        ids.push(match (text.split(|&byte| byte == 0).next(), reader) {
            (Some(b"$"), Reader::Group) => {
                return Err(Refusal::Text(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                     consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
                     return an empty result set.",
                ));
            }
            (Some(b"$"), Reader::Client) => stream.map_or(StreamId::MIN, |stream| stream.log().last_id),
            (Some(b">"), Reader::Client) => {
                return Err(Refusal::Text(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                     option.",
                ));
            }
            (Some(b">"), Reader::Group) => StreamId::MAX,
            _ => StreamId::parse(text)?,
        });
    }
    Ok(ids)
}

fn read(exec: &mut Exec, args: Args, reader: Reader, reply: &mut Reply) -> Outcome {
    let words = Words::parse(args, reader)?;
    let ids = parse_ids(exec, args, reader, &words)?;
    let (start, mut served) = (reply.len(), 0);
    reply.counted_pairs(|reply| {
        for (index, &after) in (words.first..).zip(&ids) {
            let key = exec.key(args.at(index));
            served += match words.group {
                None => read_new(exec, &key, after, words.count, reply),
                Some((group, consumer)) => {
                    let delivery = Delivery { group, consumer, count: words.count, no_ack: words.no_ack };
                    delivery.serve(exec, &key, after, reply)
                }
            } as usize;
        }
        served
    });
    if served > 0 {
        return Ok(());
    }
    reply.truncate(start);
    match words.block {
        Some(timeout_ms) if !exec.caller.impatient => {
            words.check_names()?;
            let keys =
                (words.first..).zip(&ids).map(|(index, &after)| (args.at(index), words.serve(args, index, after)));
            exec.wait(Wait { timeout_ms, keys: waiting::once_each(keys), minds_loss: reader == Reader::Group });
        }
        _ => reply.null_array(),
    }
    Ok(())
}

/// Writes the head of a stream's part of the reply.
fn begin(reply: &mut Reply, key: &Key) {
    if reply.resp() == Resp::V2 {
        reply.array(2);
    }
    reply.bulk(key.bytes);
}

/// Writes the entries after an id; false if there are none.
fn read_new(exec: &mut Exec, key: &Key, after: StreamId, count: usize, reply: &mut Reply) -> bool {
    // One of another type was refused already, but if the client waited.
    let Ok(Some(place)) = look_up(exec, key) else { return false };
    let log = stream_at(exec, key, place).log();
    let (Some(start), Some(last)) = (after.next(), log.last_live()) else { return false };
    if last < start {
        return false;
    }
    begin(reply, key);
    reply_entries(reply, log.range(start, StreamId::MAX), count);
    true
}

/// What a consumer is to get of one stream.
struct Delivery<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    count: usize,
    no_ack: bool,
}

impl Delivery<'_> {
    /// Writes new entries, if `after` is the greatest id, or those that were delivered to the consumer after that id. False if
    /// there is nothing new.
    fn serve(&self, exec: &mut Exec, key: &Key, after: StreamId, reply: &mut Reply) -> bool {
        let Ok(Some(place)) = look_up(exec, key) else { return false };
        let stream = stream_at(exec, key, place);
        let (log, Some(group)) = (stream.log(), stream.group(self.group)) else { return false };
        let new = after == StreamId::MAX;
        if new && log.last_live().is_none_or(|last| last <= group.last_id) {
            return false;
        }
        begin(reply, key);
        let now = exec.now.0;
        let mut is_new = false;
        let mut logged = GroupLog::new(exec, self.group);
        change(exec, key, place, |stream| {
            stream.edit_group(self.group, |log, group| {
                let (consumer, created) = group.find_or_create(self.consumer, now);
                is_new = created;
                reply.counted_array(|reply| match new {
                    true => self.deliver(key, (log, group), consumer, now, &mut logged, reply),
                    false => self.show_again(log, group, consumer, after, now, reply),
                })
            })
        });
        exec.counted(1);
        if is_new {
            tell_of_consumer(exec, key);
        }
        if is_new && logged.is_empty() {
            log_consumer(exec, key, self.group, self.consumer);
        }
        // A claim says how far the group has read as well.
        if new && logged.is_empty() {
            log_position(exec, key, place, self.group);
        }
        logged.log(exec);
        exec.log_nothing();
        true
    }

    /// Writes what the group has not read yet; returns how many entries.
    fn deliver(
        &self,
        key: &Key,
        (log, group): (&Log, &mut Group),
        consumer: ConsumerId,
        now: i64,
        logged: &mut GroupLog,
        reply: &mut Reply,
    ) -> usize {
        let Some(start) = group.last_id.next() else { return 0 };
        let mut written = 0;
        for entry in log.range(start, StreamId::MAX).take(self.count) {
            group.advance(log, entry.id);
            reply_entry(reply, &entry);
            if !self.no_ack {
                let pending = Pending { consumer, delivered: now, deliveries: 1 };
                group.set_pending(entry.id, pending);
                logged.claim(key, group, self.consumer, entry.id, &pending);
            }
            written += 1;
        }
        written
    }

    /// Writes the consumer's pending entries after an id; returns how many.
    fn show_again(
        &self,
        log: &Log,
        group: &mut Group,
        consumer: ConsumerId,
        after: StreamId,
        now: i64,
        reply: &mut Reply,
    ) -> usize {
        let Some(start) = after.next() else { return 0 };
        let own = group.consumer(consumer).pending();
        let ids: Vec<StreamId> = own.iter_from(own.ceiling(&start)).take(self.count).map(|(id, ())| *id).collect();
        for &id in &ids {
            match log.get(id) {
                Some(entry) => {
                    reply_entry(reply, &entry);
                    group.redeliver(id, now);
                }
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
        ids.len()
    }
}
