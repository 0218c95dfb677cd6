//! Functions: FUNCTION and FCALL.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::glob::{self, Case};
use keyspace::number::parse_i64;
use keyspace::rdb::functions as payload;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};
use scripting::{LibraryInfo, Replace};

use crate::ask::{Answer, Ask, Audience, Conflict, FunctionChange, KillTarget, ScriptsAsk};
use crate::command::Run;
use crate::mesh::CoreId;
use crate::script::{Request, Wanted};

use super::scripts::{KEYS, KEYS_READ, NOTE, NOTE_READ, READS, RUNS, killed};
use super::{SessionExec, SessionFn, SessionRow, Then, done, scripts_help_row, write_help};

/// The core that decides what libraries there are.
const DECIDER: CoreId = CoreId(0);

/// What the rows of this family share.
const ROW: CommandSpec =
    CommandSpec { categories: Categories::SCRIPTING, group: "scripting", since: "7.0.0", ..CommandSpec::NONE };

const EVERYWHERE: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    call_row("fcall", RUNS, KEYS, NOTE, "Runs a function.", fcall),
    call_row("fcall_ro", READS, KEYS_READ, NOTE_READ, "Runs a function that only reads.", fcall_ro),
    SessionRow {
        spec: CommandSpec {
            name: "function",
            arity: -2,
            group: "scripting",
            since: "7.0.0",
            summary: "A container for function commands.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    row(
        CommandSpec {
            name: "function|load",
            arity: -3,
            flags: Flags::NOSCRIPT.and(Flags::WRITE).and(Flags::DENYOOM),
            summary: "Loads a library of functions.",
            complexity: "O(1) (considering compilation time is redundant)",
            syntax: "[REPLACE] function-code",
            tips: EVERYWHERE,
            ..ROW
        },
        load,
    ),
    row(
        CommandSpec {
            name: "function|delete",
            arity: 3,
            flags: Flags::NOSCRIPT.and(Flags::WRITE),
            summary: "Deletes a library with its functions.",
            syntax: "library-name",
            tips: EVERYWHERE,
            ..ROW
        },
        delete,
    ),
    row(
        CommandSpec {
            name: "function|flush",
            arity: -2,
            flags: Flags::NOSCRIPT.and(Flags::WRITE),
            summary: "Deletes all libraries.",
            complexity: "O(N) where N is the number of functions deleted",
            syntax: "[ASYNC | SYNC]",
            tips: EVERYWHERE,
            ..ROW
        },
        flush,
    ),
    row(
        CommandSpec {
            name: "function|list",
            arity: -2,
            flags: Flags::NOSCRIPT,
            summary: "Describes the libraries.",
            complexity: "O(N) where N is the number of functions",
            syntax: "[LIBRARYNAME library-name-pattern] [WITHCODE]",
            tips: &["nondeterministic_output_order"],
            ..ROW
        },
        list,
    ),
    row(
        CommandSpec {
            name: "function|stats",
            arity: 2,
            flags: Flags::NOSCRIPT.and(Flags::ALLOW_BUSY),
            summary: "Tells which function runs, and how many there are.",
            tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
            ..ROW
        },
        stats,
    ),
    row(
        CommandSpec {
            name: "function|dump",
            arity: 2,
            flags: Flags::NOSCRIPT,
            summary: "Serialises all libraries.",
            complexity: "O(N) where N is the number of functions",
            ..ROW
        },
        dump,
    ),
    row(
        CommandSpec {
            name: "function|restore",
            arity: -3,
            flags: Flags::NOSCRIPT.and(Flags::WRITE).and(Flags::DENYOOM),
            summary: "Loads the libraries of a dump.",
            complexity: "O(N) where N is the number of functions on the payload",
            syntax: "serialized-value policy=[FLUSH | APPEND | REPLACE]",
            tips: EVERYWHERE,
            ..ROW
        },
        restore,
    ),
    row(
        CommandSpec {
            name: "function|kill",
            arity: 2,
            flags: Flags::NOSCRIPT.and(Flags::ALLOW_BUSY),
            summary: "Ends a function that takes long and has not written.",
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            ..ROW
        },
        kill,
    ),
    scripts_help_row("function|help", "7.0.0", help),
];

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

