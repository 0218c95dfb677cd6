//! CONFIG: the settings at run time, and the counters' reset.
//!
//! Core 0 decides about a change, so that two cannot undo each other; the reply comes after all cores have taken it on.

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use crate::command::Run;
use crate::mesh::CoreId;
use crate::settings::config_get;

use super::{SessionExec, SessionFn, SessionRow, done, done_by_service, help_row, write_help};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "config",
            arity: -2,
            since: "2.0.0",
            group: "server",
            summary: "Settings of the server.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    SessionRow {
        spec: CommandSpec {
            name: "config|get",
            arity: -3,
            summary: "Shows the settings whose names match.",
            complexity: "O(N) for N settings shown.",
            syntax: "{parameter} [parameter ...]",
            history: &[("7.0.0", "It takes more than one pattern.")],
            ..ADMIN
        },
        run: Run::Session(get),
    },
    SessionRow {
        spec: CommandSpec {
            name: "config|set",
            arity: -4,
            summary: "Changes settings, all of them or none.",
            complexity: "O(N) for N settings.",
            syntax: "parameter value [parameter value ...]",
            history: &[("7.0.0", "It takes more than one setting.")],
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            ..ADMIN
        },
        run: Run::Session(set),
    },
    admin("config|resetstat", "2.0.0", "Sets the counters that INFO shows to zero.", resetstat),
    admin("config|rewrite", "2.8.0", "Writes the settings that were changed to the overrides file.", rewrite),
    help_row("config|help", "5.0.0", help),
];

const ADMIN: CommandSpec = CommandSpec {
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    since: "2.0.0",
    group: "server",
    ..CommandSpec::NONE
};

const fn admin(name: &'static str, since: &'static str, summary: &'static str, run: SessionFn) -> SessionRow {
    SessionRow { spec: CommandSpec { name, arity: 2, since, summary, ..ADMIN }, run: Run::Session(run) }
}

/// What a client is told; our own words in Redis's form.
const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Shows the settings whose names match a <pattern>, and their values.",
    "SET <directive> <value>",
    "    Changes settings, all of them or none.",
    "RESETSTAT",
    "    Sets the counters that INFO shows to zero.",
    "REWRITE",
    "    Writes the settings that were changed to the overrides file.",
    "HELP",
    "    Prints this help.",
];

fn get(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let patterns: Vec<&[u8]> = args.iter().skip(2).collect();
    let found = config_get(exec.facts.settings, &patterns);
    reply.map(found.len());
    for (name, value) in found {
        reply.text(&name);
        reply.bulk(&value);
    }
    Ok(())
}

fn set(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(Refusal::Syntax);
    }
    let pairs = Arc::new(OwnedArgs::copy(args.from(2)));
    exec.ask(Audience::Core(CoreId(0)), Ask::ConfigSet(pairs), decided);
    Ok(())
}

/// Core 0 decided. The others take the settings on before the client hears of it.
fn decided(exec: &mut SessionExec, _: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let Some(Answer::Settings(decision)) = answers.into_iter().next() else {
        unreachable!("the question was about settings");
    };
    let (settings, version, users) = decision.map_err(Refusal::owned)?;
    exec.ask(Audience::Cores, Ask::Configure(settings, version, users), taken);
    Ok(())
}

/// All cores have the settings. What a cluster routes by depends on them, too.
fn taken(exec: &mut SessionExec, _: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    if exec.facts.clustered {
        exec.ask(Audience::Bus, Ask::ClusterConfigured, done);
    } else {
        reply.ok();
    }
    Ok(())
}

fn resetstat(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::ResetStats, done);
    Ok(())
}

fn rewrite(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Service, Ask::ConfigRewrite(exec.facts.acl.users.clone()), done_by_service);
    Ok(())
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}
