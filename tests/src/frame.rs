//! RESP2 and RESP3 replies: a reader over bytes that keeps every type apart.
//!
//! The suites compare raw bytes; the parsed value serves framing, normalisers and readable diffs. It is deliberately
//! naive (a value is parsed again from its start when more bytes arrive): it is the oracle, not the product.

use std::fmt;

/// Deepest nesting of a reply that is accepted.
const DEPTH_MAX: usize = 32;

/// One reply. The three kinds of null stay apart, since RESP2 clients see the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `+text`.
    Simple(Vec<u8>),
    /// `-text`, or RESP3's `!` form.
    Error(Vec<u8>),
    /// `:n`.
    Int(i64),
    /// `$n` and its bytes.
    Bulk(Vec<u8>),
    /// `$-1`.
    NullBulk,
    /// `*-1`.
    NullArray,
    /// `_`.
    Null,
    /// `*n`.
    Array(Vec<Frame>),
    /// `%n`: pairs in the order sent.
    Map(Vec<(Frame, Frame)>),
    /// `~n`: members in the order sent.
    Set(Vec<Frame>),
    /// `>n`.
    Push(Vec<Frame>),
    /// `,text`: the text, since its digits matter.
    Double(Vec<u8>),
    /// `#t` or `#f`.
    Bool(bool),
    /// `(digits`.
    Big(Vec<u8>),
    /// `=n`: three letters of format, then the text.
    Verbatim(Vec<u8>),
}

/// Why bytes are not a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Frame {
    /// Members of an array, set or push.
    pub fn items(&self) -> Option<&[Frame]> {
        match self {
            Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Text of a simple string, error, bulk or verbatim (without its format).
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Frame::Simple(text) | Frame::Error(text) | Frame::Bulk(text) => Some(text),
            Frame::Verbatim(text) => text.get(4..),
            _ => None,
        }
    }

    /// The integer, if this is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Frame::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Pairs of a map, or of an array of even length (RESP2's form of a map).
    pub fn pairs(&self) -> Option<Vec<(&Frame, &Frame)>> {
        match self {
            Frame::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
            Frame::Array(items) if items.len() % 2 == 0 => {
                Some(items.chunks(2).map(|pair| (&pair[0], &pair[1])).collect())
            }
            _ => None,
        }
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Frame::Error(_))
    }

    /// Whether this is any of the three nulls.
    pub fn is_null(&self) -> bool {
        matches!(self, Frame::NullBulk | Frame::NullArray | Frame::Null)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Frame]| {
            write!(f, "{open}")?;
            for (i, item) in items.iter().enumerate() {
                write!(f, "{}{item}", if i == 0 { "" } else { " " })?;
            }
            write!(f, "]")
        };
        match self {
            Frame::Simple(text) => write!(f, "+{}", text.escape_ascii()),
            Frame::Error(text) => write!(f, "-{}", text.escape_ascii()),
            Frame::Int(n) => write!(f, ":{n}"),
            Frame::Bulk(text) => write!(f, "\"{}\"", text.escape_ascii()),
            Frame::NullBulk => write!(f, "nil-bulk"),
            Frame::NullArray => write!(f, "nil-array"),
            Frame::Null => write!(f, "null"),
            Frame::Array(items) => list(f, "[", items),
            Frame::Set(items) => list(f, "~[", items),
            Frame::Push(items) => list(f, ">[", items),
            Frame::Map(pairs) => {
                write!(f, "%[")?;
                for (key, value) in pairs {
                    write!(f, "{key}: {value}, ")?;
                }
                write!(f, "]")
            }
            Frame::Double(text) => write!(f, ",{}", text.escape_ascii()),
            Frame::Bool(value) => write!(f, "#{value}"),
            Frame::Big(text) => write!(f, "({}", text.escape_ascii()),
            Frame::Verbatim(text) => write!(f, "=\"{}\"", text.escape_ascii()),
        }
    }
}

