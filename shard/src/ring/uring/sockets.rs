//! Socket options and addresses: the few plain system calls on sockets, none of them per command.
//!
//! Linux hands TCP_NODELAY and the keepalive settings of a listener down to what it accepts, so they are set once per
//! listener and never per connection.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::RawFd;

use libc::c_int;

/// Probes before a silent peer counts as dead; with the interval at a third of the idle time, it is gone after twice that.
const KEEPALIVE_PROBES: c_int = 3;

/// What Redis prints when an end has no address any more.
const UNKNOWN: &str = "?:0";

/// Clears O_NONBLOCK: io_uring does not wait on such a socket but fails with EAGAIN.
pub(super) fn set_blocking(socket: RawFd) {
    // SAFETY: takes no pointers. A failure leaves the socket as it was, which shows as a failed accept.
    unsafe {
        let flags = libc::fcntl(socket, libc::F_GETFL);
        if flags >= 0 && flags & libc::O_NONBLOCK != 0 {
            libc::fcntl(socket, libc::F_SETFL, flags & !libc::O_NONBLOCK);
        }
    }
}

/// Sends small segments at once. No effect on UNIX sockets.
pub(super) fn set_nodelay(listener: RawFd) {
    set(listener, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
}

/// Sets the keepalive time, 0 for off. No effect on UNIX sockets.
pub(super) fn set_keepalive(listener: RawFd, seconds: u32) {
    let idle = c_int::try_from(seconds).unwrap_or(c_int::MAX);
    set(listener, libc::SOL_SOCKET, libc::SO_KEEPALIVE, c_int::from(idle > 0));
    if idle > 0 {
        set(listener, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, idle);
        set(listener, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, (idle / 3).max(1));
        set(listener, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
}

/// The address of the peer, as `CLIENT LIST` prints it.
pub(super) fn peer(socket: RawFd) -> String {
    address(socket, libc::getpeername)
}

/// Our address, as `CLIENT LIST` prints it. For a UNIX socket this is the path that both ends are listed with.
pub(super) fn local(socket: RawFd) -> String {
    address(socket, libc::getsockname)
}

fn set(socket: RawFd, level: c_int, option: c_int, value: c_int) {
    let bytes = size_of::<c_int>() as libc::socklen_t;
    // Not applicable to UNIX sockets, and never fatal: the result is not looked at.
    // SAFETY: the value lives until the call returns, with its length given.
    unsafe { libc::setsockopt(socket, level, option, (&raw const value).cast(), bytes) };
}

type NameCall = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

fn address(socket: RawFd, call: NameCall) -> String {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut bytes = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: the storage is as long as given and may hold any address.
    let result = unsafe { call(socket, storage.as_mut_ptr().cast(), &raw mut bytes) };
    if result != 0 {
        return UNKNOWN.to_owned();
    }
    // SAFETY: every bit pattern of the zeroed storage is valid.
    let storage = unsafe { storage.assume_init() };
    format(&storage, bytes as usize).unwrap_or_else(|_| UNKNOWN.to_owned())
}

fn format(storage: &libc::sockaddr_storage, bytes: usize) -> io::Result<String> {
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which address this is, and the storage is larger and more aligned.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Ok(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))).to_string())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let address = SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, 0);
            Ok(SocketAddr::V6(address).to_string())
        }
        libc::AF_UNIX => {
            // SAFETY: as above.
            let unix = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_un>() };
            let offset = std::mem::offset_of!(libc::sockaddr_un, sun_path);
            let length = bytes.saturating_sub(offset).min(unix.sun_path.len());
            let path = unix.sun_path[..length].iter().map(|&c| c as u8);
            let path: Vec<u8> = path.take_while(|&c| c != 0).collect();
            Ok(format!("{}:0", String::from_utf8_lossy(&path)))
        }
        _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}
