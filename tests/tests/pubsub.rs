//! Publish and subscribe between several clients: byte by byte what redis-server 7.0.15 sends, on one core and on four; and what
//! becomes of a subscriber that does not read.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::server::{Kind, Server};
use tests::turns::check;

#[test]
fn messages_reach_those_who_listen() {
    check(
        &[],
        "a SUBSCRIBE news sport news | a=3
         b PSUBSCRIBE n* n* | b=2
         e PSUBSCRIBE ?ews
         c SSUBSCRIBE news weather | c=2
         d HELLO 3
         d SUBSCRIBE news
         p PUBLISH news hello | p=1 a=1 b=1 d=1 e=1
         e PUNSUBSCRIBE ?ews
         p PUBLISH news again | p=1 a=1 b=1 d=1
         p SPUBLISH news shard | p=1 c=1
         p PUBLISH nobody x | p=1 b=1
         p SPUBLISH nobody x
         a UNSUBSCRIBE news nothing | a=2
         p PUBLISH news third | p=1 b=1 d=1
         d PSUBSCRIBE new*
         p PUBLISH news fourth | p=1 b=1 d=2
         p PUBSUB NUMSUB news sport nothing
         p PUBSUB SHARDNUMSUB weather news
         p PUBSUB NUMPAT
         p PUBSUB CHANNELS s*
         p PUBSUB SHARDCHANNELS n*
         d UNSUBSCRIBE
         d PUNSUBSCRIBE
         b RESET
         p PUBLISH news last
         p PUBSUB NUMPAT
         a SUNSUBSCRIBE
         a UNSUBSCRIBE
         a UNSUBSCRIBE
         c SUNSUBSCRIBE news
         p SPUBLISH weather sun | p=1 c=1",
    );
}

#[test]
fn a_subscriber_may_do_little_and_with_resp3_everything() {
    check(
        &[],
        "a SUBSCRIBE x
         a GET k
         a PING
         a PING hello
         a PING too many
         a HELLO 3
         a CLIENT LIST
         a MULTI
         a nonsense
         a GET
         a SUBSCRIBE
         a PUBLISH x y
         a SSUBSCRIBE x
         a UNSUBSCRIBE
         a GET k
         a SUNSUBSCRIBE
         a GET k
         b HELLO 3
         b SUBSCRIBE x y | b=2
         b GET k
         b PING
         b SELECT 1
         b HELLO 2
         b GET k
         b PING
         b UNSUBSCRIBE y x | b=2
         b GET k
         b RESET
         c SUBSCRIBE x
         c RESET
         c GET k",
    );
}

#[test]
fn client_reply_does_not_mute_pushes() {
    check(
        &[],
        "a HELLO 3
         a CLIENT REPLY OFF | a=0
         a SUBSCRIBE x
         a PING | a=0
         p PUBLISH x 1 | p=1 a=1
         a CLIENT REPLY ON
         a CLIENT REPLY SKIP | a=0
         a SUBSCRIBE y
         a PING
         b CLIENT REPLY OFF | b=0
         b SUBSCRIBE x
         p PUBLISH x 2 | p=1 a=1 b=1
         b RESET",
    );
}

#[test]
fn transactions_subscribe_and_publish() {
    check(
        &[],
        "a MULTI
         a SUBSCRIBE x y
         a PING
         a SET k v
         p PUBLISH x early
         a EXEC | a=1
         a GET k | a=2
         p MULTI
         p PUBLISH x 1
         p SET k v
         p PUBLISH x 2
         p EXEC | p=1 a=2",
    );
}

#[test]
fn events_of_keys_are_published() {
    check(
        &["--notify-keyspace-events", "KEx"],
        "a CONFIG GET notify-keyspace-events
         a PSUBSCRIBE __keyspace@*__:*
         b SUBSCRIBE __keyevent@3__:expired
         p SELECT 3
         p SET k v PXAT 1 GET
         p EXISTS k | p=1 a=1 b=1
         a PUNSUBSCRIBE",
    );
}

