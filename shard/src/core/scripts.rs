//! Scripts: the core's engine, and the driver that carries out what a script wants.
//!
//! A script runs in slices of a turn. Between them the core goes on with others, and the slots that the script has stay with it. One
//! script at a time has the engine; the next ones wait with what they have.

use evict::oom::OomRefusal;
use keyspace::args::Args;
use keyspace::commands::scan::{ScanRequest, merge};
use keyspace::refusal::Refusal;
use keyspace::reply::{Reply, Resp};
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use scripting::{Answer, Engine, Outcome, Step};

use crate::ask::{self, Asking, Audience, FinishFn, ScriptsAsk};
use crate::command::{Command, CommandId, Run};
use crate::commands::scripts;
use crate::conn::{Conn, Waiting};
use crate::effects::Effect;
use crate::mesh::Mesh;
use crate::mesh::loans::UnitId;
use crate::pubsub::notice::Notice;
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::script::{Program, Request, Room, Script, Wanted, sha_named};
use crate::session::ReplyMode;
use crate::shard::Shard;
use crate::stage::Stage;
use crate::unit::{Grant, Job, Unit, UnitSeq, plan_for_all, plan_for_keys};

use super::Inner;
use super::access::Origin;
use super::engine::NO_FUNCTION;
use super::migrate::MIGRATE;
use super::script_routing::Gated;

/// How long a script keeps the core in one turn, in nanoseconds.
const SLICE_NS: u64 = 500_000;

/// What a script may leave to do before it has everything: it may have to be taken back.
const EFFECTS_MAX: usize = 10_000;

/// The command that walks over all slots though its row belongs to the session.
const SCAN: &str = "scan";

/// Why a script left the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It is over; the engine has its reply.
    Done(Outcome),
    /// Its slice is over.
    Rests,
    /// A command of it waits for answers of other cores.
    Asked,
    /// It wants slots that it does not have. What it did is taken back.
    WantsAll,
}

/// What became of a command that a script called.
enum Called {
    Replied,
    Asked,
    WantsAll,
}

impl<R: Ring> Inner<R> {
    /// Begins what EVAL, EVALSHA or FCALL want: its handler has read the arguments.
    pub(super) fn start_script(
        &mut self,
        mesh: &Mesh<Shard>,
        conn: &mut Conn,
        command: CommandId,
        args: Args,
        muted: bool,
        request: Request,
    ) {
        let name = args.at(1);
        if let Wanted::Name(None) = request.what
            && !self.scripts.knows(&sha_named(name))
        {
            // Another core may know it. Its reply is dropped once it is made.
            if muted && conn.session.reply_mode == ReplyMode::On {
                conn.session.reply_mode = ReplyMode::SkipThis;
            }
            let (ask, finish) = (ask::Ask::Scripts(ScriptsAsk::Source(sha_named(name))), scripts::found as FinishFn);
            return self.ask(mesh, conn, args, Asking { to: Audience::Cores, ask, finish }, 0);
        }
        let inline = matches!(request.what, Wanted::Source);
        let (program, source) = match request.what {
            Wanted::Source => (Program::Script(scripting::sha_of(name)), None),
            Wanted::Name(source) => (Program::Script(sha_named(name)), source),
            Wanted::Function => (Program::Function(name.into()), None),
        };
        let known = match &program {
            Program::Function(name) if self.scripts.engine().function(name).is_none() => {
                Err(Refusal::Text(NO_FUNCTION))
            }
            _ => request.keys,
        };
        let keys = match known {
            Ok(keys) => keys,
            Err(refusal) => return self.refuse_script(conn, muted, &refusal),
        };
        let Room { args: mut room, client } = self.scripts.room();
        args.iter().for_each(|arg| room.push(arg));
        let client = client.for_script(conn);
        let mut script = Box::new(Script::new(program, command, room, client, self.now.monotonic_us));
        (script.keys, script.source, script.inline) = (keys, source, inline);
        script.tracker = conn.session.context(false).tracker;
        script.read_only = request.read_only;
        script.by_reader = request.read_only;
        script.memory = self.owner.shard().memory.outcome();
        if conn.executing.is_some() {
            script.everything = true;
            script.snapshot = self.owner.shard().snapshot();
            conn.script = Some(script);
            return;
        }
        // With one core there is nobody whose slots would be missed for long. What monitors were told of cannot be taken back.
        script.everything = self.map.cores() == 1 || self.monitors.any() || self.scripts.is_greedy(&script.program);
        let plan = if script.everything {
            plan_for_all(&self.map)
        } else {
            script.declare();
            plan_for_keys(script.keys(), &self.map, self.id)
        };
        self.start_unit(mesh, conn, Job::Script(script), muted, plan);
    }

