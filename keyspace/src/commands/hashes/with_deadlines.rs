//! Hashes: reading or setting fields and their deadlines in one command. HGETDEL, HGETEX, HSETEX.

use evict::deadline::{Author, Base, Placement, Unit, placement};
use evict::gate::DataSet;
use evict::time::UnixMillis;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::hash::HashMut;
use crate::types::kind::Kind;

use super::deadlines::NONE_TO_TELL;
use super::field_list::{field_list, moment};
use super::logged::Changed;
use super::{HASH, STORES, change, delete_emptied, hash_at};

/// What the rows of this family share.
const FIELDS: CommandSpec =
    CommandSpec { since: "8.0.0", complexity: "O(N) where N is the number of fields that are named", ..HASH };

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "hgetdel",
            arity: -5,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Returns the values of fields of a hash and removes the fields.",
            syntax: "key fields=FIELDS {numfields:integer field [field ...]}",
            ..FIELDS
        },
        run: hgetdel,
    },
    DataRow {
        spec: CommandSpec {
            name: "hgetex",
            arity: -5,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Returns the values of fields of a hash, and sets or removes their deadline.",
            syntax: "key expiration=[EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
                     | PERSIST] fields=FIELDS {numfields:integer field [field ...]}",
            ..FIELDS
        },
        run: hgetex,
    },
    DataRow {
        spec: CommandSpec {
            name: "hsetex",
            arity: -6,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            summary: "Sets fields of a hash, and their deadline.",
            syntax: "key condition=[FNX | FXX] expiration=[EX seconds | PX milliseconds | EXAT unix-time-seconds \
                     | PXAT unix-time-milliseconds | KEEPTTL] fields=FIELDS {numfields:integer data={field value} [data ...]}",
            ..FIELDS
        },
        run: hsetex,
    },
];

const ONE_TO_SET: Refusal = Refusal::Text("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
const ONE_CONDITION: Refusal = Refusal::Text("ERR Only one of FXX or FNX arguments can be specified");
const BAD_COUNT: Refusal = Refusal::Text("ERR invalid number of fields");
const NO_TIME: Refusal = Refusal::Text("ERR missing expire time");
const MISCOUNTED: Refusal = Refusal::Arity("hsetex");

/// The most fields that HSETEX may name.
const COUNT_MAX: i64 = i32::MAX as i64;

/// What becomes of the fields' deadlines when their values are set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    /// They go.
    Unsaid,
    /// KEEPTTL.
    Keep,
    At(UnixMillis),
}

/// Which fields must be there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Any,
    /// FNX.
    None,
    /// FXX.
    All,
}

/// What HSETEX is asked for: what stands before the fields, and these.
struct Request<'a> {
    lifetime: Lifetime,
    condition: Condition,
    /// Fields and values in turn.
    list: Args<'a>,
}

/// Where a time counts from, and in which unit, by the word before it.
fn clock(word: &[u8], now: UnixMillis) -> Option<(Unit, Base)> {
    let forms: [(&[u8], _); 4] = [
        (b"ex", (Unit::Seconds, Base::Now(now))),
        (b"px", (Unit::Millis, Base::Now(now))),
        (b"exat", (Unit::Seconds, Base::Epoch)),
        (b"pxat", (Unit::Millis, Base::Epoch)),
    ];
    forms.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, form)| form)
}

