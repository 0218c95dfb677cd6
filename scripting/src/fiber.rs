//! The fiber: the stack on which the Lua state of an engine lives, from its making to its end.
//!
//! It is one coroutine for all runs. Between runs it waits for work; within a run it leaves with what the script wants. So the state is
//! never entered from another stack, and nothing else can enter it while a script is suspended.

use crate::bytecode;
use crate::direct::Program;
use crate::fault;
use crate::host::{self, Encoded, Host, REST};
use crate::names::Names;
use crate::outward;
use crate::plain::is_plain;
use crate::registration::Registration;
use crate::sandbox::{self, World};
use crate::shared::{Phase, Shared};
use crate::shown::{Shown, strings};
use crate::step::{Outcome, Step};
use crate::tails;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use mlua::{ChunkMode, Function, HookTriggers, Lua, LuaOptions, StdLib, Value, VmState};
use std::rc::Rc;

/// Where a compiled chunk stands.
pub(crate) type Slot = u32;

/// What the engine has the fiber do.
pub(crate) enum Work {
    /// Compile a script into a slot.
    Compile { slot: Slot, source: Vec<u8>, chunk: &'static str },
    /// Run the script or function in a slot.
    Run { slot: Slot, phase: Phase },
    /// Run the body of a library; it registers its functions.
    Load { source: Vec<u8> },
    /// Keep a registered function of the library that was loaded last.
    Keep { slot: Slot, index: usize },
    /// Forget what is in a slot.
    Release(Slot),
    /// Free what nothing refers to.
    Collect,
    /// End.
    Quit,
}

/// Into the fiber.
pub(crate) enum Input {
    /// Something new; only between runs.
    Work(Work),
    /// Go on.
    Go,
    /// End the run.
    Abort,
}

/// Out of the fiber.
pub(crate) enum Output {
    /// The work is done, or could not be done for this reason.
    Ready(Result<(), String>),
    /// The run is over.
    Finished(Outcome),
    /// The script wants something.
    Want(Step),
}

/// The fiber and its stack.
pub(crate) type Fiber = Coroutine<Input, Output, usize>;

/// A fiber; its first work should be small.
pub(crate) fn start(shared: Rc<Shared>) -> Fiber {
    let stack = DefaultStack::new(shared.limits.stack_bytes).expect("address space for one stack");
    Coroutine::with_stack(stack, move |yielder, first| live(yielder, first, shared))
}

/// Makes the Lua state and serves until the end. Returns what the state held at last, in bytes.
fn live(yielder: &Yielder<Input, Output>, first: Input, shared: Rc<Shared>) -> usize {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
    let lua = Lua::new_with(libraries, LuaOptions::default()).expect("the libraries are the safe ones");
    let names = Names::new(&lua).expect("an empty state has room");
    host::count_steps(&lua);
    let host = Host { yielder, shared: shared.clone(), names };
    lua.scope(|scope| {
        let world = sandbox::build(&lua, scope, &host)?;
        // Between runs the prelude works for the engine, which waits for it: nobody is there to rest for.
        let rest = scope.create_function(|lua, ()| match host.shared.phase.get() {
            Phase::Idle => Ok(()),
            _ => Ok(host.want(lua, Step::Rest)?),
        })?;
        lua.set_named_registry_value(REST, rest)?;
        let watched = shared.clone();
        let every = HookTriggers::new().every_nth_instruction(shared.limits.instructions_per_slice);
        lua.set_global_hook(every, move |lua, _| {
            if watched.aborting.get() {
                return Err(fault::Fault::Abort.into());
            }
            host::rest(lua).map(|()| VmState::Continue)
        })?;
        lua.gc_collect()?;
        lua.set_memory_limit(lua.used_memory() + shared.limits.memory_bytes_max)?;
        let shown =
            [Shown::new(&lua, &world.plain, &host.names.keys)?, Shown::new(&lua, &world.plain, &host.names.argv)?];
        Worker {
            lua: &lua,
            shared: &shared,
            names: &host.names,
            scene: Phase::Script,
            world,
            plain: Vec::new(),
            shown,
            collect_above: shared.limits.memory_bytes_max / 4,
            body: None,
        }
        .serve(yielder, first);
        Ok(())
    })
    .expect("the sandbox is made of our own parts");
    lua.used_memory()
}

/// A compiled chunk.
struct Parsed {
    function: Function,
    /// See [`crate::plain`].
    plain: bool,
    /// See [`crate::direct`].
    program: Option<Program>,
}

/// What serves the engine.
struct Worker<'a> {
    lua: &'a Lua,
    shared: &'a Rc<Shared>,
    names: &'a Names,
    /// The phase whose globals are there.
    scene: Phase,
    world: World,
    /// By slot, whether what is in it is a plain script.
    plain: Vec<bool>,
    /// KEYS and ARGV of plain scripts.
    shown: [Shown; 2],
    /// Used memory, in bytes, above which garbage is collected after a run.
    collect_above: usize,
    /// What the library that was loaded last registered.
    body: Option<Vec<Function>>,
}

