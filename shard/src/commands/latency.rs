//! LATENCY: what the latency monitors of all cores saw, and the histograms of all commands.

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use keyspace::refusal::quoted;

use crate::command::Run;
use crate::latency::{Event, merge};

use super::{SessionExec, SessionFn, SessionRow, help_row, latency_histogram, latency_text, write_help};

const ADMIN: CommandSpec = CommandSpec {
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    since: "2.8.13",
    group: "server",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "latency",
            arity: -2,
            since: "2.8.13",
            group: "server",
            summary: "What took long.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    row("latency|doctor", 2, "", "Explains what took long and what may help.", doctor),
    row("latency|graph", 3, "event", "Draws the samples of an event.", graph),
    row("latency|history", 3, "event", "Shows the samples of an event.", history),
    row("latency|latest", 2, "", "Shows the latest sample of every event.", latest),
    SessionRow {
        spec: CommandSpec {
            name: "latency|histogram",
            arity: -2,
            since: "7.0.0",
            summary: "Shows how the durations of commands are distributed.",
            complexity: "O(N) for N commands with a histogram.",
            syntax: "[command [command ...]]",
            ..ADMIN
        },
        run: Run::Session(latency_histogram::histogram),
    },
    SessionRow {
        spec: CommandSpec {
            name: "latency|reset",
            arity: -2,
            summary: "Forgets the samples of some or all events.",
            syntax: "[event [event ...]]",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            ..ADMIN
        },
        run: Run::Session(reset),
    },
    help_row("latency|help", "2.8.13", help),
];

const fn row(
    name: &'static str,
    arity: i16,
    syntax: &'static str,
    summary: &'static str,
    run: SessionFn,
) -> SessionRow {
    SessionRow { spec: CommandSpec { name, arity, syntax, summary, ..ADMIN }, run: Run::Session(run) }
}

/// What a client is told; our own words in Redis's form.
const HELP: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Explains what took long and what may help.",
    "GRAPH <event>",
    "    Draws the samples of an <event>.",
    "HISTORY <event>",
    "    Shows the samples of an <event>: time and milliseconds.",
    "LATEST",
    "    Shows the latest sample of every event.",
    "RESET [<event> ...]",
    "    Forgets the samples of these events (default: of all events).",
    "HISTOGRAM [COMMAND ...]",
    "    Shows how many calls of each <command> took up to how many microseconds",
    "    (default: of all commands).",
    "HELP",
    "    Prints this help.",
];

fn doctor(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Latency, |exec, _, answers, reply| {
        let text = latency_text::doctor(exec.facts.settings, &events(answers));
        reply.verbatim(*b"txt", text.as_bytes());
        Ok(())
    });
    Ok(())
}

fn graph(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Latency, |exec, args, answers, reply| {
        let Some(event) = named(answers, &args[2]) else {
            let name = quoted(&args[2], usize::MAX);
            return Err(Refusal::owned([b"ERR No samples available for event '", name, b"'"].concat()));
        };
        let now_s = (exec.facts.now.wall_us / 1_000_000) as i64;
        reply.verbatim(*b"txt", latency_text::graph(&event, now_s).as_bytes());
        Ok(())
    });
    Ok(())
}

fn history(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Latency, |_, args, answers, reply| {
        let samples = named(answers, &args[2]).map(|event| event.samples).unwrap_or_default();
        reply.array(samples.len());
        for sample in samples {
            reply.array(2);
            reply.int(sample.at);
            reply.int(sample.ms as i64);
        }
        Ok(())
    });
    Ok(())
}

fn latest(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Latency, |_, _, answers, reply| {
        let events = events(answers);
        reply.array(events.len());
        for event in events {
            let last = event.samples.last().expect("an event has a sample");
            reply.array(4);
            reply.text(event.kind.name());
            reply.int(last.at);
            reply.int(last.ms as i64);
            reply.int(event.ms_max as i64);
        }
        Ok(())
    });
    Ok(())
}

fn reset(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let names = Arc::new(OwnedArgs::copy(args.from(2)));
    exec.ask(Audience::Cores, Ask::LatencyReset(names), |_, _, answers, reply| {
        reply.int(events(answers).len() as i64);
        Ok(())
    });
    Ok(())
}

/// The events of all cores together.
fn events(answers: Vec<Answer>) -> Vec<Event> {
    merge(answers.into_iter().flat_map(|answer| if let Answer::Latency(events) = answer { events } else { Vec::new() }))
}

fn named(answers: Vec<Answer>, name: &[u8]) -> Option<Event> {
    events(answers).into_iter().find(|event| event.kind.name().as_bytes() == name)
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}
