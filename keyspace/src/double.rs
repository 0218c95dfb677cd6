//! 64-bit floating-point numbers as C reads and writes them: `strtod` and `%.17g`, in which Redis speaks of scores.
//!
//! Decimal digits are left to std, which rounds to the nearest as C does; hexadecimal ones are read here.
//! Source: C17 §7.22.1.3 and §7.21.6.1.

use std::fmt::Write;

use smallvec::SmallVec;

/// The text of a number. None needs the heap.
pub type Text = SmallVec<[u8; 32]>;

/// What `strtod` reports of a whole text that is a number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Read {
    /// The nearest number; not one for the word `nan`.
    value: f64,
    /// What was written is too large for a number, or rounds to zero and is not.
    out_of_range: bool,
}

/// Reads a score or a weight: a whole text without spaces; neither `nan` nor out of range.
#[inline]
pub fn parse(text: &[u8]) -> Option<f64> {
    let read = strtod(text)?;
    (!read.out_of_range && !read.value.is_nan()).then_some(read.value)
}

/// Reads a bound of a range of scores with the freedom that Redis gives: a zero byte ends the text, nothing is zero, spaces may
/// stand before, and what is out of range is the nearest number.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = c_string(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let read = strtod(behind_spaces(text))?;
    (!read.value.is_nan()).then_some(read.value)
}

/// Reads a number to sort by, with the freedom of `parse_bound`, but nothing that is out of range. Decimal numbers that are too
/// small for all their digits to be kept are so as well.
pub fn parse_weight(text: &[u8]) -> Option<f64> {
    let text = c_string(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let text = behind_spaces(text);
    let read = strtod(text)?;
    let is_rounded = read.value.is_subnormal() && !text.iter().any(|byte| matches!(byte, b'x' | b'X'));
    (!read.out_of_range && !read.value.is_nan() && !is_rounded).then_some(read.value)
}

/// What C takes for the whole text: up to its first zero byte.
pub fn c_string(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}

fn behind_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    &text[spaces..]
}

/// Reads a whole text.
fn strtod(text: &[u8]) -> Option<Read> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let read = match magnitude {
        [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest)?,
        [b'0'..=b'9' | b'.', ..] => decimal(magnitude)?,
        _ if magnitude.eq_ignore_ascii_case(b"inf") || magnitude.eq_ignore_ascii_case(b"infinity") => {
            Read { value: f64::INFINITY, out_of_range: false }
        }
        _ => return None,
    };
    Some(Read { value: if negative { -read.value } else { read.value }, ..read })
}

fn decimal(text: &[u8]) -> Option<Read> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    let is_zero = value == 0.0 && {
        let mut digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
        !digits.any(|byte| matches!(byte, b'1'..=b'9'))
    };
    Some(Read { value, out_of_range: value.is_infinite() || value == 0.0 && !is_zero })
}

/// Reads `whole.fraction` and `p` with a binary exponent; at least one digit, and one after the mark if there is a mark.
fn hexadecimal(text: &[u8]) -> Option<Read> {
    /// Absurd exponents stop here: out of range with any number of digits that a text can have.
    const BOUND: i64 = 1 << 40;
    let (mut mantissa, mut exponent, mut sticky) = (0u64, 0i64, false);
    let (mut digits, mut point) = (0usize, false);
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        match (first, (*first as char).to_digit(16)) {
            (b'.', _) if !point => point = true,
            (_, Some(digit)) => {
                digits += 1;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | digit as u64;
                    exponent -= if point { 4 } else { 0 };
                } else {
                    sticky |= digit != 0;
                    exponent += if point { 0 } else { 4 };
                }
            }
            _ => break,
        }
        rest = behind;
    }
    let scale = match rest {
        [] => 0,
        [b'p' | b'P', signed @ ..] => {
            let (sign, number) = match signed {
                [b'-', number @ ..] => (-1, number),
                [b'+', number @ ..] => (1, number),
                number => (1, number),
            };
            if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
                return None;
            }
            sign * number.iter().fold(0, |sum: i64, digit| (sum * 10 + (digit - b'0') as i64).min(BOUND))
        }
        _ => return None,
    };
    (digits > 0).then(|| nearest(mantissa, exponent + scale, sticky))
}

