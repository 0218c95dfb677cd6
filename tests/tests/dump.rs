//! Values travel: DUMP here is RESTOREd by redis-server and the other way round, with equal digests, for every type at sizes
//! around every limit, and with the limits elsewhere on the two sides.
#![forbid(unsafe_code)]

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

/// Numbers of elements: none of the packed forms' limits is left out.
const COUNTS: [usize; 10] = [1, 2, 3, 64, 65, 128, 129, 512, 513, 3000];

/// A connection to each side.
struct Pair {
    ours: Client,
    redis: Client,
}

/// What makes the value of one kind at a key: the command, and the arguments of element `n`.
type Element = fn(usize, Texts) -> Vec<String>;

/// What elements look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    Integers,
    Words,
    /// One in ten is longer than any packed form of default limits takes.
    Long,
}

fn text(n: usize, texts: Texts) -> String {
    match texts {
        Texts::Integers => {
            ((n as i64 * 7919 - 5_000_000) * if n.is_multiple_of(3) { 1_000_000 } else { 1 }).to_string()
        }
        Texts::Long if n.is_multiple_of(10) => format!("{n}:{}", "long ".repeat(n % 50 + 13)),
        _ => format!("word:{n}"),
    }
}

/// Every type: what adds elements, and the elements.
const FAMILIES: &[(&str, Element)] = &[
    ("RPUSH", |n, texts| vec![text(n, texts)]),
    ("SADD", |n, texts| vec![text(n, texts)]),
    ("HSET", |n, texts| vec![text(n, texts), text(n + 1, texts)]),
    ("ZADD", |n, texts| vec![(n as f64 * 0.37 - 50.0).to_string(), text(n, texts)]),
];

/// The families whose encodings have the names of redis-server 7.0: lists and sets have those of 7.2.
const NAMED_AS_IN_7_0: [&str; 2] = ["HSET", "ZADD"];

fn call(client: &mut Client, words: &[impl AsRef<[u8]>]) -> Frame {
    client.call(words).expect("a command is answered").frame
}

/// The payload of a key.
#[track_caller]
fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    match call(client, &["DUMP", key]) {
        Frame::Bulk(payload) => payload,
        other => panic!("DUMP {key}: {other}"),
    }
}

fn digest(client: &mut Client, key: &str) -> Frame {
    call(client, &["DEBUG", "DIGEST-VALUE", key])
}

/// Carries `key` from one side to the other, and checks that it is the same there.
#[track_caller]
fn carry(from: &mut Client, to: &mut Client, key: &str, what: &str) {
    let payload = dump(from, key);
    let reply = call(to, &[b"RESTORE", key.as_bytes(), b"0", &payload, b"REPLACE"]);
    assert_eq!(reply, Frame::Simple(b"OK".to_vec()), "{what}");
    assert_eq!(digest(from, key), digest(to, key), "{what}");
}

/// Makes the same value on both sides.
fn make(client: &mut Client, command: &str, element: Element, count: usize, texts: Texts) {
    call(client, &["DEL", "key"]);
    for start in (0..count).step_by(200) {
        let elements = (start..count.min(start + 200)).flat_map(|n| element(n, texts));
        let words: Vec<String> = [command.into(), "key".into()].into_iter().chain(elements).collect();
        assert!(!call(client, &words).is_error(), "{command}");
    }
}

fn both_ways(pair: &mut Pair) {
    for (command, element) in FAMILIES {
        for count in COUNTS {
            for texts in [Texts::Integers, Texts::Words, Texts::Long] {
                let what = format!("{command} {count} {texts:?}");
                make(&mut pair.ours, command, *element, count, texts);
                make(&mut pair.redis, command, *element, count, texts);
                assert_eq!(digest(&mut pair.ours, "key"), digest(&mut pair.redis, "key"), "{what}");
                carry(&mut pair.ours, &mut pair.redis, "key", &format!("{what}, from us"));
                make(&mut pair.redis, command, *element, count, texts);
                carry(&mut pair.redis, &mut pair.ours, "key", &format!("{what}, to us"));
                if NAMED_AS_IN_7_0.contains(command) {
                    let encoding = |side| call(side, &["OBJECT", "ENCODING", "key"]);
                    assert_eq!(encoding(&mut pair.ours), encoding(&mut pair.redis), "{what}");
                }
            }
        }
    }
}

fn start(cores: usize) -> (Server, Server, Pair) {
    let (ours, redis) = (Server::start(Kind::Ashlar { cores }, &[]), Server::start(Kind::Redis, &[]));
    let mut pair = Pair { ours: ours.client(), redis: redis.client() };
    pair.redis.ok("CONFIG SET sanitize-dump-payload yes");
    (ours, redis, pair)
}

#[test]
fn collections_travel_both_ways() {
    let (_ours, _redis, mut pair) = start(1);
    both_ways(&mut pair);
}

#[test]
fn collections_travel_whatever_the_limits() {
    let (_ours, _redis, mut pair) = start(4);
    for entries in ["0", "1", "1000"] {
        pair.ours
            .ok(&format!("CONFIG SET set-max-listpack-entries {entries} list-max-listpack-size {}", entries.len()));
        for limit in ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries"] {
            pair.ours.ok(&format!("CONFIG SET {limit} {entries}"));
            pair.redis.ok(&format!("CONFIG SET {limit} {entries}"));
        }
        both_ways(&mut pair);
    }
}

#[test]
fn strings_travel_both_ways() {
    let (_ours, _redis, mut pair) = start(1);
    let mut random = fastrand::Rng::with_seed(7);
    for length in [0, 1, 11, 12, 20, 21, 63, 64, 100, 4096, 4097, 16_383, 16_384, 70_000, 1_000_000] {
        for letters in [1, 3, 255] {
            let value: Vec<u8> = (0..length).map(|_| random.u8(0..letters)).collect();
            for side in [&mut pair.ours, &mut pair.redis] {
                call(side, &[b"SET", &b"key"[..], &value]);
            }
            let what = format!("{length} bytes of {letters}");
            carry(&mut pair.ours, &mut pair.redis, "key", &what);
            carry(&mut pair.redis, &mut pair.ours, "key", &what);
            assert_eq!(call(&mut pair.ours, &["GET", "key"]), Frame::Bulk(value));
        }
    }
}

#[test]
fn digests_of_all_keys_agree() {
    let (_ours, _redis, mut pair) = start(4);
    for side in [&mut pair.ours, &mut pair.redis] {
        for n in 0..300 {
            let (key, other) = (format!("key:{n}"), format!("other:{n}"));
            call(side, &["SET", &key, &text(n, Texts::Long)]);
            call(side, &["HSET", &other, &key, &other, &text(n, Texts::Integers), "1"]);
            if n.is_multiple_of(7) {
                call(side, &["EXPIRE", &key, "1000"]);
            }
        }
        side.ok("SELECT 5");
        call(side, &["ZADD", "z", "1.5", "a", "-2", "b"]);
    }
    let digests = [&mut pair.ours, &mut pair.redis].map(|side| side.ask("DEBUG DIGEST"));
    assert_eq!(digests[0], digests[1]);
    for side in [&mut pair.ours, &mut pair.redis] {
        call(side, &["ZADD", "z", "1.5000000000000002", "a"]);
    }
    let later = [&mut pair.ours, &mut pair.redis].map(|side| side.ask("DEBUG DIGEST"));
    assert_eq!(later[0], later[1]);
    assert_ne!(digests[0], later[0]);
}
