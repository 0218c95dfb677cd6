//! The engine of a core, as its driver sees it: what is loaded, and the one run that may be under way.

use crate::direct::{Machine, Program, Stop, World};
use crate::fiber::{self, Fiber, Input, Output, Slot, Work};
use crate::header;
use crate::library::{Before, FunctionInfo, Libraries, LibraryError, LibraryInfo};
use crate::reply_errors::ReplyErrors;
use crate::scripts::{Loaded, Script, ScriptError, Scripts, Sha, sha_of};
use crate::shared::{Failure, Phase, Shared};
use crate::step::{Answer, Env, Limits, Outcome, Step, Target};
use corosensei::CoroutineResult;
use keyspace::args::{Args, OwnedArgs};
use keyspace::reply::{Reply, Resp};
use std::rc::Rc;

/// What a script reads instead of a reply that is too large for it. The command was carried out.
const REPLY_TOO_LARGE: &[u8] = b"-ERR the reply of the command is too large for a script\r\n";

/// What is being done between two steps.
#[derive(Debug)]
enum Job {
    /// A script or a function, whose name in messages is `name`, and its chunk.
    Run(&'static str),
    /// FUNCTION LOAD.
    Load { name: Vec<u8>, code: Vec<u8> },
}

/// How what is under way goes on.
#[derive(Debug)]
enum Course {
    /// In Lua.
    Lua,
    /// Without it.
    Direct(Rc<Program>),
    /// In Lua, which is told what commands answered before: it stands at the call of this number. Then it is aborted, or goes on.
    Told { next: usize, abort: bool },
}

/// One interpreter of Lua with its scripts and libraries. It never leaves its thread. One run or load at a time.
pub struct Engine {
    fiber: Fiber,
    shared: Rc<Shared>,
    scripts: Scripts,
    libraries: Libraries,
    before: Option<Before>,
    job: Option<Job>,
    /// What runs, for messages.
    name: Vec<u8>,
    free: Vec<Slot>,
    next: Slot,
    /// The command of the last step: outside of what the fiber writes, so that it can be borrowed.
    args: OwnedArgs,
    text: Vec<u8>,
    reply: Vec<u8>,
    place: (Vec<u8>, i64),
    loaded: Result<Vec<u8>, LibraryError>,
    /// What the first resumption begins.
    first: Option<Work>,
    course: Course,
    machine: Machine,
    without_lua: u64,
}

impl Engine {
    /// An engine with nothing loaded.
    pub fn new(limits: Limits) -> Engine {
        let shared = Rc::new(Shared::new(limits));
        let mut engine = Engine {
            fiber: fiber::start(shared.clone()),
            shared,
            scripts: Scripts::default(),
            libraries: Libraries::default(),
            before: None,
            job: None,
            name: Vec::new(),
            free: Vec::new(),
            next: crate::sandbox::BODY_SLOT + 1,
            args: OwnedArgs::default(),
            text: Vec::new(),
            reply: Vec::new(),
            place: (Vec::new(), 0),
            loaded: Ok(Vec::new()),
            first: None,
            course: Course::Lua,
            machine: Machine::default(),
            without_lua: 0,
        };
        engine.work(Work::Collect).expect("an empty state has room");
        engine
    }

