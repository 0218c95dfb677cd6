//! Integers as Redis reads and writes them.

/// Reads a canonical 64-bit integer: an optional `-`, no leading zeros, no spaces, no `+`; `0` but not `-0`.
///
/// `None` for anything else, out-of-range values included.
#[inline]
pub fn parse_i64(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    if digits[0] == b'0' {
        return (digits.len() == 1 && !negative).then_some(0);
    }
    let mut value = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits stay below 10^19, which an u64 holds.
        value = value * 10 + digit as u64;
    }
    match negative {
        false => i64::try_from(value).ok(),
        true if value <= i64::MAX as u64 + 1 => Some((value as i64).wrapping_neg()),
        true => None,
    }
}

/// Reads an unsigned number of a cursor: decimal digits only, below 2^64.
pub fn parse_u64(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Appends `value` in decimal.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    if (0..10).contains(&value) {
        out.push(b'0' + value as u8);
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let good = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "10"];
        for text in good {
            assert_eq!(parse_i64(text.as_bytes()), text.parse().ok(), "{text}");
        }
        let bad = ["", "-", "-0", "01", "+1", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "1e3", "1.0"];
        for text in bad.into_iter().chain(["99999999999999999999", "--1", "0x1"]) {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }
}
