//! JSON as values of Lua.

use super::{DEPTH_MAX, JsonSettings};
use crate::arguments::Arguments;
use crate::fault::at_caller;
use crate::host::Pace;
use crate::shared::Shared;
use mlua::{LightUserData, Lua, MultiValue, Value};

/// Carries out `cjson.decode`.
pub(super) fn decode(lua: &Lua, shared: &Shared, text: Value) -> mlua::Result<Value> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![text]));
    let text = args.text(0)?;
    let text = text.as_bytes();
    // The parser looks for zero bytes where UTF-16 and UTF-32 have them.
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(at_caller(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { lua, settings: shared.json.get(), text: &text, at: 0, pace: Pace::new(lua) };
    let token = decoder.token()?;
    let value = decoder.value(token, 0)?;
    let (token, at) = decoder.token()?;
    match token {
        Token::End => Ok(value),
        token => Err(decoder.expected("the end", &token, at)),
    }
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    settings: JsonSettings,
    text: &'a [u8],
    at: usize,
    pace: Pace<'a>,
}

impl Decoder<'_> {
    fn expected(&self, what: &str, found: &Token, at: usize) -> mlua::Error {
        at_caller(self.lua, format!("Expected {what} but found {} at character {}", found.name(), at + 1))
    }

    fn value(&mut self, (token, at): (Token, usize), depth: usize) -> mlua::Result<Value> {
        self.pace.step()?;
        Ok(match token {
            Token::Text(text) => Value::String(self.lua.create_string(text)?),
            Token::Number(value) => Value::Number(value),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::LightUserData(LightUserData(std::ptr::null_mut())),
            Token::ObjectBegin => self.object(self.deeper(depth, at)?)?,
            Token::ArrayBegin => self.array(self.deeper(depth, at)?)?,
            token => return Err(self.expected("value", &token, at)),
        })
    }

    fn deeper(&self, depth: usize, at: usize) -> mlua::Result<usize> {
        let depth = depth + 1;
        if depth > (self.settings.decode_depth as usize).min(DEPTH_MAX) {
            let text = format!("Found too many nested data structures ({depth}) at character {}", at + 1);
            return Err(at_caller(self.lua, text));
        }
        Ok(depth)
    }

    fn object(&mut self, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token()?;
        if matches!(token.0, Token::ObjectEnd) {
            return Ok(Value::Table(table));
        }
        loop {
            let key = match token {
                (Token::Text(key), _) => self.lua.create_string(key)?,
                (other, at) => return Err(self.expected("object key string", &other, at)),
            };
            match self.token()? {
                (Token::Colon, _) => {}
                (other, at) => return Err(self.expected("colon", &other, at)),
            }
            let next = self.token()?;
            let value = self.value(next, depth)?;
            table.raw_set(key, value)?;
            match self.token()? {
                (Token::ObjectEnd, _) => return Ok(Value::Table(table)),
                (Token::Comma, _) => token = self.token()?,
                (other, at) => return Err(self.expected("comma or object end", &other, at)),
            }
        }
    }

    fn array(&mut self, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token()?;
        if matches!(token.0, Token::ArrayEnd) {
            return Ok(Value::Table(table));
        }
        for index in 1.. {
            let value = self.value(token, depth)?;
            table.raw_set(index, value)?;
            match self.token()? {
                (Token::ArrayEnd, _) => break,
                (Token::Comma, _) => token = self.token()?,
                (other, at) => return Err(self.expected("comma or array end", &other, at)),
            }
        }
        Ok(Value::Table(table))
    }

    /// The next token and where it begins.
    fn token(&mut self) -> mlua::Result<(Token, usize)> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pace.step()?;
            self.at += 1;
        }
        let at = self.at;
        let rest = &self.text[at..];
        let (token, len) = match rest.first() {
            None | Some(0) => (Token::End, 0),
            Some(b'{') => (Token::ObjectBegin, 1),
            Some(b'}') => (Token::ObjectEnd, 1),
            Some(b'[') => (Token::ArrayBegin, 1),
            Some(b']') => (Token::ArrayEnd, 1),
            Some(b':') => (Token::Colon, 1),
            Some(b',') => (Token::Comma, 1),
            Some(b'"') => match string(rest) {
                Ok((text, len)) => (Token::Text(text), len),
                Err((text, offset)) => return Ok((Token::Error(text), at + offset)),
            },
            _ if rest.starts_with(b"true") => (Token::Boolean(true), 4),
            _ if rest.starts_with(b"false") => (Token::Boolean(false), 5),
            _ if rest.starts_with(b"null") => (Token::Null, 4),
            Some(b'-' | b'0'..=b'9') if !self.settings.decode_invalid && is_invalid_number(rest) => {
                (Token::Error("invalid number"), 0)
            }
            Some(b'-' | b'0'..=b'9') => number(rest),
            _ if self.settings.decode_invalid && is_invalid_number(rest) => number(rest),
            _ => (Token::Error("invalid token"), 0),
        };
        self.pace.steps(len as u32 / 16)?;
        self.at += len;
        Ok((token, at))
    }
}

