//! RENAME, RENAMENX, COPY, MOVE: replies and counters of redis-server 7.0.15.

use crate::commands::testing::check;

const NO_SUCH_KEY: &str = "-ERR no such key";
const SAME: &str = "-ERR source and destination objects are the same";
const NO_DB: &str = "-ERR DB index is out of range";
const INTEGER: &str = "-ERR value is not an integer or out of range";
const NOT_INT: &str = "-ERR value is out of range, value must between -2147483648 and 2147483647";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn rename() {
    check(&[
        ("rename a b", NO_SUCH_KEY),
        ("rename a a", NO_SUCH_KEY),
        ("set a 1", "+OK"),
        ("@changes", "1"),
        ("rename a a", "+OK"),
        ("@changes", "0"),
        ("rename a b", "+OK"),
        ("@changes", "1"),
        ("@hits", "0 0"),
        ("get a", "$-1"),
        ("get b", "$1 1"),
        ("set c old ex 50", "+OK"),
        ("rename b c", "+OK"),
        ("get c", "$1 1"),
        ("@left c", "never"),
        ("set c 2 ex 100", "+OK"),
        ("set d 3 ex 5", "+OK"),
        ("rename c d", "+OK"),
        ("@left d", "100000"),
        ("append d x", ":2"),
        ("rename d e", "+OK"),
        ("@shape e", "Edited"),
        ("get e", "$2 2x"),
        ("rename e", "-ERR wrong number of arguments for 'rename' command"),
        ("rename e f g", "-ERR wrong number of arguments for 'rename' command"),
    ]);
}

#[test]
fn renamenx() {
    check(&[
        ("renamenx a b", NO_SUCH_KEY),
        ("renamenx a a", NO_SUCH_KEY),
        ("set a 1 px 1000", "+OK"),
        ("renamenx a a", ":0"),
        ("set b 2", "+OK"),
        ("@changes", "2"),
        ("renamenx a b", ":0"),
        ("@changes", "0"),
        ("renamenx a c", ":1"),
        ("@changes", "1"),
        ("@left c", "1000"),
        ("get a", "$-1"),
        ("set d 1 px 10", "+OK"),
        ("@later 11", ""),
        ("renamenx b d", ":1"),
        ("get d", "$1 2"),
        ("@left d", "never"),
    ]);
}

#[test]
fn move_between_databases() {
    check(&[
        ("move a x", INTEGER),
        ("move a 99999999999", NOT_INT),
        ("move a 16", NO_DB),
        ("move a -1", NO_DB),
        ("move a 0", SAME),
        ("move a 1", ":0"),
        ("set a 1 ex 100", "+OK"),
        ("@changes", "1"),
        ("move a 1", ":1"),
        ("@changes", "1"),
        ("@hits", "0 0"),
        ("exists a", ":0"),
        ("set a 2", "+OK"),
        ("@changes", "1"),
        ("move a 1", ":0"),
        ("@changes", "0"),
        ("@db 1", ""),
        ("get a", "$1 1"),
        ("@left a", "100000"),
        ("move a 1", SAME),
        ("move a 15", ":1"),
        ("@db 15", ""),
        ("get a", "$1 1"),
    ]);
}

#[test]
fn copy() {
    check(&[
        ("copy a b", ":0"),
        ("@hits", "0 1"),
        ("copy a a", SAME),
        ("copy a a db 0", SAME),
        ("copy a a db 1", ":0"),
        ("copy a b db", SYNTAX),
        ("copy a b db x", INTEGER),
        ("copy a b db 16", NO_DB),
        ("copy a b db -1", NO_DB),
        ("copy a b db 2147483648", NOT_INT),
        ("copy a b foo db x", SYNTAX),
        ("copy a b db x foo", INTEGER),
        ("copy a a db 16", NO_DB),
        ("set a 1 ex 100", "+OK"),
        ("@changes", "1"),
        ("@hits", "0 1"),
        ("copy a b", ":1"),
        ("@changes", "1"),
        ("@hits", "1 0"),
        ("@left b", "100000"),
        ("copy a b", ":0"),
        ("@changes", "0"),
        ("set b 2", "+OK"),
        ("copy b a replace", ":1"),
        ("get a", "$1 2"),
        ("@left a", "never"),
        ("copy a a db 1", ":1"),
        ("copy a a db 1", ":0"),
        ("copy a c DB 0 db 1 REPLACE replace", ":1"),
        ("@db 1", ""),
        ("get a", "$1 2"),
        ("get c", "$1 2"),
        ("append c x", ":2"),
        ("copy c d", ":1"),
        ("@shape d", "Edited"),
        ("get d", "$2 2x"),
        ("copy c", "-ERR wrong number of arguments for 'copy' command"),
    ]);
}

#[test]
fn long_values_and_keys() {
    let (key, value) = ("k".repeat(70_000), "v".repeat(10_000));
    let shown = format!("$10000 {value}");
    check(&[
        (&format!("set a {value} ex 100"), "+OK"),
        (&format!("rename a {key}"), "+OK"),
        (&format!("copy {key} b"), ":1"),
        (&format!("rename {key} c"), "+OK"),
        ("get c", &shown),
        ("get b", &shown),
        ("@left b", "100000"),
    ]);
}
