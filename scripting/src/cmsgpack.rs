//! `cmsgpack`: MessagePack, in the choices of forms that Redis's library makes.

use crate::arguments::{Arguments, to_int};
use crate::fault::at_caller;
use crate::host::Pace;
use crate::shared::Shared;
use mlua::{Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// Tables deeper than this are packed as nil.
const PACK_DEPTH_MAX: usize = 16;
/// Values deeper than this are not unpacked: each level holds references of the engine.
const UNPACK_DEPTH_MAX: usize = 500;
/// Most values of one unpack: each holds a reference of the engine.
const RESULTS_MAX: usize = 4000;

/// The table of the library.
pub(crate) fn library(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let own = shared.clone();
    table.raw_set("pack", lua.create_function(move |lua, values: MultiValue| pack(lua, &own, values))?)?;
    let all = |lua: &Lua, text: Value| unpack(lua, text, i32::MAX, 0, Offset::Hidden);
    table.raw_set("unpack", lua.create_function(all)?)?;
    let one = |lua: &Lua, (text, offset): (Value, Value)| {
        let args = Arguments::new(lua, MultiValue::from_vec(vec![text.clone(), offset]));
        let offset = args.optional_number(1)?.map_or(0, to_int);
        unpack(lua, text, 1, offset, Offset::Shown)
    };
    table.raw_set("unpack_one", lua.create_function(one)?)?;
    let limited = |lua: &Lua, (text, limit, offset): (Value, Value, Value)| {
        let args = Arguments::new(lua, MultiValue::from_vec(vec![text.clone(), limit, offset]));
        let (limit, offset) = (to_int(args.number(1)?), args.optional_number(2)?.map_or(0, to_int));
        // Neither a limit nor an offset: all, as without them.
        let (limit, shown) =
            if (limit, offset) == (0, 0) { (i32::MAX, Offset::Hidden) } else { (limit, Offset::Shown) };
        unpack(lua, text, limit, offset, shown)
    };
    table.raw_set("unpack_limit", lua.create_function(limited)?)?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn pack(lua: &Lua, shared: &Shared, values: MultiValue) -> mlua::Result<mlua::String> {
    if values.is_empty() {
        return Err(crate::fault::bad_argument(lua, 0, "MessagePack pack needs input."));
    }
    let mut packer = Packer { out: Vec::new(), pace: Pace::new(lua), bytes_max: shared.limits.reply_bytes_max, lua };
    for value in &values {
        packer.value(value, 0)?;
    }
    lua.create_string(packer.out)
}

struct Packer<'a> {
    out: Vec<u8>,
    pace: Pace<'a>,
    bytes_max: usize,
    lua: &'a Lua,
}

impl Packer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        self.pace.step()?;
        if self.out.len() > self.bytes_max {
            return Err(at_caller(self.lua, "packed data too large"));
        }
        match value {
            Value::String(text) => {
                let text = text.as_bytes();
                self.head(text.len(), (0xa0, 31), Some(0xd9), 0xda, 0xdb);
                self.out.extend_from_slice(&text);
            }
            Value::Boolean(value) => self.out.push(0xc2 + u8::from(*value)),
            Value::Integer(value) => self.integer(*value),
            Value::Number(value) => self.double(*value),
            Value::Table(table) if depth < PACK_DEPTH_MAX => self.table(table, depth)?,
            _ => self.out.push(0xc0),
        }
        Ok(())
    }

    /// A length in its shortest form: within the byte, then in one, two or four bytes.
    fn head(&mut self, len: usize, (fixed, fixed_max): (u8, usize), one: Option<u8>, two: u8, four: u8) {
        if len <= fixed_max {
            self.out.push(fixed | len as u8);
        } else if let Some(one) = one.filter(|_| len <= 0xff) {
            self.out.extend_from_slice(&[one, len as u8]);
        } else if len <= 0xffff {
            self.out.push(two);
            self.out.extend_from_slice(&(len as u16).to_be_bytes());
        } else {
            self.out.push(four);
            self.out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }

    fn integer(&mut self, value: i64) {
        let out = &mut self.out;
        let mut put = |kind: u8, bytes: &[u8]| {
            out.push(kind);
            out.extend_from_slice(bytes);
        };
        match value {
            0..=127 => put(value as u8, &[]),
            128..=0xff => put(0xcc, &[value as u8]),
            0x100..=0xffff => put(0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => put(0xce, &(value as u32).to_be_bytes()),
            0x1_0000_0000.. => put(0xcf, &(value as u64).to_be_bytes()),
            -32..=-1 => put(value as i8 as u8, &[]),
            -128..=-33 => put(0xd0, &[value as i8 as u8]),
            -0x8000..=-129 => put(0xd1, &(value as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => put(0xd2, &(value as i32).to_be_bytes()),
            _ => put(0xd3, &value.to_be_bytes()),
        }
    }

    fn double(&mut self, value: f64) {
        if value.trunc() == value && value.abs() < 9.2e18 {
            return self.integer(value as i64);
        }
        let short = value as f32;
        if f64::from(short) == value {
            self.out.push(0xca);
            self.out.extend_from_slice(&short.to_be_bytes());
        } else {
            self.out.push(0xcb);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let (mut count, mut highest, mut array) = (0usize, 0i64, true);
        for pair in table.pairs::<Value, Value>() {
            self.pace.step()?;
            match pair?.0 {
                Value::Integer(key) if key > 0 => highest = highest.max(key),
                _ => array = false,
            }
            count += 1;
        }
        if array && highest == count as i64 {
            self.head(count, (0x90, 15), None, 0xdc, 0xdd);
            for index in 1..=count {
                let value: Value = table.raw_get(index)?;
                self.value(&value, depth + 1)?;
            }
            return Ok(());
        }
        self.head(count, (0x80, 15), None, 0xde, 0xdf);
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(&key, depth + 1)?;
            self.value(&value, depth + 1)?;
        }
        Ok(())
    }
}

/// Whether an unpack also says where it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offset {
    Shown,
    Hidden,
}

fn unpack(lua: &Lua, text: Value, limit: i32, offset: i32, shown: Offset) -> mlua::Result<MultiValue> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![text]));
    let text = args.text(0)?;
    let bytes = text.as_bytes();
    if offset < 0 || limit < 0 {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {}.", bytes.len());
        return Err(at_caller(lua, text));
    }
    let Some(rest) = bytes.get(offset as usize..) else {
        let text = format!("Start offset {offset} greater than input length {}.", bytes.len());
        return Err(at_caller(lua, text));
    };
    let mut reader = Reader { rest, pace: Pace::new(lua), lua };
    let mut values = Vec::new();
    let mut count = 0;
    while count < limit && !reader.rest.is_empty() {
        if values.len() >= RESULTS_MAX {
            let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
            return Err(at_caller(lua, text));
        }
        values.push(reader.value(0)?);
        count += 1;
    }
    if shown == Offset::Shown {
        let at = if reader.rest.is_empty() { -1.0 } else { (bytes.len() - reader.rest.len()) as f64 };
        values.insert(0, Value::Number(at));
    }
    Ok(MultiValue::from_vec(values))
}