#[test]
fn settings_of_events_read_as_redis_writes_them() {
    let words = ["KEA", "", "mnEKdtexzhsl$g", "Ag", "mnd", "Kq", "g$lshzxet", "AnmKE", "K", "E$"];
    let script: String = words
        .iter()
        .filter(|word| !word.is_empty())
        .map(|word| format!("a CONFIG SET notify-keyspace-events {word}\na CONFIG GET notify-keyspace-events\n"))
        .collect();
    check(&[], &script);
}

/// Bytes of a message to a subscriber that does not read.
const LARGE: usize = 100_000;

/// Messages of this size that fill what the system keeps for a socket, and the limits.
const MESSAGES: usize = 200;

/// Longest wait for what the server does by itself.
const WAIT: Duration = Duration::from_secs(20);

fn subscribers(server: &Server) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &mut clients {
        client.call(&["SUBSCRIBE", "news"]).expect("a confirmation");
    }
    clients
}

/// Publishes more than a subscriber may leave unread; each of those that read has every message before the next is published.
fn publish_much(publisher: &mut Client, quick: &mut [Client]) {
    let message = "x".repeat(LARGE);
    for number in 0..MESSAGES {
        publisher.call(&["PUBLISH", "news", &message]).expect("a number of receivers");
        for client in quick.iter_mut() {
            let Outcome::Reply(_) = client.read() else { panic!("message {number} did not come") };
        }
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_and_nobody_else_waits() {
    for cores in [1, 4] {
        let kind = Kind::Ashlar { cores };
        let server = Server::start(kind, &["--client-output-buffer-limit", "pubsub 1mb 0 0"]);
        let [mut slow, mut quick] = [subscribers(&server), subscribers(&server)];
        let mut publisher = server.client();
        publish_much(&mut publisher, &mut quick);
        assert_eq!(publisher.ask("PUBLISH news last"), Frame::Int(quick.len() as i64), "{kind:?}");
        for client in &mut slow {
            let (_, closed) = client.read_to_end();
            assert!(closed, "{kind:?}: a slow subscriber stays");
        }
        let Frame::Bulk(info) = publisher.ask("INFO stats") else { panic!("INFO is text") };
        let info = String::from_utf8_lossy(&info);
        assert!(info.contains("client_output_buffer_limit_disconnections:4"), "{kind:?}: {info}");
        assert!(info.contains("pubsub_channels:1"), "{kind:?}: {info}");
    }
}

#[test]
fn a_subscriber_above_the_soft_limit_is_cut_when_its_time_is_over() {
    for cores in [1, 4] {
        let kind = Kind::Ashlar { cores };
        let server = Server::start(kind, &["--client-output-buffer-limit", "pubsub 0 1mb 3600"]);
        let [mut slow, mut quick] = [subscribers(&server), subscribers(&server)];
        let mut publisher = server.client();
        publish_much(&mut publisher, &mut quick);
        let all = (slow.len() + quick.len()) as i64;
        assert_eq!(publisher.ask("PUBLISH news all"), Frame::Int(all), "{kind:?}: nobody is cut before the time");
        let set = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 1mb 1"];
        assert_eq!(publisher.call(&set).expect("a reply").raw, b"+OK\r\n");
        let end = Instant::now() + WAIT;
        while publisher.ask("PUBSUB NUMSUB news").items().and_then(|pair| pair.get(1)?.int())
            != Some(quick.len() as i64)
        {
            assert!(Instant::now() < end, "{kind:?}: slow subscribers stay");
        }
        for client in &mut slow {
            let (_, closed) = client.read_to_end();
            assert!(closed, "{kind:?}: a slow subscriber stays");
        }
        for client in &mut quick {
            let reply = client.read().expect("the last message comes").raw;
            assert!(reply.ends_with(b"$3\r\nall\r\n"), "{kind:?}");
        }
    }
}
