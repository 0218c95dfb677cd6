//! Freeing later: what INFO counts is what redis-server 7.0.15 counts, for every way to lose a value and every switch, and memory that
//! waits to be freed is used.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// What lists of what is to be freed take themselves.
const QUEUE_BYTES: u64 = 4 << 20;

/// The switches.
const SWITCHES: [&str; 5] = [
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
];

fn figure(client: &mut Client, field: &str) -> u64 {
    let reply = client.ask("INFO everything");
    let text = String::from_utf8_lossy(reply.text().expect("INFO answers text")).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} is a number"))
}

/// Lazily freed objects, once nothing is to be freed any more.
fn lazyfreed(client: &mut Client) -> u64 {
    let begun = Instant::now();
    while figure(client, "lazyfree_pending_objects") > 0 {
        assert!(begun.elapsed() < SETTLED_WITHIN, "what is dropped is freed some time");
    }
    figure(client, "lazyfreed_objects")
}

/// `word` with the words of numbers behind it.
fn many(word: &str, numbers: std::ops::Range<u32>, element: impl Fn(u32) -> String) -> String {
    numbers.fold(word.to_string(), |line, n| line + " " + &element(n))
}

/// A large and a small value of every kind.
fn fill(client: &mut Client) {
    client.ask("FLUSHALL SYNC");
    for (name, elements) in [("large", 700), ("small", 10)] {
        let numbers = || 0..elements;
        client.ask(&many(&format!("HSET hash:{name}"), numbers(), |n| format!("f{n} v")));
        client.ask(&many(&format!("SADD set:{name}"), numbers(), |n| format!("m{n}")));
        client.ask(&many(&format!("ZADD scores:{name}"), numbers(), |n| format!("{n} m{n}")));
        client.ask(&many(&format!("RPUSH list:{name}"), 0..elements * 8, |n| {
            format!("a-longer-item-of-a-list-{n}-{}", "v".repeat(120))
        }));
        numbers().for_each(|n| drop(client.ask(&format!("XADD stream:{name} {}-1 f v", n + 1))));
        client.ask(&format!("SET string:{name} {}", "v".repeat(elements as usize * 100)));
    }
}

const KINDS: [&str; 6] = ["hash", "set", "scores", "list", "stream", "string"];

/// What drops values. `?` stands for a key of each kind. SPOP of a whole set is not among them: redis-server counts the copy from
/// which it answers as well.
const WAYS: [&str; 19] = [
    "DEL ?",
    "UNLINK ?",
    "SET ? v",
    "GETDEL ?",
    "RENAME other ?",
    "COPY other ? REPLACE",
    "PEXPIRE ? -1",
    "PEXPIREAT ? 1",
    "SUNIONSTORE ? none",
    "SUNIONSTORE ? others",
    "ZUNIONSTORE ? 1 none",
    "SORT others STORE ?",
    "BITOP NOT ? other",
    "SPOP ? 690",
    "SPOP ? 5",
    "ZREMRANGEBYRANK ? 0 -1",
    "ZREMRANGEBYSCORE ? -inf +inf",
    "LTRIM ? 1 0",
    "XTRIM ? MAXLEN 0",
];

/// What all of that counts.
fn counts(kind: Kind, switches: &[&str]) -> Vec<(String, u64)> {
    let server = Server::start(kind, &[]);
    let mut client = server.client();
    client.ok("CONFIG SET stream-node-max-entries 5");
    for switch in SWITCHES {
        let value = if switches.contains(&switch) { "yes" } else { "no" };
        client.ok(&format!("CONFIG SET {switch} {value}"));
    }
    fill(&mut client);
    let names: Vec<String> =
        KINDS.iter().flat_map(|kind| ["large", "small"].map(|name| format!("{kind}:{name}"))).collect();
    let dumps: Vec<(String, Vec<u8>)> = names
        .into_iter()
        .map(|name| {
            let dump = client.call(&["DUMP", &name]).expect("DUMP is answered").frame;
            (name, dump.text().expect("DUMP answers bytes").to_vec())
        })
        .collect();
    let mut counts = Vec::new();
    let mut count = |client: &mut Client, what: String, lines: &[String]| {
        client.ok("CONFIG RESETSTAT");
        lines.iter().for_each(|line| drop(client.ask(line)));
        counts.push((what, lazyfreed(client)));
    };
    for way in WAYS {
        for (name, dump) in &dumps {
            for line in ["FLUSHALL SYNC", "SET other v", "SADD others 1 2 3"] {
                client.ask(line);
            }
            client.call(&[b"RESTORE", name.as_bytes(), b"0", dump]).expect("RESTORE is answered");
            let line = way.replace('?', name);
            count(&mut client, line.clone(), &[line]);
        }
    }
    for flush in ["FLUSHALL", "FLUSHALL SYNC", "FLUSHALL ASYNC", "FLUSHDB", "FLUSHDB SYNC", "FLUSHDB ASYNC"] {
        let lines = ["SELECT 3", "SADD s 1", "SELECT 0", "MSET a 1 b 2 c 3", flush].map(String::from);
        fill(&mut client);
        count(&mut client, flush.to_string(), &lines);
    }
    client.ask("FLUSHALL SYNC");
    for expired in [true, false] {
        client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
        for (name, dump) in &dumps {
            client.call(&[b"RESTORE", name.as_bytes(), b"1", dump]).expect("RESTORE is answered");
        }
        client.ok("DEBUG SLEEP 0.005");
        let lines: Vec<String> = match expired {
            true => dumps.iter().map(|(name, _)| format!("GET {name}")).collect(),
            false => vec!["DEBUG SET-ACTIVE-EXPIRE 1".into(), "DEBUG SLEEP 0.25".into()],
        };
        count(&mut client, format!("expiry on access: {expired}"), &lines);
    }
    counts
}

