//! The zipmap, the packed form of small hashes up to Redis 2.4. Read only.
//!
//! ```text
//! pairs u8 (254 or more: walk), pairs, 0xff
//!
//! each pair: length, field, length, spare u8, value, spare bytes
//! length: one byte up to 253, or 0xfe and an u32, little-endian
//! ```

use super::Corrupt;
use super::element::Element;
use super::reader::Reader;

const END: u8 = 0xff;
const LONG: u8 = 0xfe;

/// The fields and values of a zipmap in turn. Whoever takes them all has checked every byte.
pub(super) struct Elements<'a> {
    rest: Reader<'a>,
    /// Pairs that the header announces beyond those seen, unless it says "walk".
    announced: Option<u8>,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Field,
    Value,
    Nothing,
}

impl<'a> Elements<'a> {
    /// The elements of `zipmap`.
    pub(super) fn of(zipmap: &'a [u8]) -> Result<Self, Corrupt> {
        let mut rest = Reader::new(zipmap);
        let count = rest.byte()?;
        Ok(Elements { rest, announced: (count < LONG).then_some(count), next: Next::Field })
    }

    fn length(&mut self, first: u8) -> Result<u64, Corrupt> {
        match first {
            END => Err(Corrupt("a zipmap ends before its end")),
            LONG => Ok(u32::from_le_bytes(self.rest.array()?) as u64),
            short => Ok(short as u64),
        }
    }

    fn field(&mut self) -> Result<Option<Element<'a>>, Corrupt> {
        let first = self.rest.byte()?;
        if first == END {
            self.next = Next::Nothing;
            return match (self.announced, self.rest.remaining()) {
                (None | Some(0), 0) => Ok(None),
                _ => Err(Corrupt("a zipmap is not as long as announced")),
            };
        }
        if let Some(left) = &mut self.announced {
            *left = left.checked_sub(1).ok_or(Corrupt("a zipmap has more pairs than announced"))?;
        }
        let length = self.length(first)?;
        self.next = Next::Value;
        self.rest.take(length).map(|bytes| Some(Element::of(bytes)))
    }

    fn value(&mut self) -> Result<Option<Element<'a>>, Corrupt> {
        let first = self.rest.byte()?;
        let length = self.length(first)?;
        let spare = self.rest.byte()?;
        let value = self.rest.take(length)?;
        self.rest.take(spare as u64)?;
        self.next = Next::Field;
        Ok(Some(Element::of(value)))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = match self.next {
            Next::Field => self.field(),
            Next::Value => self.value(),
            Next::Nothing => Ok(None),
        };
        if element.is_err() {
            self.next = Next::Nothing;
        }
        element.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Element<'_>>, Corrupt> {
        Elements::of(bytes)?.collect()
    }

    #[test]
    fn pairs() {
        // The example of the format's description, a value with spare bytes and a long length.
        let bytes = b"\x02\x03foo\x03\x00bar\xfe\x05\x00\x00\x00hello\x05\x02world--\xff";
        let expected = [b"foo" as &[u8], b"bar", b"hello", b"world"].map(Element::Bytes);
        assert_eq!(all(bytes).as_deref(), Ok(&expected[..]));
        assert_eq!(all(b"\x00\xff").as_deref(), Ok(&[][..]));
        assert_eq!(all(b"\xfe\x01a\x01\x00b\xff").map(|all| all.len()), Ok(2));
    }

    #[test]
    fn broken() {
        let good = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world--\xff";
        for end in 0..good.len() {
            assert!(all(&good[..end]).is_err(), "cut at {end}");
        }
        for bad in [b"\x01\x01a\x01\x00b\x01c\x01\x00d\xff" as &[u8], b"\x02\x01a\x01\x00b\xff", b"\x00\xff\xff"] {
            assert!(all(bad).is_err(), "{bad:?}");
        }
    }
}
