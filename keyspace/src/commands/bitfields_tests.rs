//! Bit fields, row by row as redis-server 7.0.15 answers them.

use crate::commands::testing::check;

const TYPE: &str = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
const OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn operations() {
    check(&[
        ("bitfield k", "*0"),
        ("bitfield k get u8 0", "*1 :0"),
        ("@left k", "missing"),
        ("bitfield k set u8 0 255 get i8 0 incrby u4 #1 2", "*3 :0 :-1 :1"),
        ("@changes", "2"),
        ("@shape k", "Edited"),
        ("strlen k", ":1"),
        ("bitfield k set i64 3 -5 get i64 3 get u63 4", "*3 :-8646911284551352320 :-5 :9223372036854775803"),
        ("strlen k", ":9"),
        ("bitfield k get u8 0 overflow fail set u8 0 256 incrby u8 0 1", "*3 :255 $-1 $-1"),
        ("@resp 3", ""),
        ("bitfield k overflow fail incrby u8 0 1", "*1 _"),
        ("bitfield_ro k get u8 0 get u8 4", "*2 :255 :255"),
        ("bitfield_ro k overflow sat", "*0"),
        ("bitfield_ro none get u8 0", "*1 :0"),
        ("bitfield_ro k set u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
    ]);
}

#[test]
fn overflow() {
    check(&[
        ("bitfield k overflow wrap set u8 0 257 get u8 0", "*2 :0 :1"),
        ("bitfield k overflow sat set u8 0 257 get u8 0", "*2 :1 :255"),
        ("bitfield k overflow sat set u8 0 -1 get u8 0", "*2 :255 :255"),
        ("bitfield k overflow sat incrby u8 0 -1000", "*1 :0"),
        ("bitfield k overflow wrap incrby u8 0 -1", "*1 :255"),
        ("bitfield k overflow sat set i8 0 -1000 get i8 0", "*2 :-1 :-128"),
        ("bitfield k overflow sat incrby i8 0 -1", "*1 :-128"),
        ("bitfield k overflow wrap incrby i8 0 -1", "*1 :127"),
        ("bitfield k overflow sat incrby i8 0 9223372036854775807", "*1 :127"),
        ("bitfield k overflow sat incrby i8 0 -9223372036854775808", "*1 :-128"),
        // So far below that the distance leaves 64 bits: Redis takes it for too large.
        ("bitfield k overflow sat set i8 0 -9223372036854775808 get i8 0", "*2 :-128 :127"),
        ("bitfield k overflow sat set i8 0 -9223372036854775680 get i8 0", "*2 :127 :-128"),
        ("bitfield k set i64 0 9223372036854775807 incrby i64 0 1", "*2 :-9223372036854775808 :-9223372036854775808"),
        ("bitfield k overflow sat incrby i64 0 -1", "*1 :-9223372036854775808"),
    ]);
}

#[test]
fn mistakes_change_nothing() {
    check(&[
        ("bitfield k set u8 0 1 set u8 0 x", "-ERR value is not an integer or out of range"),
        ("bitfield k set u8 0 1 get", SYNTAX),
        ("bitfield k set u8 0 1 foo", SYNTAX),
        ("bitfield k overflow", SYNTAX),
        ("bitfield k overflow foo", "-ERR Invalid OVERFLOW type specified"),
        ("bitfield k get u64 0", TYPE),
        ("bitfield k get i65 0", TYPE),
        ("bitfield k get i0 0", TYPE),
        ("bitfield k get U8 0", TYPE),
        ("bitfield k get \"\" 0", TYPE),
        ("bitfield k get \"i8\\x00x\" 0", "*1 :0"),
        ("bitfield k set u8 -1 x", OFFSET),
        ("bitfield k get u8 4294967296", OFFSET),
        ("bitfield k get u8 #536870912", OFFSET),
        ("bitfield k get u8 #-1", OFFSET),
        ("bitfield k get u8 #", OFFSET),
        ("bitfield k get i16 #1152921504606846976", "*1 :0"),
        ("@left k", "missing"),
        ("@changes", "0"),
        // Only where a field begins is checked: the last one may end behind the longest string.
        ("@limit 1048576", ""),
        ("bitfield k set i64 8388607 -1", "*1 :0"),
        ("strlen k", ":1048584"),
    ]);
}
