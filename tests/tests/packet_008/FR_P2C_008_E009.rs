//! E009, C09: what has expired is not seen, whoever asks; and it is removed by who may.

use crate::bed::{Bed, Beside, clock, count, event, listener, until};
use crate::rows;
use tests::frame::Frame;

rows! { "expire.lookup_guard_contract_violation":
    FR_P2C_008_STRICT_E009_reads FR_P2C_008_HARDENED_E009_reads reads_and_writes;
    FR_P2C_008_STRICT_E009_walks FR_P2C_008_HARDENED_E009_walks walks;
    FR_P2C_008_STRICT_E009_nested FR_P2C_008_HARDENED_E009_nested nested_lookups_and_scripts;
    FR_P2C_008_STRICT_E009_pause FR_P2C_008_HARDENED_E009_pause hidden_and_kept_while_paused;
    FR_P2C_008_STRICT_E009_counts FR_P2C_008_HARDENED_E009_counts hits_misses_and_events;
}

/// What makes a key, and what is done to it once its time is over.
const ON_EXPIRED: [(&str, &[&str]); 6] = [
    (
        "SET {k}a 10",
        &[
            "GET {k}a",
            "EXISTS {k}a",
            "TYPE {k}a",
            "STRLEN {k}a",
            "TTL {k}a",
            "MGET {k}a {k}none",
            "GETRANGE {k}a 0 1",
            "OBJECT ENCODING {k}a",
            "OBJECT REFCOUNT {k}a",
            "DUMP {k}a",
            "TOUCH {k}a",
            "GETBIT {k}a 1",
            "BITCOUNT {k}a",
            "LCS {k}a {k}a",
            "INCR {k}a",
            "APPEND {k}a 1",
            "SET {k}a 5 XX",
            "SET {k}a 5 NX",
            "SET {k}a 5 KEEPTTL",
            "SETNX {k}a 5",
            "GETSET {k}a 5",
            "SETRANGE {k}a 3 x",
            "GETDEL {k}a",
            "GETEX {k}a PERSIST",
            "EXPIRE {k}a 100",
            "PERSIST {k}a",
            "DEL {k}a",
            "UNLINK {k}a",
            "RENAME {k}a {k}b",
            "RENAMENX {k}a {k}b",
            "COPY {k}a {k}b",
            "MOVE {k}a 1",
            "SETBIT {k}a 1 1",
            "MSETNX {k}a 1 {k}b 2",
        ],
    ),
    (
        "RPUSH {k}a 1 2",
        &[
            "LRANGE {k}a 0 -1",
            "LLEN {k}a",
            "LPUSHX {k}a x",
            "LPUSH {k}a x",
            "RPOP {k}a",
            "LMOVE {k}a {k}b LEFT LEFT",
            "LPOS {k}a 1",
            "LINSERT {k}a BEFORE 1 x",
            "SORT {k}a",
            "BLPOP {k}a 0.01",
            "LSET {k}a 0 x",
        ],
    ),
    ("HSET {k}a f v", &["HGETALL {k}a", "HGET {k}a f", "HLEN {k}a", "HSETNX {k}a f w", "HDEL {k}a f", "HSCAN {k}a 0"]),
    (
        "SADD {k}a 1 2",
        &[
            "SMEMBERS {k}a",
            "SCARD {k}a",
            "SISMEMBER {k}a 1",
            "SINTER {k}a {k}a",
            "SUNIONSTORE {k}b {k}a",
            "SMOVE {k}a {k}b 1",
            "SPOP {k}a",
            "SADD {k}a 9",
        ],
    ),
    (
        "ZADD {k}a 1 x",
        &[
            "ZRANGE {k}a 0 -1",
            "ZCARD {k}a",
            "ZSCORE {k}a x",
            "ZADD {k}a XX 2 x",
            "ZINCRBY {k}a 1 x",
            "ZPOPMIN {k}a",
            "ZUNIONSTORE {k}b 1 {k}a",
            "ZADD {k}a 5 y",
        ],
    ),
    (
        "XADD {k}a 1-1 f v",
        &[
            "XRANGE {k}a - +",
            "XLEN {k}a",
            "XREAD STREAMS {k}a 0",
            "XADD {k}a NOMKSTREAM 2-1 f v",
            "XADD {k}a 1-1 f v",
            "XGROUP CREATE {k}a g 0",
        ],
    ),
];

fn reads_and_writes(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    for (make, commands) in ON_EXPIRED {
        for command in commands {
            beside.same("FLUSHALL");
            beside.same(make);
            let at = clock(&mut beside.servers[1].client()) + 10;
            beside.same(&format!("PEXPIREAT {{k}}a {at}"));
            beside.pass(at);
            beside.same(command);
            beside.same("PTTL {k}a");
            beside.same("DBSIZE");
            beside.same("DEBUG DIGEST");
        }
    }
}

