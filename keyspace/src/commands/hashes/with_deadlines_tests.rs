//! HGETDEL, HGETEX and HSETEX, as Redis's documentation has them.

use crate::commands::testing::check;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const ONE_TO_GET: &str = "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";
const ONE_TO_SET: &str = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";

#[test]
fn errors() {
    check(&[
        ("set text v", "+OK"),
        ("hgetdel k fields 1", "-ERR wrong number of arguments for 'hgetdel' command"),
        ("hgetdel k foo 1 f", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
        ("hgetdel k fields 0 f", "-ERR Number of fields must be a positive integer"),
        ("hgetdel k fields 2 f", "-ERR The `numfields` parameter must match the number of arguments"),
        ("hgetdel text fields 1 f", WRONG_TYPE),
        ("hgetex text fields 1 f", WRONG_TYPE),
        ("hsetex text fields 1 f v", WRONG_TYPE),
        ("hgetex k ex 1 px 1 fields 1 f", ONE_TO_GET),
        ("hgetex k persist ex 1 fields 1 f", ONE_TO_GET),
        ("hgetex k keepttl fields 1 f", "-ERR unknown argument: keepttl"),
        ("hgetex k ex x fields 1 f", "-ERR value is not an integer or out of range"),
        ("hgetex k ex -1 fields 1 f", "-ERR invalid expire time, must be >= 0"),
        ("hgetex k exat 70368744178 fields 1 f", "-ERR invalid expire time in 'hgetex' command"),
        ("hgetex k px 1 fields", "-ERR wrong number of arguments"),
        ("hsetex k fnx keepttl ex 1", ONE_TO_SET),
        ("hgetex k fields 0 f", "-ERR invalid number of fields"),
        ("hgetex k fields 2 f", "-ERR wrong number of arguments"),
        ("hsetex k ex 1 keepttl fields 1 f v", ONE_TO_SET),
        ("hsetex k keepttl keepttl fields 1 f v", ONE_TO_SET),
        ("hsetex k fnx fxx fields 1 f v", "-ERR Only one of FXX or FNX arguments can be specified"),
        ("hsetex k persist fields 1 f v", "-ERR unknown argument: persist"),
        ("hsetex k px 9223372036854775807 fields 1 f v", "-ERR invalid expire time in 'hsetex' command"),
        ("hsetex k fnx fields 1 f", "-ERR wrong number of arguments"),
        ("hsetex k fields 9223372036854775807 f v", "-ERR wrong number of arguments"),
        ("exists k", ":0"),
    ]);
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
