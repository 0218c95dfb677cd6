//! Numbers as Redis reads them in its configuration: strict decimal integers, memory sizes with units, octal permissions.

use super::row::Kind;

/// Why a value that must be an integer is none.
const NOT_AN_INTEGER: &str = "argument couldn't be parsed into an integer";
/// Why a value that must be a memory size is none.
const NOT_A_SIZE: &str = "argument must be a memory value";
/// Why a value that must be permission bits is none.
const NOT_OCTAL: &str = "argument couldn't be parsed as an octal number";

/// Reads `raw` as a number of `kind` and checks its range.
///
/// Errors: the reason in Redis's words, also when `kind` is no number.
pub(super) fn parse(kind: &Kind, raw: &[u8]) -> Result<i128, String> {
    match *kind {
        Kind::Integer { min, max } => within(integer(raw)?, min, max),
        Kind::Clamped { low, high } => {
            let value = within(integer(raw)?, 0, i32::MAX)?;
            Ok(value.clamp(low.into(), high.into()))
        }
        Kind::PowerOfTwo { min, max } => {
            let value = within(integer(raw)?, min, max)?;
            match value.count_ones() {
                1 => Ok(value),
                _ => Err("argument must be a power of two".to_owned()),
            }
        }
        Kind::Bytes { min, max } => within(size(raw).ok_or(NOT_A_SIZE)?, min, max),
        Kind::Permissions => {
            let value = octal(raw).ok_or(NOT_OCTAL)?;
            match (0..=0o777).contains(&value) {
                true => Ok(value),
                false => Err("argument must be between 0 and 777 inclusive".to_owned()),
            }
        }
        _ => Err(NOT_AN_INTEGER.to_owned()),
    }
}

fn within(value: impl Into<i128>, min: impl Into<i128>, max: impl Into<i128>) -> Result<i128, String> {
    let (value, min, max) = (value.into(), min.into(), max.into());
    match (min..=max).contains(&value) {
        true => Ok(value),
        false => Err(format!("argument must be between {min} and {max} inclusive")),
    }
}

/// A decimal integer with no spaces, plus sign or leading zeros.
fn integer(raw: &[u8]) -> Result<i64, String> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    let canonical =
        digits.iter().all(u8::is_ascii_digit) && (digits.first().is_some_and(|first| *first != b'0') || raw == b"0");
    let value = std::str::from_utf8(raw).ok().filter(|_| canonical).and_then(|text| text.parse().ok());
    value.ok_or_else(|| NOT_AN_INTEGER.to_owned())
}

/// Bytes: digits and a unit. No digits are 0, as Redis reads them; what exceeds 64 bits is the greatest value (Redis wraps with
/// a unit).
pub(super) fn size(raw: &[u8]) -> Option<u64> {
    let split = raw.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(raw.len());
    let (digits, unit) = raw.split_at(split);
    let unit: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1000 * 1000,
        b"mb" => 1 << 20,
        b"g" => 1000 * 1000 * 1000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let count = digits.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add((digit - b'0').into()));
    Some(count.saturating_mul(unit))
}

fn octal(raw: &[u8]) -> Option<i128> {
    i64::from_str_radix(std::str::from_utf8(raw).ok()?, 8).ok().map(i128::from)
}
