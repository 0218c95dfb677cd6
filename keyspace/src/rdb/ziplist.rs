//! The ziplist, the packed form of Redis 2.2 to 6.2. Read only.
//!
//! ```text
//! total bytes u32, offset of the last element u32, elements u16 (0xffff: walk), elements, 0xff     little-endian
//!
//! each element: bytes of the element before (one byte, or 0xfe and an u32), head, data
//! 00llllll                 string of l bytes
//! 01llllll llllllll        string of l bytes
//! 10______ l (u32 BE)      string of l bytes
//! 11000000 11010000 11100000   integer of 16, 32, 64 bits
//! 11110000 11111110        integer of 24, 8 bits
//! 11110001..11111101       integer 0..=12
//! ```

use super::Corrupt;
use super::element::Element;

const HEADER_BYTES: usize = 10;
const END: u8 = 0xff;
const LONG_BEFORE: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The elements of a ziplist. Whoever takes them all has checked every byte.
pub(super) struct Elements<'a> {
    /// From the next element to the end mark, that included.
    rest: &'a [u8],
    /// Bytes of the element before; 0 for the first.
    before: usize,
    /// Where the header says that the last element starts, counted back from the end of the ziplist.
    last_from_end: usize,
    announced: Option<u16>,
}

impl<'a> Elements<'a> {
    /// The elements of `ziplist`.
    pub(super) fn of(ziplist: &'a [u8]) -> Result<Self, Corrupt> {
        let (header, rest) = ziplist.split_first_chunk::<HEADER_BYTES>().ok_or(Corrupt("a ziplist is cut short"))?;
        let [a, b, c, d, e, f, g, h, i, j] = *header;
        if u32::from_le_bytes([a, b, c, d]) as usize != ziplist.len() {
            return Err(Corrupt("a ziplist is not as long as announced"));
        }
        let last = u32::from_le_bytes([e, f, g, h]) as usize;
        let last_from_end = ziplist.len().checked_sub(last).ok_or(Corrupt("a ziplist's end lies outside"))?;
        let count = u16::from_le_bytes([i, j]);
        Ok(Elements { rest, before: 0, last_from_end, announced: (count != COUNT_UNKNOWN).then_some(count) })
    }

    fn element(&mut self) -> Result<Element<'a>, Corrupt> {
        let (before, before_bytes) = match self.rest {
            [LONG_BEFORE, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 5),
            [short, ..] if *short < LONG_BEFORE => (*short as usize, 1),
            _ => return Err(SHORT),
        };
        if before != self.before {
            return Err(Corrupt("an element's two lengths differ"));
        }
        let (element, bytes) = split(&self.rest[before_bytes..])?;
        self.before = before_bytes + bytes;
        let start_from_end = self.rest.len();
        self.rest = &self.rest[self.before..];
        if self.rest.len() == 1 && start_from_end != self.last_from_end {
            return Err(Corrupt("a ziplist's last element is elsewhere"));
        }
        if let Some(left) = &mut self.announced {
            *left = left.checked_sub(1).ok_or(Corrupt("a ziplist has more elements than announced"))?;
        }
        Ok(element)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = match self.rest {
            [] => return None,
            [END] if self.announced.unwrap_or(0) != 0 => Err(Corrupt("a ziplist has fewer elements than announced")),
            [END] => {
                self.rest = &[];
                return None;
            }
            [END, ..] => Err(Corrupt("a ziplist ends before its end")),
            _ => self.element(),
        };
        // The end mark is missing when an element takes the last byte.
        let end = if self.rest.is_empty() { Err(Corrupt("a ziplist has no end")) } else { end };
        if end.is_err() {
            self.rest = &[];
        }
        Some(end)
    }
}

/// Bytes end in the middle of an element.
const SHORT: Corrupt = Corrupt("an element is cut short");

/// The string of `length` bytes behind a head of `head` bytes, and how many bytes both take.
fn string(bytes: &[u8], head: usize, length: usize) -> Result<(Element<'_>, usize), Corrupt> {
    let data = bytes.get(head..).and_then(|tail| tail.get(..length)).ok_or(SHORT)?;
    Ok((Element::of(data), head + length))
}

/// The integer of `data` bytes behind a head of one byte, and how many bytes both take.
fn integer(bytes: &[u8], data: usize) -> Result<(Element<'_>, usize), Corrupt> {
    let data_bytes = bytes.get(1..1 + data).ok_or(SHORT)?;
    let mut wide = [0; 8];
    wide[8 - data..].copy_from_slice(data_bytes);
    Ok((Element::Int(i64::from_le_bytes(wide) >> (64 - 8 * data)), 1 + data))
}

/// The element that `bytes` begin with, behind the length of the one before, and how many bytes its head and data take.
fn split(bytes: &[u8]) -> Result<(Element<'_>, usize), Corrupt> {
    let first = *bytes.first().ok_or(SHORT)?;
    match first {
        0..=0x3f => string(bytes, 1, first as usize),
        0x40..=0x7f => {
            let low = *bytes.get(1).ok_or(SHORT)?;
            string(bytes, 2, u16::from_be_bytes([first & 0x3f, low]) as usize)
        }
        0x80..=0xbf => {
            let length = bytes.get(1..5).ok_or(SHORT)?;
            string(bytes, 5, u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize)
        }
        0xc0 => integer(bytes, 2),
        0xd0 => integer(bytes, 4),
        0xe0 => integer(bytes, 8),
        0xf0 => integer(bytes, 3),
        0xfe => integer(bytes, 1),
        0xf1..=0xfd => Ok((Element::Int((first & 0x0f) as i64 - 1), 1)),
        _ => Err(Corrupt("an element of unknown encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Element<'_>>, Corrupt> {
        Elements::of(bytes)?.collect()
    }

    /// `hello`, 12, -1, 300, 70 bytes of `x`, and an element of 300 bytes before a last one, put together by hand.
    fn example() -> Vec<u8> {
        let mut body = b"\x00\x05hello\x07\xfd\x02\xfe\xff\x03\xc0\x2c\x01\x04\x40\x46".to_vec();
        body.extend([b'x'; 70]);
        body.extend(b"\x49\x41\x2c");
        body.extend([b'y'; 300]);
        let last = 10 + body.len();
        body.extend(b"\xfe\x2f\x01\x00\x00\xe0\x00\x00\x00\x00\x01\x00\x00\x00");
        let mut bytes = (body.len() as u32 + 11).to_le_bytes().to_vec();
        bytes.extend((last as u32).to_le_bytes());
        bytes.extend(7u16.to_le_bytes());
        bytes.extend(body);
        bytes.push(END);
        bytes
    }

    #[test]
    fn elements() {
        let bytes = example();
        let expected = [
            Element::Bytes(b"hello"),
            Element::Int(12),
            Element::Int(-1),
            Element::Int(300),
            Element::Bytes(&[b'x'; 70]),
            Element::Bytes(&[b'y'; 300]),
            Element::Int(1 << 32),
        ];
        assert_eq!(all(&bytes).as_deref(), Ok(&expected[..]));
        assert_eq!(all(b"\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff").as_deref(), Ok(&[][..]));
    }

    #[test]
    fn broken_structure() {
        let good = example();
        for end in 0..good.len() {
            assert!(all(&good[..end]).is_err(), "cut at {end}");
        }
        // Total, offset of the last element, count, lengths of elements before, heads, end mark.
        for at in [0, 4, 8, 10, 11, 17, 19, 22, 23, 26, 27, 99, 101, 403, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x04;
            assert!(all(&bad).is_err(), "byte {at}");
        }
    }
}
