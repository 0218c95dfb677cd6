//! The listpack: a packed form of elements, each of which ends with its own length so that it can be walked from both ends.
//!
//! ```text
//! total bytes u32, elements u16 (0xffff: walk), elements, 0xff         both little-endian
//!
//! 0xxxxxxx                 integer 0..=127
//! 10llllll                 string of l bytes
//! 110xxxxx xxxxxxxx        integer of 13 bits
//! 1110llll llllllll        string of l bytes
//! 11110000 l (u32)         string of l bytes
//! 11110001..11110100       integer of 16, 24, 32, 64 bits
//! ```
//!
//! After head and data stands their length, most significant seven bits first, every byte but the first with its high bit set.

use super::Corrupt;
use super::element::Element;

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;
/// The number of elements that says "walk".
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The longest listpack, in bytes, that redis-server makes.
const BYTES_MAX: usize = 1 << 30;
/// Most bytes that an element takes beside a string's own.
const ELEMENT_OVERHEAD_MAX: usize = 10;

/// The elements of a listpack. Whoever takes them all has checked every byte.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    /// From the next element to the end mark, that included.
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
        let (element, bytes) = split(self.rest)?;
        let rest = &self.rest[bytes..];
        let mut length = [0; 5];
        let length = put_back_length(&mut length, bytes);
        self.rest = rest.strip_prefix(length).ok_or(Corrupt("an element's two lengths differ"))?;
        if let Some(left) = &mut self.announced {
            *left = left.checked_sub(1).ok_or(Corrupt("a listpack has more elements than announced"))?;
        }
        Ok(element)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = match self.rest {
            [] => return None,
            [END] if self.announced.unwrap_or(0) != 0 => Err(Corrupt("a listpack has fewer elements than announced")),
            [END] => {
                self.rest = &[];
                return None;
            }
            [END, ..] => Err(Corrupt("a listpack ends before its end")),
            _ => self.element(),
        };
        if end.is_err() {
            self.rest = &[];
        }
        Some(end)
    }
}

/// Bytes end in the middle of an element.
pub(super) const SHORT: Corrupt = Corrupt("an element is cut short");

/// The string of `length` bytes behind a head of `head` bytes, and how many bytes both take: the same in listpacks and ziplists.
pub(super) fn string(bytes: &[u8], head: usize, length: usize) -> Result<(Element<'_>, usize), Corrupt> {
    let data = bytes.get(head..).and_then(|tail| tail.get(..length)).ok_or(SHORT)?;
    Ok((Element::of(data), head + length))
}

/// The integer of `data` bytes behind a head of one byte, and how many bytes both take: the same in listpacks and ziplists.
pub(super) fn integer(bytes: &[u8], data: usize) -> Result<(Element<'_>, usize), Corrupt> {
    let data_bytes = bytes.get(1..1 + data).ok_or(SHORT)?;
    let mut wide = [0; 8];
    wide[8 - data..].copy_from_slice(data_bytes);
    Ok((Element::Int(i64::from_le_bytes(wide) >> (64 - 8 * data)), 1 + data))
}

/// The element that `bytes` begin with, and how many bytes its head and data take.
fn split(bytes: &[u8]) -> Result<(Element<'_>, usize), Corrupt> {
    let second = || bytes.get(1).copied().ok_or(SHORT);
    let first = *bytes.first().ok_or(SHORT)?;
    match first {
        0..=0x7f => Ok((Element::Int(first as i64), 1)),
        0x80..=0xbf => string(bytes, 1, first as usize & 0x3f),
        0xc0..=0xdf => {
            let value = i16::from_be_bytes([first << 3, 0]) >> 3 | second()? as i16;
            Ok((Element::Int(value as i64), 2))
        }
        0xe0..=0xef => string(bytes, 2, u16::from_be_bytes([first & 0x0f, second()?]) as usize),
        0xf0 => {
            let length = bytes.get(1..5).ok_or(SHORT)?;
            string(bytes, 5, u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize)
        }
        0xf1 => integer(bytes, 2),
        0xf2 => integer(bytes, 3),
        0xf3 => integer(bytes, 4),
        0xf4 => integer(bytes, 8),
        _ => Err(Corrupt("an element of unknown encoding")),
    }
}

/// Writes the length that follows an element of `bytes` bytes. The widths are redis-server's, whose bounds are one short of
/// what would fit.
fn put_back_length(room: &mut [u8; 5], bytes: usize) -> &[u8] {
    let width = match bytes {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    for (at, byte) in room[..width].iter_mut().enumerate() {
        let high = if at == 0 { 0 } else { 0x80 };
        *byte = (bytes >> (7 * (width - 1 - at))) as u8 & 0x7f | high;
    }
    &room[..width]
}

/// A listpack in the making.
#[derive(Clone, Debug)]
pub struct ListpackWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for ListpackWriter {
    fn default() -> Self {
        ListpackWriter { bytes: vec![0; HEADER_BYTES], count: 0 }
    }
}

impl ListpackWriter {
    /// Bytes so far, without the end mark.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Elements so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// True before the first element.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether an element of `bytes` bytes still fits a listpack that redis-server accepts.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes + ELEMENT_OVERHEAD_MAX < BYTES_MAX
    }

    /// Appends an element. Callers ask `has_room` first.
    pub fn push(&mut self, element: Element<'_>) {
        let start = self.bytes.len();
        match element {
            Element::Int(value) => self.put_integer(value),
            Element::Bytes(bytes) => self.put_string(bytes),
        }
        let bytes = self.bytes.len() - start;
        self.bytes.extend_from_slice(put_back_length(&mut [0; 5], bytes));
        self.count += 1;
    }

    fn put_integer(&mut self, value: i64) {
        let little = value.to_le_bytes();
        match value {
            0..=127 => self.bytes.push(value as u8),
            -4096..=4095 => {
                let bits = value as u16 & 0x1fff | 0xc000;
                self.bytes.extend_from_slice(&bits.to_be_bytes());
            }
            -0x8000..=0x7fff => self.put_head_and(0xf1, &little[..2]),
            -0x80_0000..=0x7f_ffff => self.put_head_and(0xf2, &little[..3]),
            -0x8000_0000..=0x7fff_ffff => self.put_head_and(0xf3, &little[..4]),
            _ => self.put_head_and(0xf4, &little),
        }
    }

    fn put_string(&mut self, bytes: &[u8]) {
        match bytes.len() {
            length @ 0..0x40 => self.bytes.push(0x80 | length as u8),
            length @ 0x40..0x1000 => self.bytes.extend_from_slice(&(length as u16 | 0xe000).to_be_bytes()),
            length => self.put_head_and(0xf0, &(length as u32).to_le_bytes()),
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn put_head_and(&mut self, head: u8, data: &[u8]) {
        self.bytes.push(head);
        self.bytes.extend_from_slice(data);
    }

    /// Appends all elements of another one.
    pub fn append(&mut self, other: ListpackWriter) {
        self.bytes.extend_from_slice(&other.bytes[HEADER_BYTES..]);
        self.count += other.count;
    }

    /// The whole listpack.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// The elements as one listpack; `None` if that would be longer than redis-server accepts.
pub(super) fn pack<'a>(elements: impl Iterator<Item = Element<'a>>) -> Option<Vec<u8>> {
    let mut writer = ListpackWriter::default();
    for element in elements {
        if !writer.has_room(element.text_len()) {
            return None;
        }
        writer.push(element);
    }
    Some(writer.finish())
}