    /// Runs the script of a unit that has its slots, from where it stands. `conn` is its client's connection, if that is at hand.
    pub(super) fn run_script(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: Option<&mut Conn>) {
        let seq = unit.id.seq;
        if !self.scripts.admits(seq) {
            set_waiting(conn, seq);
            self.owner.shard().hold(&mut unit.grants);
            if let Some(busy) = self.scripts.busy {
                self.scripts.waiting.retain(|waiting| *waiting != seq);
                self.own_refusals.push((unit.id, busy));
            }
            self.units.insert(seq, unit);
            return;
        }
        let Job::Script(script) = &mut unit.job else { unreachable!("the caller looked") };
        let (mut grants, mut aside) = (std::mem::take(&mut unit.grants), std::mem::take(&mut unit.aside));
        Stage::of(self.owner.shard(), &mut grants).enter(&mut aside);
        self.gate_script(&mut grants, script);
        let left = self.step_script(mesh, unit.id, &mut grants, script);
        let mut stage = Stage::of(self.owner.shard(), &mut grants);
        match left {
            Left::Done(_) => stage.serve_ready(),
            Left::WantsAll => stage.shard().ready.clear(),
            Left::Rests | Left::Asked => {}
        }
        stage.leave(&mut aside);
        (unit.grants, unit.aside) = (grants, aside);
        match left {
            Left::Done(outcome) => self.end_script(mesh, unit, outcome, conn),
            Left::Rests | Left::Asked => {
                set_waiting(conn, seq);
                self.owner.shard().hold(&mut unit.grants);
                self.units.insert(seq, unit);
            }
            Left::WantsAll => self.widen(mesh, unit, conn),
        }
    }

    /// Carries a script on until it is over or leaves the engine. Its slots are in the keyspace.
    pub(super) fn step_script(
        &mut self,
        mesh: &Mesh<Shard>,
        unit: UnitId,
        grants: &mut [Grant],
        script: &mut Script,
    ) -> Left {
        if script.refused.is_some() {
            return Left::Done(Outcome::Failed);
        }
        self.scripts.begin(unit.seq);
        script.client.script_of = Some(unit.seq);
        // Out of its place, so that commands may change the rest of the core meanwhile.
        let mut engine = self.scripts.take_engine();
        if !std::mem::replace(&mut script.started, true)
            && let Err(text) = self.scripts.enter(&mut engine, script)
        {
            self.scripts.put_engine(engine);
            self.scripts.end();
            if text == OomRefusal::Command.text() {
                let command = self.table.get(script.command);
                self.owner.shard().note_oom(command);
            }
            script.refused = Some(text);
            return Left::Done(Outcome::Failed);
        }
        // What may be taken back is told to nobody before it is certain.
        let certain = script.everything;
        if !certain {
            let shard = self.owner.shard();
            std::mem::swap(&mut shard.effects, &mut script.effects);
            shard.doubt = Some(std::mem::take(&mut script.doubt));
        }
        let left = self.drive_script(mesh, &mut engine, grants, script);
        if !certain {
            let shard = self.owner.shard();
            std::mem::swap(&mut shard.effects, &mut script.effects);
            script.doubt = shard.doubt.take().expect("it was noted before");
        }
        self.scripts.put_engine(engine);
        self.collect_slow(&script.client.session);
        match left {
            Left::Rests => {
                self.scripts.rest();
                self.note_busy(unit, grants, script);
            }
            Left::Asked => self.note_busy(unit, grants, script),
            Left::Done(_) | Left::WantsAll => {
                self.scripts.end();
                self.owner.shard().effects.append(&mut script.effects);
                let doubt = std::mem::take(&mut script.doubt);
                if left != Left::WantsAll {
                    doubt.settle();
                }
            }
        }
        left
    }

