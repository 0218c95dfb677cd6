//! Replies of commands as values of Lua.

use crate::fault;
use crate::names::Names;
use keyspace::number::parse_i64;
use mlua::{Lua, Table, Value};

/// How deep a reply may be. The deepest that a command gives is far below.
const DEPTH_MAX: usize = 64;

/// The value of one encoded reply. It comes from our own server: a reply that is not well formed is its bug.
pub(crate) fn value(lua: &Lua, names: &Names, reply: &[u8]) -> mlua::Result<Value> {
    let mut reader = Reader { names, rest: reply };
    reader.value(lua, 0)
}

/// The text of an error reply.
pub(crate) fn error_text(reply: &[u8]) -> &[u8] {
    let line = reply.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.strip_prefix(b"-").unwrap_or(line)
}

/// The text of an error with its code: one word stands alone for a message and gets the general one. Line ends around it go.
pub(crate) fn coded(text: &[u8]) -> Vec<u8> {
    let end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let first = text.iter().position(|byte| !end(byte)).unwrap_or(text.len());
    let last = text.iter().rposition(|byte| !end(byte)).map_or(first, |last| last + 1);
    let text = &text[first..last];
    if text.contains(&b' ') { text.to_vec() } else { [b"ERR ".as_slice(), text].concat() }
}

struct Reader<'a> {
    names: &'a Names,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == b'\r').expect("a reply's line has an end");
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[2..];
        line
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = &rest[2..];
        bytes
    }

    fn value(&mut self, lua: &Lua, depth: usize) -> mlua::Result<Value> {
        assert!(depth < DEPTH_MAX, "no command's reply is so deep");
        let line = self.line();
        let (kind, text) = line.split_first().expect("a reply has a kind");
        match kind {
            b'$' => match length(text) {
                Some(len) => Ok(Value::String(lua.create_string(self.bytes(len))?)),
                None => Ok(Value::Boolean(false)),
            },
            b':' => Ok(Value::Number(parse_i64(text).expect("an integer reply is one") as f64)),
            b'+' if text == b"OK" => one(lua, &self.names.ok, Value::String(self.names.fine.clone())),
            b'+' => one(lua, &self.names.ok, Value::String(lua.create_string(text)?)),
            b'-' => fault::error_table(lua, text, true),
            b'*' | b'>' => match length(text) {
                Some(len) => Ok(Value::Table(self.array(lua, len, depth)?)),
                None => Ok(Value::Boolean(false)),
            },
            b'%' => {
                let map = self.map(lua, length(text).unwrap_or(0), depth)?;
                one(lua, &self.names.map, Value::Table(map))
            }
            b'~' => {
                let set = self.set(lua, length(text).unwrap_or(0), depth)?;
                one(lua, &self.names.set, Value::Table(set))
            }
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(text == b"t")),
            b',' => {
                let number = keyspace::double::parse(text).unwrap_or(f64::NAN);
                one(lua, &self.names.double, Value::Number(number))
            }
            b'(' => one(lua, &self.names.big_number, Value::String(lua.create_string(text)?)),
            b'=' => self.verbatim(lua, length(text).unwrap_or(0)),
            b'|' => {
                for _ in 0..length(text).unwrap_or(0) * 2 {
                    self.value(lua, depth + 1)?;
                }
                self.value(lua, depth + 1)
            }
            _ => unreachable!("a reply of an unknown kind"),
        }
    }

    fn array(&mut self, lua: &Lua, len: usize, depth: usize) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(len, 0)?;
        for index in 1..=len {
            let value = self.value(lua, depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(table)
    }

    fn map(&mut self, lua: &Lua, pairs: usize, depth: usize) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, pairs)?;
        for _ in 0..pairs {
            let key = self.value(lua, depth + 1)?;
            let value = self.value(lua, depth + 1)?;
            if !key.is_nil() {
                table.raw_set(key, value)?;
            }
        }
        Ok(table)
    }

    fn set(&mut self, lua: &Lua, len: usize, depth: usize) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, len)?;
        for _ in 0..len {
            let member = self.value(lua, depth + 1)?;
            if !member.is_nil() {
                table.raw_set(member, true)?;
            }
        }
        Ok(table)
    }

    fn verbatim(&mut self, lua: &Lua, len: usize) -> mlua::Result<Value> {
        let bytes = self.bytes(len);
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set(&self.names.format, lua.create_string(&bytes[..3])?)?;
        table.raw_set(&self.names.string, lua.create_string(&bytes[4..])?)?;
        one(lua, &self.names.verbatim_string, Value::Table(table))
    }
}

/// A length, `None` for what is not there.
fn length(text: &[u8]) -> Option<usize> {
    parse_i64(text).and_then(|len| usize::try_from(len).ok())
}

fn one(lua: &Lua, name: &mlua::String, value: Value) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(name, value)?;
    Ok(Value::Table(table))
}
