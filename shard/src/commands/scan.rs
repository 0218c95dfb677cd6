//! SCAN: every core scans its own slots, and the home core puts the parts together.

use std::sync::Arc;

use keyspace::args::Args;
use keyspace::commands::scan::{ScanRequest, merge};
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use crate::command::Run;

use super::{SessionExec, SessionRow};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "scan",
        arity: -2,
        flags: Flags::READONLY,
        categories: Categories::KEYSPACE,
        since: "2.8.0",
        group: "generic",
        summary: "Walks over the keys of the selected database, a few at a time.",
        complexity: "O(1) per call, O(N) for a whole walk.",
        syntax: "cursor:integer [MATCH pattern] [COUNT count] [TYPE type]@6.0.0",
        tips: &["nondeterministic_output", "request_policy:special"],
        history: &[("6.0.0", "The option TYPE.")],
        ..CommandSpec::NONE
    },
    run: Run::Session(scan),
}];

fn scan(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let request = Arc::new(ScanRequest::parse(args)?);
    exec.ask(Audience::Cores, Ask::Scan(request, exec.session.db), finish);
    Ok(())
}

fn finish(_: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let request = ScanRequest::parse(args)?;
    let parts =
        answers.into_iter().filter_map(|answer| if let Answer::Scan(part) = answer { Some(part) } else { None });
    merge(&request, parts.collect(), reply);
    Ok(())
}
