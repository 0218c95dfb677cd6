//! OBJECT and MEMORY USAGE against redis-server 7.0.15.

use evict::access::AccessBits;

use crate::commands::testing::{Desk, check};

const SYNTAX: &str = "-ERR syntax error";
const INTEGER: &str = "-ERR value is not an integer or out of range";
const LFU: &str = "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const NOT_LFU: &str = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

#[test]
fn encodings() {
    check(&[
        ("object encoding a", "$-1"),
        ("set a 12345678901234567890", "+OK"),
        ("object encoding a", "$6 embstr"),
        ("set a 9223372036854775807", "+OK"),
        ("object encoding a", "$3 int"),
        ("set a -9223372036854775808", "+OK"),
        ("object encoding a", "$3 int"),
        ("set a 01", "+OK"),
        ("object encoding a", "$6 embstr"),
        ("set a \"\"", "+OK"),
        ("object encoding a", "$6 embstr"),
        ("set a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "+OK"),
        ("object encoding a", "$6 embstr"),
        ("set a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "+OK"),
        ("object encoding a", "$3 raw"),
        ("del a", ":1"),
        ("append a 12", ":2"),
        ("OBJECT ENCODING a", "$3 int"),
        ("append a 3", ":3"),
        ("object encoding a", "$3 raw"),
        ("rename a b", "+OK"),
        ("object encoding b", "$3 raw"),
        ("copy b a", ":1"),
        ("object encoding a", "$3 raw"),
        ("incr a", ":124"),
        ("object encoding a", "$3 int"),
        ("incrbyfloat a 1", "$3 125"),
        ("object encoding a", "$6 embstr"),
        ("setrange c 0 5", ":1"),
        ("object encoding c", "$3 raw"),
    ]);
}

#[test]
fn a_small_hash_with_deadlines_of_fields_has_an_encoding_of_its_own() {
    let long = "x".repeat(65);
    check(&[
        ("hset h a 1 b 2", ":2"),
        ("object encoding h", "$8 listpack"),
        ("hexpire h 100 fields 1 a", "*1 :1"),
        ("object encoding h", "$10 listpackex"),
        ("hset h b 3", ":0"),
        ("object encoding h", "$10 listpackex"),
        (&format!("hset h b {long}"), ":0"),
        ("object encoding h", "$9 hashtable"),
    ]);
}

#[test]
fn references() {
    check(&[
        ("object refcount a", "$-1"),
        ("set a 0", "+OK"),
        ("object refcount a", ":2147483647"),
        ("set a -1", "+OK"),
        ("object refcount a", ":1"),
        ("set a 9999", "+OK"),
        ("object refcount a", ":2147483647"),
        ("incr a", ":10000"),
        ("object refcount a", ":1"),
        ("decr a", ":9999"),
        ("object refcount a", ":2147483647"),
        ("incrbyfloat a 1", "$5 10000"),
        ("object refcount a", ":1"),
        ("set a foo", "+OK"),
        ("object refcount a", ":1"),
    ]);
}

#[test]
fn copies_are_not_shared() {
    check(&[
        ("set a 5", "+OK"),
        ("copy a b", ":1"),
        ("object refcount a", ":2147483647"),
        ("object refcount b", ":1"),
        ("object encoding b", "$3 int"),
        ("rename b c", "+OK"),
        ("expire c 1000", ":1"),
        ("object refcount c", ":1"),
        ("copy c d", ":1"),
        ("object refcount d", ":1"),
        ("incr d", ":6"),
        ("object refcount d", ":2147483647"),
        ("append a 1", ":2"),
        ("copy a e", ":1"),
        ("object encoding e", "$3 raw"),
        ("append c 1", ":2"),
        ("object encoding c", "$3 raw"),
    ]);
}

#[test]
fn errors_and_counters() {
    check(&[
        ("object freq a", "$-1"),
        ("object idletime a", "$-1"),
        ("set a v", "+OK"),
        ("object freq a", NOT_LFU),
        ("object refcount a", ":1"),
        ("@hits", "2 2"),
        ("memory usage x", "$-1"),
        ("memory usage a samples", SYNTAX),
        ("memory usage a samples x", INTEGER),
        ("memory usage a samples -1", SYNTAX),
        ("memory usage a foo", SYNTAX),
        ("memory usage x foo", SYNTAX),
        ("memory usage x samples 5 SAMPLES 6", "$-1"),
        ("memory usage x samples x foo", INTEGER),
        ("@hits", "0 0"),
        ("object freq a b", "-ERR wrong number of arguments for 'object|freq' command"),
        ("object encoding", "-ERR wrong number of arguments for 'object|encoding' command"),
        ("object help x", "-ERR wrong number of arguments for 'object|help' command"),
        ("memory usage", "-ERR wrong number of arguments for 'memory|usage' command"),
        ("@resp 3", ""),
        ("object encoding x", "_"),
    ]);
}

#[test]
fn idle_time_is_the_time_since_the_last_use() {
    let mut desk = Desk::new();
    for idle in [0, 1, 65] {
        desk.access = AccessBits::lru(desk.now);
        desk.run("set a v");
        desk.run(&format!("@later {}", idle * 1000));
        assert_eq!(desk.run("object idletime a"), format!(":{idle}"));
    }
}

#[test]
fn uses_are_counted_under_an_lfu_policy() {
    check(&[
        ("set old v", "+OK"),
        ("@policy allkeys-lfu", ""),
        ("set a v", "+OK"),
        ("object freq a", ":5"),
        ("object idletime a", LFU),
        ("object freq missing", "$-1"),
        ("object idletime missing", "$-1"),
        ("get a", "$1 v"),
        ("object freq a", ":6"),
        ("object freq a", ":6"),
        ("strlen a", ":1"),
        ("exists a", ":1"),
        ("@later 60000", ""),
        ("object freq a", ":6"),
        ("@later 600000", ""),
        ("object freq a", ":0"),
        // A value that is stored over another is one use, by whatever command, and does not begin anew.
        ("set a w", "+OK"),
        ("object freq a", ":1"),
        ("set a w xx", "+OK"),
        ("object freq a", ":2"),
        ("mset a w", "+OK"),
        ("object freq a", ":3"),
        ("setex a 100 1", "+OK"),
        ("object freq a", ":4"),
        ("incr a", ":2"),
        ("object freq a", ":5"),
        ("getset a w", "$1 2"),
        ("copy a b", ":1"),
        ("object freq b", ":5"),
        ("rename b c", "+OK"),
        ("object freq c", ":6"),
        ("sadd s 1", ":1"),
        ("sadd t 1 2", ":2"),
        ("sunionstore s t", ":2"),
        ("object freq s", ":6"),
        ("rpush l 1 2", ":2"),
        ("lmove l l left right", "$1 1"),
        ("object freq l", ":7"),
        ("sadd u 2", ":1"),
        ("smove t u 1", ":1"),
        ("object freq u", ":6"),
        ("@policy volatile-random", ""),
        ("object freq a", NOT_LFU),
    ]);
}

#[test]
fn only_writes_count_for_lrm_and_idle_time_is_told_by_all_but_lfu() {
    for policy in ["noeviction", "allkeys-lru", "allkeys-lrm", "allkeys-random", "allkeys-s3fifo", "volatile-ttl"] {
        let mut desk = Desk::new();
        desk.run(&format!("@policy {policy}"));
        let mut row = |line: &str, idle: Option<u32>| {
            desk.access = AccessBits::lru(desk.now);
            desk.run(line);
            if let Some(idle) = idle {
                assert_eq!(desk.run("object idletime a"), format!(":{idle}"), "{policy}: {line}");
            }
        };
        row("set a v", Some(0));
        row("@later 64000", Some(64));
        row("get a", Some(if policy == "allkeys-lrm" { 64 } else { 0 }));
        row("@later 64000", None);
        row("append a w", Some(0));
        row("@later 64000", Some(64));
        row("set a v", Some(0));
    }
}

#[test]
fn usage_is_the_entry_and_its_bucket() {
    check(&[
        ("set a v", "+OK"),
        // Eight bytes of header, one of key, one of value, rounded up; ten of its line.
        ("memory usage a", ":26"),
        ("memory usage a samples 0", ":26"),
        ("expire a 100", ":1"),
        ("memory usage a", ":34"),
    ]);
}
