//! DEL, UNLINK, EXISTS, TOUCH, TYPE: replies and counters of redis-server 7.0.15.

use crate::commands::testing::{Desk, check};

#[test]
fn removal() {
    check(&[
        ("del a", ":0"),
        ("@changes", "0"),
        ("set a 1", "+OK"),
        ("set b 2", "+OK"),
        ("set c 3", "+OK"),
        ("@changes", "3"),
        ("del a b x", ":2"),
        ("@changes", "2"),
        ("unlink c c", ":1"),
        ("@changes", "1"),
        ("@hits", "0 0"),
        ("exists a b c", ":0"),
        ("del", "-ERR wrong number of arguments for 'del' command"),
        ("unlink", "-ERR wrong number of arguments for 'unlink' command"),
    ]);
}

#[test]
fn presence() {
    check(&[
        ("set a 1", "+OK"),
        ("@changes", "1"),
        ("exists a a x a", ":3"),
        ("@hits", "3 1"),
        ("touch a x a", ":2"),
        ("@hits", "2 1"),
        ("type a", "+string"),
        ("type x", "+none"),
        ("@changes", "0"),
        ("@hits", "1 1"),
        ("exists", "-ERR wrong number of arguments for 'exists' command"),
        ("touch", "-ERR wrong number of arguments for 'touch' command"),
        ("type a b", "-ERR wrong number of arguments for 'type' command"),
    ]);
}

#[test]
fn what_has_expired_is_not_there() {
    check(&[
        ("set a 1 px 10", "+OK"),
        ("@later 10", ""),
        ("exists a", ":1"),
        ("@later 1", ""),
        ("exists a", ":0"),
        ("@left a", "missing"),
        ("set a 1 px 10", "+OK"),
        ("@later 11", ""),
        ("del a", ":0"),
        ("set a 1 px 10", "+OK"),
        ("@later 11", ""),
        ("touch a", ":0"),
        ("set a 1 px 10", "+OK"),
        ("@later 11", ""),
        ("type a", "+none"),
    ]);
}

#[test]
fn only_use_is_a_mark() {
    let mut desk = Desk::new();
    let access = |desk: &Desk| {
        let (db, key) = (desk.db(0), desk.keyspace.key(b"a"));
        desk.keyspace.at(db, key.slot, desk.keyspace.locate(db, &key).unwrap()).access().bits()
    };
    for (line, no_touch, marked) in [
        ("exists a", false, false),
        ("type a", false, false),
        ("touch a", false, true),
        ("touch a", true, true),
        ("get a", false, true),
        ("get a", true, false),
        ("ttl a", false, false),
        ("object encoding a", false, false),
        ("memory usage a", false, false),
        ("expire a 100", false, true),
        ("persist a", false, true),
        ("copy a b", false, true),
        ("rename a a", false, true),
    ] {
        desk.run("@access 1");
        desk.run("set a 1");
        desk.run("@access 2");
        desk.caller.no_touch = no_touch;
        desk.run(line);
        desk.caller.no_touch = false;
        assert_eq!(access(&desk) == 2, marked, "{line}, no_touch {no_touch}");
    }
}