    fn drive_script(
        &mut self,
        mesh: &Mesh<Shard>,
        engine: &mut Engine,
        grants: &mut [Grant],
        script: &mut Script,
    ) -> Left {
        let started = ticks();
        self.end_in_script(grants, script);
        let mut reply = script.answer.take();
        let mut out = self.scripts.take_buffer();
        let left = loop {
            let answer = match &reply {
                _ if script.killed => Answer::Abort,
                Some(bytes) => Answer::Reply(bytes),
                None => Answer::Go,
            };
            let step = engine.resume(answer);
            if let Some(bytes) = reply.take() {
                out = bytes;
            }
            out.clear();
            match step {
                Step::Done(outcome) => break Left::Done(outcome),
                Step::Log(level) => log(level, engine.text()),
                Step::Rest if ticks_to_ns(ticks().wrapping_sub(started)) < SLICE_NS => {}
                Step::Rest => break Left::Rests,
                Step::AclCheck => {
                    self.script_may(script, engine.args(), &mut out);
                    reply = Some(std::mem::take(&mut out));
                }
                Step::Call(resp) => match self.call(mesh, grants, script, engine.args(), resp, &mut out) {
                    Called::Replied => reply = Some(std::mem::take(&mut out)),
                    Called::Asked => break Left::Asked,
                    Called::WantsAll => {
                        engine.abort();
                        let shard = self.owner.shard();
                        script.roll_back(&mut shard.keyspace);
                        shard.seal_each();
                        // Who was told that a key is not what it was is not told again.
                        shard.effects.retain(|effect| matches!(effect, Effect::Invalid(..)));
                        break Left::WantsAll;
                    }
                },
            }
        };
        self.scripts.put_buffer(out);
        left
    }

    /// Carries out a command that a script calls.
    fn call(
        &mut self,
        mesh: &Mesh<Shard>,
        grants: &mut [Grant],
        script: &mut Script,
        args: Args,
        resp: Resp,
        out: &mut Vec<u8>,
    ) -> Called {
        let command = match self.admit(script, args) {
            Ok(command) => command,
            Err(refusal) => {
                self.refuse_call(args, &refusal.text(), &mut Reply::new(out, resp));
                return Called::Replied;
            }
        };
        match self.gate_call(grants, script, command, args) {
            Gated::Go => {}
            Gated::WantsAll => return Called::WantsAll,
            Gated::Refused(text) => {
                self.refuse_call(args, text.as_bytes(), &mut Reply::new(out, resp));
                return Called::Replied;
            }
        }
        let session = &mut script.client.session;
        session.resp = resp;
        if let Run::Session(_) = command.run {
            return self.call_of_session(mesh, grants, script, command, args, out);
        }
        let mut context = session.context(false);
        context.caller.impatient = true;
        context.tracker = script.tracker;
        let shard = self.owner.shard();
        let reaches = script.everything
            || (shard.effects.len() <= EFFECTS_MAX
                && command.whole(args).is_none()
                && command.spec.keys_of(args).all(|key| script.holds(Slot::of(key)))
                && script.prepare(&shard.keyspace, command, args, context.caller.db));
        if !reaches {
            return Called::WantsAll;
        }
        script.wrote |= command.is(Flags::WRITE);
        let before = shard.keyspace.stats.changes;
        Stage::of(shard, grants).execute(command, &context, args, out);
        script.changes += self.owner.shard().keyspace.stats.changes.wrapping_sub(before);
        self.show(&script.client, command, args);
        Called::Replied
    }

    /// A session's command, as the client that the script is.
    fn call_of_session(
        &mut self,
        mesh: &Mesh<Shard>,
        grants: &mut [Grant],
        script: &mut Script,
        command: &'static Command,
        args: Args,
        out: &mut Vec<u8>,
    ) -> Called {
        // Neither a message, nor what was sent, nor a walk over everything can be taken back or shared.
        let needs_all = matches!(command.spec.name, SCAN | MIGRATE) || command.is(Flags::PUBSUB);
        if needs_all && !script.everything {
            return Called::WantsAll;
        }
        if command.spec.name == SCAN {
            let Conn { session, .. } = &*script.client;
            match ScanRequest::parse(args) {
                Ok(request) => {
                    let parts = Stage::of(self.owner.shard(), grants).scan(&request, session.db);
                    merge(&request, parts, &mut Reply::new(out, session.resp));
                }
                Err(refusal) => Reply::new(out, session.resp).error(refusal.text()),
            }
            self.show(&script.client, command, args);
            return Called::Replied;
        }
        self.in_session(mesh, &mut script.client, command, args);
        self.migrate_in_script(mesh, grants, script);
        if script.client.waiting != Waiting::No {
            return Called::Asked;
        }
        out.append(&mut script.client.out);
        Called::Replied
    }

