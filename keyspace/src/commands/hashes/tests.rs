//! Hashes in both forms: replies, refusals, and the limits between the forms.

use crate::commands::testing::{Desk, check};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn setting_and_reading() {
    check(&[
        ("HSET h a 1 b two c 3.5", ":3"),
        ("HSET h a 10 d x", ":1"),
        ("@changes", "5"),
        ("HGET h a", "$2 10"),
        ("HGET h b", "$3 two"),
        ("HGET h nosuch", "$-1"),
        ("HGET nosuch a", "$-1"),
        ("@hits", "3 1"),
        ("HMGET h a nosuch d a", "*4 $2 10 $-1 $1 x $2 10"),
        ("HMGET nosuch a b", "*2 $-1 $-1"),
        ("HGETALL h", "*8 $1 a $2 10 $1 b $3 two $1 c $3 3.5 $1 d $1 x"),
        ("HKEYS h", "*4 $1 a $1 b $1 c $1 d"),
        ("HVALS h", "*4 $2 10 $3 two $3 3.5 $1 x"),
        ("HLEN h", ":4"),
        ("HSTRLEN h b", ":3"),
        ("HSTRLEN h nosuch", ":0"),
        ("HSTRLEN nosuch a", ":0"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h nosuch", ":0"),
        ("HMSET h a 1 a 2", "+OK"),
        ("HGET h a", "$1 2"),
        ("HSETNX h a 3", ":0"),
        ("HSETNX h e 3", ":1"),
        ("HSETNX new a 3", ":1"),
        ("TYPE h", "+hash"),
        ("OBJECT ENCODING h", "$8 listpack"),
        ("@resp 3", ""),
        ("HGETALL new", "%1 $1 a $1 3"),
        ("HGETALL nosuch", "%0"),
        ("HKEYS nosuch", "*0"),
        ("HGET nosuch a", "_"),
    ]);
}

#[test]
fn removing() {
    check(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("@changes", "3"),
        ("HDEL h a nosuch a b", ":2"),
        ("@changes", "2"),
        ("HDEL nosuch a", ":0"),
        ("HDEL h c d", ":1"),
        ("EXISTS h", ":0"),
        ("@changes", "1"),
    ]);
}

#[test]
fn texts_come_back_as_they_were() {
    check(&[
        ("HSET h 007 -0 7 0 \"\" \"\" +1 9223372036854775807", ":4"),
        ("HGET h 007", "$2 -0"),
        ("HGET h 7", "$1 0"),
        ("HGET h \"\"", "$0 "),
        ("HGET h +1", "$19 9223372036854775807"),
        ("HGET h 1", "$-1"),
        ("HSTRLEN h +1", ":19"),
    ]);
}

#[test]
fn counters() {
    check(&[
        ("HINCRBY h n 5", ":5"),
        ("HINCRBY h n -7", ":-2"),
        ("HINCRBYFLOAT h n 0.5", "$4 -1.5"),
        ("HINCRBY h n 1", "-ERR hash value is not an integer"),
        ("HINCRBY h m 9223372036854775807", ":9223372036854775807"),
        ("HINCRBY h m 1", "-ERR increment or decrement would overflow"),
        ("HINCRBY h m x", "-ERR value is not an integer or out of range"),
        ("HSET h t text inf inf", ":2"),
        ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h inf 1", "-ERR increment would produce NaN or Infinity"),
        ("HINCRBYFLOAT h m x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT nosuch m inf", "-ERR value is NaN or Infinity"),
        ("HINCRBYFLOAT new m 3.0e3", "$4 3000"),
        ("EXISTS nosuch", ":0"),
    ]);
}

#[test]
fn forms_change_at_the_limits() {
    let mut desk = Desk::new();
    let encoding = |desk: &mut Desk, lines: &[&str]| {
        lines.iter().for_each(|line| drop(desk.run(line)));
        desk.run("OBJECT ENCODING h")
    };
    let long = "x".repeat(65);
    assert_eq!(encoding(&mut desk, &["HSET h a 1"]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &[&format!("HSET h b {}", &long[1..])]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &[&format!("HSET h b {long}")]), "$9 hashtable");
    assert_eq!(encoding(&mut desk, &["HDEL h b"]), "$9 hashtable");
    assert_eq!(encoding(&mut desk, &["DEL h", &format!("HSETNX h {long} 1")]), "$9 hashtable");
    desk.run("DEL h");
    (0..512).for_each(|n| drop(desk.run(&format!("HSET h {n} v"))));
    assert_eq!(encoding(&mut desk, &["HSET h 5 w"]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &["HSET h 512 v"]), "$9 hashtable");
    assert_eq!(desk.run("HLEN h"), ":513");
    assert_eq!(desk.run("HGET h 5"), "$1 w");
    // A limit that was lowered holds from the next change on, though it adds nothing.
    desk.keyspace.limits.hash.entries = 2;
    assert_eq!(encoding(&mut desk, &["DEL h", "HSET h a 1 b 2"]), "$8 listpack");
    desk.keyspace.limits.hash.entries = 1;
    assert_eq!(encoding(&mut desk, &["HGET h a"]), "$8 listpack");
    assert_eq!(encoding(&mut desk, &["HSET h a 2"]), "$9 hashtable");
}

