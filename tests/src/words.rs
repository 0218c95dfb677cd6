//! The words of a case line: quoting, alternatives and named lists of values.
//!
//! Quoting is redis-cli's: `"\x00\r\n\t\\\""` with escapes, `'...'` without. `$(a|b|c)` and `$LIST` expand one line into
//! several, in order; an empty alternative leaves nothing. The lists are the boundary values of the whole suite.

/// A named list: `$NAME` in a case stands for each of these in turn. One token each, already quoted where needed.
fn list(name: &str) -> Option<Vec<&'static str>> {
    let list: &[&str] = match name {
        "INT" => INTEGERS,
        "FLOAT" => FLOATS,
        "TIME" => return Some(INTEGERS.iter().filter(|value| !SOON.contains(value)).copied().collect()),
        "SMALLINT" => &["-3", "-2", "-1", "0", "1", "2", "3", "7"],
        "NOTINT" => &["\"\"", "a", "\" 1\"", "\"1 \"", "+1", "01", "-0", "1.0", "1e3", "0x1", "nan", "\"1\\x00\""],
        "WRONGTYPE" => &["l", "h", "s", "z", "x"],
        _ => return None,
    };
    Some(list.to_vec())
}

/// Every integer argument of every command meets these.
pub const INTEGERS: &[&str] = &[
    "-9223372036854775808",
    "-9223372036854775809",
    "-9223372036854775807",
    "-9223372036854776",
    "-9223372036854775",
    "-4294967297",
    "-4294967296",
    "-2147483649",
    "-2147483648",
    "-2",
    "-1",
    "0",
    "1",
    "2",
    "2147483647",
    "2147483648",
    "2147483649",
    "4294967295",
    "4294967296",
    "4294967297",
    "9007199254740992",
    "9223372036854774",
    "9223372036854775",
    "9223372036854776",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "nan",
    "-0",
    "\" 1\"",
    "\"1 \"",
    "+1",
    "01",
    "\"\"",
];

/// Those of [`INTEGERS`] that times to live do not meet: as seconds or milliseconds they pass while a case runs.
const SOON: &[&str] = &["1", "2"];

/// Every float argument meets these.
pub const FLOATS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "0.1",
    "0.2",
    "0.3",
    "-0.1",
    "1.1",
    "3.0e3",
    "1e3",
    "1E3",
    "1e-3",
    "1e17",
    "1e18",
    "1e19",
    "1e20",
    "1e100",
    "1e-5",
    "1e-10",
    "1e-17",
    "1e-18",
    "1e-20",
    "1e-4000",
    "1e308",
    "1e400",
    "1e4000",
    "1e4932",
    "1e5000",
    "-1e5000",
    "inf",
    "-inf",
    "+inf",
    "infinity",
    "nan",
    "-nan",
    "0x1p4",
    "0x10",
    "1.",
    ".5",
    "-.5",
    "+.5",
    "+1",
    "01",
    "1e",
    "e1",
    ".",
    "-",
    "+",
    "1e+2",
    "1e-2",
    "\" 1\"",
    "\"1 \"",
    "\"\"",
    "1a",
    "\"1\\x00\"",
    "1,5",
    "0.000000000000000001",
    "123456789012345678901234567890",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "3.141592653589793238",
    "2.718281828459045235360287",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "4.9e-324",
    "5.0e3",
    "200.00",
    "99999999999999999.9",
    "0.99999999999999999",
    "0.999999999999999999999",
    "1.00000000000000000001",
];

/// Most lines that one line may expand to: a slip of the pen shows at once instead of filling memory.
const EXPANSION_MAX: usize = 20_000;

/// Splits a line into its arguments. Errors on unbalanced quotes.
pub fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = line.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        if at == bytes.len() {
            return Ok(words);
        }
        let mut word = Vec::new();
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' => break,
                b'"' => at = double_quoted(bytes, at + 1, &mut word).ok_or_else(|| format!("quote in {line:?}"))?,
                b'\'' => at = single_quoted(bytes, at + 1, &mut word).ok_or_else(|| format!("quote in {line:?}"))?,
                _ => {
                    word.push(byte);
                    at += 1;
                }
            }
        }
        words.push(word);
    }
}

fn double_quoted(bytes: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                let escape = *bytes.get(at + 1)?;
                at += 2;
                match escape {
                    b'x' => {
                        let digits = std::str::from_utf8(bytes.get(at..at + 2)?).ok()?;
                        word.push(u8::from_str_radix(digits, 16).ok()?);
                        at += 2;
                    }
                    b'n' => word.push(b'\n'),
                    b'r' => word.push(b'\r'),
                    b't' => word.push(b'\t'),
                    other => word.push(other),
                }
            }
            byte => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(bytes: &[u8], at: usize, word: &mut Vec<u8>) -> Option<usize> {
    let length = bytes.get(at..)?.iter().position(|&byte| byte == b'\'')?;
    word.extend_from_slice(&bytes[at..at + length]);
    Some(at + length + 1)
}

/// Expands `$(a|b)` and `$LIST` in a line into all its forms, the last one varying fastest.
pub fn alternatives(line: &str) -> Result<Vec<String>, String> {
    let Some((start, end, choices)) = first_choice(line)? else {
        return Ok(vec![line.to_owned()]);
    };
    let mut lines = Vec::new();
    for choice in choices {
        let tails = alternatives(&line[end..])?;
        lines.extend(tails.into_iter().map(|tail| format!("{}{choice}{tail}", &line[..start])));
        if lines.len() > EXPANSION_MAX {
            return Err(format!("{line:?} expands to more than {EXPANSION_MAX} lines"));
        }
    }
    Ok(lines)
}

fn first_choice(line: &str) -> Result<Option<(usize, usize, Vec<String>)>, String> {
    for (start, _) in line.match_indices('$') {
        let rest = &line[start + 1..];
        if rest.starts_with('(') {
            let close = unquoted(rest, ')').ok_or_else(|| format!("open $( in {line:?}"))?;
            let choices = choices(&rest[1..close]);
            return Ok(Some((start, start + 1 + close + 1, choices)));
        }
        let length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
        if let Some(values) = list(&rest[..length]) {
            return Ok(Some((start, start + 1 + length, values.into_iter().map(str::to_owned).collect())));
        }
    }
    Ok(None)
}

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            letter if letter == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Splits `a | b` at the bars outside quotes, without the blanks around each choice.
pub fn choices(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(bar) = unquoted(rest, '|') {
        found.push(rest[..bar].trim().to_owned());
        rest = &rest[bar + 1..];
    }
    found.push(rest.trim().to_owned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_redis_cli_does() {
        let rows: &[(&str, &[&[u8]])] = &[
            ("a  b", &[b"a", b"b"]),
            (r#""" x"#, &[b"", b"x"]),
            (r#""\x00\r\n\"q" 'a"\n'"#, &[b"\0\r\n\"q", b"a\"\\n"]),
        ];
        for (line, words) in rows {
            assert_eq!(split(line).expect("balanced"), words.to_vec(), "{line}");
        }
        assert!(split("\"open").is_err());
    }

    #[test]
    fn alternatives_multiply() {
        assert_eq!(alternatives("S $(|a) $(x|\" |\")").expect("closed"), ["S  x", "S  \" |\"", "S a x", "S a \" |\""]);
        assert_eq!(alternatives("G $SMALLINT").expect("known").len(), 8);
        assert_eq!(alternatives("KEYS a$").expect("plain"), ["KEYS a$"]);
        assert!(alternatives("$(a").is_err());
    }
}
