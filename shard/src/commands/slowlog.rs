//! SLOWLOG: the slow commands of all clients. Every core keeps those of its own; numbers are unique, so the newest come first again.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use crate::command::{Run, misused_subcommand};
use crate::slowlog::Slow;

use super::{SessionExec, SessionRow, done, help_row, info::reports, write_help};

/// Entries shown without a count.
const COUNT_DEFAULT: i64 = 10;

const ADMIN: CommandSpec = CommandSpec {
    flags: Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
    since: "2.2.12",
    group: "server",
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "slowlog",
            arity: -2,
            since: "2.2.12",
            group: "server",
            summary: "The log of slow commands.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    SessionRow {
        spec: CommandSpec {
            name: "slowlog|get",
            arity: -2,
            summary: "Shows the newest entries.",
            complexity: "O(N) for N entries of the log.",
            syntax: "[count]",
            history: &[("4.0.0", "An entry tells the client's address and name.")],
            tips: &["request_policy:all_nodes", "nondeterministic_output"],
            ..ADMIN
        },
        run: Run::Session(get),
    },
    SessionRow {
        spec: CommandSpec {
            name: "slowlog|len",
            arity: 2,
            summary: "Counts the entries.",
            tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
            ..ADMIN
        },
        run: Run::Session(len),
    },
    SessionRow {
        spec: CommandSpec {
            name: "slowlog|reset",
            arity: 2,
            summary: "Forgets all entries.",
            complexity: "O(N) for N entries of the log.",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            ..ADMIN
        },
        run: Run::Session(reset),
    },
    help_row("slowlog|help", "6.2.0", help),
];

/// What a client is told; our own words in Redis's form.
const HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Shows the newest <count> entries (10 without a count, -1 for all). Each is:",
    "    number, time, microseconds that it took, arguments, client's address,",
    "    client's name.",
    "LEN",
    "    Counts the entries.",
    "RESET",
    "    Forgets all entries.",
    "HELP",
    "    Prints this help.",
];

fn get(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    count(args)?;
    exec.ask(Audience::Cores, Ask::Slowlog, merge);
    Ok(())
}

/// How many entries are asked for; -1 for all.
fn count(args: Args) -> Result<usize, Refusal> {
    if args.len() > 3 {
        return Err(misused_subcommand("SLOWLOG", &args[1]));
    }
    match args.get(2).map_or(Some(COUNT_DEFAULT), parse_i64) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(count as usize),
        _ => Err(Refusal::Text("ERR count should be greater than or equal to -1")),
    }
}

fn merge(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let parts =
        answers.into_iter().filter_map(|answer| if let Answer::Slow(part) = answer { Some(part) } else { None });
    let entries_max = exec.facts.settings.slowlog_max_len as usize;
    let newest = newest(parts, count(args)?.min(entries_max));
    reply.array(newest.len());
    for entry in newest {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int(entry.at);
        reply.int(entry.us as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.text(&entry.peer);
        reply.bulk(&entry.name);
    }
    Ok(())
}

/// The newest entries of all cores, newest first.
fn newest(parts: impl Iterator<Item = Vec<Slow>>, count: usize) -> Vec<Slow> {
    let mut all: Vec<Slow> = parts.flatten().collect();
    all.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
    all.truncate(count);
    all
}

fn len(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Report, add);
    Ok(())
}

/// Together the cores may keep more than the log holds.
fn add(exec: &mut SessionExec, _: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let entries: u64 = reports(answers).iter().map(|report| report.slowlog_entries).sum();
    reply.int(entries.min(exec.facts.settings.slowlog_max_len) as i64);
    Ok(())
}

fn reset(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::SlowlogReset, done);
    Ok(())
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}

#[cfg(test)]
mod tests {
    use keyspace::args::OwnedArgs;

    use super::*;

    #[test]
    fn counts() {
        let rows: [(&[&str], Option<usize>); 7] = [
            (&["slowlog", "get"], Some(10)),
            (&["slowlog", "get", "0"], Some(0)),
            (&["slowlog", "get", "-1"], Some(usize::MAX)),
            (&["slowlog", "get", "-2"], None),
            (&["slowlog", "get", "x"], None),
            (&["slowlog", "get", "9223372036854775808"], None),
            (&["slowlog", "get", "1", "2"], None),
        ];
        for (words, expected) in rows {
            assert_eq!(count(OwnedArgs::from_iter(words).args()).ok(), expected, "{words:?}");
        }
    }

    #[test]
    fn the_newest_of_all_cores_come_first() {
        let slow = |id| Slow { id, at: 0, us: 0, args: Vec::new(), peer: String::new(), name: Vec::new() };
        let parts = [vec![slow(7), slow(3)], vec![], vec![slow(9), slow(1)]];
        let ids: Vec<u64> = newest(parts.into_iter(), 3).iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [9, 7, 3]);
    }
}
