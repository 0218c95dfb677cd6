//! One element: what it is, how it is encoded, and where its parts stand.

use crate::number::parse_i64;

// What the first byte of an element says: each class begins where the one before ends.
/// Below: an integer of 7 bits. From here on: a string, its length in 6 bits.
const STRING_6: u8 = 0x80;
/// An integer of 13 bits, the upper 5 of them here, the others in the second byte.
const INT_13: u8 = 0xc0;
/// A string, the upper 4 bits of its length here, 8 in the second byte.
const STRING_12: u8 = 0xe0;
/// A string, its length in the next four bytes.
const STRING_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// Bytes of an integer of these last four classes.
const INT_BYTES: [usize; 4] = [2, 3, 4, 8];

const STRING_6_MAX: usize = 0x3f;
const STRING_12_MAX: usize = 0xfff;

/// Bytes of the longest head with an integer's data.
const HEAD_BYTES_MAX: usize = 9;
/// Bytes of the longest back length: 4 GiB and a head take 33 bits.
const BACK_BYTES_MAX: usize = 5;

/// Why the form of packed bytes is not checked again where they are read.
const BUILT_HERE: &str = "packed bytes are built by this module alone";

/// One element of a packed collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// Any bytes that are not the canonical form of an integer.
    Bytes(&'a [u8]),
    /// An integer; as text its canonical decimal form.
    Int(i64),
}

impl<'a> Element<'a> {
    /// `text` as an element.
    #[inline]
    pub fn of(text: &'a [u8]) -> Element<'a> {
        parse_i64(text).map_or(Element::Bytes(text), Element::Int)
    }

    /// The element whose head and data `bytes` begin with, and how many bytes they take: for those who keep no back lengths.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> (Element<'a>, usize) {
        let (head, data) = parts(bytes).expect(BUILT_HERE);
        (decode(bytes, head, data), head + data)
    }

    /// [`Element::read`] for bytes that came from outside: `None` if they do not begin with a whole element. An integer that
    /// stands there as a string, or in a wider form than it needs, is the element that it would be here.
    pub(crate) fn read_foreign(bytes: &'a [u8]) -> Option<(Element<'a>, usize)> {
        let (head, data) = parts(bytes)?;
        let len = head.checked_add(data).filter(|&len| len <= bytes.len())?;
        match decode(bytes, head, data) {
            Element::Bytes(text) => Some((Element::of(text), len)),
            integer => Some((integer, len)),
        }
    }

    /// The element's text; an integer's is written to `digits`.
    #[inline]
    pub fn text<'t>(&self, digits: &'t mut itoa::Buffer) -> &'t [u8]
    where
        'a: 't,
    {
        match *self {
            Element::Bytes(bytes) => bytes,
            Element::Int(value) => digits.format(value).as_bytes(),
        }
    }

    /// The element's text in a `Vec` of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        self.text(&mut itoa::Buffer::new()).to_vec()
    }

    /// Bytes of the element's text.
    #[inline]
    pub fn text_len(&self) -> usize {
        match self {
            Element::Bytes(bytes) => bytes.len(),
            Element::Int(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + (*value < 0) as usize
            }
        }
    }

    /// The integer that it is, if it is one.
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Element::Bytes(_) => None,
            Element::Int(value) => Some(*value),
        }
    }
}

/// An element's encoded form, its data not copied: to be stored or to be looked for.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    head: [u8; HEAD_BYTES_MAX],
    head_len: u8,
    data: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The form of a text below 4 GiB.
    #[inline]
    pub fn of(text: &'a [u8]) -> Encoded<'a> {
        match parse_i64(text) {
            Some(value) => Encoded::int(value),
            None => Encoded::string(text),
        }
    }

    /// The form of an element.
    #[inline]
    pub fn element(element: Element<'a>) -> Encoded<'a> {
        match element {
            Element::Bytes(bytes) => Encoded::string(bytes),
            Element::Int(value) => Encoded::int(value),
        }
    }

    /// The form of an integer.
    #[inline]
    pub fn int(value: i64) -> Encoded<'static> {
        let mut head = [0; HEAD_BYTES_MAX];
        let (class, width) = match value {
            0..0x80 => {
                head[0] = value as u8;
                return Encoded { head, head_len: 1, data: b"" };
            }
            -0x1000..0x1000 => {
                let bits = value as u16 & 0x1fff;
                head[..2].copy_from_slice(&bits.to_be_bytes());
                head[0] |= INT_13;
                return Encoded { head, head_len: 2, data: b"" };
            }
            -0x8000..0x8000 => (INT_16, 2),
            -0x80_0000..0x80_0000 => (INT_24, 3),
            -0x8000_0000..0x8000_0000 => (INT_32, 4),
            _ => (INT_64, 8),
        };
        head[0] = class;
        head[1..].copy_from_slice(&value.to_le_bytes());
        Encoded { head, head_len: 1 + width, data: b"" }
    }

    #[inline]
    fn string(text: &'a [u8]) -> Encoded<'a> {
        let mut head = [0; HEAD_BYTES_MAX];
        let head_len = match text.len() {
            len @ 0..=STRING_6_MAX => {
                head[0] = STRING_6 | len as u8;
                1
            }
            len @ 0..=STRING_12_MAX => {
                head[0] = STRING_12 | (len >> 8) as u8;
                head[1] = len as u8;
                2
            }
            len => {
                let len = u32::try_from(len).expect("commands refuse arguments of 4 GiB");
                head[0] = STRING_32;
                head[1..5].copy_from_slice(&len.to_le_bytes());
                5
            }
        };
        Encoded { head, head_len, data: text }
    }

    /// Head, and for an integer its data.
    #[inline]
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[..self.head_len as usize]
    }

    /// The data that the head does not hold.
    #[inline]
    pub(crate) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Bytes that the element takes, its back length included.
    #[inline]
    pub fn stored_len(&self) -> usize {
        let len = self.head_len as usize + self.data.len();
        len + back_len(len)
    }

    /// Bytes of the element's text.
    #[inline]
    pub fn text_len(&self) -> usize {
        if self.data.is_empty() { Element::read(self.head()).0.text_len() } else { self.data.len() }
    }

    /// Its back length.
    #[inline]
    pub(crate) fn back(&self) -> Back {
        Back::of(self.head_len as usize + self.data.len())
    }

    /// True if `bytes` begin with this element.
    #[inline]
    pub(crate) fn starts(&self, bytes: &[u8]) -> bool {
        let head = self.head();
        bytes[0] == head[0] && bytes.starts_with(head) && bytes[head.len()..].starts_with(self.data)
    }
}

