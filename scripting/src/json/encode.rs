//! Values of Lua as JSON.

use super::{DEPTH_MAX, Invalid, JsonSettings};
use crate::arguments::type_name;
use crate::decimal::push_general;
use crate::fault::at_caller;
use crate::host::Pace;
use crate::shared::Shared;
use mlua::{Lua, Table, Value};

/// Bytes of a string between two looks at the limit.
const PIECE_BYTES: usize = 4096;

/// Carries out `cjson.encode`.
pub(super) fn encode(lua: &Lua, shared: &Shared, value: &Value) -> mlua::Result<mlua::String> {
    let settings = shared.json.get();
    let bytes_max = shared.limits.reply_bytes_max;
    let mut encoder = Encoder { lua, settings, out: Vec::new(), pace: Pace::new(lua), bytes_max };
    encoder.value(value, 0)?;
    lua.create_string(encoder.out)
}

struct Encoder<'a> {
    lua: &'a Lua,
    settings: JsonSettings,
    out: Vec<u8>,
    pace: Pace<'a>,
    bytes_max: usize,
}

impl Encoder<'_> {
    fn refused(&self, what: &str, why: &str) -> mlua::Error {
        at_caller(self.lua, format!("Cannot serialise {what}: {why}"))
    }

    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        self.pace.step()?;
        self.limit()?;
        match value {
            Value::String(text) => self.string(&text.as_bytes())?,
            Value::Integer(value) => self.number(*value as f64, "number")?,
            Value::Number(value) => self.number(*value, "number")?,
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => self.out.extend_from_slice(b"null"),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return Err(self.refused(type_name(other), "type not supported")),
        }
        Ok(())
    }

    fn limit(&self) -> mlua::Result<()> {
        match self.out.len() <= self.bytes_max {
            true => Ok(()),
            false => Err(at_caller(self.lua, "Cannot serialise, too many bytes")),
        }
    }

    fn string(&mut self, text: &[u8]) -> mlua::Result<()> {
        self.out.push(b'"');
        for piece in text.chunks(PIECE_BYTES) {
            self.pace.steps(piece.len() as u32 / 16)?;
            self.limit()?;
            self.piece(piece);
        }
        self.out.push(b'"');
        Ok(())
    }

    /// A piece of a string, with what JSON or its readers take for something else written out.
    fn piece(&mut self, text: &[u8]) {
        for &byte in text {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'/' => b"\\/",
                0x08 => b"\\b",
                0x0c => b"\\f",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..0x20 | 0x7f => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend_from_slice(escape);
        }
    }

    fn number(&mut self, value: f64, what: &str) -> mlua::Result<()> {
        if !value.is_finite() {
            match self.settings.encode_invalid {
                Invalid::Refused => return Err(self.refused(what, "must not be NaN or Inf")),
                Invalid::Null => {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                }
                Invalid::Written if value.is_nan() => {
                    self.out.extend_from_slice(b"nan");
                    return Ok(());
                }
                Invalid::Written => {}
            }
        }
        push_general(&mut self.out, value, self.settings.precision as usize);
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        if depth > (self.settings.encode_depth as usize).min(DEPTH_MAX) {
            return Err(at_caller(self.lua, format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length(table)? {
            Some(len) if len > 0 => self.array(table, len, depth),
            _ => self.object(table, depth),
        }
    }

    /// The length of what is an array: all keys are whole and above 0, and not too many are missing.
    fn array_length(&mut self, table: &Table) -> mlua::Result<Option<i64>> {
        let (mut highest, mut items) = (0i64, 0i64);
        for pair in table.pairs::<Value, Value>() {
            self.pace.step()?;
            match pair?.0 {
                Value::Integer(key) if key > 0 => {
                    highest = highest.max(key);
                    items += 1;
                }
                _ => return Ok(None),
            }
        }
        let (ratio, safe) = (i64::from(self.settings.sparse_ratio), i64::from(self.settings.sparse_safe));
        if ratio > 0 && highest > items.saturating_mul(ratio) && highest > safe {
            if !self.settings.sparse_convert {
                return Err(self.refused("table", "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok(Some(highest))
    }

    fn array(&mut self, table: &Table, len: i64, depth: usize) -> mlua::Result<()> {
        self.out.push(b'[');
        for index in 1..=len {
            if index > 1 {
                self.out.push(b',');
            }
            let value: Value = table.raw_get(index)?;
            self.value(&value, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        self.out.push(b'{');
        let mut first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            match &key {
                Value::String(text) => self.string(&text.as_bytes())?,
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.number(key.as_number().or(key.as_integer().map(|key| key as f64)).unwrap_or(0.0), "number")?;
                    self.out.push(b'"');
                }
                other => return Err(self.refused(type_name(other), "table key must be a number or string")),
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}
