//! More pipelining connections than receive buffers: every one of them completes, and nothing spins afterwards.
#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;
use tests::client::{Client, Outcome, encode};
use tests::process::cpu_ticks;
use tests::server::{Kind, Server};

const CONNECTIONS: usize = 200;
const THREADS: usize = 4;
const ROUNDS: usize = 5;
const DEPTH: usize = 40;

/// One thread's connections: all are sent to before any is read from, so that all of them wait for buffers at once.
fn drive(server: &Server, first: usize) {
    let mut clients: Vec<Client> = (0..CONNECTIONS / THREADS).map(|_| server.client()).collect();
    for round in 0..ROUNDS {
        for (index, client) in clients.iter_mut().enumerate() {
            let mut bytes = Vec::new();
            for command in 0..DEPTH {
                let key = format!("k{}-{command}", first + index);
                let value = format!("{round}-").repeat(200 + command);
                encode(&["SET", &key, &value], &mut bytes);
                encode(&["GET", &key], &mut bytes);
            }
            client.send_raw(&bytes).expect("the server reads on");
        }
        for (index, client) in clients.iter_mut().enumerate() {
            for command in 0..DEPTH {
                let what = format!("connection {} round {round} command {command}", first + index);
                assert_eq!(client.read().expect(&what).raw, b"+OK\r\n", "{what}");
                let value = format!("{round}-").repeat(200 + command);
                let reply = client.read().expect(&what).frame;
                assert_eq!(reply.text(), Some(value.as_bytes()), "{what}");
            }
        }
    }
}

fn check(kind: Kind, flags: &[&str]) {
    let server = Server::start(kind, flags);
    thread::scope(|scope| {
        for part in 0..THREADS {
            let server = &server;
            scope.spawn(move || drive(server, part * CONNECTIONS / THREADS));
        }
    });
    let mut client = server.client();
    assert_eq!(client.ask("PING").text(), Some(&b"PONG"[..]));
    let before = cpu_ticks(server.pid()).expect("it runs");
    // A read that nothing answers is the clock of this test.
    client.wait = Duration::from_secs(1);
    assert_eq!(client.read(), Outcome::Silent);
    let used = cpu_ticks(server.pid()).expect("it runs") - before;
    assert!(used <= 30, "{}: {used} ticks of 10 ms in an idle second: a busy loop", kind.name());
}

#[test]
fn two_hundred_connections_on_eight_buffers_and_one_core() {
    check(Kind::Ashlar { cores: 1 }, &["--ring-buffers", "8"]);
}

#[test]
fn two_hundred_connections_on_eight_buffers_and_four_cores() {
    check(Kind::Ashlar { cores: 4 }, &["--ring-buffers", "8"]);
}

#[test]
fn large_values_through_eight_buffers() {
    let server = Server::start(Kind::Ashlar { cores: 2 }, &["--ring-buffers", "8"]);
    thread::scope(|scope| {
        for part in 0..THREADS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.client();
                let key = format!("big{part}");
                let value = vec![b'a' + part as u8; 2_000_000];
                for _ in 0..5 {
                    assert_eq!(client.call(&[b"SET", key.as_bytes(), &value]).expect("SET").raw, b"+OK\r\n");
                    let reply = client.call(&[b"GET", key.as_bytes()]).expect("GET");
                    assert!(reply.frame.text() == Some(&value), "{} bytes", reply.raw.len());
                }
            });
        }
    });
}
