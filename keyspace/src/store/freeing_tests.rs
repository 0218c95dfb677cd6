//! What is dropped counts until it is freed: against a count of everything, and against redis-server's counters.

use proptest::prelude::*;

use super::*;
use crate::commands::testing::Desk;
use crate::limits::LazyFree;
use crate::table::SEGMENT_ENTRIES_MAX;

/// Every figure is what counting gives.
fn check(keyspace: &Keyspace) {
    let databases: Vec<Db> = (0..keyspace.databases()).filter_map(|number| keyspace.db(number)).collect();
    let tables: u64 = databases.iter().map(|&db| keyspace.table_bytes(db)).sum();
    let entries = databases.iter().flat_map(|&db| keyspace.entries(db)).map(|entry| entry.heap_bytes() as u64);
    assert_eq!(keyspace.heap_bytes(), tables + entries.sum::<u64>(), "what the tables hold");
    let freeing = &keyspace.freeing;
    let held = |dropped: &Dropped| match &dropped.held {
        Held::Table(table) => table.own_bytes() + table.iter().map(|entry| entry.heap_bytes() as u64).sum::<u64>(),
        Held::Object(object) => (size_of::<Object>() + object.heap_bytes()) as u64,
    };
    assert_eq!(freeing.bytes, freeing.queue.iter().map(held).sum::<u64>(), "what waits to be freed");
    let counted = |dropped: &Dropped| match (&dropped.pace, &dropped.held) {
        (Pace::Prompt, _) => 0,
        (Pace::Lazy, Held::Table(table)) => table.iter().count() as u64,
        (Pace::Lazy, Held::Object(_)) => 1,
    };
    assert_eq!(freeing.keys, freeing.queue.iter().map(counted).sum::<u64>(), "objects to be freed lazily");
}

/// Adds elements to one of a few keys: to as many kinds as there are names.
fn grow(desk: &mut Desk, key: u32, count: usize) {
    let numbers = || (0..count).map(|n| format!("{}", n * 7919 % 100_003));
    let words: Vec<String> = match key % 5 {
        0 => ["HSET", "hash"].map(String::from).into_iter().chain(numbers().flat_map(|n| [n, "v".into()])).collect(),
        1 => ["SADD", "set"].map(String::from).into_iter().chain(numbers()).collect(),
        2 => ["ZADD", "scores"].map(String::from).into_iter().chain(numbers().flat_map(|n| [n.clone(), n])).collect(),
        3 => ["RPUSH", "list"].map(String::from).into_iter().chain(numbers()).collect(),
        _ => {
            desk.run("XGROUP CREATE stream g $ MKSTREAM");
            (0..count / 8).for_each(|_| drop(desk.run("XADD stream * field value")));
            return drop(desk.run("XREADGROUP GROUP g c STREAMS stream >"));
        }
    };
    let key = format!("{}:{}", words[1], key / 5);
    drop(desk.command(&[&[words[0].clone(), key][..], &words[2..]].concat()));
}

