//! E001, C01: the cycle removes what is due, each key once, and everybody who is to hear of it does.

use crate::bed::{Bed, Beside, clock, count, event, keys, listener, until};
use crate::rows;
use std::collections::BTreeSet;
use tests::frame::Frame;

const KEYS: usize = 2_000;

rows! { "expire.active_cycle_contract_violation":
    FR_P2C_008_STRICT_E001_once FR_P2C_008_HARDENED_E001_once each_key_goes_once;
    FR_P2C_008_STRICT_E001_again FR_P2C_008_HARDENED_E001_again what_is_set_again_stays;
    FR_P2C_008_STRICT_E001_heard FR_P2C_008_HARDENED_E001_heard who_watches_tracks_and_waits_hears_of_it;
    FR_P2C_008_STRICT_E001_counted FR_P2C_008_HARDENED_E001_counted counters_are_those_of_redis;
}

fn each_key_goes_once(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let (mut client, mut heard) = (server.client(), listener(&server, &["expired", "del"]));
    client.ask("MSET stays:1 x stays:2 x");
    client.ask("SET stays:3 x EX 100000");
    for key in 0..KEYS {
        client.ask(&format!("SET key:{key} value PX {}", 1 + key % 40));
    }
    let mut names = BTreeSet::new();
    for _ in 0..KEYS {
        let (name, key) = event(&mut heard);
        assert_eq!(name, "expired");
        assert!(names.insert(key), "a key expires once");
    }
    assert_eq!(names, (0..KEYS).map(|key| format!("key:{key}").into_bytes()).collect());
    assert_eq!((keys(&mut client, 0), count(&mut client, "stats", "expired_keys")), ((3, 1), KEYS as u64));
    assert_eq!(client.ask("DEL stays:1"), Frame::Int(1));
    assert_eq!(event(&mut heard), ("del".into(), b"stays:1".to_vec()), "nothing else was told");
    bed.sum(b"once", &names.into_iter().flatten().collect::<Vec<u8>>());
}

fn what_is_set_again_stays(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let mut client = server.client();
    for round in 0..200 {
        // The cycle may be anywhere between the two.
        let commands = ["SET again x PX 1", "SET again x", "PEXPIRE again 1", "PERSIST again", "SET again x PX 100000"];
        let words = |line: &&str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        client.pipeline(&commands.iter().map(words).collect::<Vec<_>>());
        let now = clock(&mut client);
        until("two milliseconds pass", || clock(&mut client) > now + 2);
        assert_eq!(client.ask("EXISTS again"), Frame::Int(1), "round {round}");
    }
    let gone = count(&mut client, "stats", "expired_keys");
    assert!(gone <= 400, "only what was due: {gone}");
}

fn who_watches_tracks_and_waits_hears_of_it(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let [mut watcher, mut tracker, mut waiter, mut client] =
        [server.client(), server.client(), server.client(), server.client()];
    let mut heard = listener(&server, &["expired"]);
    tracker.ask("HELLO 3");
    tracker.ask("CLIENT TRACKING ON");
    client.ok("XGROUP CREATE stream group $ MKSTREAM");
    client.ok("SET key value");
    watcher.ok("WATCH key");
    tracker.ask("GET key");
    waiter.send(&["XREADGROUP", "GROUP", "group", "me", "BLOCK", "0", "STREAMS", "stream", ">"]).expect("it is sent");
    until("the waiter waits", || count(&mut client, "clients", "blocked_clients") == 1);
    client.ask("PEXPIRE key 20");
    client.ask("PEXPIRE stream 20");
    let gone: BTreeSet<_> = [event(&mut heard).1, event(&mut heard).1].into();
    assert_eq!(gone, BTreeSet::from([b"key".to_vec(), b"stream".to_vec()]));
    // One invalidation for the new deadline; the key is not tracked again after it.
    let push = tracker.read().expect("an invalidation").raw;
    assert_eq!(push, b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n");
    let woken = waiter.read().expect("a group that is gone wakes who waits for it").frame;
    assert!(woken.is_error(), "{woken}");
    watcher.ok("MULTI");
    watcher.ask("SET other 1");
    assert_eq!(watcher.call(&["EXEC"]).expect("a reply").raw, b"*-1\r\n");
}

fn counters_are_those_of_redis(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("SET lasting x");
    for key in 0..100 {
        beside.same(&format!("SET key:{key} x PX 20"));
        beside.same(&format!("HSET hash:{key} f v"));
        beside.same(&format!("PEXPIRE hash:{key} 20"));
    }
    for server in &beside.servers {
        let mut client = server.client();
        until("all are gone", || client.ask("DBSIZE") == Frame::Int(1));
        assert_eq!(count(&mut client, "stats", "expired_keys"), 200);
        assert_eq!(keys(&mut client, 0), (1, 0));
    }
    beside.same("CONFIG RESETSTAT");
    for server in &beside.servers {
        assert_eq!(count(&mut server.client(), "stats", "expired_keys"), 0);
    }
}
