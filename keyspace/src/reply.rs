//! The encoder of replies, in RESP2 and RESP3.
//!
//! Handlers say what they mean (a map, a null, a double); the form that the connection negotiated decides the bytes. Writing
//! appends to one buffer and never fails.

use crate::double;
use crate::number::push_i64;
use crate::packed::Element;

/// The protocol version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Resp {
    /// RESP2: the form of every connection before `HELLO 3`.
    #[default]
    V2,
    /// RESP3.
    V3,
}

/// Appends replies to a buffer in the form of one connection.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    resp: Resp,
}

impl<'a> Reply<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Self {
        Reply { out, resp }
    }

    /// The protocol version that it writes.
    #[inline]
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// Bytes in the buffer, those from before included.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True if the buffer holds nothing.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back everything after the first `len` bytes: a handler refused after it began to write.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// The same buffer, written in another protocol version: the reply of `HELLO` itself.
    pub fn switched(&mut self, resp: Resp) -> Reply<'_> {
        Reply { out: self.out, resp }
    }

    /// Bytes that are a reply already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status line. `text` holds no line end.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error line: code and text without the leading `-`. Line ends in `text` become spaces, but for those at its end.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let text = text.as_ref();
        let len = text.iter().rposition(|byte| !ends_line(byte)).map_or(0, |last| last + 1);
        self.out.push(b'-');
        self.out.extend(text[..len].iter().map(|byte| if ends_line(byte) { b' ' } else { *byte }));
        self.raw(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0 => self.raw(b":0\r\n"),
            1 => self.raw(b":1\r\n"),
            _ => self.header(b':', value),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 32);
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string of text.
    pub fn text(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }

    /// An integer as a bulk string.
    pub fn bulk_int(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(value).as_bytes());
    }

    /// An element of a packed collection as a bulk string.
    #[inline]
    pub fn element(&mut self, element: Element) {
        match element {
            Element::Bytes(bytes) => self.bulk(bytes),
            Element::Int(value) => self.bulk_int(value),
        }
    }

    /// Nothing: `$-1`, or `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        match self.resp {
            Resp::V2 => self.raw(b"$-1\r\n"),
            Resp::V3 => self.raw(b"_\r\n"),
        }
    }

    /// No array: `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        match self.resp {
            Resp::V2 => self.raw(b"*-1\r\n"),
            Resp::V3 => self.raw(b"_\r\n"),
        }
    }

    /// The head of an array of `len` elements, which follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// An array of plain lines: what HELP answers.
    pub fn lines(&mut self, lines: &[&str]) {
        self.array(lines.len());
        lines.iter().for_each(|line| self.simple(line));
    }

    /// The head of a map of `pairs` keys and values, which follow; in RESP2 an array of twice that length.
    pub fn map(&mut self, pairs: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', pairs as i64 * 2),
            Resp::V3 => self.header(b'%', pairs as i64),
        }
    }

    /// The head of a set of `len` members, which follow; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', len as i64),
            Resp::V3 => self.header(b'~', len as i64),
        }
    }

    /// The head of an out-of-band message of `len` elements; in RESP2 an array.
    pub fn push(&mut self, len: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', len as i64),
            Resp::V3 => self.header(b'>', len as i64),
        }
    }

    /// A truth value: `:1`/`:0`, or `#t`/`#f` in RESP3.
    pub fn boolean(&mut self, value: bool) {
        match (self.resp, value) {
            (Resp::V2, _) => self.int(value as i64),
            (Resp::V3, true) => self.raw(b"#t\r\n"),
            (Resp::V3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// A floating-point number: a bulk string of its text, or `,` in RESP3.
    pub fn double(&mut self, value: f64) {
        let text = double::text(value);
        match self.resp {
            Resp::V2 => self.bulk(&text),
            Resp::V3 => self.line(b',', &text),
        }
    }

    /// An array whose length is known when its elements are written: `write` writes and counts them. Moves them once.
    pub fn counted_array(&mut self, write: impl FnOnce(&mut Reply) -> usize) {
        self.counted(b'*', write);
    }

    /// A map in RESP3, in RESP2 an array of pairs, each an array itself, whose length is known when it is written.
    ///
    /// `write` writes and counts the pairs, and in RESP2 the head of each.
    pub fn counted_pairs(&mut self, write: impl FnOnce(&mut Reply) -> usize) {
        self.counted(if self.resp == Resp::V2 { b'*' } else { b'%' }, write);
    }

    fn counted(&mut self, kind: u8, write: impl FnOnce(&mut Reply) -> usize) {
        let start = self.out.len();
        let count = write(self);
        let elements = self.out.len();
        self.header(kind, count as i64);
        self.out[start..].rotate_left(elements - start);
    }

    /// Text with a three-letter format: a plain bulk string in RESP2.
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                self.header(b'=', text.len() as i64 + 4);
                self.raw(&format);
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.raw(text);
        self.raw(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        self.out.push(kind);
        push_i64(self.out, value);
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply)) -> (String, String) {
        let one = |resp| {
            let mut out = Vec::new();
            write(&mut Reply::new(&mut out, resp));
            String::from_utf8(out).unwrap()
        };
        (one(Resp::V2), one(Resp::V3))
    }

    #[test]
    fn forms() {
        type Row = (fn(&mut Reply), &'static str, &'static str);
        let rows: [Row; 11] = [
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(2), "*2\r\n", "~2\r\n"),
            (|r| r.push(3), "*3\r\n", ">3\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.verbatim(*b"txt", b"ab"), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"),
            (|r| r.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
            (|r| r.error("ERR a\n \r\n"), "-ERR a  \r\n", "-ERR a  \r\n"),
            (|r| r.int(-12), ":-12\r\n", ":-12\r\n"),
        ];
        for (write, v2, v3) in rows {
            assert_eq!(both(write), (v2.into(), v3.into()));
        }
    }
}
