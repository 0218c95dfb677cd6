//! Scripts: EVAL, EVALSHA, their variants that only read, and SCRIPT.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags, Form, KeyFlags, MovableKeys};
use scripting::Sha;

use crate::ask::{Answer, Ask, Audience, KillTarget, ScriptsAsk};
use crate::command::{Run, misused_subcommand};
use crate::script::{Request, Wanted, sha_named};

use super::{SessionExec, SessionFn, SessionRow, Then, done, scripts_help_row, write_help};

/// What the rows of this family share.
const ROW: CommandSpec = CommandSpec {
    categories: Categories::SCRIPTING,
    group: "scripting",
    since: "2.6.0",
    complexity: "Depends on the script that is executed.",
    ..CommandSpec::NONE
};

/// Flags of what runs a script.
pub(super) const RUNS: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLEKEYS)
    .and(Flags::MAY_REPLICATE);

/// Flags of what runs a script that only reads.
pub(super) const READS: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLEKEYS)
    .and(Flags::READONLY);

/// The keys of a script that may write, by their number.
pub(super) const KEYS: &[MovableKeys] =
    &[MovableKeys::new(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE), Form::Counted { at: 2 })];

/// Those of one that only reads.
pub(super) const KEYS_READ: &[MovableKeys] =
    &[MovableKeys::new(KeyFlags::RO.and(KeyFlags::ACCESS), Form::Counted { at: 2 })];

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "eval",
            arity: -3,
            flags: RUNS,
            movable_keys: KEYS,
            key_note: NOTE,
            summary: "Runs a script.",
            syntax: "script numkeys:integer [key [key ...]] [arg [arg ...]]",
            ..ROW
        },
        run: Run::Session(eval),
    },
    SessionRow {
        spec: CommandSpec {
            name: "evalsha",
            arity: -3,
            flags: RUNS,
            movable_keys: KEYS,
            summary: "Runs a script that was loaded before, by its SHA-1.",
            syntax: "sha1 numkeys:integer [key [key ...]] [arg [arg ...]]",
            ..ROW
        },
        run: Run::Session(evalsha),
    },
    SessionRow {
        spec: CommandSpec {
            name: "eval_ro",
            arity: -3,
            flags: READS,
            movable_keys: KEYS_READ,
            key_note: NOTE_READ,
            since: "7.0.0",
            summary: "Runs a script that only reads.",
            syntax: "script numkeys:integer [key [key ...]] [arg [arg ...]]",
            ..ROW
        },
        run: Run::Session(eval_ro),
    },
    SessionRow {
        spec: CommandSpec {
            name: "evalsha_ro",
            arity: -3,
            flags: READS,
            movable_keys: KEYS_READ,
            since: "7.0.0",
            summary: "Runs a script that only reads and was loaded before, by its SHA-1.",
            syntax: "sha1 numkeys:integer [key [key ...]] [arg [arg ...]]",
            ..ROW
        },
        run: Run::Session(evalsha_ro),
    },
    SessionRow {
        spec: CommandSpec {
            name: "script",
            arity: -2,
            summary: "A container for Lua scripts management commands.",
            categories: Categories(0),
            complexity: "Depends on subcommand.",
            ..ROW
        },
        run: Run::Container,
    },
    script_row("script|load", 3, STAYS, "Loads a script for EVALSHA.", "script", load),
    script_row("script|exists", -3, Flags::NOSCRIPT, "Tells which scripts are loaded.", "sha1 [sha1 ...]", exists),
    script_row("script|flush", -2, Flags::NOSCRIPT, "Forgets all scripts.", "[ASYNC | SYNC]@6.2.0", flush),
    script_row(
        "script|kill",
        2,
        Flags::NOSCRIPT.and(Flags::ALLOW_BUSY),
        "Ends a script that takes long and has not written.",
        "",
        kill,
    ),
    script_row("script|debug", 3, Flags::NOSCRIPT, "Sets the debug mode of scripts.", "mode=<YES | SYNC | NO>", debug),
    scripts_help_row("script|help", "5.0.0", help),
];

/// What COMMAND says of the keys of a script.
pub(super) const NOTE: &str = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";

/// Likewise of one that only reads.
pub(super) const NOTE_READ: &str = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS";

/// Flags of SCRIPT LOAD.
const STAYS: Flags = Flags::NOSCRIPT.and(Flags::STALE);

const fn script_row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    summary: &'static str,
    syntax: &'static str,
    run: SessionFn,
) -> SessionRow {
    SessionRow { spec: CommandSpec { name, arity, flags, summary, syntax, ..ROW }, run: Run::Session(run) }
}

/// Where the keys stand in a command whose third argument is their number.
pub(super) fn keys_of(args: Args) -> Result<std::ops::Range<usize>, Refusal> {
    keys_among(args, parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?)
}

