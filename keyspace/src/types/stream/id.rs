//! The id of a stream's entry, and how clients write it.
//!
//! Redis reads the two numbers of an id first as canonical integers, then with `strtoull`, so leading blanks, zeros and signs
//! pass; and it reads them as C strings, so a zero byte ends them. Both are kept.

use crate::number::parse_i64;
use crate::refusal::Refusal;

/// The longest text that is read as an id, in bytes.
const TEXT_BYTES_MAX: usize = 127;
/// Bytes of the longest id: two numbers of 20 digits and a dash.
pub const ID_BYTES_MAX: usize = 41;

/// A text is not an id.
pub const INVALID_ID: Refusal = Refusal::Text("ERR Invalid stream ID specified as stream command argument");

/// The id of an entry: milliseconds, and a number among those of one millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// Milliseconds since the epoch, if the server made it.
    pub ms: u64,
    /// Number within the millisecond.
    pub seq: u64,
}

/// Whether `-` and `+` are ids.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    Allowed,
    Refused,
}

/// The id of an entry to add, as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedId {
    /// `*`: made from the time.
    Automatic,
    /// `ms-*`: the next number of that millisecond.
    NextOf(u64),
    /// Given in full.
    Exactly(StreamId),
}

impl StreamId {
    /// `0-0`: below every entry's.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// The id after this one, but for the greatest.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before this one, but for the least.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The id as replies show it.
    pub fn text(self, room: &mut [u8; ID_BYTES_MAX]) -> &[u8] {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(self.ms).as_bytes(), seq.format(self.seq).as_bytes());
        let len = ms.len() + 1 + seq.len();
        room[..ms.len()].copy_from_slice(ms);
        room[ms.len()] = b'-';
        room[ms.len() + 1..len].copy_from_slice(seq);
        &room[..len]
    }

    /// Reads an id that names one entry: `-` and `+` are none. Without a second number that is 0.
    pub fn parse(text: &[u8]) -> Result<StreamId, Refusal> {
        no_wildcard(text, 0, Edges::Refused)
    }

    /// Reads an id that names a position: `-` is the least and `+` the greatest. Without a second number that is 0.
    pub fn parse_position(text: &[u8]) -> Result<StreamId, Refusal> {
        no_wildcard(text, 0, Edges::Allowed)
    }

    /// Reads the first id of an interval.
    pub fn parse_start(text: &[u8]) -> Result<StreamId, Refusal> {
        let (id, exclusive) = parse_bound(text, 0)?;
        if !exclusive {
            return Ok(id);
        }
        id.next().ok_or(Refusal::Text("ERR invalid start ID for the interval"))
    }

    /// Reads the last id of an interval.
    pub fn parse_end(text: &[u8]) -> Result<StreamId, Refusal> {
        let (id, exclusive) = parse_bound(text, u64::MAX)?;
        if !exclusive {
            return Ok(id);
        }
        id.previous().ok_or(Refusal::Text("ERR invalid end ID for the interval"))
    }
}

impl AskedId {
    /// Reads the id of an entry to add. Redis takes `*` for itself alone, but `ms-*` as a C string.
    pub fn parse(text: &[u8]) -> Result<AskedId, Refusal> {
        if c_string(text) == b"*" {
            return Ok(AskedId::Automatic);
        }
        let (id, asked) = parse(text, 0, Edges::Refused)?;
        Ok(match asked {
            Sequence::Asked => AskedId::NextOf(id.ms),
            Sequence::Given => AskedId::Exactly(id),
        })
    }
}

/// Whether the second number is given, or the server is asked for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    Given,
    Asked,
}

/// Reads one end of an interval; `(` before it leaves the id itself out.
fn parse_bound(text: &[u8], missing_seq: u64) -> Result<(StreamId, bool), Refusal> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => no_wildcard(rest, missing_seq, Edges::Refused).map(|id| (id, true)),
        _ => no_wildcard(text, missing_seq, Edges::Allowed).map(|id| (id, false)),
    }
}