/// Reads what HSETEX is asked for: options in any order, and the fields at the end.
fn parse(args: Args<'_>, now: UnixMillis) -> Result<Request<'_>, Refusal> {
    let (mut lifetime, mut condition, mut index) = (Lifetime::Unsaid, Condition::Any, 2);
    let once = |lifetime| if lifetime == Lifetime::Unsaid { Ok(()) } else { Err(ONE_TO_SET) };
    while index < args.len() {
        if args.is(index, "fields") {
            let list = args.from(index + 2);
            if list.len() < 2 {
                return Err(MISCOUNTED);
            }
            let count =
                parse_i64(args.at(index + 1)).filter(|count| (1..=COUNT_MAX).contains(count)).ok_or(BAD_COUNT)?;
            return match count as usize * 2 == list.len() {
                true => Ok(Request { lifetime, condition, list }),
                false => Err(MISCOUNTED),
            };
        }
        if let Some((unit, base)) = clock(args.at(index), now) {
            once(lifetime)?;
            index += 1;
            lifetime = Lifetime::At(moment(args.get(index).ok_or(NO_TIME)?, unit, base, "hsetex")?);
        } else if args.is(index, "keepttl") {
            once(lifetime)?;
            lifetime = Lifetime::Keep;
        } else if args.is(index, "fnx") || args.is(index, "fxx") {
            if condition != Condition::Any {
                return Err(ONE_CONDITION);
            }
            condition = if args.is(index, "fnx") { Condition::None } else { Condition::All };
        } else {
            return Err(Refusal::naming("ERR unknown argument: ", args.at(index), ""));
        }
        index += 1;
    }
    // Five words that say nothing of fields end here.
    Err(MISCOUNTED)
}

/// The key is looked at before the other words.
fn hgetdel(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let fields = field_list(args, 2, NONE_TO_TELL)?;
    get(exec, &key, place, fields, reply, Then::Remove);
    Ok(())
}

/// The key is looked at before the other words. One option may stand before the fields.
fn hgetex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let (then, index) = match clock(args.at(2), exec.now) {
        Some((unit, base)) => {
            let when = moment(args.at(3), unit, base, "hgetex")?;
            let then = match placement(when, exec.now, DataSet::Ready, Author::Own) {
                Placement::Delete => Then::Remove,
                Placement::Store => Then::Deadline(when),
            };
            (then, 4)
        }
        None if args.is(2, "persist") => (Then::Persist, 3),
        None => (Then::Nothing, 2),
    };
    let fields = field_list(args, index, NONE_TO_TELL)?;
    get(exec, &key, place, fields, reply, then);
    Ok(())
}

/// What is done to a field whose value was told.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Remove,
    Persist,
    Deadline(UnixMillis),
}

impl Then {
    /// Does it; true if that changed anything.
    fn apply(self, hash: &mut HashMut, field: &[u8]) -> bool {
        match self {
            Then::Nothing => false,
            Then::Remove => hash.remove(field),
            Then::Persist => {
                let had = hash.deadline(field).flatten().is_some();
                hash.set_deadline(field, None);
                had
            }
            Then::Deadline(when) => {
                hash.set_deadline(field, Some(when));
                true
            }
        }
    }

    /// The event that tells of it.
    fn event(self) -> &'static str {
        match self {
            Then::Nothing => "",
            Then::Remove => "hdel",
            Then::Persist => "hpersist",
            Then::Deadline(_) => "hexpire",
        }
    }
}

/// Removes a field if its deadline has passed, and adds it to `expired`.
fn remove_expired<'a>(hash: &mut HashMut, field: &'a [u8], expired: &mut Vec<&'a [u8]>) {
    if hash.remove_hidden(field) {
        expired.push(field);
    }
}

/// Counts fields that were found expired and removed, and tells of them.
fn tell_expired(exec: &mut Exec, key: &Key, expired: &[&[u8]]) {
    if expired.is_empty() {
        return;
    }
    exec.keyspace.stats.expired_fields += expired.len() as u64;
    exec.touched(key);
    exec.notify(EventClasses::HASH, "hexpired", key);
    exec.log_expired_fields(key, expired);
}

/// Replies with the values of fields, and does something to each that is there. What has expired of them is removed.
fn get(exec: &mut Exec, key: &Key, place: Option<Place>, fields: Args, reply: &mut Reply, then: Then) {
    reply.array(fields.len());
    let Some(place) = place else {
        fields.iter().for_each(|_| reply.null());
        return;
    };
    let (mut changed, mut names, mut expired) = (0, Changed::new(exec), Vec::new());
    let removes_expired = exec.data_set() == DataSet::Ready;
    let emptied = change(exec, key, Some(place), |hash| {
        for field in fields.iter() {
            match hash.get(field) {
                None => {
                    reply.null();
                    if removes_expired {
                        remove_expired(hash, field, &mut expired);
                    }
                }
                Some(value) => {
                    reply.element(value);
                    if then.apply(hash, field) {
                        changed += 1;
                        names.add(field);
                    }
                }
            }
        }
        hash.as_hash().is_empty()
    });
    tell_expired(exec, key, &expired);
    exec.happened(key, changed, EventClasses::HASH, then.event());
    match then {
        Then::Nothing => {}
        Then::Remove => names.log_gone(exec, key),
        Then::Persist => names.log_persist(exec, key),
        Then::Deadline(when) => names.log_deadline(exec, key, when, None),
    }
    if emptied {
        delete_emptied(exec, key, place);
    }
}

