//! EXEC: the queued commands of a transaction, one after the other under one lease.

use evict::gate::expired_on_access;
use keyspace::args::Args;
use keyspace::commands::scan::{ScanRequest, merge};
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;
use keyspace::slot::Slot;

use crate::command::{Command, Run};
use crate::conn::{Closing, Conn, Waiting};
use crate::mesh::Mesh;
use crate::mesh::loans::UnitId;
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::shard::Shard;
use crate::stage::Stage;
use crate::transaction::{Execution, SCAN, Watching};
use crate::unit::{Grant, Job, Unit, plan_for_all, plan_for_keys};

use super::Inner;
use super::access::Origin;
use super::scripts::Left;

impl<R: Ring> Inner<R> {
    /// Begins the EXEC of a client: its handler has found that there is a transaction to carry out.
    pub(super) fn start_exec(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args, muted: bool) {
        let transaction = *conn.session.transaction.take().expect("the handler looked");
        let watching = conn.session.watching.take();
        let plan = match transaction.touches_all(self.table) {
            true => plan_for_all(&self.map),
            false => {
                let queued = transaction.iter().flat_map(|(id, args)| self.table.get(id).spec.keys_of(args));
                let watched = watching.iter().flat_map(|watching| watching.keys.iter().map(|watched| &*watched.key));
                plan_for_keys(queued.chain(watched), &self.map, self.id)
            }
        };
        let args = keyspace::args::OwnedArgs::copy(args);
        let job = Job::Exec(Box::new(Execution {
            transaction,
            watching,
            next: 0,
            args,
            begun: false,
            reply: Vec::new(),
            script: None,
            modes: conn.session.modes,
        }));
        self.start_unit(mesh, conn, job, muted, plan);
    }

    /// Carries a transaction out from where it stands. A command of it that asks other cores, and a script after its slice, keep it
    /// waiting; the slots stay with it.
    pub(super) fn run_exec(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: &mut Conn) {
        let Job::Exec(exec) = &mut unit.job else { unreachable!("the caller looked") };
        let started = ticks();
        // Its reply leaves in one piece, when it is over.
        std::mem::swap(&mut conn.out, &mut exec.reply);
        let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
        stage.enter(&mut unit.aside);
        if !std::mem::replace(&mut exec.begun, true) {
            let mut reply = Reply::new(&mut conn.out, conn.session.resp);
            if exec.watching.take().is_some_and(|watching| has_changed(&mut stage, &watching)) {
                reply.null_array();
                exec.next = exec.transaction.len();
            } else {
                reply.array(exec.transaction.len());
            }
        }
        conn.executing = Some(unit.id.seq);
        conn.session.impatient = true;
        let over = self.run_queue(mesh, unit.id, &mut unit.grants, exec, conn);
        std::mem::swap(&mut conn.out, &mut exec.reply);
        self.collect_slow(&conn.session);
        let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
        if !over {
            stage.leave(&mut unit.aside);
            self.owner.shard().hold(&mut unit.grants);
            if conn.waiting == Waiting::No {
                conn.waiting = Waiting::Unit(unit.id.seq);
            }
            self.units.insert(unit.id.seq, unit);
            return;
        }
        conn.executing = None;
        conn.session.impatient = false;
        stage.serve_ready();
        stage.leave(&mut unit.aside);
        self.end_exec(exec, ticks().wrapping_sub(started), conn);
        if !unit.muted {
            conn.out.append(&mut exec.reply);
        }
        self.collect_slow(&conn.session);
        self.give_back(mesh, unit.id, unit.grants);
    }

    /// Puts the reply of a connection's transaction that waits in the place of its output, or back.
    pub(super) fn exchange_reply(&mut self, conn: &mut Conn) {
        let unit = conn.executing.and_then(|seq| self.units.get_mut(&seq));
        if let Some(Unit { job: Job::Exec(exec), .. }) = unit {
            std::mem::swap(&mut conn.out, &mut exec.reply);
        }
    }

    /// Drops what a transaction has replied above its client's limit, and ends that.
    fn bound_reply(&self, conn: &mut Conn) {
        let hard_bytes = self.settings.client_output_buffer_limit.normal.hard_bytes;
        if hard_bytes > 0 && conn.out.len() as u64 > hard_bytes {
            conn.closing = Closing::Now;
        }
        if conn.closing == Closing::Now {
            conn.out.clear();
        }
    }

