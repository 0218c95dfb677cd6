//! What is recorded of what, row by row of the packet: U001, U003, U005, U012, U014. `packet_rows` has U007 and U008.

use evict::policy::Policy;
use evict::record::{Cause, Form, Kind, Place};
use shard::log::{LogBytes, Taken};
use shard::memory::startup_bytes;
use shard::settings::{DebugAccess, Settings};

use super::super::client::{Command, command, rest, settle};
use super::super::resp::Value;
use super::reader::{Reader, Record};
use super::{Desk, show};

pub(super) fn settings() -> Settings {
    Settings { enable_debug_command: DebugAccess::Yes, ..Settings::default() }
}

/// A world in which only look-ups remove what is expired.
pub(super) fn still(cores: u16, settings: Settings) -> Desk {
    let mut desk = Desk::new(0, cores, settings);
    run(&mut desk, "DEBUG SET-ACTIVE-EXPIRE 0");
    desk
}

/// What a line records. `~` stands for a space of a script.
fn run(desk: &mut Desk, line: &str) -> String {
    let words = command(line.split(' ').map(|word| word.replace('~', " ")));
    show(&desk.run(0, &words).1)
}

/// Plays lines and what they record. `@later ms` lets time pass; in what is expected `@ms` is a time so many milliseconds from now.
fn check(desk: &mut Desk, rows: &[(&str, &str)]) {
    for (line, expected) in rows {
        if let Some(ms) = line.strip_prefix("@later ") {
            desk.later(ms.parse().expect("a number"));
            continue;
        }
        let now = desk.now();
        let fill = |word: &str| match word.strip_prefix('@').and_then(|ms| ms.parse::<i64>().ok()) {
            Some(ms) => (now + ms).to_string(),
            None => word.to_owned(),
        };
        let expected: Vec<String> = expected.split(' ').map(fill).collect();
        assert_eq!(run(desk, line), expected.join(" "), "{line}");
    }
    desk.check().expect("the log gives the same data");
}

#[test]
fn FR_P2C_008_U001_a_key_that_a_look_up_expires_is_recorded_once_before_the_command() {
    for lazy in [false, true] {
        let mut desk = still(1, Settings { lazyfree_lazy_expire: lazy, ..settings() });
        let gone = if lazy { "0> UNLINK e" } else { "0> DEL e" };
        let rows = [
            ("GET e", gone.to_owned()),
            ("GETEX e EX 5", gone.to_owned()),
            ("SET e w", format!("{gone}; 0> SET e w")),
            ("INCR e", format!("{gone}; 0> INCR e")),
            ("DEL e", gone.to_owned()),
            ("LPOP e", gone.to_owned()),
        ];
        for (line, expected) in rows {
            check(&mut desk, &[("SET e v PX 10", "0> SET e v PXAT @10"), ("@later 20", ""), (line, &expected)]);
            run(&mut desk, "DEL e");
        }
        let causes = desk.reader.records.iter().filter_map(|record| match record.header.kind {
            Kind::Keys(cause, form) => Some((cause, form)),
            _ => None,
        });
        let form = if lazy { Form::Unlink } else { Form::Del };
        assert!(causes.eq([(Cause::Expired, form); 6]));
    }
}

#[test]
fn FR_P2C_008_U001_the_cycle_records_each_key_alone_and_once() {
    for cores in [1, 4] {
        let mut desk = Desk::new(1, cores, settings());
        for key in 0..200 {
            run(&mut desk, &format!("SET k{key} v PX 50"));
        }
        // One of them is stored anew before its time, and stays.
        run(&mut desk, "SET k7 w");
        let before = desk.reader.records.len();
        desk.later(60);
        for _ in 0..20 {
            desk.world.pass_time();
            desk.rest();
        }
        let records = &desk.reader.records[before..];
        let mut keys: Vec<String> = records.iter().map(|record| record.text()).collect();
        assert!(records.iter().all(|record| record.header.kind == Kind::Keys(Cause::Expired, Form::Del)));
        assert!(records.iter().all(|record| record.header.place == Place::Alone));
        assert!(records.iter().all(|record| record.header.slot.is_some()));
        keys.sort();
        keys.dedup();
        assert_eq!((keys.len(), records.len()), (199, 199));
        assert_eq!(run(&mut desk, "GET k7"), "");
        desk.check().expect("the log gives the same data");
    }
}

