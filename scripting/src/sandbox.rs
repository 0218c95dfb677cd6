//! The world of scripts: which functions there are, and the prelude that makes it safe and closes it.

use crate::host::{Host, Pace};
use crate::{api, bit, cmsgpack, fault, json, registration, source, strings, structs};
use mlua::{Function, Lua, MultiValue, Scope, Table, Value};

/// The chunk of the prelude. In messages it shows as a script's, with a line that is ours.
pub(crate) const PRELUDE: &str = "=user_script";

/// The slot of the body of a library while it is loaded. Slots are indexes of a table.
pub(crate) const BODY_SLOT: u32 = 1;

/// References that one call may hold, made ahead: growing their room while memory is short would fail in the wrong place.
const REFERENCES: usize = 6000;

/// Globals that scripts get as Lua 5.1 has them; the prelude replaces some. What is in no list is not there.
const GLOBALS: &[&str] = &[
    "_VERSION",
    "assert",
    "collectgarbage",
    "coroutine",
    "error",
    "gcinfo",
    "getmetatable",
    "ipairs",
    "load",
    "loadstring",
    "math",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
];

/// What is called to have something done.
pub(crate) struct World {
    /// Runs what is in a slot: `run(slot, first, second)`.
    pub(crate) run: Function,
    /// Puts something into a slot: `keep(slot, function)`.
    pub(crate) keep: Function,
    /// Takes in compiled code. Only what the engine itself compiled may reach it.
    pub(crate) undump: Function,
    /// Shows what belongs to a "script", to a "function" or to "loading" a library.
    pub(crate) set_scene: Function,
    /// The globals of scripts, behind what scripts hold.
    pub(crate) globals: Table,
    /// Those of plain scripts, which hold them themselves.
    pub(crate) plain: Table,
}

/// What the prelude returns.
type Made = (Function, Function, Function, Function, Table, Table);

/// Builds the world and makes it the globals of the state.
pub(crate) fn build<'scope, 'env>(
    lua: &Lua,
    scope: &'scope Scope<'scope, 'env>,
    host: &'env Host<'env>,
) -> mlua::Result<World> {
    let references = lua.create_table()?;
    let made: Vec<Table> = (0..REFERENCES).map(|_| references.clone()).collect();
    drop(made);
    let stock = lua.globals();
    let globals = lua.create_table()?;
    for name in GLOBALS {
        globals.raw_set(*name, stock.raw_get::<Value>(*name)?)?;
    }
    api::install(lua, scope, host, &globals)?;
    strings::install(lua, host, &globals)?;
    globals.raw_set("bit", bit::library(lua)?)?;
    globals.raw_set("struct", structs::library(lua, &host.shared)?)?;
    globals.raw_set("cjson", json::library(lua, &host.shared)?)?;
    globals.raw_set("cmsgpack", cmsgpack::library(lua, &host.shared)?)?;
    let pace = |lua: &Lua, body: Value| match body {
        Value::Function(body) if body.info().what != "C" => Pace::new(lua).worst(),
        _ => Err(fault::bad_argument(lua, 1, "Lua function expected")),
    };
    let pace = lua.create_function(pace)?;
    let coroutine: Table = globals.raw_get("coroutine")?;
    lua.load(include_str!("coroutines.lua")).set_name(PRELUDE).call::<()>((pace, coroutine))?;
    let table = host_table(lua, scope, host)?;
    lua.load(include_str!("patterns.lua")).set_name(PRELUDE).call::<()>((&table, &globals))?;
    let (run, keep, undump, set_scene, plain, world): Made =
        lua.load(include_str!("prelude.lua")).set_name(PRELUDE).call((&table, &globals))?;
    lua.set_globals(world)?;
    Ok(World { run, keep, undump, set_scene, globals, plain })
}

/// What the prelude needs of the engine.
fn host_table<'scope, 'env>(
    lua: &Lua,
    scope: &'scope Scope<'scope, 'env>,
    host: &'env Host<'env>,
) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let shared = host.shared.clone();
    table.raw_set("aborting", lua.create_function(move |_, ()| Ok(shared.aborting.get()))?)?;
    let explain = |lua: &Lua, value: Value| {
        Pace::new(lua).worst()?;
        fault::explain(lua, value)
    };
    table.raw_set("explain", lua.create_function(explain)?)?;
    let shared = host.shared.clone();
    let failed = move |lua: &Lua, value: Value| {
        fault::record(lua, &shared, value);
        Ok(())
    };
    table.raw_set("failed", lua.create_function(failed)?)?;
    let shared = host.shared.clone();
    let vet = move |lua: &Lua, (code, name): (mlua::String, mlua::String)| vet(lua, &shared, code, name);
    table.raw_set("vet", lua.create_function(vet)?)?;
    let stash = |_: &Lua, values: MultiValue| api::stash(&host.shared, values);
    table.raw_set("stash", scope.create_function(stash)?)?;
    strings::install_matching(lua, &host.shared, &table)?;
    Ok(table)
}

/// How many bytes are copied while one is parsed.
const PARSED_BYTE: usize = 64;

/// What a source compiled by a script must be: itself, its name, and why it is refused, if it is.
fn vet(
    lua: &Lua,
    shared: &crate::shared::Shared,
    code: mlua::String,
    name: mlua::String,
) -> mlua::Result<(mlua::String, mlua::String, Option<&'static str>)> {
    Pace::new(lua).bytes(code.as_bytes().len().saturating_mul(PARSED_BYTE))?;
    let refused = source::fault(&code.as_bytes(), shared.limits.source_bytes_max);
    if code.as_bytes().first() == Some(&source::BYTECODE) {
        let padded = lua.create_string([b" ".as_slice(), &code.as_bytes()].concat())?;
        return Ok((padded, name, refused));
    }
    Ok((code, name, refused))
}

/// Where functions of libraries are declared.
pub(crate) fn register_function(lua: &Lua, host: &Host<'_>) -> mlua::Result<Function> {
    let shared = host.shared.clone();
    lua.create_function(move |lua, values: (Value, Value, Value)| registration::register(lua, &shared, values))
}
