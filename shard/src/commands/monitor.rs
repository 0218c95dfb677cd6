//! MONITOR: the client hears of all commands from now on.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use crate::command::Run;

use super::{SessionExec, SessionRow, Then};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "monitor",
        arity: 1,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        since: "1.0.0",
        group: "server",
        summary: "Shows every command that the server carries out.",
        ..CommandSpec::NONE
    },
    run: Run::Session(monitor),
}];

/// A client that is a monitor already is not answered.
fn monitor(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    if exec.session.executing {
        return Err(Refusal::Text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !std::mem::replace(&mut exec.session.monitors, true) {
        exec.ask(Audience::Cores, Ask::Monitor, monitors);
    }
    Ok(())
}

/// Every core tells of what it carries out from here on.
fn monitors(exec: &mut SessionExec, _: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    *exec.then = Then::Monitor;
    reply.ok();
    Ok(())
}
