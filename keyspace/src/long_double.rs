//! The 80-bit floating-point number of x87: what INCRBYFLOAT computes with.
//!
//! Redis adds in C's `long double`, which on x86-64 has a sign, 15 bits of exponent and 64 bits of mantissa, and prints 17
//! decimals of the exact sum. Clients see those digits, so 64-bit floats are not enough. This is that type in software, as far
//! as the command needs it: read as `strtold` reads, add with one rounding to nearest even, print exactly.
//! Source: Intel SDM vol. 1 §4.2.2; C17 §7.22.1.3.

use smallvec::SmallVec;

use crate::natural::Natural;

/// The longest text that is read, in bytes: Redis copies it to a buffer of 5 KiB with an end mark.
pub(crate) const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// The least exponent of the mantissa's last bit: that of subnormal numbers.
const EXPONENT_MIN: i32 = -16_445;
/// The largest one of finite numbers.
const EXPONENT_MAX: i32 = 16_320;
/// The top bit of a normal number's mantissa.
const TOP: u64 = 1 << 63;
/// Decimals that are printed.
const DECIMALS: u32 = 17;

/// A sign and `mantissa * 2^exponent`, or infinity. Not a number is not represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongDouble {
    negative: bool,
    /// `EXPONENT_MIN..=EXPONENT_MAX`; one more is infinity.
    exponent: i32,
    /// At least `TOP` unless the exponent is the least.
    mantissa: u64,
}

/// The text of a number. Short ones need no heap.
pub(crate) type Text = SmallVec<[u8; 64]>;

impl LongDouble {
    /// Reads a whole text as Redis does: decimal, hexadecimal (`0x1.8p3`) or `inf`, no spaces.
    ///
    /// `None` for anything else, and for what is out of range: too large, or not zero but rounded to it. Cost: up to 0.3 ms for
    /// the longest texts, some 50 ns for short ones.
    pub(crate) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { negative, ..LongDouble::INFINITY });
        }
        let magnitude = match text {
            [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest),
            _ => decimal(text),
        }?;
        Some(LongDouble { negative, ..magnitude })
    }

    const ZERO: LongDouble = LongDouble { negative: false, exponent: EXPONENT_MIN, mantissa: 0 };
    const INFINITY: LongDouble = LongDouble { negative: false, exponent: EXPONENT_MAX + 1, mantissa: TOP };

    pub(crate) fn is_finite(self) -> bool {
        self.exponent <= EXPONENT_MAX
    }

    /// The sum, rounded to nearest even; `None` if it is infinite or not a number.
    pub(crate) fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        /// Bits below the larger term's mantissa: the sum's carry still fits 128 bits.
        const GUARD: u32 = 62;
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        let key = |n: LongDouble| (n.exponent, n.mantissa);
        let (large, small) = if key(self) >= key(other) { (self, other) } else { (other, self) };
        let distance = (large.exponent - small.exponent) as u32;
        let above = (large.mantissa as u128) << GUARD;
        let whole = (small.mantissa as u128) << GUARD;
        let below = whole.checked_shr(distance).unwrap_or(0);
        let lost = below.checked_shl(distance).unwrap_or(0) != whole;
        let sum = match large.negative == small.negative {
            true => above + below,
            // What was lost would have been taken away too.
            false => above - below - lost as u128,
        };
        let magnitude = round(sum, (large.exponent - GUARD as i32) as i64, lost);
        // Terms that cancel give a positive zero, as do all zeros but two negative ones; no text shows the difference.
        let negative = large.negative && magnitude.mantissa != 0;
        magnitude.is_finite().then_some(LongDouble { negative, ..magnitude })
    }

    /// How many milliseconds so many seconds are, rounded up. `None` if that is no 64-bit integer.
    pub(crate) fn milliseconds(self) -> Option<i64> {
        let product = round(self.mantissa as u128 * 1000, self.exponent as i64, false);
        // What is not subnormal has 64 bits in its mantissa: one more would be out of range.
        let shift = u32::try_from(-product.exponent).ok()?;
        let whole = product.mantissa.checked_shr(shift).unwrap_or(0);
        let is_whole = whole.checked_shl(shift).unwrap_or(0) == product.mantissa;
        let whole = whole as i128;
        i64::try_from(if self.negative { -whole } else { whole + !is_whole as i128 }).ok()
    }

    /// The text of `%.17Lf` without trailing zeros, and without the sign of a zero. Only for finite numbers.
    pub(crate) fn text(self) -> Text {
        debug_assert!(self.is_finite(), "an infinite sum is refused");
        let mut text = Text::new();
        if self.exponent >= 0 {
            if self.negative {
                text.push(b'-');
            }
            let mut whole = Natural::from_u64(self.mantissa);
            whole.shift_left(self.exponent as u32);
            text.extend_from_slice(whole.decimal().as_bytes());
            return text;
        }
        const SCALE: u128 = 10u128.pow(DECIMALS);
        let scaled = shift_right_even(self.mantissa as u128 * SCALE, self.exponent.unsigned_abs(), false);
        if self.negative && scaled != 0 {
            text.push(b'-');
        }
        let mut digits = itoa::Buffer::new();
        text.extend_from_slice(digits.format((scaled / SCALE) as u64).as_bytes());
        let mut decimals = (scaled % SCALE) as u64;
        if decimals != 0 {
            let mut width = DECIMALS as usize;
            while decimals.is_multiple_of(10) {
                decimals /= 10;
                width -= 1;
            }
            let digits = digits.format(decimals).as_bytes();
            text.push(b'.');
            text.extend(std::iter::repeat_n(b'0', width - digits.len()));
            text.extend_from_slice(digits);
        }
        text
    }
}