#[test]
fn FR_P2C_008_U003_fields_that_expire_are_recorded_as_hdel() {
    let mut desk = Desk::new(1, 2, settings());
    run(&mut desk, "HSET h a 1 b 2 c 3");
    run(&mut desk, "HSET all a 1");
    run(&mut desk, "HPEXPIRE h 50 FIELDS 2 a b");
    run(&mut desk, "HPEXPIRE all 50 FIELDS 1 a");
    let before = desk.reader.records.len();
    desk.later(60);
    for _ in 0..20 {
        desk.world.pass_time();
        desk.rest();
    }
    let records = &desk.reader.records[before..];
    assert!(records.iter().all(|record| record.header.kind == Kind::Fields && record.header.place == Place::Alone));
    let mut said: Vec<String> = records.iter().map(|record| record.text()).collect();
    said.sort();
    assert!(said == ["HDEL all a", "HDEL h a b"] || said == ["HDEL all a", "HDEL h b a"], "{said:?}");
    desk.check().expect("the log gives the same data");
    assert_eq!(desk.run(0, &command(["EXISTS", "all"])).0, Value::Int(0));
}

#[test]
fn FR_P2C_008_U003_commands_on_fields_are_recorded_with_what_they_changed() {
    let mut desk = still(1, settings());
    check(
        &mut desk,
        &[
            ("HSET h a 1 b 2 c 3 d 4", "0> HSET h a 1 b 2 c 3 d 4"),
            ("HEXPIRE h 100 FIELDS 3 a none b", "0> HPEXPIREAT h @100000 FIELDS 2 a b"),
            ("HPEXPIRE h 5 GT FIELDS 1 a", ""),
            ("HPEXPIRE h 200000 gt FIELDS 2 a c", "0> HPEXPIREAT h @200000 gt FIELDS 1 a"),
            ("HEXPIREAT h 4000000000 FIELDS 1 c", "0> HPEXPIREAT h 4000000000000 FIELDS 1 c"),
            ("HPERSIST h FIELDS 3 c d none", "0> HPERSIST h FIELDS 1 c"),
            ("HPERSIST h FIELDS 1 d", ""),
            ("HINCRBYFLOAT h a 0.5", "0> HSETEX h KEEPTTL FIELDS 1 a 1.5"),
            ("HINCRBYFLOAT h d 0.5", "0> HSET h d 4.5"),
            ("HEXPIREAT h 1 FIELDS 2 none d", "0> HDEL h d"),
            ("HGETEX h FIELDS 1 a", ""),
            ("HGETEX h EX 100 FIELDS 2 a none", "0> HPEXPIREAT h @100000 FIELDS 1 a"),
            ("HGETEX h PERSIST FIELDS 2 a c", "0> HPERSIST h FIELDS 1 a"),
            ("HGETEX h PXAT 1 FIELDS 1 a", "0> HDEL h a"),
            ("HGETDEL h FIELDS 2 c none", "0> HDEL h c"),
            ("HGETDEL h FIELDS 1 none", ""),
            ("HSETEX h FNX PX 10 FIELDS 2 x 1 y 2", "0> HSETEX h PXAT @10 FIELDS 2 x 1 y 2"),
            ("HSETEX h FNX PX 10 FIELDS 1 x 1", ""),
            ("HSETEX h KEEPTTL FIELDS 1 z 2", "0> HSETEX h KEEPTTL FIELDS 1 z 2"),
            ("HSETEX h PXAT 1 FIELDS 2 z 1 none 2", "0> HDEL h z"),
            ("@later 20", ""),
            // They are hidden, and gone after it all the same.
            ("HDEL h x", "0> HDEL h x"),
            ("HSET h y 5", "0> HSET h y 5"),
            ("HDEL h x", ""),
            ("HDEL h b y none", "0> HDEL h b y none"),
        ],
    );
}