fn walks(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    let at = clock(&mut beside.servers[1].client()) + 200;
    for key in 0..50 {
        beside.same(&format!("SET gone:{key} v PXAT {at}"));
    }
    beside.same("SET stays v");
    beside.pass(at);
    beside.same("DBSIZE");
    beside.same("KEYS stay*");
    beside.same("RANDOMKEY");
    beside.same("KEYS *");
    let mut ours = beside.servers[1].client();
    let (mut cursor, mut seen) = ("0".to_owned(), 0);
    loop {
        let reply = ours.ask(&format!("SCAN {cursor} COUNT 100"));
        let parts = reply.items().expect("a cursor and keys");
        cursor = String::from_utf8(parts[0].text().expect("a cursor").to_vec()).expect("digits");
        seen += parts[1].items().expect("keys").len();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, 1, "what has expired is in no walk");
}

fn nested_lookups_and_scripts(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    let at = clock(&mut beside.servers[1].client()) + 100;
    beside.same("RPUSH {k}list 1 2 3");
    for (key, weight) in [(1, 30), (2, 20), (3, 10)] {
        beside.same(&format!("SET {{k}}weight:{key} {weight}"));
        beside.same(&format!("SET {{k}}value:{key} value"));
    }
    beside.same(&format!("PEXPIREAT {{k}}weight:1 {at}"));
    beside.same(&format!("PEXPIREAT {{k}}value:2 {at}"));
    beside.pass(at);
    beside.same("SORT {k}list BY {k}weight:* GET # GET {k}value:*");
    beside.same("DBSIZE");
    // A script that reads, also one that may only read, removes what it finds expired.
    for eval in ["EVAL", "EVAL_RO"] {
        let at = clock(&mut beside.servers[1].client()) + 20;
        beside.same(&format!("SET {{k}}gone v PXAT {at}"));
        beside.pass(at);
        beside.same_args(&[eval, "return {redis.call('EXISTS', KEYS[1]), redis.call('TTL', KEYS[1])}", "1", "{k}gone"]);
        beside.same("DBSIZE");
    }
    // In a transaction, whose first command finds it gone.
    let at = clock(&mut beside.servers[1].client()) + 20;
    beside.same(&format!("SET {{k}}gone v PXAT {at}"));
    beside.pass(at);
    for line in ["MULTI", "GET {k}gone", "SET {k}gone w", "GET {k}gone", "EXEC", "PTTL {k}gone"] {
        beside.same(line);
    }
}

fn hidden_and_kept_while_paused(bed: &mut Bed) {
    for pause in ["WRITE", "ALL"] {
        let server = bed.ours(&[]);
        let [mut client, mut other] = [server.client(), server.client()];
        let mut heard = listener(&server, &["expired"]);
        let at = clock(&mut client) + 300;
        for key in 0..100 {
            client.ok(&format!("SET key:{key} v PXAT {at}"));
        }
        client.ok(&format!("CLIENT PAUSE 1500 {pause}"));
        let begun = std::time::Instant::now();
        if pause == "WRITE" {
            until("they are due", || clock(&mut client) > at + 300);
            assert!(begun.elapsed().as_millis() < 1_400, "this machine is too slow for the check");
            assert_eq!(client.ask("DBSIZE"), Frame::Int(100), "nothing is removed by the cycle");
            for key in 0..50 {
                assert_eq!(client.ask(&format!("GET key:{key}")), Frame::NullBulk, "and nothing is seen");
            }
            assert_eq!((client.ask("DBSIZE"), client.ask("KEYS *")), (Frame::Int(100), Frame::Array(vec![])));
            assert_eq!(count(&mut client, "stats", "expired_keys"), 0);
        }
        // A write waits for the end of the pause, and finds what has expired gone.
        assert_eq!(other.ask("EXPIRE key:1 1000"), Frame::Int(0));
        for _ in 0..100 {
            assert_eq!(event(&mut heard).0, "expired");
        }
        assert_eq!((client.ask("DBSIZE"), count(&mut client, "stats", "expired_keys")), (Frame::Int(0), 100));
    }
}

fn hits_misses_and_events(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    beside.same("CONFIG SET notify-keyspace-events Em");
    let mut heard = [0, 1].map(|at| beside.servers[at].client());
    for listener in &mut heard {
        listener.ask("SUBSCRIBE __keyevent@0__:keymiss");
    }
    beside.same("CONFIG RESETSTAT");
    let at = clock(&mut beside.servers[1].client()) + 300;
    for key in ["a", "b", "c"] {
        beside.same(&format!("SET {key} 1 PXAT {at}"));
    }
    beside.same("GET a");
    beside.same("GET nokey");
    beside.pass(at);
    beside.same("GET a");
    beside.same("INCR b");
    beside.same("TTL c");
    beside.same("EXISTS nokey");
    for server in &beside.servers {
        let mut client = server.client();
        let told = ["keyspace_hits", "keyspace_misses", "expired_keys"].map(|name| count(&mut client, "stats", name));
        assert_eq!(told[0], 1, "{told:?}");
        assert_eq!(told[2], 3, "{told:?}");
    }
    let [theirs, ours] = [0, 1].map(|at| count(&mut beside.servers[at].client(), "stats", "keyspace_misses"));
    assert_eq!(theirs, ours);
    for listener in &mut heard {
        let missed = ["nokey", "a", "c", "nokey"].map(|_| event(listener).1);
        assert_eq!(missed, ["nokey", "a", "c", "nokey"].map(|key| key.as_bytes().to_vec()));
    }
}
