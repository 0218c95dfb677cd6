//! Strings as whole values, one key at a time: GET, SET and their relatives.
//!
//! GET and SET without options are the hot path of the server: nothing stands between the look-up and the reply. Options are
//! another file's business (`strings_options`).

use evict::time::UnixMillis;

use crate::args::Args;
use crate::entry::Shape;
use crate::exec::{DataRow, Exec, Expiry};
use crate::limits::Removal;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Deprecation, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

use super::strings_options::{Condition, Dialect, Lifetime, Options, TimeForm, deadline, parse};

/// What the rows of this family share.
const STRING: CommandSpec = CommandSpec { categories: Categories::STRING, group: "string", ..CommandSpec::NONE };

/// A small write that may grow memory.
const STORES: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::VISITABLE);

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "get",
            arity: 2,
            flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }],
            summary: "Returns the string value of a key.",
            syntax: "key",
            ..STRING
        },
        run: get,
    },
    DataRow {
        spec: CommandSpec {
            name: "set",
            arity: -3,
            flags: STORES,
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE).and(KeyFlags::VARIABLE_FLAGS),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Stores a string under a key, whatever it held.",
            syntax: "key value condition=[NX | XX]@2.6.12 [GET]@6.2.0 \
                     expiration=[EX seconds@2.6.12 | PX milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 | \
                     PXAT unix-time-milliseconds@6.2.0 | KEEPTTL@6.0.0]",
            key_note: "RW and ACCESS due to the optional `GET` argument",
            history: &[
                ("2.6.12", "The options EX, PX, NX and XX."),
                ("6.0.0", "The option KEEPTTL."),
                ("6.2.0", "The options GET, EXAT and PXAT."),
                ("7.0.0", "NX and GET may be combined."),
            ],
            ..STRING
        },
        run: set,
    },
    DataRow {
        spec: CommandSpec {
            name: "getex",
            arity: -2,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            since: "6.2.0",
            summary: "Returns the string value of a key and sets or removes its deadline.",
            syntax: "key expiration=[EX seconds | PX milliseconds | EXAT unix-time-seconds | \
                     PXAT unix-time-milliseconds | PERSIST]",
            key_note: "RW and UPDATE because it changes the TTL",
            ..STRING
        },
        run: getex,
    },
    DataRow {
        spec: CommandSpec {
            name: "getdel",
            arity: 2,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
                first: 1,
                last: 0,
                step: 1,
            }],
            since: "6.2.0",
            summary: "Returns the string value of a key and deletes the key.",
            syntax: "key",
            ..STRING
        },
        run: getdel,
    },
    DataRow {
        spec: CommandSpec {
            name: "getset",
            arity: 3,
            flags: STORES.and(Flags::FAST),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Stores a string under a key and returns the one before.",
            syntax: "key value",
            deprecated: Some(Deprecation { since: "6.2.0", replaced_by: "`SET` with the `!GET` argument" }),
            ..STRING
        },
        run: getset,
    },
    DataRow {
        spec: CommandSpec {
            name: "setnx",
            arity: 3,
            flags: STORES.and(Flags::FAST),
            keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::INSERT), first: 1, last: 0, step: 1 }],
            summary: "Stores a string under a key that does not exist.",
            syntax: "key value",
            ..STRING
        },
        run: setnx,
    },
    DataRow {
        spec: CommandSpec {
            name: "setex",
            arity: 4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            since: "2.0.0",
            summary: "Stores a string under a key for a number of seconds.",
            syntax: "key seconds value",
            ..STRING
        },
        run: setex,
    },
    DataRow {
        spec: CommandSpec {
            name: "psetex",
            arity: 4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            since: "2.6.0",
            summary: "Stores a string under a key for a number of milliseconds.",
            syntax: "key milliseconds value",
            ..STRING
        },
        run: psetex,
    },
];

fn get(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    read_value(exec, &key, reply)?;
    Ok(())
}

/// Replies with a key's value or null. Counts as a read. Refuses what is no string.
#[inline]
fn read_value(exec: &mut Exec, key: &Key, reply: &mut Reply) -> Result<Option<Place>, Refusal> {
    let place = exec.read(key);
    match place {
        Some(place) => {
            let entry = exec.entry(key, place);
            if !entry.is_string() {
                return Err(Refusal::WrongType);
            }
            reply.bulk(entry.value());
        }
        None => reply.null(),
    }
    Ok(place)
}

fn set(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if args.len() > 3 {
        return set_with_options(exec, args, reply);
    }
    let key = exec.first_key(args, 1);
    let place = exec.target(&key);
    exec.put(&key, place, args.at(2), Expiry::Never, Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "set");
    reply.ok();
    Ok(())
}

