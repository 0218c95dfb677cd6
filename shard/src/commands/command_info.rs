//! One entry of COMMAND and COMMAND INFO: ten elements, as redis-server 7.0 has them.

use keyspace::reply::Reply;
use keyspace::spec::{Form, KeyFlags, KeySpec, MovableKeys};

use crate::command::{Command, CommandTable};

use super::command::subcommands;
use super::docs::write_flags;

/// Writes the entry of `command`, its subcommands' entries in it.
pub(super) fn write(table: &'static CommandTable, command: &Command, reply: &mut Reply) {
    let spec = command.spec;
    reply.array(10);
    reply.text(spec.name);
    reply.int(spec.arity.into());
    write_flags(spec.flags.names(), reply);
    let (first, last, step) = spec.key_range().unwrap_or_default();
    [first, last, step].into_iter().for_each(|number| reply.int(number.into()));
    let categories = spec.all_categories().names();
    reply.set(categories.clone().count());
    categories.for_each(|name| reply.simple(&format!("@{name}")));
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.text(tip));
    reply.set(spec.keys.len() + spec.movable_keys.len());
    for (index, key) in spec.keys.iter().enumerate() {
        write_key_spec(key, if index == 0 { spec.key_note } else { "" }, reply);
    }
    spec.movable_keys.iter().for_each(|keys| write_movable_keys(keys, reply));
    let subcommands = subcommands(table, command);
    match subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    subcommands.iter().for_each(|subcommand| write(table, subcommand, reply));
}

/// One way to search: its kind, and what it needs to know.
struct Search<'a> {
    kind: &'a str,
    word: Option<&'a str>,
    numbers: &'a [(&'a str, i64)],
}

fn write_key_spec(key: &KeySpec, note: &str, reply: &mut Reply) {
    let begin = Search { kind: "index", word: None, numbers: &[("index", key.first.into())] };
    let range = [("lastkey", key.last.into()), ("keystep", key.step.into()), ("limit", 0)];
    write_searches(key.flags, note, begin, Search { kind: "range", word: None, numbers: &range }, reply);
}

fn write_movable_keys(keys: &MovableKeys, reply: &mut Reply) {
    const NOTHING: Search = Search { kind: "unknown", word: None, numbers: &[] };
    const ONE: Search = Search { kind: "range", word: None, numbers: &[("lastkey", 0), ("keystep", 1), ("limit", 0)] };
    const HALF: Search =
        Search { kind: "range", word: None, numbers: &[("lastkey", -1), ("keystep", 1), ("limit", 2)] };
    const ALL: Search = Search { kind: "range", word: None, numbers: &[("lastkey", -1), ("keystep", 1), ("limit", 0)] };
    const COUNTED: Search =
        Search { kind: "keynum", word: None, numbers: &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)] };
    let start = match keys.form {
        Form::Counted { at } => [("index", at.into())],
        Form::Behind { from, .. } | Form::HalfBehind { from, .. } => [("startfrom", from.into())],
        Form::AllBehind { .. } => [("startfrom", -2)],
        Form::Unknown => [("", 0)],
    };
    let behind = |word| Search { kind: "keyword", word: Some(word), numbers: &start };
    let (begin, find) = match keys.form {
        Form::Counted { .. } => (Search { kind: "index", word: None, numbers: &start }, COUNTED),
        Form::Behind { word, .. } => (behind(word), ONE),
        Form::HalfBehind { word, .. } => (behind(word), HALF),
        Form::AllBehind { word } => (behind(word), ALL),
        Form::Unknown => (NOTHING, NOTHING),
    };
    write_searches(keys.flags, keys.note, begin, find, reply);
}

fn write_searches(flags: KeyFlags, note: &str, begin: Search, find: Search, reply: &mut Reply) {
    reply.map(3 + !note.is_empty() as usize);
    if !note.is_empty() {
        reply.text("notes");
        reply.text(note);
    }
    reply.text("flags");
    write_flags(flags.names(), reply);
    reply.text("begin_search");
    write_search(begin, reply);
    reply.text("find_keys");
    write_search(find, reply);
}

fn write_search(search: Search, reply: &mut Reply) {
    reply.map(2);
    reply.text("type");
    reply.text(search.kind);
    reply.text("spec");
    reply.map(search.word.is_some() as usize + search.numbers.len());
    if let Some(word) = search.word {
        reply.text("keyword");
        reply.text(word);
    }
    for (field, value) in search.numbers {
        reply.text(field);
        reply.int(*value);
    }
}
