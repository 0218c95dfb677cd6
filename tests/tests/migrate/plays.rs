//! The same commands between redis-server and redis-server, and between all others: the same replies, keys and events.

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

use super::target::Target;

/// Who sends to whom.
const PAIRS: [(Kind, Kind); 5] = [
    (Kind::Ashlar { cores: 1 }, Kind::Redis),
    (Kind::Ashlar { cores: 4 }, Kind::Redis),
    (Kind::Redis, Kind::Ashlar { cores: 4 }),
    (Kind::Ashlar { cores: 4 }, Kind::Ashlar { cores: 1 }),
    (Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }),
];

/// What goes to the source, or with `>` before it to the target. `TARGET` is the target's address, `LARGE` is more than a small server keeps.
const PLAYS: &[&[&str]] = &[
    &["SET k v", "MIGRATE TARGET k 0 1000", "GET k", "> GET k", "> TTL k", "DBSIZE", "> DBSIZE"],
    &["SET k v EX 1000", "MIGRATE TARGET k 0 1000 COPY", "GET k", "TTL k", "> GET k", "> TTL k"],
    &[
        "SET k v",
        "> SET k w",
        "MIGRATE TARGET k 0 1000",
        "GET k",
        "MIGRATE TARGET k 0 1000 REPLACE",
        "GET k",
        "> GET k",
    ],
    &["SET k v", "MIGRATE TARGET k 9 1000", "MIGRATE TARGET k 0 1000", "> GET k", "> SELECT 9", "> GET k"],
    &["SET k v", "MIGRATE TARGET k 99 1000", "MIGRATE TARGET k -1 1000", "GET k", "MIGRATE TARGET k 0 1000", "> GET k"],
    &["SELECT 3", "SET k v", "MIGRATE TARGET k 2 1000", "GET k", "> SELECT 2", "> GET k", "> DBSIZE"],
    &["MSET a 1 b 2 c 3 d 4 e 5", "MIGRATE TARGET  0 1000 KEYS a none b c d none2 e", "DBSIZE", "> MGET a b c d e"],
    &["MSET a 1 b 2 c 3 d 4", "> SET c x", "MIGRATE TARGET  0 1000 KEYS a b c d", "MGET a b c d", "> MGET a b c d"],
    &["MSET a 1 b 2", "> SET a x", "MIGRATE TARGET  0 1000 KEYS b a", "MGET a b", "> MGET a b"],
    &["SET a 1", "MIGRATE TARGET  0 1000 KEYS a a", "GET a", "> GET a"],
    &["SET a 1", "MIGRATE TARGET  0 1000 COPY REPLACE KEYS a a", "GET a", "> GET a"],
    &["SET  empty", "MIGRATE TARGET  0 1000", "DBSIZE", "> GET "],
    &[
        "SET k v",
        "> CONFIG SET requirepass secret",
        "MIGRATE TARGET k 0 1000",
        "MIGRATE TARGET k 0 1000 AUTH wrong",
        "GET k",
        "MIGRATE TARGET k 0 1000 AUTH secret",
        "GET k",
        "SET k w",
        "MIGRATE TARGET k 0 1000 REPLACE",
        "> AUTH secret",
        "> GET k",
    ],
    &[
        "SET k v",
        "> ACL SETUSER u on >pw ~k +restore +select",
        "MIGRATE TARGET k 0 1000 AUTH2 u wrong",
        "MIGRATE TARGET k 0 1000 AUTH2 u pw",
        "> GET k",
        "SET other v",
        "MIGRATE TARGET other 0 1000 AUTH2 u pw",
        "GET other",
    ],
    &[
        "MSET a 1 b 2",
        "> CONFIG SET requirepass secret",
        "MIGRATE TARGET  0 1000 AUTH wrong KEYS a b",
        "MGET a b",
        "MIGRATE TARGET  0 1000 COPY AUTH secret KEYS a b",
        "MGET a b",
    ],
    &[
        "SET k v",
        "> SET big LARGE",
        "> CONFIG SET maxmemory 16777216",
        "MIGRATE TARGET k 0 1000",
        "GET k",
        "> CONFIG SET maxmemory 0",
        "MIGRATE TARGET k 0 1000",
    ],
    &["SET k v", "> CLIENT PAUSE 150 WRITE", "MIGRATE TARGET k 0 50", "GET k"],
    &["SET k v", "WATCH k", "MIGRATE TARGET k 0 1000 COPY", "MULTI", "GET k", "EXEC"],
    &[
        "MSET a 1 b 2",
        "MULTI",
        "APPEND a 1",
        "MIGRATE TARGET  0 1000 KEYS a b",
        "SET a new",
        "MIGRATE TARGET b 0 1000",
        "DBSIZE",
        "EXEC",
        "> MGET a b",
        "MGET a b",
    ],
    &["MSET a 1 b 2", "MULTI", "MIGRATE TARGET a 99 1000", "MIGRATE TARGET a 0 1000", "EXEC", "MGET a b", "> MGET a b"],
    &["SET k v", "EVALUATE k", "GET k", "> GET k"],
    &["SET k v", "MULTI", "EVALUATE k", "EVALUATE k", "GET k", "EXEC", "> GET k"],
    &[
        "CONFIG SET lazyfree-lazy-user-del yes",
        "RPUSH l a b c",
        "MIGRATE TARGET l 0 1000",
        "EXISTS l",
        "> LRANGE l 0 -1",
    ],
];

