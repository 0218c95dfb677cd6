//! DUMP and RESTORE: replies of redis-server 7.0.15.

use evict::access::AccessBits;

use crate::commands::testing::{Desk, check};

const CHECKSUM: &str = "-ERR DUMP payload version or checksum are wrong";
const BUSY: &str = "-BUSYKEY Target key name already exists.";
const SYNTAX: &str = "-ERR syntax error";
const INTEGER: &str = "-ERR value is not an integer or out of range";
const FORMAT: &str = "-ERR Bad data format";
const IDLE: &str = "-ERR Invalid IDLETIME value, must be >= 0";
const FREQ: &str = "-ERR Invalid FREQ value, must be >= 0 and <= 255";

/// `DUMP` of "a".
const A: &str = r#""\x00\x01a\n\x00\xbf\xfe\xef\x9b\x8f6}\xb4""#;

#[test]
fn dump() {
    check(&[
        ("set s a", "+OK"),
        ("dump nokey", "$-1"),
        ("dump s x", "-ERR wrong number of arguments for 'dump' command"),
        ("@changes", "1"),
    ]);
    let mut desk = Desk::new();
    desk.run("set s a");
    assert_eq!(desk.command(&["dump", "s"]), b"$13\r\n\x00\x01a\n\x00\xbf\xfe\xef\x9b\x8f6}\xb4\r\n");
    assert_eq!(desk.run("@hits"), "1 0");
}

#[test]
fn order_of_checks() {
    let restore = |rest: &str| format!("restore {rest}");
    let rows = [
        (restore("k 0 x"), CHECKSUM),
        (restore("k x x"), INTEGER),
        (restore("k -1 x"), "-ERR Invalid TTL value, must be >= 0"),
        (restore("s x x"), BUSY),
        (restore("s -1 x"), BUSY),
        (restore("s 0 x bogus"), SYNTAX),
        (restore("s x x replace"), INTEGER),
        (restore(&format!("s 0 {A}")), BUSY),
        (restore("k 0 \"\""), CHECKSUM),
        (restore(&format!("k 0 {A} idletime")), SYNTAX),
        (restore(&format!("k 0 {A} idletime x")), INTEGER),
        (restore(&format!("k 0 {A} idletime -1")), IDLE),
        (restore(&format!("k 0 {A} freq")), SYNTAX),
        (restore(&format!("k 0 {A} freq 256")), FREQ),
        (restore(&format!("k 0 {A} freq -1")), FREQ),
        (restore(&format!("k 0 {A} freq x")), INTEGER),
        (restore(&format!("k 0 {A} idletime 1 freq 1")), SYNTAX),
        (restore(&format!("k 0 {A} freq 1 idletime 1")), SYNTAX),
        (restore(&format!("k 0 {A} idletime 9223372036854775808")), INTEGER),
    ];
    let mut desk = Desk::new();
    desk.run("set s before");
    for (line, reply) in rows {
        assert_eq!(desk.run(&line), reply, "{line}");
    }
    assert_eq!(desk.run("get s"), "$6 before");
    assert_eq!(desk.run("exists k"), ":0");
}

#[test]
fn values_that_are_refused() {
    // A string that is cut short, nothing, a type alone, a type that is not known, one of a module, and of hash fields' deadlines.
    for body in [&b"\x06abc"[..], b"", b"\x00", b"\xff", b"\x07\x01", b"\x18\x01", b"\x00\x01abc"] {
        let mut payload = body.to_vec();
        crate::rdb::payload::seal(&mut payload, 12);
        let mut desk = Desk::new();
        let reply = desk.command(&[b"restore", &b"k"[..], b"0", &payload]);
        assert_eq!(reply.trim_ascii_end(), FORMAT.as_bytes(), "{body:?}");
    }
}

#[test]
fn restore_and_its_options() {
    let line = |rest: &str| format!("restore k {}", rest.replace('A', A));
    let rows: Vec<(String, &str)> = [
        ("0 A", "+OK"),
        ("0 A replace Replace", "+OK"),
        ("5000 A replace", "+OK"),
        ("1700000009000 A replace absttl", "+OK"),
        ("9223372036854775807 A replace absttl", "+OK"),
        ("0 A replace absttl", "+OK"),
        ("1 A replace absttl", "+OK"),
        ("1 A absttl", "+OK"),
        ("0 A idletime 5 idletime 6", "+OK"),
        ("9223372036854775807 A replace", "+OK"),
        ("0 A freq 1 freq 255", "+OK"),
    ]
    .map(|(rest, reply)| (line(rest), reply))
    .into();
    let after = [
        "@left k: never",
        "@left k: never",
        "@left k: 5000",
        "@left k: 9000",
        "pexpiretime k: :9223372036854775807",
        "@left k: never",
        "exists k: :0",
        "exists k: :0",
        "object idletime k: :6",
        "exists k: :0",
        "get k: $1 a",
    ];
    let mut desk = Desk::new();
    for ((line, reply), after) in rows.iter().zip(after) {
        assert_eq!(desk.run(line), *reply, "{line}");
        let (question, answer) = after.split_once(": ").expect("a row has a question and its answer");
        assert_eq!(desk.run(question), answer, "{line}");
    }
    // Each of them changed the key, but the one that came too late for none.
    assert_eq!(desk.run("@changes"), "10");
}