    /// Loads a script into the cache, if it is not there. `kept` ones (SCRIPT LOAD) are never evicted.
    pub fn load(&mut self, source: &[u8], kept: bool) -> Result<Loaded, ScriptError> {
        let sha = sha_of(source);
        let known = self.scripts.get(&sha).map(|script| (script.flags, script.kept));
        let stays = known.is_some_and(|(_, kept)| kept);
        let (count_max, bytes_max) =
            (self.shared.limits.cached_scripts_max, self.shared.limits.cached_source_bytes_max);
        if kept && !stays && self.scripts.kept_bytes().saturating_add(source.len()) > bytes_max {
            return Err("ERR too many bytes of scripts are loaded; SCRIPT FLUSH makes room".to_owned());
        }
        if let Some((flags, _)) = known {
            if kept {
                self.scripts.keep(&sha);
            }
            return Ok(Loaded { sha, flags });
        }
        let (flags, start) = header::of_script(source).map_err(|text| format!("ERR {text}"))?;
        let refused = |text: &str| format!("ERR Error compiling script (new function): {text}");
        if let Some(text) = crate::source::fault(source, self.shared.limits.source_bytes_max) {
            return Err(refused(text));
        }
        let slot = self.slot();
        let work = Work::Compile { slot, source: source[start..].to_vec(), chunk: "@user_script" };
        if let Err(text) = self.work(work) {
            self.free.push(slot);
            return Err(refused(&text));
        }
        let program = self.shared.program.take().map(Rc::new);
        let script = Script { slot, flags, bytes: source.len(), kept, program };
        for evicted in self.scripts.insert(sha, script, count_max, bytes_max) {
            self.release(evicted);
        }
        Ok(Loaded { sha, flags })
    }

    /// What a cached script declares: EVALSHA, SCRIPT EXISTS.
    pub fn find(&self, sha: &Sha) -> Option<Loaded> {
        self.scripts.get(sha).map(|script| Loaded { sha: *sha, flags: script.flags })
    }

    /// Scripts in the cache.
    pub fn script_count(&self) -> usize {
        self.scripts.len()
    }

    /// Bytes of the sources of the scripts in the cache. The engine itself does not hold them.
    pub fn source_bytes(&self) -> usize {
        self.scripts.bytes()
    }

    /// SCRIPT FLUSH.
    pub fn forget_scripts(&mut self) {
        for slot in self.scripts.clear() {
            self.release(slot);
        }
        // What is left by a collection that fails goes with the next one.
        let _ = self.work(Work::Collect);
    }

    /// Begins a run; [`Engine::resume`] carries it out. The target is loaded, and nothing else is under way.
    pub fn start<'a>(
        &mut self,
        target: Target<'_>,
        keys: impl Iterator<Item = &'a [u8]>,
        args: impl Iterator<Item = &'a [u8]>,
        env: Env,
    ) {
        assert!(self.job.is_none(), "one script at a time");
        self.course = Course::Lua;
        let (slot, phase, name, chunk) = match target {
            Target::Script(sha) => {
                let script = self.scripts.get(sha).expect("the driver runs what is loaded");
                if let Some(program) = script.program.as_ref().filter(|program| program.has_credit()) {
                    self.machine.begin(program);
                    self.course = Course::Direct(program.clone());
                }
                (script.slot, Phase::Script, &sha[..], "@user_script")
            }
            Target::Function(name) => {
                let function = self.libraries.function(name).expect("the driver calls what is loaded");
                (function.slot, Phase::Function, name, "@user_function")
            }
        };
        self.name.clear();
        self.name.extend_from_slice(name);
        self.job = Some(Job::Run(chunk));
        self.shared.client.set(env.resp);
        fill(&mut self.shared.keys.borrow_mut(), keys);
        fill(&mut self.shared.argv.borrow_mut(), args);
        self.shared.begin(phase);
        self.first = Some(Work::Run { slot, phase });
    }

    /// Begins FUNCTION LOAD of a library; [`Engine::resume`] carries it out, [`Engine::loaded`] tells how it ended.
    pub fn start_load(&mut self, code: &[u8], replace: Replace) -> Result<(), LibraryError> {
        assert!(self.job.is_none(), "one script at a time");
        let (name, start) = header::of_library(code).map_err(|text| format!("ERR {text}"))?;
        if replace == Replace::No && self.libraries.get(&name).is_some() {
            return Err(format!("ERR Library '{}' already exists", String::from_utf8_lossy(&name)));
        }
        if let Some(text) = crate::source::fault(code, self.shared.limits.source_bytes_max) {
            return Err(format!("ERR Error compiling function: {text}"));
        }
        self.course = Course::Lua;
        self.first = Some(Work::Load { source: code[start..].to_vec() });
        self.job = Some(Job::Load { name, code: code.to_vec() });
        Ok(())
    }

