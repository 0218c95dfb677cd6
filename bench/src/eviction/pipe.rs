//! A connection that never waits, for commands in batches: what cannot be sent or has not come yet is left for the next look.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::error::BenchError;

/// Bytes of replies that have come and are not taken yet: more than any reply of these loads.
const INPUT_BYTES: usize = 64 << 10;

/// A reply, as far as these loads have to tell them apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// `+` and so on.
    Status(&'a [u8]),
    /// A bulk string.
    Value(&'a [u8]),
    /// There is no such key.
    Nil,
    /// `-` and so on.
    Error(&'a [u8]),
}

/// One connection.
pub(super) struct Pipe {
    stream: TcpStream,
    output: Vec<u8>,
    /// Bytes of the output that are gone.
    sent: usize,
    input: Box<[u8]>,
    /// Where what has come and is not taken begins and ends.
    begin: usize,
    end: usize,
}

impl Pipe {
    pub(super) fn open(port: u16) -> Result<Self, BenchError> {
        let what = || BenchError::io(format!("connect to port {port}"));
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(what())?;
        stream.set_nodelay(true).map_err(what())?;
        stream.set_nonblocking(true).map_err(what())?;
        let input = vec![0; INPUT_BYTES].into_boxed_slice();
        Ok(Self { stream, output: Vec::new(), sent: 0, input, begin: 0, end: 0 })
    }

    /// Where a batch is written to, once the one before is answered.
    pub(super) fn batch(&mut self) -> &mut Vec<u8> {
        self.output.clear();
        self.sent = 0;
        &mut self.output
    }

    /// The batch before, to be changed in places and sent again.
    pub(super) fn batch_again(&mut self) -> &mut [u8] {
        self.sent = 0;
        &mut self.output
    }

    /// What was written is not to be sent as it is.
    pub(super) fn hold(&mut self) {
        self.sent = self.output.len();
    }

    /// Sends what the socket takes and reads what has come.
    pub(super) fn look(&mut self) -> Result<(), BenchError> {
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(BenchError::io("send a batch")(error)),
            }
        }
        self.input.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        match self.stream.read(&mut self.input[self.end..]) {
            Ok(0) => Err(broken(b"the end of the connection")),
            Ok(length) => {
                self.end += length;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(BenchError::io("read replies")(error)),
        }
    }

    /// The next reply, if it has come in full.
    pub(super) fn reply(&mut self) -> Result<Option<Reply<'_>>, BenchError> {
        match take(&self.input[self.begin..self.end])? {
            Some((reply, length)) => {
                self.begin += length;
                Ok(Some(reply))
            }
            None => Ok(None),
        }
    }
}

/// The reply at the beginning of `input` and its length; `None` if it has not come in full.
fn take(input: &[u8]) -> Result<Option<(Reply<'_>, usize)>, BenchError> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let reply = match line {
        [b'+', text @ ..] => Reply::Status(text),
        [b'-', text @ ..] => Reply::Error(text),
        b"$-1" => Reply::Nil,
        [b'$', digits @ ..] => {
            let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
            let length = length.filter(|length| *length < INPUT_BYTES / 2).ok_or_else(|| broken(line))?;
            let whole = end + 1 + length + 2;
            return Ok((whole <= input.len()).then(|| (Reply::Value(&input[end + 1..end + 1 + length]), whole)));
        }
        _ => return Err(broken(line)),
    };
    Ok(Some((reply, end + 1)))
}

/// A reply that does not belong to what was asked.
pub(super) fn broken(reply: &[u8]) -> BenchError {
    let reply = String::from_utf8_lossy(&reply[..reply.len().min(200)]).into_owned();
    BenchError::Reply { command: "a command of a batch".to_owned(), reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_when_they_are_whole() {
        for (input, taken) in [
            ("+OK\r\n+OK\r\n", Some((Reply::Status(b"OK"), 5))),
            ("+OK\r", None),
            ("$3\r\nabc\r\n$", Some((Reply::Value(b"abc"), 9))),
            ("$3\r\nabc\r", None),
            ("$-1\r\n", Some((Reply::Nil, 5))),
            ("-OOM no\r\n", Some((Reply::Error(b"OOM no"), 9))),
        ] {
            assert_eq!(take(input.as_bytes()).expect("no fault"), taken, "{input:?}");
        }
        for input in [":1\r\n", "$x\r\n", "$99999999\r\n"] {
            assert!(take(input.as_bytes()).is_err(), "{input:?}");
        }
    }
}
