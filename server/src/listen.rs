//! Listening sockets: one per core and address with SO_REUSEPORT, and one for the UNIX socket.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use shard::core::ListenerKind;
use shard::settings::Settings;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Time to find out whether somebody listens on an address.
const CONFLICT_TIME_MAX: Duration = Duration::from_secs(1);

/// How long an address that is taken is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// The listeners of each core, with what they are.
pub(crate) type Listeners = Vec<Vec<(OwnedFd, ListenerKind)>>;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// An address is taken or not ours.
    #[error("Failed listening on port {port} ({address}): {error}")]
    Port {
        /// The port.
        port: u16,
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The UNIX socket cannot be made.
    #[error("Failed opening UNIX socket {path}: {error}")]
    Unix {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// There is nothing to listen on.
    #[error("Nothing to listen on: port is 0 and there is no unixsocket")]
    Nothing,
}

/// Opens everything that the settings name, for `cores` cores.
///
/// # Errors
///
/// The first address that cannot be listened on. One written with a leading `-` may be missing on this machine.
pub(crate) fn open(settings: &Settings, cores: u16) -> Result<Listeners, ListenError> {
    let mut listeners: Listeners = (0..cores).map(|_| Vec::new()).collect();
    if settings.port != 0 {
        for name in &settings.bind {
            let (name, optional) = name.strip_prefix('-').map_or((name.as_str(), false), |rest| (rest, true));
            let opened = open_tcp(name, settings, cores);
            match opened {
                Ok(sockets) => {
                    listeners.iter_mut().zip(sockets).for_each(|(all, socket)| all.push((socket, ListenerKind::Tcp)));
                }
                Err(error) if optional && is_missing(&error) => {}
                Err(error) => return Err(ListenError::Port { port: settings.port, address: name.into(), error }),
            }
        }
    }
    if !settings.unixsocket.is_empty() {
        let path = settings.unixsocket.clone();
        let socket = open_unix(settings).map_err(|error| ListenError::Unix { path, error })?;
        listeners[0].push((socket, ListenerKind::Unix));
    }
    if listeners.iter().all(Vec::is_empty) {
        return Err(ListenError::Nothing);
    }
    Ok(listeners)
}

/// Whether an address could not be bound because this machine does not have it.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// The address that `bind` means by a name, with a port.
pub(crate) fn address(name: &str, port: u16) -> io::Result<SocketAddr> {
    let name = match name {
        "*" => "0.0.0.0",
        "::*" => "::",
        name => name,
    };
    (name, port).to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// One listener per core on one address.
fn open_tcp(name: &str, settings: &Settings, cores: u16) -> io::Result<Vec<OwnedFd>> {
    let address = address(name, settings.port)?;
    // SO_REUSEPORT lets a second server share the port unseen: a bind without it finds out whether somebody listens.
    patiently(|| bind(address, Sharing::No))?;
    (0..cores)
        .map(|_| {
            let socket = bind(address, Sharing::Yes)?;
            socket.listen(settings.tcp_backlog as i32)?;
            Ok(socket.into())
        })
        .collect()
}

/// Whether others may listen on the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// Whoever else says so, too: SO_REUSEPORT.
    Yes,
    /// Nobody.
    No,
}

/// A socket bound to an address, not listening yet. Refused if somebody listens there who does not share.
fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == Sharing::Yes)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Finds out whether glommio can listen on an address. It shares the port with whoever wants it, so this is where a conflict shows.
///
/// # Errors
///
/// The address is taken or not ours.
pub(crate) fn check_free(address: SocketAddr) -> io::Result<()> {
    // A bind is also refused while connections of an earlier run fade away: that is no conflict, if nobody accepts.
    patiently(|| match bind(address, Sharing::No) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse || somebody_accepts(address) => Err(error),
        _ => Ok(()),
    })
}

/// Tries again for a while where an address is taken: after a process was killed, the kernel holds on to the listeners of its rings for
/// a moment, and whoever starts it again must not fail for that.
fn patiently<R>(attempt: impl Fn() -> io::Result<R>) -> io::Result<R> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                // The kernel tells nobody when an address is free again; this is before anything is served, and ends after `PATIENCE`.
                std::thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn somebody_accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, CONFLICT_TIME_MAX).is_ok()
}

/// The UNIX listener. Its permissions are set before anybody can connect.
fn open_unix(settings: &Settings) -> io::Result<OwnedFd> {
    let path = Path::new(&settings.unixsocket);
    // The socket of an earlier run may be left; anything else at that place is somebody's file.
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is not a socket"));
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if settings.unixsocketperm != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(settings.unixsocketperm))?;
    }
    socket.listen(settings.tcp_backlog as i32)?;
    Ok(socket.into())
}