/// `value >> by`, rounded to nearest even. `sticky` says that the value is a little larger than its bits.
fn shift_right_even(value: u128, by: u32, sticky: bool) -> u128 {
    if by == 0 {
        return value;
    }
    let kept = value.checked_shr(by).unwrap_or(0);
    let rest = value - kept.checked_shl(by).unwrap_or(0);
    let Some(half) = 1u128.checked_shl(by - 1) else {
        return 0;
    };
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    kept + up as u128
}

/// The number nearest to `value * 2^exponent`, infinity included. With `sticky` the value is a little larger than its bits,
/// and has more than 64 of them.
fn round(value: u128, exponent: i64, sticky: bool) -> LongDouble {
    if value == 0 {
        return LongDouble::ZERO;
    }
    let bits = 128 - value.leading_zeros() as i64;
    // What the mantissa loses at its end: all above 64 bits, and all below the least exponent.
    let loss = (bits - 64).max(EXPONENT_MIN as i64 - exponent);
    let mut exponent = exponent + loss;
    let mut mantissa = match loss {
        0.. => shift_right_even(value, loss.min(200) as u32, sticky),
        _ => value << -loss,
    };
    if mantissa >> 64 != 0 {
        mantissa >>= 1;
        exponent += 1;
    }
    if exponent > EXPONENT_MAX as i64 {
        return LongDouble::INFINITY;
    }
    LongDouble { negative: false, exponent: exponent as i32, mantissa: mantissa as u64 }
}

/// `round` for a value that is not zero: `None` where `strtold` reports a range error that Redis refuses.
fn round_in_range(value: u128, exponent: i64, sticky: bool) -> Option<LongDouble> {
    Some(round(value, exponent, sticky)).filter(|n| n.is_finite() && n.mantissa != 0)
}

/// The digits of a number's text: those before and after the point, without leading zeros, and the exponent.
struct Digits<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl Digits<'_> {
    /// All digits in order, as numbers.
    fn values(&self) -> impl Iterator<Item = u8> + Clone {
        self.whole.iter().chain(self.fraction).map(|&byte| (byte as char).to_digit(16).map_or(0, |digit| digit as u8))
    }
}

/// Splits `whole.fraction<mark>exponent`; at least one digit is needed, and one after the mark if there is a mark.
fn digits(text: &[u8], is_digit: fn(&u8) -> bool, mark: u8) -> Option<Digits<'_>> {
    let whole_len = text.iter().take_while(|b| is_digit(b)).count();
    let (whole, rest) = text.split_at(whole_len);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(rest.iter().take_while(|b| is_digit(b)).count()),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [first, rest @ ..] if first.to_ascii_lowercase() == mark => signed(rest)?,
        _ => return None,
    };
    Some(Digits { whole, fraction, exponent })
}

