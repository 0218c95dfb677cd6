//! The command line: one table of commands, one of options.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::error::BenchError;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ashlar beside redis-server and the floor.
    Compare,
    /// Two core loops against one.
    Hop,
    /// The data types beside redis-server.
    Types,
    /// Transactions, scripts, messages and blocking pops beside redis-server.
    Clients,
    /// Many short runs that must all end.
    Soak,
    /// The CPU share of an idle server.
    Idle,
    /// What clients wait beside others that ask for much.
    Fairness,
    /// What many blocked clients cost, and their wake-ups.
    Blocked,
    /// Many keys that expire at once, and what deadlines cost.
    Expiry,
    /// The evidence packs of the levers.
    Evidence,
    /// Caches with less memory than data, and bursts of writes into them.
    Eviction,
}

/// Commands with what they do.
const ACTIONS: [(&str, Action, &str); 11] = [
    (
        "compare",
        Action::Compare,
        "ashlar beside redis-server and the floor over the table of workloads, and bytes per key",
    ),
    ("hop", Action::Hop, "the hop tax: the same load on two core loops, with and without visits, against one"),
    ("types", Action::Types, "processor time and memory of the data types beside redis-server"),
    (
        "clients",
        Action::Clients,
        "transactions, scripts, messages and blocking pops beside redis-server, and commands over two core loops",
    ),
    ("soak", Action::Soak, "many short runs on 2 and 4 core loops; exits 1 when one stalls"),
    ("idle", Action::Idle, "the CPU share of an idle server; exits 1 when it is too high"),
    (
        "fairness",
        Action::Fairness,
        "how long GETs wait beside clients that ask for much, and beside the same on redis-server",
    ),
    ("blocked", Action::Blocked, "memory and wake-ups of many clients that wait, and of few, beside redis-server"),
    (
        "expiry",
        Action::Expiry,
        "many keys that expire in the same second under a load, and what deadlines cost, beside redis-server",
    ),
    (
        "evidence",
        Action::Evidence,
        "measures the memos of the gate and of the pressure decision and writes their evidence packs",
    ),
    (
        "eviction",
        Action::Eviction,
        "caches with ten times more data than memory, by policy, and bursts of writes into full ones, beside redis-server",
    ),
];

/// Options with their argument (empty: none), the commands that take them and what they do.
const OPTIONS: [(&str, &str, &[Action], &str); 16] = [
    (
        "--quick",
        "",
        &[Action::Compare, Action::Hop, Action::Eviction],
        "small data set, a tenth of the requests, 3 rounds (eviction: a quarter, 1 round)",
    ),
    ("--targets", "", &[Action::Compare], "only the cells that the goals name"),
    (
        "--only",
        "WORDS",
        &[
            Action::Fairness,
            Action::Compare,
            Action::Hop,
            Action::Types,
            Action::Clients,
            Action::Expiry,
            Action::Eviction,
        ],
        "cells with each of these words, e.g. get,p16,1c,tcp; or `memory`; of others: rows with this text",
    ),
    (
        "--list",
        "",
        &[Action::Compare, Action::Hop, Action::Types, Action::Clients, Action::Expiry, Action::Eviction],
        "print the cells and do nothing",
    ),
    (
        "--rounds",
        "N",
        &[Action::Compare, Action::Hop, Action::Types, Action::Clients, Action::Expiry, Action::Eviction],
        "alternating rounds (default 5; eviction: 3)",
    ),
    (
        "--requests",
        "N",
        &[Action::Compare, Action::Hop, Action::Types, Action::Clients, Action::Soak, Action::Expiry, Action::Eviction],
        "requests of each run (soak: of each test, default 5000)",
    ),
    ("--runs", "N", &[Action::Soak], "number of short runs (default 1000)"),
    ("--deadline", "SECONDS", &[Action::Soak], "when a run counts as stalled (default 30)"),
    ("--seconds", "N", &[Action::Idle, Action::Fairness], "how long to look (default 10)"),
    ("--clients", "N", &[Action::Blocked], "how many wait (default 100000; needs as many descriptors)"),
    ("--keys", "N", &[Action::Expiry], "how many expire in the same second (default 10000000)"),
    (
        "--redis",
        "PATH",
        &[
            Action::Blocked,
            Action::Fairness,
            Action::Compare,
            Action::Types,
            Action::Clients,
            Action::Idle,
            Action::Expiry,
            Action::Eviction,
        ],
        "redis-server (default: the one on the path)",
    ),
    ("--ashlar", "PATH", &ALL, "ashlar (default: built now)"),
    ("--floor", "PATH", &[Action::Compare], "the floor server (default: built now)"),
    (
        "--out",
        "FOLDER",
        &[Action::Compare, Action::Hop, Action::Evidence],
        "where reports go (default target/bench, of evidence target/artifacts)",
    ),
    ("--help", "", &ALL, "this text"),
];

