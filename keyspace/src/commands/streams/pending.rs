//! Streams: what was delivered and not acknowledged, XPENDING.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags};
use crate::types::kind::Kind;
use crate::types::stream::{Group, Pending, StreamId};

use super::read::no_group;
use super::{STREAM, key, reply_id, stream_at};

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "xpending",
        arity: -3,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        keys: &[key(KeyFlags::RO.and(KeyFlags::ACCESS))],
        summary: "Shows the pending entries of a group: how many there are, or those of a range.",
        complexity: "O(log N + M) where M is the number of pending entries that are looked at; O(M) of M consumers without a range",
        syntax: "key group filters=[{[IDLE min-idle-time:integer]@6.2.0 start end count [consumer]}]",
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "It takes `IDLE`, and an end of the range may be left out with `(`.")],
        ..STREAM
    },
    run: xpending,
}];

/// Which pending entries are shown.
struct Filter<'a> {
    min_idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// Reads everything behind the group, if there is anything.
    fn parse(args: Args<'a>) -> Result<Option<Filter<'a>>, Refusal> {
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(Refusal::Syntax),
        }
        let (mut at, mut min_idle) = (3, 0);
        if args.is(3, "idle") {
            min_idle = parse_i64(args.at(4)).ok_or(Refusal::NotInteger)?;
            if args.len() < 8 {
                return Err(Refusal::Syntax);
            }
            at = 5;
        }
        let count = parse_i64(args.at(at + 2)).ok_or(Refusal::NotInteger)?;
        let count = usize::try_from(count).unwrap_or(0);
        let (start, end) = (StreamId::parse_start(args.at(at))?, StreamId::parse_end(args.at(at + 1))?);
        Ok(Some(Filter { min_idle, start, end, count, consumer: args.get(at + 3) }))
    }
}

fn xpending(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let filter = Filter::parse(args)?;
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Stream)?;
    let group = place.and_then(|place| stream_at(exec, &key, place).group(args.at(2)));
    let group = group.ok_or_else(|| no_group(key.bytes, args.at(2), ""))?;
    match filter {
        None => summary(group, reply),
        Some(filter) => list(group, &filter, exec.now.0, reply),
    }
    Ok(())
}

/// How many entries are pending, the first and the last of them, and each consumer's share.
fn summary(group: &Group, reply: &mut Reply) {
    let pending = group.pending();
    reply.array(4);
    reply.int(pending.len() as i64);
    let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(reply, *pending.at(first).0);
    reply_id(reply, *pending.at(last).0);
    reply.counted_array(|reply| {
        let busy = group.iter().filter(|consumer| !consumer.pending().is_empty());
        busy.map(|consumer| {
            reply.array(2);
            reply.bulk(consumer.name());
            reply.bulk_int(consumer.pending().len() as i64);
        })
        .count()
    });
}

fn list(group: &Group, filter: &Filter, now: i64, reply: &mut Reply) {
    let show = |reply: &mut Reply, id: StreamId, entry: &Pending| {
        reply.array(4);
        reply_id(reply, id);
        reply.bulk(group.consumer(entry.consumer).name());
        reply.int(now.wrapping_sub(entry.delivered).max(0));
        reply.int(entry.deliveries);
    };
    let idle = |entry: &Pending| filter.min_idle == 0 || now.wrapping_sub(entry.delivered) >= filter.min_idle;
    let all = group.pending();
    let Some(consumer) = filter.consumer else {
        let entries = all.iter_from(all.ceiling(&filter.start)).take_while(|(id, _)| **id <= filter.end);
        let entries = entries.filter(|(_, entry)| idle(entry)).take(filter.count);
        reply.counted_array(|reply| entries.map(|(id, entry)| show(reply, *id, entry)).count());
        return;
    };
    let Some(consumer) = group.find(consumer) else {
        reply.array(0);
        return;
    };
    let own = group.consumer(consumer).pending();
    let ids = own.iter_from(own.ceiling(&filter.start)).take_while(|(id, ())| **id <= filter.end);
    let entries = ids.filter_map(|(id, ())| all.get(id).map(|entry| (*id, entry)));
    let entries = entries.filter(|(_, entry)| idle(entry)).take(filter.count);
    reply.counted_array(|reply| entries.map(|(id, entry)| show(reply, id, entry)).count());
}
