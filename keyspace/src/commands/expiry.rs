//! Deadlines: EXPIRE and its family set them, TTL and its family tell them, PERSIST removes them.
//!
//! A deadline is an absolute unix time in milliseconds. A command's time stands still while it runs, so relative times, and the
//! question whether one is past, mean the same moment: `expire-evict.md` §4.

use evict::time::UnixMillis;

use crate::args::{Args, spells};
use crate::exec::{DataFn, DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    setter("expire", "1.0.0", "Sets how many seconds a key lives on.", SECONDS, expire),
    setter("pexpire", "2.6.0", "Sets how many milliseconds a key lives on.", MILLISECONDS, pexpire),
    setter("expireat", "1.2.0", "Sets the unix time, in seconds, until which a key lives.", UNIX_SECONDS, expireat),
    setter(
        "pexpireat",
        "2.6.0",
        "Sets the unix time, in milliseconds, until which a key lives.",
        UNIX_MILLISECONDS,
        pexpireat,
    ),
    teller("ttl", "1.0.0", "Tells how many seconds a key lives on.", TOLD_APART, ttl),
    teller("pttl", "2.6.0", "Tells how many milliseconds a key lives on.", TOLD_APART, pttl),
    teller("expiretime", "7.0.0", "Tells the unix time, in seconds, until which a key lives.", &[], expiretime),
    teller("pexpiretime", "7.0.0", "Tells the unix time, in milliseconds, until which a key lives.", &[], pexpiretime),
    DataRow {
        spec: CommandSpec {
            name: "persist",
            arity: 2,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[UPDATED],
            since: "2.2.0",
            group: "generic",
            summary: "Lets a key live for ever.",
            syntax: "key",
            ..CommandSpec::NONE
        },
        run: persist,
    },
];

const SECONDS: &str = "key seconds condition=[NX | XX | GT | LT]@7.0.0";
const MILLISECONDS: &str = "key milliseconds condition=[NX | XX | GT | LT]@7.0.0";
const UNIX_SECONDS: &str = "key unix-time-seconds condition=[NX | XX | GT | LT]@7.0.0";
const UNIX_MILLISECONDS: &str = "key unix-time-milliseconds condition=[NX | XX | GT | LT]@7.0.0";

/// What changed about the commands that tell how long a key lives on, which no two calls answer alike.
const TOLD_APART: &[(&str, &str)] = &[("2.8.0", "A key that is not there answers -2.")];

const UPDATED: KeySpec = KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 };
const READ: KeySpec = KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 };

const fn setter(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    syntax: &'static str,
    run: DataFn,
) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
        categories: Categories::KEYSPACE,
        keys: &[UPDATED],
        since,
        group: "generic",
        summary,
        syntax,
        history: &[("7.0.0", "The conditions NX, XX, GT and LT.")],
        ..CommandSpec::NONE
    };
    DataRow { spec, run }
}

const fn teller(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    history: &'static [(&'static str, &'static str)],
    run: DataFn,
) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE),
        categories: Categories::KEYSPACE,
        keys: &[READ],
        since,
        group: "generic",
        summary,
        syntax: "key",
        tips: if history.is_empty() { &[] } else { &["nondeterministic_output"] },
        history,
        ..CommandSpec::NONE
    };
    DataRow { spec, run }
}

/// The unit of a time argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// Conditions on the deadline that a key has.
#[derive(Clone, Copy, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn parse(options: Args) -> Result<Conditions, Refusal> {
        let mut found = Conditions::default();
        for option in options.iter() {
            match option {
                word if spells(word, "nx") => found.nx = true,
                word if spells(word, "xx") => found.xx = true,
                word if spells(word, "gt") => found.gt = true,
                word if spells(word, "lt") => found.lt = true,
                _ => return Err(Refusal::naming("ERR Unsupported option ", option, "")),
            }
        }
        if found.nx && (found.xx || found.gt || found.lt) {
            return Err(Refusal::Text("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if found.gt && found.lt {
            return Err(Refusal::Text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(found)
    }

    /// Whether a key with the deadline `current` may get the deadline `when`. No deadline is later than any.
    fn allow(self, current: Option<UnixMillis>, when: UnixMillis) -> bool {
        match current {
            None => !(self.xx || self.gt),
            Some(current) => !(self.nx || (self.gt && when <= current) || (self.lt && when >= current)),
        }
    }
}

/// The moment that a time argument means; `base` is added to it. Only what is too large or too small overflows: a time before
/// 1970 is past like any other.
fn moment(arg: &[u8], unit: Unit, base: i64, name: &'static str) -> Result<UnixMillis, Refusal> {
    let time = parse_i64(arg).ok_or(Refusal::NotInteger)?;
    let millis = if unit == Unit::Seconds { time.checked_mul(1000) } else { Some(time) };
    millis.and_then(|millis| millis.checked_add(base)).map(UnixMillis).ok_or(Refusal::InvalidExpire(name))
}

fn expire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "expire", Unit::Seconds, exec.now.0)
}

fn pexpire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "pexpire", Unit::Millis, exec.now.0)
}

fn expireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "expireat", Unit::Seconds, 0)
}

fn pexpireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "pexpireat", Unit::Millis, 0)
}

fn set(exec: &mut Exec, args: Args, reply: &mut Reply, name: &'static str, unit: Unit, base: i64) -> Outcome {
    let conditions = Conditions::parse(args.from(3))?;
    let when = moment(args.at(2), unit, base, name)?;
    let key = exec.first_key(args, 1);
    let place = exec.write(&key).filter(|&place| conditions.allow(exec.entry(&key, place).deadline(), when));
    if let Some(place) = place {
        // A time that is now is past here, though a key lives through its last millisecond: `expire-evict.md` §3.2.
        if when <= exec.now {
            exec.delete_loudly(&key, place);
        } else {
            exec.edit(&key, place, |entry| entry.set_deadline(Some(when)));
            exec.happened(&key, 1, EventClasses::GENERIC, "expire");
        }
    }
    reply.int(place.is_some() as i64);
    Ok(())
}

fn persist(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write(&key).filter(|&place| exec.entry(&key, place).deadline().is_some());
    if let Some(place) = place {
        exec.edit(&key, place, |entry| entry.set_deadline(None));
        exec.happened(&key, 1, EventClasses::GENERIC, "persist");
    }
    reply.int(place.is_some() as i64);
    Ok(())
}

fn ttl(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now.0;
    tell(exec, args, reply, |when| seconds(left(when, now)))
}

fn pttl(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now.0;
    tell(exec, args, reply, |when| left(when, now))
}

fn expiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, seconds)
}

fn pexpiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, |when| when)
}

fn left(when: i64, now: i64) -> i64 {
    when.saturating_sub(now).max(0)
}

/// Milliseconds, which are not negative, as the nearest number of seconds.
fn seconds(millis: i64) -> i64 {
    millis / 1000 + (millis % 1000 >= 500) as i64
}

fn tell(exec: &mut Exec, args: Args, reply: &mut Reply, form: impl Fn(i64) -> i64) -> Outcome {
    let key = exec.first_key(args, 1);
    reply.int(match exec.inspect(&key) {
        None => -2,
        Some(place) => exec.entry(&key, place).deadline().map_or(-1, |when| form(when.0)),
    });
    Ok(())
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
