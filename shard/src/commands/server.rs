//! The server itself: TIME, ROLE, MODULE and SHUTDOWN.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::ask::{Ask, Audience, ShutdownFlags};
use crate::command::Run;

use super::{SessionExec, SessionRow, done_by_service, help_row, write_help};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "time",
            arity: 1,
            flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
            since: "2.6.0",
            group: "server",
            summary: "Tells the server's time: seconds and microseconds.",
            tips: &["nondeterministic_output"],
            ..CommandSpec::NONE
        },
        run: Run::Session(time),
    },
    SessionRow {
        spec: CommandSpec {
            name: "role",
            arity: 1,
            flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST),
            categories: Categories::ADMIN.and(Categories::DANGEROUS),
            since: "2.8.12",
            group: "server",
            summary: "Tells the server's part in replication.",
            ..CommandSpec::NONE
        },
        run: Run::Session(role),
    },
    SessionRow {
        spec: CommandSpec {
            name: "module",
            arity: -2,
            since: "4.0.0",
            group: "server",
            summary: "Modules, of which there are none.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    SessionRow {
        spec: CommandSpec {
            name: "module|list",
            arity: 2,
            flags: Flags::ADMIN.and(Flags::NOSCRIPT),
            since: "4.0.0",
            group: "server",
            summary: "Lists the modules, of which there are none.",
            complexity: "O(N) for N modules.",
            tips: &["nondeterministic_output_order"],
            ..CommandSpec::NONE
        },
        run: Run::Session(module_list),
    },
    help_row("module|help", "5.0.0", module_help),
    SessionRow {
        spec: CommandSpec {
            name: "shutdown",
            arity: -1,
            flags: Flags::ADMIN
                .and(Flags::NOSCRIPT)
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::NO_MULTI)
                .and(Flags::ALLOW_BUSY),
            group: "server",
            summary: "Ends the process.",
            complexity: "O(1); O(N) for N keys if they are saved.",
            syntax: "[NOSAVE | SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0",
            history: &[("7.0.0", "The modifiers NOW, FORCE and ABORT.")],
            ..CommandSpec::NONE
        },
        run: Run::Session(shutdown),
    },
];

/// What a client is told; our own words in Redis's form.
const MODULE_HELP: &[&str] = &[
    "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LIST",
    "    Lists the modules, of which there are none.",
    "HELP",
    "    Prints this help.",
];

fn time(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let us = exec.facts.now.wall_us;
    reply.array(2);
    reply.bulk_int((us / 1_000_000) as i64);
    reply.bulk_int((us % 1_000_000) as i64);
    Ok(())
}

/// A primary without replicas whose history is empty.
fn role(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.array(3);
    reply.text("master");
    reply.int(0);
    reply.array(0);
    Ok(())
}

fn module_list(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.array(0);
    Ok(())
}

fn module_help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, MODULE_HELP)
}

fn shutdown(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    // A reply comes if the process goes on: why it does, or that an earlier SHUTDOWN was called off.
    exec.ask(Audience::Service, Ask::Shutdown(shutdown_flags(args)?), done_by_service);
    Ok(())
}

fn shutdown_flags(args: Args) -> Result<ShutdownFlags, Refusal> {
    let mut flags = ShutdownFlags::default();
    for index in 1..args.len() {
        let flag = match () {
            _ if args.is(index, "nosave") => &mut flags.nosave,
            _ if args.is(index, "save") => &mut flags.save,
            _ if args.is(index, "now") => &mut flags.now,
            _ if args.is(index, "force") => &mut flags.force,
            _ if args.is(index, "abort") => &mut flags.abort,
            _ => return Err(Refusal::Syntax),
        };
        *flag = true;
    }
    let with_abort = flags.nosave || flags.save || flags.now || flags.force;
    match (flags.abort && with_abort) || (flags.nosave && flags.save) {
        true => Err(Refusal::Syntax),
        false => Ok(flags),
    }
}

#[cfg(test)]
mod tests {
    use keyspace::args::OwnedArgs;

    use super::*;

    #[test]
    fn flags_of_shutdown() {
        let refused = ["x", "save nosave", "abort now", "force abort", "nosave now force a b"];
        let legal = ["", "nosave", "SAVE now", "now force nosave nosave", "abort", "ABORT abort"];
        let parse = |words: &str| {
            let args = OwnedArgs::from_iter(std::iter::once("shutdown").chain(words.split_whitespace()));
            shutdown_flags(args.args())
        };
        refused.iter().for_each(|words| assert_eq!(parse(words), Err(Refusal::Syntax), "{words}"));
        legal.iter().for_each(|words| assert!(parse(words).is_ok(), "{words}"));
        assert_eq!(parse("now force"), Ok(ShutdownFlags { now: true, force: true, ..ShutdownFlags::default() }));
    }
}
