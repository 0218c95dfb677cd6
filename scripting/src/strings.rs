//! `string.find`, `match`, `rep`, those that change every byte, and what the prelude's `gmatch` and `gsub` are made of.

use crate::arguments::{Arguments, to_int};
use crate::fault::at_caller;
use crate::host::{Host, Pace};
use crate::matcher::{Capture, Matcher, PatternError};
use crate::shared::Shared;
use mlua::{Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// What makes a needle a pattern.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Puts the functions that call nothing back into `string`.
pub(crate) fn install(lua: &Lua, host: &Host<'_>, globals: &Table) -> mlua::Result<()> {
    let string: Table = globals.raw_get("string")?;
    string.raw_set(
        "find",
        lua.create_function(|lua, args: (Value, Value, Value, Value)| search(lua, args, Want::Place))?,
    )?;
    string.raw_set(
        "match",
        lua.create_function(|lua, args: (Value, Value, Value, Value)| search(lua, args, Want::Captures))?,
    )?;
    let changed: [(&str, Change); 3] = [
        ("lower", |bytes| bytes.make_ascii_lowercase()),
        ("reverse", |bytes| bytes.reverse()),
        ("upper", |bytes| bytes.make_ascii_uppercase()),
    ];
    for (name, change) in changed {
        string.raw_set(name, lua.create_function(move |lua, args| change_all(lua, args, change))?)?;
    }
    let shared = host.shared.clone();
    string.raw_set("rep", lua.create_function(move |lua, args: (Value, Value)| rep(lua, &shared, args))?)
}

/// Gives the prelude its matching functions.
pub(crate) fn install_matching(lua: &Lua, shared: &Rc<Shared>, table: &Table) -> mlua::Result<()> {
    table.raw_set("pattern_find", lua.create_function(pattern_find)?)?;
    let shared = shared.clone();
    table.raw_set("pattern_expand", lua.create_function(move |lua, args| pattern_expand(lua, &shared, args))?)
}

/// What is done to every byte of a string.
type Change = fn(&mut [u8]);

fn change_all(lua: &Lua, args: MultiValue, change: Change) -> mlua::Result<mlua::String> {
    let text = Arguments::new(lua, args).text(0)?;
    let mut bytes = text.as_bytes().to_vec();
    Pace::new(lua).bytes(bytes.len())?;
    change(&mut bytes);
    lua.create_string(bytes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Place,
    Captures,
}

fn search(lua: &Lua, (a, b, c, d): (Value, Value, Value, Value), want: Want) -> mlua::Result<MultiValue> {
    let plain = !matches!(d, Value::Nil | Value::Boolean(false));
    let args = Arguments::new(lua, MultiValue::from_vec(vec![a, b, c]));
    let (subject, pattern) = (args.text(0)?, args.text(1)?);
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let from = match args.optional_number(2)?.map_or(1, to_int) {
        back if back < 0 => subject.len().saturating_sub(back.unsigned_abs() as usize),
        place => (place as usize).saturating_sub(1).min(subject.len()),
    };
    if want == Want::Place && (plain || !pattern.iter().any(|byte| SPECIALS.contains(byte))) {
        let found = position(&subject[from..], &pattern, lua)?.map(|at| at + from);
        return Ok(match found {
            Some(at) => [at + 1, at + pattern.len()].into_iter().map(|at| Value::Number(at as f64)).collect(),
            None => MultiValue::from_vec(vec![Value::Nil]),
        });
    }
    let mut pace = Pace::new(lua);
    let mut matcher = Matcher::new(&subject, &pattern, &mut pace);
    let Some((start, end)) = matcher.find(from).map_err(|error| raised(lua, error))? else {
        return Ok(MultiValue::from_vec(vec![Value::Nil]));
    };
    let mut values = Vec::new();
    if want == Want::Place {
        values.extend([Value::Number(start as f64 + 1.0), Value::Number(end as f64)]);
    }
    if want == Want::Captures || !matcher.captures().is_empty() {
        push_captures(lua, &mut values, &subject, &matcher, (start, end))?;
    }
    Ok(MultiValue::from_vec(values))
}

/// The first occurrence of a plain needle.
fn position(subject: &[u8], needle: &[u8], lua: &Lua) -> mlua::Result<Option<usize>> {
    let Some((first, rest)) = needle.split_first() else { return Ok(Some(0)) };
    let mut pace = Pace::new(lua);
    let mut at = 0;
    while let Some(offset) = subject[at..].iter().position(|byte| byte == first) {
        pace.bytes(offset.saturating_add(rest.len()))?;
        at += offset;
        if subject[at + 1..].starts_with(rest) {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

fn push_captures(
    lua: &Lua,
    values: &mut Vec<Value>,
    subject: &[u8],
    matcher: &Matcher<'_, '_, '_>,
    (start, end): (usize, usize),
) -> mlua::Result<()> {
    if matcher.captures().is_empty() {
        values.push(Value::String(lua.create_string(&subject[start..end])?));
    }
    for capture in matcher.captures() {
        values.push(match *capture {
            Capture::Closed(from, to) => Value::String(lua.create_string(&subject[from..to])?),
            Capture::Position(at) => Value::Number(at as f64 + 1.0),
            Capture::Open(_) => return Err(at_caller(lua, "unfinished capture")),
        });
    }
    Ok(())
}

fn raised(lua: &Lua, error: PatternError) -> mlua::Error {
    match error {
        PatternError::Malformed(text) => at_caller(lua, text),
        PatternError::Interrupted(error) => error,
    }
}

/// From where on, and the match: its place and its captures, or nil. Places count from 1.
fn pattern_find(lua: &Lua, (subject, pattern, from): (mlua::String, mlua::String, usize)) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let mut pace = Pace::new(lua);
    let mut matcher = Matcher::new(&subject, &pattern, &mut pace);
    let Some((start, end)) = matcher.find(from - 1).map_err(|error| raised(lua, error))? else {
        return Ok(MultiValue::from_vec(vec![Value::Nil]));
    };
    let mut values = vec![Value::Number(start as f64 + 1.0), Value::Number(end as f64)];
    push_captures(lua, &mut values, &subject, &matcher, (start, end))?;
    Ok(MultiValue::from_vec(values))
}

/// `gsub` with a string: the result and how many matches were replaced.
fn pattern_expand(
    lua: &Lua,
    shared: &Shared,
    (subject, pattern, with, max): (mlua::String, mlua::String, mlua::String, f64),
) -> mlua::Result<(mlua::String, f64)> {
    let (subject, pattern, with) = (subject.as_bytes(), pattern.as_bytes(), with.as_bytes());
    let anchored = pattern.first() == Some(&b'^');
    let (mut at, mut count) = (0, 0.0);
    let mut pace = Pace::new(lua);
    let mut made = Made { lua, out: Vec::new(), bytes_max: shared.limits.reply_bytes_max, pace: Pace::new(lua) };
    while count < max && at <= subject.len() {
        let mut matcher = Matcher::new(&subject, &pattern, &mut pace);
        let Some((start, end)) = matcher.find(at).map_err(|error| raised(lua, error))? else { break };
        count += 1.0;
        made.push(&subject[at..start])?;
        made.expand(&with, &subject, &matcher, (start, end))?;
        at = end;
        if start == end {
            made.push(subject.get(end..end + 1).unwrap_or_default())?;
            at += 1;
        }
        if anchored {
            break;
        }
    }
    made.push(subject.get(at..).unwrap_or_default())?;
    Ok((lua.create_string(made.out)?, count))
}

/// A string that is made in pieces: bounded, and giving way.
struct Made<'a> {
    lua: &'a Lua,
    out: Vec<u8>,
    bytes_max: usize,
    pace: Pace<'a>,
}

impl Made<'_> {
    fn push(&mut self, bytes: &[u8]) -> mlua::Result<()> {
        if bytes.len() > self.bytes_max - self.out.len() {
            return Err(at_caller(self.lua, "resulting string too large"));
        }
        self.pace.bytes(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// What replaces a match: `with`, in which `%1` and the like stand for captures.
    fn expand(
        &mut self,
        with: &[u8],
        subject: &[u8],
        matcher: &Matcher<'_, '_, '_>,
        (start, end): (usize, usize),
    ) -> mlua::Result<()> {
        let mut letters = with.iter();
        while let Some(&letter) = letters.next() {
            if letter != b'%' {
                self.push(&[letter])?;
                continue;
            }
            // A lone `%` at the end stands for the zero byte after the string, as in C.
            let digit = letters.next().copied().unwrap_or(0);
            if !digit.is_ascii_digit() {
                self.push(&[digit])?;
                continue;
            }
            let index = usize::from(digit - b'0');
            match matcher.captures().get(index.wrapping_sub(1)) {
                _ if index == 0 => self.push(&subject[start..end])?,
                None if index == 1 && matcher.captures().is_empty() => self.push(&subject[start..end])?,
                None => return Err(at_caller(self.lua, "invalid capture index")),
                Some(Capture::Closed(from, to)) => self.push(&subject[*from..*to])?,
                Some(Capture::Position(at)) => self.push((at + 1).to_string().as_bytes())?,
                Some(Capture::Open(_)) => return Err(at_caller(self.lua, "unfinished capture")),
            }
        }
        Ok(())
    }
}

/// A string so many times. What would not fit is refused before it is made.
fn rep(lua: &Lua, shared: &Shared, (text, count): (Value, Value)) -> mlua::Result<mlua::String> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![text, count]));
    let text = args.text(0)?;
    let count = usize::try_from(to_int(args.number(1)?)).unwrap_or(0);
    let text = text.as_bytes();
    if text.len().saturating_mul(count) > shared.limits.memory_bytes_max / 2 {
        return Err(crate::fault::Fault::Text(b"not enough memory".to_vec()).into());
    }
    Pace::new(lua).bytes(text.len().saturating_mul(count))?;
    lua.create_string(text.repeat(count))
}