const fn call_row(
    name: &'static str,
    flags: Flags,
    movable_keys: &'static [keyspace::spec::MovableKeys],
    key_note: &'static str,
    summary: &'static str,
    run: SessionFn,
) -> SessionRow {
    let spec = CommandSpec {
        name,
        arity: -3,
        flags,
        movable_keys,
        summary,
        key_note,
        complexity: "Depends on the function that is executed.",
        syntax: "function numkeys:integer [key [key ...]] [arg [arg ...]]",
        ..ROW
    };
    SessionRow { spec, run: Run::Session(run) }
}

fn call(exec: &mut SessionExec, args: Args, read_only: bool) -> Outcome {
    let count = parse_i64(args.at(2)).ok_or(Refusal::Text("ERR Bad number of keys provided"));
    let keys = count.and_then(|count| super::scripts::keys_among(args, count));
    *exec.then = Then::Script(Request { what: Wanted::Function, keys, read_only });
    Ok(())
}

fn fcall(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    call(exec, args, false)
}

fn fcall_ro(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    call(exec, args, true)
}

/// Has a change decided and taken on everywhere.
fn change(exec: &mut SessionExec, change: FunctionChange) -> Outcome {
    exec.ask(Audience::Core(DECIDER), Ask::Scripts(ScriptsAsk::DecideFunctions(Arc::new(change))), decided);
    Ok(())
}

fn decided(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let Some(Answer::Functions(outcome)) = answers.into_iter().next() else {
        unreachable!("a decision about functions is the answer");
    };
    let set = outcome.map_err(Refusal::owned)?;
    let finish = if args.is(1, "load") { loaded } else { done };
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::TakeFunctions(set)), finish);
    Ok(())
}

fn load(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let mut replace = Replace::No;
    for option in args.from(2).iter().take(args.len() - 3) {
        if !keyspace::args::spells(option, "replace") {
            return Err(Refusal::naming("ERR Unknown option given: ", option, ""));
        }
        replace = Replace::Yes;
    }
    change(exec, FunctionChange::Load(args.at(args.len() - 1).into(), replace))
}

/// The library may be gone again, by another client: its name is that in its code.
fn loaded(_: &mut SessionExec, args: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let name = scripting::library_name(args.at(args.len() - 1));
    reply.bulk(&name.expect("only a library with a name is loaded"));
    Ok(())
}

fn delete(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    change(exec, FunctionChange::Delete(args.at(2).into()))
}

fn flush(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    match args.len() {
        2 => {}
        3 if args.is(2, "sync") || args.is(2, "async") => {}
        3 => return Err(Refusal::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => return Err(crate::command::misused_subcommand("FUNCTION", args.at(1))),
    }
    change(exec, FunctionChange::Flush)
}

fn restore(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let conflict = match args.len() {
        3 => Conflict::Append,
        4 if args.is(3, "append") => Conflict::Append,
        4 if args.is(3, "replace") => Conflict::Replace,
        4 if args.is(3, "flush") => Conflict::Flush,
        4 => {
            let text = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
            return Err(Refusal::Text(text));
        }
        _ => return Err(crate::command::misused_subcommand("FUNCTION", args.at(1))),
    };
    let libraries = payload::read(args.at(2)).map_err(|bad| match bad {
        keyspace::rdb::payload::BadPayload::VersionOrChecksum => {
            Refusal::Text("ERR DUMP payload version or checksum are wrong")
        }
        keyspace::rdb::payload::BadPayload::Value(_) => Refusal::Text("ERR given type is not a function"),
    })?;
    change(exec, FunctionChange::Restore(libraries, conflict))
}

fn libraries_in(answers: Vec<Answer>) -> Vec<LibraryInfo> {
    match answers.into_iter().next() {
        Some(Answer::Libraries(libraries)) => libraries,
        _ => unreachable!("a core answers with its libraries"),
    }
}

fn dump(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Core(exec.facts.core), Ask::Scripts(ScriptsAsk::Libraries), dumped);
    Ok(())
}

