//! The deadline family against redis-server 7.0.15, the table of `expire-evict.md` §4.2 included.

use crate::commands::testing::{Desk, START, check};

const NX: &str = "-ERR NX and XX, GT or LT options at the same time are not compatible";
const GT_LT: &str = "-ERR GT and LT options at the same time are not compatible";
const INTEGER: &str = "-ERR value is not an integer or out of range";
const EXPIRE: &str = "-ERR invalid expire time in 'expire' command";
const PEXPIRE: &str = "-ERR invalid expire time in 'pexpire' command";
const EXPIREAT: &str = "-ERR invalid expire time in 'expireat' command";
const FOO: &str = "-ERR Unsupported option foo";

#[test]
fn order_of_errors() {
    check(&[
        ("expire k x foo", FOO),
        ("expire k 9223372036854775807 nx xx", NX),
        ("expire k x nx gt", NX),
        ("expire k 10 lt nx", NX),
        ("expire k 10 gt lt", GT_LT),
        ("expire k 10 xx gt lt", GT_LT),
        ("expire k 10 nx xx foo", FOO),
        ("expire k 10 nx NX", ":0"),
        ("expire k 10.5", INTEGER),
        ("expire k 10.5 nx", INTEGER),
        ("expire k \"\"", INTEGER),
        ("expire k 1 \"a\\r\\nb\"", "-ERR Unsupported option a  b"),
        ("@changes", "0"),
        ("@hits", "0 0"),
        ("expire k", "-ERR wrong number of arguments for 'expire' command"),
        ("pexpireat k", "-ERR wrong number of arguments for 'pexpireat' command"),
        ("ttl k l", "-ERR wrong number of arguments for 'ttl' command"),
        ("persist", "-ERR wrong number of arguments for 'persist' command"),
    ]);
}

#[test]
fn overflow() {
    check(&[
        ("set k v", "+OK"),
        ("expire k 9223372036854775807", EXPIRE),
        ("expire k 9223372036854775", EXPIRE),
        ("expire k -9223372036854775808", EXPIRE),
        ("expireat k 9223372036854776", EXPIREAT),
        ("expireat k -9223372036854776", EXPIREAT),
        ("pexpire k 9223372036854775807", PEXPIRE),
        ("ttl k", ":-1"),
        ("expireat k 9223372036854775", ":1"),
        ("pexpiretime k", ":9223372036854775000"),
        ("expiretime k", ":9223372036854775"),
        ("pexpireat k 9223372036854775807", ":1"),
        ("pexpiretime k", ":9223372036854775807"),
        ("expiretime k", ":9223372036854776"),
        ("pexpire k -9223372036854775808", ":1"),
        ("get k", "$-1"),
        ("set k v", "+OK"),
        ("expire k -9223372036854775", ":1"),
        ("get k", "$-1"),
        ("set k v", "+OK"),
        ("pexpireat k -9223372036854775808", ":1"),
        ("get k", "$-1"),
    ]);
    let mut desk = Desk::new();
    desk.run("set k v");
    let last = i64::MAX - START.0;
    assert_eq!(desk.run(&format!("pexpire k {}", last - 1)), ":1");
    assert_eq!(desk.run(&format!("pexpire k {last}")), ":1");
    assert_eq!(desk.run("pexpiretime k"), format!(":{}", i64::MAX));
    assert_eq!(desk.run(&format!("pexpire k {}", last + 1)), PEXPIRE);
}

