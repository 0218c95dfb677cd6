//! Bad clients: idle ones in thousands, ones that never read, ones that send anything at all. The server stays alive,
//! its memory bounded, and others are served.
#![forbid(unsafe_code)]

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::binaries::ashlar_is_redis;
use tests::client::{Client, Outcome, encode};
use tests::frame::Frame;
use tests::process::{descriptors, raise_descriptors, resident_bytes};
use tests::server::{Kind, Server};

const FOUR: Kind = Kind::Ashlar { cores: 4 };
const MIB: u64 = 1 << 20;
/// Longest wait for something that the server does in its own time.
const WAIT: Duration = Duration::from_secs(30);

fn pong(client: &mut Client) {
    assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
}

/// Asks until `done` says so.
#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {WAIT:?}");
    }
}

fn info_number(client: &mut Client, field: &str) -> i64 {
    let reply = client.ask("INFO");
    let text = String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} in INFO"))
}

#[test]
fn ten_thousand_connections_that_send_nothing() {
    let limit = raise_descriptors(22_000);
    let count = usize::try_from(limit.saturating_sub(500).min(10_000)).expect("fits");
    let server = Server::start(FOUR, &["--maxclients", "12000"]);
    let before = resident_bytes(server.pid()).expect("it runs");
    let mut idle = Vec::with_capacity(count);
    for index in 0..count {
        let stream = TcpStream::connect(("127.0.0.1", server.port));
        idle.push(stream.unwrap_or_else(|error| panic!("connection {index} of {count}: {error}")));
    }
    let mut client = server.client();
    let clients = i64::try_from(count).expect("fits") + 1;
    until("all connections are counted", || info_number(&mut client, "connected_clients") == clients);
    for _ in 0..100 {
        pong(&mut client);
    }
    let grown = resident_bytes(server.pid()).expect("it runs").saturating_sub(before);
    let each = grown / u64::try_from(count).expect("fits");
    assert!(each < 24 * 1024, "{each} bytes resident per idle connection of {count}");
    drop(idle);
    until("all connections are gone", || info_number(&mut client, "connected_clients") == 1);
    until("their descriptors too", || descriptors(server.pid()) < 200);
    pong(&mut server.client());
}

#[test]
fn a_client_that_never_reads_is_closed_at_its_limit() {
    let server = Server::start(FOUR, &[]);
    let mut other = server.client();
    let set = ["CONFIG", "SET", "client-output-buffer-limit", "normal 8388608 0 0"];
    assert_eq!(other.call(&set).expect("CONFIG SET").raw, b"+OK\r\n");
    let value = vec![b'x'; 1 << 20];
    assert_eq!(other.call(&[&b"SET"[..], b"big", &value]).expect("SET").raw, b"+OK\r\n");
    let before = resident_bytes(server.pid()).expect("it runs");
    let mut deaf: Vec<Client> = (0..8).map(|_| server.client()).collect();
    let ids: Vec<i64> = deaf.iter_mut().filter_map(|client| client.ask("CLIENT ID").int()).collect();
    let mut request = Vec::new();
    for _ in 0..64 {
        encode(&["GET", "big"], &mut request);
    }
    for client in &mut deaf {
        let _ = client.send_raw(&request);
    }
    for id in ids {
        until("a deaf client is closed", || {
            let reply = other.ask(&format!("CLIENT LIST ID {id}"));
            reply.text().is_none_or(|line| line.is_empty())
        });
        pong(&mut other);
    }
    let grown = resident_bytes(server.pid()).expect("it runs").saturating_sub(before);
    assert!(grown < 200 * MIB, "{} MiB grown by deaf clients", grown / MIB);
    for mut client in deaf {
        let (bytes, closed) = client.read_to_end();
        assert!(closed && bytes.len() < 64 << 20, "{} bytes, closed {closed}", bytes.len());
    }
}

#[test]
fn output_limits_are_finite_by_default() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(FOUR, &[]);
    let reply = server.client().ask("CONFIG GET client-output-buffer-limit");
    let text =
        String::from_utf8_lossy(reply.items().and_then(|items| items[1].text()).unwrap_or_default()).into_owned();
    assert!(text.starts_with("normal 1073741824 268435456 60"), "{text}");
}

#[test]
fn an_unauthenticated_client_that_never_reads_is_closed_early() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(FOUR, &["--requirepass", "secret"]);
    let mut deaf = server.client();
    deaf.send_wait(Some(Duration::from_secs(5))).expect("a bound can be set");
    let request = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(1_000);
    let mut sent = 0usize;
    // Each reply is longer than its request; kernel buffers take some megabytes before the server's limit counts.
    while deaf.send_raw(&request).is_ok() {
        sent += request.len();
        assert!(sent < 256 << 20, "still reading after {sent} bytes");
    }
    let mut other = server.client();
    other.ok("AUTH secret");
    until("the deaf client is closed", || info_number(&mut other, "connected_clients") == 1);
}

