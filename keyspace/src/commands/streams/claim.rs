//! Streams: taking over pending entries, XCLAIM and XAUTOCLAIM.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal, quoted};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::stream::{EntryRef, Group, Log, Pending, StreamId};

use super::groups::tell_of_consumer;
use super::logged::{GroupLog, log_position};
use super::range::reply_entry;
use super::read::no_group;
use super::{STREAM, change, key, reply_id, stream_at};

/// The rows of this family. Not visits: they take any number of ids.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "xclaim",
            arity: -6,
            flags: Flags::WRITE.and(Flags::FAST),
            keys: &[key(KeyFlags::RW.and(KeyFlags::UPDATE))],
            summary: "Makes pending entries of a group those of another consumer, as if they were delivered to it.",
            complexity: "O(log N) for each id",
            syntax: "key group consumer min-idle-time id [id ...] [IDLE ms:integer] [TIME unix-time-milliseconds] \
                     [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]",
            tips: &["nondeterministic_output"],
            ..STREAM
        },
        run: xclaim,
    },
    DataRow {
        spec: CommandSpec {
            name: "xautoclaim",
            arity: -6,
            flags: Flags::WRITE.and(Flags::FAST),
            keys: &[key(KeyFlags::RW.and(KeyFlags::DELETE))],
            since: "6.2.0",
            summary: "Makes a group's pending entries that are idle those of another consumer, some per call.",
            complexity: "O(log N + M) where M is COUNT",
            syntax: "key group consumer min-idle-time start [COUNT count] [JUSTID]",
            tips: &["nondeterministic_output"],
            history: &[("7.0.0", "The reply also lists the deleted entries that are pending no more.")],
            ..STREAM
        },
        run: xautoclaim,
    },
];

/// What a claimer is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Entries,
    Ids,
}

/// The options of XCLAIM.
struct Claim {
    ids: Vec<StreamId>,
    min_idle: i64,
    /// When the entries count as delivered.
    delivered: i64,
    deliveries: Option<i64>,
    force: bool,
    shown: Shown,
    last_id: StreamId,
}

impl Claim {
    fn parse(args: Args, now: i64) -> Result<Claim, Refusal> {
        let number = |index: usize, error: &'static str| parse_i64(args.at(index)).ok_or(Refusal::Text(error));
        let min_idle = number(4, "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
        // The options begin with the first argument that is no id.
        let ids: Vec<StreamId> = args.from(5).iter().map_while(|text| StreamId::parse(text).ok()).collect();
        let mut index = 5 + ids.len();
        let last_id = StreamId::MIN;
        let mut claim =
            Claim { ids, min_idle, delivered: now, deliveries: None, force: false, shown: Shown::Entries, last_id };
        while index < args.len() {
            let more = index + 1 < args.len();
            let mut taken = 2;
            if args.is(index, "force") {
                (claim.force, taken) = (true, 1);
            } else if args.is(index, "justid") {
                (claim.shown, taken) = (Shown::Ids, 1);
            } else if args.is(index, "idle") && more {
                claim.delivered = now.wrapping_sub(number(index + 1, "ERR Invalid IDLE option argument for XCLAIM")?);
            } else if args.is(index, "time") && more {
                claim.delivered = number(index + 1, "ERR Invalid TIME option argument for XCLAIM")?;
            } else if args.is(index, "retrycount") && more {
                let count = number(index + 1, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                claim.deliveries = (count >= 0).then_some(count);
            } else if args.is(index, "lastid") && more {
                claim.last_id = StreamId::parse(args.at(index + 1))?;
            } else {
                let option = quoted(args.at(index), usize::MAX);
                return Err(Refusal::owned([b"ERR Unrecognized XCLAIM option '", option, b"'"].concat()));
            }
            index += taken;
        }
        // A time that cannot be is now: clients compute it from clocks of their own.
        if !(0..=now).contains(&claim.delivered) {
            claim.delivered = now;
        }
        Ok(claim)
    }

    /// Claims one entry for a consumer, which is made when it gets its first.
    fn take<'l>(&self, log: &'l Log, group: &mut Group, by: &mut By, id: StreamId) -> Taken<'l> {
        let By { key, consumer, now, logged } = by;
        let now = *now;
        let pending = group.pending().get(&id).copied();
        let Some(entry) = log.get(id) else {
            if let Some(pending) = pending {
                logged.claim(key, group, group.consumer(pending.consumer).name(), id, &pending);
            }
            return if group.remove_pending(id) { Taken::Forgotten } else { Taken::No };
        };
        let before = match pending {
            Some(pending) if self.min_idle > 0 && now.wrapping_sub(pending.delivered) < self.min_idle => {
                return Taken::No;
            }
            Some(pending) => pending.deliveries,
            None if self.force => 1,
            None => return Taken::No,
        };
        let deliveries = match (self.deliveries, self.shown) {
            (Some(count), _) => count,
            (None, Shown::Ids) => before,
            (None, Shown::Entries) => before.wrapping_add(1),
        };
        let (place, _) = group.find_or_create(consumer, now);
        let pending = Pending { consumer: place, delivered: self.delivered, deliveries };
        group.set_pending(id, pending);
        logged.claim(key, group, consumer, id, &pending);
        Taken::Yes(entry)
    }
}

