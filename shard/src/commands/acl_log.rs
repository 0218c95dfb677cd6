//! ACL LOG: what was denied. Every core keeps what its own clients tried; together they show as one log.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::acl::{Denial, merge};
use crate::ask::{Answer, Ask, Audience};

use super::SessionExec;
use super::acl::{misused, reset_log};

/// Entries shown without a count.
const COUNT_DEFAULT: i64 = 10;

pub(super) fn log(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    if args.len() > 3 {
        return Err(misused(args));
    }
    if args.is(2, "reset") {
        reset_log(exec);
        return Ok(());
    }
    count(args)?;
    exec.ask(Audience::Cores, Ask::AclLog, show);
    Ok(())
}

fn count(args: Args) -> Result<usize, Refusal> {
    let count = args.get(2).map_or(Some(COUNT_DEFAULT), parse_i64).ok_or(Refusal::NotInteger)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn show(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let parts =
        answers.into_iter().filter_map(|answer| if let Answer::Denials(part) = answer { Some(part) } else { None });
    let entries_max = usize::try_from(exec.facts.settings.acllog_max_len).unwrap_or(usize::MAX);
    let entries = merge(parts, entries_max);
    let shown = &entries[..entries.len().min(count(args)?)];
    let now_ms = exec.facts.now.wall_us / 1000;
    reply.array(shown.len());
    shown.iter().for_each(|entry| write(entry, now_ms, reply));
    Ok(())
}

/// The fields of 7.0, then those of 7.2.
fn write(entry: &Denial, now_ms: u64, reply: &mut Reply) {
    reply.map(10);
    reply.text("count");
    reply.int(entry.count as i64);
    reply.text("reason");
    reply.text(entry.reason.name());
    reply.text("context");
    reply.text(entry.context.name());
    reply.text("object");
    reply.bulk(&entry.object);
    reply.text("username");
    reply.bulk(&entry.username);
    reply.text("age-seconds");
    reply.double(now_ms.saturating_sub(entry.last_ms) as f64 / 1000.0);
    reply.text("client-info");
    reply.bulk(&entry.client);
    reply.text("entry-id");
    reply.int(entry.id as i64);
    reply.text("timestamp-created");
    reply.int(entry.first_ms as i64);
    reply.text("timestamp-last-updated");
    reply.int(entry.last_ms as i64);
}