    /// The command that a script names, if it may call it.
    fn admit(&mut self, script: &Script, args: Args) -> Result<&'static Command, Refusal> {
        let command = self.table.resolve(args).map_err(|rejection| match rejection.command {
            None => Refusal::Text("ERR Unknown Redis command called from script"),
            Some(_) => Refusal::Text("ERR Wrong number of args calling Redis command from script"),
        })?;
        if command.is(Flags::NOSCRIPT) {
            return Err(Refusal::Text("ERR This Redis command is not allowed from script"));
        }
        self.may(&script.client.session, command, args, Origin::Script)?;
        if command.may_wait(args) && command.spec.group == "stream" {
            let name = command.spec.name.to_ascii_uppercase();
            return Err(Refusal::owned(format!("ERR {name} command is not allowed with BLOCK option from scripts")));
        }
        if script.read_only && super::pause::writes(command) {
            return Err(Refusal::Text("ERR Write commands are not allowed from read-only scripts."));
        }
        match script.refused_for_memory(command) {
            Some(refusal) => {
                self.owner.shard().note_oom(command);
                Err(Refusal::Text(refusal.text()))
            }
            None => Ok(command),
        }
    }

    /// After a script had its slice: who waits for its slots hears that it is busy, once it was for long.
    fn note_busy(&mut self, unit: UnitId, grants: &[Grant], script: &mut Script) {
        let threshold_us = self.settings.busy_reply_threshold.saturating_mul(1000);
        self.now = self.ring.now();
        if threshold_us == 0 || script.busy || self.now.monotonic_us < script.began_us.saturating_add(threshold_us) {
            return;
        }
        script.busy = true;
        let busy = script.program.busy();
        self.scripts.busy = Some(busy);
        tracing::warn!("a script runs for longer than busy-reply-threshold; SCRIPT KILL and FUNCTION KILL end it");
        for grant in grants {
            self.tell(grant.core.into(), Notice::Busy(unit, busy));
        }
        // Who waits for the engine has slots, too. A transaction that has begun keeps them; a script that has not gives them back.
        for seq in std::mem::take(&mut self.scripts.waiting) {
            let waiting = self.units.get(&seq).expect("a script that waits is among the units");
            let (id, cores): (UnitId, Vec<_>) = (waiting.id, waiting.grants.iter().map(|grant| grant.core).collect());
            if let Job::Script(_) = waiting.job {
                self.own_refusals.push((id, busy));
                continue;
            }
            self.scripts.waiting.push_back(seq);
            cores.into_iter().for_each(|core| self.tell(core.into(), Notice::Busy(id, busy)));
        }
    }

    /// Begins a script again with everything.
    fn widen(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: Option<&mut Conn>) {
        let Job::Script(script) = &mut unit.job else { unreachable!("the caller looked") };
        self.scripts.now_greedy(&script.program);
        (script.everything, script.busy) = (true, false);
        let plan = plan_for_all(&self.map);
        let again = self.unit(unit.conn, unit.job, unit.muted, plan);
        self.give_back(mesh, unit.id, unit.grants);
        self.begin_script(mesh, again, conn);
    }

    /// Gets a script's unit its slots, and runs it.
    pub(super) fn begin_script(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, mut conn: Option<&mut Conn>) {
        let (seq, id) = (unit.id.seq, unit.conn);
        match &mut conn {
            Some(conn) => conn.waiting = Waiting::Unit(seq),
            None => {
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.waiting = Waiting::Unit(seq);
                }
            }
        }
        match self.gather(mesh, &mut unit) {
            true => self.run_script(mesh, unit, conn),
            false => drop(self.units.insert(seq, unit)),
        }
    }

    /// Gives a script's reply to its client, and everything back.
    fn end_script(&mut self, mesh: &Mesh<Shard>, unit: Unit, outcome: Outcome, conn: Option<&mut Conn>) {
        let Job::Script(script) = unit.job else { unreachable!("the caller looked") };
        let (id, muted) = (unit.id, unit.muted);
        if let Some(conn) = conn {
            self.answer_script(*script, outcome, muted, conn);
            return self.give_back(mesh, id, unit.grants);
        }
        let Some(mut conn) = self.conns.take(unit.conn) else {
            self.script_reply(&script, outcome, &mut Vec::new());
            self.abandoned -= 1;
            self.owner.shard().slow.clear();
            return self.give_back(mesh, id, unit.grants);
        };
        assert!(conn.waiting == Waiting::Unit(id.seq), "a client waits for its script");
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        self.answer_script(*script, outcome, muted, &mut conn);
        self.give_back(mesh, id, unit.grants);
        self.drive(mesh, conn);
    }

    fn answer_script(&mut self, script: Script, outcome: Outcome, muted: bool, conn: &mut Conn) {
        conn.waiting = Waiting::No;
        let before = conn.out.len();
        self.script_reply(&script, outcome, &mut conn.out);
        if muted {
            conn.out.truncate(before);
        }
        self.collect_slow(&conn.session);
        self.scripts.leave_room(script);
    }

    /// Gives the scripts of this core their slices.
    pub(super) fn scripts_due(&mut self, mesh: &Mesh<Shard>) {
        if !self.scripts.is_due() {
            return;
        }
        if let Some(seq) = self.scripts.next_due() {
            let unit = self.units.remove(&seq).expect("a script that waits is among the units");
            self.go_on(mesh, unit);
        }
        self.answer_script_questions(mesh);
    }

    /// Lets a unit with a script go on whose client's connection is not at hand.
    pub(super) fn go_on(&mut self, mesh: &Mesh<Shard>, unit: Unit) {
        if let Job::Script(_) = unit.job {
            return self.run_script(mesh, unit, None);
        }
        let id = unit.conn;
        if let Some(mut conn) = self.conns.take(id) {
            conn.waiting = Waiting::No;
            self.run_exec(mesh, unit, &mut conn);
            return self.drive(mesh, conn);
        }
        let mut ghost = self.ghosts.remove(&id).expect("a transaction goes on without its client");
        ghost.waiting = Waiting::No;
        self.run_exec(mesh, unit, &mut ghost);
        self.keep_ghost(ghost);
    }

    /// Keeps the connection of a client that is gone as long as its transaction waits for something.
    pub(super) fn keep_ghost(&mut self, mut ghost: Box<Conn>) {
        match ghost.waiting {
            Waiting::No => {
                self.abandoned -= 1;
                // What its transaction began since its client went.
                self.forget_subscriptions(&mut ghost);
                self.forget_tracking(&mut ghost);
            }
            _ => drop(self.ghosts.insert(ghost.id, ghost)),
        }
    }

    /// A question that a script asked is answered; `finish` makes the reply for the client that the script is.
    pub(super) fn script_answered(
        &mut self,
        mesh: &Mesh<Shard>,
        seq: UnitSeq,
        finish: impl FnOnce(&mut Self, &mut Conn),
    ) {
        let mut unit = self.units.remove(&seq).expect("a script that asks is among the units");
        let script = unit.job.script_mut().expect("only scripts ask as clients of their own");
        finish(self, &mut script.client);
        if script.client.waiting == Waiting::No {
            script.answer = Some(std::mem::take(&mut script.client.out));
            return self.go_on(mesh, unit);
        }
        self.units.insert(seq, unit);
    }
}

fn set_waiting(conn: Option<&mut Conn>, seq: UnitSeq) {
    if let Some(conn) = conn {
        conn.waiting = Waiting::Unit(seq);
    }
}

/// What scripts write to the log, by `redis.log`.
pub(super) fn log(level: u8, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        0 | 1 => tracing::debug!("script: {text}"),
        2 => tracing::info!("script: {text}"),
        _ => tracing::warn!("script: {text}"),
    }
}
