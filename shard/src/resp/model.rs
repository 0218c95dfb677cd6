//! A second parser, the oracle of the tests: whole stream at once, one byte at a time, no cleverness.

use super::{Auth, Limits, ProtocolError};

/// What a whole stream amounts to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The commands' arguments.
    pub(super) commands: Vec<Vec<Vec<u8>>>,
    /// Bytes that commands and skipped empty commands took.
    pub(super) consumed: usize,
    /// Why reading ended before the stream did; `None` if more input could follow.
    pub(super) error: Option<ProtocolError>,
}

/// Reads `stream` from its first byte.
pub(super) fn read(stream: &[u8], limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    while outcome.consumed < stream.len() {
        let rest = &stream[outcome.consumed..];
        let taken = if rest[0] == b'*' { multibulk(rest, limits) } else { inline(rest, limits) };
        match taken {
            Ok(None) => break,
            Ok(Some((args, len))) => {
                outcome.consumed += len;
                if !args.is_empty() {
                    outcome.commands.push(args);
                }
            }
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        }
    }
    outcome
}

type Taken = Result<Option<(Vec<Vec<u8>>, usize)>, ProtocolError>;

fn multibulk(rest: &[u8], limits: &Limits) -> Taken {
    let Some(line) = line(rest, b'\r', 1, limits, ProtocolError::TooBigMultibulkCount)? else {
        return Ok(None);
    };
    let count = number(&line[1..]).ok_or(ProtocolError::InvalidMultibulkLength)?;
    if limits.auth == Auth::Needed && (11..1 << 31).contains(&count) {
        return Err(ProtocolError::UnauthenticatedMultibulkLength);
    }
    if count > i128::from(limits.args_max) {
        return Err(ProtocolError::InvalidMultibulkLength);
    }
    let mut at = line.len() + 2;
    let mut args = Vec::new();
    for _ in 0..count.max(0) {
        let Some(line) = self::line(&rest[at..], b'\r', 1, limits, ProtocolError::TooBigBulkCount)? else {
            return Ok(None);
        };
        let mark = *line.first().unwrap_or(&b'\r');
        if mark != b'$' {
            return Err(ProtocolError::ExpectedDollar(mark));
        }
        let len = number(&line[1..]).ok_or(ProtocolError::InvalidBulkLength)?;
        if len < 0 || len > i128::from(limits.bulk_bytes_max) {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if limits.auth == Auth::Needed && len > 16384 {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        at += line.len() + 2;
        let len = len as usize;
        if rest.len() < at + len + 2 {
            return Ok(None);
        }
        args.push(rest[at..at + len].to_vec());
        at += len + 2;
    }
    Ok(Some((args, at)))
}

fn inline(rest: &[u8], limits: &Limits) -> Taken {
    let Some(line) = line(rest, b'\n', 0, limits, ProtocolError::TooBigInline)? else {
        return Ok(None);
    };
    let len = line.len() + 1;
    let line = if line.ends_with(b"\r") { &line[..line.len() - 1] } else { line };
    Ok(Some((words(line).ok_or(ProtocolError::UnbalancedQuotes)?, len)))
}

/// The bytes before `stop`, which `after` bytes must follow.
fn line<'a>(
    rest: &'a [u8],
    stop: u8,
    after: usize,
    limits: &Limits,
    too_big: ProtocolError,
) -> Result<Option<&'a [u8]>, ProtocolError> {
    let max = limits.inline_bytes_max as usize;
    for (index, byte) in rest.iter().enumerate() {
        if index > max || *byte == 0 {
            break;
        }
        if *byte == stop {
            return Ok((rest.len() > index + after).then_some(&rest[..index]));
        }
    }
    if rest.len() > max { Err(too_big) } else { Ok(None) }
}

fn number(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number.into())
}

fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let blank = |byte: u8| byte == b' ' || (9..=13).contains(&byte);
    // A sentinel NUL stands for the end, as it cannot be in the line.
    let at = |index: usize| line.get(index).copied().unwrap_or(0);
    let (mut words, mut i) = (Vec::new(), 0);
    loop {
        while blank(at(i)) {
            i += 1;
        }
        if at(i) == 0 {
            return Some(words);
        }
        let (mut word, mut quote) = (Vec::new(), 0);
        loop {
            let byte = at(i);
            if quote == 0 {
                match byte {
                    0 | b' ' | b'\n' | b'\r' | b'\t' => break,
                    b'"' | b'\'' => quote = byte,
                    _ => word.push(byte),
                }
            } else if byte == 0 {
                return None;
            } else if byte == quote {
                i += 1;
                if at(i) != 0 && !blank(at(i)) {
                    return None;
                }
                break;
            } else if byte == b'\\' && quote == b'\'' && at(i + 1) == b'\'' {
                i += 1;
                word.push(b'\'');
            } else if byte == b'\\' && quote == b'"' && at(i + 1) != 0 {
                i += 1;
                let pair = [at(i + 1), at(i + 2)];
                if at(i) == b'x' && pair.iter().all(u8::is_ascii_hexdigit) {
                    let pair = std::str::from_utf8(&pair).unwrap();
                    word.push(u8::from_str_radix(pair, 16).unwrap());
                    i += 2;
                } else {
                    let plain = *b"nrtba".iter().find(|known| **known == at(i)).unwrap_or(&0);
                    word.push(match plain {
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'b' => 8,
                        b'a' => 7,
                        _ => at(i),
                    });
                }
            } else {
                word.push(byte);
            }
            i += 1;
        }
        words.push(word);
    }
}
