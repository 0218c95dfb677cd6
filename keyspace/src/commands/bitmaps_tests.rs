//! Bitmaps, row by row as redis-server 7.0.15 answers them.

use crate::commands::testing::{Desk, check};
use crate::entry::{Entry, Form, Kind};
use crate::packed;

const INTEGER: &str = "-ERR value is not an integer or out of range";
const OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const BIT: &str = "-ERR bit is not an integer or out of range";

#[test]
fn single_bits() {
    check(&[
        ("setbit k 7 1", ":0"),
        ("get k", "$1 \x01"),
        ("@shape k", "Edited"),
        ("setbit k 7 1", ":1"),
        ("setbit k 7 0", ":1"),
        ("@changes", "2"),
        ("setbit k 15 0", ":0"),
        ("@changes", "1"),
        ("strlen k", ":2"),
        ("getbit k 7", ":0"),
        ("getbit k 4294967295", ":0"),
        ("getbit none 0", ":0"),
        ("set n 1 ex 100", "+OK"),
        ("setbit n 7 0", ":1"),
        ("get n", "$1 0"),
        ("@left n", "100000"),
        ("@shape n", "Edited"),
        ("setbit k -1 1", OFFSET),
        ("setbit k x 2", OFFSET),
        ("setbit k 4294967296 1", OFFSET),
        ("setbit k 1 2", BIT),
        ("setbit k 1 -1", BIT),
        ("setbit k 1 01", BIT),
        ("getbit k 4294967296", OFFSET),
        ("setbit k 1", "-ERR wrong number of arguments for 'setbit' command"),
        ("@limit 1048576", ""),
        ("setbit long 8388607 1", ":0"),
        ("setbit long 8388608 1", OFFSET),
        ("strlen long", ":1048576"),
        ("bitpos long 1", ":8388607"),
    ]);
}

#[test]
fn strings_grow_by_any_step() {
    let mut desk = Desk::new();
    let mut model = vec![0; 0];
    let mut random = fastrand::Rng::with_seed(4);
    for step in [1, 7, 127, 128, 129, 130, 1000, 4095, 4096, 4097, 5000, 5001, 100_000, 100_100] {
        let bit = (step - 1) * 8 + random.usize(0..8);
        model.resize(step, 0);
        model[step - 1] |= 0x80 >> (bit % 8);
        assert_eq!(desk.run(&format!("setbit k {bit} 1")), ":0");
        let reply = desk.command(&["get", "k"]);
        assert!(reply.windows(model.len()).any(|window| window == model), "{step} bytes");
        assert_eq!(desk.run("strlen k"), format!(":{step}"));
    }
}

#[test]
fn counts() {
    check(&[
        ("set k foobar", "+OK"),
        ("bitcount k", ":26"),
        ("bitcount k 0 0", ":4"),
        ("bitcount k -2 -1", ":7"),
        ("bitcount k 5 30 BIT", ":17"),
        ("bitcount k 1 1 byte", ":6"),
        ("bitcount k 5 2", ":0"),
        ("bitcount k -1 -2 foo", ":0"),
        ("bitcount k 1 2 foo", "-ERR syntax error"),
        ("bitcount k 1", "-ERR syntax error"),
        ("bitcount k 1 2 bit 3", "-ERR syntax error"),
        ("bitcount k x 2 foo", INTEGER),
        ("bitcount k -9223372036854775808 9223372036854775807 bit", ":26"),
        ("bitcount none x y z", ":0"),
        ("@hits", "12 1"),
    ]);
}

#[test]
fn positions() {
    check(&[
        ("set k \"\\xff\\xf0\\x00\"", "+OK"),
        ("bitpos k 0", ":12"),
        ("bitpos k 1", ":0"),
        ("bitpos k 1 2", ":-1"),
        ("bitpos k 0 0 0", ":-1"),
        ("bitpos k 0 0", ":12"),
        ("bitpos k 0 1 10 BIT", ":-1"),
        ("bitpos k 1 -100 100 bit", ":0"),
        ("set o \"\\xff\"", "+OK"),
        ("bitpos o 0", ":8"),
        ("bitpos o 0 0", ":8"),
        ("bitpos o 0 0 -1", ":-1"),
        ("bitpos o 0 1", ":-1"),
        ("set e \"\"", "+OK"),
        ("bitpos e 0", ":-1"),
        ("bitpos none 0 x", ":0"),
        ("bitpos none 1", ":-1"),
        ("bitpos none 2", "-ERR The bit argument must be 1 or 0."),
        ("bitpos none x", INTEGER),
        ("bitpos k 0 1 x foo", "-ERR syntax error"),
        ("bitpos k 0 1 x bit", INTEGER),
        ("bitpos k 0 1 2 bit x", "-ERR syntax error"),
    ]);
}

#[test]
fn combinations() {
    check(&[
        ("set a \"\\x70\\x0f\\x2a\"", "+OK"),
        ("set b \"\\x50\"", "+OK"),
        ("bitop and r a b", ":3"),
        ("get r", "$3 \x50\0\0"),
        ("@shape r", "Edited"),
        ("bitop OR r a b", ":3"),
        ("get r", "$3 \x70\x0f\x2a"),
        ("bitop xor r a b a", ":3"),
        ("get r", "$3 \x50\0\0"),
        ("set r x ex 100", "+OK"),
        ("bitop and r r none", ":1"),
        ("@left r", "never"),
        ("@changes", "7"),
        ("bitop and r none", ":0"),
        ("@left r", "missing"),
        ("@changes", "1"),
        ("bitop not r none", ":0"),
        ("@changes", "0"),
        ("bitop not r a b", "-ERR BITOP NOT must be called with a single source key."),
        ("bitop nand r a", "-ERR syntax error"),
        ("setrange long 8999 x", ":9000"),
        ("bitop not long long", ":9000"),
        ("getrange long 8998 -1", "$2 \u{fffd}\u{fffd}"),
        ("bitop not long long", ":9000"),
        ("getrange long 8998 -1", "$2 \0x"),
    ]);
}

/// A source that has expired is gone before the values are taken.
#[test]
fn expired_sources() {
    check(&[
        ("set a a px 5", "+OK"),
        ("set b b px 5", "+OK"),
        ("set c c", "+OK"),
        ("@later 6", ""),
        ("bitop or r a b c", ":1"),
        ("get r", "$1 c"),
        ("bitop or r a b a", ":0"),
    ]);
}

#[test]
fn other_kinds_are_refused() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut desk = Desk::new();
    let (db, key) = (desk.db(0), desk.keyspace.key(b"l"));
    let list = Entry::packed(b"l", Kind::List, Form::Packed, packed::EMPTY, desk.access);
    desk.keyspace.insert(db, key.slot, key.hash, list);
    for line in [
        "setbit l 1 1",
        "getbit l 1",
        "bitcount l",
        "bitcount l x",
        "bitpos l 1",
        "bitop and r l",
        "bitop not r l",
        "bitfield l get u8 0",
        "bitfield l set u8 0 1",
        "bitfield_ro l",
    ] {
        assert_eq!(desk.run(line), wrong, "{line}");
    }
    assert_eq!(desk.run("bitop and l none"), ":0");
    assert_eq!(desk.run("@left l"), "missing");
}
