//! A connection that never waits: what cannot be sent or has not come yet is left for the next look.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::error::BenchError;

/// Bytes of one read.
const READ_BYTES: usize = 4 << 10;

/// The reply that a request has to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// `+OK`.
    Ok,
    /// A bulk string of so many bytes.
    Value(usize),
    /// An integer.
    Integer,
}

/// One connection and what it waits for.
pub(super) struct Connection {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    waiting: VecDeque<(Expected, Instant)>,
}

impl Connection {
    pub(super) fn open(port: u16) -> Result<Self, BenchError> {
        let what = || BenchError::io(format!("connect to port {port}"));
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(what())?;
        stream.set_nodelay(true).map_err(what())?;
        stream.set_nonblocking(true).map_err(what())?;
        Ok(Self { stream, output: Vec::new(), input: Vec::new(), waiting: VecDeque::new() })
    }

    /// Where the bytes of the next request go, before [`Connection::send`].
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what is in the output as far as the socket takes it. One request was added, which was due at `due`.
    pub(super) fn send(&mut self, expected: Expected, due: Instant) -> Result<(), BenchError> {
        self.waiting.push_back((expected, due));
        self.flush()
    }

    /// Reads what has come, and tells of each reply when its request was due, and its number if it is one.
    pub(super) fn receive(&mut self, mut answered: impl FnMut(Instant, u64)) -> Result<(), BenchError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(broken("the end of the connection")),
            Ok(length) => self.input.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(BenchError::io("read a reply")(error)),
        }
        let mut rest = self.input.as_slice();
        while let Some((expected, due)) = self.waiting.front() {
            let Some((number, length)) = take(rest, *expected)? else { break };
            answered(*due, number);
            rest = &rest[length..];
            self.waiting.pop_front();
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BenchError> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(BenchError::io("send a request")(error)),
            }
        }
        Ok(())
    }
}

/// The reply at the beginning of `input`: its number, 0 if it is none, and its length. `None` if it has not come in full.
fn take(input: &[u8], expected: Expected) -> Result<Option<(u64, usize)>, BenchError> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let text = String::from_utf8_lossy(line);
    let number = |sign| text.strip_prefix(sign).and_then(|digits| digits.parse::<u64>().ok());
    let (number, length) = match expected {
        Expected::Ok if text == "+OK" => (0, end + 1),
        Expected::Value(bytes) if number('$') == Some(bytes as u64) => (0, end + 1 + bytes + 2),
        Expected::Integer => (number(':').ok_or_else(|| broken(&text))?, end + 1),
        _ => return Err(broken(&text)),
    };
    Ok((length <= input.len()).then_some((number, length)))
}

fn broken(reply: &str) -> BenchError {
    BenchError::Reply { command: "a request of a paced load".to_owned(), reply: reply.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_when_they_are_whole() {
        for (input, expected, taken) in [
            ("+OK\r\n+OK\r\n", Expected::Ok, Some((0, 5))),
            ("+OK\r", Expected::Ok, None),
            ("$3\r\nabc\r\n", Expected::Value(3), Some((0, 9))),
            ("$3\r\nabc\r", Expected::Value(3), None),
            (":42\r\n", Expected::Integer, Some((42, 5))),
        ] {
            assert_eq!(take(input.as_bytes(), expected).expect("no fault"), taken, "{input:?}");
        }
        for (input, expected) in
            [("-ERR\r\n", Expected::Ok), ("$-1\r\n", Expected::Value(3)), ("+OK\r\n", Expected::Integer)]
        {
            assert!(take(input.as_bytes(), expected).is_err(), "{input:?}");
        }
    }
}
