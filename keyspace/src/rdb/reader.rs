//! The cursor over a payload: lengths, strings and numbers in Redis's encodings, each checked against the bytes that are left.

use std::borrow::Cow;

use super::Corrupt;
use super::element::{Element, parse_score};
use super::lzf;

/// The longest string, in bytes, that an entry can hold (`entry`): what decompresses to more is refused.
const STRING_BYTES_MAX: u64 = u32::MAX as u64;

/// A string of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RdbString<'a> {
    /// Its bytes, as they stand in the payload or inflated.
    Bytes(Cow<'a, [u8]>),
    /// It was written as an integer.
    Integer(i64),
}

impl RdbString<'_> {
    /// The same, borrowed.
    pub fn element(&self) -> Element<'_> {
        match self {
            RdbString::Bytes(bytes) => Element::of(bytes),
            RdbString::Integer(value) => Element::Int(*value),
        }
    }
}

/// What a length byte announces.
enum Length {
    Plain(u64),
    /// A string in a special encoding of this number.
    Special(u8),
}

/// What of a payload has not been read yet.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// Bytes that are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: u64) -> Result<&'a [u8], Corrupt> {
        let count = usize::try_from(count).ok();
        let (taken, rest) = count.and_then(|count| self.rest.split_at_checked(count)).ok_or(Corrupt("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Corrupt("cut short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Corrupt> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn length_or_special(&mut self) -> Result<Length, Corrupt> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(first as u64),
            1 => Length::Plain(u16::from_be_bytes([first & 0x3f, self.byte()?]) as u64),
            2 if first == 0x80 => Length::Plain(u32::from_be_bytes(self.array()?) as u64),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            2 => return Err(Corrupt("a length of unknown width")),
            _ => Length::Special(first & 0x3f),
        })
    }

    /// A length, a number or anything else that is written as a length.
    pub fn length(&mut self) -> Result<u64, Corrupt> {
        match self.length_or_special()? {
            Length::Plain(length) => Ok(length),
            Length::Special(_) => Err(Corrupt("a string where a length belongs")),
        }
    }

    /// How many things follow, each of which takes `bytes_min` bytes at least: more than fit are refused.
    pub fn count(&mut self, bytes_min: u64) -> Result<u64, Corrupt> {
        let count = self.length()?;
        match count.checked_mul(bytes_min) {
            Some(bytes) if bytes <= self.rest.len() as u64 => Ok(count),
            _ => Err(Corrupt("more is announced than there is")),
        }
    }

    /// A string.
    pub fn string(&mut self) -> Result<RdbString<'a>, Corrupt> {
        Ok(match self.length_or_special()? {
            Length::Plain(length) => RdbString::Bytes(Cow::Borrowed(self.take(length)?)),
            Length::Special(0) => RdbString::Integer(i8::from_le_bytes(self.array()?) as i64),
            Length::Special(1) => RdbString::Integer(i16::from_le_bytes(self.array()?) as i64),
            Length::Special(2) => RdbString::Integer(i32::from_le_bytes(self.array()?) as i64),
            Length::Special(3) => RdbString::Bytes(Cow::Owned(self.inflated()?)),
            Length::Special(_) => return Err(Corrupt("a string in an unknown encoding")),
        })
    }

    /// A string that holds a packed form: no such form reads as an integer.
    pub fn packed(&mut self) -> Result<Cow<'a, [u8]>, Corrupt> {
        match self.string()? {
            RdbString::Bytes(bytes) => Ok(bytes),
            RdbString::Integer(_) => Err(Corrupt("an integer where a packed form belongs")),
        }
    }

    fn inflated(&mut self) -> Result<Vec<u8>, Corrupt> {
        let packed = self.length()?;
        let length = self.length()?;
        let packed = self.take(packed)?;
        if length > STRING_BYTES_MAX {
            return Err(Corrupt("a string of more than 4 GiB"));
        }
        lzf::decompress(packed, length as usize)
    }

    /// A double of eight bytes. It may be NaN.
    pub fn double(&mut self) -> Result<f64, Corrupt> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A score in the old form: its text behind a length byte, or one of three special bytes.
    pub fn text_score(&mut self) -> Result<f64, Corrupt> {
        match self.byte()? {
            253 => Err(Corrupt("a score is not a number")),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            length => parse_score(self.take(length as u64)?),
        }
    }

    /// A time in milliseconds since 1970.
    pub fn millis(&mut self) -> Result<i64, Corrupt> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        let rows: [(&[u8], Option<u64>); 9] = [
            (b"\x00", Some(0)),
            (b"\x3f", Some(63)),
            (b"\x40\x40", Some(64)),
            (b"\x7f\xff", Some(16_383)),
            (b"\x80\x00\x00\x40\x00", Some(16_384)),
            (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", Some(u64::MAX)),
            (b"\x82\x00\x00\x40\x00", None),
            (b"\xc0\x01", None),
            (b"\x40", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Reader::new(bytes).length().ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn strings() {
        let text = |bytes: &'static [u8]| RdbString::Bytes(Cow::Borrowed(bytes));
        let rows: [(&[u8], Option<RdbString>); 9] = [
            (b"\x03abc", Some(text(b"abc"))),
            (b"\xc0\x80", Some(RdbString::Integer(-128))),
            (b"\xc1\x00\x01", Some(RdbString::Integer(256))),
            (b"\xc2\xff\xff\xff\x7f", Some(RdbString::Integer(i32::MAX as i64))),
            (b"\xc3\x05\x06\x02abc\x20\x02", None),
            (b"\xc3\x06\x06\x02abc\x20\x02", Some(text(b"abcabc"))),
            (b"\xc4\x00", None),
            (b"\x04abc", None),
            (b"\xc3\x02\x81\x00\x00\x00\x01\x00\x00\x00\x00\x00a", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Reader::new(bytes).string().ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn scores_and_counts() {
        let rows: [(&[u8], Option<f64>); 6] = [
            (b"\x033.5", Some(3.5)),
            (b"\xfe", Some(f64::INFINITY)),
            (b"\xff", Some(f64::NEG_INFINITY)),
            (b"\xfd", None),
            (b"\x03nan", None),
            (b"\x02x1", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Reader::new(bytes).text_score().ok(), expected, "{bytes:?}");
        }
        assert_eq!(Reader::new(b"\x02abcd").count(2), Ok(2));
        assert!(Reader::new(b"\x02abc").count(2).is_err());
        assert!(Reader::new(b"\x81\xff\xff\xff\xff\xff\xff\xff\xffabc").count(8).is_err());
    }
}
