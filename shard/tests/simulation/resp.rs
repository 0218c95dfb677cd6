//! Reads replies: RESP2 and RESP3, strictly.

use std::borrow::Cow;

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Value {
    /// `+`
    Simple(String),
    /// `-` and `!`
    Error(String),
    /// `:`
    Int(i64),
    /// `$` and `=`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` and `_`
    Nil,
    /// `*`, `~` and `>`; `%` with keys and values in turn.
    Array(Vec<Value>),
    /// `,`, `#` and `(` as text.
    Other(String),
}

impl Value {
    /// A bulk string.
    pub(crate) fn bulk(bytes: impl AsRef<[u8]>) -> Value {
        Value::Bulk(bytes.as_ref().to_vec())
    }

    /// `+OK`
    pub(crate) fn ok() -> Value {
        Value::Simple("OK".into())
    }
}

/// Deepest nesting that a reply may have.
const DEPTH_MAX: usize = 32;

/// The reply at the front of `bytes` and how long it is; `None` if it is not complete.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let mut at = 0;
    Ok(value(bytes, &mut at, 0)?.map(|value| (value, at)))
}

/// Errors quote what the client sent, which need not be text.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Option<Cow<'a, str>>, String> {
    let rest = &bytes[*at..];
    let Some(end) = rest.iter().position(|&byte| byte == b'\r' || byte == b'\n') else { return Ok(None) };
    let Some(&after) = rest.get(end + 1) else { return Ok(None) };
    if rest[end] != b'\r' || after != b'\n' {
        return Err(format!("a line of a reply ends in {:?}", &rest[..end + 2]));
    }
    *at += end + 2;
    Ok(Some(String::from_utf8_lossy(&rest[..end])))
}

fn length(text: &str) -> Result<Option<usize>, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(len @ 0..) => Ok(Some(len as usize)),
        _ => Err(format!("a reply's length is {text:?}")),
    }
}

fn value(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, String> {
    let Some(&kind) = bytes.get(*at) else { return Ok(None) };
    *at += 1;
    let Some(text) = line(bytes, at)? else { return Ok(None) };
    if depth > DEPTH_MAX {
        return Err("a reply is nested too deep".into());
    }
    let value = match kind {
        b'+' => Value::Simple(text.into()),
        b'-' => Value::Error(text.into()),
        b':' => Value::Int(text.parse().map_err(|_| format!("an integer reply is {text:?}"))?),
        b'_' => Value::Nil,
        b',' | b'#' | b'(' => Value::Other(text.into()),
        b'$' | b'=' | b'!' => {
            let Some(len) = length(&text)? else { return Ok(Some(Value::Nil)) };
            let Some(body) = bytes.get(*at..*at + len + 2) else { return Ok(None) };
            if &body[len..] != b"\r\n" {
                return Err(format!("a bulk of {len} bytes ends in {:?}", &body[len..]));
            }
            *at += len + 2;
            Value::bulk(&body[..len])
        }
        b'*' | b'~' | b'>' | b'%' => {
            let Some(len) = length(&text)? else { return Ok(Some(Value::Nil)) };
            let len = if kind == b'%' { 2 * len } else { len };
            let mut items = Vec::new();
            for _ in 0..len {
                let Some(item) = self::value(bytes, at, depth + 1)? else { return Ok(None) };
                items.push(item);
            }
            Value::Array(items)
        }
        _ => return Err(format!("a reply begins with {:?}", kind as char)),
    };
    Ok(Some(value))
}
