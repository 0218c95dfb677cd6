//! Closing, resets, generations, pauses, and accepting without descriptors.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;

use super::*;

fn reset(stream: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option's value lives until the call returns, with its length given.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as u32,
        )
    };
    assert_eq!(result, 0);
}

#[test]
fn an_orderly_end_comes_after_the_bytes() {
    let (mut echo, address) = Echo::listening(&small());
    let mut stream = connect(address);
    stream.write_all(b"last words").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    echo.run_until("release", |echo| echo.released.len() == 1);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"last words");
}

#[test]
fn a_reset_is_an_end_with_an_error() {
    let (mut echo, address) = Echo::listening(&small());
    echo.close_at_end = false;
    let stream = connect(address);
    echo.run_until("accept", |echo| echo.clients.len() == 1);
    reset(stream);
    echo.run_until("end", |echo| echo.clients.values().all(|client| client.ended.is_some()));
    let conn = *echo.clients.keys().next().unwrap();
    assert_eq!(echo.clients[&conn].ended, Some(Some(io::ErrorKind::ConnectionReset)));
    // Receiving again changes nothing, sending fails, closing works.
    echo.ring.receive(conn);
    echo.ring.send(conn, vec![1; 10]);
    echo.run_until("failed send", |echo| echo.sent.iter().any(|(_, result)| result.is_err()));
    assert_eq!(echo.ring.addresses(conn).peer, "?:0");
    echo.close(conn);
    echo.run_until("release", |echo| echo.released == [conn]);
}

#[test]
fn closing_ends_operations_in_flight() {
    let mut echo = Echo::new(&small(), Vec::new());
    let (conn, mut theirs) = echo.pair();
    echo.ring.send(conn, vec![9; 4 << 20]);
    echo.turn(Wait::No);
    echo.turn(Wait::No);
    assert!(echo.sent.is_empty(), "the send must be stuck");
    theirs.write_all(b"unread").unwrap();
    echo.close(conn);
    // Twice is once.
    echo.ring.close(conn);
    echo.run_until("release", |echo| echo.released == [conn]);
    assert_eq!(echo.sent.len(), 1);
    assert!(echo.sent[0].1.is_err());
    assert_eq!(echo.ring.pools().of(Lane::Light).buffers.available(), small().buffers);
    // The descriptor is closed: the peer sees the end after what had been sent.
    let mut rest = Vec::new();
    let _ = theirs.read_to_end(&mut rest);
    assert!(!rest.is_empty() && rest.iter().all(|&byte| byte == 9));
}

#[test]
fn closing_right_after_queueing_still_sends() {
    let mut echo = Echo::new(&small(), Vec::new());
    let (conn, mut theirs) = echo.pair();
    echo.ring.send_quiet(conn, b"-ERR max number of clients reached\r\n".to_vec());
    echo.close(conn);
    echo.run_until("release", |echo| echo.released == [conn]);
    let mut answer = Vec::new();
    theirs.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"-ERR max number of clients reached\r\n");
}

#[test]
fn closing_a_receive_that_was_never_submitted() {
    let mut echo = Echo::new(&small(), Vec::new());
    let (conn, _theirs) = echo.pair();
    echo.close(conn);
    echo.run_until("release", |echo| echo.released == [conn]);
}

#[test]
fn an_index_comes_back_with_another_generation() {
    let mut echo = Echo::new(&small(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let (conn, mut theirs) = echo.pair();
        assert_eq!(conn.index, 0, "the place is free again");
        assert!(seen.insert(conn));
        theirs.write_all(b"x").unwrap();
        echo.run_until("byte", |echo| echo.clients[&conn].received == 1);
        echo.close(conn);
        // Calls on what is closed are ignored.
        echo.ring.receive(conn);
        echo.ring.pause(conn);
        echo.run_until("release", |echo| echo.released.last() == Some(&conn));
        echo.ring.close(conn);
    }
    assert_eq!(echo.released.len(), 100);
}

#[test]
fn pause_and_resume_in_any_timing_lose_nothing() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut echo = Echo::new(&UringConfig { buffers: 4, buffer_bytes: 64, ..small() }, Vec::new());
    let (conn, mut theirs) = echo.pair();
    theirs.set_nonblocking(true).unwrap();
    let expected = pattern(200_000, 3);
    let (mut written, mut answer) = (0, Vec::new());
    let start = Instant::now();
    while answer.len() < expected.len() {
        assert!(start.elapsed() < DEADLINE, "stuck at {} of {written}", answer.len());
        for _ in 0..random.u32(0..4) {
            if random.bool() { echo.ring.pause(conn) } else { echo.ring.receive(conn) }
        }
        if random.u32(0..3) == 0 {
            let end = (written + random.usize(0..2000)).min(expected.len());
            written += theirs.write(&expected[written..end]).unwrap_or(0);
        }
        echo.turn(Wait::No);
        let mut chunk = [0; 4096];
        if let Ok(n) = theirs.read(&mut chunk) {
            answer.extend_from_slice(&chunk[..n]);
        }
    }
    assert!(answer == expected);
}

