//! What holds commands back for a time: CLIENT PAUSE lasts as long as it says and ends by itself, DEBUG SLEEP stops every core. What
//! a pause holds back is compared with redis-server in `tests/cases/connection.txt`.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tests::frame::Frame;
use tests::server::{Kind, Server};

/// Milliseconds of the pauses.
const PAUSE_MS: u64 = 300;

/// The replies to `command` come no sooner than a pause of `mode` is over, on whichever core their clients are.
#[track_caller]
fn check(mode: &str, command: &str, reply: &Frame) {
    // redis-server counts whole milliseconds of the clock.
    let least = Duration::from_millis(PAUSE_MS - 1);
    for kind in [Kind::Redis, Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }] {
        let server = Server::start(kind, &[]);
        let mut pausing = server.client();
        let mut others: Vec<_> = (0..6).map(|_| server.client()).collect();
        others.iter_mut().for_each(|other| other.ok("SET k v"));
        let begun = Instant::now();
        pausing.ok(&format!("CLIENT PAUSE {PAUSE_MS} {mode}"));
        let words: Vec<&str> = command.split(' ').collect();
        others.iter_mut().for_each(|other| other.send(&words).expect("the server reads"));
        for other in &mut others {
            assert_eq!(other.read().expect(command).frame, *reply, "{} {mode} {command}", kind.name());
            assert!(begun.elapsed() >= least, "{} {mode} {command}: too soon", kind.name());
        }
        pausing.ok("SET k v");
    }
}

#[test]
fn a_pause_lasts_as_long_as_it_says_and_ends_by_itself() {
    check("ALL", "GET k", &Frame::Bulk(b"v".to_vec()));
    check("ALL", "PING", &Frame::Simple(b"PONG".to_vec()));
    check("WRITE", "SET k v", &Frame::Simple(b"OK".to_vec()));
    check("WRITE", "MSET a 1 b 2 c 3", &Frame::Simple(b"OK".to_vec()));
}

#[test]
fn a_sleep_stops_every_core() {
    const CORES: usize = 4;
    let server = Server::start(Kind::Ashlar { cores: CORES }, &[]);
    // One client more than cores, so that there is one on each beside the one that sends to sleep.
    let mut sleeping = server.client();
    sleeping.ok("SET k v");
    let others: Vec<_> = (0..CORES).map(|_| server.client()).collect();
    let is_over = AtomicBool::new(false);
    let (begins, begun) = mpsc::channel();
    thread::scope(|scope| {
        let waits = others.into_iter().map(|mut other| {
            let (is_over, begins) = (&is_over, begins.clone());
            scope.spawn(move || {
                assert_eq!(other.ask("PING"), Frame::Simple(b"PONG".to_vec()));
                begins.send(()).expect("the test waits for it");
                drop(begins);
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    assert_eq!(other.ask("PING"), Frame::Simple(b"PONG".to_vec()));
                    longest = longest.max(begun.elapsed());
                }
                longest
            })
        });
        let waits: Vec<_> = waits.collect();
        drop(begins);
        // A thread that has not run yet would see nothing of the sleep. One that fails is told of when it is joined.
        begun.iter().take(CORES).for_each(drop);
        sleeping.ok("DEBUG SLEEP 0.5");
        is_over.store(true, Ordering::SeqCst);
        for wait in waits {
            let longest = wait.join().expect("the client ends");
            assert!(
                longest >= Duration::from_millis(250),
                "a client waited {longest:?} for a server that slept 500 ms"
            );
        }
    });
}
