//! `cjson`: JSON, with the settings of a run.
//!
//! Settings are the run's own. In Redis they belong to the interpreter, and one script's reach the next.

mod decode;
mod encode;

use crate::arguments::{Arguments, to_int};
use crate::shared::Shared;
use mlua::{LightUserData, Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// Deepest nesting that any setting allows: each level holds references of the engine.
const DEPTH_MAX: usize = 1000;

/// What numbers that JSON has no form for become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// An error.
    Refused,
    /// Their text.
    Written,
    /// `null`.
    Null,
}

/// The settings of `cjson`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonSettings {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_depth: i32,
    decode_depth: i32,
    precision: i32,
    keep_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

impl Default for JsonSettings {
    fn default() -> Self {
        JsonSettings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// Changes settings by the arguments of a call, and returns what they are then.
type Change = fn(&Arguments, &mut JsonSettings) -> mlua::Result<Vec<Value>>;

/// The table of the library.
pub(crate) fn library(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let own = shared.clone();
    table.raw_set("encode", lua.create_function(move |lua, value: Value| encode::encode(lua, &own, &value))?)?;
    let own = shared.clone();
    table.raw_set("decode", lua.create_function(move |lua, text: Value| decode::decode(lua, &own, text))?)?;
    let settings: [(&str, Change); 7] = [
        ("encode_sparse_array", sparse_array),
        ("encode_max_depth", |args, to| one(args, |args| integer(args, 0, 1, i32::MAX, &mut to.encode_depth))),
        ("decode_max_depth", |args, to| one(args, |args| integer(args, 0, 1, i32::MAX, &mut to.decode_depth))),
        ("encode_number_precision", |args, to| one(args, |args| integer(args, 0, 1, 14, &mut to.precision))),
        ("encode_keep_buffer", |args, to| one(args, |args| switch(args, 0, &mut to.keep_buffer))),
        ("encode_invalid_numbers", |args, to| one(args, |args| invalid(args, &mut to.encode_invalid))),
        ("decode_invalid_numbers", |args, to| one(args, |args| switch(args, 0, &mut to.decode_invalid))),
    ];
    for (name, change) in settings {
        let own = shared.clone();
        let configure = move |lua: &Lua, (a, b, c, d): (Value, Value, Value, Value)| {
            let mut values = vec![a, b, c, d];
            while values.last().is_some_and(Value::is_nil) {
                values.pop();
            }
            let args = Arguments::new(lua, MultiValue::from_vec(values));
            let mut settings = own.json.get();
            let result = change(&args, &mut settings)?;
            own.json.set(settings);
            Ok(MultiValue::from_vec(result))
        };
        table.raw_set(name, lua.create_function(configure)?)?;
    }
    table.raw_set("null", Value::LightUserData(LightUserData(std::ptr::null_mut())))?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    let parts: Vec<(String, Value)> = table.pairs().collect::<mlua::Result<_>>()?;
    let parts = lua.create_table_from(parts)?;
    let new = move |lua: &Lua, ()| {
        let copy = lua.create_table()?;
        for pair in parts.pairs::<Value, Value>() {
            let (key, value) = pair?;
            copy.raw_set(key, value)?;
        }
        Ok(copy)
    };
    table.raw_set("new", lua.create_function(new)?)?;
    Ok(table)
}

/// A setting of one argument at most.
fn one(args: &Arguments, change: impl FnOnce(&Arguments) -> mlua::Result<Value>) -> mlua::Result<Vec<Value>> {
    if args.len() > 1 {
        return Err(args.bad(1, "found too many arguments"));
    }
    Ok(vec![change(args)?])
}

fn sparse_array(args: &Arguments, to: &mut JsonSettings) -> mlua::Result<Vec<Value>> {
    if args.len() > 3 {
        return Err(args.bad(3, "found too many arguments"));
    }
    Ok(vec![
        switch(args, 0, &mut to.sparse_convert)?,
        integer(args, 1, 0, i32::MAX, &mut to.sparse_ratio)?,
        integer(args, 2, 0, i32::MAX, &mut to.sparse_safe)?,
    ])
}

fn integer(args: &Arguments, index: usize, least: i32, most: i32, to: &mut i32) -> mlua::Result<Value> {
    if let Some(value) = args.optional_number(index)? {
        let value = to_int(value);
        if !(least..=most).contains(&value) {
            return Err(args.bad(0, &format!("expected integer between {least} and {most}")));
        }
        *to = value;
    }
    Ok(Value::Number(f64::from(*to)))
}

fn switch(args: &Arguments, index: usize, to: &mut bool) -> mlua::Result<Value> {
    match args.get(index) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(value)) => *to = *value,
        Some(_) => *to = option(args, index, &["off", "on"])? == 1,
    }
    Ok(Value::Boolean(*to))
}

fn invalid(args: &Arguments, to: &mut Invalid) -> mlua::Result<Value> {
    match args.get(0) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(value)) => *to = if *value { Invalid::Written } else { Invalid::Refused },
        Some(_) => *to = [Invalid::Refused, Invalid::Written, Invalid::Null][option(args, 0, &["off", "on", "null"])?],
    }
    Ok(match to {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Written => Value::Boolean(true),
        Invalid::Null => Value::String(args.lua.create_string("null")?),
    })
}

fn option(args: &Arguments, index: usize, names: &[&str]) -> mlua::Result<usize> {
    let text = args.text(index)?;
    let text = text.as_bytes();
    names
        .iter()
        .position(|name| name.as_bytes() == &*text)
        .ok_or_else(|| args.bad(index, &format!("invalid option '{}'", String::from_utf8_lossy(&text))))
}