/// The number nearest to `mantissa * 2^exponent`, ties to even. `sticky` says that the mantissa is a little larger than its bits.
fn nearest(mantissa: u64, exponent: i64, sticky: bool) -> Read {
    const MANTISSA_BITS: i64 = 53;
    /// The exponent of the last bit of the smallest numbers.
    const EXPONENT_MIN: i64 = -1074;
    if mantissa == 0 {
        return Read { value: 0.0, out_of_range: false };
    }
    let bits = 64 - mantissa.leading_zeros() as i64;
    let last = (exponent + bits - MANTISSA_BITS).max(EXPONENT_MIN);
    // Two bits more than the mantissa has, the lower of which stands for all that is lost.
    let wide = (mantissa as u128) << 62;
    let shift = (last - exponent + 62).clamp(0, 127) as u32;
    let kept = (wide >> shift) as u64;
    let lost = wide & ((1 << shift) - 1);
    let half = (1u128 << shift) >> 1;
    let up = lost > half || lost == half && half > 0 && (sticky || kept & 1 == 1);
    let rounded = kept + up as u64;
    if rounded == 0 {
        return Read { value: 0.0, out_of_range: true };
    }
    if last + (64 - rounded.leading_zeros() as i64) > 1024 {
        return Read { value: f64::INFINITY, out_of_range: true };
    }
    // Both factors and the product are exact: `rounded` has at most 54 bits, the last of them zero.
    let (first, second) = (last / 2, last - last / 2);
    let value = rounded as f64 * 2f64.powi(first as i32) * 2f64.powi(second as i32);
    Read { value, out_of_range: false }
}

/// The text of a number as C's `%.17g` writes it.
pub fn text(value: f64) -> Text {
    let mut text = Text::new();
    if value.is_nan() {
        text.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        text.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == value.trunc() && value.abs() < 1e17 {
        match value == 0.0 && value.is_sign_negative() {
            true => text.extend_from_slice(b"-0"),
            false => text.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes()),
        }
    } else {
        push_general(&mut text, value);
    }
    text
}

/// Takes what std formats.
struct Sink(Text);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Significant digits of a text.
const DIGITS: i32 = 17;
/// The least and the least too large number of that many digits.
const DIGITS_MIN: u128 = 10u128.pow(DIGITS as u32 - 1);
const DIGITS_END: u128 = 10 * DIGITS_MIN;

/// The first digits of a number as an integer, rounded to even, and the decimal exponent of the first of them.
fn digits(magnitude: f64) -> (u64, i32) {
    short_digits(magnitude).unwrap_or_else(|| any_digits(magnitude))
}

/// `digits` where 128 bits hold the exact product of the number and a power of ten.
fn short_digits(magnitude: f64) -> Option<(u64, i32)> {
    if !(1e-6..1e17).contains(&magnitude) {
        return None;
    }
    let bits = magnitude.to_bits();
    let mantissa = ((bits & ((1 << 52) - 1)) | 1 << 52) as u128;
    // The number is mantissa / 2^shift; below 10^17 at most four bits stand above the mantissa.
    let shift = 1075 - (bits >> 52) as i32;
    let (mantissa, shift) = if shift < 0 { (mantissa << -shift, 0) } else { (mantissa, shift as u32) };
    // The binary exponent times log10(2), which is 1233/4096: too low by one at most.
    let mut exponent = (((52 - shift as i32) * 1233) >> 12).clamp(-6, DIGITS - 1);
    loop {
        let scaled = mantissa * 10u128.pow((DIGITS - 1 - exponent) as u32);
        let (kept, lost) = (scaled >> shift, scaled & ((1 << shift) - 1));
        if kept >= DIGITS_END {
            exponent += 1;
            continue;
        }
        if kept < DIGITS_MIN {
            return None;
        }
        let half = (1u128 << shift) >> 1;
        let up = lost > half || lost == half && half > 0 && kept & 1 == 1;
        let rounded = kept + up as u128;
        return Some(match rounded {
            DIGITS_END => (DIGITS_MIN as u64, exponent + 1),
            rounded => (rounded as u64, exponent),
        });
    }
}

/// `digits` of any finite number that is not zero.
fn any_digits(magnitude: f64) -> (u64, i32) {
    let mut scientific = Sink(Text::new());
    write!(scientific, "{magnitude:.16e}").expect("memory takes any text");
    let text = std::str::from_utf8(&scientific.0).expect("std writes text");
    let (mantissa, exponent) = text.split_once('e').expect("the form e holds an e");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).fold(0, |sum, digit| sum * 10 + (digit - b'0') as u64);
    (digits, exponent.parse().expect("the form e ends in a number"))
}

/// `%.17g` of a finite number that is not zero.
fn push_general(text: &mut Text, value: f64) {
    let (digits, exponent) = digits(value.abs());
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(digits).trim_end_matches('0').as_bytes();
    if value < 0.0 {
        text.push(b'-');
    }
    if !(-4..DIGITS).contains(&exponent) {
        text.push(digits[0]);
        if digits.len() > 1 {
            text.push(b'.');
            text.extend_from_slice(&digits[1..]);
        }
        text.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            text.push(b'0');
        }
        text.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    } else if exponent < 0 {
        text.extend_from_slice(b"0.");
        text.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        text.extend_from_slice(digits);
    } else {
        let whole = exponent as usize + 1;
        let (before, behind) = digits.split_at(whole.min(digits.len()));
        text.extend_from_slice(before);
        text.extend(std::iter::repeat_n(b'0', whole - before.len()));
        if !behind.is_empty() {
            text.push(b'.');
            text.extend_from_slice(behind);
        }
    }
}

#[cfg(test)]
#[path = "double_tests.rs"]
mod tests;
