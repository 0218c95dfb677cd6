//! Scripts: the core's engine, and the driver that carries out what a script wants.
//!
//! A script runs in slices of a turn. Between them the core goes on with others, and the slots that the script has stay with it. One
//! script at a time has the engine; the next ones wait with what they have.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::scan::{ScanRequest, merge};
use keyspace::refusal::Refusal;
use keyspace::reply::{Reply, Resp};
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use scripting::{Answer, Engine, Env, Limits, Outcome, Sha, Step, Target};

use crate::ask::{self, Asking, Audience, FinishFn, FunctionSet};
use crate::command::{Command, Run};
use crate::commands::scripts;
use crate::conn::{Conn, Waiting};
use crate::mesh::Mesh;
use crate::mesh::loans::UnitId;
use crate::pubsub::notice::Notice;
use crate::resp::Auth;
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::script::{Program, Request, Script, Wanted, sha_named};
use crate::session::{ReplyMode, Session};
use crate::shard::Shard;
use crate::stage::Stage;
use crate::unit::{Grant, Job, Unit, UnitSeq, plan_for_all, plan_for_keys};

use super::Inner;

/// How long a script keeps the core in one turn, in nanoseconds.
const SLICE_NS: u64 = 500_000;

/// Scripts of which it is remembered that they need more than they declare.
const GREEDY_MAX: usize = 4096;

/// Sources that are kept of scripts which the engine has forgotten, before those are looked for.
const FORGOTTEN_MAX: usize = 64;

/// Bytes of such sources, before those are looked for.
const FORGOTTEN_BYTES_MAX: usize = 16 << 20;

/// The command that walks over all slots though its row belongs to the session.
const SCAN: &str = "scan";

/// The engine of a core and who uses it.
#[derive(Default)]
pub(super) struct Scripts {
    /// Made for the first script.
    engine: Option<Engine>,
    /// Scripts that were found to need more than they declare: they begin with everything.
    greedy: HashSet<Sha>,
    /// The sources of the scripts that the engine has loaded, for other cores.
    sources: HashMap<Sha, Arc<[u8]>>,
    /// Their bytes.
    source_bytes: usize,
    /// The number of the decision about libraries that is in force.
    pub(super) functions_version: u64,
    /// That decision, until the engine has taken it on.
    pub(super) functions_due: Option<FunctionSet>,
    /// The unit whose script has the engine while others have the core.
    running: Option<UnitSeq>,
    /// That script only waits for its next slice.
    rests: bool,
    /// Units that have what they need but the engine.
    waiting: VecDeque<UnitSeq>,
}