#[test]
fn refusals() {
    check(&[
        ("SET s x", "+OK"),
        ("HSET h a 1", ":1"),
        ("HSET s a 1", WRONG),
        ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
        ("HSET s a 1 b", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET s a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
        ("HSETNX s a 1", WRONG),
        ("HGET s a", WRONG),
        ("HMGET s a", WRONG),
        ("HDEL s a", WRONG),
        ("HLEN s", WRONG),
        ("HEXISTS s a", WRONG),
        ("HSTRLEN s a", WRONG),
        ("HGETALL s", WRONG),
        ("HKEYS s", WRONG),
        ("HVALS s", WRONG),
        ("HINCRBY s a 1", WRONG),
        ("HINCRBY s a x", "-ERR value is not an integer or out of range"),
        ("HINCRBYFLOAT s a 1", WRONG),
        ("HRANDFIELD s", WRONG),
        ("HRANDFIELD s 1", WRONG),
        ("HSCAN s 0", WRONG),
        ("HSCAN s x", "-ERR invalid cursor"),
        ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
        ("HSCAN h 0 TYPE hash", "-ERR syntax error"),
        ("HSCAN nosuch 0 nonsense", "*2 $1 0 *0"),
    ]);
}

#[test]
fn commands_on_strings_refuse_a_hash() {
    let lines = [
        "GET h",
        "GETDEL h",
        "GETEX h",
        "GETEX h EX x",
        "GETSET h v",
        "SET h v GET",
        "APPEND h x",
        "STRLEN h",
        "SETRANGE h 0 x",
        "SETRANGE h 0 \"\"",
        "GETRANGE h 0 1",
        "SUBSTR h 0 1",
        "INCR h",
        "DECR h",
        "INCRBY h 1",
        "DECRBY h 1",
        "INCRBYFLOAT h x",
    ];
    let mut desk = Desk::new();
    desk.run("HSET h a 1");
    for line in lines {
        assert_eq!(desk.run(line), WRONG, "{line}");
    }
    assert_eq!(desk.run("LCS h h"), "-ERR The specified keys must contain string values");
    assert_eq!(desk.run("LCS nosuch h LEN"), "-ERR The specified keys must contain string values");
    assert_eq!(desk.run("MGET h"), "*1 $-1");
    assert_eq!(desk.run("SETNX h v"), ":0");
    assert_eq!(desk.run("MSETNX h v x y"), ":0");
    assert_eq!(desk.run("HGETALL h"), "*2 $1 a $1 1");
    assert_eq!(desk.run("SET h v"), "+OK");
    assert_eq!(desk.run("TYPE h"), "+string");
    assert_eq!(desk.run("OBJECT ENCODING h"), "$6 embstr");
}

#[test]
fn whole_hashes_move_and_are_copied() {
    for fields in [3, 600] {
        let mut desk = Desk::new();
        let set = |n| format!("HSET h f{n} v{n}");
        (0..fields).for_each(|n| drop(desk.run(&set(n))));
        let all = desk.run("HGETALL h");
        desk.run("PEXPIRE h 5000");
        assert_eq!(desk.run("COPY h copy"), ":1");
        assert_eq!(desk.run("HSET h f0 changed"), ":0");
        assert_eq!(desk.run("HGET copy f0"), "$2 v0");
        assert_eq!(desk.run("HSET h f0 v0"), ":0");
        assert_eq!(desk.run("RENAME h moved"), "+OK");
        assert_eq!(desk.run("HGETALL moved"), all);
        assert_eq!(desk.run("MOVE moved 1"), ":1");
        assert_eq!(desk.run("@db 1"), "");
        assert_eq!((desk.run("HGETALL moved"), desk.run("@left moved")), (all, "5000".into()));
        assert_eq!(desk.run("@later 5001"), "");
        assert_eq!(desk.run("HLEN moved"), ":0");
        assert_eq!(desk.run("@db 0"), "");
        assert_eq!(desk.run("HLEN copy"), ":0");
        while desk.keyspace.free_dropped() {}
        assert_eq!(desk.keyspace.heap_bytes(), desk.table_bytes());
    }
}

/// Whatever deletes or replaces a large hash, it is freed in pieces of one segment.
#[test]
fn large_hashes_are_freed_in_pieces() {
    for line in
        ["DEL h", "UNLINK h", "SET h v", "RENAME other h", "PEXPIRE h -1", "COPY other h REPLACE", "GET h", "FLUSHALL"]
    {
        let mut desk = Desk::new();
        let words = |start: usize| {
            let fields = (start..start + 1000).flat_map(|n| [n.to_string().into_bytes(), b"v".to_vec()]);
            [b"HSET".to_vec(), b"h".to_vec()].into_iter().chain(fields).collect::<Vec<_>>()
        };
        (0..50).for_each(|n| drop(desk.command(&words(n * 1000))));
        desk.run("SET other v");
        if line == "GET h" {
            desk.run("PEXPIRE h 1");
            desk.run("@later 2");
        }
        let pieces = desk.drop_in_pieces(line, 50_000 * 24);
        assert!(pieces > 10, "{line}: {pieces} pieces");
        assert_ne!(desk.run("TYPE h"), "+hash", "{line}");
    }
}

#[test]
fn fields_at_random() {
    let mut desk = Desk::new();
    assert_eq!(desk.run("HRANDFIELD nosuch"), "$-1");
    assert_eq!(desk.run("HRANDFIELD nosuch 3"), "*0");
    assert_eq!(desk.run("HRANDFIELD nosuch -3 WITHVALUES"), "*0");
    desk.run("HSET one a 1");
    assert_eq!(desk.run("HRANDFIELD one"), "$1 a");
    assert_eq!(desk.run("HRANDFIELD one 0"), "*0");
    assert_eq!(desk.run("HRANDFIELD one 5 withvalues"), "*2 $1 a $1 1");
    assert_eq!(desk.run("HRANDFIELD one -2 withvalues"), "*4 $1 a $1 1 $1 a $1 1");
    desk.run("@resp 3");
    assert_eq!(desk.run("HRANDFIELD one -2 withvalues"), "*2 *2 $1 a $1 1 *2 $1 a $1 1");
    desk.run("@resp 2");
    for (line, error) in [
        ("HRANDFIELD one x", "-ERR value is not an integer or out of range"),
        ("HRANDFIELD one 1 x", "-ERR syntax error"),
        ("HRANDFIELD one 1 withvalues x", "-ERR syntax error"),
        ("HRANDFIELD one 9223372036854775807 withvalues", "-ERR value is out of range"),
        (
            "HRANDFIELD nosuch -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
    ] {
        assert_eq!(desk.run(line), error, "{line}");
    }
    for fields in [20, 2000] {
        (0..fields).for_each(|n| drop(desk.run(&format!("HSET h f{n} {n}"))));
        for count in [1, 7, 19, 700, 1999, 3000] {
            let reply = desk.run(&format!("HRANDFIELD h {count} WITHVALUES"));
            let words: Vec<&str> = reply.split(' ').collect();
            let pairs: std::collections::BTreeMap<&str, &str> =
                words[1..].chunks(4).map(|pair| (pair[1], pair[3])).collect();
            assert_eq!(pairs.len(), count.min(fields), "{count} of {fields}");
            assert!(pairs.iter().all(|(field, value)| field.strip_prefix('f') == Some(value)));
        }
        let drawn: std::collections::BTreeSet<String> = (0..200).map(|_| desk.run("HRANDFIELD h")).collect();
        assert!(drawn.len() > 15, "{} different ones", drawn.len());
    }
    // A reply that nobody can take ends early.
    desk.keyspace.limits.reply_bytes_max = 10_000;
    assert!(desk.command(&["HRANDFIELD", "h", "-1000000000000"]).len() < 10_100);
}

#[test]
fn walks() {
    let mut desk = Desk::new();
    desk.run("HSET h a 1 b 2 ab 3");
    assert_eq!(desk.run("HSCAN h 0"), "*2 $1 0 *6 $1 a $1 1 $1 b $1 2 $2 ab $1 3");
    assert_eq!(desk.run("HSCAN h 7 COUNT 1 MATCH a*"), "*2 $1 0 *4 $1 a $1 1 $2 ab $1 3");
    (0..1000).for_each(|n| drop(desk.run(&format!("HSET h {n} v"))));
    let (mut cursor, mut seen, mut calls) = ("0".to_string(), std::collections::BTreeSet::new(), 0);
    loop {
        let reply = desk.run(&format!("HSCAN h {cursor} COUNT 50 MATCH ?*"));
        let words: Vec<&str> = reply.split(' ').collect();
        seen.extend(words[4..].chunks(4).map(|pair| pair[1].to_string()));
        cursor = words[2].to_string();
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((seen.len(), calls), (1003, 21));
    assert_eq!(desk.run("HSCAN h 18446744073709551615"), "*2 $1 0 *0");
}
