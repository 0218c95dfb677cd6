//! Lengths, strings and numbers, written as redis-server writes them.

use super::element::Element;
use super::lzf;
use crate::number::parse_i64;

/// Strings up to this length are not worth compressing.
const PLAIN_BYTES_MAX: usize = 20;
/// What compression must save at least, in bytes: its own header.
const SAVING_BYTES_MIN: usize = 4;
/// The longest text of a number that has a form as an integer.
const INTEGER_TEXT_BYTES_MAX: usize = 11;

/// Appends a length, or a number in the form of one.
pub fn push_length(out: &mut Vec<u8>, length: u64) {
    match length {
        0..0x40 => out.push(length as u8),
        0x40..0x4000 => out.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// Appends a string: as an integer if it is the text of a small one, compressed if that makes it shorter.
pub fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() <= INTEGER_TEXT_BYTES_MAX
        && let Some(value) = parse_i64(bytes)
        && push_small_integer(out, value)
    {
        return;
    }
    if bytes.len() > PLAIN_BYTES_MAX
        && let Some(packed) = lzf::compress(bytes, bytes.len() - SAVING_BYTES_MIN)
    {
        out.push(0xc3);
        push_length(out, packed.len() as u64);
        push_length(out, bytes.len() as u64);
        out.extend_from_slice(&packed);
        return;
    }
    push_length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends an element as a string.
pub fn push_element(out: &mut Vec<u8>, element: Element<'_>) {
    match element {
        Element::Int(value) if push_small_integer(out, value) => {}
        element => push_string(out, element.text(&mut itoa::Buffer::new())),
    }
}

/// Appends an integer of up to 32 bits in its shortest form. False, and nothing, for any other.
fn push_small_integer(out: &mut Vec<u8>, value: i64) -> bool {
    if let Ok(value) = i8::try_from(value) {
        out.extend_from_slice(&[0xc0, value as u8]);
    } else if let Ok(value) = i16::try_from(value) {
        out.push(0xc1);
        out.extend_from_slice(&value.to_le_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(0xc2);
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        return false;
    }
    true
}

/// Appends a time in milliseconds since 1970.
pub fn push_millis(out: &mut Vec<u8>, millis: i64) {
    out.extend_from_slice(&millis.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::reader::Reader;
    use proptest::prelude::*;

    #[test]
    fn bytes_as_redis_server_writes_them() {
        let rows: [(&[u8], &[u8]); 9] = [
            (b"", b"\x00"),
            (b"127", b"\xc0\x7f"),
            (b"-129", b"\xc1\x7f\xff"),
            (b"2147483647", b"\xc2\xff\xff\xff\x7f"),
            (b"-2147483648", b"\xc2\x00\x00\x00\x80"),
            (b"2147483648", b"\x0a2147483648"),
            (b"007", b"\x03007"),
            (b"aaaaaaaaaaaaaaaaaaaa", b"\x14aaaaaaaaaaaaaaaaaaaa"),
            (b"abcdefghijklmnopqrstuvwxyz", b"\x1aabcdefghijklmnopqrstuvwxyz"),
        ];
        for (bytes, expected) in rows {
            let mut out = Vec::new();
            push_string(&mut out, bytes);
            assert_eq!(out, expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn lengths_come_back(length: u64, shift in 0u32..64) {
            let mut out = Vec::new();
            push_length(&mut out, length >> shift);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.length(), Ok(length >> shift));
            prop_assert_eq!(reader.remaining(), 0);
        }

        #[test]
        fn strings_come_back(bytes in proptest::collection::vec(b'a'..b'e', 0..200), value: i64, shift in 0u32..64) {
            let number = Element::Int(value >> shift);
            let mut out = Vec::new();
            push_string(&mut out, &bytes);
            push_element(&mut out, number);
            let mut reader = Reader::new(&out);
            let string = reader.string().unwrap();
            prop_assert_eq!(string.element(), Element::of(&bytes));
            let (mut one, mut two) = (itoa::Buffer::new(), itoa::Buffer::new());
            let string = reader.string().unwrap();
            prop_assert_eq!(string.element().text(&mut one), number.text(&mut two));
            prop_assert_eq!(reader.remaining(), 0);
        }
    }
}