    /// How the last load ended: the library's name or the text of the error reply.
    pub fn loaded(&self) -> &Result<Vec<u8>, LibraryError> {
        &self.loaded
    }

    /// A function by name.
    pub fn function(&self, name: &[u8]) -> Option<&FunctionInfo> {
        self.libraries.function(name)
    }

    /// All libraries by name.
    pub fn libraries(&self) -> impl Iterator<Item = &LibraryInfo> {
        self.libraries.iter()
    }

    /// FUNCTION DELETE; false if there is no such library.
    pub fn delete_library(&mut self, name: &[u8]) -> bool {
        let slots = self.libraries.remove(name);
        let kept = |slot: &Slot| self.before.as_ref().is_some_and(|before| before.slots.contains(slot));
        let free: Vec<Slot> = slots.iter().flatten().copied().filter(|slot| !kept(slot)).collect();
        free.into_iter().for_each(|slot| self.release(slot));
        slots.is_some()
    }

    /// Begins a change of several libraries, which [`Engine::commit_libraries`] or [`Engine::restore_libraries`] ends.
    pub fn keep_libraries(&mut self) {
        assert!(self.before.is_none(), "one change at a time");
        let libraries = self.libraries.clone();
        self.before = Some(Before { slots: libraries.slots(), libraries });
    }

    /// Ends a change that stays.
    pub fn commit_libraries(&mut self) {
        let before = self.before.take().expect("a change is under way");
        before.slots.difference(&self.libraries.slots()).for_each(|slot| self.release(*slot));
    }

    /// Ends a change that failed: the libraries are those of before, with the state that they had, and nothing of them runs again.
    pub fn restore_libraries(&mut self) {
        let before = self.before.take().expect("a change is under way");
        let tried = std::mem::replace(&mut self.libraries, before.libraries);
        tried.slots().difference(&before.slots).for_each(|slot| self.release(*slot));
    }

    /// FUNCTION FLUSH.
    pub fn forget_libraries(&mut self) {
        for name in self.libraries.names() {
            self.delete_library(&name);
        }
        // What is left by a collection that fails goes with the next one.
        let _ = self.work(Work::Collect);
    }

    /// Bytes that the Lua state holds, garbage included, after the last run.
    pub fn memory_bytes(&self) -> usize {
        self.shared.memory.get()
    }

