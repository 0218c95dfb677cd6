//! FLUSHDB, FLUSHALL, SWAPDB and DEBUG POPULATE against redis-server 7.0.15, and what flushing leaves behind.

use crate::commands::testing::{Desk, check};

const SYNTAX: &str = "-ERR syntax error";
const FIRST: &str = "-ERR invalid first DB index";
const SECOND: &str = "-ERR invalid second DB index";
const NO_DB: &str = "-ERR DB index is out of range";
const POSITIVE: &str = "-ERR value is out of range, must be positive";

#[test]
fn flush() {
    check(&[
        ("set a 1", "+OK"),
        ("set b 1 ex 100", "+OK"),
        ("@changes", "2"),
        ("flushdb foo", SYNTAX),
        ("flushdb sync async", SYNTAX),
        ("flushall foo", SYNTAX),
        ("flushall async sync", SYNTAX),
        ("@changes", "0"),
        ("@db 1", ""),
        ("set c 1", "+OK"),
        ("flushdb", "+OK"),
        ("@changes", "2"),
        ("flushdb SYNC", "+OK"),
        ("@changes", "0"),
        ("set c 1", "+OK"),
        ("@db 0", ""),
        ("dbsize", ":2"),
        ("flushdb async", "+OK"),
        ("@changes", "3"),
        ("exists a b", ":0"),
        ("set a 1", "+OK"),
        ("flushall Async", "+OK"),
        ("@changes", "3"),
        ("flushall sync", "+OK"),
        ("flushall", "+OK"),
        ("@changes", "0"),
        ("@db 1", ""),
        ("dbsize", ":0"),
    ]);
}

#[test]
fn swap() {
    check(&[
        ("swapdb x 16", FIRST),
        ("swapdb 16 x", SECOND),
        ("swapdb 99999999999 1", FIRST),
        ("swapdb 1 99999999999", SECOND),
        ("swapdb 1 16", NO_DB),
        ("swapdb 16 1", NO_DB),
        ("swapdb -1 0", NO_DB),
        ("swapdb 1", "-ERR wrong number of arguments for 'swapdb' command"),
        ("@changes", "0"),
        ("set a 1", "+OK"),
        ("swapdb 0 1", "+OK"),
        ("swapdb 1 1", "+OK"),
        ("@changes", "3"),
        ("get a", "$-1"),
        ("set a 0", "+OK"),
        ("@db 1", ""),
        ("get a", "$1 1"),
        ("swapdb 15 1", "+OK"),
        ("dbsize", ":0"),
        ("@db 15", ""),
        ("get a", "$1 1"),
        ("flushdb", "+OK"),
        ("@db 0", ""),
        ("get a", "$1 0"),
    ]);
}

#[test]
fn populate() {
    check(&[
        ("debug populate", "-ERR unknown subcommand or wrong number of arguments for 'populate'. Try DEBUG HELP."),
        ("debug POPULATE", "-ERR unknown subcommand or wrong number of arguments for 'POPULATE'. Try DEBUG HELP."),
        (
            "debug populate 1 2 3 4",
            "-ERR unknown subcommand or wrong number of arguments for 'populate'. Try DEBUG HELP.",
        ),
        ("debug populate x", POSITIVE),
        ("debug populate -1", POSITIVE),
        ("debug populate 99999999999999999999", POSITIVE),
        ("debug populate 5 foo x", POSITIVE),
        ("debug populate 5 foo -1", POSITIVE),
        ("dbsize", ":0"),
        ("debug populate 0", "+OK"),
        ("set key:1 mine", "+OK"),
        ("@changes", "1"),
        ("debug populate 3", "+OK"),
        ("dbsize", ":3"),
        ("get key:0", "$7 value:0"),
        ("get key:1", "$4 mine"),
        ("debug populate 1 p 3", "+OK"),
        ("get p:0", "$3 val"),
        ("debug populate 1 q 10", "+OK"),
        ("get q:0", "$10 value:0\x00\x00\x00"),
        ("object encoding q:0", "$6 embstr"),
        ("@changes", "0"),
    ]);
}

#[test]
fn flushed_memory_is_given_back_piece_by_piece() {
    let mut desk = Desk::new();
    let empty = desk.keyspace.heap_bytes();
    desk.run("debug populate 20000 {tag}");
    desk.run("@db 3");
    desk.run("debug populate 5000");
    desk.run("flushdb async");
    let first = desk.db(0);
    let real: u64 = desk.keyspace.entries(first).map(|entry| entry.heap_bytes() as u64).sum();
    let left = desk.keyspace.heap_bytes();
    assert!((real..real + 20_000 * 20).contains(&left), "{left} bytes for {real} of entries");
    assert_eq!(desk.keyspace.dropped_keys(), 5000);
    while desk.keyspace.free_dropped() {}
    assert_eq!((desk.keyspace.dropped_keys(), desk.keyspace.stats.lazyfreed_objects), (0, 5000));

    desk.run("flushall async");
    assert_eq!(desk.keyspace.heap_bytes(), empty);
    assert!(desk.keyspace.dropped_bytes() >= real, "what is not freed is held");
    let mut pieces = 0;
    let mut before = desk.keyspace.dropped_keys();
    while desk.keyspace.free_dropped() {
        let now = desk.keyspace.dropped_keys();
        assert!(before - now < 2 * crate::table::SEGMENT_ENTRIES_MAX as u64);
        before = now;
        pieces += 1;
    }
    assert!(pieces > 5 && before == 0 && desk.keyspace.dropped() == 0);
    assert_eq!(desk.keyspace.dropped_bytes(), 0);
}