impl Scripts {
    /// The engine. It exists from the first use on.
    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.get_or_insert_with(|| Engine::new(Limits::default()))
    }

    /// True if the core owes a script a slice.
    pub(super) fn is_due(&self) -> bool {
        self.rests || (self.running.is_none() && !self.waiting.is_empty())
    }

    /// True if the engine is free for a unit's script; otherwise that waits for its turn.
    pub(super) fn admits(&mut self, seq: UnitSeq) -> bool {
        let free = self.running.is_none_or(|running| running == seq);
        if !free {
            self.waiting.push_back(seq);
        }
        free
    }

    /// The unit whose script is under way between turns.
    pub(super) fn running(&self) -> Option<UnitSeq> {
        self.running
    }

    /// True if a script begins with everything.
    pub(super) fn is_greedy(&self, program: &Program) -> bool {
        matches!(program, Program::Script(sha) if self.greedy.contains(sha))
    }

    /// The source of a script that is loaded here.
    pub(super) fn source(&self, sha: &Sha) -> Option<Arc<[u8]>> {
        self.sources.get(sha).cloned()
    }

    /// Loads a script to stay.
    pub(super) fn load(&mut self, source: &Arc<[u8]>) -> ask::Answer {
        if self.running.is_some() {
            return ask::Answer::Busy;
        }
        let mut engine = self.take_engine();
        let loaded = engine.load(source, true);
        let answer = match loaded {
            Ok(loaded) => {
                self.remember(&engine, loaded.sha, source.clone());
                ask::Answer::Source(Some(loaded.sha[..].into()))
            }
            Err(text) => ask::Answer::Text(Err(text)),
        };
        self.engine = Some(engine);
        answer
    }

    /// The engine, out of its place.
    pub(super) fn take_engine(&mut self) -> Engine {
        self.engine.take().unwrap_or_else(|| Engine::new(Limits::default()))
    }

    /// Keeps a loaded script's source, and drops those of scripts that the engine has forgotten.
    fn remember(&mut self, engine: &Engine, sha: Sha, source: Arc<[u8]>) {
        self.source_bytes += source.len();
        self.source_bytes -= self.sources.insert(sha, source).map_or(0, |same| same.len());
        if self.sources.len() > engine.script_count() + FORGOTTEN_MAX
            || self.source_bytes > engine.source_bytes() + FORGOTTEN_BYTES_MAX
        {
            self.sources.retain(|sha, _| engine.find(sha).is_some());
            self.source_bytes = self.sources.values().map(|source| source.len()).sum();
        }
    }

    /// Puts it back.
    pub(super) fn put_engine(&mut self, engine: Engine) {
        self.engine = Some(engine);
    }

    /// A 1 for each of these scripts that is loaded here.
    pub(super) fn exist(&self, shas: &[Sha]) -> Vec<u64> {
        shas.iter().map(|sha| self.sources.contains_key(sha) as u64).collect()
    }

    /// Forgets all scripts.
    pub(super) fn flush(&mut self) -> ask::Answer {
        if self.running.is_some() {
            return ask::Answer::Busy;
        }
        self.sources.clear();
        self.source_bytes = 0;
        self.greedy.clear();
        if let Some(engine) = &mut self.engine {
            engine.forget_scripts();
        }
        ask::Answer::Done
    }

    /// Enters a script for the first time, or says why it cannot be run.
    fn enter(&mut self, engine: &mut Engine, script: &mut Script) -> Result<(), String> {
        let flags = match &script.program {
            Program::Script(sha) => match (engine.find(sha), &script.source) {
                (Some(loaded), _) => loaded.flags,
                (None, Some(source)) => {
                    let loaded = engine.load(source, false)?;
                    self.remember(engine, loaded.sha, source.clone());
                    loaded.flags
                }
                (None, None) => return Err(NOSCRIPT.to_owned()),
            },
            Program::Function(name) => engine.function(name).ok_or(NO_FUNCTION)?.flags,
        };
        script.admit_flags(flags)?;
        let target = match &script.program {
            Program::Script(sha) => Target::Script(sha),
            Program::Function(name) => Target::Function(name),
        };
        engine.start(target, script.keys(), script.rest(), Env { resp: script.resp });
        Ok(())
    }

    fn now_greedy(&mut self, program: &Program) {
        if let Program::Script(sha) = program {
            if self.greedy.len() >= GREEDY_MAX {
                self.greedy.clear();
            }
            self.greedy.insert(*sha);
        }
    }
}

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

