//! `redis.register_function`: what the body of a library declares.

use crate::fault::{self, at_caller};
use crate::header::Flags;
use crate::shared::{Phase, Shared};
use mlua::{Function, Lua, Table, Value};

/// A function of a library that is being loaded.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) name: Vec<u8>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) flags: Flags,
    callback: Option<Function>,
}

/// Most functions of one library: each holds a reference while the library is loaded, and those are few.
const FUNCTIONS_MAX: usize = 1000;

impl Registration {
    /// The function itself, once.
    pub(crate) fn take(&mut self) -> Option<Function> {
        self.callback.take()
    }
}

/// Carries out `redis.register_function`.
pub(crate) fn register(lua: &Lua, shared: &Shared, values: (Value, Value, Value)) -> mlua::Result<()> {
    if shared.phase.get() != Phase::Loading {
        return Err(fault::reply("ERR redis.register_function can only be called on FUNCTION LOAD command"));
    }
    let registration = match &values {
        (Value::Nil, ..) => return Err(fault::reply("ERR wrong number of arguments to redis.register_function")),
        (table, Value::Nil, Value::Nil) => from_table(table)?,
        (first, second, Value::Nil) => Registration {
            name: name(first, "ERR first argument to redis.register_function must be a string")?,
            callback: Some(callback(second, "ERR second argument to redis.register_function must be a function")?),
            description: None,
            flags: Flags::default(),
        },
        _ => return Err(fault::reply("ERR wrong number of arguments to redis.register_function")),
    };
    let mut registered = shared.registered.borrow_mut();
    if !crate::header::is_name(&registration.name) {
        return Err(fault::reply(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ));
    }
    if registered.iter().any(|other| other.name == registration.name) {
        return Err(fault::reply("ERR Function already exists in the library"));
    }
    if registered.len() >= FUNCTIONS_MAX {
        return Err(at_caller(lua, "too many functions in one library"));
    }
    registered.push(registration);
    Ok(())
}

fn name(value: &Value, fault: &str) -> mlua::Result<Vec<u8>> {
    match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(value) => Ok(value.to_string().into_bytes()),
        _ => Err(fault::reply(fault)),
    }
}

fn callback(value: &Value, fault: &str) -> mlua::Result<Function> {
    match value {
        Value::Function(function) => Ok(function.clone()),
        _ => Err(fault::reply(fault)),
    }
}

fn from_table(value: &Value) -> mlua::Result<Registration> {
    let Value::Table(table) = value else {
        return Err(fault::reply(
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ));
    };
    let (mut found, mut description, mut function, mut flags) = (None, None, None, Flags::default());
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Value::String(key) = &key else {
            return Err(fault::reply("ERR named argument key given to redis.register_function is not a string"));
        };
        let key = key.as_bytes();
        if key.eq_ignore_ascii_case(b"function_name") {
            found = Some(name(&value, "ERR function_name argument given to redis.register_function must be a string")?);
        } else if key.eq_ignore_ascii_case(b"description") {
            description =
                Some(name(&value, "ERR description argument given to redis.register_function must be a string")?);
        } else if key.eq_ignore_ascii_case(b"callback") {
            function =
                Some(callback(&value, "ERR callback argument given to redis.register_function must be a function")?);
        } else if key.eq_ignore_ascii_case(b"flags") {
            let Value::Table(list) = &value else {
                return Err(fault::reply(
                    "ERR flags argument to redis.register_function must be a table representing function flags",
                ));
            };
            flags = flags_of(list)?;
        } else {
            return Err(fault::reply("ERR unknown argument given to redis.register_function"));
        }
    }
    let name = found.ok_or_else(|| fault::reply("ERR redis.register_function must get a function name argument"))?;
    if function.is_none() {
        return Err(fault::reply("ERR redis.register_function must get a callback argument"));
    }
    Ok(Registration { name, description, flags, callback: function })
}

fn flags_of(list: &Table) -> mlua::Result<Flags> {
    let mut flags = Flags::default();
    for index in 1.. {
        let flag = match list.raw_get::<Value>(index)? {
            Value::Nil => break,
            Value::String(flag) => flag,
            _ => return Err(fault::reply("ERR unknown flag given")),
        };
        if !flags.set(&flag.as_bytes()) {
            return Err(fault::reply("ERR unknown flag given"));
        }
    }
    Ok(flags)
}
