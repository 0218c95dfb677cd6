//! The engine of Lua of a core: what it has loaded, and who uses it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use keyspace::args::Args;
use scripting::{Engine, Env, Flags, Limits, Sha, Target, sha_of};

use crate::ask::{self, FunctionSet, ScriptsAsk};
use crate::busy::Busy;
use crate::heap::table_bytes;
use crate::mesh::mailbox::Address;
use crate::script::{Program, ROOM_BYTES_MAX, Room, Script, sha_named};
use crate::unit::UnitSeq;

/// Scripts of which it is remembered that they need more than they declare.
const GREEDY_MAX: usize = 4096;

/// Sources that are kept of scripts which the engine has forgotten, before those are looked for.
const FORGOTTEN_MAX: usize = 64;

/// Bytes of such sources, before those are looked for.
const FORGOTTEN_BYTES_MAX: usize = 16 << 20;

/// What a client reads whose script nobody knows.
pub(super) const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// What a client reads whose function nobody knows.
pub(super) const NO_FUNCTION: &str = "ERR Function not found";

/// The engine of a core and who uses it.
#[derive(Default)]
pub(super) struct Scripts {
    /// Made for the first script. It leaves its place for each run, so it is boxed.
    pub(super) engine: Option<Box<Engine>>,
    /// Scripts that were found to need more than they declare: they begin with everything.
    greedy: HashSet<Sha>,
    /// The sources of the scripts that the engine has loaded, for other cores.
    pub(super) sources: HashMap<Sha, Arc<[u8]>>,
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
    /// That script takes long: nobody waits for it.
    pub(super) busy: Option<Busy>,
    /// Questions that wait for the engine, by address and number.
    pub(super) questions: Vec<(Address, u64, ScriptsAsk)>,
    /// Units that have what they need but the engine.
    pub(super) waiting: VecDeque<UnitSeq>,
    /// What the script before left for the next.
    spare: Option<Room>,
    /// Likewise: what it read its replies in.
    buffer: Vec<u8>,
}