fn words(line: &str, port: u16) -> Vec<Vec<u8>> {
    let script = format!("return redis.pcall('migrate', '127.0.0.1', '{port}', KEYS[1], 0, 1000, 'replace')");
    let expand = |word: &str| match word {
        "TARGET" => vec!["127.0.0.1".to_owned(), port.to_string()],
        "LARGE" => vec!["x".repeat(20_000_000)],
        "EVALUATE" => vec!["EVAL".into(), script.clone(), "1".into()],
        word => vec![word.to_owned()],
    };
    line.split(' ').flat_map(expand).map(String::into_bytes).collect()
}

/// Events that somebody who subscribed has heard, sorted: those of several cores come in any order. At least so many come, and then
/// the answer to a PING.
fn heard(events: &mut Client, least: usize) -> Vec<String> {
    let mut heard: Vec<String> = (0..least).map(|_| events.read().expect("an event").frame.to_string()).collect();
    events.send(&["PING"]).expect("the server reads");
    heard.extend(
        std::iter::from_fn(|| Some(events.read().expect("an event").frame.to_string()))
            .take_while(|event| !event.contains("pong")),
    );
    heard.sort_unstable();
    heard
}

/// What a pair says, and the events.
fn play(source: Kind, target: Kind, lines: &[&str], least_events: usize) -> (Vec<String>, Vec<String>) {
    let (source, target) = (Server::start(source, &[]), Server::start(target, &[]));
    let (mut to_source, mut to_target, mut events) = (source.client(), target.client(), source.client());
    to_source.ok("CONFIG SET notify-keyspace-events KEA");
    events.ask("PSUBSCRIBE __keyevent*");
    let say = |line: &&str| {
        let (client, line) = match line.strip_prefix("> ") {
            Some(line) => (&mut to_target, line),
            None => (&mut to_source, *line),
        };
        let reply: Frame = client.call(&words(line, target.port)).expect(line).frame;
        format!("{line}: {reply}")
    };
    (lines.iter().map(say).collect(), heard(&mut events, least_events))
}

#[test]
fn every_pair_does_as_redis_with_redis() {
    for lines in PLAYS {
        let expected = play(Kind::Redis, Kind::Redis, lines, 0);
        for (source, target) in PAIRS {
            let said = play(source, target, lines, expected.1.len());
            assert_eq!(said, expected, "{} to {}: {lines:#?}", source.name(), target.name());
        }
    }
}

/// What targets say that are no servers, and how often a source connects to them. `~` ends the connection.
const STRANGERS: [&str; 11] = [
    "~",
    "+OK\r\n~",
    "+OK\r\n+OK\r\n~",
    "+OK\r\n+OK\r\n+OK\r\n",
    "+OK\r\n-ERR no\r\n+OK\r\n",
    "+OK\r\n+OK\r\n-ERR no\r\n",
    "-ERR one\r\n+OK\r\n-ERR three\r\n",
    "\n\n",
    "\r\n\r\n\r\n",
    "+OK\n:1\n$-1\n",
    "+OK\r\n-ERR no\r\n~",
];

/// What a source makes of a stranger: its reply, the keys that are left, and how often it connected.
fn stranger(kind: Kind, answer: &str) -> String {
    let source = Server::start(kind, &[]);
    let mut client = source.client();
    client.ok("MSET a 1 b 2");
    let target = Target::start();
    let words: Vec<Vec<u8>> = words("MIGRATE TARGET  0 2000 KEYS a b", target.port);
    client.send(&words).expect("the server reads");
    let mut peers = Vec::new();
    let mut connect = || {
        let mut peer = target.connection();
        peer.hear("RESTORE", 2);
        peer.say(answer.trim_end_matches('~'));
        if !answer.ends_with('~') {
            peers.push(peer);
        }
    };
    connect();
    // What ends before the first key is answered is tried once more.
    let again = matches!(answer, "~" | "+OK\r\n~" | "\n\n");
    if again {
        connect();
    }
    let reply = client.read().expect("an answer").frame;
    format!("{answer:?}: {reply}, {}, {}", client.ask("MGET a b"), target.others())
}

#[test]
fn what_strangers_say_is_taken_as_redis_takes_it() {
    for answer in STRANGERS {
        let expected = stranger(Kind::Redis, answer);
        for cores in [1, 4] {
            assert_eq!(stranger(Kind::Ashlar { cores }, answer), expected, "{cores} cores");
        }
    }
    let long = format!("-ERR {}\r\n+OK\r\n+OK\r\n", "x".repeat(1500));
    assert_eq!(stranger(Kind::Ashlar { cores: 4 }, &long), stranger(Kind::Redis, &long));
}