#[test]
fn a_query_buffer_has_a_limit() {
    let server = Server::start(FOUR, &["--client-query-buffer-limit", "1mb"]);
    let mut other = server.client();
    let mut client = server.client();
    client.send_wait(Some(Duration::from_secs(5))).expect("a bound can be set");
    let _ = client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n");
    let chunk = vec![b'x'; 64 * 1024];
    let mut sent = 0usize;
    while client.send_raw(&chunk).is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "still reading after {sent} bytes");
    }
    pong(&mut other);
    until("it is closed", || info_number(&mut other, "connected_clients") == 1);
}

#[test]
fn announced_bulks_take_no_memory_before_they_come() {
    let server = Server::start(FOUR, &[]);
    let before = resident_bytes(server.pid()).expect("it runs");
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send_raw(b"PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nxxxx").expect("the server listens");
        assert_eq!(client.read().expect("PING").raw, b"+PONG\r\n");
    }
    let mut many: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut many {
        client.send_raw(b"PING\r\n*1048576\r\n$3\r\nDEL\r\n$1\r\nk\r\n").expect("the server listens");
        assert_eq!(client.read().expect("PING").raw, b"+PONG\r\n");
    }
    let mut other = server.client();
    pong(&mut other);
    let grown = resident_bytes(server.pid()).expect("it runs").saturating_sub(before);
    assert!(grown < 128 * MIB, "{} MiB for 200 announced commands", grown / MIB);
}

/// Bytes of one bad client: noise, or good frames with a few bytes changed, cut or doubled.
fn noise(random: &mut fastrand::Rng) -> Vec<u8> {
    if random.u8(0..4) == 0 {
        return (0..random.usize(1..2000)).map(|_| random.u8(..)).collect();
    }
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..12) {
        let words: &[&str] = match random.u8(0..8) {
            0 => &["SET", "k", "some value"],
            1 => &["MSET", "a", "1", "b", "2", "c", "3"],
            2 => &["MGET", "a", "b", "c", "k"],
            3 => &["GETRANGE", "k", "0", "-1"],
            4 => &["HELLO", "3"],
            5 => &["SCAN", "0", "COUNT", "10"],
            6 => &["EXPIRE", "k", "100", "NX"],
            _ => &["CLIENT", "REPLY", "ON"],
        };
        encode(words, &mut bytes);
    }
    for _ in 0..random.usize(0..4) {
        let at = random.usize(0..bytes.len());
        match random.u8(0..4) {
            0 => bytes[at] = random.u8(..),
            1 => bytes.truncate(at.max(1)),
            2 => bytes.insert(at, *random.choice(b"\r\n*$-0123456789").expect("not empty")),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

#[test]
fn any_bytes_at_all_leave_the_server_alive() {
    let mut server = Server::start(FOUR, &[]);
    let mut other = server.client();
    pong(&mut other);
    let before = resident_bytes(server.pid()).expect("it runs");
    for seed in 0..600 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut client = server.client();
        let bytes = noise(&mut random);
        for chunk in bytes.chunks(random.usize(1..200)) {
            if client.send_raw(chunk).is_err() {
                break;
            }
        }
        client.finish_sending();
        let (_, closed) = client.read_to_end();
        assert!(closed, "seed {seed}: {}", bytes.escape_ascii());
        if seed % 20 == 0 {
            pong(&mut other);
        }
    }
    assert!(server.is_alive());
    let grown = resident_bytes(server.pid()).expect("it runs").saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
}

#[test]
fn resets_with_replies_in_flight_leave_nothing_behind() {
    let server = Server::start(FOUR, &[]);
    let mut other = server.client();
    other.ok(&format!("SET big {}", "x".repeat(100_000)));
    let before = descriptors(server.pid());
    for round in 0..1500 {
        let mut client = server.client();
        let request: &[u8] = if round % 2 == 0 { b"PING\r\nGET big\r\nMGET a b big\r\n" } else { b"GET big\r\n" };
        client.send_raw(request).expect("the server listens");
        if round % 3 != 0 {
            client.wait_for_bytes().expect("the server answers");
        }
        // Closing with bytes unread sends a reset.
        drop(client);
    }
    until("all of them are gone", || info_number(&mut other, "connected_clients") == 1);
    until("their descriptors too", || descriptors(server.pid()) <= before);
    pong(&mut other);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut server = Server::start(FOUR, &[]);
    let mut first = server.client();
    pong(&mut first);
    let few = descriptors(server.pid()) + 10;
    let limit = format!("--nofile={few}:{few}");
    let status = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit lowers the limit of a child");
    let waiting: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(("127.0.0.1", server.port)).expect("the backlog takes it")).collect();
    for _ in 0..100 {
        pong(&mut first);
    }
    drop(waiting);
    until("a new client is served again", || {
        let mut client = server.client();
        client.wait = Duration::from_secs(5);
        matches!(client.call(&["PING"]), Outcome::Reply(reply) if reply.raw == b"+PONG\r\n")
    });
    assert!(server.is_alive());
}