#[test]
fn FR_P2C_008_U005_past_deadlines_in_transactions_and_scripts() {
    for (lazy, gone) in [(false, "DEL"), (true, "UNLINK")] {
        let mut desk = still(2, Settings { lazyfree_lazy_expire: lazy, ..settings() });
        run(&mut desk, "SET a v");
        run(&mut desk, "SET b v");
        run(&mut desk, "MULTI");
        for line in ["EXPIRE a 100", "EXPIRE a 0", "SET c v EX 10"] {
            assert_eq!(run(&mut desk, line), "");
        }
        let (_, records) = desk.run(0, &command(["EXEC"]));
        let mut said: Vec<(u32, String)> = records.iter().map(|record| (record.header.index, record.text())).collect();
        said.sort();
        let now = records[0].header.time.0;
        let expected =
            [format!("PEXPIREAT a {}", now + 100_000), format!("{gone} a"), format!("SET c v PXAT {}", now + 10_000)];
        assert!(said.iter().map(|(_, text)| text).eq(&expected), "{said:?}");
        assert!(records.iter().all(|record| record.header.unit == records[0].header.unit));
        assert_eq!(
            run(&mut desk, "EVAL redis.call('pexpire','b',100)~redis.call('pexpireat','b',1) 1 b"),
            format!("0> PEXPIREAT b {}; 0> {gone} b", desk.now() + 100)
        );
        desk.check().expect("the log gives the same data");
    }
}

#[test]
fn FR_P2C_008_U012_what_is_evicted_for_a_command_is_recorded_before_it() {
    for lazy in [false, true] {
        let maxmemory = startup_bytes(&Settings::default()) + 400_000;
        let limited =
            Settings { maxmemory, maxmemory_policy: Policy::AllKeysLru, lazyfree_lazy_eviction: lazy, ..settings() };
        let mut desk = still(1, limited);
        let (value, form) = ("v".repeat(20_000), if lazy { Form::Unlink } else { Form::Del });
        let is_gone = |record: &&Record| record.header.kind == Kind::Keys(Cause::Evicted, form);
        let mut between = 0;
        for number in 0..40 {
            // One pipeline: what is evicted before its last command was evicted for one of its commands, not at the end of a turn.
            let keys: Vec<String> = (0..8).map(|key| format!("k{number}:{key}")).collect();
            let mut pipeline: Vec<Command> = keys.iter().map(|key| command(["SET", key, &value])).collect();
            pipeline.extend([
                command(["MULTI"]),
                command(["SET", "m", &value]),
                command(["INCR", "n"]),
                command(["EXEC"]),
            ]);
            let records = desk.pipeline(0, &pipeline);
            let evicted: Vec<&Record> = records.iter().filter(is_gone).collect();
            assert!(evicted.iter().all(|record| record.header.place == Place::Alone && record.header.unit == 0));
            let last = records.iter().rposition(|record| !is_gone(&record)).expect("the pipeline was carried out");
            between += records[..last].iter().filter(is_gone).count();
            let own: Vec<&str> = records.iter().filter(|record| !is_gone(record)).map(name).collect();
            assert_eq!(own, [&["SET"; 9][..], &["INCR"]].concat(), "{}", show(&records));
        }
        assert!(between > 50, "{between} keys");
        desk.check().expect("the log gives the same data");
    }
}

fn name(record: &Record) -> &str {
    std::str::from_utf8(&record.words[0]).expect("names are text")
}

