//! RESET: the connection as it was when it began.

use clusterbus::modes::{ModeCommand, Transaction};
use keyspace::args::Args;
use keyspace::refusal::Outcome;
use keyspace::reply::{Reply, Resp};
use keyspace::spec::{Categories, CommandSpec};

use crate::ask::{Answer, Ask, Audience};
use crate::command::Run;
use crate::session::ReplyMode;
use crate::tracking::session::Mode;

use super::hello::ANYBODY;
use super::pubsub::audience;
use super::{SessionExec, SessionRow, Then};

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
fn reset(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let session = &mut *exec.session;
    session.db = 0;
    session.name = Vec::new();
    session.no_touch = false;
    session.sign_out(&exec.facts.acl.users);
    session.transaction = None;
    session.watching = None;
    session.modes = session.modes.after(ModeCommand::Reset, Transaction::None);
    session.was_refused_replica = false;
    if session.reply_mode == ReplyMode::Off {
        session.reply_mode = ReplyMode::On;
    }
    let broadcast = session.tracking.take().filter(|tracking| tracking.mode == Mode::Broadcast);
    if let Some(tracking) = broadcast {
        exec.ask(Audience::Cores, Ask::Untrack(tracking.me), unsubscribe);
        return Ok(());
    }
    unsubscribe(exec, args, Vec::new(), reply)
}

/// No core tells the client of prefixes any more.
fn unsubscribe(exec: &mut SessionExec, args: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let topics = exec.session.subscriptions.take().map(|subscriptions| subscriptions.all()).unwrap_or_default();
    if topics.is_empty() {
        return done(exec, args, Vec::new(), reply);
    }
    let to = audience(&topics, exec.facts);
    exec.ask(to, Ask::Unsubscribe(topics.into()), done);
    Ok(())
}

/// Nobody tells the client anything any more: until here it may have been told in the form that it asked for.
fn done(exec: &mut SessionExec, _: Args, _: Vec<Answer>, reply: &mut Reply) -> Outcome {
    exec.session.resp = Resp::V2;
    if exec.session.monitors {
        *exec.then = Then::StopMonitor;
    }
    reply.simple("RESET");
    Ok(())
}