    /// Carries out queued commands. False if one has to be waited for.
    fn run_queue(
        &mut self,
        mesh: &Mesh<Shard>,
        unit: UnitId,
        grants: &mut [Grant],
        exec: &mut Execution,
        conn: &mut Conn,
    ) -> bool {
        loop {
            if let Some(mut script) = conn.script.take() {
                script.modes = exec.modes;
                exec.script = Some(script);
            }
            if let Some(script) = &mut exec.script {
                if !self.scripts.admits(unit.seq) {
                    return false;
                }
                match self.step_script(mesh, unit, grants, script) {
                    Left::Done(outcome) => self.script_reply(script, outcome, &mut conn.out),
                    Left::Rests | Left::Asked => return false,
                    Left::WantsAll => unreachable!("a transaction with a script has everything"),
                }
                exec.script = None;
            }
            if let Some(within) = conn.migration.take() {
                self.end_within(grants, conn, *within);
            }
            self.bound_reply(conn);
            let Some((id, args)) = exec.transaction.get(exec.next) else { return true };
            exec.next += 1;
            let command = self.table.get(id);
            if let Err(refusal) = self.may(&conn.session, command, args, Origin::Transaction) {
                self.owner.shard().stats.rejected(Some(id), &refusal.text());
                Reply::new(&mut conn.out, conn.session.resp).error(refusal.text());
                continue;
            }
            // After a command that ends the connection the others are carried out, and not answered.
            let answered = (conn.closing != Closing::No).then_some(conn.out.len());
            let mut stage = Stage::of(self.owner.shard(), grants);
            match command.run {
                Run::Data(_) | Run::Whole(_) => {
                    run_queued(&mut stage, command, args, conn);
                    self.show(conn, command, args);
                }
                Run::Session(_) if command.spec.name == SCAN => {
                    scan(&mut stage, command, args, conn);
                    self.show(conn, command, args);
                }
                Run::Session(_) => {
                    conn.session.executing = true;
                    self.in_session(mesh, conn, command, args);
                    conn.session.executing = false;
                    if let Some(within) = conn.migration.take() {
                        self.migrate_within(mesh, grants, conn, *within);
                    }
                }
                Run::Container => unreachable!("a container is not queued"),
            }
            if let Some(bytes) = answered {
                conn.out.truncate(bytes);
            }
            if conn.waiting != Waiting::No {
                return false;
            }
        }
    }

    /// Goes on with a transaction whose command got its answers.
    pub(super) fn resume_exec(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn) {
        if conn.waiting == Waiting::No
            && let Some(seq) = conn.executing
        {
            let unit = self.units.remove(&seq).expect("a transaction that waits is among the units");
            self.run_exec(mesh, unit, conn);
        }
    }

    /// The books of the EXEC itself.
    fn end_exec(&mut self, exec: &Execution, spent: u64, conn: &mut Conn) {
        let args = exec.args.args();
        let command = self.table.find_command(args.at(0)).expect("the command was found by this name");
        // ASKING in a transaction is over with it.
        conn.session.modes.asking = false;
        conn.session.last_command = Some(command.id);
        self.show(conn, command, args);
        if let Some(tracking) = &mut conn.session.tracking {
            tracking.caching = false;
        }
        self.owner.shard().account(command, args, ticks_to_ns(spent));
    }
}

/// True if a watched key is not what it was: it was changed, or its time has come.
fn has_changed(stage: &mut Stage, watching: &Watching) -> bool {
    let mut expired = |db: u16, bytes: &[u8]| {
        stage.with_slots(&[Slot::of(bytes)], |shard| {
            let (place, key) = (shard.keyspace.db(db as usize)?, shard.keyspace.key(bytes));
            let entry = shard.keyspace.locate(place, &key)?;
            let at = shard.keyspace.at(place, key.slot, entry).deadline()?;
            Some(expired_on_access(shard.now, at))
        })
    };
    watching.ticket.has_ended()
        || watching.keys.iter().any(|watched| !watched.expired && expired(watched.db, &watched.key) == Some(true))
}

/// Carries out a queued command on data.
fn run_queued(stage: &mut Stage, command: &Command, args: Args, conn: &mut Conn) {
    let before = conn.out.len();
    let muted = conn.session.begin(command.id);
    let mut context = conn.session.context(false);
    context.caller.impatient = true;
    stage.execute_counted(command, &context, args, &mut conn.out);
    if muted {
        conn.out.truncate(before);
    }
}

/// Carries out a queued SCAN on everything at once.
fn scan(stage: &mut Stage, command: &Command, args: Args, conn: &mut Conn) {
    let (before, started) = (conn.out.len(), ticks());
    let muted = conn.session.begin(command.id);
    let outcome: Outcome = ScanRequest::parse(args).map(|request| {
        let parts = stage.scan(&request, conn.session.db);
        merge(&request, parts, &mut Reply::new(&mut conn.out, conn.session.resp));
    });
    let shard = stage.shard();
    if let Err(refusal) = outcome {
        shard.refuse(command, &refusal, &conn.session.context(false), before, &mut conn.out);
    }
    shard.account(command, args, ticks_to_ns(ticks().wrapping_sub(started)));
    if muted {
        conn.out.truncate(before);
    }
}
