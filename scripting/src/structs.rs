//! `struct`: numbers and strings as bytes of C structures.

use crate::arguments::{Arguments, to_int};
use crate::fault::{at_caller, bad_argument};
use crate::host::Pace;
use crate::shared::Shared;
use mlua::{Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// Widest integer of a format, in bytes.
const INTEGER_MAX: usize = 32;
/// Alignment of a bare `!`.
const ALIGN_DEFAULT: usize = 8;
/// Most values of one unpack: each holds a reference of the engine.
const RESULTS_MAX: usize = 4000;

/// The table of the library.
pub(crate) fn library(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let bytes_max = shared.limits.reply_bytes_max;
    table.raw_set("pack", lua.create_function(move |lua, values| pack(lua, bytes_max, values))?)?;
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    table.raw_set("size", lua.create_function(size)?)?;
    Ok(table)
}

/// A format being read.
struct Format<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    little: bool,
    align: usize,
    pace: Pace<'a>,
}

impl<'a> Format<'a> {
    fn new(lua: &'a Lua, text: &'a [u8]) -> Self {
        // A format is a C string.
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Format { lua, text: &text[..end], at: 0, little: true, align: 1, pace: Pace::new(lua) }
    }

    /// The next option and its size; control options have none.
    fn next(&mut self) -> mlua::Result<Option<(u8, usize)>> {
        let Some(&option) = self.text.get(self.at) else { return Ok(None) };
        self.pace.step()?;
        self.at += 1;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'f' => 4,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_MAX {
                    let text = format!("integral size {size} is larger than limit of {INTEGER_MAX}");
                    return Err(at_caller(self.lua, text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    fn number(&mut self, default: usize) -> mlua::Result<usize> {
        if !self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut value: i32 = 0;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let next = value.checked_mul(10).and_then(|value| value.checked_add(i32::from(digit - b'0')));
            value = next.ok_or_else(|| at_caller(self.lua, "integral size overflow"))?;
            self.pace.step()?;
            self.at += 1;
        }
        Ok(value as usize)
    }

    /// Bytes to leave out before an item of `size` at `place`.
    fn padding(&self, option: u8, size: usize, place: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        (size.wrapping_sub(place & size.wrapping_sub(1))) & (size.wrapping_sub(1))
    }

    fn control(&mut self, option: u8) -> mlua::Result<()> {
        match option {
            b' ' => {}
            b'>' => self.little = false,
            b'<' => self.little = true,
            b'!' => {
                let align = self.number(ALIGN_DEFAULT)?;
                if !align.is_power_of_two() {
                    return Err(at_caller(self.lua, format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                let text = format!("invalid format option '{}'", option as char);
                return Err(bad_argument(self.lua, 1, &text));
            }
        }
        Ok(())
    }

    fn ordered<const N: usize>(&self, little: [u8; N]) -> [u8; N] {
        let mut bytes = little;
        if !self.little {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(lua: &Lua, bytes_max: usize, values: MultiValue) -> mlua::Result<mlua::String> {
    let args = Arguments::new(lua, values);
    let text = args.text(0)?;
    let text = text.as_bytes();
    let mut format = Format::new(lua, &text);
    let (mut out, mut arg) = (Vec::new(), 1);
    let fits = |out: &[u8], len: usize| match len <= bytes_max.saturating_sub(out.len()) {
        true => Ok(()),
        false => Err(at_caller(lua, "packed data too large")),
    };
    while let Some((option, size)) = format.next()? {
        // What no string is part of takes two numbers' room at most, its padding included.
        fits(&out, 2 * INTEGER_MAX)?;
        let padding = format.padding(option, size, out.len());
        out.resize(out.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let value = args.number(arg)?;
                arg += 1;
                put_integer(&mut out, &format, value, size);
            }
            b'x' => out.push(0),
            b'f' => {
                out.extend(format.ordered((args.number(arg)? as f32).to_le_bytes()));
                arg += 1;
            }
            b'd' => {
                out.extend(format.ordered(args.number(arg)?.to_le_bytes()));
                arg += 1;
            }
            b'c' | b's' => {
                let bytes = args.text(arg)?;
                let bytes = bytes.as_bytes();
                let len = if size == 0 { bytes.len() } else { size };
                if bytes.len() < len {
                    return Err(args.bad(arg + 1, "string too short"));
                }
                fits(&out, len)?;
                format.pace.bytes(len)?;
                out.extend_from_slice(&bytes[..len]);
                if option == b's' {
                    out.push(0);
                }
                arg += 1;
            }
            control => format.control(control)?,
        }
    }
    lua.create_string(out)
}

fn put_integer(out: &mut Vec<u8>, format: &Format<'_>, value: f64, size: usize) {
    let word = if value < 0.0 { value as i64 as u64 } else { value as u64 };
    let start = out.len();
    let mut rest = word;
    for _ in 0..size {
        out.push(rest as u8);
        rest >>= 8;
    }
    if !format.little {
        out[start..].reverse();
    }
}

fn get_integer(bytes: &[u8], little: bool, signed: bool) -> f64 {
    let fold = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
    let word = if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) };
    if !signed {
        return word as f64;
    }
    let mask = u64::MAX.wrapping_shl((bytes.len() as u32 * 8).wrapping_sub(1));
    (if word & mask != 0 { word | mask } else { word }) as i64 as f64
}

fn unpack(lua: &Lua, (format, data, place): (Value, Value, Value)) -> mlua::Result<MultiValue> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![format, data, place]));
    let (text, data) = (args.text(0)?, args.text(1)?);
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let first = args.optional_number(2)?.map_or(1, to_int);
    if first == 0 {
        return Err(args.bad(2, "offset must be 1 or greater"));
    }
    if first < 0 {
        return Err(args.bad(1, "data string too short"));
    }
    let mut place = first as usize - 1;
    let mut format = Format::new(lua, &text);
    let mut values: Vec<Value> = Vec::new();
    let fits = |place: usize, size: usize| place.checked_add(size).is_some_and(|end| end <= data.len());
    let short = || args.bad(1, "data string too short");
    while let Some((option, mut size)) = format.next()? {
        place += format.padding(option, size, place);
        if !fits(place, size) {
            return Err(short());
        }
        if values.len() >= RESULTS_MAX {
            return Err(at_caller(lua, "stack overflow (too many results)"));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bytes = &data[place..place + size];
                values.push(Value::Number(get_integer(bytes, format.little, option.is_ascii_lowercase())));
            }
            b'x' => {}
            b'f' => {
                let bytes = format.ordered([data[place], data[place + 1], data[place + 2], data[place + 3]]);
                values.push(Value::Number(f64::from(f32::from_le_bytes(bytes))));
            }
            b'd' => {
                let bytes: [u8; 8] = data[place..place + 8].try_into().expect("eight bytes");
                values.push(Value::Number(f64::from_le_bytes(format.ordered(bytes))));
            }
            b'c' => {
                if size == 0 {
                    let Some(Value::Number(before)) = values.pop() else {
                        return Err(at_caller(lua, "format 'c0' needs a previous size"));
                    };
                    size = before as usize;
                    if !fits(place, size) {
                        return Err(short());
                    }
                }
                values.push(Value::String(lua.create_string(&data[place..place + size])?));
            }
            b's' => {
                let Some(end) = data[place..].iter().position(|byte| *byte == 0) else {
                    return Err(at_caller(lua, "unfinished string in data"));
                };
                format.pace.bytes(end)?;
                values.push(Value::String(lua.create_string(&data[place..place + end])?));
                size = end + 1;
            }
            control => format.control(control)?,
        }
        place += size;
    }
    values.push(Value::Number(place as f64 + 1.0));
    Ok(MultiValue::from_vec(values))
}

fn size(lua: &Lua, text: Value) -> mlua::Result<f64> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![text]));
    let text = args.text(0)?;
    let text = text.as_bytes();
    let mut format = Format::new(lua, &text);
    let mut place = 0;
    while let Some((option, size)) = format.next()? {
        place += format.padding(option, size, place);
        if option == b's' {
            return Err(args.bad(0, "option 's' has no fixed size"));
        }
        if option == b'c' && size == 0 {
            return Err(args.bad(0, "option 'c0' has no fixed size"));
        }
        if !option.is_ascii_alphanumeric() {
            format.control(option)?;
        }
        place += size;
    }
    Ok(place as f64)
}
