//! Connections to other servers, kept for a while after a transfer: the next one is often to the same.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::AsyncReadExt;
use glommio::GlommioError;
use glommio::net::TcpStream;
use glommio::timer::{sleep, timeout};
use shard::migration::Target;

use super::wire::{self, Line};

/// Connections that are kept. With one more, another goes.
const KEPT_MAX: usize = 64;

/// How long one is kept that is not used.
const KEPT_TIME: Duration = Duration::from_secs(10);

/// How often it is looked at which have been kept for long enough.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Bytes that are read at a time.
const READ_BYTES: usize = 4 << 10;

/// Nobody knows which database is selected. As at redis-server, who wants just this one gets whatever is selected.
pub(super) const UNKNOWN_DB: i64 = -1;

/// A connection to another server.
pub(super) struct Link {
    pub(super) stream: TcpStream,
    /// The database that is selected there, or [`UNKNOWN_DB`].
    pub(super) db: i64,
    /// What was received and not read.
    input: Vec<u8>,
}

/// Why there is no connection.
pub(super) enum Unreachable {
    /// Nobody listens there. redis-server does not see it before it writes.
    Refused,
    /// No such name, no way, or not in time.
    Other,
}

impl Link {
    /// The next line of the replies.
    pub(super) async fn line(&mut self, limit: Duration) -> Result<Line, GlommioError<()>> {
        timeout(limit, async {
            loop {
                match wire::take_line(&mut self.input) {
                    Some(Ok(line)) => return Ok(line),
                    Some(Err(wire::NotALine)) => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
                    None => {}
                }
                let mut bytes = [0; READ_BYTES];
                match self.stream.read(&mut bytes).await? {
                    0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                    read => self.input.extend_from_slice(&bytes[..read]),
                }
            }
        })
        .await
    }
}

/// A connection that is kept.
struct Kept {
    host: Box<[u8]>,
    port: Box<[u8]>,
    link: Link,
    since: Instant,
}

/// The connections that are kept.
#[derive(Default)]
pub(super) struct Sockets {
    kept: RefCell<Vec<Kept>>,
    /// Somebody looks at them.
    watched: Cell<bool>,
}

impl Sockets {
    /// A connection to the target: one that was kept, or a new one.
    pub(super) async fn get(&self, target: &Target, limit: Duration) -> Result<Link, Unreachable> {
        if let Some(kept) = self.take(target) {
            return Ok(kept);
        }
        let connect = async { Ok::<_, GlommioError<()>>(connect(&target.host, &target.port).await) };
        let stream = timeout(limit, connect).await.map_err(|_| Unreachable::Other)??;
        // Without it a transfer waits for nothing worse than a late acknowledgement.
        let _ = stream.set_nodelay(true);
        Ok(Link { stream, db: UNKNOWN_DB, input: Vec::new() })
    }

    /// The connection to the target that was used last.
    fn take(&self, target: &Target) -> Option<Link> {
        let mut kept = self.kept.borrow_mut();
        let found = kept.iter().rposition(|kept| kept.host == target.host && kept.port == target.port)?;
        Some(kept.remove(found).link)
    }

    /// Keeps a connection whose replies were all read.
    pub(super) fn keep(self: &Rc<Self>, target: &Target, link: Link) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= KEPT_MAX {
            // The one that has been kept for longest.
            kept.remove(0);
        }
        kept.push(Kept { host: target.host.clone(), port: target.port.clone(), link, since: Instant::now() });
        // The task may run at once.
        drop(kept);
        if !self.watched.replace(true) {
            glommio::spawn_local(self.clone().watch()).detach();
        }
    }

    /// Closes what has been kept for long enough, until there is nothing left.
    async fn watch(self: Rc<Self>) {
        while !self.kept.borrow().is_empty() {
            sleep(LOOK_TIME).await;
            self.kept.borrow_mut().retain(|kept| kept.since.elapsed() < KEPT_TIME);
        }
        self.watched.set(false);
    }
}

/// Connects to the first address of a host that answers.
async fn connect(host: &[u8], port: &[u8]) -> Result<TcpStream, Unreachable> {
    let port = port_of(port).ok_or(Unreachable::Other)?;
    let host = str::from_utf8(host).ok().filter(|host| !host.is_empty()).ok_or(Unreachable::Other)?;
    let mut unreachable = Unreachable::Other;
    for address in addresses(host, port).await {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => unreachable = because(&io::Error::from(error)),
        }
    }
    Err(unreachable)
}

fn because(error: &io::Error) -> Unreachable {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::HostUnreachable => {
            Unreachable::Refused
        }
        _ => Unreachable::Other,
    }
}

/// The addresses of a host. Names are looked up beside this thread: that may take long.
async fn addresses(host: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return vec![SocketAddr::new(address, port)];
    }
    let host = host.to_owned();
    let find = move || (host.as_str(), port).to_socket_addrs().map(|found| found.collect()).unwrap_or_default();
    glommio::executor().spawn_blocking(find).await
}

/// The port in a word: its digits at the front, 0 without any, and of a number that is too large what fits, as at redis-server.
fn port_of(word: &[u8]) -> Option<u16> {
    let word = word.trim_ascii_start();
    let (is_negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    let number = digits.fold(0_i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    if is_negative && number > 0 { None } else { Some(number as u16) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_as_redis_reads_it() {
        let rows = [("6379", Some(6379)), ("6379x", Some(6379)), ("abc", Some(0)), ("", Some(0)), ("-1", None)];
        for (word, port) in rows.into_iter().chain([("99999", Some(34463)), ("99999999999999", Some(65535))]) {
            assert_eq!(port_of(word.as_bytes()), port, "{word}");
        }
    }
}