#[test]
fn what_a_restored_key_has_of_uses_is_what_the_policy_reads() {
    let rows = [
        ("allkeys-lru", "idletime 7", "idletime", ":7"),
        ("allkeys-lru", "freq 7", "idletime", ":0"),
        ("volatile-lfu", "freq 0", "freq", ":0"),
        ("volatile-lfu", "freq 255", "freq", ":255"),
        ("volatile-lfu", "idletime 7", "freq", ":5"),
        ("volatile-lfu", "", "freq", ":5"),
        ("allkeys-s3fifo", "idletime 64", "idletime", ":64"),
        ("allkeys-s3fifo", "idletime 9223372036854775807", "exists", ""),
    ];
    for (policy, option, told, expected) in rows {
        let mut desk = Desk::new();
        desk.run(&format!("@policy {policy}"));
        desk.access = AccessBits::lru(desk.now);
        assert_eq!(desk.run(&format!("restore k 0 {A} {option}")), "+OK", "{policy}, {option}");
        if told != "exists" {
            assert_eq!(desk.run(&format!("object {told} k")), expected, "{policy}, {option}");
        }
    }
}

#[test]
fn restored_string_is_a_string() {
    let mut desk = Desk::new();
    for text in ["", "a", "12", "-129", "70000", "3000000000", "007", &"ab".repeat(5000)] {
        desk.command(&["set", "s", text]);
        let reply = desk.command(&["dump", "s"]);
        let start = reply.iter().position(|&byte| byte == b'\n').expect("a bulk string has a head") + 1;
        let payload = &reply[start..reply.len() - 2];
        desk.command(&[b"restore", &b"t"[..], b"0", payload, b"replace"]);
        assert_eq!(desk.command(&["get", "t"]), desk.command(&["get", "s"]));
        assert_eq!(desk.run("object encoding t"), desk.run("object encoding s"));
    }
}

/// Counts of streams wrap around, and what wrapped is as good in a payload as any.
#[test]
fn counts_of_a_stream_have_all_64_bits() {
    let mut desk = Desk::new();
    for (line, expected) in [
        ("xadd s 1-1 a b", "$3 1-1"),
        ("xadd s 1-2 a b", "$3 1-2"),
        ("xsetid s 1-2 entriesadded 9223372036854775807", "+OK"),
        ("xadd s 1-3 a b", "$3 1-3"),
        ("xgroup create s g 0 entriesread 9223372036854775807", "+OK"),
        ("xreadgroup group g c count 1 noack streams s >", "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 b"),
    ] {
        assert_eq!(desk.run(line), expected, "{line}");
    }
    let payload = desk.command(&["dump", "s"]);
    let start = payload.iter().position(|&byte| byte == b'\n').expect("a bulk string has a head") + 1;
    let payload = &payload[start..payload.len() - 2];
    assert_eq!(desk.command(&[&b"restore"[..], b"t", b"0", payload]), b"+OK\r\n");
    assert_eq!(desk.run("xinfo groups t"), desk.run("xinfo groups s"));
}

/// The payload of a key, as a client gets it.
fn payload(desk: &mut Desk, key: &str) -> Vec<u8> {
    let reply = desk.command(&["dump", key]);
    let start = reply.iter().position(|&byte| byte == b'\n').expect("a bulk string has a head") + 1;
    reply[start..reply.len() - 2].to_vec()
}

#[test]
fn deadlines_of_fields_come_back() {
    let mut desk = Desk::new();
    for line in ["hset h a 1 b 2 c 3", "hexpireat h 2524600800 fields 1 a", "hexpireat h 2524600801 fields 1 b"] {
        desk.run(line);
    }
    let large: String = (0..600).map(|n| format!(" {n} v")).collect();
    desk.run(&format!("hset large{large}"));
    desk.run("hexpire large 100 fields 2 7 8");
    for key in ["h", "large"] {
        let payload = payload(&mut desk, key);
        assert_eq!(payload[0], if key == "h" { 25 } else { 24 });
        assert_eq!(desk.command(&[&b"restore"[..], b"copy", b"0", &payload, b"replace"]), b"+OK\r\n");
        let names = if key == "h" { "a b c" } else { "7 8 9" };
        assert_eq!(
            desk.run(&format!("hpexpiretime copy fields 3 {names}")),
            desk.run(&format!("hpexpiretime {key} fields 3 {names}"))
        );
        assert_eq!(desk.run("hlen copy"), desk.run(&format!("hlen {key}")));
        assert_eq!(desk.run("debug digest-value copy"), desk.run(&format!("debug digest-value {key}")));
    }
    // What was a hash with deadlines is one without again.
    desk.run("hpersist h fields 2 a b");
    assert_eq!(payload(&mut desk, "h")[0], 4);
}

#[test]
fn fields_that_have_expired_are_not_restored() {
    let mut desk = Desk::new();
    desk.run("hset h a 1 b 2 c 3");
    desk.run("hpexpire h 10 fields 2 a b");
    desk.run("hset gone a 1");
    desk.run("hpexpire gone 10 fields 1 a");
    let (some, gone) = (payload(&mut desk, "h"), payload(&mut desk, "gone"));
    desk.run("@later 11");
    assert_eq!(desk.command(&[&b"restore"[..], b"t", b"0", &some]), b"+OK\r\n");
    assert_eq!(desk.run("hgetall t"), "*2 $1 c $1 3");
    assert_eq!((desk.run("hlen t"), desk.run("object encoding t")), (":1".into(), "$8 listpack".into()));
    // Nothing is left: as if the key had expired.
    assert_eq!(desk.command(&[&b"restore"[..], b"t", b"0", &gone]), b"-BUSYKEY Target key name already exists.\r\n");
    assert_eq!(desk.command(&[&b"restore"[..], b"t", b"0", &gone, b"replace"]), b"+OK\r\n");
    assert_eq!(desk.run("exists t"), ":0");
}
