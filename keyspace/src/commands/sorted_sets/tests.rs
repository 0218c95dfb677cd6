//! The family's replies, refusals, counters and forms. Most rows of behaviour stand in `tests/cases/sorted_sets.txt`, where
//! redis-server is the judge; here is what that cannot see.

use crate::commands::testing::{Desk, check};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn changes_and_hits_are_counted() {
    check(&[
        ("ZADD z 1 a 2 b", ":2"),
        ("@changes", "2"),
        ("ZADD z 1 a 3 b 4 c", ":1"),
        ("@changes", "2"),
        ("ZADD z XX 9 nosuch", ":0"),
        ("@changes", "0"),
        ("ZINCRBY z 0 a", "$1 1"),
        ("@changes", "0"),
        ("@hits", "0 0"),
        ("ZSCORE z b", "$1 3"),
        ("ZRANGE nosuch 0 -1", "*0"),
        ("ZUNION 2 z nosuch", "*3 $1 a $1 b $1 c"),
        ("@hits", "2 2"),
        ("ZREM z a nosuch", ":1"),
        ("@changes", "1"),
        ("ZPOPMIN z 5", "*4 $1 b $1 3 $1 c $1 4"),
        ("@changes", "2"),
        ("EXISTS z", ":0"),
        ("ZUNIONSTORE z 1 nosuch", ":0"),
        ("@changes", "0"),
    ]);
}

#[test]
fn refusals_change_nothing() {
    check(&[
        ("ZADD z inf a 1 b", ":2"),
        ("@changes", "2"),
        ("ZADD z 2 b x c", "-ERR value is not a valid float"),
        ("ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)"),
        ("ZADD new INCR nan a", "-ERR value is not a valid float"),
        ("EXISTS new", ":0"),
        ("SET s v", "+OK"),
        ("@changes", "1"),
        ("ZADD s 1 a", WRONG),
        ("ZUNIONSTORE z 2 z s", WRONG),
        ("ZRANGESTORE z s 0 -1", WRONG),
        ("ZMPOP 2 s z MIN", WRONG),
        ("ZRANGE z 0 -1 WITHSCORES", "*4 $1 b $1 1 $1 a $3 inf"),
        ("@changes", "0"),
    ]);
}

#[test]
fn deadlines_stay_with_changes_and_go_with_overwrites() {
    check(&[
        ("ZADD z 1 a 2 b", ":2"),
        ("EXPIRE z 10", ":1"),
        ("ZADD z 3 c", ":1"),
        ("@left z", "10000"),
        ("ZRANGESTORE z z 1 -1", ":2"),
        ("@left z", "never"),
        ("EXPIRE z 10", ":1"),
        ("ZADD y 5 y", ":1"),
        ("@later 10001", ""),
        ("ZUNION 2 y z", "*1 $1 y"),
        ("ZADD z 7 new", ":1"),
        ("@left z", "never"),
        ("ZRANGE z 0 -1", "*1 $3 new"),
    ]);
}

#[test]
fn large_sets_grow_and_shrink_with_true_figures() {
    let mut desk = Desk::new();
    let empty = desk.keyspace.heap_bytes();
    for round in 0..20 {
        let mut line = String::from("ZADD z");
        (0..100).for_each(|n| line += &format!(" {} member:{}", n * 7 % 50, round * 100 + n));
        assert_eq!(desk.run(&line), ":100");
    }
    assert_eq!(desk.run("OBJECT ENCODING z"), "$8 skiplist");
    assert_eq!(desk.run("ZCARD z"), ":2000");
    let full = desk.keyspace.heap_bytes();
    assert!(full - empty > 2000 * 30 && full - empty < 2000 * 80, "{}", full - empty);
    assert_eq!(desk.run("ZREMRANGEBYRANK z 0 1899"), ":1900");
    assert!(desk.keyspace.heap_bytes() < empty + (full - empty) / 4);
    assert_eq!(desk.run("ZRANGE z 0 0 WITHSCORES"), "*2 $11 member:1921 $2 47");
    assert_eq!(desk.run("DEL z"), ":1");
    while desk.keyspace.free_dropped() {}
    // The slot keeps an empty table.
    assert!(desk.keyspace.heap_bytes() < empty + 100);
}

#[test]
fn walks_go_on_where_they_stopped() {
    let mut desk = Desk::new();
    for n in 0..3000 {
        assert_eq!(desk.run(&format!("ZADD z {n} m{n}")), ":1");
    }
    let (mut cursor, mut seen) = (String::from("0"), std::collections::BTreeSet::new());
    loop {
        let reply = desk.run(&format!("ZSCAN z {cursor} COUNT 20"));
        let words: Vec<&str> = reply.split(' ').collect();
        seen.extend(words.iter().filter(|word| word.starts_with('m')).map(|word| word.to_string()));
        cursor = words[2].to_string();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 3000);
    assert_eq!(desk.run("ZSCAN z 0 MATCH nosuch COUNT 100000").split(' ').nth(3), Some("*0"));
}

#[test]
fn a_reply_that_nobody_can_take_ends_early() {
    let mut desk = Desk::new();
    desk.keyspace.limits.reply_bytes_max = 1000;
    assert_eq!(desk.run("ZADD z 1 a 2 b"), ":2");
    assert!(desk.run("ZRANDMEMBER z -9223372036854775807").len() < 2000);
}