/// `parse` where the second number cannot be asked for.
fn no_wildcard(text: &[u8], missing_seq: u64, edges: Edges) -> Result<StreamId, Refusal> {
    match parse(text, missing_seq, edges)? {
        (id, Sequence::Given) => Ok(id),
        (_, Sequence::Asked) => Err(INVALID_ID),
    }
}

fn parse(text: &[u8], missing_seq: u64, edges: Edges) -> Result<(StreamId, Sequence), Refusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(INVALID_ID);
    }
    let text = c_string(text);
    match (text, edges) {
        (b"-" | b"+", Edges::Refused) => return Err(INVALID_ID),
        (b"-", _) => return Ok((StreamId::MIN, Sequence::Given)),
        (b"+", _) => return Ok((StreamId::MAX, Sequence::Given)),
        _ => {}
    }
    let Some(dash) = text.iter().position(|&byte| byte == b'-') else {
        let ms = number(text).ok_or(INVALID_ID)?;
        return Ok((StreamId { ms, seq: missing_seq }, Sequence::Given));
    };
    let ms = number(&text[..dash]).ok_or(INVALID_ID)?;
    match &text[dash + 1..] {
        b"*" => Ok((StreamId { ms, seq: 0 }, Sequence::Asked)),
        seq => Ok((StreamId { ms, seq: number(seq).ok_or(INVALID_ID)? }, Sequence::Given)),
    }
}

/// The bytes up to the first zero.
fn c_string(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}

/// Reads a number: a canonical integer that is not negative, or else what `strtoull` takes as a whole.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | 9..=13)).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn texts() {
        let rows: [(&[u8], Option<StreamId>); 18] = [
            (b"1-2", Some(id(1, 2))),
            (b"5", Some(id(5, 0))),
            (b"18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            (b"18446744073709551616", None),
            (b" 7-+8", Some(id(7, 8))),
            (b"007-08", Some(id(7, 8))),
            (b"1--05", Some(id(1, 5u64.wrapping_neg()))),
            (b"1--5", None),
            (b"1--0", Some(id(1, 0))),
            (b"3-4\0x", Some(id(3, 4))),
            (b"-", None),
            (b"+", None),
            (b"", None),
            (b"-1", None),
            (b"1-", None),
            (b"1-x", None),
            (b"*", None),
            (b"1-2 ", None),
        ];
        for (text, expected) in rows {
            assert_eq!(StreamId::parse(text).ok(), expected, "{}", text.escape_ascii());
            if let Some(id) = expected {
                let mut room = [0; ID_BYTES_MAX];
                assert_eq!(StreamId::parse(id.text(&mut room)), Ok(id));
            }
        }
        assert!(StreamId::parse(&[b'1'; 128]).is_err());
        assert_eq!(AskedId::parse(b"*"), Ok(AskedId::Automatic));
        assert_eq!(AskedId::parse(b"5-*"), Ok(AskedId::NextOf(5)));
        assert_eq!(AskedId::parse(b"5-1"), Ok(AskedId::Exactly(id(5, 1))));
    }

    #[test]
    fn bounds() {
        let rows: [(&[u8], Option<StreamId>, Option<StreamId>); 9] = [
            (b"-", Some(StreamId::MIN), Some(StreamId::MIN)),
            (b"+", Some(StreamId::MAX), Some(StreamId::MAX)),
            (b"5", Some(id(5, 0)), Some(id(5, u64::MAX))),
            (b"(5", Some(id(5, 1)), Some(id(5, u64::MAX - 1))),
            (b"(5-0", Some(id(5, 1)), Some(id(4, u64::MAX))),
            (b"(0-0", Some(id(0, 1)), None),
            (b"(18446744073709551615-18446744073709551615", None, Some(id(u64::MAX, u64::MAX - 1))),
            (b"(", None, None),
            (b"(-", None, None),
        ];
        for (text, start, end) in rows {
            assert_eq!(StreamId::parse_start(text).ok(), start, "{}", text.escape_ascii());
            assert_eq!(StreamId::parse_end(text).ok(), end, "{}", text.escape_ascii());
        }
    }
}
