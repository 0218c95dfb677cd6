//! DEBUG: aids for tests. `enable-debug-command` guards all of it (`core/barrier.rs`).
//!
//! To clients it is one command. What looks at keys has rows of its own with the data commands (`debug|object`,
//! `debug|populate`, `debug|digest`), which only say how it is carried out.

use std::time::Duration;

use keyspace::args::Args;
use keyspace::glob::{self, Case};
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::ask::{Ask, Audience};
use crate::command::{Run, misused_subcommand};

use super::{SessionExec, SessionRow, cluster, done, write_help};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "debug",
        arity: -2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::SYSCMD),
        group: "server",
        summary: "Aids for tests.",
        complexity: "Depends on subcommand.",
        ..CommandSpec::NONE
    },
    run: Run::Session(debug),
}];

/// What a client is told; our own words in Redis's form.
const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CLUSTERLINK KILL <to|from|all> <node-id>",
    "    Closes the links of the cluster bus to a node, from it, or both.",
    "DIGEST",
    "    Shows a digest of all databases, redis-server's for the same data.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Shows a digest of each key's value.",
    "LOG <message>",
    "    Writes <message> to the server's log.",
    "OBJECT <key>",
    "    Shows how <key> and its value are stored.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Makes <count> keys named <prefix>:<number> (default: key), with values of",
    "    <size> bytes or value:<number>.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Switches the cycle that removes what has expired off or on: without it that",
    "    is removed when it is asked for.",
    "SLEEP <seconds>",
    "    Stops all cores for <seconds>, a decimal number.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Tells whether <pattern> matches <string>, as KEYS would.",
    "HELP",
    "    Prints this help.",
];

/// The longest sleep: 24 days, which nobody waits for.
const SLEEP_MAX: Duration = Duration::from_secs(1 << 21);

/// The most bytes of a message that are logged.
const LOG_BYTES_MAX: usize = 1024;

/// What a client reads that would close a link of the bus where there is none.
const NO_CLUSTER: Refusal = Refusal::Text("ERR Debug option only available for cluster mode enabled setup!");

fn debug(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    match args.len() {
        2 if args.is(1, "help") => write_help(reply, HELP)?,
        3 if args.is(1, "sleep") => {
            exec.ask(Audience::Cores, Ask::Sleep(duration(&args[2])), done);
        }
        3 if args.is(1, "set-active-expire") => {
            // What is no number counts as 0, as in Redis.
            let on = parse_i64(&args[2]).is_some_and(|number| number != 0);
            exec.ask(Audience::Cores, Ask::ActiveExpire(on), done);
        }
        3 if args.is(1, "log") => {
            let message = &args[2][..args[2].len().min(LOG_BYTES_MAX)];
            tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(message).replace(char::is_control, "?"));
            reply.ok();
        }
        5 if args.is(1, "clusterlink") && args.is(2, "kill") => {
            if !exec.facts.clustered {
                return Err(NO_CLUSTER);
            }
            cluster::ask_bus(exec, args);
        }
        4 if args.is(1, "stringmatch-len") => {
            reply.int(i64::from(glob::matches(&args[2], &args[3], Case::Exact)));
        }
        _ => {
            return Err(misused_subcommand("DEBUG", &args[1]));
        }
    }
    Ok(())
}

/// The time that a decimal number of seconds means. What is not a number, or negative, is no time, as in Redis.
fn duration(text: &[u8]) -> Duration {
    let seconds = std::str::from_utf8(text).ok().and_then(|text| text.trim_start().parse().ok()).unwrap_or(0.0);
    let bounded = f64::clamp(seconds, 0.0, SLEEP_MAX.as_secs_f64());
    Duration::try_from_secs_f64(bounded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let rows: [(&str, Duration); 8] = [
            ("0", Duration::ZERO),
            ("0.25", Duration::from_millis(250)),
            ("2", Duration::from_secs(2)),
            ("-1", Duration::ZERO),
            ("a", Duration::ZERO),
            ("nan", Duration::ZERO),
            ("inf", SLEEP_MAX),
            ("1e300", SLEEP_MAX),
        ];
        rows.iter().for_each(|(text, expected)| assert_eq!(duration(text.as_bytes()), *expected, "{text}"));
    }
}
