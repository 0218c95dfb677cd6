//! Hashes: deadlines of fields. HEXPIRE and its family set them, HTTL and its family tell them, HPERSIST removes them.
//!
//! `expire-evict.md` §8.1. A field whose deadline has come when it is set is deleted at once, and with the last one the key.

use evict::deadline::{Author, Base, FieldChange, Unit, field_change, full_seconds, left_millis};
use evict::options::Conditions;
use evict::time::UnixMillis;

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;

use super::field_list::{field_list, moment};
use super::logged::Changed;
use super::{HASH, STORES, change, delete_emptied, hash_at};

/// What the rows of this file share.
const DEADLINE: CommandSpec =
    CommandSpec { since: "7.4.0", complexity: "O(N) where N is the number of fields that are named", ..HASH };

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    setter(
        "hexpire",
        "Sets how many seconds fields of a hash live on.",
        "key seconds condition=[NX | XX | GT | LT] fields=FIELDS {numfields:integer field [field ...]}",
        hexpire,
    ),
    setter(
        "hpexpire",
        "Sets how many milliseconds fields of a hash live on.",
        "key milliseconds condition=[NX | XX | GT | LT] fields=FIELDS {numfields:integer field [field ...]}",
        hpexpire,
    ),
    setter(
        "hexpireat",
        "Sets the unix time, in seconds, until which fields of a hash live.",
        "key unix-time-seconds condition=[NX | XX | GT | LT] fields=FIELDS {numfields:integer field [field ...]}",
        hexpireat,
    ),
    setter(
        "hpexpireat",
        "Sets the unix time, in milliseconds, until which fields of a hash live.",
        "key unix-time-milliseconds condition=[NX | XX | GT | LT] fields=FIELDS {numfields:integer field [field ...]}",
        hpexpireat,
    ),
    teller("httl", "Tells how many seconds fields of a hash live on.", TOLD_APART, httl),
    teller("hpttl", "Tells how many milliseconds fields of a hash live on.", TOLD_APART, hpttl),
    teller("hexpiretime", "Tells the unix time, in seconds, until which fields of a hash live.", &[], hexpiretime),
    teller(
        "hpexpiretime",
        "Tells the unix time, in milliseconds, until which fields of a hash live.",
        &[],
        hpexpiretime,
    ),
    DataRow {
        spec: CommandSpec {
            name: "hpersist",
            arity: -5,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: UPDATED,
            summary: "Lets fields of a hash live as long as the hash.",
            syntax: LIST,
            ..DEADLINE
        },
        run: hpersist,
    },
];

/// No two calls answer alike.
const TOLD_APART: &[&str] = &["nondeterministic_output"];

const LIST: &str = "key fields=FIELDS {numfields:integer field [field ...]}";

const UPDATED: &[KeySpec] = &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }];
const READ: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }];

const NONE_TO_SET: &str = "ERR Parameter `numFields` should be greater than 0";
/// What a command that does not set deadlines says of a list without fields.
pub(super) const NONE_TO_TELL: &str = "ERR Number of fields must be a positive integer";

/// The reply for a field that is not there, and for one without a deadline.
const MISSING: i64 = FieldChange::Missing.reply();
const NEVER: i64 = -1;

const fn setter(name: &'static str, summary: &'static str, syntax: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec { name, arity: -6, flags: STORES, keys: UPDATED, summary, syntax, ..DEADLINE };
    DataRow { spec, run }
}

const fn teller(name: &'static str, summary: &'static str, tips: &'static [&'static str], run: DataFn) -> DataRow {
    let flags = Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE);
    DataRow { spec: CommandSpec { name, arity: -5, flags, keys: READ, summary, syntax: LIST, tips, ..DEADLINE }, run }
}

fn hexpire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "hexpire", Unit::Seconds, Base::Now(exec.now))
}

fn hpexpire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "hpexpire", Unit::Millis, Base::Now(exec.now))
}

fn hexpireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "hexpireat", Unit::Seconds, Base::Epoch)
}

fn hpexpireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "hpexpireat", Unit::Millis, Base::Epoch)
}

fn set(exec: &mut Exec, args: Args, reply: &mut Reply, name: &'static str, unit: Unit, base: Base) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let when = moment(args.at(2), unit, base, name)?;
    let condition = Conditions::of_word(args.at(3));
    let word = condition.map(|_| args.at(3));
    let fields = field_list(args, 3 + condition.is_some() as usize, NONE_TO_SET)?;
    reply.array(fields.len());
    let Some(place) = place else {
        fields.iter().for_each(|_| reply.int(MISSING));
        return Ok(());
    };
    let (now, condition) = (exec.now, condition.unwrap_or_default());
    let (mut stored, mut deleted) = (0, 0);
    let (mut timed, mut gone) = (Changed::new(exec), Changed::new(exec));
    let emptied = change(exec, &key, Some(place), |hash| {
        for field in fields.iter() {
            let done = match hash.deadline(field) {
                None => FieldChange::Missing,
                Some(current) => field_change(current, when, now, condition, Author::Own),
            };
            match done {
                FieldChange::Missing | FieldChange::Refused => {}
                FieldChange::Stored => {
                    hash.set_deadline(field, Some(when));
                    timed.add(field);
                    stored += 1;
                }
                FieldChange::Deleted => {
                    hash.remove(field);
                    gone.add(field);
                    deleted += 1;
                }
            }
            reply.int(done.reply());
        }
        hash.as_hash().is_empty()
    });
    exec.happened(&key, stored, EventClasses::HASH, "hexpire");
    exec.happened(&key, deleted, EventClasses::HASH, "hdel");
    timed.log_deadline(exec, &key, when, word);
    gone.log_gone(exec, &key);
    if emptied {
        delete_emptied(exec, &key, place);
    }
    Ok(())
}

fn hpersist(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Hash)?;
    let fields = field_list(args, 2, NONE_TO_TELL)?;
    reply.array(fields.len());
    let Some(place) = place else {
        fields.iter().for_each(|_| reply.int(MISSING));
        return Ok(());
    };
    let (mut freed, mut changed) = (0, Changed::new(exec));
    change(exec, &key, Some(place), |hash| {
        for field in fields.iter() {
            reply.int(match hash.deadline(field) {
                None => MISSING,
                Some(None) => NEVER,
                Some(Some(_)) => {
                    hash.set_deadline(field, None);
                    freed += 1;
                    changed.add(field);
                    1
                }
            });
        }
    });
    exec.happened(&key, freed, EventClasses::HASH, "hpersist");
    changed.log_persist(exec, &key);
    Ok(())
}

fn httl(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now;
    tell(exec, args, reply, |when| full_seconds(left_millis(when, now)))
}

fn hpttl(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now;
    tell(exec, args, reply, |when| left_millis(when, now))
}

fn hexpiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, |when| full_seconds(when.0))
}

fn hpexpiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, |when| when.0)
}

fn tell(exec: &mut Exec, args: Args, reply: &mut Reply, form: impl Fn(UnixMillis) -> i64) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Hash)?;
    let fields = field_list(args, 2, NONE_TO_TELL)?;
    let hash = place.map(|place| hash_at(exec, &key, place));
    reply.array(fields.len());
    for field in fields.iter() {
        reply.int(match hash.and_then(|hash| hash.deadline(exec.keyspace.hasher(), field)) {
            None => MISSING,
            Some(when) => when.map_or(NEVER, &form),
        });
    }
    Ok(())
}

#[cfg(test)]
#[path = "deadlines_tests.rs"]
mod tests;