impl Scripts {
    /// The engine. It exists from the first use on.
    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.get_or_insert_with(|| Box::new(Engine::new(Limits::default())))
    }

    /// Bytes of the interpreter with all that it has loaded, of the sources that are kept, and of room kept for the next script.
    pub(super) fn heap_bytes(&self) -> usize {
        let engine = self.engine.as_ref().map_or(0, |engine| engine.memory_bytes());
        let spare = self.spare.as_ref().map_or(0, |room| room.args.room());
        let tables =
            table_bytes::<(Sha, Arc<[u8]>)>(self.sources.capacity()) + table_bytes::<Sha>(self.greedy.capacity());
        engine + self.source_bytes + tables + spare + self.buffer.capacity()
    }

    /// Bytes of the code of the libraries. O(libraries).
    pub(super) fn library_bytes(&self) -> usize {
        let libraries = self.engine.iter().flat_map(|engine| engine.libraries());
        libraries.map(|library| library.code.len()).sum()
    }

    /// Gives the engine to a unit's script.
    pub(super) fn begin(&mut self, seq: UnitSeq) {
        self.renew_functions();
        self.running = Some(seq);
        self.rests = false;
    }

    /// The script that has it goes on in the next turn.
    pub(super) fn rest(&mut self) {
        self.rests = true;
    }

    /// The script that had it is over.
    pub(super) fn end(&mut self) {
        self.running = None;
        self.busy = None;
    }

    /// The unit that goes on next, if one is due.
    pub(super) fn next_due(&mut self) -> Option<UnitSeq> {
        match self.running {
            Some(seq) => self.rests.then_some(seq),
            None => self.waiting.pop_front(),
        }
    }

    /// True if a question about what is loaded has to wait for the script that has the engine. One that takes long is not waited for.
    pub(super) fn defers(&self, ask: &ScriptsAsk) -> bool {
        let changes = match ask {
            ScriptsAsk::Load(_) | ScriptsAsk::Flush | ScriptsAsk::DecideFunctions(_) | ScriptsAsk::TakeFunctions(_) => {
                true
            }
            ScriptsAsk::Source(_)
            | ScriptsAsk::Exist(_)
            | ScriptsAsk::Libraries
            | ScriptsAsk::RunningFunction
            | ScriptsAsk::Kill(_) => false,
        };
        changes && self.running.is_some() && self.busy.is_none()
    }

    /// Questions that need not wait any longer.
    pub(super) fn questions_due(&mut self) -> Vec<(Address, u64, ScriptsAsk)> {
        match self.running.is_none() || self.busy.is_some() {
            true => std::mem::take(&mut self.questions),
            false => Vec::new(),
        }
    }

    /// True if the core owes a script a slice.
    pub(super) fn is_due(&self) -> bool {
        let free = self.running.is_none();
        self.rests
            || (free && !self.waiting.is_empty())
            || ((free || self.busy.is_some()) && !self.questions.is_empty())
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

    /// What the script or function declares that a command names, if it is known here.
    pub(super) fn flags_of(&self, command: &str, args: Args) -> Option<Flags> {
        let (engine, name) = (self.engine.as_ref()?, args.get(1)?);
        match command.starts_with("fcall") {
            true => engine.function(name).map(|function| function.flags),
            false if command.starts_with("evalsha") => engine.find(&sha_named(name)).map(|script| script.flags),
            false => engine.find(&sha_of(name)).map(|script| script.flags),
        }
    }

    /// True if a script is loaded here.
    pub(super) fn knows(&self, sha: &Sha) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.find(sha).is_some()) || self.sources.contains_key(sha)
    }

    /// The room of a script that is over, for the next one.
    pub(super) fn room(&mut self) -> Room {
        self.spare.take().unwrap_or_default()
    }

    /// Keeps the room of a script that is over, unless it is large.
    pub(super) fn leave_room(&mut self, script: Script) {
        self.spare = Room::of(script);
    }

    /// Room for the replies that a script reads.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Keeps it, unless it is large.
    pub(super) fn put_buffer(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        buffer.shrink_to(ROOM_BYTES_MAX);
        self.buffer = buffer;
    }

    /// The source of a script that is loaded here.
    pub(super) fn source(&self, sha: &Sha) -> Option<Arc<[u8]>> {
        self.sources.get(sha).cloned()
    }

    /// Loads a script to stay.
    pub(super) fn load(&mut self, source: &Arc<[u8]>) -> ask::Answer {
        if let Some(busy) = self.busy {
            return ask::Answer::Busy(busy);
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
    pub(super) fn take_engine(&mut self) -> Box<Engine> {
        self.engine.take().unwrap_or_else(|| Box::new(Engine::new(Limits::default())))
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
    pub(super) fn put_engine(&mut self, engine: Box<Engine>) {
        self.engine = Some(engine);
    }

    /// A 1 for each of these scripts that is loaded here.
    pub(super) fn exist(&self, shas: &[Sha]) -> Vec<u64> {
        shas.iter().map(|sha| self.sources.contains_key(sha) as u64).collect()
    }

    /// Forgets all scripts.
    pub(super) fn flush(&mut self) -> ask::Answer {
        if let Some(busy) = self.busy {
            return ask::Answer::Busy(busy);
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
    pub(super) fn enter(&mut self, engine: &mut Engine, script: &mut Script) -> Result<(), String> {
        let flags = match &script.program {
            Program::Script(sha) => match engine.find(sha) {
                Some(loaded) => loaded.flags,
                None => {
                    let given = script.inline.then(|| script.args.args().at(1).into());
                    let known = given.or_else(|| script.source.clone()).or_else(|| self.source(sha));
                    let source = known.ok_or(NOSCRIPT)?;
                    let loaded = engine.load(&source, false)?;
                    self.remember(engine, loaded.sha, source);
                    loaded.flags
                }
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

    pub(super) fn now_greedy(&mut self, program: &Program) {
        if let Program::Script(sha) = program {
            if self.greedy.len() >= GREEDY_MAX {
                self.greedy.clear();
            }
            self.greedy.insert(*sha);
        }
    }
}