    /// True while a run or a load is under way.
    pub fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// The command of the step before.
    pub fn args(&self) -> Args<'_> {
        self.args.args()
    }

    /// The line for the log of the step before.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The reply of the run that ended last, for the client's protocol.
    pub fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// The errors in that reply.
    pub fn take_errors(&mut self) -> ReplyErrors {
        self.shared.errors.take()
    }

    /// Where the run that ended last failed or was aborted: the chunk (`@user_script`) and its line, from 1. Error replies of runs that
    /// failed have it at their end; who aborts a run writes it behind `, on `.
    pub fn place(&self) -> (&[u8], i64) {
        (&self.place.0, self.place.1)
    }

    /// Runs that needed no Lua.
    pub fn runs_without_lua(&self) -> u64 {
        self.without_lua
    }

    /// Goes on with what is under way until it wants something.
    pub fn resume(&mut self, answer: Answer<'_>) -> Step {
        assert!(self.job.is_some(), "something is under way");
        match &self.course {
            Course::Lua => self.resume_lua(answer),
            Course::Direct(program) => {
                let program = program.clone();
                self.resume_direct(&program, answer)
            }
            Course::Told { .. } => self.resume_told(answer),
        }
    }

    /// Goes on without Lua.
    fn resume_direct(&mut self, program: &Program, answer: Answer<'_>) -> Step {
        let abort = matches!(answer, Answer::Abort);
        if abort && !self.machine.has_begun() {
            self.course = Course::Lua;
            return self.resume_lua(answer);
        }
        if let Answer::Reply(reply) = answer {
            self.machine.answer(self.fitting(reply));
        }
        if !abort {
            let (keys, argv) = (self.shared.keys.borrow(), self.shared.argv.borrow());
            let world = World { program, keys: keys.args(), argv: argv.args(), client: self.shared.client.get() };
            match self.machine.run(world, &mut self.args, &mut self.reply) {
                Stop::Call => return Step::Call(Resp::V2),
                Stop::Returned => {
                    self.job = None;
                    self.shared.phase.set(Phase::Idle);
                    self.without_lua += 1;
                    // What replied with an error was given over to Lua.
                    self.shared.errors.take();
                    program.ended();
                    return Step::Done(Outcome::Returned);
                }
                Stop::Lua => program.given_over(),
            }
        }
        self.course = Course::Told { next: 0, abort };
        self.resume_told(Answer::Go)
    }

    /// Goes on in Lua, and tells it what it has not heard yet.
    fn resume_told(&mut self, answer: Answer<'_>) -> Step {
        let machine = std::mem::take(&mut self.machine);
        let mut answer = answer;
        let step = loop {
            let step = self.resume_lua(answer);
            let Course::Told { next, abort } = &mut self.course else { unreachable!("only this ends the telling") };
            if !matches!(step, Step::Call(_)) {
                break step;
            }
            if let Some(known) = machine.answer_to(*next) {
                *next += 1;
                answer = Answer::Reply(known);
            } else if *abort {
                answer = Answer::Abort;
            } else {
                self.course = Course::Lua;
                break step;
            }
        };
        self.machine = machine;
        if matches!(self.course, Course::Lua) || matches!(step, Step::Done(_)) {
            self.machine.forget_answers();
        }
        step
    }

    /// The reply as a script gets it.
    fn fitting<'a>(&self, reply: &'a [u8]) -> &'a [u8] {
        if reply.len() <= self.shared.limits.reply_bytes_max { reply } else { REPLY_TOO_LARGE }
    }

    fn resume_lua(&mut self, answer: Answer<'_>) -> Step {
        let input = match (self.first.take(), answer) {
            (Some(_), Answer::Abort) => return self.done(Outcome::Aborted),
            (Some(work), _) => Input::Work(work),
            (None, Answer::Abort) => Input::Abort,
            (None, Answer::Go) => Input::Go,
            (None, Answer::Reply(reply)) => {
                let mut buffer = self.shared.answer.borrow_mut();
                buffer.clear();
                buffer.extend_from_slice(self.fitting(reply));
                Input::Go
            }
        };
        match self.enter(input) {
            Output::Want(step) => {
                match step {
                    Step::Call(_) | Step::AclCheck => {
                        std::mem::swap(&mut self.args, &mut self.shared.args.borrow_mut())
                    }
                    Step::Log(_) => std::mem::swap(&mut self.text, &mut self.shared.text.borrow_mut()),
                    Step::Rest | Step::Done(_) => {}
                }
                step
            }
            Output::Finished(outcome) => self.done(outcome),
            Output::Ready(_) => unreachable!("a run ends with an outcome"),
        }
    }

    /// Ends what is under way, whatever it wants.
    pub fn abort(&mut self) {
        while self.job.is_some() {
            self.resume(Answer::Abort);
        }
    }

    fn done(&mut self, outcome: Outcome) -> Step {
        let job = self.job.take().expect("something was under way");
        self.shared.phase.set(Phase::Idle);
        std::mem::swap(&mut self.reply, &mut self.shared.reply.borrow_mut());
        match job {
            Job::Run(chunk) => self.describe(outcome, chunk),
            Job::Load { name, code } => self.loaded = self.enlist(outcome, name, code),
        }
        Step::Done(outcome)
    }

    /// Where a run failed or was aborted, and the error reply of one that failed.
    fn describe(&mut self, outcome: Outcome, chunk: &str) {
        if outcome == Outcome::Returned {
            return;
        }
        self.reply.clear();
        let failure = self.shared.failure.borrow_mut().take().unwrap_or_default();
        self.place = failure.place.unwrap_or_else(|| (chunk.as_bytes().to_vec(), 1));
        if outcome == Outcome::Aborted {
            return;
        }
        let mut text = failure.text;
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(&self.name);
        text.extend_from_slice(b", on ");
        text.extend_from_slice(&self.place.0);
        text.extend_from_slice(format!(":{}.", self.place.1).as_bytes());
        let mut errors = ReplyErrors::default();
        errors.note(&text, failure.counted);
        self.shared.errors.replace(errors);
        Reply::new(&mut self.reply, Resp::V2).error(text);
    }

    /// Takes a library in whose body has run. The one it replaces stays when it is refused.
    fn enlist(&mut self, outcome: Outcome, name: Vec<u8>, code: Vec<u8>) -> Result<Vec<u8>, LibraryError> {
        if outcome != Outcome::Returned {
            let failure = self.shared.failure.borrow_mut().take();
            return Err(load_error(failure.filter(|_| outcome == Outcome::Failed)));
        }
        let registered = std::mem::take(&mut *self.shared.registered.borrow_mut());
        if registered.is_empty() {
            return Err("ERR No functions registered".to_string());
        }
        let names = registered.iter().map(|function| function.name.as_slice());
        if let Some(taken) = self.libraries.clash(&name, names) {
            return Err(format!("ERR Function {} already exists", String::from_utf8_lossy(taken)));
        }
        let mut functions = Vec::new();
        for (index, function) in registered.into_iter().enumerate() {
            let slot = self.slot();
            if let Err(text) = self.work(Work::Keep { slot, index }) {
                self.free.push(slot);
                functions.iter().for_each(|made: &FunctionInfo| self.release(made.slot));
                return Err(format!("ERR {text}"));
            }
            let (name, description, flags) = (function.name, function.description, function.flags);
            functions.push(FunctionInfo { name, description, flags, slot });
        }
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        self.delete_library(&name);
        self.libraries.insert(LibraryInfo { name: name.clone(), code, functions });
        Ok(name)
    }

    fn slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn release(&mut self, slot: Slot) {
        if self.work(Work::Release(slot)).is_ok() {
            self.free.push(slot);
        }
    }

    /// Has the fiber do something short.
    fn work(&mut self, work: Work) -> Result<(), String> {
        assert!(self.job.is_none(), "no other work while a script is suspended");
        match self.enter(Input::Work(work)) {
            Output::Ready(result) => result,
            Output::Finished(_) | Output::Want(_) => unreachable!("no script runs"),
        }
    }

    fn enter(&mut self, input: Input) -> Output {
        match self.fiber.resume(input) {
            CoroutineResult::Yield(output) => output,
            CoroutineResult::Return(_) => unreachable!("the fiber lives as long as the engine"),
        }
    }
}

/// Whether FUNCTION LOAD may replace a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Yes,
    /// It is refused when there is one of that name.
    No,
}

impl Drop for Engine {
    /// The fiber leaves its own stack: nothing is unwound from outside, least of all through C.
    fn drop(&mut self) {
        self.abort();
        let _ = self.fiber.resume(Input::Work(Work::Quit));
    }
}

/// What FUNCTION LOAD says of an error in the library's code.
fn load_error(failure: Option<Failure>) -> LibraryError {
    let Some(failure) = failure else { return "ERR FUNCTION LOAD timeout".to_string() };
    let text = String::from_utf8_lossy(&failure.text);
    let what = if failure.compiling { "compiling function" } else { "registering functions" };
    format!("ERR Error {what}: {text}")
}

fn fill<'a>(to: &mut OwnedArgs, from: impl Iterator<Item = &'a [u8]>) {
    to.clear();
    from.for_each(|arg| to.push(arg));
}