/// Where so many keys stand.
pub(super) fn keys_among(args: Args, count: i64) -> Result<std::ops::Range<usize>, Refusal> {
    let count = usize::try_from(count).map_err(|_| Refusal::Text("ERR Number of keys can't be negative"))?;
    if count > args.len() - 3 {
        return Err(Refusal::Text("ERR Number of keys can't be greater than number of args"));
    }
    Ok(3..3 + count)
}

fn run(exec: &mut SessionExec, args: Args, what: Wanted, read_only: bool) -> Outcome {
    *exec.then = Then::Script(Request { what, keys: Ok(keys_of(args)?), read_only });
    Ok(())
}

fn eval(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    run(exec, args, Wanted::Source, false)
}

fn eval_ro(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    run(exec, args, Wanted::Source, true)
}

fn evalsha(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    run_named(exec, args, false)
}

fn evalsha_ro(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    run_named(exec, args, true)
}

/// Bytes of the name of a script.
const SHA_BYTES: usize = size_of::<Sha>();

const NO_SCRIPT: Refusal = Refusal::Text("NOSCRIPT No matching script. Please use EVAL.");

/// What cannot be the name of a script is refused before the keys are looked at.
fn run_named(exec: &mut SessionExec, args: Args, read_only: bool) -> Outcome {
    if args.at(1).len() != SHA_BYTES {
        return Err(NO_SCRIPT);
    }
    run(exec, args, Wanted::Name(None), read_only)
}

/// The `finish` of a script that the home core has not loaded: another core may have.
pub fn found(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let source = answers.into_iter().find_map(|answer| if let Answer::Source(source) = answer { source } else { None });
    let source = source.ok_or(NO_SCRIPT)?;
    let read_only = args.is(0, "evalsha_ro");
    run(exec, args, Wanted::Name(Some(source)), read_only)
}

fn load(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Core(exec.facts.core), Ask::Scripts(ScriptsAsk::Load(args.at(2).into())), loaded);
    Ok(())
}

fn loaded(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    match answers.into_iter().next() {
        Some(Answer::Source(Some(sha))) => reply.bulk(&sha),
        Some(Answer::Text(Err(text))) => return Err(Refusal::owned(text)),
        _ => unreachable!("a load answers with a name or a refusal"),
    }
    Ok(())
}

fn exists(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let shas: Arc<[Sha]> = args.from(2).iter().map(sha_named).collect();
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::Exist(shas)), exist);
    Ok(())
}

fn exist(_: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let known = |index: usize| {
        answers.iter().any(|answer| matches!(answer, Answer::Counts(counts) if counts.get(index) == Some(&1)))
    };
    reply.array(args.len() - 2);
    (0..args.len() - 2).for_each(|index| reply.int(known(index) as i64));
    Ok(())
}

fn flush(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    match args.len() {
        2 => {}
        3 if args.is(2, "sync") || args.is(2, "async") => {}
        _ => return Err(Refusal::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::Flush), done);
    Ok(())
}

fn kill(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Scripts(ScriptsAsk::Kill(KillTarget::Script)), killed);
    Ok(())
}

/// The `finish` of SCRIPT KILL and FUNCTION KILL.
pub(super) fn killed(_: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let outcomes =
        answers.into_iter().filter_map(|answer| if let Answer::Text(text) = answer { Some(text) } else { None });
    let outcomes: Vec<Result<(), String>> = outcomes.collect();
    if outcomes.is_empty() {
        return Err(Refusal::Text("NOTBUSY No scripts in execution right now."));
    }
    if !outcomes.iter().any(Result::is_ok) {
        let refused = outcomes.into_iter().find_map(Result::err).expect("no outcome is a success");
        return Err(Refusal::owned(refused));
    }
    reply.ok();
    Ok(())
}

/// There is no debugger: the mode in which there is none can be set.
fn debug(_: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    match () {
        () if args.is(2, "no") => reply.ok(),
        () if args.is(2, "yes") || args.is(2, "sync") => {
            return Err(Refusal::Text("ERR SCRIPT DEBUG is not available: this server has no debugger for scripts"));
        }
        () => return Err(misused_subcommand("SCRIPT", args.at(1))),
    }
    Ok(())
}

/// The lines of HELP.
const HELP: &[&str] = &[
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DEBUG (YES|SYNC|NO)",
    "    Choose whether scripts are debugged; this server has no debugger.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Tell for each name whether its script is loaded.",
    "FLUSH [ASYNC|SYNC]",
    "    Forget every script.",
    "KILL",
    "    End the script that takes long, if it has not written.",
    "LOAD <script>",
    "    Load a script without running it, and tell its name.",
    "HELP",
    "    Prints this help.",
];

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}
