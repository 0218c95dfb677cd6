//! The blocking commands of lists and sorted sets: what serves them, when they wait and for what.

use crate::commands::testing::check;

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NEGATIVE: &str = "-ERR timeout is negative";
const NO_FLOAT: &str = "-ERR timeout is not a float or out of range";
const NO_KEYS: &str = "-ERR numkeys should be greater than 0";

#[test]
fn what_is_there_serves_at_once() {
    check(&[
        ("RPUSH l a b c d e f g", ":7"),
        ("ZADD z 1 a 2 b 3 c 4.5 d", ":4"),
        ("@changes", "11"),
        ("BLPOP nosuch l 0", "*2 $1 l $1 a"),
        ("BRPOP l z 0", "*2 $1 l $1 g"),
        ("BLMPOP 0 2 nosuch l LEFT COUNT 2", "*2 $1 l *2 $1 b $1 c"),
        ("BLMOVE l m LEFT RIGHT 0", "$1 d"),
        ("BRPOPLPUSH l m 0", "$1 f"),
        ("LRANGE m 0 -1", "*2 $1 f $1 d"),
        ("BZPOPMIN nosuch z 0", "*3 $1 z $1 a $1 1"),
        ("BZPOPMAX z 0", "*3 $1 z $1 d $3 4.5"),
        ("@changes", "8"),
        ("@resp 3", ""),
        ("BZMPOP 0 1 z MIN", "*2 $1 z *1 *2 $1 b ,2"),
        ("BZPOPMIN z 0", "*3 $1 z $1 c ,3"),
        ("EXISTS z", ":0"),
        ("BLPOP l 0", "*2 $1 l $1 e"),
        ("EXISTS l", ":0"),
    ]);
}

#[test]
fn what_waits_says_what_serves_it() {
    check(&[
        ("BLPOP a b a 1.5", "waits 1500 for a: BLPOP a 0; b: BLPOP b 0"),
        ("brpop a 0", "waits 0 for a: brpop a 0"),
        (
            "BLMPOP 0.1 2 a b RIGHT COUNT 3",
            "waits 100 for a: BLMPOP 0 1 a RIGHT COUNT 3; b: BLMPOP 0 1 b RIGHT COUNT 3",
        ),
        ("BLMOVE a b LEFT RIGHT 2", "waits 2000 for a: BLMOVE a b LEFT RIGHT 0"),
        ("BRPOPLPUSH a b 2", "waits 2000 for a: BRPOPLPUSH a b 0"),
        ("BZPOPMIN a b 1", "waits 1000 for a: BZPOPMIN a 0; b: BZPOPMIN b 0"),
        ("BZPOPMAX a 1", "waits 1000 for a: BZPOPMAX a 0"),
        ("BZMPOP 1 1 a MAX", "waits 1000 for a: BZMPOP 0 1 a MAX COUNT 1"),
        ("EXISTS a b", ":0"),
    ]);
}

#[test]
fn timeouts() {
    check(&[
        ("BLPOP a 0.0001", "waits 1 for a: BLPOP a 0"),
        ("BLPOP a 1.0001", "waits 1001 for a: BLPOP a 0"),
        ("BLPOP a -0.0001", "waits 0 for a: BLPOP a 0"),
        ("BLPOP a 0x10", "waits 16000 for a: BLPOP a 0"),
        ("BLPOP a 9223372036854775.807", "waits 9223372036854775807 for a: BLPOP a 0"),
        ("BLPOP a 9223372036854775.808", NEGATIVE),
        ("BLPOP a 1e400", NEGATIVE),
        ("BLPOP a inf", NEGATIVE),
        ("BLPOP a -inf", NEGATIVE),
        ("BLPOP a -1", NEGATIVE),
        ("BLPOP a nan", NO_FLOAT),
        ("BLPOP a x", NO_FLOAT),
        ("BZPOPMIN a \"1 \"", NO_FLOAT),
    ]);
}

