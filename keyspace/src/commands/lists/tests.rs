//! Lists in both forms: replies, refusals, the limits between the forms, and how large ones are freed.

use crate::commands::testing::{Desk, check};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

/// Runs rows on packed lists, and on lists with nodes of one and of three items.
fn check_in_all_forms(rows: &[(&str, &str)]) {
    for node in [-2, 1, 3] {
        let mut desk = Desk::new();
        desk.keyspace.limits.list_node = node;
        for (number, (line, expected)) in rows.iter().enumerate() {
            assert_eq!(desk.run(line), *expected, "nodes {node}, row {number}: {line}");
        }
    }
}

#[test]
fn pushing_popping_and_reading() {
    check_in_all_forms(&[
        ("LPUSH l b a", ":2"),
        ("RPUSH l 3 4", ":4"),
        ("@changes", "4"),
        ("LLEN l", ":4"),
        ("LLEN nosuch", ":0"),
        ("LRANGE l 0 -1", "*4 $1 a $1 b $1 3 $1 4"),
        ("LRANGE l -3 2", "*2 $1 b $1 3"),
        ("LRANGE l 3 2", "*0"),
        ("LRANGE nosuch 0 1", "*0"),
        ("LINDEX l 2", "$1 3"),
        ("LINDEX l -4", "$1 a"),
        ("LINDEX l 4", "$-1"),
        ("LINDEX nosuch x", "$-1"),
        ("@hits", "7 3"),
        ("LPOP l", "$1 a"),
        ("RPOP l 2", "*2 $1 4 $1 3"),
        ("@changes", "3"),
        ("LPOP l 0", "*0"),
        ("LPOP l 5", "*1 $1 b"),
        ("EXISTS l", ":0"),
        ("LPOP l", "$-1"),
        ("LPOP l 1", "*-1"),
        ("LPUSHX l a", ":0"),
        ("RPUSHX l a", ":0"),
        ("EXISTS l", ":0"),
        ("RPUSH l a", ":1"),
        ("LPUSHX l b", ":2"),
        ("RPUSHX l c", ":3"),
        ("@resp 3", ""),
        ("LPOP nosuch", "_"),
        ("LPOP nosuch 1", "_"),
        ("LRANGE l 0 0", "*1 $1 b"),
    ]);
}

