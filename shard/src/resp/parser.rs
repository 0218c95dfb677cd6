//! The request parser of one connection: incremental, on borrowed bytes.
//!
//! Two ways lead to the same commands. [`Parser::next`] first tries the whole command in place: short lengths, read eight
//! bytes at a time, everything there. That is nearly every command under load and costs a few nanoseconds per argument.
//! Whatever is not like that (cut off, long, malformed, inline) goes to the resumable path, which remembers how far it
//! came: the work is linear in the stream's bytes however it is cut (a length line of under eight bytes may be read
//! again).
//!
//! What counts as malformed is redis-server 7.0.15's: the byte after a `\r` is skipped unseen, and so are the two bytes
//! after an argument; a NUL byte in a length line or an inline line hides the line's end. Two things are stricter: the
//! argument limit, and that a line longer than the bound fails even when its end arrives in the same read (there,
//! redis-server's answer depends on how the stream is cut).

use memchr::memchr2;
use smallvec::SmallVec;

use super::inline;
use super::{Auth, Limits, ProtocolError, Span};

/// What [`Parser::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A command; its spans, at least one, were appended and point into the input.
    Command,
    /// An inline command; its spans, at least one, were appended and point into these bytes (unquoted words).
    Inline(Vec<u8>),
    /// More input is needed; nothing was appended.
    Incomplete,
    /// The stream cannot be read further; nothing was appended. Asking again gives the same answer.
    Failed(ProtocolError),
}

/// Progress of one connection's request stream.
///
/// The caller keeps the received bytes in one buffer and calls [`next`](Self::next) until it is `Incomplete`; it appends
/// received bytes at any time, and removes the first [`position`](Self::position) bytes when it likes, telling so by
/// [`drained`](Self::drained). Of a command still incomplete the parser keeps the spans it has: memory in proportion to
/// the bytes received, never to lengths that were merely announced.
#[derive(Debug)]
pub struct Parser {
    /// Input bytes that belong to complete commands. Everything below counts from here.
    start: u32,
    /// Where the next unread length line or argument starts.
    at: u32,
    /// Bytes from `at` on that are known to hold no end of line.
    scanned: u32,
    /// Arguments still to come; 0 between commands.
    args_left: u32,
    /// Length of the argument at `at`, or [`NO_BULK`] when its length line comes first.
    bulk: u32,
    /// Bytes of that argument that the last input lacked.
    missing: u32,
    /// Arguments so far, relative to `start`. Two inline: what a GET or SET that is cut off needs.
    args: SmallVec<[Span; 2]>,
}

/// No length line was read; above every length, since positions are `u32`.
const NO_BULK: u32 = u32::MAX;

/// Least cap of [`Parser::wanted`], in bytes.
const WANTED_MIN: u32 = 64 << 10;

const _: () = assert!(size_of::<Parser>() <= 64, "an idle connection pays for this");

/// `None`: more input is needed.
type Progress<T> = Result<Option<T>, ProtocolError>;

impl Default for Parser {
    fn default() -> Self {
        Self { start: 0, at: 0, scanned: 0, args_left: 0, bulk: NO_BULK, missing: 0, args: SmallVec::new() }
    }
}

