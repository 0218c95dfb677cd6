//! One element: what it is, how it is encoded, and where its parts stand.

use crate::number::parse_i64;

/// The longest string whose length stands in the head itself.
const SHORT_MAX: usize = 0x3f;
const INT_IN_HEAD: u8 = 0x40;
const INT_IN_HEAD_MAX: i64 = 0x3f;
const STRING_12: u8 = 0x80;
const STRING_12_MAX: usize = 0xfff;
const STRING_32: u8 = 0x90;
/// Added to the number of bytes of an integer.
const INT: u8 = 0xc0;

/// Bytes of the longest head with an integer's data.
const HEAD_BYTES_MAX: usize = 9;
/// Bytes of the longest back length: 4 GiB and a head take 33 bits.
const BACK_BYTES_MAX: usize = 5;

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
        let (head, data) = parts(bytes);
        (decode(bytes), head + data)
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
        if (0..=INT_IN_HEAD_MAX).contains(&value) {
            head[0] = INT_IN_HEAD | value as u8;
            return Encoded { head, head_len: 1, data: b"" };
        }
        let width = match value {
            -0x8000..0x8000 => 2,
            -0x80_0000..0x80_0000 => 3,
            -0x8000_0000..0x8000_0000 => 4,
            _ => 8,
        };
        head[0] = INT + width;
        head[1..].copy_from_slice(&value.to_le_bytes());
        Encoded { head, head_len: 1 + width, data: b"" }
    }

    #[inline]
    fn string(text: &'a [u8]) -> Encoded<'a> {
        let mut head = [0; HEAD_BYTES_MAX];
        let head_len = match text.len() {
            len @ 0..=SHORT_MAX => {
                head[0] = len as u8;
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

    /// Its back length.
    #[inline]
    pub(super) fn back(&self) -> Back {
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
pub(super) struct Back {
    bytes: [u8; BACK_BYTES_MAX],
    start: u8,
}

impl Back {
    #[inline]
    fn of(mut len: usize) -> Back {
        let mut back = Back { bytes: [0; BACK_BYTES_MAX], start: BACK_BYTES_MAX as u8 };
        loop {
            let more = if len > 0x7f { 0x80 } else { 0 };
            back.start -= 1;
            back.bytes[back.start as usize] = (len & 0x7f) as u8 | more;
            len >>= 7;
            if more == 0 {
                return back;
            }
        }
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

/// Bytes of the back length of an element whose head and data take `len`.
#[inline]
fn back_len(len: usize) -> usize {
    if len < 0x80 { 1 } else { (usize::BITS - len.leading_zeros()).div_ceil(7) as usize }
}

/// The bytes of head and of data of the element that `bytes` begin with.
#[inline]
fn parts(bytes: &[u8]) -> (usize, usize) {
    match bytes[0] {
        short @ 0..INT_IN_HEAD => (1, short as usize),
        INT_IN_HEAD..STRING_12 => (1, 0),
        long @ STRING_12..STRING_32 => (2, (long & 0x0f) as usize * 256 + bytes[1] as usize),
        STRING_32 => (5, u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize),
        int => (1, (int & 0x0f) as usize),
    }
}

/// Bytes that the element takes that `bytes` begin with, its back length included.
#[inline]
pub(super) fn stored_len(bytes: &[u8]) -> usize {
    let (head, data) = parts(bytes);
    head + data + back_len(head + data)
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

/// The element that `bytes` begin with.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Element<'_> {
    let (start, len) = parts(bytes);
    let data = &bytes[start..start + len];
    match bytes[0] {
        0..INT_IN_HEAD | STRING_12..=STRING_32 => Element::Bytes(data),
        small @ INT_IN_HEAD..STRING_12 => Element::Int((small & 0x3f) as i64),
        _ => {
            // Sign-extended from the last byte of the data.
            let fill = if data[len - 1] & 0x80 != 0 { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..len].copy_from_slice(data);
            Element::Int(i64::from_le_bytes(wide))
        }
    }
}
