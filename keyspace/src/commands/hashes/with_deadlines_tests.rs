//! HGETDEL, HGETEX and HSETEX, as Redis's documentation has them.

use crate::commands::testing::check;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const ONE_TO_SET: &str = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";

const MISPLACED: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const BELOW_ONE: &str = "-ERR Number of fields must be a positive integer";
const MISMATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";
const BAD_COUNT: &str = "-ERR invalid number of fields";
const ARITY: &str = "-ERR wrong number of arguments for 'hsetex' command";
const ONE_CONDITION: &str = "-ERR Only one of FXX or FNX arguments can be specified";
const INTEGER: &str = "-ERR value is not an integer or out of range";
const NEGATIVE: &str = "-ERR invalid expire time, must be >= 0";
const GET_TIME: &str = "-ERR invalid expire time in 'hgetex' command";
const SET_TIME: &str = "-ERR invalid expire time in 'hsetex' command";

/// The checks of HGETDEL and HGETEX: the key comes first.
#[test]
fn errors_of_hgetdel_and_hgetex() {
    check(&[
        ("set text v", "+OK"),
        ("hgetdel k fields 1", "-ERR wrong number of arguments for 'hgetdel' command"),
        ("hgetdel k foo 1 f", MISPLACED),
        ("hgetdel k fields 0 f", BELOW_ONE),
        ("hgetdel k fields x f", BELOW_ONE),
        ("hgetdel k fields 2 f", MISMATCH),
        ("hgetdel k fields 1 f g", MISMATCH),
        ("hgetdel text foo 0 f", WRONG_TYPE),
        ("hgetex k fields 1", "-ERR wrong number of arguments for 'hgetex' command"),
        ("hgetex text ex x foo", WRONG_TYPE),
        ("hgetex k foo 1 f", MISPLACED),
        ("hgetex k pxat 1 1", MISPLACED),
        ("hgetex k persist 1 fields 1 f", MISPLACED),
        ("hgetex k ex 1 px 1 fields 1 f", MISPLACED),
        ("hgetex k persist ex 1 fields 1 f", MISPLACED),
        ("hgetex k keepttl fields 1 f", MISPLACED),
        ("hgetex k px 1 fields", MISPLACED),
        ("hgetex k fields 0 f", BELOW_ONE),
        ("hgetex k ex 1 fields -1 f", BELOW_ONE),
        ("hgetex k fields 9223372036854775808 f", BELOW_ONE),
        ("hgetex k fields 2 f", MISMATCH),
        ("hgetex k persist fields 1 f g", MISMATCH),
        ("hgetex k ex x fields 1 f", INTEGER),
        ("hgetex k exat 9223372036854775808 foo 1 f", INTEGER),
        ("hgetex k ex -1 fields 1 f", NEGATIVE),
        ("hgetex k pxat -1 foo 1 f", NEGATIVE),
        ("hgetex k exat 70368744178 fields 1 f", GET_TIME),
        ("hgetex k ex 70368744178 fields 1 f", GET_TIME),
        ("hgetex k pxat 70368744177664 fields 1 f", GET_TIME),
        ("hgetex k px 9223372036854775807 fields 1 f", GET_TIME),
    ]);
}

/// The checks of HSETEX: the key comes last.
#[test]
fn errors_of_hsetex() {
    check(&[
        ("set text v", "+OK"),
        ("hsetex text fields 1 f v", WRONG_TYPE),
        ("hsetex text foo fields 1 f v", "-ERR unknown argument: foo"),
        ("hsetex k fields 1 f", ARITY),
        ("hsetex k fnx fields 1 f", ARITY),
        ("hsetex k ex 1 keepttl", "-ERR wrong number of arguments for 'hsetex' command"),
        ("hsetex k fields 2 a b", ARITY),
        ("hsetex k fields 2 a b c", ARITY),
        ("hsetex k fields 1 a b fnx", ARITY),
        ("hsetex k fields 1 a b c d", ARITY),
        ("hsetex k fnx ex 1 fields", ARITY),
        ("hsetex k fnx ex 1 fnx", ONE_CONDITION),
        ("hsetex k 1 fields 1 a b", "-ERR unknown argument: 1"),
        ("hsetex k persist fields 1 f v", "-ERR unknown argument: persist"),
        ("hsetex k fxx fxx ex 1 fields 1 a b", ONE_CONDITION),
        ("hsetex k fnx fxx fields 1 f v", ONE_CONDITION),
        ("hsetex k ex 1 px 1 fields 1 f v", ONE_TO_SET),
        ("hsetex k ex 1 ex 1 fields 1 f v", ONE_TO_SET),
        ("hsetex k fnx keepttl ex 1", ONE_TO_SET),
        ("hsetex k ex 1 keepttl fields 1 f v", ONE_TO_SET),
        ("hsetex k keepttl keepttl fields 1 f v", ONE_TO_SET),
        ("hsetex k ex fields 1 a b", INTEGER),
        ("hsetex k exat x 1 a b", INTEGER),
        ("hsetex k exat -1 1 a b", NEGATIVE),
        ("hsetex k pxat 281474976710656 1 a b", SET_TIME),
        ("hsetex k px 9223372036854775807 fields 1 f v", SET_TIME),
        ("hsetex k fields x a b", BAD_COUNT),
        ("hsetex k fields 0 a b", BAD_COUNT),
        ("hsetex k fields -1 a b", BAD_COUNT),
        ("hsetex k fields 2147483648 a b", BAD_COUNT),
        ("hsetex k fields 9223372036854775808 a b", BAD_COUNT),
        ("hsetex k fields 2147483647 a b", ARITY),
        ("exists k", ":0"),
    ]);
}

