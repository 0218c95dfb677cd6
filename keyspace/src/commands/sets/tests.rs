//! Sets in all forms: replies, refusals, random choices and the limits between the forms.

use std::collections::BTreeSet;

use crate::commands::testing::{Desk, check};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// The members of a reply.
fn members(reply: &str) -> BTreeSet<String> {
    reply.split(' ').skip(1).skip(1).step_by(2).map(str::to_string).collect()
}

fn words(start: usize, end: usize, prefix: &str) -> Vec<Vec<u8>> {
    let members = (start..end).map(|n| format!("{prefix}{n}").into_bytes());
    [b"SADD".to_vec(), b"s".to_vec()].into_iter().chain(members).collect()
}

#[test]
fn adding_reading_and_removing() {
    check(&[
        ("SADD s a b a 1", ":3"),
        ("@changes", "3"),
        ("SADD s a", ":0"),
        ("@changes", "0"),
        ("SISMEMBER s a", ":1"),
        ("SISMEMBER s c", ":0"),
        ("SISMEMBER nosuch a", ":0"),
        ("@hits", "2 1"),
        ("SMISMEMBER s 1 2 a", "*3 :1 :0 :1"),
        ("SMISMEMBER nosuch 1", "*1 :0"),
        ("SCARD s", ":3"),
        ("SMEMBERS s", "*3 $1 a $1 b $1 1"),
        ("SADD i 3 1 2", ":3"),
        ("SMEMBERS i", "*3 $1 1 $1 2 $1 3"),
        ("TYPE i", "+set"),
        ("@resp 3", ""),
        ("SMEMBERS i", "~3 $1 1 $1 2 $1 3"),
        ("SMEMBERS nosuch", "~0"),
        ("@resp 2", ""),
        ("SREM s a nosuch a b", ":2"),
        ("@changes", "5"),
        ("SREM nosuch a", ":0"),
        ("SREM s 1 2", ":1"),
        ("EXISTS s", ":0"),
        ("SREM i 2 01", ":1"),
        ("OBJECT ENCODING i", "$6 intset"),
    ]);
}

#[test]
fn forms_change_at_the_limits() {
    let mut desk = Desk::new();
    let encoding = |desk: &mut Desk, lines: &[&str]| {
        lines.iter().for_each(|line| drop(desk.run(line)));
        desk.run("OBJECT ENCODING s")
    };
    let long = "x".repeat(65);
    assert_eq!(encoding(&mut desk, &["SADD s 1"]), "$6 intset");
    assert_eq!(encoding(&mut desk, &[&format!("SADD s {}", &long[1..])]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &[&format!("SADD s {long}")]), "$9 hashtable");
    assert_eq!(encoding(&mut desk, &["DEL s", &format!("SADD s 1 {long}")]), "$9 hashtable");
    assert_eq!(encoding(&mut desk, &["DEL s", "SADD s a"]), "$8 listpack");
    desk.run("DEL s");
    desk.command(&words(0, 512, ""));
    assert_eq!(encoding(&mut desk, &["SADD s 5"]), "$6 intset");
    assert_eq!(encoding(&mut desk, &["SADD s 512"]), "$9 hashtable");
    assert_eq!(desk.run("SCARD s"), ":513");
    desk.run("DEL s");
    desk.command(&words(0, 128, "m"));
    assert_eq!(encoding(&mut desk, &["SADD s m5"]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &["SADD s 1"]), "$9 hashtable");
    // More members than a small set has make it large at once, whether they differ or not.
    desk.run("DEL s");
    let many = words(0, 513, "").into_iter().map(|_| b"7".to_vec()).skip(1);
    desk.command(&[b"SADD".to_vec()].into_iter().chain([b"s".to_vec()]).chain(many).collect::<Vec<_>>());
    assert_eq!(encoding(&mut desk, &["SCARD s"]), "$9 hashtable");
    // Between the two limits the form follows the first member.
    desk.run("DEL s");
    desk.keyspace.limits.intset_entries = 2;
    assert_eq!(encoding(&mut desk, &["SADD s 1 2 3"]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &["DEL s", "SADD s 1 2", "SADD s 3"]), "$9 hashtable");
}

