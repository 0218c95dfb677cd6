//! Deadlines: EXPIRE and its family set them, TTL and its family tell them, PERSIST removes them.
//!
//! A deadline is an absolute unix time in milliseconds. A command's time stands still while it runs, so relative times, and the
//! question whether one is past, mean the same moment: `expire-evict.md` §4.

use evict::deadline::{
    Author, Base, Placement, Range, TimeFault, Unit, deadline, left_millis, nearest_seconds, placement,
};
use evict::options::{Conditions, OptionFault};
use evict::time::UnixMillis;

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::limits::Removal;
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

fn conditions(options: Args) -> Result<Conditions, Refusal> {
    Conditions::parse(options.iter()).map_err(|fault| match fault {
        OptionFault::Unknown(word) => Refusal::naming(fault.text(), word, ""),
        OptionFault::NxWithOthers | OptionFault::GtWithLt => Refusal::Text(fault.text()),
    })
}

/// The moment that a time argument means. Only what is too large or too small overflows: a time before 1970 is past like any other.
fn moment(arg: &[u8], unit: Unit, base: Base, name: &'static str) -> Result<UnixMillis, Refusal> {
    let time = parse_i64(arg).ok_or(Refusal::NotInteger)?;
    deadline(time, unit, base, Range::Any).map_err(|_: TimeFault| Refusal::InvalidExpire(name))
}

fn expire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "expire", Unit::Seconds, Base::Now(exec.now))
}

fn pexpire(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "pexpire", Unit::Millis, Base::Now(exec.now))
}

fn expireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "expireat", Unit::Seconds, Base::Epoch)
}

fn pexpireat(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    set(exec, args, reply, "pexpireat", Unit::Millis, Base::Epoch)
}

fn set(exec: &mut Exec, args: Args, reply: &mut Reply, name: &'static str, unit: Unit, base: Base) -> Outcome {
    let conditions = conditions(args.from(3))?;
    let when = moment(args.at(2), unit, base, name)?;
    let key = exec.first_key(args, 1);
    let place = exec.write(&key).filter(|&place| conditions.allow(exec.entry(&key, place).deadline(), when));
    if let Some(place) = place {
        match placement(when, exec.now, exec.data_set(), Author::Own) {
            Placement::Delete => {
                exec.delete_loudly(&key, place, Removal::Expiry);
                exec.log_past(&key);
            }
            Placement::Store => {
                exec.edit(&key, place, |entry| entry.set_deadline(Some(when)));
                exec.happened(&key, 1, EventClasses::GENERIC, "expire");
                if exec.is_logged() && name != "pexpireat" {
                    log_pexpireat(exec, args, when);
                }
            }
        }
    }
    reply.int(place.is_some() as i64);
    Ok(())
}

/// The command with the time that it meant. Its options stay.
fn log_pexpireat(exec: &mut Exec, args: Args, when: UnixMillis) {
    let mut digits = itoa::Buffer::new();
    let words = [&b"PEXPIREAT"[..], args.at(1), digits.format(when.0).as_bytes()];
    exec.log_words(words.into_iter().chain(args.from(3).iter()).collect());
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
    let now = exec.now;
    tell(exec, args, reply, |when| nearest_seconds(left_millis(when, now)))
}

fn pttl(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let now = exec.now;
    tell(exec, args, reply, |when| left_millis(when, now))
}

fn expiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, |when| nearest_seconds(when.0))
}

fn pexpiretime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    tell(exec, args, reply, |when| when.0)
}

fn tell(exec: &mut Exec, args: Args, reply: &mut Reply, form: impl Fn(UnixMillis) -> i64) -> Outcome {
    let key = exec.first_key(args, 1);
    reply.int(match exec.inspect(&key) {
        None => -2,
        Some(place) => exec.entry(&key, place).deadline().map_or(-1, form),
    });
    Ok(())
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "expiry_carried_tests.rs"]
mod carried_tests;
