//! Deadlines of fields, as the specification and Redis's documentation have them: redis-server 7.0.15 knows none.

use crate::commands::testing::{Desk, check};

const FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const TOO_FEW: &str = "-ERR Parameter `numFields` should be greater than 0";
const POSITIVE: &str = "-ERR Number of fields must be a positive integer";
const MATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";
const NEGATIVE: &str = "-ERR invalid expire time, must be >= 0";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const INTEGER: &str = "-ERR value is not an integer or out of range";

#[test]
fn errors() {
    check(&[
        ("hexpire k 1 fields 1", "-ERR wrong number of arguments for 'hexpire' command"),
        ("httl k fields 1", "-ERR wrong number of arguments for 'httl' command"),
        ("hpersist k fields 1", "-ERR wrong number of arguments for 'hpersist' command"),
        ("hset k f v", ":1"),
        ("set text v", "+OK"),
        ("hexpire text -1 fields 1 f", WRONG_TYPE),
        ("httl text foo 1 f", WRONG_TYPE),
        ("hpersist text foo 1 f", WRONG_TYPE),
        ("hexpire k x foo 1 f", INTEGER),
        ("hexpire k -1 foo 1 f", NEGATIVE),
        ("hpexpireat k -1 fields 1 f", NEGATIVE),
        ("hexpire k 70368744178 fields 1 f", "-ERR invalid expire time in 'hexpire' command"),
        ("hexpireat k 70368744178 fields 1 f", "-ERR invalid expire time in 'hexpireat' command"),
        ("hpexpire k 68668744177663 fields 1 f", "*1 :1"),
        ("hpexpire k 68668744177664 fields 1 f", "-ERR invalid expire time in 'hpexpire' command"),
        ("hpexpireat k 70368744177663 fields 1 f", "*1 :1"),
        ("hpexpireat k 70368744177664 fields 1 f", "-ERR invalid expire time in 'hpexpireat' command"),
        ("hpexpire k 9223372036854775807 fields 1 f", "-ERR invalid expire time in 'hpexpire' command"),
        ("hexpire k 1 foo 1 f", FIELDS),
        ("hexpire k 1 nx 1 fields f", FIELDS),
        ("hexpire k 1 nx xx fields 1 f", FIELDS),
        ("hexpire k 1 fields 0 f", TOO_FEW),
        ("hexpire k 1 fields x f", TOO_FEW),
        ("hexpire k 1 fields 2 f", MATCH),
        ("hexpire k 1 fields 1 f g", MATCH),
        ("hexpire k 1 nx fields 1", MATCH),
        ("hexpire none 1 fields 2 f", MATCH),
        ("httl k foo 1 f", FIELDS),
        ("httl k fields 0 f", POSITIVE),
        ("httl k fields 9223372036854775808 f", POSITIVE),
        ("httl k fields 2 f", MATCH),
        ("hpersist k fields -1 f", POSITIVE),
        ("hpersist k fields 1 f g", MATCH),
        ("hexpire none 1 fields 2 f g", "*2 :-2 :-2"),
        ("httl none fields 1 f", "*1 :-2"),
        ("hpersist none fields 1 f", "*1 :-2"),
        ("exists none", ":0"),
    ]);
}

#[test]
fn deadlines_are_set_told_and_removed() {
    check(&[
        ("hset k a 1 b 2 c 3", ":3"),
        ("httl k fields 2 a x", "*2 :-1 :-2"),
        ("object encoding k", "$8 listpack"),
        ("hexpire k 10 fields 2 a x", "*2 :1 :-2"),
        ("hpexpire k 1500 FIELDS 1 b", "*1 :1"),
        ("object encoding k", "$10 listpackex"),
        ("httl k fields 3 a b c", "*3 :10 :2 :-1"),
        ("hpttl k fields 3 a b c", "*3 :10000 :1500 :-1"),
        ("hexpiretime k fields 2 a b", "*2 :1700000010 :1700000002"),
        ("hpexpiretime k fields 2 a b", "*2 :1700000010000 :1700000001500"),
        ("hexpireat k 1700000020 fields 1 c", "*1 :1"),
        ("hpexpireat k 1700000030000 fields 1 c", "*1 :1"),
        ("httl k fields 1 c", "*1 :30"),
        ("hpersist k fields 3 a c x", "*3 :1 :1 :-2"),
        ("hpersist k fields 2 a b", "*2 :-1 :1"),
        ("httl k fields 3 a b c", "*3 :-1 :-1 :-1"),
        ("ttl k", ":-1"),
        ("hmget k a b c", "*3 $1 1 $1 2 $1 3"),
    ]);
}