#[test]
fn moving() {
    check(&[
        ("SADD a 1 x", ":2"),
        ("SET s v", "+OK"),
        ("@changes", "3"),
        ("SMOVE a b x", ":1"),
        ("@changes", "2"),
        ("SMOVE a b x", ":0"),
        ("SMOVE nosuch s x", ":0"),
        ("SMOVE a s 1", WRONG),
        ("SMOVE s a 1", WRONG),
        ("SMOVE a a 1", ":1"),
        ("SMOVE a a 2", ":0"),
        ("@changes", "0"),
        ("SADD b 1", ":1"),
        ("SMOVE a b 1", ":1"),
        ("@changes", "2"),
        ("EXISTS a", ":0"),
        ("SMEMBERS b", "*2 $1 x $1 1"),
        ("SADD a 5", ":1"),
        ("PEXPIRE b 10", ":1"),
        ("@later 11", ""),
        ("SMOVE a b 5", ":1"),
        ("SMEMBERS b", "*1 $1 5"),
        ("@left b", "never"),
    ]);
}

#[test]
fn algebra() {
    check(&[
        ("SADD a 1 2 3 x y", ":5"),
        ("SADD b 2 3 4", ":3"),
        ("SADD c 3 x", ":2"),
        ("SINTER a b", "*2 $1 2 $1 3"),
        ("SINTER a b c", "*1 $1 3"),
        ("SINTER a nosuch", "*0"),
        ("SINTERCARD 2 a b LIMIT 1", ":1"),
        ("SINTERCARD 2 a b LIMIT 0", ":2"),
        ("SINTERCARD 2 a nosuch", ":0"),
        ("SUNION a b nosuch", "*6 $1 1 $1 2 $1 3 $1 x $1 y $1 4"),
        ("SUNION nosuch", "*0"),
        ("SDIFF a b", "*3 $1 1 $1 x $1 y"),
        ("SDIFF c a b", "*0"),
        ("SDIFF nosuch a", "*0"),
        ("@changes", "10"),
        ("SINTERSTORE d a b", ":2"),
        ("OBJECT ENCODING d", "$6 intset"),
        ("SUNIONSTORE d a b", ":6"),
        ("SDIFFSTORE d a c", ":3"),
        ("@changes", "3"),
        ("SMEMBERS d", "*3 $1 1 $1 2 $1 y"),
        ("SDIFFSTORE d a a", ":0"),
        ("@changes", "1"),
        ("EXISTS d", ":0"),
        ("SDIFFSTORE d nosuch a", ":0"),
        ("@changes", "0"),
        ("SINTERSTORE a a b", ":2"),
        ("SMEMBERS a", "*2 $1 2 $1 3"),
        ("@resp 3", ""),
        ("SINTER a b", "~2 $1 2 $1 3"),
        ("SUNION nosuch", "~0"),
        ("SDIFF nosuch a", "~0"),
    ]);
}

/// All operations on all pairs and triples of forms give what a model gives.
#[test]
fn algebra_in_all_forms() {
    let mut desk = Desk::new();
    desk.keyspace.limits.intset_entries = 40;
    desk.keyspace.limits.set.entries = 40;
    let sets: [BTreeSet<String>; 6] = [
        (0..30).map(|n| n.to_string()).collect(),
        (20..30).map(|n| n.to_string()).chain((0..10).map(|n| format!("m{n}"))).collect(),
        (0..90).map(|n| n.to_string()).collect(),
        (0..30).map(|n| (n * 3).to_string()).chain((0..60).map(|n| format!("m{n}"))).collect(),
        BTreeSet::new(),
        (25..30).map(|n| n.to_string()).collect(),
    ];
    for (number, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
        let key = ["SADD".to_string(), format!("k{number}")];
        desk.command(&key.into_iter().chain(set.iter().cloned()).collect::<Vec<_>>());
    }
    for numbers in (0..216).map(|n| [n % 6, n / 6 % 6, n / 36]) {
        let keys = numbers.map(|n| format!("k{n}")).join(" ");
        let [a, b, c] = numbers.map(|n| &sets[n]);
        let inter: BTreeSet<String> = a.iter().filter(|m| b.contains(*m) && c.contains(*m)).cloned().collect();
        let union: BTreeSet<String> = a.iter().chain(b).chain(c).cloned().collect();
        let diff: BTreeSet<String> = a.iter().filter(|m| !b.contains(*m) && !c.contains(*m)).cloned().collect();
        for (name, expected) in [("SINTER", &inter), ("SUNION", &union), ("SDIFF", &diff)] {
            let reply = desk.run(&format!("{name} {keys}"));
            assert!(reply.starts_with(&format!("*{}", expected.len())), "{name} {keys}: {reply}");
            assert_eq!(members(&reply), *expected, "{name} {keys}");
            assert_eq!(desk.run(&format!("{name}STORE d {keys}")), format!(":{}", expected.len()), "{name} {keys}");
            assert_eq!(members(&desk.run("SMEMBERS d")), *expected, "{name}STORE {keys}");
        }
        assert_eq!(desk.run(&format!("SINTERCARD 3 {keys}")), format!(":{}", inter.len()));
        assert_eq!(desk.run(&format!("SINTERCARD 3 {keys} LIMIT 4")), format!(":{}", inter.len().min(4)));
    }
}