/// An exponent. Absurd ones stop at a bound that is out of range with any number of digits.
fn signed(text: &[u8]) -> Option<i64> {
    const BOUND: i64 = 1_000_000_000;
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(sign * digits.iter().fold(0, |value: i64, byte| (value * 10 + (byte - b'0') as i64).min(BOUND)))
}

fn hexadecimal(text: &[u8]) -> Option<LongDouble> {
    let digits = digits(text, u8::is_ascii_hexdigit, b'p')?;
    let (mut value, mut exponent, mut sticky) = (0u128, digits.exponent - 4 * digits.fraction.len() as i64, false);
    for digit in digits.values() {
        match value >> 124 {
            0 => value = value << 4 | digit as u128,
            _ => {
                exponent += 4;
                sticky |= digit != 0;
            }
        }
    }
    if value == 0 { Some(LongDouble::ZERO) } else { round_in_range(value, exponent, sticky) }
}

fn decimal(text: &[u8]) -> Option<LongDouble> {
    /// Up to this many digits fit a limb.
    const SHORT: usize = 19;
    let digits = digits(text, u8::is_ascii_digit, b'e')?;
    let exponent = digits.exponent - digits.fraction.len() as i64;
    let significant = digits.values().skip_while(|&digit| digit == 0);
    let count = significant.clone().count();
    // The number lies between 10^(magnitude-1) and 10^magnitude: what is far out of range needs no arithmetic.
    let magnitude = count as i64 + exponent;
    if count == 0 {
        return Some(LongDouble::ZERO);
    }
    if !(-4960..=4940).contains(&magnitude) {
        return None;
    }
    if count <= SHORT && exponent.abs() <= 25 {
        let value = significant.fold(0, |value, digit| value * 10 + digit as u64);
        return short_decimal(value, exponent as i32);
    }
    let value = natural(significant);
    match u32::try_from(exponent) {
        Ok(exponent) => times_power_of_ten(value, exponent),
        Err(_) => over_power_of_ten(value, exponent.unsigned_abs() as u32),
    }
}

fn natural(digits: impl Iterator<Item = u8>) -> Natural {
    /// Digits of one step: a power of ten that fits a limb.
    const STEP: u32 = 19;
    let (mut value, mut group, mut len) = (Natural::default(), 0, 0);
    for digit in digits {
        (group, len) = (group * 10 + digit as u64, len + 1);
        if len == STEP {
            value.multiply_add(10u64.pow(STEP), group);
            (group, len) = (0, 0);
        }
    }
    value.multiply_add(10u64.pow(len), group);
    value
}

fn times_power_of_ten(mut value: Natural, exponent: u32) -> Option<LongDouble> {
    value.multiply_power_of_five(exponent);
    let (top, shift, sticky) = value.top();
    round_in_range(top, exponent as i64 + shift as i64, sticky)
}

/// Long division, bit by bit, to two bits more than a mantissa has and a remainder that is zero or not.
fn over_power_of_ten(mut value: Natural, exponent: u32) -> Option<LongDouble> {
    const QUOTIENT_BITS: u32 = 67;
    let mut divisor = Natural::from_u64(1);
    divisor.multiply_power_of_five(exponent);
    let shift = value.bits() as i64 - divisor.bits() as i64;
    match shift {
        0.. => divisor.shift_left(shift as u32),
        _ => value.shift_left(shift.unsigned_abs() as u32),
    }
    // Both have as many bits now: the quotient's first bit is one or half.
    let mut quotient = 0u128;
    for _ in 0..QUOTIENT_BITS {
        quotient <<= 1;
        if value >= divisor {
            value.subtract(&divisor);
            quotient |= 1;
        }
        value.shift_left(1);
    }
    round_in_range(quotient, shift - (QUOTIENT_BITS as i64 - 1) - exponent as i64, !value.is_zero())
}

/// `value * 10^exponent` without a heap. The exponent is at most 25 either way, so that its power of five fits 59 bits.
fn short_decimal(value: u64, exponent: i32) -> Option<LongDouble> {
    let power = 5u128.pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return round_in_range(value as u128 * power, exponent as i64, false);
    }
    let room = (value as u128).leading_zeros();
    let wide = (value as u128) << room;
    round_in_range(wide / power, (exponent - room as i32) as i64, !wide.is_multiple_of(power))
}

#[cfg(test)]
#[path = "long_double_tests.rs"]
mod tests;
