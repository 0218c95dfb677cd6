//! RESET: the connection as it was when it began.

use keyspace::args::Args;
use keyspace::refusal::Outcome;
use keyspace::reply::{Reply, Resp};
use keyspace::spec::{Categories, CommandSpec};

use crate::command::Run;
use crate::session::ReplyMode;

use super::hello::ANYBODY;
use super::{SessionExec, SessionRow};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "reset",
        arity: 1,
        flags: ANYBODY,
        categories: Categories::CONNECTION,
        since: "6.2.0",
        group: "connection",
        summary: "Makes the connection what it was when it began.",
        ..CommandSpec::NONE
    },
    run: Run::Session(reset),
}];

/// What stays is what describes the client itself: the names of its library, and NO-EVICT.
fn reset(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let session = &mut *exec.session;
    session.db = 0;
    session.resp = Resp::V2;
    session.name = Vec::new();
    session.no_touch = false;
    session.sign_out(&exec.facts.acl.users);
    if session.reply_mode == ReplyMode::Off {
        session.reply_mode = ReplyMode::On;
    }
    reply.simple("RESET");
    Ok(())
}
