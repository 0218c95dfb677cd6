//! Random commands over few keys, so that clients and cores get into each other's way.

use super::client::{Command, command};
use super::model::DATABASES;

/// Keys: most on slots of their own, two on one slot.
pub(crate) const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "{f}1", "{f}2", "key:7"];

fn key(random: &mut fastrand::Rng) -> &'static str {
    KEYS[random.usize(..KEYS.len())]
}

fn keys(random: &mut fastrand::Rng) -> Vec<&'static str> {
    (0..random.usize(1..5)).map(|_| key(random)).collect()
}

fn value(random: &mut fastrand::Rng) -> String {
    match random.u8(..16) {
        0 => i64::MAX.to_string(),
        1 => String::new(),
        2..8 => random.i64(-3..10).to_string(),
        8 => "v".repeat(random.usize(1..600)),
        _ => format!("v{}", random.u16(..)),
    }
}

fn database(random: &mut fastrand::Rng) -> String {
    random.usize(..DATABASES).to_string()
}

fn pairs(random: &mut fastrand::Rng) -> Vec<String> {
    let keys = keys(random);
    keys.into_iter().flat_map(|key| [key.to_owned(), value(random)]).collect()
}

fn with<T: AsRef<str>>(name: &str, rest: impl IntoIterator<Item = T>) -> Command {
    let mut made = command([name]);
    made.extend(rest.into_iter().map(|word| word.as_ref().as_bytes().to_vec()));
    made
}

/// A command that the model knows.
pub(crate) fn any(random: &mut fastrand::Rng) -> Command {
    match random.u8(..100) {
        0..45 => one_key(random),
        45..85 => several_keys(random),
        85..94 => whole(random),
        _ => session(random),
    }
}

/// Mostly commands that need several cores, exchanges of databases among them.
pub(crate) fn crowded(random: &mut fastrand::Rng) -> Command {
    match random.u8(..10) {
        0..2 => one_key(random),
        2..7 => several_keys(random),
        7 => whole(random),
        _ => command(["SWAPDB", &database(random), &database(random)]),
    }
}

fn one_key(random: &mut fastrand::Rng) -> Command {
    let key = key(random);
    match random.u8(..14) {
        0..4 => command(["GET", key]),
        4 => {
            let options: &[&str] = [&["NX"][..], &["XX"], &["GET"], &["NX", "GET"]][random.usize(..4)];
            let value = value(random);
            with("SET", ["set", key, &value][1..].iter().chain(options))
        }
        5 | 6 => command(["SET", key, &value(random)]),
        7 => command([["SETNX", "GETSET"][random.usize(..2)], key, &value(random)]),
        8 => command(["GETDEL", key]),
        9 => command(["INCR", key]),
        10 => command(["INCRBY", key, &random.i64(-5..5).to_string()]),
        11 => command(["APPEND", key, &value(random)]),
        12 => command([["STRLEN", "TYPE"][random.usize(..2)], key]),
        _ => command(["DEL", key]),
    }
}

fn several_keys(random: &mut fastrand::Rng) -> Command {
    match random.u8(..12) {
        0..3 => with("MSET", pairs(random)),
        3 => with("MSETNX", pairs(random)),
        4..6 => with("MGET", keys(random)),
        6 => with(["DEL", "UNLINK"][random.usize(..2)], keys(random)),
        7 => with(["EXISTS", "TOUCH"][random.usize(..2)], keys(random)),
        8 => command(["RENAME", key(random), key(random)]),
        9 => command(["RENAMENX", key(random), key(random)]),
        10 => {
            let mut made = command(["COPY", key(random), key(random)]);
            if random.bool() {
                made.extend(command(["DB", &database(random)]));
            }
            if random.bool() {
                made.extend(command(["REPLACE"]));
            }
            made
        }
        _ => command(["MOVE", key(random), &database(random)]),
    }
}

fn whole(random: &mut fastrand::Rng) -> Command {
    match random.u8(..12) {
        0 => command(["FLUSHALL"]),
        1 => command(["FLUSHDB"]),
        2 => command(["SWAPDB", &database(random), &database(random)]),
        3..7 => command(["DBSIZE"]),
        7..10 => command(["KEYS", "*"]),
        _ => command(["RANDOMKEY"]),
    }
}

fn session(random: &mut fastrand::Rng) -> Command {
    match random.u8(..6) {
        0 | 1 => command(["SELECT", &database(random)]),
        2 => command(["ECHO", &value(random)]),
        3 => command(["nonsense"]),
        _ => command(["PING"]),
    }
}
