//! What several connections see of each other, against redis-server: see `tests::script` for the language of `tests/sessions`.
//!
//! `ASHLAR_BIN=redis-server` plays redis-server against itself, which shows that a case has one answer.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests::compare::check_sessions;
use tests::exceptions::COMMANDS_OF_LATER_VERSIONS;
use tests::frame::Frame;
use tests::script::{self, Action};
use tests::server::{Kind, Server};

/// The families: one file of cases each.
macro_rules! families {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check_sessions(stringify!($name), &[]);
            }
        )*
    };
}

families! {
    notifications
    monitor
    client
    reset
    transactions
    blocking
    pubsub
    scripts
    functions
    tracking
}

/// Commands with keys that are not played for their events: what they run has its own, or they store nothing.
const WITHOUT_EVENTS: &[&str] = &[
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "migrate",
    "pfdebug",
    "pfselftest",
    "restore-asking",
    "spublish",
    "ssubscribe",
    "sunsubscribe",
];

/// Whether a row of COMMAND is of a command with keys.
fn has_keys(row: &[Frame]) -> bool {
    let first_key = row.get(3).and_then(Frame::int).is_some_and(|first| first != 0);
    let flags = row.get(2).and_then(Frame::items).unwrap_or_default();
    first_key || flags.iter().any(|flag| flag.text() == Some(b"movablekeys"))
}

#[test]
fn every_command_with_keys_is_played_for_its_events() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sessions/notifications.txt");
    let text = fs::read_to_string(path).expect("the file is part of the repository");
    let steps = script::read("notifications", &text).into_iter().flat_map(|script| script.steps);
    let played: BTreeSet<String> = steps
        .filter_map(|step| match step.action {
            Action::Call(words) | Action::Keep(words) | Action::Block(Some(words)) => words.into_iter().next(),
            _ => None,
        })
        .map(|verb| String::from_utf8_lossy(&verb).to_ascii_lowercase())
        .collect();
    let server = Server::start(Kind::Ashlar { cores: 1 }, &[]);
    let commands = server.client().ask("COMMAND");
    let rows: Vec<&[Frame]> = commands.items().expect("a list").iter().filter_map(Frame::items).collect();
    assert!(rows.len() > 100, "COMMAND lists {} commands", rows.len());
    let keyed = rows.into_iter().filter(|row| has_keys(row)).filter_map(|row| row.first().and_then(Frame::text));
    let without: Vec<_> = WITHOUT_EVENTS.iter().chain(COMMANDS_OF_LATER_VERSIONS).collect();
    let missing: Vec<String> = keyed
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .filter(|name| !played.contains(name) && !without.contains(&&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "sessions/notifications.txt does not play {missing:?}");
}
