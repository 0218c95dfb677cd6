//! The commands of a transfer as bytes, and the lines of its replies.

use std::io::Write;

use shard::migration::{SentKey, Target};

/// Bytes that are written at a time.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// The longest line that is read as one, in bytes, its end included. What is behind it counts as the next, as at redis-server.
pub(super) const LINE_BYTES_MAX: usize = 1023;

/// One line of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// An error, without its `-`.
    Error(Vec<u8>),
    /// Anything else.
    Other,
}

/// What comes before the keys.
pub(super) fn begin(target: &Target, selects: bool, out: &mut Vec<u8>) {
    if let Some(login) = &target.login {
        head(2 + usize::from(login.user.is_some()), out);
        bulk(b"AUTH", out);
        login.user.iter().for_each(|user| bulk(user, out));
        bulk(&login.password, out);
    }
    if selects {
        head(2, out);
        bulk(b"SELECT", out);
        bulk(target.db.to_string().as_bytes(), out);
    }
}

/// The command that makes a key, up to the bytes of its value.
pub(super) fn restore(target: &Target, sent: &SentKey, out: &mut Vec<u8>) {
    head(4 + usize::from(target.replaces), out);
    bulk(if target.asking { b"RESTORE-ASKING" } else { b"RESTORE" }, out);
    bulk(&sent.key, out);
    bulk(sent.copy.ttl.to_string().as_bytes(), out);
    line(format_args!("${}", sent.copy.payload.len()), out);
}

/// What comes after the bytes of its value.
pub(super) fn end_restore(target: &Target, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
    if target.replaces {
        bulk(b"REPLACE", out);
    }
}

/// Takes a line from the beginning of what was received. None before it is there; an empty one is not a reply.
pub(super) fn take_line(input: &mut Vec<u8>) -> Option<Result<Line, NotALine>> {
    let end = input.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n');
    let (text, taken) = match end {
        Some(0) => return Some(Err(NotALine)),
        Some(end) => (&input[..end], end + 1),
        None if input.len() >= LINE_BYTES_MAX => (&input[..LINE_BYTES_MAX], LINE_BYTES_MAX),
        None => return None,
    };
    let text = text.strip_suffix(b"\r").filter(|_| end.is_some()).unwrap_or(text);
    let line = text.strip_prefix(b"-").map_or(Line::Other, |text| Line::Error(text.to_vec()));
    input.drain(..taken);
    Some(Ok(line))
}

/// What the target said is no reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotALine;

fn head(words: usize, out: &mut Vec<u8>) {
    line(format_args!("*{words}"), out);
}

fn bulk(word: &[u8], out: &mut Vec<u8>) {
    line(format_args!("${}", word.len()), out);
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

fn line(text: std::fmt::Arguments, out: &mut Vec<u8>) {
    write!(out, "{text}\r\n").expect("a vector takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::commands::dump::KeyCopy;
    use shard::migration::Login;

    fn target(login: Option<Login>, replaces: bool, asking: bool) -> Target {
        Target {
            host: b"h".as_slice().into(),
            port: b"1".as_slice().into(),
            db: 3,
            timeout_ms: 1,
            login,
            replaces,
            asking,
        }
    }

    #[test]
    fn a_request_is_what_a_client_would_send() {
        let sent = SentKey { key: b"k".as_slice().into(), copy: KeyCopy { ttl: 7, payload: b"xyz".to_vec() } };
        let whole = |target: &Target, selects: bool| {
            let mut out = Vec::new();
            begin(target, selects, &mut out);
            restore(target, &sent, &mut out);
            out.extend_from_slice(&sent.copy.payload);
            end_restore(target, &mut out);
            String::from_utf8(out).expect("it is text")
        };
        let plain = "*4\r\n$7\r\nRESTORE\r\n$1\r\nk\r\n$1\r\n7\r\n$3\r\nxyz\r\n";
        assert_eq!(whole(&target(None, false, false), false), plain);
        let replacing = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*5\r\n$14\r\nRESTORE-ASKING\r\n$1\r\nk\r\n$1\r\n7\r\n$3\r\nxyz\r\n$7\r\nREPLACE\r\n";
        assert_eq!(whole(&target(None, true, true), true), replacing);
        let login = |user: Option<&[u8]>| Login { user: user.map(Box::from), password: b"pw".as_slice().into() };
        let signed = format!("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n{plain}");
        assert_eq!(whole(&target(Some(login(None)), false, false), false), signed);
        let signed = format!("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$2\r\npw\r\n{plain}");
        assert_eq!(whole(&target(Some(login(Some(b"u"))), false, false), false), signed);
    }

    #[test]
    fn lines_are_taken_one_by_one() {
        let mut input = b"+OK\r\n-ERR no\r\n-\n+half".to_vec();
        let expected = [Line::Other, Line::Error(b"ERR no".to_vec()), Line::Error(Vec::new())];
        for line in expected {
            assert_eq!(take_line(&mut input), Some(Ok(line)));
        }
        assert_eq!(take_line(&mut input), None);
        assert_eq!(take_line(&mut b"\n".to_vec()), Some(Err(NotALine)));
        assert_eq!(take_line(&mut b"\r\n".to_vec()), Some(Ok(Line::Other)));
        let mut long = [b"-".as_slice(), &[b'x'; 3000]].concat();
        assert_eq!(take_line(&mut long), Some(Ok(Line::Error(vec![b'x'; LINE_BYTES_MAX - 1]))));
        assert_eq!((take_line(&mut long), long.len()), (Some(Ok(Line::Other)), 3001 - 2 * LINE_BYTES_MAX));
    }
}
