//! A command that is not for routing alone: everything of its connection before it is done, and nothing after it has begun.

use clusterbus::gate::Decision;
use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::sync::SYNC;
use keyspace::refusal::Refusal;
use keyspace::reply::Reply;
use keyspace::spec::Flags;

use crate::cluster::request::Foreseen;
use crate::command::{Command, CommandId, Run};
use crate::commands::replconf::NO_REPLICAS;
use crate::commands::{Facts, SessionExec, Then};
use crate::conn::{Closing, Conn, Waiting};
use crate::mesh::Mesh;
use crate::resp::{Auth, is_cross_protocol};
use crate::ring::Ring;
use crate::ring::clock::ticks;
use crate::settings::DebugAccess;
use crate::shard::Shard;
use crate::unit::{self, Job};

use super::Inner;
use super::access::Origin;
use super::asks::{Begun, Ended};
use super::batch::Progress;

/// What a client reads that has to authenticate first.
const NOAUTH: Refusal = Refusal::Text("NOAUTH Authentication required.");

/// The command that `enable-debug-command` guards, with all its subcommands.
const DEBUG: &str = "debug";

/// What a client reads that may not use a command in a transaction.
const NOT_IN_MULTI: Refusal = Refusal::Text("ERR Command not allowed inside a transaction");

/// The command that writes if one that it carries out does.
pub(super) const EXEC: &str = "exec";