fn dumped(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let libraries = libraries_in(answers);
    reply.bulk(&payload::dump(libraries.iter().map(|library| library.code.as_slice())));
    Ok(())
}

/// The options of FUNCTION LIST.
struct ListOptions<'a> {
    pattern: Option<&'a [u8]>,
    with_code: bool,
}

impl<'a> ListOptions<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refusal> {
        let mut options = ListOptions { pattern: None, with_code: false };
        let mut index = 2;
        while index < args.len() {
            if !options.with_code && args.is(index, "withcode") {
                options.with_code = true;
            } else if options.pattern.is_none() && args.is(index, "libraryname") {
                index += 1;
                let pattern = args.get(index).ok_or(Refusal::Text("ERR library name argument was not given"))?;
                options.pattern = Some(pattern);
            } else {
                return Err(Refusal::naming("ERR Unknown argument ", args.at(index), ""));
            }
            index += 1;
        }
        Ok(options)
    }
}

fn list(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    ListOptions::parse(args)?;
    exec.ask(Audience::Core(exec.facts.core), Ask::Scripts(ScriptsAsk::Libraries), listed);
    Ok(())
}

fn listed(_: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let ListOptions { pattern, with_code } = ListOptions::parse(args)?;
    let mut libraries = libraries_in(answers);
    libraries.retain(|library| pattern.is_none_or(|pattern| glob::matches(pattern, &library.name, Case::Fold)));
    reply.array(libraries.len());
    libraries.iter().for_each(|library| describe(library, with_code, reply));
    Ok(())
}

fn describe(library: &LibraryInfo, with_code: bool, reply: &mut Reply) {
    reply.map(if with_code { 4 } else { 3 });
    reply.text("library_name");
    reply.bulk(&library.name);
    reply.text("engine");
    reply.text("LUA");
    reply.text("functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.text("name");
        reply.bulk(&function.name);
        reply.text("description");
        match &function.description {
            Some(description) => reply.bulk(description),
            None => reply.null(),
        }
        reply.text("flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if with_code {
        reply.text("library_code");
        reply.bulk(&library.code);
    }
}

fn stats(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::RunningFunction), stats_of);
    Ok(())
}

fn stats_of(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let mut running = None;
    let (mut libraries, mut functions) = (0, 0);
    for answer in answers {
        if let Answer::RunningFunction(report) = answer {
            running = running.or(report.running);
            (libraries, functions) = (report.libraries, report.functions);
        }
    }
    reply.map(2);
    reply.text("running_script");
    match running {
        None => reply.null(),
        Some((name, command, ms)) => {
            reply.map(3);
            reply.text("name");
            reply.bulk(&name);
            reply.text("command");
            reply.array(command.args().len());
            command.args().iter().for_each(|arg| reply.bulk(arg));
            reply.text("duration_ms");
            reply.int(ms as i64);
        }
    }
    reply.text("engines");
    reply.map(1);
    reply.text("LUA");
    reply.map(2);
    reply.text("libraries_count");
    reply.int(libraries as i64);
    reply.text("functions_count");
    reply.int(functions as i64);
    Ok(())
}

fn kill(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::Kill(KillTarget::Function)), killed);
    Ok(())
}

/// The lines of HELP.
const HELP: &[&str] = &[
    "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Load a library; with REPLACE also over one of the same name.",
    "DELETE <LIBRARY NAME>",
    "    Delete a library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Describe the libraries, or those whose names match; with WITHCODE with their code:",
    "    * the library's name",
    "    * its engine",
    "    * its functions, each with name, description and flags",
    "STATS",
    "    Tell which function runs, and how many libraries and functions there are.",
    "KILL",
    "    End the function that takes long, if it has not written.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all libraries.",
    "DUMP",
    "    Serialise all libraries for RESTORE.",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Load the libraries of a DUMP. What becomes of those that are there:",
    "    * FLUSH: they are deleted.",
    "    * APPEND: they stay, and one of the same name is an error.",
    "    * REPLACE: one of the same name is replaced.",
    "HELP",
    "    Prints this help.",
];

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}