/// Lines that drop something, or move it.
fn line(step: u32, key: u32) -> String {
    let kind = ["hash", "set", "scores", "list", "stream"][key as usize % 5];
    let name = if key % 5 == 4 { kind.to_string() } else { format!("{kind}:{}", key / 5) };
    let number = key / 5;
    match step % 16 {
        0 => format!("DEL {name}"),
        1 => format!("UNLINK {name}"),
        2 => format!("SET {name} v"),
        3 => format!("RENAME {name} other"),
        4 => format!("COPY {name} other REPLACE"),
        5 => format!("PEXPIRE {name} -1"),
        6 => format!("PEXPIRE {name} 1"),
        7 => format!("LTRIM list:{number} 0 9"),
        8 => format!("SPOP set:{number} 90"),
        9 => "XTRIM stream MAXLEN 10".into(),
        10 => "XGROUP DESTROY stream g".into(),
        11 => "XGROUP DELCONSUMER stream g c".into(),
        12 => format!("ZREMRANGEBYRANK scores:{number} 0 90"),
        13 => "FLUSHDB SYNC".into(),
        14 => "FLUSHDB ASYNC".into(),
        _ => "@later 2".into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_held_counts_until_it_is_freed(
        steps in proptest::collection::vec((0..40u32, 0..15u32, 1..3000usize), 1..40),
        lazy in any::<[bool; 4]>(),
    ) {
        let mut desk = Desk::new();
        let [expire, server_del, user_del, eviction] = lazy;
        desk.keyspace.limits.lazy_free = LazyFree { eviction, expire, server_del, user_del, user_flush: false };
        desk.keyspace.limits.stream_node_entries = 2;
        desk.keyspace.limits.list_node = 4;
        for (step, key, count) in steps {
            match step {
                0..16 => drop(desk.run(&line(step, key))),
                16..19 => drop(desk.keyspace.free_dropped()),
                _ => grow(&mut desk, key, count),
            }
            check(&desk.keyspace);
        }
        desk.run("FLUSHALL");
        let mut held = desk.keyspace.dropped_bytes();
        while desk.keyspace.free_dropped() {
            check(&desk.keyspace);
            prop_assert!(desk.keyspace.dropped_bytes() <= held, "what is freed does not come back");
            held = desk.keyspace.dropped_bytes();
        }
        let tables: u64 = (0..16).map(|number| desk.keyspace.table_bytes(desk.db(number))).sum();
        prop_assert_eq!((desk.keyspace.dropped_bytes(), desk.keyspace.heap_bytes()), (0, tables));
    }
}

/// Values of every kind at the border at which Redis leaves the work to a thread.
#[test]
fn what_is_little_work_is_not_counted() {
    // The command that adds an element, the groups of a stream and what each of them has pending, and the most elements that
    // redis-server 7.0.15 does not count.
    let rows = [
        ("HSET", 0, 0, 64),
        ("SADD", 0, 0, 64),
        ("ZADD", 0, 0, 64),
        ("RPUSH", 0, 0, 64),
        ("XADD", 0, 0, 31),
        ("XADD", 1, 0, 30),
        ("XADD", 1, 10, 25),
        ("XADD", 2, 5, 25),
        ("XADD", 3, 9, 16),
    ];
    for (verb, groups, pending, most) in rows {
        for count in [most, most + 1] {
            let mut desk = Desk::new();
            desk.keyspace.limits.list_node = 1;
            desk.keyspace.limits.stream_node_entries = 1;
            let long = "v".repeat(65);
            for n in 0..count {
                let line = match verb {
                    "HSET" => format!("HSET k {n} {long}"),
                    "SADD" => format!("SADD k {n}{long}"),
                    "ZADD" => format!("ZADD k {n} {n}{long}"),
                    "XADD" => format!("XADD k {}-1 f v", n + 1),
                    verb => format!("{verb} k {n}"),
                };
                assert!(!desk.run(&line).starts_with('-'), "{line}");
            }
            for group in 0..groups {
                desk.run(&format!("XGROUP CREATE k g{group} 0"));
            }
            if pending > 0 {
                desk.run(&format!("XREADGROUP GROUP g0 c COUNT {pending} STREAMS k >"));
            }
            assert_eq!(desk.run("UNLINK k"), ":1");
            assert_eq!(desk.keyspace.stats.lazyfreed_objects, u64::from(count > most), "{verb} {groups} {count}");
        }
    }
}

/// Which switch counts for which removal. Every line drops a hash of 100 fields.
#[test]
fn every_removal_has_its_switch() {
    let none = LazyFree::default();
    let all = LazyFree { eviction: true, expire: true, server_del: true, user_del: true, user_flush: true };
    let rows = [
        ("DEL h", LazyFree { user_del: true, ..none }),
        ("SET h v", LazyFree { server_del: true, ..none }),
        ("RENAME other h", LazyFree { server_del: true, ..none }),
        ("COPY other h REPLACE", LazyFree { server_del: true, ..none }),
        ("PEXPIRE h -1", LazyFree { expire: true, ..none }),
        ("GET h", LazyFree { expire: true, ..none }),
        ("FLUSHALL", LazyFree { user_flush: true, ..none }),
        ("FLUSHDB", LazyFree { user_flush: true, ..none }),
    ];
    let freed = |line: &str, lazy_free: LazyFree| {
        let mut desk = Desk::new();
        desk.keyspace.limits.lazy_free = lazy_free;
        let fields: String = (0..100).map(|n| format!(" {n} {}", "v".repeat(65))).collect();
        desk.run(&format!("HSET h{fields}"));
        if line.contains("other") {
            desk.run("SET other v");
        }
        if line == "GET h" {
            desk.run("PEXPIRE h 1");
            desk.run("@later 2");
        }
        assert!(!desk.run(line).starts_with('-'), "{line}");
        while desk.keyspace.free_dropped() {}
        desk.keyspace.stats.lazyfreed_objects
    };
    for (line, switch) in rows {
        let others = LazyFree {
            eviction: true,
            expire: !switch.expire,
            server_del: !switch.server_del,
            user_del: !switch.user_del,
            user_flush: !switch.user_flush,
        };
        let counts = [none, others, switch, all].map(|lazy_free| freed(line, lazy_free));
        assert_eq!(counts, [0, 0, 1, 1], "{line}");
    }
    for (line, count) in [("UNLINK h", 1), ("FLUSHALL ASYNC", 1), ("FLUSHALL SYNC", 0), ("FLUSHDB SYNC", 0)] {
        assert_eq!([none, all].map(|lazy_free| freed(line, lazy_free)), [count, count], "{line}");
    }
}

/// What is to be freed promptly overtakes what was dropped lazily.
#[test]
fn what_is_prompt_goes_first() {
    let mut desk = Desk::new();
    for key in ["lazy", "prompt"] {
        for part in 0..20 {
            let fields = (part * 1000..part * 1000 + 1000).flat_map(|n| [n.to_string(), "v".into()]);
            desk.command(&["HSET".to_string(), key.to_string()].into_iter().chain(fields).collect::<Vec<_>>());
        }
    }
    desk.run("UNLINK lazy");
    desk.run("DEL prompt");
    assert_eq!((desk.keyspace.dropped(), desk.keyspace.dropped_keys()), (2, 1));
    while desk.keyspace.dropped() == 2 {
        desk.keyspace.free_dropped();
    }
    assert_eq!((desk.keyspace.dropped(), desk.keyspace.dropped_keys()), (1, 1));
}

/// Collections of a flushed table wait one piece at a time, however many there are.
#[test]
fn a_flushed_table_is_not_unpacked_at_once() {
    let mut desk = Desk::new();
    let value = "v".repeat(65);
    let keys = 5 * SEGMENT_ENTRIES_MAX;
    (0..keys).for_each(|n| drop(desk.run(&format!("HSET {{t}}{n} f {value}"))));
    desk.run("FLUSHDB ASYNC");
    assert_eq!(desk.keyspace.dropped_keys(), keys as u64);
    let mut most = 0;
    while desk.keyspace.free_dropped() {
        most = most.max(desk.keyspace.dropped());
        check(&desk.keyspace);
    }
    assert!((100..=SEGMENT_ENTRIES_MAX).contains(&most), "{most} waited at a time");
    assert_eq!(desk.keyspace.stats.lazyfreed_objects, keys as u64);
}

/// What is lent with everything is still held, and what is dropped meanwhile as well.
#[test]
fn a_loan_hides_nothing() {
    let mut desk = Desk::new();
    for part in 0..20 {
        let fields = (part * 1000..part * 1000 + 1000).flat_map(|n| [n.to_string(), "v".into()]);
        desk.command(&["HSET".to_string(), "h".to_string()].into_iter().chain(fields).collect::<Vec<_>>());
    }
    desk.run("UNLINK h");
    let held = desk.keyspace.dropped_bytes();
    assert!(held > 100_000);
    let mut lent = desk.keyspace.lend_whole();
    assert_eq!((desk.keyspace.dropped_bytes(), desk.keyspace.dropped()), (held, 0));
    while lent.dropped_bytes() > held / 2 {
        lent.free_dropped();
    }
    let left = lent.dropped_bytes();
    desk.keyspace.take_back_whole(lent);
    assert_eq!((desk.keyspace.dropped_bytes(), desk.keyspace.dropped_keys()), (left, 1));
    while desk.keyspace.free_dropped() {}
    assert_eq!((desk.keyspace.dropped_bytes(), desk.keyspace.stats.lazyfreed_objects), (0, 1));
}
