//! Answers of commands where they stand, encoded as RESP2.

use super::program::{Range, Text, Value};
use keyspace::number::parse_i64;

/// How deep arrays are read. The deepest of a command that scripts may call is far below.
const DEPTH_MAX: usize = 16;

/// A value, and where what stands behind it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) end: usize,
}

/// What a table that a command replied with is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The table with the field `ok`.
    Status(Range),
    /// Its elements stand from `at` on.
    Array { len: usize, at: usize },
}

/// The value that begins at `start`. `None` for errors and for what RESP2 has not.
pub(super) fn read(answers: &[u8], start: usize) -> Option<Read> {
    read_within(answers, start, DEPTH_MAX)
}

fn read_within(answers: &[u8], start: usize, depth: usize) -> Option<Read> {
    let (kind, line, behind) = head(answers, start)?;
    let answer = |end: usize| Value::Answer(Range { start: start as u32, len: (end - start) as u32 });
    match kind {
        b':' => Some(Read { value: Value::Number(parse_i64(line)? as f64), end: behind }),
        b'+' => Some(Read { value: answer(behind), end: behind }),
        b'$' => match usize::try_from(parse_i64(line)?) {
            Ok(len) => {
                let text = Text::Answer(Range { start: behind as u32, len: len as u32 });
                Some(Read { value: Value::Text(text), end: behind + len + 2 })
            }
            Err(_) => Some(Read { value: Value::Boolean(false), end: behind }),
        },
        b'*' => match usize::try_from(parse_i64(line)?) {
            Ok(len) => {
                let depth = depth.checked_sub(1)?;
                let end = (0..len).try_fold(behind, |at, _| Some(read_within(answers, at, depth)?.end))?;
                Some(Read { value: answer(end), end })
            }
            Err(_) => Some(Read { value: Value::Boolean(false), end: behind }),
        },
        _ => None,
    }
}

/// Kind and line of what begins at `start`, and where what stands behind the line begins.
fn head(answers: &[u8], start: usize) -> Option<(u8, &[u8], usize)> {
    let (kind, rest) = answers.get(start..)?.split_first()?;
    let len = rest.iter().position(|byte| *byte == b'\r')?;
    Some((*kind, &rest[..len], start + 1 + len + 2))
}

/// What the table at `range` is.
pub(super) fn shape(answers: &[u8], range: Range) -> Option<Shape> {
    let start = range.start as usize;
    let (kind, line, behind) = head(answers, start)?;
    match kind {
        b'+' => Some(Shape::Status(Range { start: range.start + 1, len: line.len() as u32 })),
        _ => Some(Shape::Array { len: usize::try_from(parse_i64(line)?).ok()?, at: behind }),
    }
}

/// The text of a status.
pub(super) fn status(answers: &[u8], range: Range) -> Option<Value> {
    match shape(answers, range)? {
        Shape::Status(text) => Some(Value::Text(Text::Answer(text))),
        Shape::Array { .. } => None,
    }
}

/// The element at `place`, from 0; nil if there is none.
pub(super) fn element(answers: &[u8], range: Range, place: Option<usize>) -> Option<Value> {
    let Shape::Array { len, mut at } = shape(answers, range)? else { return None };
    let Some(place) = place.filter(|place| *place < len) else { return Some(Value::Nil) };
    for _ in 0..place {
        at = read(answers, at)?.end;
    }
    Some(read(answers, at)?.value)
}