impl Worker<'_> {
    fn serve(mut self, yielder: &Yielder<Input, Output>, first: Input) {
        let mut input = first;
        loop {
            let Input::Work(work) = input else { unreachable!("no script runs that an answer could be for") };
            let output = match work {
                Work::Compile { slot, source, chunk } => Output::Ready(self.compile(slot, &source, chunk)),
                Work::Run { slot, phase } => Output::Finished(self.run(slot, phase)),
                Work::Load { source } => Output::Finished(self.load(&source)),
                Work::Keep { slot, index } => Output::Ready(self.keep(slot, index)),
                Work::Release(slot) => {
                    self.set_plain(slot, false);
                    Output::Ready(text(self.world.keep.call((slot, Value::Nil))))
                }
                Work::Collect => Output::Ready(text(self.collect())),
                Work::Quit => return,
            };
            self.shared.memory.set(self.lua.used_memory());
            input = yielder.suspend(output);
        }
    }

    /// The function of a chunk. The parser of Lua 5.1 holds strings that nothing refers to: the collector stands still while it works.
    fn parse(&self, source: &[u8], chunk: &str) -> mlua::Result<Parsed> {
        // A first byte of compiled code is a letter like others: nothing verifies such code.
        let mut padded = Vec::with_capacity(source.len() + 1);
        if source.first() == Some(&crate::source::BYTECODE) {
            padded.push(b' ');
        }
        padded.extend_from_slice(source);
        self.lua.gc_stop();
        let function = self.lua.load(padded).set_name(chunk).set_mode(ChunkMode::Text).into_function();
        let parsed = function.and_then(|function| {
            let code = function.dump(false);
            let functions = bytecode::functions(&code).unwrap_or_default();
            let function = match tails::kept(&code, &functions) {
                Some(changed) => self.world.undump.call(self.lua.create_string(changed)?)?,
                None => function,
            };
            let plain = !functions.is_empty() && is_plain(&functions);
            Ok(Parsed { function, plain, program: Program::of(&functions) })
        });
        self.lua.gc_restart();
        parsed
    }

    fn compile(&mut self, slot: Slot, source: &[u8], chunk: &str) -> Result<(), String> {
        let Parsed { function, plain, program } = text(self.parse(source, chunk))?;
        *self.shared.program.borrow_mut() = program;
        if plain {
            text(function.set_environment(self.world.plain.clone()))?;
        }
        self.set_plain(slot, plain);
        text(self.world.keep.call((slot, function)))
    }

    fn set_plain(&mut self, slot: Slot, plain: bool) {
        let place = slot as usize;
        if self.plain.len() <= place {
            self.plain.resize(place + 1, false);
        }
        self.plain[place] = plain;
    }

    fn is_plain(&self, slot: Slot) -> bool {
        self.plain.get(slot as usize).copied().unwrap_or(false)
    }

    fn keep(&mut self, slot: Slot, index: usize) -> Result<(), String> {
        let functions = self.body.as_ref().expect("a library was loaded");
        text(self.world.keep.call((slot, &functions[index])))
    }

    fn run(&mut self, slot: Slot, phase: Phase) -> Outcome {
        self.shared.begin(phase);
        let result = self.call(slot, phase);
        let outcome = self.conclude(result);
        self.shared.phase.set(Phase::Idle);
        outcome
    }

    fn call(&mut self, slot: Slot, phase: Phase) -> mlua::Result<(bool, Value)> {
        let encoded = {
            let (keys, argv) = (self.shared.keys.borrow(), self.shared.argv.borrow());
            let (keys, argv) = (keys.args(), argv.args());
            Encoded { bytes: keys.bytes() + argv.bytes(), values: keys.len() + argv.len() }
        };
        if self.is_plain(slot) {
            let (lua, plain, [keys, argv]) = (self.lua, &self.world.plain, &mut self.shown);
            host::built(lua, self.shared, encoded, || {
                keys.show(lua, plain, &self.names.keys, self.shared.keys.borrow().args())?;
                argv.show(lua, plain, &self.names.argv, self.shared.argv.borrow().args())
            })?;
            return self.world.run.call(slot);
        }
        self.set_scene(phase)?;
        let (keys, argv) = host::built(self.lua, self.shared, encoded, || {
            let keys = strings(self.lua, self.shared.keys.borrow().args())?;
            let argv = strings(self.lua, self.shared.argv.borrow().args())?;
            if phase == Phase::Script {
                self.world.globals.raw_set(&self.names.keys, &keys)?;
                self.world.globals.raw_set(&self.names.argv, &argv)?;
            }
            Ok((keys, argv))
        })?;
        if phase == Phase::Script {
            return self.world.run.call(slot);
        }
        self.world.run.call((slot, keys, argv))
    }

    /// Shows what belongs to a phase.
    fn set_scene(&mut self, phase: Phase) -> mlua::Result<()> {
        if self.scene == phase {
            return Ok(());
        }
        let scene = match phase {
            Phase::Function => "function",
            Phase::Loading => "loading",
            Phase::Script | Phase::Idle => "script",
        };
        self.world.set_scene.call::<()>(scene)?;
        self.scene = phase;
        Ok(())
    }

    /// Writes the reply, and frees what a large run left.
    fn conclude(&mut self, result: mlua::Result<(bool, Value)>) -> Outcome {
        let mut outcome = match result {
            Ok((true, value)) => match outward::reply(self.lua, self.shared, self.names, value) {
                Ok(()) => Outcome::Returned,
                Err(error) => self.failed(&error),
            },
            Ok((false, value)) => {
                if self.shared.failure.borrow().is_none() {
                    fault::record(self.lua, self.shared, value);
                }
                Outcome::Failed
            }
            Err(error) => self.failed(&error),
        };
        if self.shared.aborting.get() {
            outcome = Outcome::Aborted;
        }
        self.shared.aborting.set(false);
        // After a collection that fails the next run tries again.
        if self.lua.used_memory() > self.collect_above && self.collect().is_ok() {
            self.collect_above = self.lua.used_memory() + self.shared.limits.memory_bytes_max / 4;
        }
        outcome
    }

    /// Frees what nothing refers to. The bound of memory is off meanwhile: even the call takes some, and the heap may be full.
    fn collect(&self) -> mlua::Result<()> {
        let bound = self.lua.set_memory_limit(0)?;
        let collected = self.lua.gc_collect();
        self.lua.set_memory_limit(bound)?;
        collected
    }

    fn failed(&self, error: &mlua::Error) -> Outcome {
        if !self.shared.aborting.get() {
            fault::record_error(self.shared, error);
        }
        Outcome::Failed
    }

    /// Runs the body of a library.
    fn load(&mut self, source: &[u8]) -> Outcome {
        self.shared.begin(Phase::Loading);
        self.shared.registered.borrow_mut().clear();
        self.body = None;
        let result = (|| {
            self.set_scene(Phase::Loading)?;
            let Parsed { function, .. } = self.parse(source, "@user_function")?;
            self.world.keep.call::<()>((sandbox::BODY_SLOT, function))?;
            self.world.run.call::<(bool, Value)>(sandbox::BODY_SLOT)
        })();
        let outcome = match result {
            Ok((true, _)) => Outcome::Returned,
            other => self.conclude(other),
        };
        let aborted = self.shared.aborting.replace(false);
        self.shared.phase.set(Phase::Idle);
        let callbacks = self.shared.registered.borrow_mut().iter_mut().filter_map(Registration::take).collect();
        self.body = Some(callbacks);
        if aborted { Outcome::Aborted } else { outcome }
    }
}

/// The message of an error of compiling or of memory.
fn text<T>(result: mlua::Result<T>) -> Result<T, String> {
    result.map_err(|error| match &error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        error if fault::is_memory(error) => "not enough memory".to_string(),
        error => error.to_string(),
    })
}
