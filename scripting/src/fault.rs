//! Errors that functions of the engine raise in a script.
//!
//! A function in Rust cannot raise a Lua value. It returns a `Fault`, which travels through Lua as an object of mlua's, and the
//! places of the prelude that catch errors have it turned into what a script should see.

use crate::shared::{Failure, Shared};
use mlua::{Lua, Table, Value};
use std::fmt;

/// What is raised.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A string.
    Text(Vec<u8>),
    /// A table with the field `err`, and whether the server counted the error already.
    Reply(Vec<u8>, bool),
    /// The end of an aborted script. No place catches it.
    Abort,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Text(text) | Fault::Reply(text, _) => f.write_str(&String::from_utf8_lossy(text)),
            Fault::Abort => f.write_str("Script was aborted"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for mlua::Error {
    fn from(fault: Fault) -> Self {
        mlua::Error::external(fault)
    }
}

/// A message with the place of the call before it, as `luaL_error` raises it.
pub(crate) fn at_caller(lua: &Lua, message: impl AsRef<[u8]>) -> mlua::Error {
    let mut text = caller(lua).unwrap_or_default();
    text.extend_from_slice(message.as_ref());
    Fault::Text(text).into()
}

/// An error table without a place.
pub(crate) fn reply(text: impl Into<Vec<u8>>) -> mlua::Error {
    Fault::Reply(text.into(), false).into()
}

/// Argument `n` (from 1) of the running function is wrong.
pub(crate) fn bad_argument(lua: &Lua, n: usize, why: &str) -> mlua::Error {
    let called = caller_level(lua) - 1;
    let (name, method) = lua
        .inspect_stack(called, |debug| {
            let names = debug.names();
            (names.name.map(|name| name.into_owned()), names.name_what == Some("method"))
        })
        .unwrap_or((None, false));
    let name = name.unwrap_or_else(|| "?".to_string());
    let text = match (method, n) {
        (true, 1) => format!("calling '{name}' on bad self ({why})"),
        (true, n) => format!("bad argument #{} to '{name}' ({why})", n - 1),
        (false, n) => format!("bad argument #{n} to '{name}' ({why})"),
    };
    at_caller(lua, text)
}

/// `chunk:line: ` of the function that called the running one, if it is Lua.
fn caller(lua: &Lua) -> Option<Vec<u8>> {
    lua.inspect_stack(caller_level(lua), |debug| {
        let line = debug.current_line()?;
        let source = debug.source();
        Some(format!("{}:{line}: ", source.short_src?).into_bytes())
    })?
}

/// The level of the caller: above the running function, and above what the prelude put around it.
fn caller_level(lua: &Lua) -> usize {
    let prelude = |level| {
        lua.inspect_stack(level, |debug| debug.source().source.is_some_and(|chunk| chunk == crate::sandbox::PRELUDE))
    };
    (1..4).find(|level| prelude(*level) != Some(true)).unwrap_or(1)
}

/// Chunk and line of the innermost function of a client, for the suffix of its error reply.
pub(crate) fn place(lua: &Lua) -> Option<(Vec<u8>, i64)> {
    for level in 1..64 {
        let found = lua.inspect_stack(level, |debug| {
            let line = debug.current_line()? as i64;
            let source = debug.source();
            let chunk = source.source?;
            (chunk != crate::sandbox::PRELUDE).then(|| (chunk.into_owned().into_bytes(), line))
        })?;
        if found.is_some() {
            return found;
        }
    }
    None
}

/// What a script should see of an error that it caught: mlua's objects become values of Lua, others stay.
pub(crate) fn explain(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &value else {
        return Ok(value);
    };
    match fault_of(error) {
        Some(Fault::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
        Some(Fault::Reply(text, counted)) => error_table(lua, text, *counted),
        Some(Fault::Abort) => Ok(value),
        None if is_memory(error) => Ok(Value::String(lua.create_string("not enough memory")?)),
        None => Ok(Value::String(lua.create_string(innermost(error).to_string())?)),
    }
}

/// The table that an error reply is to a script.
pub(crate) fn error_table(lua: &Lua, text: &[u8], counted: bool) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if counted {
        table.raw_set(COUNTED, true)?;
    }
    Ok(Value::Table(table))
}

/// The field of an error's table that says that the server counted it. Scripts see it, and Redis's name for it.
const COUNTED: &str = "ignore_error_stats_update";

/// Whether the server counted the error of a table.
pub(crate) fn is_counted(table: &Table) -> mlua::Result<bool> {
    Ok(matches!(table.raw_get(COUNTED)?, Value::Boolean(true)))
}

fn innermost(error: &mlua::Error) -> &mlua::Error {
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => innermost(cause),
        error => error,
    }
}

/// True if the engine's memory bound ended something.
pub(crate) fn is_memory(error: &mlua::Error) -> bool {
    matches!(innermost(error), mlua::Error::MemoryError(_))
}

/// The fault inside an error of mlua's.
pub(crate) fn fault_of(error: &mlua::Error) -> Option<&Fault> {
    match innermost(error) {
        mlua::Error::ExternalError(fault) => fault.downcast_ref(),
        _ => None,
    }
}

/// Notes the value that ended a run. The innermost chunk of a client tells where.
pub(crate) fn record(lua: &Lua, shared: &Shared, value: Value) {
    let mut counted = false;
    let text = match explain(lua, value) {
        Ok(Value::Table(table)) => {
            counted = is_counted(&table).unwrap_or(false);
            match table.raw_get::<Value>("err") {
                Ok(Value::String(text)) => text.as_bytes().to_vec(),
                _ => b"ERR unknown error".to_vec(),
            }
        }
        Ok(Value::Nil) => b"ERR nil".to_vec(),
        Ok(Value::Boolean(value)) => format!("ERR {value}").into_bytes(),
        Ok(Value::String(text)) => [b"ERR ".as_slice(), &text.as_bytes()].concat(),
        Ok(Value::Integer(value)) => format!("ERR {value}").into_bytes(),
        Ok(Value::Number(value)) => {
            let mut text = b"ERR ".to_vec();
            crate::decimal::push_lua(&mut text, value);
            text
        }
        Ok(_) => b"ERR unknown error".to_vec(),
        Err(_) => b"ERR not enough memory".to_vec(),
    };
    *shared.failure.borrow_mut() = Some(Failure { text, place: place(lua), compiling: false, counted });
}

/// Notes where an abort reached a run.
pub(crate) fn record_abort(lua: &Lua, shared: &Shared) {
    *shared.failure.borrow_mut() = Some(Failure { place: place(lua), ..Failure::default() });
}

/// Notes an error that ended a run before or after its script ran.
pub(crate) fn record_error(shared: &Shared, error: &mlua::Error) {
    let mut counted = false;
    let text = match fault_of(error) {
        Some(Fault::Text(text)) => [b"ERR ".as_slice(), text].concat(),
        Some(Fault::Reply(text, was_counted)) => {
            counted = *was_counted;
            text.clone()
        }
        _ if is_memory(error) => b"ERR not enough memory".to_vec(),
        _ => match innermost(error) {
            mlua::Error::SyntaxError { message, .. } => message.clone().into_bytes(),
            other => format!("ERR {other}").into_bytes(),
        },
    };
    let compiling = matches!(innermost(error), mlua::Error::SyntaxError { .. });
    *shared.failure.borrow_mut() = Some(Failure { text, place: None, compiling, counted });
}