#[test]
fn conditions() {
    check(&[
        ("hset k a 1 b 2", ":2"),
        ("hexpire k 10 xx fields 1 a", "*1 :0"),
        ("hexpire k 10 gt fields 1 a", "*1 :0"),
        ("hexpire k 10 NX fields 2 a a", "*2 :1 :0"),
        ("hexpire k 10 gt fields 1 a", "*1 :0"),
        ("hexpire k 11 gt fields 2 a b", "*2 :1 :0"),
        ("hexpire k 11 lt fields 1 a", "*1 :0"),
        ("hexpire k 10 lt fields 2 a b", "*2 :1 :1"),
        ("hexpire k 0 nx fields 2 a x", "*2 :0 :-2"),
        ("hexpire k 0 lt fields 3 a a b", "*3 :2 :-2 :2"),
        ("exists k", ":0"),
    ]);
}

#[test]
fn a_past_time_deletes() {
    check(&[
        ("hset k a 1 b 2", ":2"),
        ("hexpireat k 1 fields 2 a x", "*2 :2 :-2"),
        ("object encoding k", "$8 listpack"),
        ("hpexpire k 0 fields 1 b", "*1 :2"),
        ("exists k", ":0"),
        ("@changes", "4"),
    ]);
}

/// A field is hidden from the millisecond after its deadline on.
#[test]
fn what_has_expired_is_hidden() {
    check(&[
        ("hset k a 1 b 22 c 333", ":3"),
        ("hpexpire k 10 fields 2 a b", "*2 :1 :1"),
        ("@later 10", ""),
        ("hget k a", "$1 1"),
        ("hpttl k fields 1 a", "*1 :0"),
        ("@later 1", ""),
        ("hget k a", "$-1"),
        ("hmget k a b c", "*3 $-1 $-1 $3 333"),
        ("hgetall k", "*2 $1 c $3 333"),
        ("hkeys k", "*1 $1 c"),
        ("hvals k", "*1 $3 333"),
        ("hexists k a", ":0"),
        ("hstrlen k b", ":0"),
        ("hlen k", ":3"),
        ("hscan k 0", "*2 $1 0 *2 $1 c $3 333"),
        ("hrandfield k", "$1 c"),
        ("hrandfield k 5", "*1 $1 c"),
        ("hrandfield k -3 withvalues", "*6 $1 c $3 333 $1 c $3 333 $1 c $3 333"),
        ("httl k fields 2 a c", "*2 :-2 :-1"),
        ("hpersist k fields 1 a", "*1 :-2"),
        ("hexpire k 10 fields 1 a", "*1 :-2"),
        ("hdel k a", ":0"),
        ("hlen k", ":2"),
        ("sadd s k", ":1"),
        ("sort s by nosort get *->b get *->c", "*2 $-1 $3 333"),
        ("hdel k c", ":1"),
        ("exists k", ":1"),
        ("hgetall k", "*0"),
        ("hrandfield k", "$-1"),
        ("hrandfield k 2", "*0"),
        ("hrandfield k -2", "*0"),
        ("hdel k b", ":0"),
        ("exists k", ":0"),
    ]);
}

#[test]
fn writes_of_other_commands() {
    check(&[
        ("hset k a 1 b 2 c 3 d 4 e 5", ":5"),
        ("hexpire k 10 fields 5 a b c d e", "*5 :1 :1 :1 :1 :1"),
        ("hset k a 1", ":0"),
        ("hsetnx k b 1", ":0"),
        ("hincrby k c 1", ":4"),
        ("hincrbyfloat k d 1.5", "$3 5.5"),
        ("httl k fields 5 a b c d e", "*5 :-1 :10 :10 :10 :10"),
        ("@later 10001", ""),
        ("hincrby k c 1", ":1"),
        ("hincrbyfloat k d 1.5", "$3 1.5"),
        ("hsetnx k b 9", ":1"),
        ("hset k e 9", ":1"),
        ("httl k fields 5 a b c d e", "*5 :-1 :-1 :-1 :-1 :-1"),
        ("hlen k", ":5"),
    ]);
}

#[test]
fn deadlines_go_where_the_hash_goes() {
    check(&[
        ("hset k a 1 b 2", ":2"),
        ("hexpire k 10 fields 1 a", "*1 :1"),
        ("rename k other", "+OK"),
        ("copy other copy", ":1"),
        ("move other 3", ":1"),
        ("httl copy fields 2 a b", "*2 :10 :-1"),
        ("@db 3", ""),
        ("httl other fields 2 a b", "*2 :10 :-1"),
        ("@later 10001", ""),
        ("hkeys other", "*1 $1 b"),
        ("@db 0", ""),
        ("hkeys copy", "*1 $1 b"),
    ]);
}

#[test]
fn a_digest_tells_which_fields_have_deadlines() {
    let mut desk = Desk::new();
    let mut digest = |line: &str| {
        desk.run(line);
        desk.run("debug digest-value k")
    };
    let plain = digest("hset k a 1 b 2");
    let timed = digest("hexpire k 10 fields 1 a");
    assert_ne!(plain, timed);
    assert_eq!(timed, digest("hexpire k 20 fields 1 a"), "not which");
    assert_eq!(plain, digest("hpersist k fields 1 a"));
}