/// Named fields whose deadline has passed go with the command that names them, and the hash with its last one.
#[test]
fn what_has_expired_is_removed_by_name() {
    for command in ["hgetex h fields 2 a b", "hgetex h persist fields 2 a b", "hgetdel h fields 2 a b"] {
        check(&[
            ("hsetex h px 5 fields 2 a 1 b 2", ":1"),
            ("@later 6", ""),
            ("exists h", ":1"),
            (command, "*2 $-1 $-1"),
            ("exists h", ":0"),
            ("hsetex h fields 3 a 10 b 20 c 30", ":1"),
            ("hpexpire h 5 fields 1 b", "*1 :1"),
            ("@later 6", ""),
            ("hlen h", ":3"),
            (command, "*2 $2 10 $-1"),
            ("hexists h b", ":0"),
            ("hlen h", if command.starts_with("hgetdel") { ":1" } else { ":2" }),
        ]);
    }
    check(&[
        ("hsetex h px 5 fields 1 a 1", ":1"),
        ("@later 6", ""),
        ("hsetex h fxx fields 1 a 2", ":0"),
        ("exists h", ":0"),
        ("hsetex h px 5 fields 2 a 1 b 2", ":1"),
        ("hset h c 3", ":1"),
        ("@later 6", ""),
        ("hsetex h fnx fields 2 a 1 c 3", ":0"),
        ("hlen h", ":2"),
        ("hsetex h fnx keepttl fields 1 b 5", ":1"),
        ("httl h fields 2 b c", "*2 :-1 :-1"),
    ]);
    let mut desk = crate::commands::testing::Desk::new();
    desk.run("hsetex h px 5 fields 2 a 1 b 2");
    desk.run("@later 6");
    desk.run("hgetdel h fields 3 a b c");
    assert_eq!(desk.keyspace.stats.expired_fields, 2);
    assert_eq!(desk.run("@changes"), "2", "what has expired is no change");
}

#[test]
fn getting() {
    check(&[
        ("hgetdel k fields 2 a b", "*2 $-1 $-1"),
        ("hgetex k ex 10 fields 2 a b", "*2 $-1 $-1"),
        ("exists k", ":0"),
        ("hset k a 1 b 2 c 3", ":3"),
        ("hgetdel k fields 3 a a x", "*3 $1 1 $-1 $-1"),
        ("hgetex k fields 2 a b", "*2 $-1 $1 2"),
        ("object encoding k", "$8 listpack"),
        ("hgetex k EX 10 fields 2 b x", "*2 $1 2 $-1"),
        ("httl k fields 2 b c", "*2 :10 :-1"),
        ("hgetex k fields 1 b", "*1 $1 2"),
        ("httl k fields 1 b", "*1 :10"),
        ("hgetex k pxat 1700000020000 fields 1 b", "*1 $1 2"),
        ("httl k fields 1 b", "*1 :20"),
        ("hgetex k persist fields 1 b", "*1 $1 2"),
        ("httl k fields 1 b", "*1 :-1"),
        ("hgetex k px 5 fields 1 b", "*1 $1 2"),
        ("@later 6", ""),
        ("hgetex k persist fields 1 b", "*1 $-1"),
        ("hgetdel k fields 1 b", "*1 $-1"),
        ("hgetex k exat 1 fields 1 c", "*1 $1 3"),
        ("hexists k c", ":0"),
    ]);
}

#[test]
fn setting() {
    check(&[
        ("hsetex k fxx fields 1 a 1", ":0"),
        ("exists k", ":0"),
        ("hsetex k exat 1 fields 1 a 1", ":1"),
        ("exists k", ":0"),
        ("hsetex k fnx ex 10 fields 2 a 1 b 2", ":1"),
        ("hsetex k fnx fields 2 b 3 c 3", ":0"),
        ("hsetex k fxx fields 2 b 3 c 3", ":0"),
        ("hgetall k", "*4 $1 a $1 1 $1 b $1 2"),
        ("hsetex k keepttl fxx fields 1 a 5", ":1"),
        ("httl k fields 2 a b", "*2 :10 :10"),
        ("hsetex k fields 1 a 6", ":1"),
        ("httl k fields 2 a b", "*2 :-1 :10"),
        ("@later 10001", ""),
        ("hsetex k fxx fields 1 b 9", ":0"),
        ("hsetex k fnx keepttl fields 1 b 9", ":1"),
        ("httl k fields 1 b", "*1 :-1"),
        ("hsetex k px 0 fields 1 a 1", ":1"),
        ("hgetall k", "*2 $1 b $1 9"),
        ("hsetex k pxat 1 fields 1 b 1", ":1"),
        ("exists k", ":0"),
    ]);
}
