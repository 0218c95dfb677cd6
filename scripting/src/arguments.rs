//! The arguments of a function called from Lua, checked as Lua's own library checks them.

use crate::fault::bad_argument;
use mlua::{Lua, MultiValue, String as LuaString, Value};

/// Arguments, counted from 1 in messages and from 0 here.
pub(crate) struct Arguments<'a> {
    pub(crate) lua: &'a Lua,
    pub(crate) values: MultiValue,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(lua: &'a Lua, values: MultiValue) -> Self {
        Arguments { lua, values }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index)
    }

    /// A number, or a string that reads as one.
    pub(crate) fn number(&self, index: usize) -> mlua::Result<f64> {
        match self.get(index) {
            Some(Value::Number(value)) => Ok(*value),
            Some(Value::Integer(value)) => Ok(*value as f64),
            Some(Value::String(text)) => match self.lua.coerce_number(Value::String(text.clone()))? {
                Some(value) => Ok(value),
                None => Err(self.wrong_type(index, "number")),
            },
            _ => Err(self.wrong_type(index, "number")),
        }
    }

    /// A number that was given and is not nil.
    pub(crate) fn optional_number(&self, index: usize) -> mlua::Result<Option<f64>> {
        match self.get(index) {
            None | Some(Value::Nil) => Ok(None),
            Some(_) => self.number(index).map(Some),
        }
    }

    /// A string, or a number as text.
    pub(crate) fn text(&self, index: usize) -> mlua::Result<LuaString> {
        match self.get(index) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Number(_) | Value::Integer(_))) => {
                Ok(self.lua.coerce_string(value.clone())?.expect("a number has a text"))
            }
            _ => Err(self.wrong_type(index, "string")),
        }
    }

    /// The fault of an argument of another type than `expected`.
    pub(crate) fn wrong_type(&self, index: usize, expected: &str) -> mlua::Error {
        let got = self.get(index).map_or("no value", type_name);
        bad_argument(self.lua, index + 1, &format!("{expected} expected, got {got}"))
    }

    /// The fault of an argument, in other words.
    pub(crate) fn bad(&self, index: usize, why: &str) -> mlua::Error {
        bad_argument(self.lua, index + 1, why)
    }
}

/// What `type` says of a value.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}

/// A number as an `int` of C, as Lua 5.1 converts it: beyond 32 bits the upper ones are lost.
pub(crate) fn to_int(value: f64) -> i32 {
    if value.abs() < 9.2e18 { value as i64 as i32 } else { 0 }
}
