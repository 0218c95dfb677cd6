//! One entry of COMMAND and COMMAND INFO: ten elements, as redis-server 7.0 has them.

use keyspace::reply::Reply;
use keyspace::spec::KeySpec;

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
    reply.set(spec.keys.len());
    for (index, key) in spec.keys.iter().enumerate() {
        write_key_spec(key, if index == 0 { spec.key_note } else { "" }, reply);
    }
    let subcommands = subcommands(table, command);
    match subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    subcommands.iter().for_each(|subcommand| write(table, subcommand, reply));
}

fn write_key_spec(key: &KeySpec, note: &str, reply: &mut Reply) {
    reply.map(3 + !note.is_empty() as usize);
    if !note.is_empty() {
        reply.text("notes");
        reply.text(note);
    }
    reply.text("flags");
    write_flags(key.flags.names(), reply);
    reply.text("begin_search");
    write_search("index", &[("index", key.first.into())], reply);
    reply.text("find_keys");
    let range = [("lastkey", key.last.into()), ("keystep", key.step.into()), ("limit", 0)];
    write_search("range", &range, reply);
}

fn write_search(kind: &str, spec: &[(&str, i64)], reply: &mut Reply) {
    reply.map(2);
    reply.text("type");
    reply.text(kind);
    reply.text("spec");
    reply.map(spec.len());
    for (field, value) in spec {
        reply.text(field);
        reply.int(*value);
    }
}