#[test]
fn changing() {
    check_in_all_forms(&[
        ("RPUSH l a b a c a", ":5"),
        ("@changes", "5"),
        ("LINSERT l BEFORE a 1", ":6"),
        ("LINSERT l AFTER c 2", ":7"),
        ("LINSERT l AFTER nosuch 2", ":-1"),
        ("LINSERT nosuch AFTER a 2", ":0"),
        ("LSET l -1 z", "+OK"),
        ("LSET l 7 z", "-ERR index out of range"),
        ("LSET nosuch 0 z", "-ERR no such key"),
        ("@changes", "3"),
        ("LRANGE l 0 -1", "*7 $1 1 $1 a $1 b $1 a $1 c $1 2 $1 z"),
        ("LREM l -1 a", ":1"),
        ("LRANGE l 0 -1", "*6 $1 1 $1 a $1 b $1 c $1 2 $1 z"),
        ("LREM l 0 nosuch", ":0"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*4 $1 a $1 b $1 c $1 2"),
        ("@changes", "3"),
        ("LREM l 0 a", ":1"),
        ("LTRIM l 5 6", "+OK"),
        ("EXISTS l", ":0"),
        ("@changes", "4"),
        ("RPUSH l a a", ":2"),
        ("LREM l 0 a", ":2"),
        ("EXISTS l", ":0"),
    ]);
}

#[test]
fn searching() {
    check_in_all_forms(&[
        ("RPUSH l a b c 1 2 3 c c", ":8"),
        ("LPOS l c", ":2"),
        ("LPOS l c RANK -1", ":7"),
        ("LPOS l c RANK 2 COUNT 0", "*2 :6 :7"),
        ("LPOS l c COUNT 2 MAXLEN 7", "*2 :2 :6"),
        ("LPOS l c RANK -2 COUNT 0 MAXLEN 2", "*1 :6"),
        ("LPOS l c MAXLEN 2", "$-1"),
        ("LPOS l 01", "$-1"),
        ("LPOS nosuch c", "$-1"),
        ("LPOS nosuch c COUNT 0", "*0"),
    ]);
}

#[test]
fn moving() {
    check_in_all_forms(&[
        ("RPUSH l a b c", ":3"),
        ("LMOVE l m LEFT RIGHT", "$1 a"),
        ("RPOPLPUSH l m", "$1 c"),
        ("LRANGE m 0 -1", "*2 $1 c $1 a"),
        ("@changes", "5"),
        ("LMOVE m m RIGHT LEFT", "$1 a"),
        ("LRANGE m 0 -1", "*2 $1 a $1 c"),
        ("LMOVE l m LEFT LEFT", "$1 b"),
        ("EXISTS l", ":0"),
        ("LMOVE l m LEFT LEFT", "$-1"),
        ("RPUSH one x", ":1"),
        ("PEXPIRE one 500", ":1"),
        ("RPOPLPUSH one one", "$1 x"),
        ("@left one", "500"),
        ("LMPOP 2 l m LEFT COUNT 2", "*2 $1 m *2 $1 b $1 a"),
        ("LMPOP 2 l m RIGHT", "*2 $1 m *1 $1 c"),
        ("LMPOP 2 l m RIGHT", "*-1"),
        ("EXISTS m", ":0"),
        ("RPUSH far x", ":1"),
        ("PEXPIRE far 1", ":1"),
        ("@later 2", ""),
        ("RPOPLPUSH one far", "$1 x"),
        ("@left far", "never"),
    ]);
}

#[test]
fn refusals() {
    check(&[
        ("SET s x", "+OK"),
        ("RPUSH l a", ":1"),
        ("LPUSH s a", WRONG),
        ("LPUSHX s a", WRONG),
        ("LPOP s", WRONG),
        ("LPOP s 0", WRONG),
        ("LPOP s -1", "-ERR value is out of range, must be positive"),
        ("LPOP l x", "-ERR value is out of range, must be positive"),
        ("RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command"),
        ("LLEN s", WRONG),
        ("LINDEX s x", WRONG),
        ("LINDEX l x", NOT_INTEGER),
        ("LRANGE s x 0", NOT_INTEGER),
        ("LRANGE s 0 0", WRONG),
        ("LINSERT s NEAR a b", SYNTAX),
        ("LINSERT s AFTER a b", WRONG),
        ("LSET l x a", NOT_INTEGER),
        ("LSET s x a", WRONG),
        ("LREM s x a", NOT_INTEGER),
        ("LREM s 0 a", WRONG),
        ("LTRIM s 0 x", NOT_INTEGER),
        ("LTRIM s 0 0", WRONG),
        ("LPOS s a RANK", SYNTAX),
        ("LPOS s a COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS s a MAXLEN x", "-ERR MAXLEN can't be negative"),
        ("LPOS s a", WRONG),
        ("LMOVE s l LEFT UP", SYNTAX),
        ("LMOVE l s LEFT LEFT", WRONG),
        ("LMOVE s l LEFT LEFT", WRONG),
        ("RPOPLPUSH nosuch s", "$-1"),
        ("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 l LEFT", SYNTAX),
        ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 1", SYNTAX),
        ("LMPOP 2 s l LEFT", WRONG),
        ("LRANGE l 0 -1", "*1 $1 a"),
        ("@changes", "2"),
    ]);
}

#[test]
fn forms_change_at_the_limits() {
    let mut desk = Desk::new();
    let mut encoding = |lines: &[&str]| {
        lines.iter().for_each(|line| drop(desk.run(line)));
        desk.encoding("l")
    };
    // A packed list of one string of 8,182 bytes has 8,192 in Redis: 7 bytes of its own, 3 before and 2 behind the string.
    let text = |len: usize| "x".repeat(len);
    assert_eq!(encoding(&["RPUSH l a"]), "listpack");
    assert_eq!(encoding(&[&format!("RPUSH l {}", text(8182))]), "listpack");
    assert_eq!(encoding(&["RPUSH l b"]), "quicklist");
    assert_eq!(encoding(&["RPOP l"]), "quicklist");
    assert_eq!(encoding(&["LREM l 0 a", "LPUSH l a", "RPOP l"]), "listpack");
    assert_eq!(encoding(&["DEL l", &format!("RPUSH l {}", text(8186))]), "quicklist");
    assert_eq!(encoding(&["LSET l 0 small"]), "listpack");
    assert_eq!(encoding(&[&format!("LINSERT l AFTER small {}", text(9000))]), "quicklist");
    assert_eq!(encoding(&["LTRIM l 0 0"]), "listpack");
    desk.keyspace.limits.list_node = 4;
    let mut encoding = |lines: &[&str]| {
        lines.iter().for_each(|line| drop(desk.run(line)));
        desk.encoding("l")
    };
    assert_eq!(encoding(&["DEL l", "RPUSH l a b c d"]), "listpack");
    assert_eq!(encoding(&["RPUSH l e"]), "quicklist");
    assert_eq!(encoding(&["RPOP l"]), "quicklist");
    assert_eq!(encoding(&["RPOP l"]), "quicklist");
    assert_eq!(encoding(&["RPOP l"]), "listpack");
    assert_eq!(encoding(&["RPUSH l c d", "LMOVE l l LEFT RIGHT"]), "listpack");
}

/// Whatever is done to lists, the bytes of the keyspace are those of its entries.
#[test]
fn bytes_are_counted() {
    for node in [-2, 1, 5] {
        let mut desk = Desk::new();
        desk.keyspace.limits.list_node = node;
        let long = "x".repeat(5000);
        (0..300).for_each(|n| drop(desk.run(&format!("RPUSH l {n} {} y", &long[..n * 3]))));
        let lines = [
            "LPUSH l a b c",
            "LPOP l 20",
            "RPOP l",
            "LINSERT l AFTER 150 z",
            "LREM l 50 y",
            "LREM l -50 y",
            "LTRIM l 5 -5",
            "COPY l copy",
            "RENAME copy moved",
            "LMOVE l moved LEFT RIGHT",
            "LMPOP 1 moved LEFT COUNT 500",
            "LREM moved 0 y",
            "PEXPIRE l 10000",
            "MOVE l 1",
            "RPUSH l 1",
            "UNLINK moved",
        ];
        for line in lines.into_iter().map(String::from).chain([format!("LSET l 0 {long}"), "LSET l 0 x".into()]) {
            assert!(!desk.run(&line).starts_with('-'), "{line}");
            while desk.keyspace.free_dropped() {}
            let keyspace = &desk.keyspace;
            let entries = [0, 1].into_iter().flat_map(|number| keyspace.entries(desk.db(number)));
            let bytes: u64 = entries.map(|entry| entry.heap_bytes() as u64).sum();
            assert_eq!(keyspace.heap_bytes(), desk.table_bytes() + bytes, "nodes {node}: {line}");
        }
    }
}

/// Whatever deletes, replaces or trims a large list, it is freed in pieces.
#[test]
fn large_lists_are_freed_in_pieces() {
    for line in
        ["DEL l", "UNLINK l", "SET l v", "RENAME other l", "PEXPIRE l -1", "LTRIM l 0 9", "LPOP l 60000", "FLUSHALL"]
    {
        let mut desk = Desk::new();
        desk.keyspace.limits.list_node = 1;
        let words: Vec<Vec<u8>> =
            [b"RPUSH".to_vec(), b"l".to_vec()].into_iter().chain(vec![vec![b'v'; 20]; 1000]).collect();
        (0..50).for_each(|_| drop(desk.command(&words)));
        desk.run("SET other v");
        let pieces = desk.drop_in_pieces(line, 50_000 * 24);
        assert!(pieces > 10, "{line}: {pieces} pieces");
        // What is not left to later is not counted, and what a list that stays has lost is no object.
        assert_eq!(desk.keyspace.stats.lazyfreed_objects, u64::from(line == "UNLINK l"), "{line}");
    }
}