#[test]
fn FR_P2C_008_U014_a_unit_over_several_cores_is_in_the_log_of_each() {
    let mut desk = still(4, settings());
    // On cores 1, 3 and 2 of 4.
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let owner =
        |key: &str| shard::route::SlotMap::striped(4).owner(keyspace::slot::Slot::of(key.as_bytes())).0 as usize;
    let first = keys[0];
    let second = keys.iter().find(|key| owner(key) != owner(first)).expect("keys are on several cores");
    run(&mut desk, &format!("SET {first} v"));
    let (_, records) = desk.run(0, &command(["RENAME", first, second]));
    assert_eq!(records.len(), 2);
    let named = |kind: Kind| records.iter().find(|record| record.header.kind == kind).expect("one of each kind");
    let (done, touched) = (named(Kind::Command), named(Kind::Touched));
    assert_eq!((done.text(), touched.text()), (format!("RENAME {first} {second}"), (*second).to_owned()));
    assert_eq!((usize::from(done.header.core), usize::from(touched.header.core)), (owner(first), owner(second)));
    for record in [done, touched] {
        assert_eq!((record.header.logs, record.header.index, record.header.place), (2, 0, Place::Only));
        assert_eq!((record.header.unit, record.header.order), (done.header.unit, done.header.order));
    }
    let (_, records) = desk.run(0, &command(["SET", second, "w"]));
    assert!(records[0].header.order > done.header.order, "what comes after has the greater order, on another core too");
    let (_, records) = desk.run(0, &command(["FLUSHALL"]));
    assert_eq!(records.iter().filter(|record| record.header.kind == Kind::Touched).count(), 3);
    assert!(records.iter().all(|record| record.header.slot.is_none() && record.header.logs == 4));
    desk.check().expect("the log gives the same data");
}

#[test]
fn FR_P2C_008_U014_a_script_that_is_taken_back_and_begins_again_is_recorded_once() {
    let mut desk = still(2, settings());
    run(&mut desk, "SET e v PX 10");
    run(&mut desk, "SET b v PX 10");
    desk.later(20);
    // It declares keys of one core, of which two are expired; a key of the other core takes it back to its beginning.
    let script = "redis.call('get', KEYS[2]) redis.call('set', KEYS[1], '1') redis.call('setnx', KEYS[3], 'x') \
                  return redis.call('incr', 'v')";
    let (reply, records) = desk.run(0, &command(["EVAL", script, "3", "a", "e", "b"]));
    assert_eq!(reply, Value::Int(1));
    let mut said: Vec<String> = records.iter().map(Record::text).collect();
    said.sort();
    assert_eq!(said, ["DEL b", "DEL e", "incr v", "set a 1", "setnx b x"]);
    desk.check().expect("the log gives the same data");
}

#[test]
fn FR_P2C_008_U014_a_reader_that_does_not_take_records_is_told_of_its_loss() {
    let mut desk = still(1, settings());
    run(&mut desk, "SET k v");
    desk.world.visit(0, |shard| shard.log.as_mut().expect("there is a log").limit(LogBytes(1_000)));
    for _ in 0..100 {
        desk.clients[0].send(&[command(["SET", "k", &"v".repeat(50)])]);
        settle(&mut desk.world, &mut desk.clients[..1], |_, _, _, _| {}).expect("it is answered");
    }
    rest(&mut desk.world, &mut desk.clients).expect("the cores come to rest");
    let Taken::LostUpTo(last) = desk.world.take_log(0) else { panic!("more was recorded than there is room for") };
    // A unit that is too large for the log, over several cores, is lost in the logs of both.
    let mut two = still(2, settings());
    for core in 0..2 {
        two.world.visit(core, |shard| shard.keyspace.signals.log = keyspace::log::Notes::on(1_000));
    }
    let keys = ["a", "v"].map(|key| vec!["SET", key, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"]);
    let sets = keys.iter().cycle().take(60).map(command);
    let unit: Vec<Command> = std::iter::once(command(["MULTI"])).chain(sets).chain([command(["EXEC"])]).collect();
    two.clients[0].send(&unit);
    settle(&mut two.world, &mut two.clients[..1], |_, _, _, _| {}).expect("it is answered");
    rest(&mut two.world, &mut two.clients).expect("the cores come to rest");
    for core in 0..2 {
        assert!(matches!(two.world.take_log(core), Taken::LostUpTo(_)), "core {core} lost something");
    }
    // What follows the loss shows no other gap.
    desk.reader = Reader::behind(last);
    assert_eq!(run(&mut desk, "INCR n"), "0> INCR n");
    assert_eq!(desk.reader.records[0].header.sequence, last + 1);
}
