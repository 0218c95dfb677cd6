//! A server that says what a test wants: what MIGRATE meets that is no Redis, or a slow one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tests::client::uninterrupted;

/// Longest wait for a connection or for bytes of it.
const WAIT: Duration = Duration::from_secs(20);

/// One that listens and answers each connection in its own way.
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) port: u16,
    accepted: Receiver<TcpStream>,
}

impl Target {
    /// It listens, and accepts everybody.
    pub(crate) fn start() -> Target {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (tell, accepted) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if tell.send(stream).is_err() {
                    return;
                }
            }
        });
        Target { port, accepted }
    }

    /// The next connection.
    pub(crate) fn connection(&self) -> Peer {
        let stream = self.accepted.recv_timeout(WAIT).expect("somebody connects");
        stream.set_read_timeout(Some(WAIT)).expect("a limit can be set");
        Peer { stream, heard: Vec::new() }
    }

    /// How many connections were made that nobody looked at.
    pub(crate) fn others(&self) -> usize {
        self.accepted.try_iter().count()
    }
}

/// The target's end of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Peer {
    /// Reads until it was sent this often. It may have heard more than that.
    pub(crate) fn hear(&mut self, word: &str, times: usize) {
        let mut bytes = [0; 65536];
        while self.heard.windows(word.len()).filter(|window| *window == word.as_bytes()).count() < times {
            let read = uninterrupted(|| self.stream.read(&mut bytes)).expect("it is sent something");
            assert!(read > 0, "the end came before {word}");
            self.heard.extend_from_slice(&bytes[..read]);
        }
    }

    /// Says something.
    pub(crate) fn say(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).expect("somebody listens");
    }
}
