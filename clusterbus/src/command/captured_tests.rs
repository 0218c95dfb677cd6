//! What a command is answered is what Redis 7.0.15 answered.
//!
//! `captured.txt` was written by asking three nodes of one cluster, and one that is alone, in this order; the nodes are those of
//! `command_tests.rs`, and the first has a key in slot 5061. A line is the node, the command, and the reply: a `$` stands for any
//! text, a `*` for an array of so many; `~` for an empty word, `L*200` for a long one, and `<m>`, `<o>`, `<r>`, `<x>` for the names of the
//! master that is asked, the other one, the replica, and nobody.
#![allow(non_snake_case)]

use super::command_tests::{ALONE, Asked, MASTER, NAMES, REPLICA};
use super::{ClusterReply, CommandFacts};

const CAPTURED: &str = include_str!("captured.txt");

/// What is newer than 7.0 says otherwise.
const NEWER: [(&str, &str); 2] = [
    ("Invalid TCP base port specified", "Invalid base port specified"),
    ("Invalid TCP bus port specified", "Invalid bus port specified"),
];

fn shown(reply: Result<ClusterReply, String>) -> String {
    match reply {
        Ok(ClusterReply::Ok) => "+OK".into(),
        Ok(ClusterReply::Status(text)) => format!("+{text}"),
        Ok(ClusterReply::Int(number)) => format!(":{number}"),
        Ok(ClusterReply::Array(items)) => format!("*{}", items.len()),
        Ok(_) => "$".into(),
        Err(text) => format!("-{text}"),
    }
}

fn words(line: &str) -> Vec<String> {
    let word = |word: &str| match word.strip_prefix("L*") {
        Some(length) => "a".repeat(length.parse().expect("a length")),
        None => NAMES.iter().fold(word.replace('~', ""), |word, (short, name)| word.replace(short, name)),
    };
    line.split(' ').map(word).collect()
}

#[test]
pub(crate) fn FR_P2C_007_U001_replies_of_redis() {
    let mut facts = CommandFacts::quiet();
    facts.stored.insert(keyspace::slot::Slot::of(b"bar"));
    let nothing = CommandFacts::quiet();
    let (mut master, mut replica, mut alone) = (Asked::new(MASTER), Asked::new(REPLICA), Asked::new(ALONE));
    for line in CAPTURED.lines() {
        let (state, line) = line.split_once(" | ").expect("a node");
        let (command, expected) = line.rsplit_once(" | ").expect("a reply");
        let expected = NAMES.iter().fold(expected.to_owned(), |text, (short, name)| text.replace(short, name));
        let expected = NEWER.iter().fold(expected, |text, (old, new)| text.replace(old, new));
        let reply = match state {
            "master" => master.ask(&words(command), &facts),
            "replica" => replica.ask(&words(command), &facts),
            _ => alone.ask(&words(command), &nothing),
        };
        assert_eq!(shown(reply), expected, "{state}: {command}");
    }
}