/// Who claims, and what is logged of it.
struct By<'a> {
    key: &'a Key<'a>,
    consumer: &'a [u8],
    now: i64,
    logged: GroupLog<'a>,
}

/// What became of an entry that was to be claimed.
enum Taken<'l> {
    /// It is claimed.
    Yes(EntryRef<'l>),
    /// It is deleted, and pending no more.
    Forgotten,
    /// Nothing.
    No,
}

fn show(reply: &mut Reply, entry: &EntryRef, shown: Shown) {
    match shown {
        Shown::Ids => reply_id(reply, entry.id),
        Shown::Entries => reply_entry(reply, entry),
    }
}

/// The place of the first key's stream, which has the group that the second argument names.
fn group_place(exec: &mut Exec, args: Args, key: &Key) -> Result<Place, Refusal> {
    let place = exec.read_as(key, Kind::Stream)?;
    let place = place.filter(|&place| stream_at(exec, key, place).group(args.at(2)).is_some());
    place.ok_or_else(|| no_group(key.bytes, args.at(2), ""))
}

fn xclaim(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = group_place(exec, args, &key)?;
    let now = exec.now.0;
    let claim = Claim::parse(args, now)?;
    let (mut changes, mut is_new) = (0, false);
    let mut by = By { key: &key, consumer: args.at(3), now, logged: GroupLog::new(exec, args.at(2)) };
    let mut moved = false;
    change(exec, &key, place, |stream| {
        stream.edit_group(args.at(2), |log, group| {
            let known = group.find(args.at(3)).is_some();
            if claim.last_id > group.last_id {
                group.last_id = claim.last_id;
                moved = true;
                changes = 1;
            }
            reply.counted_array(|reply| {
                let mut taken = 0;
                for &id in &claim.ids {
                    match claim.take(log, group, &mut by, id) {
                        Taken::Yes(entry) => {
                            show(reply, &entry, claim.shown);
                            taken += 1;
                            changes += 1;
                        }
                        Taken::Forgotten => changes += 1,
                        Taken::No => {}
                    }
                }
                taken
            });
            is_new = !known && group.find(args.at(3)).is_some();
        })
    });
    exec.counted(changes);
    if is_new {
        tell_of_consumer(exec, &key);
    }
    // A claim says how far the group has read as well.
    if moved && by.logged.is_empty() {
        log_position(exec, &key, place, args.at(2));
    }
    by.logged.log(exec);
    Ok(())
}

/// Pending entries that one XAUTOCLAIM looks at, for each that it may claim.
const ATTEMPTS_PER_ENTRY: usize = 10;
/// The greatest COUNT that Redis takes.
const COUNT_MAX: i64 = i64::MAX / 16;
/// The greatest COUNT for which Redis could find room: 16 bytes for each, in the address space of a process.
const COUNT_WITH_ROOM_MAX: i64 = 1 << 43;

