//! ACL: users and what they may do. `acl_users` changes and shows them; here are the rest, and the rows of all.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::acl;
use crate::ask::{Answer, Ask, Audience};
use crate::command::{Run, misused_subcommand};

use super::acl_users::{adopted, deluser, getuser, list, setuser, users};
use super::{SessionExec, SessionFn, SessionRow, done, done_by_service, help_row, write_help};

const ANYBODY: CommandSpec = CommandSpec {
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    since: "6.0.0",
    group: "server",
    ..CommandSpec::NONE
};

const ADMIN: CommandSpec = CommandSpec { flags: Flags::ADMIN.and(ANYBODY.flags), ..ANYBODY };

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "acl",
            arity: -2,
            since: "6.0.0",
            group: "server",
            summary: "Users and what they may do.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    row(
        CommandSpec {
            name: "acl|cat",
            arity: -2,
            summary: "Lists the categories of commands, or the commands of one.",
            complexity: "O(1): categories and commands are fixed.",
            syntax: "[categoryname]",
            ..ANYBODY
        },
        cat,
    ),
    row(
        CommandSpec {
            name: "acl|deluser",
            arity: -3,
            summary: "Deletes users and ends their connections.",
            complexity: "O(N) for N connections.",
            syntax: "username [username ...]",
            ..ADMIN
        },
        deluser,
    ),
    row(
        CommandSpec {
            name: "acl|dryrun",
            arity: -4,
            since: "7.0.0",
            summary: "Tells whether a user may carry a command out, and does not.",
            complexity: "O(1).",
            syntax: "username command [arg [arg ...]]",
            ..ADMIN
        },
        dryrun,
    ),
    row(
        CommandSpec {
            name: "acl|genpass",
            arity: -2,
            summary: "Makes a password that nobody can guess.",
            syntax: "[bits:integer]",
            ..ANYBODY
        },
        genpass,
    ),
    row(
        CommandSpec {
            name: "acl|getuser",
            arity: 3,
            summary: "Shows the rules of a user.",
            complexity: "O(N) for N rules of the user.",
            syntax: "username",
            history: &[
                ("6.2.0", "Patterns of channels."),
                ("7.0.0", "Selectors; patterns are one text of rules rather than a list."),
            ],
            ..ADMIN
        },
        getuser,
    ),
    row(
        CommandSpec {
            name: "acl|list",
            arity: 2,
            summary: "Shows all users as lines of an aclfile.",
            complexity: "O(N) for N users.",
            ..ADMIN
        },
        list,
    ),
    row(
        CommandSpec {
            name: "acl|load",
            arity: 2,
            summary: "Takes the users of the aclfile on.",
            complexity: "O(N) for N users.",
            ..ADMIN
        },
        load,
    ),
    row(
        CommandSpec {
            name: "acl|log",
            arity: -2,
            summary: "Shows what was denied last, or forgets it.",
            complexity: "O(N) for N entries shown.",
            syntax: "operation=[count:integer | RESET]",
            ..ADMIN
        },
        super::acl_log::log,
    ),
    row(
        CommandSpec {
            name: "acl|save",
            arity: 2,
            summary: "Writes the users to the aclfile.",
            complexity: "O(N) for N users.",
            ..ADMIN
        },
        save,
    ),
    row(
        CommandSpec {
            name: "acl|setuser",
            arity: -3,
            summary: "Makes a user, or changes it by rules.",
            complexity: "O(N) for N rules.",
            syntax: "username [rule [rule ...]]",
            history: &[("6.2.0", "Patterns of channels."), ("7.0.0", "Selectors; keys for reading or writing only.")],
            ..ADMIN
        },
        setuser,
    ),
    row(
        CommandSpec {
            name: "acl|users",
            arity: 2,
            summary: "Lists the names of all users.",
            complexity: "O(N) for N users.",
            ..ADMIN
        },
        users,
    ),
    row(
        CommandSpec { name: "acl|whoami", arity: 2, summary: "Tells the name of the connection's user.", ..ANYBODY },
        whoami,
    ),
    help_row("acl|help", "6.0.0", help),
];

