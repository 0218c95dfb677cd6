//! The active-expire cycle through the socket: what is due goes although nobody asks for it, each key once, and those who watch, track or
//! listen hear of it; on one core and on four.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

const KEYS: usize = 2_000;

fn servers() -> impl Iterator<Item = Server> {
    [1, 4].into_iter().map(|cores| {
        let flags = ["--notify-keyspace-events", "Ex", "--enable-debug-command", "yes"];
        Server::start(Kind::Ashlar { cores }, &flags)
    })
}

/// A client that hears of keys that have expired in database 0.
fn listener(server: &Server) -> Client {
    let mut client = server.client();
    client.ask("SUBSCRIBE __keyevent@0__:expired");
    client
}

/// The names of the next keys that have expired.
fn expired(listener: &mut Client, count: usize) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let message = listener.read().expect("a key expires").frame;
        let Frame::Array(items) = message else { panic!("no message: {message:?}") };
        let Some(Frame::Bulk(name)) = items.last() else { panic!("no name") };
        assert!(names.insert(name.clone()), "a key expires once");
    }
    names
}

fn set_with_ttl(client: &mut Client, keys: usize, ms: u64) {
    for key in 0..keys {
        client.ask(&format!("SET key:{key} value PX {ms}"));
    }
}

fn field(client: &mut Client, section: &str, name: &str) -> String {
    let Frame::Bulk(info) = client.ask(&format!("INFO {section}")) else { panic!("INFO is text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {info}"))
}

/// Passes some time, in which the server takes turns.
fn pass(client: &mut Client, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        client.ask("PING");
    }
}

#[test]
fn what_is_due_goes_by_itself_and_once() {
    for server in servers() {
        let (mut client, mut listener) = (server.client(), listener(&server));
        client.ask("MSET stays:1 x stays:2 x");
        client.ask("SET stays:3 x EX 1000");
        set_with_ttl(&mut client, KEYS, 30);
        let names = expired(&mut listener, KEYS);
        let expected: BTreeSet<Vec<u8>> = (0..KEYS).map(|key| format!("key:{key}").into_bytes()).collect();
        assert_eq!(names, expected);
        assert_eq!(client.ask("DBSIZE"), Frame::Int(3));
        assert_eq!(field(&mut client, "stats", "expired_keys"), KEYS.to_string());
        let keyspace = field(&mut client, "keyspace", "db0");
        assert!(keyspace.starts_with("keys=3,expires=1,"), "{keyspace}");
    }
}

#[test]
fn every_database_is_served() {
    for server in servers() {
        let mut client = server.client();
        for db in 0..16 {
            client.ask(&format!("SELECT {db}"));
            set_with_ttl(&mut client, 20, 1);
        }
        let end = Instant::now() + Duration::from_secs(20);
        while field(&mut client, "stats", "expired_keys") != (16 * 20).to_string() {
            assert!(Instant::now() < end, "keys of some database stay");
        }
    }
}

#[test]
fn without_the_cycle_what_is_due_stays_until_it_is_asked_for() {
    for server in servers() {
        let (mut client, mut listener) = (server.client(), listener(&server));
        client.ask("DEBUG SET-ACTIVE-EXPIRE 0");
        set_with_ttl(&mut client, 50, 1);
        pass(&mut client, Duration::from_millis(400));
        assert_eq!(client.ask("DBSIZE"), Frame::Int(50));
        assert_eq!(client.ask("EXISTS key:7"), Frame::Int(0));
        assert_eq!(client.ask("DBSIZE"), Frame::Int(49));
        assert_eq!(expired(&mut listener, 1), BTreeSet::from([b"key:7".to_vec()]));
        client.ask("DEBUG SET-ACTIVE-EXPIRE 1");
        assert_eq!(expired(&mut listener, 49).len(), 49);
        assert_eq!(client.ask("DBSIZE"), Frame::Int(0));
    }
}

