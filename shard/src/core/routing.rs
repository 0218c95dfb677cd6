//! Who serves a command that its keys alone do not route: of the session, of a transaction, of a unit.
//!
//! Before anything is fetched the home core decides by its own snapshot as far as no key has to be looked up. Once a unit has its slots it
//! is decided again, by then with the keys at hand and a snapshot that is no older than that of any owner. A unit that has begun
//! goes on under the snapshot with which it began: the slots are its own until it is over (`cluster::routes`).

use clusterbus::gate::{Access, ClientModes, Decision};
use clusterbus::modes::{ModeCommand, Transaction};
use clusterbus::snapshot::Snapshot;
use keyspace::args::{Args, OwnedArgs};
use keyspace::spec::Flags;

use crate::cluster::request::{Foreseen, Routed, access, decide, foresee, is_settled};
use crate::cluster::waiting::waiter_elsewhere;
use crate::command::{Command, CommandTable};
use crate::conn::{Conn, Waiting};
use crate::mesh::Mesh;
use crate::ring::Ring;
use crate::shard::Shard;
use crate::stage::Stage;
use crate::unit::{Aside, Grant, Job, Unit, keys_of, plan_for_keys};

use super::Inner;
use super::barrier::EXEC;

/// The commands that run scripts, which write if the script says so.
const SCRIPTS: &str = "scripting";

/// The command after which ASKING holds.
const ASKING: &str = "asking";

impl<R: Ring> Inner<R> {
    /// True for a node of a cluster.
    #[inline]
    pub(super) fn is_clustered(&self) -> bool {
        self.bus.is_some()
    }

    /// Who serves a command of a client, as far as that can be said here and now.
    pub(super) fn foresee(&mut self, conn: &Conn, command: &'static Command, args: Args) -> Foreseen {
        let (table, modes) = (self.table, conn.session.modes);
        let snapshot = self.owner.shard().snapshot().expect("a node of a cluster has a snapshot");
        if command.spec.name == EXEC {
            let Some(transaction) = &conn.session.transaction else { return Foreseen::Decided(Decision::Local) };
            let queued = || transaction.iter().map(|(id, args)| Routed::queued(table.get(id), args));
            return foresee(&snapshot, modes, queued);
        }
        if !command.spec.is_routed() || is_settled(&snapshot, command, args) {
            return Foreseen::Decided(Decision::Local);
        }
        let single = Routed::new(command, args).with(self.access_of(command, args));
        foresee(&snapshot, modes, || std::iter::once(single))
    }

    /// Whether a command writes. One that runs a script writes if the script may, as far as it says so and is known here.
    pub(super) fn access_of(&mut self, command: &Command, args: Args) -> Access {
        let runs_script = command.spec.group == SCRIPTS && command.is(Flags::NOSCRIPT);
        match runs_script.then(|| self.scripts.flags_of(command.spec.name, args)).flatten() {
            Some(flags) if !flags.undeclared && !flags.no_writes => Access::Write,
            _ => access(command),
        }
    }

    /// Answers a command of a client that another node serves, or none does (§4.1). A transaction is dropped with its EXEC, and will not be
    /// carried out without any other command.
    pub(super) fn redirect(&mut self, conn: &mut Conn, command: &Command, decision: Decision) {
        if command.spec.name == EXEC {
            conn.session.transaction = None;
            conn.session.watching = None;
        } else if let Some(transaction) = &mut conn.session.transaction {
            transaction.failed = true;
        }
        conn.session.last_command = Some(command.id);
        let muted = conn.session.is_muted();
        self.answer_redirect(conn, command, decision, muted);
    }

    fn answer_redirect(&mut self, conn: &mut Conn, command: &Command, decision: Decision, muted: bool) {
        let (before, context) = (conn.out.len(), conn.session.context(false));
        self.owner.shard().redirect(command, &context, decision, &mut conn.out);
        if muted {
            conn.out.truncate(before);
        }
    }

    /// After a command of a client: ASKING holds for one, or for a transaction that begins with it.
    pub(super) fn end_modes(&mut self, conn: &mut Conn) {
        let modes = &mut conn.session.modes;
        let goes_on = match conn.waiting {
            _ if conn.executing.is_some() => true,
            Waiting::Pause | Waiting::Answers(_) => true,
            Waiting::Unit(seq) => self.units.get(&seq).is_some_and(|unit| matches!(unit.job, Job::Look(..))),
            _ => false,
        };
        if !modes.asking || goes_on {
            return;
        }
        let was_asking = conn.session.last_command.is_some_and(|id| self.table.get(id).spec.name == ASKING);
        let command = if was_asking { ModeCommand::Asking } else { ModeCommand::Other };
        let open = if conn.session.transaction.is_some() { Transaction::Open } else { Transaction::None };
        *modes = modes.after(command, open);
    }

