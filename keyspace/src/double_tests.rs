//! Numbers that C's library was asked about, and the way back from text to the same number.

use super::*;
use proptest::prelude::*;

#[test]
fn reads_as_strtod() {
    let rows: [(&str, Option<f64>); 40] = [
        ("0", Some(0.0)),
        ("-0", Some(-0.0)),
        ("1", Some(1.0)),
        ("+1.5", Some(1.5)),
        ("1.", Some(1.0)),
        (".5", Some(0.5)),
        ("1e3", Some(1000.0)),
        ("1E-3", Some(0.001)),
        ("1e+3", Some(1000.0)),
        ("inf", Some(f64::INFINITY)),
        ("-Infinity", Some(f64::NEG_INFINITY)),
        ("+iNf", Some(f64::INFINITY)),
        ("1.7976931348623157e308", Some(f64::MAX)),
        ("5e-324", Some(5e-324)),
        ("2e-324", None),
        ("1e309", None),
        ("-1e309", None),
        ("0e999999", Some(0.0)),
        ("nan", None),
        ("-nan", None),
        ("nan(1)", None),
        ("", None),
        (".", None),
        ("-", None),
        ("e5", None),
        ("1e", None),
        ("1e+", None),
        (" 1", None),
        ("1 ", None),
        ("1\0", None),
        ("--1", None),
        ("1,5", None),
        ("infinit", None),
        ("0x", None),
        ("0x.p1", None),
        ("0x1", Some(1.0)),
        ("-0X1.8p3", Some(-12.0)),
        ("0x.8", Some(0.5)),
        ("0x1p", None),
        ("0x1p-1074", Some(5e-324)),
    ];
    for (text, expected) in rows {
        assert_eq!(parse(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits), "{text:?}");
    }
}

#[test]
fn hexadecimal_digits_round_to_even() {
    let rows = [
        ("0x1p-1075", None),
        ("0x1.0000000000001p-1075", Some(5e-324)),
        ("0x1.8p-1074", Some(1e-323)),
        ("0x1.fffffffffffffp1023", Some(f64::MAX)),
        ("0x1.fffffffffffff8p1023", None),
        ("0x1.fffffffffffff7ffp1023", Some(f64::MAX)),
        ("0x1p1024", None),
        ("0x1.00000000000008p0", Some(1.0)),
        ("0x1.00000000000008000000000000000001p0", Some(1.0 + f64::EPSILON)),
        ("0x1.00000000000018p0", Some(1.0 + 2.0 * f64::EPSILON)),
        ("0x10000000000000000000000000000", Some(2f64.powi(112))),
        ("0x0p99999999999999999999", Some(0.0)),
        ("0x1p99999999999999999999", None),
        ("0x1p-99999999999999999999", None),
        ("0x1.921fb54442d18p+1", Some(std::f64::consts::PI)),
    ];
    for (text, expected) in rows {
        assert_eq!(parse(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits), "{text}");
    }
}

#[test]
fn bounds_are_read_freely() {
    let rows: [(&[u8], Option<f64>); 9] = [
        (b"", Some(0.0)),
        (b" \t\n5", Some(5.0)),
        (b" ", None),
        (b"5 ", None),
        (b"5\0x", Some(5.0)),
        (b"1e999", Some(f64::INFINITY)),
        (b"-1e999", Some(f64::NEG_INFINITY)),
        (b"1e-999", Some(0.0)),
        (b"nan", None),
    ];
    for (text, expected) in rows {
        assert_eq!(parse_bound(text), expected, "{text:?}");
    }
}

#[test]
fn writes_as_printf() {
    let rows = [
        (0.0, "0"),
        (-0.0, "-0"),
        (3.0, "3"),
        (-17.0, "-17"),
        (0.1, "0.10000000000000001"),
        (1.5, "1.5"),
        (-2.25, "-2.25"),
        (1e16, "10000000000000000"),
        (1e17, "1e+17"),
        (1.5e17, "1.5e+17"),
        (123456789012345678.0, "1.2345678901234568e+17"),
        (0.0001, "0.0001"),
        (0.00012345, "0.00012344999999999999"),
        (0.00001, "1.0000000000000001e-05"),
        (1e-100, "1e-100"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "4.9406564584124654e-324"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (1234.5678, "1234.5678"),
        (3.3, "3.2999999999999998"),
        // Ties of the last digit go to even.
        (12345678.0 + 1.0 / 1024.0, "12345678.000976562"),
        (12345678.0 + 3.0 / 1024.0, "12345678.002929688"),
        (0.999_999_999_999_999_9, "0.99999999999999989"),
        (99999999999999984.0, "99999999999999984"),
        (1e-6, "9.9999999999999995e-07"),
    ];
    for (value, expected) in rows {
        assert_eq!(std::str::from_utf8(&text(value)).unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn every_text_reads_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(!value.is_nan());
        prop_assert_eq!(parse(&text(value)).map(f64::to_bits), Some(bits));
        prop_assert!(!text(value).spilled());
    }

    #[test]
    fn short_ways_are_right(whole in 0u64..1 << 60, shift in 0i32..90) {
        let value = whole as f64 / 2f64.powi(shift);
        if let Some(short) = (value > 0.0).then(|| short_digits(value)).flatten() {
            prop_assert_eq!(short, any_digits(value), "{}", value);
        } else {
            prop_assert!(!(1e-6..1e17).contains(&value), "{}", value);
        }
    }

    #[test]
    fn decimals_are_right(number in 0u64..1 << 50, decimals in 0i32..12) {
        let value = number as f64 / 10f64.powi(decimals);
        if (1e-6..1e17).contains(&value) {
            prop_assert_eq!(short_digits(value), Some(any_digits(value)), "{}", value);
        }
    }

    #[test]
    fn hexadecimal_is_exact(mantissa in any::<u64>(), exponent in -1100i32..1000) {
        let read = parse(format!("0x{mantissa:x}p{exponent}").as_bytes());
        // A decimal text of the exact value, rounded by std, is the judge where the value is a whole number.
        if (0..60).contains(&exponent) {
            let exact = (mantissa as u128) << exponent;
            prop_assert_eq!(read, exact.to_string().parse().ok());
        } else if let Some(value) = read {
            let near = mantissa as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            prop_assert!((value - near).abs() <= near * f64::EPSILON + 5e-324);
        }
    }
}

#[test]
fn weights() {
    let rows: [(&[u8], Option<f64>); 12] = [
        (b"", Some(0.0)),
        (b"1.5", Some(1.5)),
        (b" \t1", Some(1.0)),
        (b"1 ", None),
        (b"  ", None),
        (b"1\0x", Some(1.0)),
        (b"nan", None),
        (b"-inf", Some(f64::NEG_INFINITY)),
        (b"1e400", None),
        (b"1e-400", None),
        (b"1e-310", None),
        (b"0x1p-1074", Some(5e-324)),
    ];
    for (text, expected) in rows {
        assert_eq!(parse_weight(text), expected, "{}", text.escape_ascii());
    }
}