/// What a client reads whose script nobody knows.
pub(super) const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// What a client reads whose function nobody knows.
const NO_FUNCTION: &str = "ERR Function not found";

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
        args: Args,
        muted: bool,
        request: Request,
    ) {
        let name = args.at(1);
        if let Wanted::Name(None) = request.what
            && !self.scripts.sources.contains_key(&sha_named(name))
        {
            // Another core may know it. Its reply is dropped once it is made.
            if muted {
                conn.session.reply_mode = ReplyMode::SkipThis;
            }
            let (ask, finish) = (ask::Ask::ScriptSource(sha_named(name)), scripts::found as FinishFn);
            return self.ask(mesh, conn, args, Asking { to: Audience::Cores, ask, finish }, 0);
        }
        let (program, source) = match request.what {
            Wanted::Source => (Program::Script(scripting::sha_of(name)), Some(name.into())),
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
        let mut session = Session::new(conn.session.id, Auth::Done, 0, String::new(), String::new(), false);
        (session.db, session.resp) = (conn.session.db, conn.session.resp);
        session.sign_in(conn.session.user.clone());
        let client = Box::new(Conn::new(conn.id, session));
        let args = OwnedArgs::copy(args);
        let mut script = Box::new(Script::new(program, args, keys, client, self.now.monotonic_us));
        script.source = source;
        script.read_only = request.read_only;
        script.by_reader = request.read_only;
        if conn.executing.is_some() {
            script.everything = true;
            conn.script = Some(script);
            return;
        }
        // With one core there is nobody whose slots would be missed for long.
        script.everything = self.map.cores() == 1 || self.scripts.is_greedy(&script.program);
        let plan = match script.everything {
            true => plan_for_all(&self.map),
            false => plan_for_keys(script.keys(), &self.map, self.id),
        };
        self.start_unit(mesh, conn, Job::Script(script), muted, plan);
    }

    /// Answers a command whose script or function is not run.
    fn refuse_script(&mut self, conn: &mut Conn, muted: bool, refusal: &Refusal) {
        let text = refusal.text();
        self.owner.shard().stats.rejected(conn.session.last_command, &text);
        if !muted {
            Reply::new(&mut conn.out, conn.session.resp).error(text);
        }
    }

    /// Runs the script of a unit that has its slots, from where it stands. `conn` is its client's connection, if that is at hand.
    pub(super) fn run_script(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: Option<&mut Conn>) {
        let seq = unit.id.seq;
        if !self.scripts.admits(seq) {
            set_waiting(conn, seq);
            self.units.insert(seq, unit);
            return;
        }
        let Job::Script(script) = &mut unit.job else { unreachable!("the caller looked") };
        let mut grants = std::mem::take(&mut unit.grants);
        Stage::of(self.owner.shard(), &mut grants).enter();
        let left = self.step_script(mesh, unit.id, &mut grants, script);
        let mut stage = Stage::of(self.owner.shard(), &mut grants);
        if let Left::Done(_) = left {
            stage.serve_ready();
        }
        stage.leave();
        unit.grants = grants;
        match left {
            Left::Done(outcome) => self.end_script(mesh, unit, outcome, conn),
            Left::Rests | Left::Asked => {
                set_waiting(conn, seq);
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
        self.scripts.renew_functions();
        self.scripts.running = Some(unit.seq);
        script.client.script_of = Some(unit.seq);
        self.scripts.rests = false;
        // Out of its place, so that commands may change the rest of the core meanwhile.
        let mut engine = self.scripts.take_engine();
        if !std::mem::replace(&mut script.started, true)
            && let Err(text) = self.scripts.enter(&mut engine, script)
        {
            self.scripts.engine = Some(engine);
            self.scripts.running = None;
            script.refused = Some(text);
            return Left::Done(Outcome::Failed);
        }
        std::mem::swap(&mut self.owner.shard().effects, &mut script.effects);
        let left = self.drive_script(mesh, &mut engine, grants, script);
        std::mem::swap(&mut self.owner.shard().effects, &mut script.effects);
        self.scripts.engine = Some(engine);
        match left {
            Left::Rests => {
                self.scripts.rests = true;
                self.note_busy(unit, grants, script);
            }
            Left::Asked => self.note_busy(unit, grants, script),
            Left::Done(_) => {
                self.scripts.running = None;
                self.owner.shard().effects.append(&mut script.effects);
            }
            Left::WantsAll => self.scripts.running = None,
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
        let mut reply = script.answer.take();
        let mut out = Vec::new();
        loop {
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
                Step::Done(outcome) => return Left::Done(outcome),
                Step::Log(level) => log(level, engine.text()),
                Step::Rest if ticks_to_ns(ticks().wrapping_sub(started)) < SLICE_NS => {}
                Step::Rest => return Left::Rests,
                Step::AclCheck => {
                    self.script_may(script, engine.args(), &mut out);
                    reply = Some(std::mem::take(&mut out));
                }
                Step::Call(resp) => match self.call(mesh, grants, script, engine.args(), resp, &mut out) {
                    Called::Replied => reply = Some(std::mem::take(&mut out)),
                    Called::Asked => return Left::Asked,
                    Called::WantsAll => {
                        engine.abort();
                        script.roll_back(&mut self.owner.shard().keyspace);
                        return Left::WantsAll;
                    }
                },
            }
        }
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
                Reply::new(out, resp).error(refusal.text());
                return Called::Replied;
            }
        };
        let session = &mut script.client.session;
        session.resp = resp;
        if let Run::Session(_) = command.run {
            return self.call_of_session(mesh, grants, script, command, args, out);
        }
        let mut context = session.context(false);
        context.caller.impatient = true;
        let shard = self.owner.shard();
        let reaches = script.everything
            || (command.whole(args).is_none()
                && command.spec.keys_of(args).all(|key| script.holds(Slot::of(key)))
                && script.prepare(&shard.keyspace, command, args, context.caller.db));
        if !reaches {
            return Called::WantsAll;
        }
        script.wrote |= command.is(Flags::WRITE);
        Stage::of(shard, grants).execute(command, &context, args, out);
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
        // Neither a message nor a walk over everything can be taken back or shared.
        let needs_all = command.spec.name == SCAN || command.is(Flags::PUBSUB);
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
            return Called::Replied;
        }
        self.in_session(mesh, &mut script.client, command, args);
        if script.client.waiting != Waiting::No {
            return Called::Asked;
        }
        out.append(&mut script.client.out);
        Called::Replied
    }

    /// The command that a script names, if it may call it.
    fn admit(&self, script: &Script, args: Args) -> Result<&'static Command, Refusal> {
        let command = self.table.resolve(args).map_err(|rejection| match rejection.command {
            None => Refusal::Text("ERR Unknown Redis command called from script"),
            Some(_) => Refusal::Text("ERR Wrong number of args calling Redis command from script"),
        })?;
        if command.is(Flags::NOSCRIPT) {
            return Err(Refusal::Text("ERR This Redis command is not allowed from script"));
        }
        self.script_is_allowed(&script.client.session, command, args)?;
        if script.read_only && command.is(Flags::WRITE) {
            return Err(Refusal::Text("ERR Write commands are not allowed from read-only scripts."));
        }
        Ok(command)
    }

    /// Answers `redis.acl_check_cmd`.
    fn script_may(&self, script: &Script, args: Args, out: &mut Vec<u8>) {
        let mut reply = Reply::new(out, Resp::V2);
        match self.table.resolve(args) {
            Ok(command) => {
                let user = &script.client.session.user;
                reply.int(i64::from(crate::acl::check(user, command, args).is_ok()));
            }
            Err(_) => reply.error("ERR Invalid command passed to redis.acl_check_cmd()"),
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
        tracing::warn!("a script runs for longer than busy-reply-threshold; SCRIPT KILL and FUNCTION KILL end it");
        for grant in grants {
            self.tell(grant.core.into(), Notice::Busy(unit));
        }
    }

    /// Begins a script again with everything.
    fn widen(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, conn: Option<&mut Conn>) {
        let Job::Script(script) = &mut unit.job else { unreachable!("the caller looked") };
        self.scripts.now_greedy(&script.program);
        script.everything = true;
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
    fn end_script(&mut self, mesh: &Mesh<Shard>, mut unit: Unit, outcome: Outcome, conn: Option<&mut Conn>) {
        let Job::Script(script) = &mut unit.job else { unreachable!("the caller looked") };
        let mut reply = Vec::new();
        self.script_reply(script, outcome, &mut reply);
        let (seq, id, muted) = (unit.id.seq, unit.conn, unit.muted);
        if muted {
            reply.clear();
        }
        self.give_back(mesh, unit.id, unit.grants);
        if let Some(conn) = conn {
            conn.waiting = Waiting::No;
            conn.out.append(&mut reply);
            return self.collect_slow(&conn.session);
        }
        let Some(mut conn) = self.conns.take(id) else {
            self.abandoned -= 1;
            return self.owner.shard().slow.clear();
        };
        assert!(conn.waiting == Waiting::Unit(seq), "a client waits for its script");
        conn.waiting = Waiting::No;
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        conn.out.append(&mut reply);
        self.collect_slow(&conn.session);
        self.drive(mesh, conn);
    }

    /// Appends what a script that is over replies, and keeps the books.
    pub(super) fn script_reply(&mut self, script: &Script, outcome: Outcome, out: &mut Vec<u8>) {
        let args = script.args.args();
        let command = self.table.resolve(args).expect("it was found by these words");
        if let Some(text) = &script.refused {
            self.owner.shard().stats.rejected(Some(command.id), text.as_bytes());
            return Reply::new(out, script.resp).error(text);
        }
        let reply = self.scripts.engine().reply();
        let shard = self.owner.shard();
        match outcome {
            Outcome::Returned => out.extend_from_slice(reply),
            Outcome::Failed => {
                shard.stats.failed(command.id, reply.get(1..).unwrap_or_default());
                out.extend_from_slice(reply);
            }
            Outcome::Aborted => {
                let text = script.killed_text();
                shard.stats.failed(command.id, text.as_bytes());
                Reply::new(out, Resp::V2).error(text);
            }
        }
        let ns = self.now.monotonic_us.saturating_sub(script.began_us).saturating_mul(1000);
        shard.account(command, args, ns);
    }

    /// Gives the scripts of this core their slices.
    pub(super) fn scripts_due(&mut self, mesh: &Mesh<Shard>) {
        if !self.scripts.is_due() {
            return;
        }
        let next = self.scripts.running.or_else(|| self.scripts.waiting.pop_front());
        let unit = self.units.remove(&next.expect("one is due")).expect("a script that waits is among the units");
        self.go_on(mesh, unit);
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
    pub(super) fn keep_ghost(&mut self, ghost: Box<Conn>) {
        match ghost.waiting {
            Waiting::No => self.abandoned -= 1,
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
        let script = match &mut unit.job {
            Job::Script(script) => script,
            Job::Exec(exec) => exec.script.as_mut().expect("the transaction runs a script"),
            _ => unreachable!("only scripts ask as clients of their own"),
        };
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