/// The options of XAUTOCLAIM.
struct Sweep {
    start: StreamId,
    count: i64,
    claim: Claim,
}

impl Sweep {
    fn parse(args: Args, now: i64) -> Result<Sweep, Refusal> {
        let min_idle = parse_i64(args.at(4));
        let min_idle = min_idle.ok_or(Refusal::Text("ERR Invalid min-idle-time argument for XAUTOCLAIM"))?.max(0);
        let start = StreamId::parse_start(args.at(5))?;
        let (mut count, mut shown, mut index) = (100, Shown::Entries, 6);
        while index < args.len() {
            if args.is(index, "count") && index + 1 < args.len() {
                let number = parse_i64(args.at(index + 1)).filter(|number| (1..=COUNT_MAX).contains(number));
                count = number.ok_or(Refusal::Text("ERR COUNT must be > 0"))?;
                index += 1;
            } else if args.is(index, "justid") {
                shown = Shown::Ids;
            } else {
                return Err(Refusal::Syntax);
            }
            index += 1;
        }
        let claim = Claim {
            ids: Vec::new(),
            min_idle,
            delivered: now,
            deliveries: None,
            force: false,
            shown,
            last_id: StreamId::MIN,
        };
        Ok(Sweep { start, count, claim })
    }

    /// Claims what is idle and writes it; returns how many entries, those that were deleted, and where to go on.
    fn run(&self, log: &Log, group: &mut Group, by: &mut By, reply: &mut Reply) -> Swept {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let mut attempts = count.saturating_mul(ATTEMPTS_PER_ENTRY);
        let mut swept = Swept { entries: 0, deleted: Vec::new(), next: self.start };
        let mut next = Some(self.start);
        while let Some(from) = next {
            let pending = group.pending();
            let Some(at) = pending.ceiling(&from) else {
                swept.next = StreamId::MIN;
                return swept;
            };
            let id = *pending.at(at).0;
            if attempts == 0 || swept.entries + swept.deleted.len() == count {
                swept.next = id;
                return swept;
            }
            attempts -= 1;
            next = id.next();
            match self.claim.take(log, group, by, id) {
                Taken::Yes(entry) => {
                    show(reply, &entry, self.claim.shown);
                    swept.entries += 1;
                }
                Taken::Forgotten => swept.deleted.push(id),
                Taken::No => {}
            }
        }
        swept.next = StreamId::MIN;
        swept
    }
}

/// What one XAUTOCLAIM did.
struct Swept {
    entries: usize,
    deleted: Vec<StreamId>,
    /// The next pending entry; 0-0 at the end.
    next: StreamId,
}

fn xautoclaim(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now.0;
    let sweep = Sweep::parse(args, now)?;
    let key = exec.first_key(args, 1);
    let place = group_place(exec, args, &key)?;
    if sweep.count > COUNT_WITH_ROOM_MAX {
        return Err(Refusal::Text("ERR Insufficient memory, failed allocating transient memory, COUNT too high."));
    }
    // Where to go on stands before the entries, and is known after them.
    let mut entries = Vec::new();
    let mut by = By { key: &key, consumer: args.at(3), now, logged: GroupLog::new(exec, args.at(2)) };
    let swept = change(exec, &key, place, |stream| {
        stream.edit_group(args.at(2), |log, group| {
            let known = group.find(args.at(3)).is_some();
            let swept = sweep.run(log, group, &mut by, &mut Reply::new(&mut entries, reply.resp()));
            (swept, !known && group.find(args.at(3)).is_some())
        })
    });
    let (swept, is_new) = swept.expect("the group was found before");
    exec.counted((swept.entries + swept.deleted.len()) as u64);
    if is_new {
        tell_of_consumer(exec, &key);
    }
    by.logged.log(exec);
    reply.array(3);
    reply_id(reply, swept.next);
    reply.array(swept.entries);
    reply.raw(&entries);
    reply.array(swept.deleted.len());
    swept.deleted.iter().for_each(|id| reply_id(reply, *id));
    Ok(())
}
