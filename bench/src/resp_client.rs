//! A small blocking client: asks whether a server is up and fills it with keys.
//!
//! Filling is pipelined in batches with one batch in flight behind the one being written, so that five million keys take seconds;
//! redis-benchmark cannot set each key of a range exactly once.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::BenchError;

/// Longest silence of a server that is accepted while filling.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of one batch of commands: its replies (5 bytes a command) fit any socket buffer, so writer and server cannot block each
/// other.
const BATCH_BYTES: usize = 64 * 1024;
const OK: &[u8] = b"+OK\r\n";

/// Keys `prefix` + twelve digits for every number of a range, as redis-benchmark's `__rand_int__` makes them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRange {
    /// What stands before the digits.
    pub(crate) prefix: &'static str,
    /// The first number.
    pub(crate) first: u64,
    /// How many keys.
    pub(crate) count: u64,
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects to the loopback and waits at most `patience` for this and for each read and write.
    pub(crate) fn connect(port: u16, patience: Duration) -> Result<Self, BenchError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let what = || BenchError::io(format!("connect to port {port}"));
        let stream = TcpStream::connect_timeout(&address, patience).map_err(what())?;
        stream.set_nodelay(true).map_err(what())?;
        stream.set_read_timeout(Some(patience)).map_err(what())?;
        stream.set_write_timeout(Some(patience)).map_err(what())?;
        Ok(Self { stream })
    }

    /// Sends one command and returns the first bytes of the reply, at most 16 KiB, as text.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<String, BenchError> {
        let mut command = Vec::new();
        push_command(&mut command, words);
        self.stream.write_all(&command).map_err(BenchError::io(words.join(" ")))?;
        let mut reply = vec![0; 16 * 1024];
        // With a time limit, a signal ends a read.
        let length = loop {
            match self.stream.read(&mut reply) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.map_err(BenchError::io(format!("reply to {}", words.join(" "))))?,
            }
        };
        Ok(String::from_utf8_lossy(&reply[..length]).into_owned())
    }

    /// Reads exactly `count` replies `+OK`.
    fn expect_oks(&mut self, count: usize) -> Result<(), BenchError> {
        let mut replies = vec![0; count * OK.len()];
        self.stream.read_exact(&mut replies).map_err(BenchError::io("replies to SET"))?;
        match replies.chunks_exact(OK.len()).position(|reply| reply != OK) {
            None => Ok(()),
            Some(first) => {
                let rest = &replies[first * OK.len()..];
                let reply = String::from_utf8_lossy(&rest[..rest.len().min(200)]).into_owned();
                Err(BenchError::Reply { command: "SET".to_owned(), reply })
            }
        }
    }
}

/// Sets every key of `range` to `value` and checks that the last one reads back at full length.
pub(crate) fn fill(port: u16, range: KeyRange, value: &str) -> Result<(), BenchError> {
    let mut client = Client::connect(port, PATIENCE)?;
    let mut batch = Vec::with_capacity(BATCH_BYTES + value.len() + 128);
    let (mut in_batch, mut in_flight) = (0, 0);
    for number in range.first..range.first + range.count {
        push_command(&mut batch, &["SET", &key(range.prefix, number), value]);
        in_batch += 1;
        if batch.len() >= BATCH_BYTES {
            client.stream.write_all(&batch).map_err(BenchError::io("fill"))?;
            client.expect_oks(in_flight)?;
            batch.clear();
            (in_flight, in_batch) = (in_batch, 0);
        }
    }
    client.stream.write_all(&batch).map_err(BenchError::io("fill"))?;
    client.expect_oks(in_flight + in_batch)?;
    let last = key(range.prefix, range.first + range.count - 1);
    let reply = client.ask(&["GET", &last])?;
    if reply.starts_with(&format!("${}\r\n", value.len())) {
        Ok(())
    } else {
        Err(BenchError::Reply { command: format!("GET {last}"), reply: reply.chars().take(200).collect() })
    }
}

/// Sends commands whose replies are one line or one bulk string, and checks that none is an error.
pub(crate) fn feed(port: u16, commands: &mut dyn Iterator<Item = Vec<String>>) -> Result<(), BenchError> {
    let client = Client::connect(port, PATIENCE)?;
    let mut replies = BufReader::new(client.stream.try_clone().map_err(BenchError::io("share a connection"))?);
    let mut stream = client.stream;
    let mut batch = Vec::with_capacity(2 * BATCH_BYTES);
    let (mut in_batch, mut in_flight) = (0, 0);
    loop {
        let command = commands.next();
        if let Some(command) = &command {
            push_command(&mut batch, command);
            in_batch += 1;
        }
        if command.is_none() || batch.len() >= BATCH_BYTES {
            stream.write_all(&batch).map_err(BenchError::io("fill"))?;
            expect_replies(&mut replies, in_flight)?;
            batch.clear();
            (in_flight, in_batch) = (in_batch, 0);
        }
        if command.is_none() {
            return expect_replies(&mut replies, in_flight);
        }
    }
}

fn expect_replies(replies: &mut impl BufRead, count: usize) -> Result<(), BenchError> {
    let mut line = String::new();
    for _ in 0..count {
        line.clear();
        replies.read_line(&mut line).map_err(BenchError::io("replies while filling"))?;
        match line.as_bytes().first() {
            Some(b'$') => replies.read_line(&mut line).map(drop).map_err(BenchError::io("replies while filling"))?,
            Some(b':' | b'+') => {}
            _ => return Err(BenchError::Reply { command: "fill".to_owned(), reply: line }),
        }
    }
    Ok(())
}

fn key(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:012}")
}

/// Appends a command in the form that clients send.
pub(crate) fn push_command(buffer: &mut Vec<u8>, words: &[impl AsRef<str>]) {
    // Writing to a vector cannot fail.
    let _ = write!(buffer, "*{}\r\n", words.len());
    for word in words.iter().map(AsRef::as_ref) {
        let _ = write!(buffer, "${}\r\n{word}\r\n", word.len());
    }
}

/// The number behind `name:` in what INFO answers.
pub(crate) fn info_number(text: &str, name: &'static str) -> Result<u64, BenchError> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| BenchError::parse(name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_info() {
        let text = "$42\r\n# Stats\r\nexpired_keys:17\r\nexpired_keys_active:3\r\n";
        assert_eq!(info_number(text, "expired_keys").expect("it is there"), 17);
        assert!(info_number(text, "expired").is_err());
    }

    #[test]
    fn a_command_is_an_array_of_bulks() {
        let mut buffer = Vec::new();
        push_command(&mut buffer, &["SET", &key("key:", 7), "xx"]);
        assert_eq!(buffer, b"*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$2\r\nxx\r\n");
    }
}
