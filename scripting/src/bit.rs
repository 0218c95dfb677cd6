//! `bit`: operations on 32-bit words.

use crate::arguments::Arguments;
use mlua::{Lua, MultiValue, Table, Value};

type One = fn(i32) -> i32;
type Fold = fn(i32, i32) -> i32;
type Shift = fn(i32, u32) -> i32;

/// The table of the library.
pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let one: [(&str, One); 3] = [("tobit", |word| word), ("bnot", |word| !word), ("bswap", |word| word.swap_bytes())];
    for (name, apply) in one {
        table.raw_set(name, lua.create_function(move |lua, value: Value| Ok(apply(word(lua, value)?)))?)?;
    }
    let many: [(&str, Fold); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, apply) in many {
        let fold = move |lua: &Lua, values: MultiValue| {
            let args = Arguments::new(lua, values);
            let mut result = to_word(args.number(0)?);
            for index in 1..args.len() {
                result = apply(result, to_word(args.number(index)?));
            }
            Ok(result)
        };
        table.raw_set(name, lua.create_function(fold)?)?;
    }
    let shifts: [(&str, Shift); 5] = [
        ("lshift", |word, by| word << by),
        ("rshift", |word, by| ((word as u32) >> by) as i32),
        ("arshift", |word, by| word >> by),
        ("rol", |word, by| word.rotate_left(by)),
        ("ror", |word, by| word.rotate_right(by)),
    ];
    for (name, apply) in shifts {
        let shift = move |lua: &Lua, (word, by): (Value, Value)| {
            let args = pair(lua, word, by);
            Ok(apply(to_word(args.number(0)?), to_word(args.number(1)?) as u32 & 31))
        };
        table.raw_set(name, lua.create_function(shift)?)?;
    }
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}

/// At most eight digits, of lower or, for a negative count, upper case.
fn tohex(lua: &Lua, (word, digits): (Value, Value)) -> mlua::Result<mlua::String> {
    let args = pair(lua, word, digits);
    let value = to_word(args.number(0)?) as u32;
    let digits = match args.get(1) {
        None | Some(Value::Nil) => 8,
        Some(_) => to_word(args.number(1)?),
    };
    let count = digits.unsigned_abs().min(8) as usize;
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    lua.create_string(&text[8 - count..])
}

fn pair(lua: &Lua, first: Value, second: Value) -> Arguments<'_> {
    Arguments::new(lua, MultiValue::from_vec(vec![first, second]))
}

fn word(lua: &Lua, value: Value) -> mlua::Result<i32> {
    match value {
        Value::Integer(value) => Ok(to_word(value as f64)),
        Value::Number(value) => Ok(to_word(value)),
        value => Ok(to_word(Arguments::new(lua, MultiValue::from_vec(vec![value])).number(0)?)),
    }
}

/// The low 32 bits of a number rounded to the nearest integer, as adding 1.5 * 2^52 leaves them: beyond that some are lost.
fn to_word(value: f64) -> i32 {
    if value.abs() < 2f64.powi(51) {
        value.round_ties_even() as i64 as i32
    } else {
        (value + 6755399441055744.0).to_bits() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_low_bits() {
        let rows = [(1.0, 1), (-1.0, -1), (4294967295.0, -1), (4294967296.0, 0), (1.5, 2), (2.5, 2), (-0.5, 0)];
        for (value, word) in rows {
            assert_eq!(to_word(value), word, "{value}");
        }
    }
}
