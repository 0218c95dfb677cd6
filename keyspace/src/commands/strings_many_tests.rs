//! Several strings at once, row by row as redis-server 7.0.15 answers them.

use crate::commands::testing::check;

#[test]
fn many() {
    check(&[
        ("mset a 1 b 2", "+OK"),
        ("mget a b c", "*3 $1 1 $1 2 $-1"),
        ("@hits", "2 1"),
        ("mget a a", "*2 $1 1 $1 1"),
        ("mset a 1 b 2 a 3", "+OK"),
        ("@changes", "3"),
        ("get a", "$1 3"),
        ("set a 1 ex 100", "+OK"),
        ("mset a x", "+OK"),
        ("@left a", "never"),
        ("msetnx c 1 a 2", ":0"),
        ("get c", "$-1"),
        ("msetnx c 1 c 2 d 3", ":1"),
        ("mget c d", "*2 $1 2 $1 3"),
        ("@changes", "5"),
        ("set c 1 pxat 1000", "+OK"),
        ("mget c", "*1 $-1"),
        ("msetnx c 5", ":1"),
        ("@left c", "never"),
        ("@resp 3", ""),
        ("mget a none", "*2 $1 x _"),
    ]);
}

#[test]
fn odd_arguments() {
    check(&[
        ("mset", "-ERR wrong number of arguments for 'mset' command"),
        ("mset a", "-ERR wrong number of arguments for 'mset' command"),
        ("mset a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ("msetnx a", "-ERR wrong number of arguments for 'msetnx' command"),
        ("msetnx a 1 b", "-ERR wrong number of arguments for 'msetnx' command"),
        ("mget", "-ERR wrong number of arguments for 'mget' command"),
        ("mget a b", "*2 $-1 $-1"),
    ]);
}