/// A back length in its encoded form.
pub(crate) struct Back {
    bytes: [u8; BACK_BYTES_MAX],
    start: u8,
}

impl Back {
    /// That of an element whose head and data take `len` bytes.
    #[inline]
    pub(crate) fn of(mut len: usize) -> Back {
        let start = BACK_BYTES_MAX - back_len(len);
        let mut bytes = [0; BACK_BYTES_MAX];
        for byte in bytes[start..].iter_mut().rev() {
            *byte = (len & 0x7f) as u8 | 0x80;
            len >>= 7;
        }
        bytes[start] &= 0x7f;
        Back { bytes, start: start as u8 }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

/// Bytes of the back length of an element whose head and data take `len`. The bounds are those of a listpack, which are one short
/// of what would fit.
#[inline]
fn back_len(len: usize) -> usize {
    match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The bytes of head and of data of the element that `bytes` begin with; `None` if its head is cut short or of no class.
#[inline]
fn parts(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(match *bytes.first()? {
        0..STRING_6 => (1, 0),
        short @ STRING_6..INT_13 => (1, (short & 0x3f) as usize),
        INT_13..STRING_12 => (2, 0),
        long @ STRING_12..STRING_32 => (2, u16::from_be_bytes([long & 0x0f, *bytes.get(1)?]) as usize),
        STRING_32 => (5, u32::from_le_bytes(*bytes[1..].first_chunk()?) as usize),
        integer @ INT_16..=INT_64 => (1, INT_BYTES[(integer - INT_16) as usize]),
        _ => return None,
    })
}

/// Bytes that the element takes that `bytes` begin with, its back length included.
#[inline]
pub(super) fn stored_len(bytes: &[u8]) -> usize {
    // Walks spend their time here: what is common needs no look at more than the first byte.
    match bytes[0] {
        0..STRING_6 => 2,
        short @ STRING_6..INT_13 => (short & 0x3f) as usize + 2,
        _ => {
            let (head, data) = parts(bytes).expect(BUILT_HERE);
            head + data + back_len(head + data)
        }
    }
}

/// Bytes that the element takes that `bytes` end with, its back length included.
#[inline]
pub(super) fn stored_len_before(bytes: &[u8]) -> usize {
    let (mut len, mut taken) = (0, 0);
    for &byte in bytes.iter().rev() {
        len |= ((byte & 0x7f) as usize) << (7 * taken);
        taken += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    len + taken
}

/// The element that `bytes` begin with, and the bytes that it takes, its back length included.
#[inline]
pub(super) fn split(bytes: &[u8]) -> (Element<'_>, usize) {
    // Reading spends its time here: what is common is decided by the first byte.
    match bytes[0] {
        short @ STRING_6..INT_13 => {
            let end = (short & 0x3f) as usize + 1;
            (Element::Bytes(&bytes[1..end]), end + 1)
        }
        small @ 0..STRING_6 => (Element::Int(small as i64), 2),
        _ => split_long(bytes),
    }
}

/// `split` for an element whose head and data have more than 64 bytes, or an integer of more than seven bits.
#[inline(never)]
fn split_long(bytes: &[u8]) -> (Element<'_>, usize) {
    let (element, len) = Element::read(bytes);
    (element, len + back_len(len))
}

/// The element that `bytes` begin with, of a head and data of so many bytes.
#[inline]
fn decode(bytes: &[u8], head: usize, data: usize) -> Element<'_> {
    match bytes[0] {
        small @ 0..STRING_6 => Element::Int(small as i64),
        STRING_6..INT_13 | STRING_12..=STRING_32 => Element::Bytes(&bytes[head..head + data]),
        first @ INT_13..STRING_12 => {
            // The class's three bits leave at the top, and the sign comes back from there.
            let bits = u16::from_be_bytes([first, bytes[1]]) << 3;
            Element::Int((bits as i16 >> 3) as i64)
        }
        _ => {
            // Sign-extended from the last byte of the data.
            let fill = if bytes[data] & 0x80 != 0 { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..data].copy_from_slice(&bytes[1..=data]);
            Element::Int(i64::from_le_bytes(wide))
        }
    }
}