#[test]
fn nothing_goes_while_clients_are_paused() {
    for server in servers() {
        let (mut client, mut listener) = (server.client(), listener(&server));
        client.ask("SET key value PX 1");
        client.ask("CLIENT PAUSE 100000 WRITE");
        pass(&mut client, Duration::from_millis(400));
        let size = client.ask("DBSIZE");
        client.ask("CLIENT UNPAUSE");
        assert_eq!(expired(&mut listener, 1).len(), 1);
        // It may have gone before the pause began.
        assert!(matches!(size, Frame::Int(0 | 1)));
        assert_eq!(client.ask("DBSIZE"), Frame::Int(0));
    }
}

#[test]
fn who_watches_and_who_tracks_hear_of_it() {
    for server in servers() {
        let [mut watcher, mut tracker, mut client] = [server.client(), server.client(), server.client()];
        let mut listener = listener(&server);
        tracker.ask("HELLO 3");
        tracker.ask("CLIENT TRACKING ON");
        client.ask("SET key value PX 50");
        watcher.ask("WATCH key");
        tracker.ask("GET key");
        assert_eq!(expired(&mut listener, 1).len(), 1);
        let push = tracker.read().expect("an invalidation").raw;
        assert_eq!(push, b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n");
        watcher.ask("MULTI");
        watcher.ask("SET other 1");
        assert_eq!(watcher.call(&["EXEC"]).expect("a reply").raw, b"*-1\r\n");
    }
}

#[test]
fn a_script_sees_none_of_its_keys_go() {
    for server in servers() {
        let (mut client, mut listener) = (server.client(), listener(&server));
        client.ask("CONFIG SET busy-reply-threshold 0");
        client.ask("SET key value PX 100");
        // Its time stands still, so neither the look-up nor the cycle removes the key while it runs, in many slices.
        let script = "local before, n = redis.call('EXISTS', KEYS[1]), 0
            for i = 1, 30000000 do n = n + 1 end
            return before .. redis.call('EXISTS', KEYS[1])";
        let reply = client.call(&["EVAL", script, "1", "key"]).expect("a reply").frame;
        assert!([b"11", b"00"].iter().any(|seen| reply == Frame::Bulk(seen.to_vec())), "{reply:?}");
        assert_eq!(expired(&mut listener, 1).len(), 1);
    }
}

#[test]
fn fields_go_by_themselves_and_the_hash_with_the_last() {
    const FIELDS: usize = 500;
    for server in servers() {
        let (mut client, mut listener) = (server.client(), server.client());
        client.ok("CONFIG SET notify-keyspace-events Ehg");
        listener.ask("SUBSCRIBE __keyevent@0__:del");
        client.ask("HSET stays a 1 b 2");
        client.ask("HPEXPIRE stays 30 FIELDS 1 a");
        for field in 0..FIELDS {
            client.ask(&format!("HSETEX goes PX 30 FIELDS 1 {field} value"));
            client.ask(&format!("HSETEX hash:{field} PX 1000000 FIELDS 1 f value"));
        }
        let message = listener.read().expect("the emptied hash is deleted").frame;
        let Frame::Array(items) = message else { panic!("no message: {message:?}") };
        assert_eq!(items.last(), Some(&Frame::Bulk(b"goes".to_vec())));
        while field(&mut client, "stats", "expired_subkeys") != (FIELDS + 1).to_string() {
            pass(&mut client, Duration::from_millis(5));
        }
        assert_eq!((client.ask("EXISTS goes"), client.ask("HLEN stays")), (Frame::Int(0), Frame::Int(1)));
        assert_eq!(field(&mut client, "stats", "expired_keys"), "0");
        let keyspace = field(&mut client, "keyspace", "db0");
        assert_eq!(keyspace, format!("keys={},expires=0,avg_ttl=0,subexpiry={FIELDS}", FIELDS + 1));
    }
}
