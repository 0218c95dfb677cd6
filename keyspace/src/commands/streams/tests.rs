//! Streams: what depends on the clock, on counters and on memory; the rest is compared with redis-server.

use crate::commands::testing::{Desk, START, check};

#[test]
fn generated_ids_follow_the_clock() {
    let (now, later) = (START.0, START.0 + 5);
    let mut desk = Desk::new();
    assert_eq!(desk.run("XADD s * a 1"), format!("$15 {now}-0"));
    assert_eq!(desk.run("XADD s * a 1"), format!("$15 {now}-1"));
    assert_eq!(desk.run(&format!("XADD s {now}-* a 1")), format!("$15 {now}-2"));
    desk.run("@later 5");
    assert_eq!(desk.run("XADD s * a 1"), format!("$15 {later}-0"));
    assert_eq!(desk.run("XADD s 99999999999999-5 a 1"), "$16 99999999999999-5");
    assert_eq!(desk.run("XADD s * a 1"), "$16 99999999999999-6");
    assert_eq!(desk.run("@changes"), "6");
}

#[test]
fn times_and_changes() {
    check(&[
        ("XADD s 1-1 a 1", "$3 1-1"),
        ("XADD s 2-1 a 2", "$3 2-1"),
        ("XGROUP CREATE s g 0", "+OK"),
        ("@changes", "3"),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1"),
        ("@changes", "1"),
        ("@later 100", ""),
        ("XPENDING s g - + 10", "*1 *4 $3 1-1 $1 c :100 :1"),
        ("XPENDING s g IDLE 101 - + 10", "*0"),
        ("XPENDING s g IDLE 100 - + 10 c", "*1 *4 $3 1-1 $1 c :100 :1"),
        ("XINFO CONSUMERS s g", "*1 *6 $4 name $1 c $7 pending :1 $4 idle :100"),
        ("XCLAIM s g d 101 1-1", "*0"),
        ("XAUTOCLAIM s g d 101 -", "*3 $3 0-0 *0 *0"),
        ("XINFO CONSUMERS s g", "*1 *6 $4 name $1 c $7 pending :1 $4 idle :100"),
        ("XCLAIM s g d 100 1-1 IDLE 40", "*1 *2 $3 1-1 *2 $1 a $1 1"),
        ("XPENDING s g - + 10", "*1 *4 $3 1-1 $1 d :40 :2"),
        ("XAUTOCLAIM s g c 40 - COUNT 1", "*3 $3 0-0 *1 *2 $3 1-1 *2 $1 a $1 1 *0"),
        ("XPENDING s g - + 10", "*1 *4 $3 1-1 $1 c :0 :3"),
        ("@later 7", ""),
        ("XREADGROUP GROUP g c STREAMS s 0", "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1"),
        ("XPENDING s g - + 10", "*1 *4 $3 1-1 $1 c :0 :4"),
        ("@changes", "3"),
        ("XACK s g 1-1 2-1", ":1"),
        ("XDEL s 1-1 2-1 3-1", ":2"),
        ("XGROUP DESTROY s g", ":1"),
        ("@changes", "4"),
        ("XLEN s", ":0"),
    ]);
}

