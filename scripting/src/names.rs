//! The strings of Lua that replies are made of, made once.

use mlua::{Lua, String};

/// Names of fields, and the commonest status.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) keys: String,
    pub(crate) argv: String,
    pub(crate) err: String,
    pub(crate) ok: String,
    pub(crate) double: String,
    pub(crate) map: String,
    pub(crate) set: String,
    pub(crate) big_number: String,
    pub(crate) verbatim_string: String,
    pub(crate) format: String,
    pub(crate) string: String,
    /// `OK`.
    pub(crate) fine: String,
}

impl Names {
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Names> {
        Ok(Names {
            keys: lua.create_string("KEYS")?,
            argv: lua.create_string("ARGV")?,
            err: lua.create_string("err")?,
            ok: lua.create_string("ok")?,
            double: lua.create_string("double")?,
            map: lua.create_string("map")?,
            set: lua.create_string("set")?,
            big_number: lua.create_string("big_number")?,
            verbatim_string: lua.create_string("verbatim_string")?,
            format: lua.create_string("format")?,
            string: lua.create_string("string")?,
            fine: lua.create_string("OK")?,
        })
    }
}