#[test]
fn a_paused_connection_takes_nothing() {
    let mut echo = Echo::new(&small(), Vec::new());
    let (conn, mut theirs) = echo.pair();
    theirs.write_all(b"one").unwrap();
    echo.run_until("first bytes", |echo| echo.clients[&conn].received == 3);
    echo.ring.pause(conn);
    echo.ring.pause(conn);
    echo.turn(Wait::No);
    echo.turn(Wait::No);
    theirs.write_all(b"two").unwrap();
    // Another connection's round trip shows that the ring ran.
    let (other, mut other_theirs) = echo.pair();
    other_theirs.write_all(b"x").unwrap();
    echo.run_until("the other", |echo| echo.clients[&other].received == 1);
    assert_eq!(echo.clients[&conn].received, 3);
    echo.ring.receive(conn);
    echo.run_until("second bytes", |echo| echo.clients[&conn].received == 6);
}

#[test]
fn accepting_stops_without_descriptors_and_starts_again() {
    // The limit is the process's, so the test runs alone in a child.
    const CHILD: &str = "ASHLAR_RING_TEST_EMFILE";
    if std::env::var_os(CHILD).is_none() {
        let name = "ring::uring::tests::endings::accepting_stops_without_descriptors_and_starts_again";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--test-threads=1"])
            .env(CHILD, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    // Before accepting is armed: the kernel takes the limit when it is.
    set_descriptor_limit(64);
    let (mut echo, address) = Echo::listening(&small());
    let first = connect(address);
    echo.run_until("first", |echo| echo.clients.len() == 1);
    let waiting = connect_later(address);
    let hoard: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let second = waiting();
    echo.run_until("failure", |echo| !echo.accept_errors.is_empty());
    assert_eq!(echo.accept_errors[0].raw_os_error(), Some(libc::EMFILE));
    drop(hoard);
    echo.ring.accept(ListenerId(0));
    echo.ring.accept(ListenerId(0));
    echo.run_until("second", |echo| echo.clients.len() == 2);
    drop((first, second));
    echo.run_until("released", |echo| echo.released.len() == 2);
}

/// Makes the client's descriptor now and connects it when called: connecting needs no further one.
fn connect_later(address: SocketAddr) -> impl FnOnce() -> OwnedFd {
    use std::os::fd::FromRawFd;
    // SAFETY: takes no pointers; the descriptor is checked and belongs to nobody else.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    };
    move || {
        let SocketAddr::V4(v4) = address else { panic!("an IPv4 listener") };
        let name = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: v4.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
            sin_zero: [0; 8],
        };
        // SAFETY: the name lives until the call returns, with its length given.
        let result = unsafe { libc::connect(socket.as_raw_fd(), (&raw const name).cast(), size_of_val(&name) as u32) };
        assert_eq!(result, 0);
        socket
    }
}

/// Sets the soft limit.
fn set_descriptor_limit(soft: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit lives until both calls return.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = soft;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

#[test]
fn dropping_the_ring_closes_every_socket() {
    let (mut echo, address) = Echo::listening(&small());
    let mut streams: Vec<_> = (0..10).map(|_| connect(address)).collect();
    echo.run_until("accepts", |echo| echo.clients.len() == 10);
    let conn = *echo.clients.keys().next().unwrap();
    echo.ring.send(conn, vec![1; 16 << 20]);
    drop(echo);
    for stream in &mut streams {
        let mut rest = Vec::new();
        // The end or a reset, but no hanging.
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn addresses_and_options_are_those_of_redis() {
    let (mut echo, address) = Echo::listening(&small());
    let stream = connect(address);
    echo.run_until("accept", |echo| echo.clients.len() == 1);
    let conn = *echo.clients.keys().next().unwrap();
    let addresses = echo.ring.addresses(conn);
    assert_eq!(addresses.peer, stream.local_addr().unwrap().to_string());
    assert_eq!(addresses.local, address.to_string());
    let fd = echo.ring.connections.get(conn).unwrap().fd();
    let option = |level, name| {
        let (mut value, mut bytes) = (0_i32, 4_u32);
        // SAFETY: value and length live until the call returns.
        unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut bytes) };
        value
    };
    assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_NODELAY), 1);
    assert_eq!(option(libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
    assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), 60);
    assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), 20);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut echo = Echo::new(&small(), vec![listener.into()]);
    let _stream = UnixStream::connect(&path).unwrap();
    echo.run_until("accept", |echo| echo.clients.len() == 1);
    let conn = *echo.clients.keys().next().unwrap();
    assert_eq!(echo.ring.addresses(conn).local, format!("{}:0", path.display()));
}
