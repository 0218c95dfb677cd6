//! REPLCONF: what a client says of itself before it asks for a snapshot. Without data replication a client can want one, and be no replica.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::command::Run;

use super::{SessionExec, SessionRow};

/// What replicas read, and who asks for a snapshot as one.
pub(crate) const NO_REPLICAS: Refusal = Refusal::Text(
    "ERR this server does not support data replication: it sends a snapshot (SYNC), and nothing of what changes afterwards",
);

const BAD_FLAG: Refusal = Refusal::Text("ERR value is out of range, value must between 0 and 1");

/// The rows of this family.
pub(crate) static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "replconf",
        arity: -1,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY),
        since: "3.0.0",
        group: "server",
        summary: "Says what a client can do that asks for a snapshot.",
        ..CommandSpec::NONE
    },
    run: Run::Session(replconf),
}];

/// Options in pairs, up to the first that is refused.
fn replconf(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Refusal::Syntax);
    }
    for index in (1..args.len()).step_by(2) {
        if args.is(index, "listening-port") || args.is(index, "ip-address") {
            exec.session.was_refused_replica = true;
            return Err(NO_REPLICAS);
        } else if args.is(index, "rdb-only") {
            let value = parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)?;
            if !(0..=1).contains(&value) {
                return Err(BAD_FLAG);
            }
        } else if !args.is(index, "capa") {
            let option = String::from_utf8_lossy(args.at(index));
            return Err(Refusal::owned(format!("ERR Unrecognized REPLCONF option: {option}")));
        }
    }
    reply.ok();
    Ok(())
}