/// The lines of HELP: heads as clients know them, explanations our own.
const HELP: &[&str] = &[
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    The categories of commands, or the commands of <category>.",
    "DELUSER <username> [<username> ...]",
    "    Delete users and end their connections.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Tell whether the user may carry the command out, without doing it.",
    "GETUSER <username>",
    "    The rules of a user.",
    "GENPASS [<bits>]",
    "    A password of 256 random bits, or of as many as given.",
    "LIST",
    "    All users as lines of an aclfile.",
    "LOAD",
    "    Take the users of the aclfile on.",
    "LOG [<count> | RESET]",
    "    What was denied last, newest first; or forget it.",
    "SAVE",
    "    Write the users to the aclfile.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Make a user, or change it by rules.",
    "USERS",
    "    The names of all users.",
    "WHOAMI",
    "    The name of this connection's user.",
    "HELP",
    "    Prints this help.",
];

/// Most bits of a password that GENPASS makes.
const PASSWORD_BITS_MAX: i64 = 4096;

/// Bits of a password without a number.
const PASSWORD_BITS: i64 = 256;

fn cat(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let names: Vec<&str> = match args.len() {
        2 => Categories::all().flat_map(Categories::names).collect(),
        3 => {
            let unknown = || Refusal::naming("ERR Unknown category '", args.at(2), "'");
            let category = Categories::named(args.at(2)).ok_or_else(unknown)?;
            let commands = acl::listed(exec.facts.table);
            commands
                .filter(|command| command.spec.all_categories().has(category))
                .map(|command| command.spec.name)
                .collect()
        }
        _ => return Err(misused(args)),
    };
    reply.array(names.len());
    names.iter().for_each(|name| reply.text(name));
    Ok(())
}

/// What a subcommand answers to arguments that its arity allows and its syntax does not.
pub(super) fn misused(args: Args) -> Refusal {
    misused_subcommand("ACL", &args[1])
}

fn dryrun(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let unknown = || Refusal::naming("ERR User '", args.at(2), "' not found");
    let user = exec.facts.acl.users.get(args.at(2)).ok_or_else(unknown)?;
    let words = args.from(3);
    let command = exec.facts.table.resolve(words).map_err(|rejection| match rejection.command {
        Some(_) => rejection.refusal,
        None => Refusal::naming("ERR Command '", args.at(3), "' not found"),
    })?;
    match acl::check(user, command, words) {
        Ok(()) => reply.ok(),
        Err(denied) => reply.bulk(&denied.explanation(command, words)),
    }
    Ok(())
}

fn genpass(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let bits = match args.len() {
        2 => PASSWORD_BITS,
        3 => parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?,
        _ => return Err(misused(args)),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(Refusal::Text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let password = exec.facts.acl.book.borrow_mut().secrets.digits(digits);
    reply.text(&password);
    Ok(())
}

fn whoami(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.bulk(&exec.session.user.name);
    Ok(())
}

/// What LOAD and SAVE answer without a file.
const NO_FILE: Refusal = Refusal::Text(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and \
     then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis \
     configuration.",
);

fn save(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    if exec.facts.settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    exec.ask(Audience::Service, Ask::AclSave(exec.facts.acl.users.clone()), done_by_service);
    Ok(())
}

fn load(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    if exec.facts.settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    exec.ask(Audience::Service, Ask::AclLoad, adopted);
    Ok(())
}

/// LOG RESET.
pub(super) fn reset_log(exec: &mut SessionExec) {
    exec.ask(Audience::Cores, Ask::AclLogReset, done);
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}

/// The answer to a question about users.
pub(super) fn one(answers: Vec<Answer>) -> Answer {
    answers.into_iter().next().expect("one was asked")
}
