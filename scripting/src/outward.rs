//! What a script returns, as a reply.

use crate::fault::{self, Fault};
use crate::host::Pace;
use crate::names::Names;
use crate::reply_errors::ReplyErrors;
use crate::shared::Shared;
use keyspace::reply::{Reply, Resp};
use mlua::{Lua, Table, Value};
use std::cell::RefCell;

/// Tables within tables: each holds references of the engine and some of its stack.
const DEPTH_MAX: usize = 500;

/// Writes the reply of a run.
pub(crate) fn reply(lua: &Lua, shared: &Shared, names: &Names, value: Value) -> mlua::Result<()> {
    // The buffer is taken out: the writer gives way, and nothing is borrowed then.
    let mut out = shared.reply.take();
    out.clear();
    let mut writer = Writer {
        names,
        pace: Pace::new(lua),
        script: shared.resp.get(),
        client: shared.client.get(),
        errors: &shared.errors,
        bytes_max: shared.limits.reply_bytes_max,
    };
    let result = writer.value(&mut out, &value, 0);
    shared.reply.replace(out);
    result
}

struct Writer<'a> {
    names: &'a Names,
    pace: Pace<'a>,
    /// What the script chose with `setresp`: it decides what `false` is.
    script: Resp,
    client: Resp,
    errors: &'a RefCell<ReplyErrors>,
    bytes_max: usize,
}

impl Writer<'_> {
    fn value(&mut self, out: &mut Vec<u8>, value: &Value, depth: usize) -> mlua::Result<()> {
        self.pace.step()?;
        if out.len() > self.bytes_max {
            return Err(Fault::Reply(b"ERR the reply of the script is too large".to_vec(), false).into());
        }
        let mut reply = Reply::new(out, self.client);
        match value {
            Value::String(text) => reply.bulk(&text.as_bytes()),
            Value::Integer(value) => reply.int(*value),
            Value::Number(value) => reply.int(truncated(*value)),
            Value::Boolean(value) => match (self.script, value) {
                (Resp::V3, value) => reply.boolean(*value),
                (Resp::V2, true) => reply.int(1),
                (Resp::V2, false) => reply.null(),
            },
            Value::Table(table) => return self.table(out, table, depth),
            _ => reply.null(),
        }
        Ok(())
    }

    fn table(&mut self, out: &mut Vec<u8>, table: &Table, depth: usize) -> mlua::Result<()> {
        if depth >= DEPTH_MAX {
            Reply::new(out, self.client).error("ERR reached lua stack limit");
            return Ok(());
        }
        let names = self.names;
        if let Value::String(text) = table.raw_get(&names.err)? {
            let text = text.as_bytes();
            let counted = fault::is_counted(table)?;
            self.errors.borrow_mut().note(&text, counted);
            Reply::new(out, self.client).error(&*text);
        } else if let Value::String(text) = table.raw_get(&names.ok)? {
            status(out, &text.as_bytes());
        } else if let Some(value) = number(&table.raw_get(&names.double)?) {
            Reply::new(out, self.client).double(value);
        } else if let Value::Table(map) = table.raw_get(&names.map)? {
            self.pairs(out, &map, depth, Of::Map)?;
        } else if let Value::Table(set) = table.raw_get(&names.set)? {
            self.pairs(out, &set, depth, Of::Set)?;
        } else if let Value::String(text) = table.raw_get(&names.big_number)? {
            self.big_number(out, &text.as_bytes());
        } else if !self.verbatim(out, table.raw_get(&names.verbatim_string)?)? {
            self.array(out, table, depth)?;
        }
        Ok(())
    }

    fn array(&mut self, out: &mut Vec<u8>, table: &Table, depth: usize) -> mlua::Result<()> {
        let mut count = 0;
        while !table.raw_get::<Value>(count + 1)?.is_nil() {
            count += 1;
        }
        Reply::new(out, self.client).array(count);
        for index in 1..=count {
            let value: Value = table.raw_get(index)?;
            self.value(out, &value, depth + 1)?;
        }
        Ok(())
    }

    fn pairs(&mut self, out: &mut Vec<u8>, table: &Table, depth: usize, of: Of) -> mlua::Result<()> {
        let count = table.pairs::<Value, Value>().count();
        let mut reply = Reply::new(out, self.client);
        match of {
            Of::Map => reply.map(count),
            Of::Set => reply.set(count),
        }
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(out, &key, depth + 1)?;
            if of == Of::Map {
                self.value(out, &value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn big_number(&self, out: &mut Vec<u8>, digits: &[u8]) {
        match self.client {
            Resp::V2 => {
                let digits: Vec<u8> = digits.iter().map(|byte| no_line_end(*byte)).collect();
                Reply::new(out, self.client).bulk(&digits);
            }
            Resp::V3 => line(out, b'(', digits),
        }
    }

    fn verbatim(&self, out: &mut Vec<u8>, value: Value) -> mlua::Result<bool> {
        let names = self.names;
        let Value::Table(table) = value else { return Ok(false) };
        let (Value::String(format), Value::String(text)) =
            (table.raw_get(&names.format)?, table.raw_get(&names.string)?)
        else {
            return Ok(false);
        };
        let mut name = [b' '; 3];
        for (to, from) in name.iter_mut().zip(format.as_bytes().iter()) {
            *to = no_line_end(*from);
        }
        Reply::new(out, self.client).verbatim(name, &text.as_bytes());
        Ok(true)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Map,
    Set,
}

/// A status line; line ends in it become spaces.
pub(crate) fn status(out: &mut Vec<u8>, text: &[u8]) {
    line(out, b'+', text);
}

/// A byte of a line: line ends would end the reply.
fn no_line_end(byte: u8) -> u8 {
    if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }
}

fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|byte| no_line_end(*byte)));
    out.extend_from_slice(b"\r\n");
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

/// As C converts a double on x86-64: what does not fit is the smallest.
pub(crate) fn truncated(value: f64) -> i64 {
    if value >= -(2f64.powi(63)) && value < 2f64.powi(63) { value as i64 } else { i64::MIN }
}
