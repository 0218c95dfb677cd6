//! What units carry out once they have their slots.

use evict::gate::expired_on_access;
use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::flush;
use keyspace::commands::sync::SYNC;
use keyspace::reply::Reply;
use keyspace::signals::Changed;
use keyspace::spec::Flags;

use crate::conn::Conn;
use crate::effects::Effect;
use crate::hop::Context;
use crate::listeners::Was;
use crate::mesh::Mesh;
use crate::ring::Ring;
use crate::shard::Shard;
use crate::stage::Stage;
use crate::transaction::{WatchedKey, Watching};
use crate::unit::{Job, Turn, Unit, plan_for_keys};

use super::Inner;

/// Whether a unit begins a snapshot for its client, if it is not refused.
fn is_sync(job: &Job) -> bool {
    matches!(job, Job::Command { command, .. } if command.spec.name == SYNC)
}

impl<R: Ring> Inner<R> {
    /// Runs a unit that has everything, and gives everything back. Only transactions and scripts may have to wait in the middle.
    pub(super) fn run(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: &mut Conn) {
        if let Job::Look(..) = unit.job {
            return self.looked(mesh, unit, conn);
        }
        if let Some(decision) = self.elsewhere(&mut unit) {
            return self.turn_unit_away(mesh, unit, conn, decision);
        }
        let before = conn.out.len();
        match &mut unit.job {
            Job::Command { .. } => self.run_command(&mut unit, conn),
            Job::Watch(args, _) => {
                let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
                stage.enter(&mut unit.aside);
                let db = conn.session.db;
                watch(stage.shard(), conn.session.watching.get_or_insert_default(), db, args.args().from(1));
                stage.leave(&mut unit.aside);
                Reply::new(&mut conn.out, conn.session.resp).ok();
            }
            Job::Serve(_) => self.run_turn(&mut unit, conn),
            Job::Exec(_) => return self.run_exec(mesh, unit, conn),
            Job::Script(_) => return self.run_script(mesh, unit, Some(conn)),
            Job::Look(..) => unreachable!("it was carried out above"),
        }
        let begins_sync = is_sync(&unit.job) && conn.out.len() == before;
        if unit.muted {
            conn.out.truncate(before);
        }
        self.collect_slow(&conn.session);
        let waits = !unit.muted && self.answers_when_free(&unit.job);
        self.give_back(mesh, unit.id, unit.grants);
        if waits {
            self.reply_when_free(conn, before);
        }
        if begins_sync {
            self.begin_sync(conn);
        }
    }

    /// Whether a command is over only once what it dropped is free.
    fn answers_when_free(&mut self, job: &Job) -> bool {
        let Job::Command { command, args, .. } = job else { return false };
        let lazy_free = &self.owner.shard().keyspace.limits.lazy_free;
        flush::answers_when_free(command.spec.name, args.args(), lazy_free)
    }

    fn run_command(&mut self, unit: &mut Unit, conn: &mut Conn) {
        let Job::Command { command, args, context } = &mut unit.job else { unreachable!("the caller looked") };
        let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
        stage.enter(&mut unit.aside);
        if command.is(Flags::BLOCKING) {
            let shard = stage.shard();
            let keys = command.spec.keys_of(args.args());
            shard.keyspace.signals.promised = shard.listeners.promised(context.caller.db, keys);
        }
        stage.execute_counted(command, context, args.args(), &mut conn.out);
        let promised = std::mem::take(&mut stage.shard().keyspace.signals.promised);
        let wait = stage.shard().keyspace.signals.wait.take();
        if wait.is_some() {
            // Whoever comes first may leave something, and may be served from another key.
            let again = promised.iter().map(|key| Effect::Again(Changed::value(context.caller.db, key)));
            stage.shard().effects.extend(again);
        }
        let ticket = wait.as_ref().map(|wait| stage.shard().block(self.id, conn.id, context, wait));
        stage.serve_ready();
        stage.leave(&mut unit.aside);
        if let (Some(wait), Some(ticket)) = (wait, ticket) {
            self.blocked(conn, ticket, &wait, (std::mem::take(args), unit.muted));
        }
    }

