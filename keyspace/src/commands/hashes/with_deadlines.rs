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

const ONE_TO_GET: Refusal = Refusal::Text("ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified");
const ONE_TO_SET: Refusal = Refusal::Text("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
const ONE_CONDITION: Refusal = Refusal::Text("ERR Only one of FXX or FNX arguments can be specified");
const BAD_COUNT: Refusal = Refusal::Text("ERR invalid number of fields");
const MISCOUNTED: Refusal = Refusal::Text("ERR wrong number of arguments");
const NO_LIST: Refusal = Refusal::Text("ERR missing FIELDS argument");

/// Which of the two commands with options it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Get,
    Set,
}

/// What becomes of the fields' deadlines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    /// Read, they stay; set, they go.
    Unsaid,
    /// PERSIST.
    Persist,
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

/// What stands before the fields, and these.
struct Request<'a> {
    lifetime: Lifetime,
    condition: Condition,
    /// Fields, or fields and values in turn.
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

fn parse<'a>(args: Args<'a>, dialect: Dialect, now: UnixMillis) -> Result<Request<'a>, Refusal> {
    let (name, one_of, stride) = match dialect {
        Dialect::Get => ("hgetex", ONE_TO_GET, 1),
        Dialect::Set => ("hsetex", ONE_TO_SET, 2),
    };
    let (mut lifetime, mut condition, mut index) = (Lifetime::Unsaid, Condition::Any, 2);
    let once = |lifetime| if lifetime == Lifetime::Unsaid { Ok(()) } else { Err(one_of.clone()) };
    while index < args.len() {
        let set = dialect == Dialect::Set;
        if args.is(index, "fields") {
            let count = args.get(index + 1).ok_or(MISCOUNTED)?;
            let count = parse_i64(count).filter(|count| *count > 0).ok_or(BAD_COUNT)? as u64;
            let list = args.from(index + 2);
            if count.checked_mul(stride) != Some(list.len() as u64) {
                return Err(MISCOUNTED);
            }
            return Ok(Request { lifetime, condition, list });
        }
        if let Some((unit, base)) = clock(args.at(index), now) {
            once(lifetime)?;
            index += 1;
            lifetime = Lifetime::At(moment(args.get(index).ok_or(MISCOUNTED)?, unit, base, name)?);
        } else if set && args.is(index, "keepttl") {
            once(lifetime)?;
            lifetime = Lifetime::Keep;
        } else if !set && args.is(index, "persist") {
            once(lifetime)?;
            lifetime = Lifetime::Persist;
        } else if set && (args.is(index, "fnx") || args.is(index, "fxx")) {
            if condition != Condition::Any {
                return Err(ONE_CONDITION);
            }
            condition = if args.is(index, "fnx") { Condition::None } else { Condition::All };
        } else {
            return Err(Refusal::naming("ERR unknown argument: ", args.at(index), ""));
        }
        index += 1;
    }
    Err(NO_LIST)
}

fn hgetdel(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let fields = field_list(args, 2, NONE_TO_TELL)?;
    get(exec, args, fields, reply, Then::Remove)
}

fn hgetex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let request = parse(args, Dialect::Get, exec.now)?;
    let fields = request.list;
    match request.lifetime {
        Lifetime::At(when) => match placement(when, exec.now, DataSet::Ready, Author::Own) {
            Placement::Delete => get(exec, args, fields, reply, Then::Remove),
            Placement::Store => get(exec, args, fields, reply, Then::Deadline(when)),
        },
        Lifetime::Persist => get(exec, args, fields, reply, Then::Persist),
        Lifetime::Unsaid | Lifetime::Keep => get(exec, args, fields, reply, Then::Nothing),
    }
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

/// Replies with the values of fields, and does something to each that is there.
fn get(exec: &mut Exec, args: Args, fields: Args, reply: &mut Reply, then: Then) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    reply.array(fields.len());
    let Some(place) = place else {
        fields.iter().for_each(|_| reply.null());
        return Ok(());
    };
    let (mut changed, mut names) = (0, Changed::new(exec));
    let emptied = change(exec, &key, Some(place), |hash| {
        for field in fields.iter() {
            match hash.get(field) {
                None => reply.null(),
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
    exec.happened(&key, changed, EventClasses::HASH, then.event());
    match then {
        Then::Nothing => {}
        Then::Remove => names.log_gone(exec, &key),
        Then::Persist => names.log_persist(exec, &key),
        Then::Deadline(when) => names.log_deadline(exec, &key, when, None),
    }
    if emptied {
        delete_emptied(exec, &key, place);
    }
    Ok(())
}

fn hsetex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let request = parse(args, Dialect::Set, exec.now)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let list = request.list;
    let names = (0..list.len()).step_by(2).map(|index| list.at(index));
    let hash = place.map(|place| hash_at(exec, &key, place));
    let is_there = |name| hash.is_some_and(|hash| hash.get(exec.keyspace.hasher(), name).is_some());
    let allowed = match request.condition {
        Condition::Any => true,
        Condition::None => !names.clone().any(is_there),
        Condition::All => names.clone().all(is_there),
    };
    reply.int(allowed as i64);
    if !allowed {
        return Ok(());
    }
    let count = names.len() as u64;
    if let Lifetime::At(when) = request.lifetime
        && placement(when, exec.now, DataSet::Ready, Author::Own) == Placement::Delete
    {
        // What is past at once need not be stored first.
        let Some(place) = place else { return Ok(()) };
        let mut gone = Changed::new(exec);
        let (removed, emptied) = change(exec, &key, Some(place), |hash| {
            let mut removed = 0;
            for name in names {
                let before = hash.as_hash().len();
                removed += hash.remove(name) as u64;
                if hash.as_hash().len() < before {
                    gone.add(name);
                }
            }
            (removed, hash.as_hash().is_empty())
        });
        exec.happened(&key, removed, EventClasses::HASH, "hdel");
        gone.log_gone(exec, &key);
        if emptied {
            delete_emptied(exec, &key, place);
        }
        return Ok(());
    }
    change(exec, &key, place, |hash| {
        for (index, name) in names.enumerate() {
            let value = list.at(2 * index + 1);
            match request.lifetime {
                Lifetime::Keep => hash.set_value(name, value),
                _ => hash.set(name, value),
            };
            if let Lifetime::At(when) = request.lifetime {
                hash.set_deadline(name, Some(when));
            }
        }
    });
    exec.happened(&key, count, EventClasses::HASH, "hset");
    if let Lifetime::At(when) = request.lifetime {
        exec.notify(EventClasses::HASH, "hexpire", &key);
        if exec.is_logged() {
            log_set(exec, &key, when, list);
        }
    }
    Ok(())
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
