//! A command that is not for routing alone: everything of its connection before it is done, and nothing after it has begun.

use keyspace::args::{Args, OwnedArgs};
use keyspace::refusal::Refusal;
use keyspace::reply::Reply;
use keyspace::spec::Flags;

use crate::command::{Command, CommandId, Run};
use crate::commands::{Facts, SessionExec, Then};
use crate::conn::{Closing, Conn, Waiting};
use crate::mesh::Mesh;
use crate::resp::{Auth, is_cross_protocol};
use crate::ring::Ring;
use crate::ring::clock::ticks;
use crate::settings::DebugAccess;
use crate::shard::Shard;
use crate::unit;

use super::Inner;
use super::asks::{Begun, Ended};
use super::batch::Progress;

/// What a client reads that has to authenticate first.
const NOAUTH: Refusal = Refusal::Text("NOAUTH Authentication required.");

/// The command that `enable-debug-command` guards, with all its subcommands.
const DEBUG: &str = "debug";

/// What a client reads that may not use it.
const NO_DEBUG: Refusal = Refusal::Text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local \
     connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

impl<R: Ring> Inner<R> {
    /// Carries out one command that was parsed before.
    pub(super) fn single(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args) -> Progress {
        self.barrier(mesh, conn, args);
        Progress::More(1)
    }

    /// Carries out a command alone.
    pub(super) fn barrier(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args) {
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
        if let Err(refusal) = self.may(&conn.session, command, args) {
            return self.reject(conn, Some(command.id), &refusal);
        }
        if self.pauses.holds_back(command) {
            conn.session.last_command = Some(command.id);
            conn.deferred = Some(OwnedArgs::copy(args));
            conn.waiting = Waiting::Pause;
            self.postponed.push(conn.id);
            return;
        }
        match command.run {
            Run::Session(_) => self.in_session(mesh, conn, command, args),
            Run::Data(_) | Run::Whole(_) => {
                let plan = match command.whole(args) {
                    Some(_) => unit::plan_for_all(&self.map),
                    None => unit::plan_for_keys(unit::keys_of(command, args), &self.map, self.id),
                };
                self.start_unit(mesh, conn, command, args, plan);
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

    /// Answers with an error before any handler ran.
    fn reject(&mut self, conn: &mut Conn, command: Option<CommandId>, refusal: &Refusal) {
        let text = refusal.text();
        conn.session.last_command = command;
        self.owner.shard().stats.rejected(command, &text);
        if !conn.session.is_muted() {
            Reply::new(&mut conn.out, conn.session.resp).error(&text);
        }
    }

    /// Carries out a command of the session.
    fn in_session(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, command: &'static Command, args: Args) {
        let Run::Session(run) = command.run else { unreachable!("the caller looked") };
        conn.session.begins(command.id);
        let (started, before) = (ticks(), conn.out.len());
        let mut then = Then::Nothing;
        let facts = self.facts(mesh);
        let resp = conn.session.resp;
        let mut exec = SessionExec { session: &mut conn.session, facts: &facts, then: &mut then };
        let outcome = run(&mut exec, args, &mut Reply::new(&mut conn.out, resp));
        let ended = Ended { outcome, then, before, begun: Begun { at: started, spent: 0 } };
        self.end_of_session_command(mesh, conn, command, args, ended);
    }

    /// What handlers of the session may know of their core and process.
    pub(super) fn facts<'a>(&'a self, mesh: &'a Mesh<Shard>) -> Facts<'a> {
        Facts {
            core: self.id,
            cores: self.map.cores(),
            now: self.now,
            settings: &self.settings,
            acl: &self.guard,
            server: &self.server,
            table: self.table,
            published: mesh,
        }
    }
}