    /// Runs a unit whose client is gone. One command is carried out all the same: it was sent. A transaction that has not begun is
    /// not, and nobody watches or waits.
    pub(super) fn run_abandoned(&mut self, mesh: &Mesh<Shard>, mut unit: Unit) {
        if let Job::Script(_) = unit.job {
            return self.run_script(mesh, unit, None);
        }
        let is_elsewhere = matches!(unit.job, Job::Command { .. }) && self.elsewhere(&mut unit).is_some();
        let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
        match &unit.job {
            Job::Command { .. } if is_elsewhere => self.abandoned -= 1,
            Job::Command { command, args, context } => {
                stage.enter(&mut unit.aside);
                let impatient =
                    Context { caller: keyspace::exec::Caller { impatient: true, ..context.caller }, ..*context };
                stage.execute(command, &impatient, args.args(), &mut Vec::new());
                stage.serve_ready();
                stage.leave(&mut unit.aside);
                self.abandoned -= 1;
            }
            Job::Exec(_) | Job::Watch(..) | Job::Look(..) => self.abandoned -= 1,
            Job::Script(_) => unreachable!("it was carried out above"),
            Job::Serve(turn) => {
                stage.enter(&mut unit.aside);
                turn.waiter.ticket.serve();
                stage.shard().serve_key(&turn.key, None);
                stage.serve_ready();
                stage.leave(&mut unit.aside);
            }
        }
        self.owner.shard().slow.clear();
        self.give_back(mesh, unit.id, unit.grants);
    }

    /// Begins the turn of a blocked client whose keys are not all on one core.
    pub(super) fn start_turn(&mut self, mesh: &Mesh<Shard>, turn: Box<Turn>) {
        let command = self.table.get(turn.waiter.command);
        let plan = plan_for_keys(command.spec.keys_of(turn.waiter.args.args()), &self.map, self.id);
        let id = turn.waiter.conn;
        match self.conns.take(id) {
            Some(mut conn) => {
                self.start_unit(mesh, &mut conn, Job::Serve(turn), false, plan);
                self.drive(mesh, conn);
            }
            None => {
                let mut unit = self.unit(id, Job::Serve(turn), false, plan);
                match self.gather(mesh, &mut unit) {
                    true => self.run_abandoned(mesh, unit),
                    false => drop(self.units.insert(unit.id.seq, unit)),
                }
            }
        }
    }

    /// Carries out the turn of a blocked client.
    fn run_turn(&mut self, unit: &mut Unit, conn: &mut Conn) {
        let Job::Serve(turn) = &unit.job else { unreachable!("the caller looked") };
        let Turn { waiter, key } = &**turn;
        let mut stage = Stage::of(self.owner.shard(), &mut unit.grants);
        stage.enter(&mut unit.aside);
        let shard = stage.shard();
        let mut reply = Vec::new();
        let in_vain = shard.run_for(waiter, &mut reply);
        shard.hear();
        match in_vain {
            true => waiter.ticket.reopen(),
            false => waiter.ticket.serve(),
        }
        // Whoever stood behind this client had to wait for what became of it.
        shard.serve_key(key, in_vain.then_some(waiter.command));
        stage.serve_ready();
        stage.leave(&mut unit.aside);
        if !in_vain {
            self.unblocked(conn, &reply);
        }
    }

    /// Begins the WATCH of a client.
    pub(super) fn start_watch(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args, muted: bool) {
        let plan = plan_for_keys(args.from(1).iter(), &self.map, self.id);
        let job = Job::Watch(OwnedArgs::copy(args), conn.session.modes);
        self.start_unit(mesh, conn, job, muted, plan);
    }
}

/// Enters a client among those who watch keys. Their slots are here.
fn watch(shard: &mut Shard, watching: &mut Watching, db: u16, keys: Args) {
    for bytes in keys.iter() {
        if !watching.add(db, bytes) {
            continue;
        }
        let keyspace = &shard.keyspace;
        let (place, key) = (keyspace.db(db as usize).expect("SELECT checks the number"), keyspace.key(bytes));
        let was = match keyspace.locate(place, &key) {
            None => Was::Missing,
            Some(entry) => match keyspace.at(place, key.slot, entry).deadline() {
                Some(at) if expired_on_access(shard.now, at) => Was::Expired,
                _ => Was::There,
            },
        };
        let changed = Changed::value(db, bytes);
        shard.listeners.watch(&mut shard.keyspace, &changed, &watching.ticket, was);
        watching.keys.push(WatchedKey { db, key: bytes.into(), expired: was == Was::Expired });
    }
}