impl Parser {
    /// Takes the next command from `input`, whose bytes up to [`position`](Self::position) were consumed before, and
    /// appends its spans. Empty commands (`*0`, `*-1`, blank lines) are skipped.
    ///
    /// `input` may only grow at its end between calls, but for [`drained`](Self::drained). Only its first 4 GiB - 1 are
    /// looked at, far above the query-buffer limit. When authentication may change `limits`, execute each command before
    /// asking for the next.
    #[inline]
    pub fn next(&mut self, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Step {
        let input = &input[..input.len().min(u32::MAX as usize)];
        if self.args_left == 0 && limits.auth == Auth::Done && self.take_short(input, limits, spans) {
            return Step::Command;
        }
        self.resume(input, limits, spans)
    }

    /// Bytes of the input that complete commands have consumed.
    #[inline]
    pub fn position(&self) -> usize {
        self.start as usize
    }

    /// Notes that the caller removed the first [`position`](Self::position) bytes from the input.
    #[inline]
    pub fn drained(&mut self) {
        self.start = 0;
    }

    /// How many bytes to make room for: what a large argument still lacks, 0 if none is under way.
    ///
    /// At most as much again as came of it, or 64 KiB: an announced length alone reserves little.
    pub fn wanted(&self) -> usize {
        if self.bulk == NO_BULK {
            return 0;
        }
        let here = self.bulk.saturating_sub(self.missing);
        self.missing.min(here.max(WANTED_MIN)) as usize
    }

    /// Arguments that the parser has room for on the heap.
    #[cfg(test)]
    pub(super) fn heap_args(&self) -> usize {
        if self.args.spilled() { self.args.capacity() } else { 0 }
    }

    /// Takes a command that is all there and has only short lengths. Returns false when it is not like that; the
    /// arguments that were are then kept for [`resume`](Self::resume).
    #[inline]
    fn take_short(&mut self, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> bool {
        let from = self.start as usize;
        let Some((count, mut at)) = short_length(input, from, b'*') else {
            return false;
        };
        if count == 0 || count > limits.args_max {
            return false;
        }
        let given = spans.len();
        for taken in 0..count {
            if let Some((len, body)) = short_length(input, at, b'$')
                && len <= limits.bulk_bytes_max
                && input.len() - body >= len as usize + LINE_END
            {
                spans.push(Span { start: body as u32, len });
                at = body + len as usize + LINE_END;
                continue;
            }
            self.suspend(spans, given, at, count - taken);
            return false;
        }
        self.start = at as u32;
        self.scanned = 0;
        true
    }

    /// Keeps the arguments that stand in `spans` from `given` on, as those of a command whose next argument is at `at`.
    #[cold]
    fn suspend(&mut self, spans: &mut Vec<Span>, given: usize, at: usize, args_left: u32) {
        let start = self.start;
        self.args.extend(spans.drain(given..).map(|span| Span { start: span.start - start, ..span }));
        self.at = at as u32 - start;
        self.scanned = 0;
        self.args_left = args_left;
        self.bulk = NO_BULK;
    }

    /// Continues where the stream was cut, byte by byte if need be.
    #[inline(never)]
    fn resume(&mut self, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Step {
        match self.try_resume(input, limits, spans) {
            Ok(Some(step)) => step,
            Ok(None) => Step::Incomplete,
            Err(error) => Step::Failed(error),
        }
    }

    fn try_resume(&mut self, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Progress<Step> {
        while self.args_left == 0 {
            let rest = input.get(self.start as usize..).unwrap_or_default();
            match rest.first() {
                None => return Ok(None),
                Some(b'*') => {
                    if self.take_count(rest, limits)?.is_none() {
                        return Ok(None);
                    }
                }
                Some(_) => match self.take_line(rest, limits, spans)? {
                    None => return Ok(None),
                    Some(words) if words.is_empty_command => {}
                    Some(words) => return Ok(Some(Step::Inline(words.bytes))),
                },
            }
        }
        let rest = input.get(self.start as usize..).unwrap_or_default();
        while self.args_left > 0 {
            if self.take_argument(rest, limits)?.is_none() {
                return Ok(None);
            }
        }
        let start = self.start;
        let args = std::mem::take(&mut self.args);
        spans.extend(args.into_iter().map(|span| Span { start: span.start + start, ..span }));
        self.skip_to_next(self.at);
        Ok(Some(Step::Command))
    }

    /// Consumes `len` bytes as one command.
    fn skip_to_next(&mut self, len: u32) {
        self.start += len;
        self.at = 0;
        self.scanned = 0;
    }

    /// Reads a `*` line at the start of `rest`; an empty command is skipped at once.
    fn take_count(&mut self, rest: &[u8], limits: &Limits) -> Progress<()> {
        let error = ProtocolError::TooBigMultibulkCount;
        let Some(end) = self.find_length_end(rest, limits, error)? else {
            return Ok(None);
        };
        let count = integer(&rest[1..end]).ok_or(ProtocolError::InvalidMultibulkLength)?;
        let next = (end + LINE_END) as u32;
        // Redis knows no limit below this for those who have authenticated, so the others hear of theirs first.
        let count = i32::try_from(count.max(0)).map_err(|_| ProtocolError::InvalidMultibulkLength)? as u32;
        if limits.auth == Auth::Needed && count > Limits::UNAUTHENTICATED_ARGS_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if count > limits.args_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count == 0 {
            self.skip_to_next(next);
        } else {
            self.at = next;
            self.scanned = 0;
            self.args_left = count;
        }
        Ok(Some(()))
    }

    /// Reads one argument; `rest` starts with its command.
    fn take_argument(&mut self, rest: &[u8], limits: &Limits) -> Progress<()> {
        if self.bulk == NO_BULK {
            let line = rest.get(self.at as usize..).unwrap_or_default();
            let Some(end) = self.find_length_end(line, limits, ProtocolError::TooBigBulkCount)? else {
                return Ok(None);
            };
            self.bulk = bulk_length(&line[..end], limits)?;
            self.at += (end + LINE_END) as u32;
            self.scanned = 0;
        }
        let here = rest.len() - self.at as usize;
        let needed = self.bulk as usize + LINE_END;
        if here < needed {
            self.missing = (needed - here).min(u32::MAX as usize) as u32;
            return Ok(None);
        }
        self.args.push(Span { start: self.at, len: self.bulk });
        self.at += needed as u32;
        self.bulk = NO_BULK;
        self.args_left -= 1;
        Ok(Some(()))
    }

    /// Reads an inline line at the start of `rest` and consumes it.
    fn take_line(&mut self, rest: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Progress<Words> {
        let Some(end) = self.find(b'\n', rest, limits, ProtocolError::TooBigInline)? else {
            return Ok(None);
        };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let given = spans.len();
        let bytes = inline::split(line, spans)?;
        self.skip_to_next(end as u32 + 1);
        Ok(Some(Words { bytes, is_empty_command: spans.len() == given }))
    }

    /// Finds the `\r` of a length line, with one more byte behind it.
    fn find_length_end(&mut self, line: &[u8], limits: &Limits, too_big: ProtocolError) -> Progress<usize> {
        let end = self.find(b'\r', line, limits, too_big)?;
        Ok(end.filter(|end| end + LINE_END <= line.len()))
    }

    /// Finds `stop` in `line`, not looking again at what was looked at. A NUL byte before it hides it.
    fn find(&mut self, stop: u8, line: &[u8], limits: &Limits, too_big: ProtocolError) -> Progress<usize> {
        let max = limits.inline_bytes_max as usize;
        let window = &line[..line.len().min(max + 1)];
        let from = self.scanned as usize;
        let found = memchr2(stop, 0, window.get(from..).unwrap_or_default());
        let end = found.map_or(window.len(), |offset| from + offset);
        self.scanned = end as u32;
        if window.get(end) == Some(&stop) {
            Ok(Some(end))
        } else if line.len() > max {
            Err(too_big)
        } else {
            Ok(None)
        }
    }
}

/// An inline line taken apart.
struct Words {
    bytes: Vec<u8>,
    is_empty_command: bool,
}

/// Bytes of a `\r\n`.
const LINE_END: usize = 2;

/// Reads the length of an argument from its line without the end, for example `$16`.
fn bulk_length(line: &[u8], limits: &Limits) -> Result<u32, ProtocolError> {
    let digits = match line.split_first() {
        Some((b'$', digits)) => digits,
        Some((other, _)) => return Err(ProtocolError::ExpectedDollar(*other)),
        None => return Err(ProtocolError::ExpectedDollar(b'\r')),
    };
    let len = integer(digits).and_then(|len| u32::try_from(len).ok());
    match len {
        Some(len) if len <= limits.bulk_bytes_max && len != NO_BULK => {
            if limits.auth == Auth::Needed && len > Limits::UNAUTHENTICATED_BULK_BYTES_MAX {
                return Err(ProtocolError::UnauthenticatedBulkLength);
            }
            Ok(len)
        }
        _ => Err(ProtocolError::InvalidBulkLength),
    }
}

/// A number as redis-server accepts it: no space, no plus, no leading zero, within `i64`.
fn integer(text: &[u8]) -> Option<i64> {
    if text == b"0" {
        return Some(0);
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if !matches!(digits.first(), Some(b'1'..=b'9')) {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    if digits.len() < text.len() { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads a length line such as `$16\r\n` of up to five digits and the place behind it; `None` for any other.
///
/// One eight-byte load decides everything.
#[inline(always)]
fn short_length(input: &[u8], at: usize, mark: u8) -> Option<(u32, usize)> {
    let word = match input.get(at..at + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("the range is eight bytes long")),
        None => last_word(input, at)?,
    };
    let first = digit(word, 1)?;
    if word as u8 != mark {
        return None;
    }
    if ends_at(word, 2) {
        return Some((first, at + 4));
    }
    if first == 0 {
        return None;
    }
    let second = digit(word, 2)?;
    if ends_at(word, 3) {
        return Some((first * 10 + second, at + 5));
    }
    let mut len = first * 10 + second;
    for index in 3..6 {
        len = len * 10 + digit(word, index)?;
        if ends_at(word, index + 1) {
            return Some((len, at + index as usize + 3));
        }
    }
    None
}

/// The bytes from `at` on, fewer than eight, with zeros behind them: they are no part of any length line.
#[cold]
fn last_word(input: &[u8], at: usize) -> Option<u64> {
    let rest = input.get(at..)?;
    let mut bytes = [0; 8];
    bytes.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(u64::from_le_bytes(bytes))
}

/// The digit in byte `index` of `word`.
#[inline(always)]
fn digit(word: u64, index: u32) -> Option<u32> {
    let digit = u32::from((word >> (8 * index)) as u8).wrapping_sub(u32::from(b'0'));
    (digit < 10).then_some(digit)
}

/// Whether bytes `index` and the next of `word` are `\r\n`.
#[inline(always)]
fn ends_at(word: u64, index: u32) -> bool {
    (word >> (8 * index)) as u16 == u16::from_le_bytes(*b"\r\n")
}
