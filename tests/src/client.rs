//! A blocking client: raw bytes out, raw bytes and parsed replies in, a deadline on every read.
//!
//! It never retries and never reconnects: what the server does to the connection is what the suites look at.

use crate::frame::{self, Frame};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for one reply. Generous, since two cores are shared by servers and clients of a whole test run.
pub const REPLY_WAIT: Duration = Duration::from_secs(20);

/// One reply: the bytes as they came, and what they mean.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Exactly the bytes of this reply.
    pub raw: Vec<u8>,
    /// Their value.
    pub frame: Frame,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.frame)
    }
}

/// How reading a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole reply.
    Reply(Reply),
    /// The server closed the connection (orderly or by reset) with no further whole reply.
    Closed,
    /// Nothing whole within the wait.
    Silent,
    /// Bytes that are no reply.
    Garbage(String),
}

impl Outcome {
    /// The reply; panics with `what` otherwise.
    #[track_caller]
    pub fn expect(self, what: &str) -> Reply {
        match self {
            Outcome::Reply(reply) => reply,
            other => panic!("{what}: expected a reply, got {other:?}"),
        }
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection.
pub struct Client {
    socket: Socket,
    unread: Vec<u8>,
    start: usize,
    closed: bool,
    /// Longest wait for one reply.
    pub wait: Duration,
}

impl Client {
    /// Connects over TCP to the loopback address. Panics if refused.
    #[track_caller]
    pub fn connect(port: u16) -> Client {
        Client::try_connect(port).unwrap_or_else(|error| panic!("connect to port {port}: {error}"))
    }

    /// Connects over TCP to the loopback address.
    pub fn try_connect(port: u16) -> io::Result<Client> {
        Client::try_connect_to(Ipv4Addr::LOCALHOST, port)
    }

    /// Connects over TCP.
    pub fn try_connect_to(host: Ipv4Addr, port: u16) -> io::Result<Client> {
        let address = SocketAddr::from((host, port));
        let socket = TcpStream::connect_timeout(&address, REPLY_WAIT)?;
        socket.set_nodelay(true)?;
        Ok(Client::over(Socket::Tcp(socket)))
    }

    /// Connects to a UNIX socket. Panics if refused.
    #[track_caller]
    pub fn connect_unix(path: &Path) -> Client {
        let socket = UnixStream::connect(path).unwrap_or_else(|error| panic!("connect to {path:?}: {error}"));
        Client::over(Socket::Unix(socket))
    }

    fn over(socket: Socket) -> Client {
        Client { socket, unread: Vec::new(), start: 0, closed: false, wait: REPLY_WAIT }
    }

    /// A second handle on the same socket, so that one thread writes while another reads. Only one of them may read.
    pub fn duplicate(&self) -> Client {
        Client::over(match &self.socket {
            Socket::Tcp(tcp) => Socket::Tcp(tcp.try_clone().expect("a descriptor is free")),
            Socket::Unix(unix) => Socket::Unix(unix.try_clone().expect("a descriptor is free")),
        })
    }

    /// A new connection to the same server. Panics on a UNIX socket.
    #[track_caller]
    pub fn another(&self) -> Client {
        match &self.socket {
            Socket::Tcp(tcp) => Client::connect(tcp.peer_addr().expect("a connected socket has a peer").port()),
            Socket::Unix(_) => panic!("a UNIX socket has no port"),
        }
    }

    /// Waits until the server has sent something that is not read yet.
    pub fn wait_for_bytes(&mut self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(tcp) => {
                tcp.set_read_timeout(Some(self.wait))?;
                uninterrupted(|| tcp.peek(&mut [0])).map(|_| ())
            }
            Socket::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Our address and the server's, as CLIENT LIST prints them. Panics on a UNIX socket.
    pub fn addresses(&self) -> (String, String) {
        match &self.socket {
            Socket::Tcp(tcp) => {
                let ours = tcp.local_addr().expect("a connected socket has an address");
                let theirs = tcp.peer_addr().map(|address| address.to_string()).unwrap_or_default();
                (ours.to_string(), theirs)
            }
            Socket::Unix(_) => panic!("a UNIX socket has no address"),
        }
    }

    /// Sends bytes as they are. An error means that the server closed.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(tcp) => tcp.write_all(bytes),
            Socket::Unix(unix) => unix.write_all(bytes),
        }
    }

    /// Bounds how long a send may block on a full socket; `None` waits for ever.
    pub fn send_wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(tcp) => tcp.set_write_timeout(wait),
            Socket::Unix(unix) => unix.set_write_timeout(wait),
        }
    }

    /// Ends our sending side; the server sees the end of the stream.
    pub fn finish_sending(&mut self) {
        let _ = match &mut self.socket {
            Socket::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Socket::Unix(unix) => unix.shutdown(Shutdown::Write),
        };
    }

    /// Sends one command.
    pub fn send(&mut self, arguments: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(arguments, &mut bytes);
        self.send_raw(&bytes)
    }

    /// Sends one command and reads its reply. A failed send counts as closed, after what the server sent before.
    pub fn call(&mut self, arguments: &[impl AsRef<[u8]>]) -> Outcome {
        let _ = self.send(arguments);
        self.read()
    }

    /// Sends a command written as words separated by spaces; panics unless a reply comes.
    #[track_caller]
    pub fn ask(&mut self, words: &str) -> Frame {
        let arguments: Vec<&str> = words.split_ascii_whitespace().collect();
        self.call(&arguments).expect(words).frame
    }

    /// Sends a command; panics unless the reply is `+OK`.
    #[track_caller]
    pub fn ok(&mut self, words: &str) {
        let frame = self.ask(words);
        assert_eq!(frame, Frame::Simple(b"OK".to_vec()), "{words}: {frame}");
    }

    /// Sends all commands in one write, then reads as many replies.
    pub fn pipeline(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Outcome> {
        let mut bytes = Vec::new();
        for command in commands {
            encode(command, &mut bytes);
        }
        let _ = self.send_raw(&bytes);
        commands.iter().map(|_| self.read()).collect()
    }

    /// Reads one reply within the wait.
    pub fn read(&mut self) -> Outcome {
        let deadline = Instant::now() + self.wait;
        let mut tried = 0;
        loop {
            let have = self.unread.len() - self.start;
            if have > tried || tried == 0 {
                match frame::parse(&self.unread[self.start..]) {
                    Ok(Some((frame, length))) => return self.take(frame, length),
                    Ok(None) => tried = have.max(1),
                    Err(malformed) => return Outcome::Garbage(malformed.0),
                }
            }
            match self.fill(deadline) {
                Fill::Some => {}
                Fill::Closed => return Outcome::Closed,
                Fill::Late => return Outcome::Silent,
            }
        }
    }

    fn take(&mut self, frame: Frame, length: usize) -> Outcome {
        let raw = self.unread[self.start..self.start + length].to_vec();
        self.start += length;
        if self.start == self.unread.len() {
            self.unread.clear();
            self.start = 0;
        }
        Outcome::Reply(Reply { raw, frame })
    }

    /// Reads everything until the server closes: the bytes, and whether it closed within the wait.
    pub fn read_to_end(&mut self) -> (Vec<u8>, bool) {
        let deadline = Instant::now() + self.wait;
        let closed = loop {
            match self.fill(deadline) {
                Fill::Some => {}
                Fill::Closed => break true,
                Fill::Late => break false,
            }
        };
        let bytes = self.unread.split_off(self.start);
        self.unread.clear();
        self.start = 0;
        (bytes, closed)
    }

    fn fill(&mut self, deadline: Instant) -> Fill {
        if self.closed {
            return Fill::Closed;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Fill::Late;
        }
        let mut chunk = [0; 64 * 1024];
        let result = match &mut self.socket {
            Socket::Tcp(tcp) => tcp.set_read_timeout(Some(left)).and_then(|()| tcp.read(&mut chunk)),
            Socket::Unix(unix) => unix.set_read_timeout(Some(left)).and_then(|()| unix.read(&mut chunk)),
        };
        match result {
            Ok(0) => self.end(),
            Ok(count) => {
                self.unread.extend_from_slice(&chunk[..count]);
                Fill::Some
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Fill::Late,
                io::ErrorKind::Interrupted => Fill::Some,
                _ => self.end(),
            },
        }
    }

    fn end(&mut self) -> Fill {
        self.closed = true;
        Fill::Closed
    }
}

/// Reads again when the kernel was interrupted: it does not start a read over that has a time limit, as it does with others (signal(7)).
///
/// # Errors
///
/// Every other one of `read`.
pub fn uninterrupted<T>(mut read: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

enum Fill {
    Some,
    Closed,
    Late,
}

/// Appends a command in the form that clients send.
pub fn encode(arguments: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let argument = argument.as_ref();
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}
