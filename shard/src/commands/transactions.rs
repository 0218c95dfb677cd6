//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! What they queue and watch is the session's. EXEC and WATCH need slots, so what they do beyond their checks is the core's.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};

use crate::command::Run;

use super::{SessionExec, SessionFn, SessionRow, Then};

/// What the rows of this family share.
const ROW: CommandSpec =
    CommandSpec { categories: Categories::TRANSACTION, group: "transactions", ..CommandSpec::NONE };

/// Flags of all of them.
const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);

/// Flags of those that take no time.
const QUICK: Flags = FLAGS.and(Flags::ALLOW_BUSY).and(Flags::FAST);

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    row(
        CommandSpec {
            name: "multi",
            arity: 1,
            flags: QUICK,
            since: "1.2.0",
            summary: "Begins a transaction: the commands that follow are queued.",
            ..ROW
        },
        multi,
    ),
    row(
        CommandSpec {
            name: "exec",
            arity: 1,
            flags: FLAGS.and(Flags::SKIP_SLOWLOG),
            since: "1.2.0",
            summary: "Carries out the commands of a transaction.",
            complexity: "Depends on commands in the transaction",
            ..ROW
        },
        exec,
    ),
    row(
        CommandSpec {
            name: "discard",
            arity: 1,
            flags: QUICK,
            since: "2.0.0",
            summary: "Drops a transaction.",
            complexity: "O(N), when N is the number of queued commands",
            ..ROW
        },
        discard,
    ),
    row(
        CommandSpec {
            name: "watch",
            arity: -2,
            flags: QUICK,
            keys: &[KeySpec { flags: KeyFlags::RO, first: 1, last: -1, step: 1 }],
            since: "2.2.0",
            summary: "Has the next transaction carried out only if some keys stay as they are.",
            complexity: "O(1) for every key.",
            syntax: "key [key ...]",
            ..ROW
        },
        watch,
    ),
    row(
        CommandSpec {
            name: "unwatch",
            arity: 1,
            flags: QUICK,
            since: "2.2.0",
            summary: "Forgets the keys that the connection watches.",
            ..ROW
        },
        unwatch,
    ),
];

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}

fn multi(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    if exec.session.transaction.is_some() {
        return Err(Refusal::Text("ERR MULTI calls can not be nested"));
    }
    exec.session.transaction = Some(Box::default());
    reply.ok();
    Ok(())
}

fn exec(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    let session = &mut *exec.session;
    let Some(transaction) = &session.transaction else { return Err(Refusal::Text("ERR EXEC without MULTI")) };
    let failed = transaction.failed;
    if failed || session.watching.as_ref().is_some_and(|watching| watching.ticket.has_ended()) {
        session.transaction = None;
        session.watching = None;
        if failed {
            return Err(Refusal::Text("EXECABORT Transaction discarded because of previous errors."));
        }
        reply.null_array();
        return Ok(());
    }
    *exec.then = Then::Exec;
    Ok(())
}

fn discard(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    if exec.session.transaction.take().is_none() {
        return Err(Refusal::Text("ERR DISCARD without MULTI"));
    }
    exec.session.watching = None;
    reply.ok();
    Ok(())
}

fn watch(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    if exec.session.transaction.is_some() {
        return Err(Refusal::Text("ERR WATCH inside MULTI is not allowed"));
    }
    // Nothing can make the next transaction succeed any more.
    if exec.session.watching.as_ref().is_some_and(|watching| watching.ticket.has_ended()) {
        reply.ok();
        return Ok(());
    }
    *exec.then = Then::Watch;
    Ok(())
}

fn unwatch(exec: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    exec.session.watching = None;
    reply.ok();
    Ok(())
}