/// True for the commands that a transaction does not queue.
pub(super) fn is_immediate(name: &str) -> bool {
    matches!(name, EXEC | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// What a client reads that may not use DEBUG.
const NO_DEBUG: Refusal = Refusal::Text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local \
     connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

/// What a monitor reads that sends such a command.
const NOT_A_MONITORS: Refusal = Refusal::Text("ERR Replica can't interact with the keyspace");

/// True if a command reads or writes data, or might.
fn touches_data(command: &Command) -> bool {
    [Flags::WRITE, Flags::READONLY, Flags::MAY_REPLICATE].iter().any(|flag| command.is(*flag))
}

/// The commands of a client that only listens: a subscriber with RESP2.
const LISTENERS: [&str; 9] =
    ["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset"];

/// What CLIENT CACHING told holds for one command, or for one transaction.
fn end_caching(conn: &mut Conn, command: &str) {
    let executes = conn.executing.is_some() || (command == EXEC && conn.waiting != Waiting::No);
    let begun = conn.session.transaction.is_some() || executes;
    let goes_on = begun || conn.waiting == Waiting::Pause || command.starts_with("client|");
    if let Some(tracking) = conn.session.tracking.as_mut().filter(|_| !goes_on) {
        tracking.caching = false;
    }
}

/// True for a command that is not carried out as a unit, in which its keys could be looked at.
fn looks_first(conn: &Conn, command: &Command) -> bool {
    let is_queued = conn.session.transaction.is_some() && !is_immediate(command.spec.name);
    is_queued || (matches!(command.run, Run::Session(_)) && command.spec.name != EXEC)
}

/// What such a client reads that sends another.
fn only_listens(command: &Command) -> Refusal {
    let allowed = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    Refusal::owned(format!("ERR Can't execute '{}': {allowed}", command.spec.name))
}

impl<R: Ring> Inner<R> {
    /// Carries out one command that was parsed before.
    pub(super) fn single(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args) -> Progress {
        self.barrier(mesh, conn, args);
        Progress::More(1)
    }

    /// Carries out a command alone.
    pub(super) fn barrier(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args) {
        let told = conn.session.caches_next();
        self.carry_out_alone(mesh, conn, args);
        self.end_modes(conn);
        if told {
            let command = conn.session.last_command.map_or("", |id| self.table.get(id).spec.name);
            end_caching(conn, command);
        }
    }

    fn carry_out_alone(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args) {
        if is_cross_protocol(args.at(0)) {
            tracing::warn!(client = conn.session.id, peer = conn.session.peer, "closed: it speaks HTTP, not RESP");
            // What was answered before is sent, however the bytes arrived.
            conn.closing = Closing::AfterReplies;
            return;
        }
        let command = match self.table.resolve(args) {
            Ok(command) => command,
            Err(rejection) => return self.reject(conn, rejection.command, &rejection.refusal),
        };
        if command.spec.name.starts_with(DEBUG) && !self.may_debug(conn) {
            return self.reject(conn, Some(command.id), &NO_DEBUG);
        }
        if conn.session.auth_under(&self.guard.users) == Auth::Needed && !command.is(Flags::NO_AUTH) {
            return self.reject(conn, Some(command.id), &NOAUTH);
        }
        if let Err(refusal) = self.may(&conn.session, command, args, Origin::Client) {
            return self.reject(conn, Some(command.id), &refusal);
        }
        if self.is_clustered() {
            match self.foresee(conn, command, args) {
                Foreseen::Decided(Decision::Local) => {}
                Foreseen::Decided(decision) => return self.redirect(conn, command, decision),
                Foreseen::ByPresence if looks_first(conn, command) => {
                    return self.start_look(mesh, conn, command, args);
                }
                Foreseen::ByPresence => {}
            }
        }
        self.go_on_alone(mesh, conn, command, args);
    }

    /// Goes on with a command that this node serves, as far as that is known.
    pub(super) fn go_on_alone(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, command: &'static Command, args: Args) {
        if command.spec.name == SYNC && conn.session.was_refused_replica {
            return self.reject(conn, Some(command.id), &NO_REPLICAS);
        }
        if let Some(refusal) = self.refused_for_memory(conn, command) {
            return self.reject(conn, Some(command.id), &refusal);
        }
        if conn.session.only_listens() && !LISTENERS.contains(&command.spec.name) {
            return self.reject(conn, Some(command.id), &only_listens(command));
        }
        if conn.session.monitors && touches_data(command) {
            return self.reject(conn, Some(command.id), &NOT_A_MONITORS);
        }
        let held_back = self.pauses.holds_back(command)
            || (command.spec.name == EXEC && self.pauses.holds_back_exec(&conn.session));
        if held_back && !conn.session.monitors {
            conn.session.last_command = Some(command.id);
            conn.deferred = Some(OwnedArgs::copy(args));
            conn.waiting = Waiting::Pause;
            self.postponed.push(conn.id);
            return;
        }
        if conn.session.transaction.is_some() && !is_immediate(command.spec.name) {
            return self.queue(conn, command, args);
        }
        match command.run {
            Run::Session(_) => self.in_session(mesh, conn, command, args),
            Run::Data(_) | Run::Whole(_) => {
                let plan = match command.whole(args) {
                    Some(_) => unit::plan_for_all(&self.map),
                    None => unit::plan_for_keys(unit::keys_of(command, args), &self.map, self.id),
                };
                let context = conn.session.context(self.pauses.is_in_force(self.now));
                let muted = conn.session.begin(command.id);
                self.show(conn, command, args);
                let job = Job::Command { command, args: OwnedArgs::copy(args), context };
                self.start_unit(mesh, conn, job, muted, plan);
            }
            Run::Container => unreachable!("resolving a container gives a subcommand or an error"),
        }
    }

    fn may_debug(&self, conn: &Conn) -> bool {
        match self.settings.enable_debug_command {
            DebugAccess::Yes => true,
            DebugAccess::Local => conn.session.is_local(),
            DebugAccess::No => false,
        }
    }

    /// Queues a command of a transaction.
    fn queue(&mut self, conn: &mut Conn, command: &'static Command, args: Args) {
        if command.is(Flags::NO_MULTI) {
            return self.reject(conn, Some(command.id), &NOT_IN_MULTI);
        }
        let transaction = conn.session.transaction.as_mut().expect("the caller looked");
        if transaction.heap_bytes().saturating_add(args.bytes()) as u64 > self.settings.client_query_buffer_limit {
            tracing::debug!(client = conn.session.id, "closed: a transaction above the query buffer limit");
            self.cron.traffic.query_limit_closed += 1;
            conn.closing = Closing::Now;
            return;
        }
        transaction.writes |= super::pause::writes(command);
        transaction.needs_memory |= command.is(Flags::DENYOOM);
        transaction.push(command.id, args);
        if !conn.session.begin(command.id) {
            Reply::new(&mut conn.out, conn.session.resp).simple("QUEUED");
        }
    }

    /// Answers with an error before any handler ran. A transaction that misses a command will not be carried out; one whose EXEC is
    /// refused is dropped.
    fn reject(&mut self, conn: &mut Conn, command: Option<CommandId>, refusal: &Refusal) {
        let mut text = refusal.text();
        if let Some(transaction) = &mut conn.session.transaction {
            transaction.failed = true;
        }
        if command.is_some_and(|id| self.table.get(id).spec.name == EXEC) {
            conn.session.transaction = None;
            conn.session.watching = None;
            let cause = text.strip_prefix(b"ERR ").unwrap_or(&text);
            text = [b"EXECABORT Transaction discarded because of: ", cause].concat().into();
        }
        conn.session.last_command = command;
        self.owner.shard().stats.rejected(command, &text);
        if !conn.session.is_muted() {
            Reply::new(&mut conn.out, conn.session.resp).error(&text);
        }
    }

    /// Carries out a command of the session.
    pub(super) fn in_session(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, command: &'static Command, args: Args) {
        let Run::Session(run) = command.run else { unreachable!("the caller looked") };
        conn.session.begins(command.id);
        // What runs a script stands before the script's commands.
        let shown_before = command.is(Flags::SKIP_MONITOR);
        if shown_before {
            self.show(conn, command, args);
        }
        let (started, before) = (ticks(), conn.out.len());
        let mut then = Then::Nothing;
        let facts = self.facts(mesh);
        let resp = conn.session.resp;
        let mut exec = SessionExec { conn: conn.id, session: &mut conn.session, facts: &facts, then: &mut then };
        let outcome = run(&mut exec, args, &mut Reply::new(&mut conn.out, resp));
        // EXEC follows what it carries out.
        if !shown_before && !matches!(then, Then::Exec) {
            self.show(conn, command, args);
        }
        let ended = Ended { outcome, then, before, begun: Begun { at: started, spent: 0 } };
        self.end_of_session_command(mesh, conn, command, args, ended);
    }

    /// What handlers of the session may know of their core and process.
    pub(super) fn facts<'a>(&'a self, mesh: &'a Mesh<Shard>) -> Facts<'a> {
        Facts {
            core: self.id,
            cores: self.map.cores(),
            map: &self.map,
            now: self.now,
            settings: &self.settings,
            acl: &self.guard,
            server: &self.server,
            table: self.table,
            clustered: self.is_clustered(),
            published: mesh,
        }
    }
}