#[test]
fn conditions() {
    check(&[
        ("expire k 10", ":0"),
        ("set k v", "+OK"),
        ("@changes", "1"),
        ("expire k 10 xx", ":0"),
        ("expire k 10 gt", ":0"),
        ("expire k 10 xx lt", ":0"),
        ("expire k -1 gt", ":0"),
        ("@changes", "0"),
        ("expire k 10 lt", ":1"),
        ("@changes", "1"),
        ("expire k 5 gt", ":0"),
        ("expire k 5 nx", ":0"),
        ("expire k 15 lt", ":0"),
        ("expire k -1 gt", ":0"),
        ("expire k -1 nx", ":0"),
        ("expire k 5 lt xx", ":1"),
        ("expire k 20 xx gt", ":1"),
        ("ttl k", ":20"),
        ("pexpireat k 9999999999999", ":1"),
        ("pexpireat k 9999999999999 gt", ":0"),
        ("pexpireat k 9999999999999 lt", ":0"),
        ("pexpireat k 9999999999999 xx", ":1"),
        ("expireat k 9999999998 lt", ":1"),
        ("expiretime k", ":9999999998"),
        ("persist k", ":1"),
        ("persist k", ":0"),
        ("expire k 7 nx", ":1"),
        ("ttl k", ":7"),
    ]);
}

#[test]
fn past_times_delete() {
    check(&[
        ("set k v", "+OK"),
        ("@changes", "1"),
        ("expire k 0", ":1"),
        ("@changes", "1"),
        ("exists k", ":0"),
        ("set k v", "+OK"),
        ("pexpire k -1 lt", ":1"),
        ("exists k", ":0"),
        ("set k v", "+OK"),
        ("expireat k 1", ":1"),
        ("expire k 10", ":0"),
        ("exists k", ":0"),
    ]);
}

#[test]
fn the_three_borders() {
    let mut desk = Desk::new();
    desk.run("set k v");
    // A deadline that is now is past for the family.
    assert_eq!(desk.run(&format!("pexpireat k {}", START.0)), ":1");
    assert_eq!(desk.run("exists k"), ":0");
    assert_eq!(desk.keyspace.stats.expired_keys, 0);
    // A key lives through its last millisecond for whoever looks.
    desk.run("set k v");
    desk.run("pexpire k 5");
    desk.run("@later 5");
    assert_eq!(desk.run("pttl k"), ":0");
    assert_eq!(desk.run("exists k"), ":1");
    desk.run("@later 1");
    assert_eq!(desk.run("pttl k"), ":-2");
    assert_eq!(desk.keyspace.stats.expired_keys, 1);
}

#[test]
fn telling() {
    check(&[
        ("ttl k", ":-2"),
        ("pttl k", ":-2"),
        ("expiretime k", ":-2"),
        ("pexpiretime k", ":-2"),
        ("set k v", "+OK"),
        ("ttl k", ":-1"),
        ("pttl k", ":-1"),
        ("expiretime k", ":-1"),
        ("pexpiretime k", ":-1"),
        ("@hits", "4 4"),
        ("pexpireat k 9999999999499", ":1"),
        ("expiretime k", ":9999999999"),
        ("pexpireat k 9999999999500", ":1"),
        ("expiretime k", ":10000000000"),
        ("pexpiretime k", ":9999999999500"),
        ("expire k 100", ":1"),
        ("ttl k", ":100"),
        ("persist k", ":1"),
        ("@changes", "4"),
        ("@hits", "4 0"),
        ("persist k", ":0"),
        ("persist x", ":0"),
        ("@changes", "0"),
        ("@hits", "0 0"),
    ]);
    check(&[
        ("set k v px 1499", "+OK"),
        ("ttl k", ":1"),
        ("set k v px 1500", "+OK"),
        ("ttl k", ":2"),
        ("pttl k", ":1500"),
        ("@later 1500", ""),
        ("ttl k", ":0"),
    ]);
}

#[test]
fn what_is_expired_is_hidden_while_expiry_is_paused_and_removed_otherwise() {
    let mut desk = Desk::new();
    desk.run("set k v px 1");
    desk.run("@later 2");
    desk.caller.expiry_paused = true;
    assert_eq!([desk.run("get k"), desk.run("exists k"), desk.run("dbsize")], ["$-1", ":0", ":1"]);
    desk.caller.expiry_paused = false;
    assert_eq!([desk.run("get k"), desk.run("dbsize")], ["$-1", ":0"]);
    assert_eq!(desk.keyspace.stats.expired_keys, 1);
}
