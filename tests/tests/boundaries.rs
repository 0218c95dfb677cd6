//! Boundary arguments for every command against redis-server: see `tests::boundaries` for the files in `tests/boundaries`.
//!
//! `BOUNDARIES=all` plays every value of every argument; else a few of each are chosen by a seed, which is printed and which
//! `BOUNDARIES_SEED` plays again.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests::boundaries::play::{self, Round};
use tests::boundaries::{Section, Selection, read};
use tests::exceptions::COMMANDS_OF_LATER_VERSIONS;
use tests::frame::Frame;
use tests::replay::Protocol;
use tests::server::{Kind, Server};

/// Values of each argument in each round, unless all are played.
const CHOSEN: usize = 3;

/// Commands that store and read no data, or read all of it at once: whole commands with their subcommands, or single subcommands.
const NO_DATA: &[&str] = &[
    "acl",
    "asking",
    "auth",
    "client",
    "cluster",
    "command",
    "config",
    "discard",
    "echo",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "exec",
    "fcall",
    "fcall_ro",
    "function",
    "hello",
    "info",
    "latency",
    "lolwut",
    "memory|doctor",
    "memory|malloc-stats",
    "memory|purge",
    "memory|stats",
    "module",
    "monitor",
    "multi",
    "ping",
    "psubscribe",
    "publish",
    "pubsub",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "replconf",
    "reset",
    "role",
    "script",
    "shutdown",
    "slowlog",
    "spublish",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "sync",
    "time",
    "unsubscribe",
    "unwatch",
    "watch",
];

/// Commands that wait for ever with some of the values: `tests/sessions/blocking.txt` has their arguments. MIGRATE waits for another
/// server; the suite `migrate` has its arguments.
const WAITS: &[&str] =
    &["blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax", "bzpopmin", "migrate"];

fn sections(family: &str) -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("boundaries").join(format!("{family}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(family, &text)
}

fn check(family: &str) {
    let small = Round { setting: 0, protocol: Protocol::Resp2 };
    let large = Round { setting: 1, protocol: Protocol::Resp3 };
    let selection = match std::env::var("BOUNDARIES").as_deref() {
        Ok("all") => Selection::All,
        Ok(other) => panic!("BOUNDARIES={other} is not \"all\""),
        Err(_) => Selection::Some(CHOSEN),
    };
    let seed = match std::env::var("BOUNDARIES_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("BOUNDARIES_SEED={text} is not a number")),
        Err(_) => fastrand::u64(..),
    };
    play::check(family, &sections(family), selection, seed, &[small, large]);
}

macro_rules! families {
    ($($name:ident)*) => {
        const FAMILIES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

families! {
    strings
    counters
    keys
    lists
    hashes
    sets
    sorted_sets
    bitmaps
    hyperloglogs
    geo
    sort
    streams
}

/// A command that a later change adds must have its samples here.
#[test]
fn every_command_has_a_sample() {
    let reply = Server::start(Kind::Ashlar { cores: 1 }, &[]).client().ask("COMMAND LIST");
    let listed = reply.items().expect("COMMAND LIST answers a list").iter().filter_map(Frame::text);
    let mut sampled = BTreeSet::new();
    for sample in FAMILIES.iter().flat_map(|family| sections(family)).flat_map(|section| section.samples) {
        let words: Vec<String> =
            sample.words.iter().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
        sampled.insert(words[0].clone());
        sampled.extend(words.get(1).map(|subcommand| format!("{}|{subcommand}", words[0])));
    }
    let is_missing = |name: &String| {
        let container = name.split('|').next().unwrap_or(name);
        let has_no_data = NO_DATA.contains(&container) || NO_DATA.contains(&&name[..]) || name.ends_with("|help");
        !has_no_data
            && !WAITS.contains(&&name[..])
            && !COMMANDS_OF_LATER_VERSIONS.contains(&&name[..])
            && !sampled.contains(name)
    };
    let missing: Vec<String> =
        listed.map(|name| String::from_utf8_lossy(name).into_owned()).filter(is_missing).collect();
    assert!(missing.is_empty(), "commands without a sample call in tests/boundaries/*.txt: {missing:?}");
}