#[test]
fn counters_are_those_of_redis() {
    let all: Vec<Vec<&str>> =
        [vec![], SWITCHES.to_vec()].into_iter().chain(SWITCHES.map(|switch| vec![switch])).collect();
    for switches in all {
        let wanted = counts(Kind::Redis, &switches);
        assert!(wanted.iter().any(|(_, count)| *count > 0), "something is counted with {switches:?}");
        for cores in [1, 3] {
            let got = counts(Kind::Ashlar { cores }, &switches);
            let pairs = wanted.iter().zip(&got).filter(|(wanted, got)| wanted != got);
            let different: Vec<String> = pairs.map(|(wanted, got)| format!("{wanted:?} and {}", got.1)).collect();
            assert!(different.is_empty(), "{switches:?}, {cores} cores: {}", different.join("; "));
        }
    }
}

/// Memory of what was dropped is used until it is freed: it never rises meanwhile, and ends where it began.
#[test]
fn memory_is_used_until_it_is_freed() {
    let server = Server::start(Kind::Ashlar { cores: 2 }, &[]);
    let mut client = server.client();
    for drop in ["FLUSHALL ASYNC", "FLUSHDB ASYNC", "UNLINK h", "DEL h"] {
        client.ok("FLUSHALL SYNC");
        lazyfreed(&mut client);
        let begun = Instant::now();
        let mut empty = figure(&mut client, "used_memory");
        client.ok("DEBUG POPULATE 200000 key 100");
        for part in 0..100 {
            client
                .ask(&many("HSET h", part * 1000..part * 1000 + 1000, |n| format!("field:{n} a-value-of-some-length")));
        }
        if drop.ends_with(" h") {
            // What the rest takes stays.
            client.ask("RENAME h kept");
            empty = figure(&mut client, "used_memory");
            client.ask("COPY kept h");
        }
        let full = figure(&mut client, "used_memory");
        client.ask(drop);
        let (mut used, mut steps) = (figure(&mut client, "used_memory"), 0);
        assert!(used <= full + QUEUE_BYTES, "{drop}: {used} after {full}");
        while used > empty + (full - empty) / 10 {
            let now = figure(&mut client, "used_memory");
            // What the client's own buffers take is looked at once a second.
            assert!(now <= used + 100_000, "{drop}: {now} after {used}");
            (used, steps) = (now, steps + 1);
            assert!(
                begun.elapsed() < SETTLED_WITHIN,
                "{drop}: {used} of {full} are still used, and {empty} were at first"
            );
        }
        assert!(steps > 0, "{drop}: it is not freed at once");
    }
}

/// Who is not told to leave it for later answers when memory is free; others are served meanwhile, and by pieces.
#[test]
fn what_is_flushed_is_free_when_the_client_hears_of_it() {
    for cores in [1, 3] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        let (mut client, mut other) = (server.client(), server.client());
        for flush in ["FLUSHALL SYNC", "FLUSHDB SYNC", "FLUSHALL", "FLUSHDB"] {
            let empty = figure(&mut client, "used_memory");
            client.ok("DEBUG POPULATE 150000 key 100");
            let full = figure(&mut client, "used_memory");
            client.send(&flush.split(' ').collect::<Vec<_>>()).expect("the server reads");
            other.ok("SET other v");
            assert_eq!(client.read().expect("a reply").frame, Frame::Simple(b"OK".to_vec()));
            let used = figure(&mut client, "used_memory");
            assert!(
                used < empty + (full - empty) / 50,
                "{flush}, {cores} cores: {used} after {full}, {empty} at first"
            );
            client.ok("FLUSHALL");
        }
        // A script and a transaction do not wait, nor does a client that is gone keep anything up.
        client.ok("DEBUG POPULATE 150000 key 100");
        client.ok("MULTI");
        client.ask("FLUSHALL");
        assert_eq!(client.ask("EXEC"), Frame::Array(vec![Frame::Simple(b"OK".to_vec())]));
        client.ok("DEBUG POPULATE 150000 key 100");
        server.client().send(&["FLUSHALL", "SYNC"]).expect("the server reads");
        other.ok("FLUSHALL SYNC");
        assert_eq!(other.ask("DBSIZE"), Frame::Int(0));
    }
}