struct Reader<'a> {
    rest: &'a [u8],
    pace: Pace<'a>,
    lua: &'a Lua,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> mlua::Result<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            return Err(at_caller(self.lua, "Missing bytes in input."));
        };
        self.rest = rest;
        Ok(bytes)
    }

    fn unsigned(&mut self, len: usize) -> mlua::Result<u64> {
        Ok(self.take(len)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&mut self, len: usize) -> mlua::Result<Value> {
        let bytes = self.take(len)?;
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        self.pace.step()?;
        if depth > UNPACK_DEPTH_MAX {
            return Err(at_caller(self.lua, "Bad data format in input."));
        }
        let kind = self.take(1)?[0];
        Ok(match kind {
            0x00..=0x7f => Value::Number(f64::from(kind)),
            0xe0..=0xff => Value::Number(f64::from(kind as i8)),
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Boolean(kind == 0xc3),
            0xca => Value::Number(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => Value::Number(f64::from_bits(self.unsigned(8)?)),
            0xcc => Value::Number(self.unsigned(1)? as f64),
            0xcd => Value::Number(self.unsigned(2)? as f64),
            0xce => Value::Number(self.unsigned(4)? as f64),
            0xcf => Value::Number(self.unsigned(8)? as f64),
            0xd0 => Value::Number(f64::from(self.unsigned(1)? as i8)),
            0xd1 => Value::Number(f64::from(self.unsigned(2)? as i16)),
            0xd2 => Value::Number(f64::from(self.unsigned(4)? as i32)),
            0xd3 => Value::Number(self.unsigned(8)? as i64 as f64),
            0xa0..=0xbf => self.text(usize::from(kind & 31))?,
            0xd9 => {
                let len = self.unsigned(1)? as usize;
                self.text(len)?
            }
            0xda => {
                let len = self.unsigned(2)? as usize;
                self.text(len)?
            }
            0xdb => {
                let len = self.unsigned(4)? as usize;
                self.text(len)?
            }
            0x90..=0x9f => self.array(u64::from(kind & 15), depth)?,
            0xdc | 0xdd => {
                let len = self.unsigned(if kind == 0xdc { 2 } else { 4 })?;
                self.array(len, depth)?
            }
            0x80..=0x8f => self.map(u64::from(kind & 15), depth)?,
            0xde | 0xdf => {
                let len = self.unsigned(if kind == 0xde { 2 } else { 4 })?;
                self.map(len, depth)?
            }
            _ => return Err(at_caller(self.lua, "Bad data format in input.")),
        })
    }

    /// The length is not believed: room grows with what is there.
    fn array(&mut self, len: u64, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for index in 1..=len {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, pairs: u64, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..pairs {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            match key {
                Value::Nil => return Err(crate::fault::Fault::Text(b"table index is nil".to_vec()).into()),
                Value::Number(number) if number.is_nan() => {
                    return Err(crate::fault::Fault::Text(b"table index is NaN".to_vec()).into());
                }
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