/// Parses one reply at the start of `bytes`: the reply and its length, or `None` if it is not whole yet.
pub fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    Ok(reader.frame(0)?.map(|frame| (frame, reader.at)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += end + 2;
        Some(&rest[..end])
    }

    fn frame(&mut self, depth: usize) -> Result<Option<Frame>, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed("nested too deeply".into()));
        }
        let Some(line) = self.line() else {
            return Ok(None);
        };
        let Some((&kind, text)) = line.split_first() else {
            return Err(Malformed("empty line where a reply should start".into()));
        };
        let frame = match kind {
            b'+' => Frame::Simple(text.to_vec()),
            b'-' => Frame::Error(text.to_vec()),
            b':' => Frame::Int(number(text)?),
            b',' => Frame::Double(text.to_vec()),
            b'(' => Frame::Big(text.to_vec()),
            b'_' if text.is_empty() => Frame::Null,
            b'#' if text == b"t" || text == b"f" => Frame::Bool(text == b"t"),
            b'$' if text == b"-1" => Frame::NullBulk,
            b'*' if text == b"-1" => Frame::NullArray,
            b'$' | b'=' | b'!' => return self.blob(kind, number(text)?),
            b'*' | b'~' | b'>' => return self.list(kind, number(text)?, depth),
            b'%' => return self.map(number(text)?, depth),
            _ => {
                return Err(Malformed(format!("no reply starts with {:?}", line.escape_ascii().to_string())));
            }
        };
        Ok(Some(frame))
    }

    fn blob(&mut self, kind: u8, length: i64) -> Result<Option<Frame>, Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed(format!("length {length}")))?;
        let Some(body) = self.bytes.get(self.at..self.at + length + 2) else {
            return Ok(None);
        };
        if !body.ends_with(b"\r\n") {
            return Err(Malformed(format!("{length} bytes are not followed by CRLF")));
        }
        self.at += length + 2;
        let text = body[..length].to_vec();
        Ok(Some(match kind {
            b'$' => Frame::Bulk(text),
            b'=' => Frame::Verbatim(text),
            _ => Frame::Error(text),
        }))
    }

    fn list(&mut self, kind: u8, length: i64, depth: usize) -> Result<Option<Frame>, Malformed> {
        let mut items = Vec::new();
        for _ in 0..length {
            let Some(item) = self.frame(depth + 1)? else {
                return Ok(None);
            };
            items.push(item);
        }
        Ok(Some(match kind {
            b'*' => Frame::Array(items),
            b'~' => Frame::Set(items),
            _ => Frame::Push(items),
        }))
    }

    fn map(&mut self, length: i64, depth: usize) -> Result<Option<Frame>, Malformed> {
        let mut pairs = Vec::new();
        for _ in 0..length {
            let Some(key) = self.frame(depth + 1)? else {
                return Ok(None);
            };
            let Some(value) = self.frame(depth + 1)? else {
                return Ok(None);
            };
            pairs.push((key, value));
        }
        Ok(Some(Frame::Map(pairs)))
    }
}

fn number(text: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Malformed(format!("number {:?}", text.escape_ascii().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_only_when_whole() {
        let rows: &[(&[u8], Frame)] = &[
            (b"+OK\r\n", Frame::Simple(b"OK".to_vec())),
            (b"$-1\r\n", Frame::NullBulk),
            (b"*-1\r\n", Frame::NullArray),
            (b"_\r\n", Frame::Null),
            (b"$3\r\na\r\n\r\n", Frame::Bulk(b"a\r\n".to_vec())),
            (b"*2\r\n:1\r\n#t\r\n", Frame::Array(vec![Frame::Int(1), Frame::Bool(true)])),
            (b"%1\r\n+a\r\n,1.5\r\n", Frame::Map(vec![(Frame::Simple(b"a".to_vec()), Frame::Double(b"1.5".to_vec()))])),
            (b"=7\r\ntxt:abc\r\n", Frame::Verbatim(b"txt:abc".to_vec())),
        ];
        for (bytes, frame) in rows {
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]), Ok(None), "{:?} cut at {cut}", bytes.escape_ascii().to_string());
            }
            assert_eq!(parse(bytes), Ok(Some((frame.clone(), bytes.len()))));
        }
        assert!(parse(b"?\r\n").is_err());
    }
}