fn hsetex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let request = parse(args, exec.now)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let list = request.list;
    let names = || (0..list.len()).step_by(2).map(|index| list.at(index));
    let hash = place.map(|place| hash_at(exec, &key, place));
    let is_there = |name| hash.is_some_and(|hash| hash.get(exec.keyspace.hasher(), name).is_some());
    let allowed = match request.condition {
        Condition::Any => true,
        Condition::None => !names().any(is_there),
        Condition::All => names().all(is_there),
    };
    reply.int(allowed as i64);
    match (request.lifetime, place) {
        _ if !allowed => place.into_iter().for_each(|place| forget_expired(exec, &key, place, names())),
        (Lifetime::At(when), _) if placement(when, exec.now, DataSet::Ready, Author::Own) == Placement::Delete => {
            set_and_remove(exec, &key, place, names());
        }
        _ => set(exec, &key, place, &request),
    }
    Ok(())
}

/// Removes what has expired of the fields that a condition was about.
fn forget_expired<'a>(exec: &mut Exec, key: &Key, place: Place, names: impl Iterator<Item = &'a [u8]>) {
    if exec.data_set() != DataSet::Ready {
        return;
    }
    let mut expired = Vec::new();
    let emptied = change(exec, key, Some(place), |hash| {
        names.for_each(|name| remove_expired(hash, name, &mut expired));
        hash.as_hash().is_empty()
    });
    tell_expired(exec, key, &expired);
    if emptied {
        delete_emptied(exec, key, place);
    }
}

/// Sets fields to a deadline that is past: what is gone at once need not be stored first, but is told of.
fn set_and_remove<'a>(
    exec: &mut Exec,
    key: &Key,
    place: Option<Place>,
    names: impl ExactSizeIterator<Item = &'a [u8]>,
) {
    let (count, mut gone) = (names.len() as u64, Changed::new(exec));
    let emptied = place.is_none_or(|place| {
        change(exec, key, Some(place), |hash| {
            for name in names {
                let before = hash.as_hash().len();
                hash.remove(name);
                if hash.as_hash().len() < before {
                    gone.add(name);
                }
            }
            hash.as_hash().is_empty()
        })
    });
    if place.is_none() {
        exec.notify(EventClasses::NEW, "new", key);
    }
    exec.happened(key, count, EventClasses::HASH, "hset");
    exec.notify(EventClasses::HASH, "hdel", key);
    if gone.is_empty() {
        exec.log_nothing();
    } else {
        gone.log_gone(exec, key);
    }
    match place {
        Some(place) if emptied => delete_emptied(exec, key, place),
        None => exec.emptied(key),
        Some(_) => {}
    }
}

/// Sets fields, and their deadlines.
fn set(exec: &mut Exec, key: &Key, place: Option<Place>, request: &Request) {
    let list = request.list;
    change(exec, key, place, |hash| {
        for index in (0..list.len()).step_by(2) {
            let (name, value) = (list.at(index), list.at(index + 1));
            match request.lifetime {
                Lifetime::Keep => hash.set_value(name, value),
                _ => hash.set(name, value),
            };
            if let Lifetime::At(when) = request.lifetime {
                hash.set_deadline(name, Some(when));
            }
        }
    });
    exec.happened(key, list.len() as u64 / 2, EventClasses::HASH, "hset");
    if let Lifetime::At(when) = request.lifetime {
        exec.notify(EventClasses::HASH, "hexpire", key);
        if exec.is_logged() {
            log_set(exec, key, when, list);
        }
    }
}

/// HSETEX without its condition, which was met, and with the deadline as a time.
fn log_set(exec: &mut Exec, key: &Key, when: UnixMillis, list: Args) {
    let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (time, count) = (time.format(when.0), count.format(list.len() / 2));
    let head = [&b"HSETEX"[..], key.bytes, b"PXAT", time.as_bytes(), b"FIELDS", count.as_bytes()];
    exec.log_words(head.into_iter().chain(list.iter()).collect());
}

#[cfg(test)]
#[path = "with_deadlines_tests.rs"]
mod tests;
