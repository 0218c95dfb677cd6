//! Numbers as C's `%.*g` prints them: what Lua and its libraries make of a number.

/// Appends `value` with at most `precision` significant digits.
pub(crate) fn push_general(out: &mut Vec<u8>, value: f64, precision: usize) {
    if value.is_nan() {
        return out.extend_from_slice(if value.is_sign_negative() { b"-nan" } else { b"nan" });
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    }
    let precision = precision.max(1);
    let scientific = format!("{value:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("{}e{sign}{:02}", trim(digits), exponent.abs()).as_bytes());
    } else {
        let places = (precision as i32 - 1 - exponent) as usize;
        out.extend_from_slice(trim(&format!("{value:.places$}")).as_bytes());
    }
}

/// Appends `value` as Lua's `tostring` prints it.
pub(crate) fn push_lua(out: &mut Vec<u8>, value: f64) {
    push_general(out, value, 14);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        let rows: &[(f64, usize, &str)] = &[
            (0.1, 14, "0.1"),
            (0.1, 17, "0.10000000000000001"),
            (1e15, 14, "1e+15"),
            (123456789012345.0, 14, "1.2345678901234e+14"),
            (1e100, 17, "1e+100"),
            (1e-5, 14, "1e-05"),
            (0.0001, 14, "0.0001"),
            (0.0, 14, "0"),
            (-0.0, 14, "-0"),
            (f64::INFINITY, 14, "inf"),
            (12345678901234567890.0, 17, "1.2345678901234567e+19"),
            (100.0, 3, "100"),
            (100.0, 2, "1e+02"),
        ];
        for (value, precision, text) in rows {
            let mut out = Vec::new();
            push_general(&mut out, *value, *precision);
            assert_eq!(String::from_utf8_lossy(&out), *text);
        }
    }
}
