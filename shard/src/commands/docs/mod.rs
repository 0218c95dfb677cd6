//! COMMAND DOCS: what a command is for, since when, and its arguments as a tree.
//!
//! Everything comes from the command's row. The tree of arguments is parsed from the row's syntax whenever it is asked for:
//! that is rare, and a tree in memory would have to be built for every command at the start.

mod argument;
mod syntax;

use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::command::Command;

use argument::Argument;

/// Writes the documentation of `command`: one map. `subcommands` are those to be shown with it.
pub(super) fn write(command: &Command, subcommands: &[&Command], reply: &mut Reply) {
    let spec = command.spec;
    let deprecated = spec.deprecated;
    let texts = [
        ("summary", Some(spec.summary)),
        ("since", Some(spec.since)),
        ("group", Some(spec.group)),
        ("complexity", Some(spec.complexity).filter(|complexity| !complexity.is_empty())),
    ];
    let replaced = [
        ("deprecated_since", deprecated.map(|deprecation| deprecation.since)),
        ("replaced_by", deprecated.map(|deprecation| deprecation.replaced_by)),
    ];
    let flags = [(deprecated.is_some(), "deprecated"), (command.is(Flags::SYSCMD), "syscmd")];
    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    let arguments = arguments(spec);
    let lists =
        [flags.clone().next().is_some(), !spec.history.is_empty(), !arguments.is_empty(), !subcommands.is_empty()];
    let shown = texts.iter().chain(&replaced).filter(|(_, text)| text.is_some()).count();
    reply.map(shown + lists.iter().filter(|&&list| list).count());
    write_texts(&texts, reply);
    let [has_flags, has_history, has_arguments, has_subcommands] = lists;
    if has_flags {
        reply.text("doc_flags");
        write_flags(flags, reply);
    }
    write_texts(&replaced, reply);
    if has_history {
        reply.text("history");
        write_history(spec.history, reply);
    }
    if has_arguments {
        reply.text("arguments");
        let name_words = 1 + spec.name.contains('|') as usize;
        let mut keys = argument::key_specs(&arguments, spec, Some(name_words)).into_iter().map(|(_, index)| index);
        argument::write(&arguments, &mut keys, reply);
    }
    if has_subcommands {
        reply.text("subcommands");
        reply.map(subcommands.len());
        for subcommand in subcommands {
            reply.text(subcommand.spec.name);
            write(subcommand, &[], reply);
        }
    }
}

/// Writes names as a set of status lines, as COMMAND lists every kind of flag.
pub(super) fn write_flags(names: impl Iterator<Item = &'static str> + Clone, reply: &mut Reply) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name));
}

fn write_texts(texts: &[(&str, Option<&str>)], reply: &mut Reply) {
    for (field, text) in texts {
        if let Some(text) = text {
            reply.text(field);
            reply.text(text);
        }
    }
}

fn write_history(history: &[(&str, &str)], reply: &mut Reply) {
    reply.set(history.len());
    for (version, change) in history {
        reply.array(2);
        reply.text(version);
        reply.text(change);
    }
}

fn arguments(spec: &CommandSpec) -> Vec<Argument> {
    syntax::parse(spec.syntax).expect("the syntax of every row is parsed in a test")
}

#[cfg(test)]
mod tests;