/// True for numbers that C reads and JSON does not have: a plus, hexadecimal, leading zeros, infinity, not a number.
fn is_invalid_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    match unsigned.first() {
        _ if text.first() == Some(&b'+') => true,
        Some(b'0') => matches!(unsigned.get(1), Some(b'x' | b'X' | b'0'..=b'9')),
        Some(b'1'..=b'9') => false,
        _ => {
            let word = unsigned.get(..3).unwrap_or_default();
            word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
        }
    }
}

/// A number as C's `strtod` reads it, and its length.
fn number(text: &[u8]) -> (Token, usize) {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let rest = &text[sign..];
    let signed = |value: f64| if text[0] == b'-' { -value } else { value };
    let word = |word: &str| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    for (name, value) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if word(name) {
            return (Token::Number(signed(value)), sign + name.len());
        }
    }
    if word("0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit());
        let (len, value) = digits.fold((2, 0.0), |(len, value), digit| {
            (len + 1, value * 16.0 + f64::from((*digit as char).to_digit(16).unwrap_or(0)))
        });
        return (Token::Number(signed(value)), sign + len);
    }
    let digits = |from: usize| rest[from.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut len = whole;
    let mut fraction = 0;
    if rest.get(whole) == Some(&b'.') {
        fraction = digits(whole + 1);
        len += 1 + fraction;
    }
    if whole + fraction == 0 {
        return (Token::Error("invalid number"), 0);
    }
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let minus = usize::from(matches!(rest.get(len + 1), Some(b'-' | b'+')));
        let exponent = digits(len + 1 + minus);
        if exponent > 0 {
            len += 1 + minus + exponent;
        }
    }
    let value = std::str::from_utf8(&rest[..len]).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    (Token::Number(signed(value)), sign + len)
}

/// A string from its quote on and its length, or what is wrong and where.
fn string(text: &[u8]) -> Result<(Vec<u8>, usize), (&'static str, usize)> {
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        match text.get(at) {
            None | Some(0) => return Err(("unexpected end of string", at)),
            Some(b'"') => return Ok((out, at + 1)),
            Some(b'\\') => {
                let byte = match text.get(at + 1) {
                    Some(b'u') => {
                        at += unicode(&text[at..], &mut out).ok_or(("invalid unicode escape code", at))?;
                        continue;
                    }
                    Some(b'b') => 0x08,
                    Some(b'f') => 0x0c,
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
                    _ => return Err(("invalid escape code", at)),
                };
                out.push(byte);
                at += 2;
            }
            Some(byte) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

/// `\u` and four hexadecimal digits (RFC 8259, section 7), or two of them for a character beyond the first plane. Returns the length.
fn unicode(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let unit = |from: usize| -> Option<u32> {
        let digits = text.get(from..from + 6)?;
        (digits.starts_with(b"\\u") && digits[2..].iter().all(u8::is_ascii_hexdigit)).then_some(())?;
        u32::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let first = unit(0)?;
    let (code, len) = match first {
        0xd800..=0xdbff => {
            let second = unit(6).filter(|second| (0xdc00..=0xdfff).contains(second))?;
            (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        _ => (first, 6),
    };
    let letter = char::from_u32(code)?;
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    Some(len)
}
