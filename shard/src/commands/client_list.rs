//! CLIENT LIST and CLIENT INFO: every core describes its own clients.

use std::collections::HashMap;
use std::sync::Arc;

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience};

use super::SessionExec;
use super::client_filter::{ClientFilter, ClientType};
use super::client_line::ClientLine;

/// The longest list, in bytes: what a bulk string may be by default. A list by ID may name a client any number of times.
const LIST_BYTES_MAX: usize = 512 << 20;

/// Lists the clients of all cores.
pub(super) fn list(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let filter = match args.len() {
        2 => ClientFilter::default(),
        4 if args.is(2, "type") => {
            ClientFilter { kind: Some(ClientType::parse(args.at(3))?), ..ClientFilter::default() }
        }
        4.. if args.is(2, "id") => {
            let mut ids = wanted(args)?;
            ids.sort_unstable();
            ids.dedup();
            ClientFilter { ids: Some(ids), ..ClientFilter::default() }
        }
        _ => return Err(Refusal::Syntax),
    };
    exec.ask(Audience::Cores, Ask::Clients(Arc::new(filter)), finish);
    Ok(())
}

/// Describes the own client. Its core knows more of it than its session does.
pub(super) fn info(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    let filter = Arc::new(ClientFilter::one(exec.session.id));
    exec.ask(Audience::Core(exec.facts.core), Ask::Clients(filter), finish);
    Ok(())
}

/// The numbers after ID, in the order given. What no client can have is no client's.
fn wanted(args: Args) -> Result<Vec<u64>, Refusal> {
    let numbers = args.from(3);
    numbers
        .iter()
        .map(|arg| parse_i64(arg).map(|id| id.max(0) as u64).ok_or(Refusal::Text("ERR Invalid client ID")))
        .collect()
}

/// By ID in the order asked for, otherwise from the oldest on.
fn finish(_: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let lines =
        answers.into_iter().filter_map(|answer| if let Answer::Clients(lines) = answer { Some(lines) } else { None });
    let mut lines: Vec<ClientLine> = lines.flatten().collect();
    let text = if args.is(2, "id") {
        let lines: HashMap<u64, &[u8]> = lines.iter().map(|line| (line.id, line.text.as_slice())).collect();
        join(wanted(args)?.iter().filter_map(|id| lines.get(id).copied()))?
    } else {
        lines.sort_unstable_by_key(|line| line.id);
        join(lines.iter().map(|line| line.text.as_slice()))?
    };
    reply.verbatim(*b"txt", &text);
    Ok(())
}

fn join<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    for line in lines {
        if text.len() + line.len() > LIST_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        text.extend_from_slice(line);
    }
    Ok(text)
}