#[test]
fn an_expired_input_counts_as_missing() {
    let mut desk = Desk::new();
    // All in one slot, so that the removal of one moves the others.
    for n in 0..60 {
        desk.run(&format!("SADD {{t}}{n} {n} all"));
    }
    for n in (0..60).filter(|n| n % 10 != 7) {
        desk.run(&format!("PEXPIRE {{t}}{n} 5"));
    }
    desk.run("@later 6");
    let keys: Vec<String> = (0..60).map(|n| format!("{{t}}{n}")).collect();
    let reply = desk.run(&format!("SUNION {}", keys.join(" ")));
    assert_eq!(members(&reply), ["7", "17", "27", "37", "47", "57", "all"].map(String::from).into());
    assert_eq!(desk.run("DBSIZE"), ":6");
}

#[test]
fn popping() {
    check(&[
        ("SPOP nosuch", "$-1"),
        ("SPOP nosuch 3", "*0"),
        ("SADD s 7", ":1"),
        ("SPOP s 0", "*0"),
        ("@changes", "1"),
        ("SPOP s", "$1 7"),
        ("@changes", "1"),
        ("EXISTS s", ":0"),
        ("SADD s a b", ":2"),
        ("SPOP s 9223372036854775807", "*2 $1 a $1 b"),
        ("@changes", "4"),
        ("EXISTS s", ":0"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s 1 1", "-ERR syntax error"),
        ("@resp 3", ""),
        ("SADD s a", ":1"),
        ("SPOP nosuch 3", "~0"),
        ("SPOP s 1", "~1 $1 a"),
        ("SPOP s", "_"),
    ]);
    for (prefix, len) in [("", 100), ("m", 100), ("", 3000), ("m", 3000)] {
        for count in [1, 2, len / 2, len * 9 / 10, len - 1] {
            let mut desk = Desk::new();
            desk.command(&words(0, len, prefix));
            desk.run("PEXPIRE s 5000");
            let popped = members(&desk.run(&format!("SPOP s {count}")));
            let left = members(&desk.run("SMEMBERS s"));
            assert_eq!((popped.len(), left.len()), (count, len - count), "{count} of {len}");
            assert!(popped.is_disjoint(&left));
            assert_eq!(desk.run("@left s"), "5000");
            let one = members(&format!("*1 {}", desk.run("SPOP s")));
            assert!(one.is_subset(&left) && !members(&desk.run("SMEMBERS s")).is_superset(&one));
            desk.run("DEL s");
            while desk.keyspace.free_dropped() {}
            assert_eq!(desk.keyspace.heap_bytes(), desk.table_bytes());
        }
    }
}

#[test]
fn members_at_random() {
    check(&[
        ("SRANDMEMBER nosuch", "$-1"),
        ("SRANDMEMBER nosuch -3", "*0"),
        ("SADD s a", ":1"),
        ("SRANDMEMBER s", "$1 a"),
        ("SRANDMEMBER s 0", "*0"),
        ("SRANDMEMBER s -2", "*2 $1 a $1 a"),
        ("SRANDMEMBER s 9223372036854775807", "*1 $1 a"),
        ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
        ("SRANDMEMBER s 1 1", "-ERR syntax error"),
        (
            "SRANDMEMBER s -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("@changes", "1"),
    ]);
    for (prefix, len) in [("", 100), ("m", 100), ("m", 3000)] {
        let mut desk = Desk::new();
        desk.command(&words(0, len, prefix));
        let all = members(&desk.run("SMEMBERS s"));
        for count in [1, 7, len / 10, len / 2, len - 1, len, len + 1] {
            let drawn = members(&desk.run(&format!("SRANDMEMBER s {count}")));
            assert_eq!(drawn.len(), count.min(len), "{count} of {len}");
            assert!(drawn.is_subset(&all));
        }
    }
    // A reply that nobody can take ends early.
    let mut desk = Desk::new();
    desk.run("SADD s a b");
    desk.keyspace.limits.reply_bytes_max = 10_000;
    assert!(desk.command(&["SRANDMEMBER", "s", "-1000000000000"]).len() < 10_100);
}

#[test]
fn refusals() {
    check(&[
        ("SET s x", "+OK"),
        ("SADD t a", ":1"),
        ("SADD s a", WRONG),
        ("SREM s a", WRONG),
        ("SISMEMBER s a", WRONG),
        ("SMISMEMBER s a", WRONG),
        ("SCARD s", WRONG),
        ("SMEMBERS s", WRONG),
        ("SPOP s", WRONG),
        ("SPOP s 0", WRONG),
        ("SRANDMEMBER s", WRONG),
        ("SRANDMEMBER s 0", WRONG),
        ("SSCAN s 0", WRONG),
        ("SSCAN s x", "-ERR invalid cursor"),
        ("SSCAN t 0 TYPE set", "-ERR syntax error"),
        ("SINTER nosuch s", WRONG),
        ("SUNION nosuch s", WRONG),
        ("SDIFF nosuch s", WRONG),
        ("SINTERSTORE t nosuch s", WRONG),
        ("SUNIONSTORE t nosuch s", WRONG),
        ("SDIFFSTORE t nosuch s", WRONG),
        ("SMEMBERS t", "*1 $1 a"),
        ("SINTERCARD 0 t", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD x t", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD 2 t", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 9223372036854775807 t", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 s LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 t LIMIT x", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 t LIMIT", "-ERR syntax error"),
        ("SINTERCARD 1 t t", "-ERR syntax error"),
        ("SINTERSTORE s t", ":1"),
        ("SMEMBERS s", "*1 $1 a"),
        ("GET s", WRONG),
        ("HGET s a", WRONG),
    ]);
}

#[test]
fn whole_sets_move_are_copied_and_walked() {
    for (prefix, len) in [("", 3), ("m", 3), ("", 3000)] {
        let mut desk = Desk::new();
        desk.command(&words(0, len, prefix));
        let all = members(&desk.run("SMEMBERS s"));
        assert_eq!(desk.run("COPY s copy"), ":1");
        assert_eq!(desk.run("SADD s extra"), ":1");
        assert_eq!(members(&desk.run("SMEMBERS copy")), all);
        assert_eq!(desk.run("RENAME copy moved"), "+OK");
        assert_eq!(desk.run("MOVE moved 1"), ":1");
        desk.run("@db 1");
        let (mut cursor, mut seen) = ("0".to_string(), BTreeSet::new());
        loop {
            let reply = desk.run(&format!("SSCAN moved {cursor} COUNT 50 MATCH ?*"));
            let (head, page) = reply.split_once(" *").expect("a cursor, then a page");
            cursor = head.rsplit(' ').next().unwrap_or_default().to_string();
            seen.extend(members(&format!("*{page}")));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, all);
        assert_eq!(desk.run("DEL moved"), ":1");
        desk.run("@db 0");
        assert_eq!(desk.run("UNLINK s"), ":1");
        while desk.keyspace.free_dropped() {}
        let tables = desk.table_bytes();
        assert_eq!(desk.keyspace.heap_bytes(), tables);
    }
}

/// Whatever deletes or replaces a large set, it is freed in pieces.
#[test]
fn large_sets_are_freed_in_pieces() {
    for line in ["DEL s", "SET s v", "SINTERSTORE s nosuch", "SUNIONSTORE s other", "SPOP s 60000", "SPOP s 49990"] {
        let mut desk = Desk::new();
        desk.command(&words(0, 50_000, "m"));
        desk.run("SADD other v");
        let pieces = desk.drop_in_pieces(line, 50_000 * 16);
        assert!(pieces > 10, "{line}: {pieces} pieces");
    }
}
