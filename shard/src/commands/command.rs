//! COMMAND: what the command table says, for clients.
//!
//! Everything is read from the table; nothing is stored beside it. The order of commands is that of the table (Redis has none).

use keyspace::args::Args;
use keyspace::glob::{self, Case};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::command::{Command, CommandTable, Run};

use super::{SessionExec, SessionFn, SessionRow, command_info, command_keys, docs, write_help};

/// What the rows of this family share.
const COMMAND: CommandSpec = CommandSpec {
    flags: Flags::LOADING.and(Flags::STALE),
    categories: Categories::CONNECTION,
    since: "2.8.13",
    group: "server",
    ..CommandSpec::NONE
};

/// Cost of what names all commands.
const PER_COMMAND: &str = "O(N) for N commands of the server.";

/// Cost of what looks names up.
const PER_NAME: &str = "O(N) for N names.";

/// The order of the table is not promised.
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    row(
        CommandSpec {
            name: "command",
            arity: -1,
            summary: "Describes all commands of the server.",
            complexity: PER_COMMAND,
            tips: UNORDERED,
            ..COMMAND
        },
        everything,
    ),
    row(
        CommandSpec { name: "command|count", arity: 2, summary: "Counts the commands of the server.", ..COMMAND },
        count,
    ),
    row(
        CommandSpec {
            name: "command|list",
            arity: -2,
            since: "7.0.0",
            summary: "Lists the names of commands and subcommands.",
            complexity: PER_COMMAND,
            syntax: "[FILTERBY filterby=<MODULE module-name | ACLCAT category | PATTERN pattern>]",
            tips: UNORDERED,
            ..COMMAND
        },
        list,
    ),
    row(
        CommandSpec {
            name: "command|info",
            arity: -2,
            summary: "Describes commands: arity, flags, keys, categories and subcommands.",
            complexity: PER_NAME,
            syntax: "[command-name [command-name ...]]",
            tips: UNORDERED,
            history: &[("7.0.0", "Without a name it describes all commands.")],
            ..COMMAND
        },
        info,
    ),
    row(
        CommandSpec {
            name: "command|docs",
            arity: -2,
            since: "7.0.0",
            summary: "Documents commands: purpose, versions and arguments.",
            complexity: PER_NAME,
            syntax: "[command-name [command-name ...]]",
            tips: UNORDERED,
            ..COMMAND
        },
        documentation,
    ),
    row(
        CommandSpec {
            name: "command|getkeys",
            arity: -4,
            summary: "Finds the keys among the words of a command.",
            complexity: "O(N) for N words.",
            ..COMMAND
        },
        command_keys::getkeys,
    ),
    row(
        CommandSpec {
            name: "command|getkeysandflags",
            arity: -4,
            since: "7.0.0",
            summary: "Finds the keys among the words of a command, and what it does to each.",
            complexity: "O(N) for N words.",
            ..COMMAND
        },
        command_keys::getkeysandflags,
    ),
    row(
        CommandSpec { name: "command|help", arity: 2, since: "5.0.0", summary: "Lists the subcommands.", ..COMMAND },
        help,
    ),
];

const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    What INFO says, of every command.",
    "COUNT",
    "    How many commands there are.",
    "DOCS [<command-name> ...]",
    "    Purpose, versions and arguments of these commands, or of all.",
    "GETKEYS <full-command>",
    "    The keys among the words of a command.",
    "GETKEYSANDFLAGS <full-command>",
    "    The same, with what the command does to each key.",
    "INFO [<command-name> ...]",
    "    Arity, flags, keys, categories and subcommands of these commands, or of all.",
    "LIST",
    "    Names of commands and subcommands: all, or those of a category or pattern.",
    "HELP",
    "    Prints this help.",
];

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

fn everything(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let table = exec.facts.table;
    reply.array(commands(table).count());
    commands(table).for_each(|command| command_info::write(table, command, reply));
    Ok(())
}

fn count(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.int(commands(exec.facts.table).count() as i64);
    Ok(())
}

fn info(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let table = exec.facts.table;
    if args.len() == 2 {
        return everything(exec, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.from(2).iter() {
        match find(table, name) {
            Some(command) => command_info::write(table, command, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

fn documentation(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let table = exec.facts.table;
    let asked: Vec<&Command> = match args.len() {
        2 => commands(table).collect(),
        _ => args.from(2).iter().filter_map(|name| find(table, name)).collect(),
    };
    reply.map(asked.len());
    for command in asked {
        reply.text(command.spec.name);
        docs::write(command, &subcommands(table, command), reply);
    }
    Ok(())
}

fn list(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let table = exec.facts.table;
    let filter = Filter::parse(args.from(2))?;
    let of = |command| std::iter::once(command).chain(subcommands(table, command));
    let names: Vec<&str> = commands(table)
        .flat_map(of)
        .filter(|command| filter.accepts(command))
        .map(|command| command.spec.name)
        .collect();
    reply.array(names.len());
    names.iter().for_each(|name| reply.text(name));
    Ok(())
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}

/// What `FILTERBY` lets through.
enum Filter<'a> {
    All,
    /// Commands of a module: there are no modules.
    Module,
    /// Commands of a category; no command is of an unknown one.
    Category(Option<Categories>),
    /// Commands with a name like this.
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refusal> {
        if args.is_empty() {
            return Ok(Filter::All);
        }
        if args.len() != 3 || !args.is(0, "filterby") {
            return Err(Refusal::Syntax);
        }
        match args.at(2) {
            _ if args.is(1, "module") => Ok(Filter::Module),
            category if args.is(1, "aclcat") => Ok(Filter::Category(Categories::named(category))),
            pattern if args.is(1, "pattern") => Ok(Filter::Pattern(pattern)),
            _ => Err(Refusal::Syntax),
        }
    }

    fn accepts(&self, command: &Command) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(category) => category.is_some_and(|category| command.spec.all_categories().has(category)),
            Filter::Pattern(pattern) => glob::matches(pattern, command.spec.name.as_bytes(), Case::Fold),
        }
    }
}

/// All commands and containers.
fn commands(table: &'static CommandTable) -> impl Iterator<Item = &'static Command> {
    table.all().iter().filter(|command| !command.spec.name.contains('|'))
}

/// The subcommands that are shown with a command.
pub(super) fn subcommands(table: &'static CommandTable, command: &Command) -> Vec<&'static Command> {
    let shown = if command.is(Flags::SYSCMD) { &[][..] } else { &command.subcommands };
    shown.iter().map(|&id| table.get(id)).collect()
}

/// The command or subcommand of this full name, if it is shown.
fn find(table: &'static CommandTable, name: &[u8]) -> Option<&'static Command> {
    table.find(name).filter(|command| table.shown(command.id) == command.id)
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
