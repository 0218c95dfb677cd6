//! The words of an inline request, as typed into telnet.
//!
//! Quoting follows redis-server: `"…"` knows `\n \r \t \b \a \xHH` and takes any other escaped byte as itself; `'…'` knows
//! only `\'`; a quote may open in the middle of a word, but must close at the end of one. Since that changes bytes, the
//! words are written to a line of their own and are not slices of the input. This is for people and probes, not for load.

use super::{ProtocolError, Span};

/// Splits `line`, which has no end of line and no NUL byte, and appends the spans of its words.
///
/// The spans index into the returned bytes, which are never longer than `line`. On an error `spans` is as it was.
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) -> Result<Vec<u8>, ProtocolError> {
    let given = spans.len();
    let mut words = Words { line, at: 0, out: Vec::new() };
    while words.skip_blanks() {
        let start = words.out.len();
        if words.word().is_none() {
            spans.truncate(given);
            return Err(ProtocolError::UnbalancedQuotes);
        }
        spans.push(Span { start: start as u32, len: (words.out.len() - start) as u32 });
    }
    Ok(words.out)
}

/// What separates words. A vertical tab or form feed before a word is skipped too, but ends none.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

struct Words<'a> {
    line: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Words<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.at + ahead).copied()
    }

    /// Returns whether a word follows.
    fn skip_blanks(&mut self) -> bool {
        while self.peek(0).is_some_and(is_blank) {
            self.at += 1;
        }
        self.at < self.line.len()
    }

    /// Appends one word to `out`; `None` if its quotes are unbalanced.
    fn word(&mut self) -> Option<()> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => break,
                b'"' => return self.double_quoted(),
                b'\'' => return self.single_quoted(),
                _ => self.out.push(byte),
            }
            self.at += 1;
        }
        Some(())
    }

    fn double_quoted(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let byte = match (self.peek(0)?, self.peek(1)) {
                (b'"', next) => return self.close(next),
                (b'\\', Some(b'x')) => match (self.hex(2), self.hex(3)) {
                    (Some(high), Some(low)) => {
                        self.at += 3;
                        high << 4 | low
                    }
                    _ => self.escaped(b'x'),
                },
                (b'\\', Some(next)) => self.escaped(next),
                (byte, _) => byte,
            };
            self.out.push(byte);
            self.at += 1;
        }
    }

    fn single_quoted(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let byte = match (self.peek(0)?, self.peek(1)) {
                (b'\'', next) => return self.close(next),
                (b'\\', Some(b'\'')) => {
                    self.at += 1;
                    b'\''
                }
                (byte, _) => byte,
            };
            self.out.push(byte);
            self.at += 1;
        }
    }

    /// Steps over a closing quote, which `next` must not continue.
    fn close(&mut self, next: Option<u8>) -> Option<()> {
        self.at += 1;
        next.is_none_or(is_blank).then_some(())
    }

    /// Steps from the backslash to the escaped byte and says what it stands for.
    fn escaped(&mut self, next: u8) -> u8 {
        self.at += 1;
        match next {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'a' => 0x07,
            other => other,
        }
    }

    fn hex(&self, ahead: usize) -> Option<u8> {
        let digit = (self.peek(ahead)? as char).to_digit(16)?;
        Some(digit as u8)
    }
}