#[test]
fn refusals() {
    check(&[
        ("SET s x", "+OK"),
        ("RPUSH l a", ":1"),
        ("BLPOP s x", NO_FLOAT),
        ("BLPOP a s l 0", WRONG),
        ("BZPOPMAX a s 0", WRONG),
        ("BLMOVE a b LEFT y z", SYNTAX),
        ("BLMOVE a b LEFT RIGHT z", NO_FLOAT),
        ("BLMOVE s b LEFT RIGHT 0", WRONG),
        ("BLMOVE l s LEFT RIGHT 0", WRONG),
        ("BLMOVE a s LEFT RIGHT 0", "waits 0 for a: BLMOVE a s LEFT RIGHT 0"),
        ("BRPOPLPUSH s b 0", WRONG),
        ("BLMPOP x y a LEFT", NO_KEYS),
        ("BLMPOP 0 y a LEFT", NO_KEYS),
        ("BLMPOP -1 1 a LEFT", NEGATIVE),
        ("BLMPOP 0 1 s LEFT", WRONG),
        ("BLMPOP 0 2 a LEFT", SYNTAX),
        ("BLMPOP 0 1 a LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("BZMPOP 0 0 a MIN", NO_KEYS),
        ("BZMPOP 0 1 a LEFT", SYNTAX),
        ("BZMPOP 0 1 s MIN", WRONG),
    ]);
}

#[test]
fn who_waited_waits_for_the_right_type() {
    check(&[
        ("SET s x", "+OK"),
        ("RPUSH l a", ":1"),
        ("@caller waited", ""),
        ("BLPOP s 0", "waits 0 for s: BLPOP s 0"),
        ("BLMPOP 0 1 s LEFT", "waits 0 for s: BLMPOP 0 1 s LEFT COUNT 1"),
        ("BRPOPLPUSH s t 0", "waits 0 for s: BRPOPLPUSH s t 0"),
        ("BRPOPLPUSH l s 0", WRONG),
        ("BZPOPMIN s 0", "waits 0 for s: BZPOPMIN s 0"),
        ("BZMPOP 0 1 l MAX", "waits 0 for l: BZMPOP 0 1 l MAX COUNT 1"),
    ]);
}

#[test]
fn who_cannot_wait_is_answered() {
    for (resp, null, no_array) in [("2", "$-1", "*-1"), ("3", "_", "_")] {
        check(&[
            ("@caller impatient", ""),
            (&format!("@resp {resp}"), ""),
            ("BLPOP a b 0", no_array),
            ("BRPOP a 0", no_array),
            ("BLMPOP 0 1 a LEFT", no_array),
            ("BLMOVE a b LEFT LEFT 0", null),
            ("BRPOPLPUSH a b 0", null),
            ("BZPOPMIN a 0", no_array),
            ("BZPOPMAX a 0", no_array),
            ("BZMPOP 0 1 a MIN", no_array),
        ]);
    }
}

#[test]
fn what_is_promised_to_others_is_not_there() {
    check(&[
        ("RPUSH l a b", ":2"),
        ("RPUSH m c", ":1"),
        ("ZADD z 1 a", ":1"),
        ("@promised l z", ""),
        ("BLPOP l m 0", "*2 $1 m $1 c"),
        ("BLPOP l m 0", "waits 0 for l: BLPOP l 0; m: BLPOP m 0"),
        ("BLMPOP 1 1 l LEFT", "waits 1000 for l: BLMPOP 0 1 l LEFT COUNT 1"),
        ("BLMOVE l m LEFT RIGHT 0", "waits 0 for l: BLMOVE l m LEFT RIGHT 0"),
        ("BZPOPMIN z 0", "waits 0 for z: BZPOPMIN z 0"),
        ("BZPOPMIN l 0", WRONG),
        ("@promised", ""),
        ("BLPOP l 0", "*2 $1 l $1 a"),
    ]);
}