fn set_with_options(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let Options { condition, get, lifetime } = parse(args.from(3), Dialect::Set)?;
    let expiry = lifetime.expiry(exec.now, "set")?;
    let key = exec.first_key(args, 1);
    // With GET the old value is the whole reply, whether anything is stored or not.
    let place = if get { read_value(exec, &key, reply)? } else { exec.write(&key) };
    if condition != Condition::Always && place.is_some() != (condition == Condition::Existing) {
        if !get {
            reply.null();
        }
        return Ok(());
    }
    if get && let Some(place) = place {
        exec.overwritten(&key, place);
    }
    exec.put(&key, place, args.at(2), expiry, Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "set");
    if let Expiry::At(_) = expiry {
        exec.notify(EventClasses::GENERIC, "expire", &key);
    }
    if exec.is_logged() {
        log_set(exec, args, expiry);
    }
    if !get {
        reply.ok();
    }
    Ok(())
}

/// SET without what needs not be said again.
fn log_set(exec: &mut Exec, args: Args, expiry: Expiry) {
    if let Expiry::At(at) = expiry {
        return log_set_until(exec, args.at(1), args.at(2), at);
    }
    let options = (3..args.len()).filter(|&index| !args.is(index, "get")).map(|index| args.at(index));
    exec.log_words(args.iter().take(3).chain(options).collect());
}

/// Whatever has stored a string until a time is logged as SET.
fn log_set_until(exec: &mut Exec, key: &[u8], value: &[u8], at: UnixMillis) {
    exec.log_as(&[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at.0).as_bytes()]);
}

fn setnx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    if exec.write(&key).is_some() {
        reply.int(0);
        return Ok(());
    }
    exec.put(&key, None, args.at(2), Expiry::Never, Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "set");
    reply.int(1);
    Ok(())
}

fn setex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set_until(exec, args, reply, TimeForm::Seconds, "setex")
}

fn psetex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set_until(exec, args, reply, TimeForm::Millis, "psetex")
}

fn set_until(exec: &mut Exec, args: Args, reply: &mut Reply, form: TimeForm, name: &'static str) -> Outcome {
    let at = deadline(form, args.at(2), exec.now, name)?;
    let key = exec.first_key(args, 1);
    let place = exec.target(&key);
    exec.put(&key, place, args.at(3), Expiry::At(at), Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "set");
    exec.notify(EventClasses::GENERIC, "expire", &key);
    log_set_until(exec, key.bytes, args.at(3), at);
    reply.ok();
    Ok(())
}

fn getset(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = read_value(exec, &key, reply)?;
    if let Some(place) = place {
        exec.overwritten(&key, place);
    }
    exec.put(&key, place, args.at(2), Expiry::Never, Shape::Stored);
    exec.happened(&key, 1, EventClasses::STRING, "set");
    exec.log_as(&[b"SET", key.bytes, args.at(2)]);
    Ok(())
}

fn getdel(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    if let Some(place) = read_value(exec, &key, reply)? {
        exec.delete_loudly(&key, place, Removal::Del);
        exec.log_deletion(exec.keyspace.form_of(Removal::Del), &key);
    }
    Ok(())
}

fn getex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let options = parse(args.from(2), Dialect::GetEx)?;
    let key = exec.first_key(args, 1);
    // A missing key wins over a bad time.
    let Some(place) = exec.read_as(&key, Kind::String)? else {
        reply.null();
        return Ok(());
    };
    let expiry = match options.lifetime {
        Lifetime::Unsaid | Lifetime::Keep => Expiry::Keep,
        Lifetime::Persist => Expiry::Never,
        Lifetime::Until(form, time) => Expiry::At(deadline(form, time, exec.now, "getex")?),
    };
    reply.bulk(exec.entry(&key, place).value());
    match expiry {
        Expiry::Keep => {}
        Expiry::Never => {
            if exec.entry(&key, place).deadline().is_some() {
                exec.edit(&key, place, |entry| entry.set_deadline(None));
                exec.happened(&key, 1, EventClasses::GENERIC, "persist");
                exec.log_as(&[b"PERSIST", key.bytes]);
            }
        }
        Expiry::At(at) => {
            // A time that has come already deletes the key; only an absolute one can be one.
            if at <= exec.now {
                exec.delete_loudly(&key, place, Removal::Expiry);
                exec.log_past(&key);
            } else {
                exec.edit(&key, place, |entry| entry.set_deadline(Some(at)));
                exec.happened(&key, 1, EventClasses::GENERIC, "expire");
                exec.log_as(&[b"PEXPIREAT", key.bytes, itoa::Buffer::new().format(at.0).as_bytes()]);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "strings_tests.rs"]
mod tests;
