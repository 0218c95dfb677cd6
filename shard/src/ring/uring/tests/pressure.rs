//! Few buffers, many clients, full sockets, small queues.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Every client writes all its bytes before it reads any, so that all of them press at once.
fn echo_to(clients: usize, bytes: usize, config: &UringConfig) {
    let (mut echo, address) = Echo::listening(config);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..clients {
            let done = &done;
            scope.spawn(move || {
                let mut stream = connect(address);
                let expected = pattern(bytes, client);
                stream.write_all(&expected).unwrap();
                let mut answer = vec![0; bytes];
                stream.read_exact(&mut answer).unwrap();
                assert!(answer == expected, "client {client} got other bytes");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        echo.run_until("all clients", |_| done.load(Ordering::Relaxed) == clients);
    });
    echo.run_until("all released", |echo| echo.released.len() == clients);
    let free = |lane| echo.ring.pools().of(lane).buffers.available();
    assert_eq!((free(Lane::Light), free(Lane::Bulk)), (config.buffers, config.bulk_buffers));
}

#[test]
fn eight_buffers_serve_two_hundred_pipelining_connections() {
    echo_to(200, 40_000, &small());
}

#[test]
fn one_buffer_serves_everybody() {
    echo_to(20, 5_000, &UringConfig { buffers: 1, buffer_bytes: 64, ..small() });
}

#[test]
fn a_tiny_submission_queue_is_no_limit() {
    // More operations per turn than entries, and more completions at once than the completion queue holds.
    echo_to(100, 10_000, &UringConfig { entries: 1, buffers: 64, ..small() });
}

#[test]
fn plenty_of_buffers_serve_a_few() {
    echo_to(4, 2_000_000, &UringConfig::default());
}

#[test]
fn every_starving_connection_gets_its_turn() {
    let mut echo = Echo::new(&UringConfig { buffers: 2, buffer_bytes: 16, ..small() }, Vec::new());
    echo.close_at_end = false;
    // Not so much that it moves anybody to the other lane.
    let bytes = 7 * 16;
    let mut pairs: Vec<_> = (0..50).map(|_| echo.pair()).collect();
    for (_, theirs) in &mut pairs {
        theirs.write_all(&vec![7; bytes]).expect("it fits the socket");
    }
    let mut least = 0;
    echo.run_until("all bytes", |echo| {
        // FIFO: nobody is more than a round (a ring of buffers, and what an arm may take on top) ahead of the last.
        let received = echo.clients.values().map(|client| client.received);
        let (low, high) = received.fold((usize::MAX, 0), |(l, h), n| (l.min(n), h.max(n)));
        assert!(high - low <= 2 * 2 * 16, "{low}..{high}");
        least = low;
        least == bytes
    });
}

#[test]
fn who_sends_little_does_not_wait_behind_those_who_send_much() {
    let config = UringConfig { buffers: 8, buffer_bytes: 64, bulk_buffers: 2, bulk_buffer_bytes: 256, ..small() };
    let mut echo = Echo::new(&config, Vec::new());
    echo.close_at_end = false;
    let mut pairs: Vec<_> = (0..20).map(|_| echo.pair()).collect();
    let (little, mut theirs) = echo.pair();
    for (_, theirs) in &mut pairs {
        theirs.write_all(&[7; 60_000]).expect("it fits the socket");
    }
    let least =
        |echo: &Echo| pairs.iter().map(|(conn, _)| echo.clients[conn].received).min().expect("there are twenty");
    echo.run_until("all have shown how they are", |echo| least(echo) > 2_000);
    for round in 1..20 {
        theirs.write_all(&[round as u8; 5]).expect("it fits the socket");
        let mut turns = 0;
        while echo.clients[&little].received < 5 * round {
            turns += 1;
            assert!(turns <= 2, "round {round}: it is not served in its turn");
            echo.turn(Wait::No);
        }
    }
    assert!(least(&echo) < 60_000, "the others were busy throughout");
}

#[test]
fn a_wait_leaves_nobody_starving() {
    // A loop that never asks what the ring owes.
    let config = UringConfig { buffers: 2, ..small() };
    let mut ring = Uring::new(&config, 0, RingTable::new(1).unwrap(), Vec::new()).unwrap();
    let mut pairs: Vec<_> = (0..40).map(|_| UnixStream::pair().unwrap()).collect();
    let conns: Vec<_> = pairs.iter().map(|(ours, _)| ring.adopt(ours.try_clone().unwrap().into())).collect();
    // The first use up the buffers of the rest, then have nothing more to say.
    for (_, theirs) in &mut pairs {
        theirs.write_all(b"x").unwrap();
    }
    conns.iter().for_each(|&conn| ring.receive(conn));
    let (start, mut received, mut events) = (Instant::now(), 0, Vec::new());
    while received < 2 * pairs.len() {
        ring.enter(Wait::Until(DEADLINE), &mut events).unwrap();
        assert!(start.elapsed() < DEADLINE / 2, "{received} received");
        for event in events.drain(..) {
            if let Event::Received { conn, buffer, len } = event {
                received += len;
                ring.recycle(buffer);
                let theirs = &mut pairs[conn.index as usize].1;
                // Once more, so that everybody has to be armed when it had been served before.
                if received <= 40 {
                    theirs.write_all(b"y").unwrap();
                }
            }
        }
    }
}

#[test]
fn a_slow_reader_gets_a_large_buffer_whole() {
    for quiet in [false, true] {
        let mut echo = Echo::new(&small(), Vec::new());
        let (conn, mut theirs) = echo.pair();
        let expected = pattern(8 << 20, 1);
        echo.clients.get_mut(&conn).unwrap().sending = true;
        if quiet {
            echo.ring.send_quiet(conn, expected.clone());
        } else {
            echo.ring.send(conn, expected.clone());
        }
        echo.turn(Wait::No);
        assert!(echo.sent.is_empty(), "8 MiB do not fit a socket's buffer");
        let reader = std::thread::spawn(move || {
            let mut answer = Vec::new();
            let mut chunk = vec![0; 10_000];
            while answer.len() < 8 << 20 {
                let n = theirs.read(&mut chunk).unwrap();
                answer.extend_from_slice(&chunk[..n]);
            }
            (answer, theirs)
        });
        echo.run_until("the send", |echo| !echo.sent.is_empty());
        assert!(echo.sent[0].1.is_ok());
        assert!(reader.join().unwrap().0 == expected);
    }
}

#[test]
fn a_sent_send_is_reported_without_another_event() {
    let mut echo = Echo::new(&small(), Vec::new());
    let (conn, mut theirs) = echo.pair();
    echo.ring.send(conn, b"hello".to_vec());
    // Would hang here if the send did not end the wait.
    echo.ring.enter(Wait::Forever, &mut echo.events).unwrap();
    assert!(matches!(&echo.events[..], [Event::Sent { buffer, result: Ok(()), .. }] if buffer == b"hello"));
    let mut answer = [0; 5];
    theirs.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
}