/// What is kept for a client that waits for several streams has its names once for each.
#[test]
fn long_names_cannot_wait_for_many_streams() {
    let mut desk = Desk::new();
    for key in ["s", "t"] {
        desk.run(&format!("XGROUP CREATE {key} g $ MKSTREAM"));
    }
    let consumer = vec![b'c'; 40 << 20];
    let words = |keys: &[&'static str]| {
        let head = [&b"XREADGROUP"[..], b"GROUP", b"g", &consumer, b"BLOCK", b"0", b"STREAMS"];
        let ids = keys.iter().map(|_| &b">"[..]);
        head.into_iter().chain(keys.iter().map(|key| key.as_bytes())).chain(ids).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert!(desk.command(&words(&["s"])).is_empty());
    assert!(desk.keyspace.signals.wait.take().is_some());
    assert!(desk.command(&words(&["s", "t"])).starts_with(b"-ERR the names of group and consumer are too long"));
    assert!(desk.keyspace.signals.wait.is_none());
}

#[test]
fn waiting() {
    const LOST: &str = "-UNBLOCKED the stream key no longer exists";
    check(&[
        ("XADD s 1-1 a 1", "$3 1-1"),
        ("XREAD BLOCK 0 STREAMS s 0", "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1"),
        ("XREAD BLOCK 0 STREAMS s $", "waits 0 for s: XREAD BLOCK 0 STREAMS s 1-1"),
        (
            "xread COUNT 2 BLOCK 10 STREAMS nosuch s s $ 7 8",
            "waits 10 for nosuch: xread COUNT 2 BLOCK 0 STREAMS nosuch 0-0; s: xread COUNT 2 BLOCK 0 STREAMS s 7-0",
        ),
        ("XREAD BLOCK -1 STREAMS s $", "-ERR timeout is negative"),
        ("XREAD BLOCK 1.5 STREAMS s $", "-ERR timeout is not an integer or out of range"),
        ("XREAD STREAMS s $", "*-1"),
        ("XGROUP CREATE s g $", "+OK"),
        (
            "XREADGROUP GROUP g c BLOCK 10 STREAMS s >",
            "waits 10 for s: XREADGROUP GROUP g c BLOCK 0 STREAMS s > and minds loss",
        ),
        (
            "XREADGROUP GROUP g c BLOCK 10 NOACK COUNT 3 STREAMS s >",
            "waits 10 for s: XREADGROUP GROUP g c NOACK COUNT 3 BLOCK 0 STREAMS s > and minds loss",
        ),
        ("XREADGROUP GROUP g c BLOCK 10 STREAMS s 0", "*1 *2 $1 s *0"),
        ("SET text x", "+OK"),
        ("XREAD BLOCK 0 STREAMS text 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("@caller waited", ""),
        ("@hits", "17 2"),
        ("XREAD BLOCK 0 STREAMS text 0", "waits 0 for text: XREAD BLOCK 0 STREAMS text 0-0"),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS text >", LOST),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS nosuch >", LOST),
        (
            "XREADGROUP GROUP h c BLOCK 0 STREAMS s >",
            "-NOGROUP the consumer group this client was blocked on no longer exists",
        ),
        ("@hits", "0 0"),
        ("@caller impatient", ""),
        ("XREAD BLOCK 0 STREAMS s $", "*-1"),
        ("XREADGROUP GROUP g c BLOCK 10 STREAMS s >", "*-1"),
        ("@resp 3", ""),
        ("XREAD BLOCK 0 STREAMS s $", "_"),
        ("XREADGROUP GROUP g c STREAMS s >", "_"),
        ("XREAD STREAMS s s 0 0", "%2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1 $1 s *1 *2 $3 1-1 *2 $1 a $1 1"),
    ]);
}

#[test]
fn keys_are_found_where_the_command_reads_them() {
    let shown = |keys: &mut dyn Iterator<Item = &[u8]>| {
        keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>().join(" ")
    };
    let both = |line: &str| {
        let owned: crate::args::OwnedArgs = line.split(' ').collect();
        let row = crate::commands::rows()
            .find(|row| line.starts_with(&format!("{} ", row.spec.name)))
            .expect("the line begins with a command of this crate");
        let (mut keys, mut routed) = (row.spec.keys_of(owned.args()), row.spec.routed_by(owned.args()));
        (shown(&mut keys), shown(&mut routed))
    };
    let find = |line: &str| both(line).0;
    let found = |keys: &str, routed: &str| (keys.to_owned(), routed.to_owned());
    assert_eq!(both("xread count x streams a b 0 0"), found("a b", "a b"));
    assert_eq!(both("xread streams a b 0"), found("a", ""));
    assert_eq!(both("xread foo 1 streams a 0"), found("a", ""));
    assert_eq!(both("xreadgroup group g c streams a b >"), found("a", ""));
    assert_eq!(both("zunionstore a 1 b"), found("a b", "a b"));
    assert_eq!(both("zunionstore a 0 b"), found("", ""));
    assert_eq!(both("zunionstore a 2 b"), found("", ""));
    assert_eq!(find("xread count 1 streams a b 0 0"), "a b");
    assert_eq!(find("xreadgroup group streams streams streams a 0"), "a");
    assert_eq!(find("xreadgroup group g streams noack streams a b 0 0"), "a b");
    assert_eq!(find("xreadgroup count 1 group x streams streams a >"), "a");
    assert_eq!(find("xread foo streams a 0"), "a");
    assert_eq!(find("xread foo a 0"), "");
    assert_eq!(find("xread streams"), "");
}

/// Whatever drops much of a stream, it is freed in pieces, and memory is told truly.
#[test]
fn large_streams_go_in_pieces() {
    // With how many objects count as freed lazily: parts of a stream that stays are none.
    let rows = [
        ("DEL s", 0),
        ("UNLINK s", 1),
        ("SET s v", 0),
        ("XTRIM s MAXLEN 0", 0),
        ("XADD s MAXLEN 1 99999-1 a 1", 0),
        ("XGROUP DESTROY s g", 0),
        ("XGROUP DELCONSUMER s g c", 0),
    ];
    for (line, counted) in rows {
        let mut desk = Desk::new();
        desk.keyspace.limits.stream_node_entries = 1;
        desk.run("XGROUP CREATE s g 0 MKSTREAM");
        (1..=20_000).for_each(|n| drop(desk.run(&format!("XADD s {n}-1 a 1"))));
        desk.run("XREADGROUP GROUP g c STREAMS s >");
        let before = desk.keyspace.heap_bytes();
        desk.run(line);
        let gone = before - desk.keyspace.heap_bytes();
        assert!(gone > 20_000 * 16, "{line}: the key does not hold it");
        let mut left = desk.keyspace.dropped_bytes();
        assert!(desk.keyspace.dropped() > 0 && left > gone / 2, "{line}: {left} of {gone} bytes");
        assert_eq!(desk.keyspace.dropped_keys(), counted, "{line}");
        let mut pieces = 0;
        while desk.keyspace.free_dropped() {
            pieces += 1;
            assert!(desk.keyspace.dropped_bytes() <= left, "{line}");
            left = desk.keyspace.dropped_bytes();
        }
        assert!(pieces > 5 && (desk.keyspace.dropped(), left) == (0, 0), "{line}: {pieces} pieces");
        assert_eq!(desk.keyspace.stats.lazyfreed_objects, counted, "{line}");
        desk.run("FLUSHALL");
        while desk.keyspace.free_dropped() {}
        let db = desk.db(0);
        assert_eq!(desk.keyspace.heap_bytes(), desk.keyspace.table_bytes(db), "{line}");
    }
}
