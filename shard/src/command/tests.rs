//! Names, numbers of arguments, and the texts of rejections: as redis-server 7.0.15 answers the same words.

use keyspace::args::OwnedArgs;

use super::*;

fn rejection(words: &[&[u8]]) -> Vec<u8> {
    let args: OwnedArgs = words.iter().collect();
    match table().resolve(args.args()) {
        Ok(command) => format!("is {}", command.spec.name).into_bytes(),
        Err(rejection) => rejection.refusal.text().into_owned(),
    }
}

fn check(words: &[&[u8]], expected: &[u8]) {
    let found = rejection(words);
    assert_eq!(found, expected, "{} for {}", found.escape_ascii(), expected.escape_ascii());
}

#[test]
fn every_row_is_found_by_its_name() {
    for command in table().all() {
        for name in [command.spec.name.to_string(), command.spec.name.to_uppercase()] {
            let found = table().find(name.as_bytes()).map(|found| found.id);
            assert_eq!(found, Some(command.id), "{name}");
        }
        let is_top = !command.spec.name.contains('|');
        assert_eq!(table().find_command(command.spec.name.as_bytes()).is_some(), is_top, "{}", command.spec.name);
    }
}

#[test]
fn words_become_commands() {
    check(&[b"GeT", b"k"], b"is get");
    check(&[b"command"], b"is command");
    check(&[b"Command", b"CouNT"], b"is command|count");
    check(&[b"get"], b"ERR wrong number of arguments for 'get' command");
    check(&[b"get", b"k", b"k"], b"ERR wrong number of arguments for 'get' command");
    check(&[b"command", b"count", b"x"], b"ERR wrong number of arguments for 'command|count' command");
}

#[test]
fn unknown_words_are_quoted_byte_by_byte() {
    let rows: &[(&[&[u8]], &[u8])] = &[
        (&[b""], b"ERR unknown command '', with args beginning with: "),
        (&[b"foo", b""], b"ERR unknown command 'foo', with args beginning with: '' "),
        (&[b"\xff\0x", b"\xfe"], b"ERR unknown command '\xff', with args beginning with: '\xfe' "),
        (&[b"foo", b"a\0b", b"c"], b"ERR unknown command 'foo', with args beginning with: 'a' 'c' "),
        (&[b"get\0", b"k"], b"ERR unknown command 'get', with args beginning with: 'k' "),
        (&[b"command|count"], b"ERR unknown command 'command|count', with args beginning with: "),
        (&[b"cOmmand", b"\xff\0x"], b"ERR unknown subcommand '\xff'. Try COMMAND HELP."),
        (&[b"command", b""], b"ERR unknown subcommand ''. Try COMMAND HELP."),
        (&[b"command", b"count|x"], b"ERR unknown subcommand 'count|x'. Try COMMAND HELP."),
    ];
    rows.iter().for_each(|(words, expected)| check(words, expected));
}

#[test]
fn quotes_end_after_128_bytes() {
    let long = [b'y'; 200];
    let text = |args: &str| format!("ERR unknown command 'foo', with args beginning with: {args}").into_bytes();
    let y = |count: usize| "y".repeat(count);
    check(&[b"foo", &long], &text(&format!("'{}' ", y(128))));
    check(&[b"foo", &long[..125], b"z"], &text(&format!("'{}' ", y(125))));
    check(&[b"foo", &long[..124], b"z", b"w"], &text(&format!("'{}' 'z' ", y(124))));
    check(&[b"foo", &long[..100], &long], &text(&format!("'{}' '{}' ", y(100), y(25))));
    check(&[b"command", &long], format!("ERR unknown subcommand '{}'. Try COMMAND HELP.", y(128)).as_bytes());
    check(&[&long], format!("ERR unknown command '{}', with args beginning with: ", y(128)).as_bytes());
}

#[test]
fn a_rejection_names_the_command_it_counts_for() {
    let counted = |words: &[&str]| {
        let args: OwnedArgs = words.iter().collect();
        let id = table().resolve(args.args()).err().and_then(|rejection| rejection.command);
        id.map(|id| table().get(id).spec.name)
    };
    assert_eq!(counted(&["get"]), Some("get"));
    assert_eq!(counted(&["command", "count", "x"]), Some("command|count"));
    assert_eq!(counted(&["command", "nosuch"]), None);
    assert_eq!(counted(&["nosuch"]), None);
}

#[test]
fn debug_is_one_command() {
    check(&[b"debug"], b"ERR wrong number of arguments for 'debug' command");
    check(&[b"debug", b"nosuch"], b"is debug");
    check(&[b"debug", b"populate", b"1"], b"is debug|populate");
    let shown = |name: &str| table().get(table().shown(table().find(name.as_bytes()).unwrap().id)).spec.name;
    assert_eq!((shown("debug|populate"), shown("command|count")), ("debug", "command|count"));
}
