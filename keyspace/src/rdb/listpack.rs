//! The listpack: the elements of a packed collection (`packed`) in a frame of their own.
//!
//! ```text
//! total bytes u32, elements u16 (0xffff: walk), elements, 0xff         both little-endian
//! ```
//!
//! Written, it is a copy. Read, every element is checked, and none is taken over as it stands: payloads may hold an integer as a
//! string, or in a wider form than it needs.

use super::Corrupt;
use super::element::Element;
use crate::packed::{Back, Packed};

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;
/// The number of elements that says "walk".
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The longest listpack, in bytes, that redis-server makes.
const BYTES_MAX: usize = 1 << 30;

/// Why a listpack that is written has its length in an `u32`.
const BELOW_4_GIB: &str =
    "a stream's node has little more than 1 GiB, and whoever writes another collection asks whether it fits";

/// Whether a packed collection is one that redis-server would have as a listpack.
pub(super) fn fits(packed: &Packed<'_>) -> bool {
    packed.listpack_bytes() <= BYTES_MAX
}

/// A packed collection as a listpack. Not for one that does not fit, unless it is known to stay below 4 GiB.
pub(super) fn of(packed: &Packed<'_>) -> Vec<u8> {
    let total = u32::try_from(packed.listpack_bytes()).expect(BELOW_4_GIB);
    let mut bytes = Vec::with_capacity(packed.listpack_bytes());
    bytes.extend_from_slice(&total.to_le_bytes());
    bytes.extend_from_slice(packed.bytes());
    bytes.push(END);
    bytes
}

/// The elements of a listpack. Whoever takes them all has checked every byte.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    /// From the next element to the end mark, that not included.
    rest: &'a [u8],
    /// How many elements the header announces beyond those seen, unless it says "walk".
    announced: Option<u16>,
}

impl<'a> Elements<'a> {
    /// The elements of `listpack`.
    pub fn of(listpack: &'a [u8]) -> Result<Self, Corrupt> {
        let (header, rest) = listpack.split_first_chunk::<HEADER_BYTES>().ok_or(Corrupt("a listpack is cut short"))?;
        let [a, b, c, d, e, f] = *header;
        if u32::from_le_bytes([a, b, c, d]) as usize != listpack.len() {
            return Err(Corrupt("a listpack is not as long as announced"));
        }
        // Without the mark: what is left when the elements are over is nothing, and no element can take the mark for its own.
        let rest = rest.strip_suffix(&[END]).ok_or(Corrupt("a listpack without its end mark"))?;
        let count = u16::from_le_bytes([e, f]);
        Ok(Elements { rest, announced: (count != COUNT_UNKNOWN).then_some(count) })
    }

    /// The next element, which has to be there.
    pub fn one(&mut self) -> Result<Element<'a>, Corrupt> {
        self.next().ok_or(Corrupt("an element is missing"))?
    }

    /// The next element, which has to be an integer.
    pub fn integer(&mut self) -> Result<i64, Corrupt> {
        self.one()?.as_int().ok_or(Corrupt("an element is not an integer"))
    }

    /// The next element, which has to be a count.
    pub fn unsigned(&mut self) -> Result<u64, Corrupt> {
        u64::try_from(self.integer()?).map_err(|_| Corrupt("a count is negative"))
    }

    fn element(&mut self) -> Result<Element<'a>, Corrupt> {
        let (element, bytes) = Element::read_foreign(self.rest).ok_or(Corrupt("an element is cut short or unknown"))?;
        let rest = &self.rest[bytes..];
        self.rest = rest.strip_prefix(Back::of(bytes).bytes()).ok_or(Corrupt("an element's two lengths differ"))?;
        if let Some(left) = &mut self.announced {
            *left = left.checked_sub(1).ok_or(Corrupt("a listpack has more elements than announced"))?;
        }
        Ok(element)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.rest {
            [] => match self.announced.take() {
                None | Some(0) => return None,
                Some(_) => Err(Corrupt("a listpack has fewer elements than announced")),
            },
            [END, ..] => Err(Corrupt("a listpack ends before its end")),
            _ => self.element(),
        };
        if next.is_err() {
            (self.rest, self.announced) = (&[], None);
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let rows: [(&[u8], Option<usize>); 14] = [
            (b"\x07\0\0\0\0\0\xff", Some(0)),
            (b"\x07\0\0\0\xff\xff\xff", Some(0)),
            (b"\x0a\0\0\0\x01\0\x81a\x02\xff", Some(1)),
            (b"\x0a\0\0\0\xff\xff\x81a\x02\xff", Some(1)),
            // No end mark, or one that belongs to the last element.
            (b"\x06\0\0\0\0\0", None),
            (b"\x06\0\0\0\x07\0", None),
            (b"\x09\0\0\0\x01\0\x81a\x02", None),
            (b"\x09\0\0\0\x05\0\x81a\x02", None),
            (b"\x08\0\0\0\x01\0\x81\xff", None),
            (b"\x0a\0\0\0\x01\0\x81a\x02\xfe", None),
            // Another number of elements, another length, and an end mark before the end.
            (b"\x0a\0\0\0\x02\0\x81a\x02\xff", None),
            (b"\x0a\0\0\0\0\0\x81a\x02\xff", None),
            (b"\x0b\0\0\0\x01\0\x81a\x02\xff", None),
            (b"\x0b\0\0\0\x01\0\x81a\x02\xff\xff", None),
        ];
        for (listpack, count) in rows {
            let all = Elements::of(listpack).and_then(|elements| elements.collect::<Result<Vec<_>, _>>());
            assert_eq!(all.ok().map(|all| all.len()), count, "{listpack:?}");
        }
    }

    #[test]
    fn ends_with_its_first_error() {
        let mut elements = Elements::of(b"\x0a\0\0\0\x02\0\x81a\x02\xff").expect("the frame is right");
        assert!(matches!(elements.next(), Some(Ok(_))));
        assert!(matches!(elements.next(), Some(Err(_))));
        assert_eq!(elements.next(), None);
        assert!(elements.one().is_err());
    }
}