    /// Looks which keys of a command are there that is to be queued, or belongs to the session: its slot is being moved.
    pub(super) fn start_look(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, command: &Command, args: Args) {
        let plan = plan_for_keys(keys_of(command, args), &self.map, self.id);
        let job = Job::Look(OwnedArgs::copy(args), conn.session.modes);
        self.start_unit(mesh, conn, job, false, plan);
    }

    /// Goes on with a command whose keys were looked up, or says who serves it.
    pub(super) fn looked(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: &mut Conn) {
        let decision = self.elsewhere(&mut unit);
        let Unit { id, job, grants, .. } = unit;
        self.give_back(mesh, id, grants);
        let Job::Look(args, _) = job else { unreachable!("the caller looked") };
        let command = named(self.table, args.args());
        match decision {
            Some(decision) => self.redirect(conn, command, decision),
            None => self.go_on_alone(mesh, conn, command, args.args()),
        }
        self.end_modes(conn);
    }

    /// Who serves what a unit is about to begin, if it is not this node. Its slots are granted. A script is looked at where it begins.
    pub(super) fn elsewhere(&mut self, unit: &mut Unit) -> Option<Decision> {
        let snapshot = self.owner.shard().snapshot()?;
        let table = self.table;
        let Unit { job, grants, aside, .. } = unit;
        let decision = match &*job {
            Job::Command { command, args, context } => {
                let commands = || std::iter::once(Routed::new(command, args.args()));
                self.decide_on_stage(&snapshot, context.modes, commands, grants, aside)
            }
            Job::Watch(args, modes) | Job::Look(args, modes) => {
                let commands = || std::iter::once(Routed::new(named(table, args.args()), args.args()));
                self.decide_on_stage(&snapshot, *modes, commands, grants, aside)
            }
            Job::Exec(exec) if !exec.begun => {
                let commands = || exec.transaction.iter().map(|(id, args)| Routed::queued(table.get(id), args));
                self.decide_on_stage(&snapshot, exec.modes, commands, grants, aside)
            }
            Job::Serve(turn) => waiter_elsewhere(&snapshot, &turn.waiter, table)?,
            Job::Exec(_) | Job::Script(_) => Decision::Local,
        };
        (decision != Decision::Local).then_some(decision)
    }

    /// Decides about commands with the slots of their keys at hand.
    fn decide_on_stage<'a, I: Iterator<Item = Routed<'a>>>(
        &mut self,
        snapshot: &Snapshot,
        modes: ClientModes,
        commands: impl Fn() -> I,
        grants: &mut [Grant],
        aside: &mut Aside,
    ) -> Decision {
        match foresee(snapshot, modes, &commands) {
            Foreseen::Decided(decision) => decision,
            Foreseen::ByPresence => {
                let mut stage = Stage::of(self.owner.shard(), grants);
                stage.enter(aside);
                let decision = decide(snapshot, modes, commands(), |key| stage.presence(key));
                stage.leave(aside);
                decision
            }
        }
    }

    /// Answers what a unit was for, which another node serves, or none does. Its slots go back.
    pub(super) fn turn_unit_away(&mut self, mesh: &Mesh<Shard>, unit: Unit, conn: &mut Conn, decision: Decision) {
        let Unit { id, job, grants, muted, .. } = unit;
        match &job {
            Job::Serve(turn) => {
                let reply = self.owner.shard().waiter_redirect(&turn.waiter, decision);
                turn.waiter.ticket.serve();
                self.unblocked(conn, &reply);
            }
            Job::Command { .. } | Job::Watch(..) | Job::Look(..) | Job::Exec(_) | Job::Script(_) => {
                let args = job.args().expect("only a turn has no arguments");
                self.answer_redirect(conn, named(self.table, args), decision, muted);
            }
        }
        self.give_back(mesh, id, grants);
    }
}

/// The command of these words, by which it was found before.
fn named(table: &'static CommandTable, args: Args) -> &'static Command {
    table.resolve(args).expect("it was found by these words")
}
