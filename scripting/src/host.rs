//! The script's way out: leaves the fiber with a step and comes back with the driver's answer.

use crate::fault::{self, Fault};
use crate::fiber::{Input, Output};
use crate::names::Names;
use crate::shared::Shared;
use crate::step::Step;
use corosensei::Yielder;
use mlua::Lua;
use std::cell::Cell;
use std::rc::Rc;

/// Matching, encoding and sorting count their steps; so many are about as long as a slice of instructions.
const STEPS_PER_SLICE: u32 = 100_000;

/// Steps of what is as long as a slice at the worst: a new coroutine, until its instructions are noticed; and an error of a function in
/// Rust, which is written down with all calls that led to it.
const WORST_STEPS: u32 = STEPS_PER_SLICE / 4;

/// Bytes that are compared, searched or copied in the time of a step.
const BYTES_PER_STEP: usize = 64;

/// What functions of the engine reach the driver with.
pub(crate) struct Host<'y> {
    pub(crate) yielder: &'y Yielder<Input, Output>,
    pub(crate) shared: Rc<Shared>,
    pub(crate) names: Names,
}

impl Host<'_> {
    /// Leaves with `step`. Fails when the answer is the end of the script.
    pub(crate) fn want(&self, lua: &Lua, step: Step) -> Result<(), Fault> {
        if self.shared.aborting.get() {
            return Err(Fault::Abort);
        }
        match self.yielder.suspend(Output::Want(step)) {
            Input::Go => Ok(()),
            Input::Abort => {
                self.shared.aborting.set(true);
                fault::record_abort(lua, &self.shared);
                Err(Fault::Abort)
            }
            Input::Work(_) => unreachable!("the engine begins nothing while a script runs"),
        }
    }
}

/// Builds values of encoded bytes: a reply, or the arguments of a run. If they have room for certain, the bound of memory is off
/// meanwhile, which would make each value a protected call. Otherwise it is on, and may end the script.
pub(crate) fn built<R>(
    lua: &Lua,
    shared: &Shared,
    encoded: Encoded,
    build: impl FnOnce() -> mlua::Result<R>,
) -> mlua::Result<R> {
    let most = encoded.bytes.saturating_mul(GROWTH_MAX).saturating_add(encoded.values.saturating_mul(VALUE_BYTES_MAX));
    if lua.used_memory().saturating_add(most) > shared.limits.memory_bytes_max {
        return build();
    }
    let bound = lua.set_memory_limit(0)?;
    let built = build();
    lua.set_memory_limit(bound)?;
    built
}

/// How much is to become values of Lua.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: usize,
    /// Values that the bytes do not count: strings without anything around them.
    pub(crate) values: usize,
}

/// Most bytes of Lua that a byte of a reply becomes. The worst is an empty map within a set: four bytes of the reply are two tables and
/// a place of a table that has grown to twice its need.
const GROWTH_MAX: usize = 64;

/// Most bytes that a string takes besides its own, its place in a table and in the table of all strings included.
const VALUE_BYTES_MAX: usize = 128;

/// Steps of the run that are left until the script gives way. All calls count on: many short ones are as long as a long one.
struct StepsLeft(Rc<Cell<u32>>);

/// Begins to count the steps of a state.
pub(crate) fn count_steps(lua: &Lua) {
    lua.set_app_data(StepsLeft(Rc::new(Cell::new(STEPS_PER_SLICE))));
}

/// Work in Rust that may be long: gives way from time to time.
pub(crate) struct Pace<'a> {
    lua: &'a Lua,
    left: Rc<Cell<u32>>,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(lua: &'a Lua) -> Self {
        let left = lua.app_data_ref::<StepsLeft>().expect("the fiber began to count").0.clone();
        Pace { lua, left }
    }

    /// Counts one step.
    #[inline]
    pub(crate) fn step(&mut self) -> mlua::Result<()> {
        self.steps(1)
    }

    /// Counts several steps.
    #[inline]
    pub(crate) fn steps(&mut self, steps: u32) -> mlua::Result<()> {
        let left = self.left.get();
        if left > steps {
            self.left.set(left - steps);
            return Ok(());
        }
        self.left.set(STEPS_PER_SLICE);
        rest(self.lua)
    }

    /// Counts a new coroutine, or an error of a function in Rust.
    pub(crate) fn worst(&mut self) -> mlua::Result<()> {
        self.steps(WORST_STEPS)
    }

    /// Counts a step that compares, searches or copies so many bytes: each so many of them are a step more.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: usize) -> mlua::Result<()> {
        self.steps(u32::try_from(bytes / BYTES_PER_STEP).unwrap_or(u32::MAX).saturating_add(1))
    }
}

/// The name of the function that gives way, in the registry of the Lua state.
pub(crate) const REST: &str = "rest";

/// Gives way to the driver. A hook cannot hold the way out, which lives on the fiber's stack; it finds it in the registry.
#[cold]
pub(crate) fn rest(lua: &Lua) -> mlua::Result<()> {
    lua.named_registry_value::<mlua::Function>(REST)?.call(())
}
