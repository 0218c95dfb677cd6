//! HyperLogLogs, row by row as redis-server 7.0.15 answers them.

use crate::commands::testing::{Desk, check};

const OTHER: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected";

#[test]
fn adding_and_counting() {
    check(&[
        ("pfadd h", ":1"),
        ("@changes", "1"),
        ("pfadd h", ":0"),
        ("pfadd h a b c", ":1"),
        ("@changes", "3"),
        ("pfadd h a b c", ":0"),
        ("pfcount h", ":3"),
        ("@changes", "1"),
        ("pfcount h", ":3"),
        ("@changes", "0"),
        ("pfcount none", ":0"),
        ("pfcount h none h", ":3"),
        ("@changes", "0"),
        ("strlen h", ":27"),
        ("@shape h", "Edited"),
        ("pfadd i \"\" a", ":1"),
        ("pfmerge i h none", "+OK"),
        ("pfcount i", ":4"),
        ("@changes", "5"),
        ("pfmerge new", "+OK"),
        ("pfcount new", ":0"),
        ("pfmerge new i", "+OK"),
        ("pfcount new", ":4"),
        ("pfcount h i new", ":4"),
        ("expire h 100", ":1"),
        ("pfadd h z", ":1"),
        ("pfmerge h i", "+OK"),
        ("@left h", "100000"),
        ("pfadd", "-ERR wrong number of arguments for 'pfadd' command"),
    ]);
}

#[test]
fn debugging() {
    let mut desk = Desk::new();
    for (line, expected) in [
        ("pfdebug decode none", "-ERR The specified key does not exist"),
        ("pfadd h a", ":1"),
        ("pfdebug decode h", "$20 Z:12711 v:2,1 Z:3672"),
        ("pfdebug encoding h", "+sparse"),
        ("pfdebug foo h", "-ERR Unknown PFDEBUG subcommand 'foo'"),
        ("pfdebug TODENSE h", ":1"),
        ("pfdebug todense h", ":0"),
        ("pfdebug encoding h", "+dense"),
        ("pfdebug decode h", "-ERR HLL encoding is not sparse"),
        ("strlen h", ":12304"),
        ("pfcount h", ":1"),
        ("@changes", "4"),
        ("pfselftest", "+OK"),
        ("pfadd i a", ":1"),
    ] {
        assert_eq!(desk.run(line), expected, "{line}");
    }
    let registers = desk.run("pfdebug getreg i");
    let words: Vec<&str> = registers.split(' ').collect();
    assert_eq!((words.len(), words[0], words[1], words[12712]), (16385, "*16384", ":0", ":2"));
    assert_eq!(desk.run("pfdebug encoding i"), "+dense");
    assert_eq!(desk.run("@changes"), "3");
}

#[test]
fn what_is_no_hyperloglog() {
    for (line, expected) in [
        ("set k foo", OTHER),
        ("set k HYLL-and-no-header-", OTHER),
        ("set k \"HYLL\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\"", OTHER),
        ("set k \"HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\"", CORRUPT),
        ("set k \"HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\\xfe\"", CORRUPT),
        ("set k \"HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\\xff\\x00\"", CORRUPT),
    ] {
        let mut desk = Desk::new();
        desk.run(line);
        for command in ["pfcount k", "pfcount none k", "pfmerge new k", "pfmerge k", "pfdebug getreg k"] {
            assert_eq!(desk.run(command), expected, "{line}, {command}");
        }
        assert_eq!(desk.run("get new"), "$-1");
    }
}

/// `hll-sparse-max-bytes` decides when a HyperLogLog becomes dense.
#[test]
fn promotion() {
    let mut desk = Desk::new();
    desk.keyspace.limits.hll_sparse_bytes = 24;
    for (line, expected) in [
        ("pfadd h a b", ":1"),
        ("strlen h", ":24"),
        ("pfadd h a", ":0"),
        ("pfdebug encoding h", "+sparse"),
        ("pfadd h c", ":1"),
        ("pfdebug encoding h", "+dense"),
        ("pfadd i d", ":1"),
        ("pfmerge i h", "+OK"),
        ("pfdebug encoding i", "+dense"),
        ("pfcount i", ":4"),
    ] {
        assert_eq!(desk.run(line), expected, "{line}");
    }
}