const ALL: [Action; 11] = [
    Action::Compare,
    Action::Hop,
    Action::Types,
    Action::Clients,
    Action::Soak,
    Action::Idle,
    Action::Fairness,
    Action::Blocked,
    Action::Expiry,
    Action::Evidence,
    Action::Eviction,
];

/// What was asked for; `None` and `false` where nothing was said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) targets: bool,
    pub(crate) list: bool,
    pub(crate) help: bool,
    pub(crate) only: Option<String>,
    pub(crate) rounds: Option<u64>,
    pub(crate) requests: Option<u64>,
    pub(crate) runs: Option<u64>,
    pub(crate) deadline: Option<u64>,
    pub(crate) seconds: Option<u64>,
    pub(crate) clients: Option<u64>,
    pub(crate) keys: Option<u64>,
    pub(crate) redis: Option<PathBuf>,
    pub(crate) ashlar: Option<PathBuf>,
    pub(crate) floor: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: &[String]) -> Result<(Action, Options), BenchError> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(usage("a command is needed"));
    };
    let found = ACTIONS.iter().find(|(known, ..)| known == name);
    let Some(&(_, action, _)) = found else {
        return Err(usage(&format!("there is no command {name}")));
    };
    let mut options = Options::default();
    let mut words = rest.iter();
    while let Some(flag) = words.next() {
        let known = OPTIONS.iter().find(|(option, _, actions, _)| option == flag && actions.contains(&action));
        let Some((_, argument, ..)) = known else {
            return Err(usage(&format!("{name} has no option {flag}")));
        };
        let value = if argument.is_empty() {
            ""
        } else {
            words.next().ok_or_else(|| usage(&format!("{flag} needs {argument}")))?
        };
        options.set(flag, value)?;
    }
    Ok((action, options))
}

/// All commands and options.
pub(crate) fn help() -> String {
    let mut text = "usage: cargo run --release -p bench -- COMMAND [OPTIONS]\n\ncommands\n".to_owned();
    for (name, _, what) in ACTIONS {
        let _ = writeln!(text, "  {name:<22} {what}");
    }
    text.push_str("\noptions\n");
    for (name, argument, actions, what) in OPTIONS {
        let of = if actions.len() == ALL.len() { String::new() } else { format!(" [{}]", names(actions)) };
        let _ = writeln!(text, "  {:<22} {what}{of}", format!("{name} {argument}"));
    }
    text
}

impl Options {
    fn set(&mut self, flag: &str, value: &str) -> Result<(), BenchError> {
        match flag {
            "--quick" => self.quick = true,
            "--targets" => self.targets = true,
            "--list" => self.list = true,
            "--help" => self.help = true,
            "--only" => self.only = Some(value.to_owned()),
            "--rounds" => self.rounds = Some(positive(flag, value)?),
            "--requests" => self.requests = Some(positive(flag, value)?),
            "--runs" => self.runs = Some(positive(flag, value)?),
            "--deadline" => self.deadline = Some(positive(flag, value)?),
            "--seconds" => self.seconds = Some(positive(flag, value)?),
            "--clients" => self.clients = Some(positive(flag, value)?),
            "--keys" => self.keys = Some(positive(flag, value)?),
            "--redis" => self.redis = Some(value.into()),
            "--ashlar" => self.ashlar = Some(value.into()),
            "--floor" => self.floor = Some(value.into()),
            "--out" => self.out = Some(value.into()),
            _ => {
                return Err(usage(&format!("{flag} is in the table of options but is not read")));
            }
        }
        Ok(())
    }
}

fn names(actions: &[Action]) -> String {
    let names = ACTIONS.iter().filter(|(_, action, _)| actions.contains(action)).map(|(name, ..)| *name);
    names.collect::<Vec<_>>().join(", ")
}

fn positive(flag: &str, value: &str) -> Result<u64, BenchError> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| usage(&format!("{flag} needs a positive number, not {value}")))
}

fn usage(fault: &str) -> BenchError {
    BenchError::Usage(format!("{fault}\n\n{}", help()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Action, Options), BenchError> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let (action, options) =
            parsed("compare --quick --only get,p1 --rounds 7 --ashlar /x/y").expect("these are arguments");
        assert_eq!(action, Action::Compare);
        let expected = Options {
            quick: true,
            only: Some("get,p1".to_owned()),
            rounds: Some(7),
            ashlar: Some("/x/y".into()),
            ..Options::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn every_option_of_the_table_is_read() {
        for (name, argument, actions, _) in OPTIONS {
            let value = if argument.is_empty() { "" } else { "1" };
            assert!(parsed(&format!("{} {name} {value}", names(&actions[..1]))).is_ok(), "{name}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, fault) in [
            ("", "a command is needed"),
            ("race", "no command race"),
            ("soak --quick", "soak has no option --quick"),
            ("soak --runs", "--runs needs N"),
            ("soak --runs 0", "--runs needs a positive number"),
        ] {
            assert!(parsed(line).unwrap_err().to_string().contains(fault), "{line}");
        }
    }
}
