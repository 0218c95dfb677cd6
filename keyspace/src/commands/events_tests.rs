//! Every command's events and changed keys are those of redis-server: the rows of `events.txt` were taken down from it.

use std::collections::BTreeSet;

use crate::commands::testing::Desk;
use crate::commands::{rows, whole_rows};
use crate::signals::{Change, EventClasses, Upheaval};
use crate::slot::Slot;
use crate::spec::{CommandSpec, Flags};

const TABLE: &str = include_str!("events.txt");

/// One line of the table.
struct Row {
    setup: Vec<&'static str>,
    command: &'static str,
    events: &'static str,
    changed: BTreeSet<&'static str>,
}

fn table() -> impl Iterator<Item = Row> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let mut fields = line.split('|').map(str::trim);
        let mut next = || fields.next().unwrap_or("");
        let (setup, command, events, changed) = (next(), next(), next(), next());
        let setup = setup.split(';').map(str::trim).filter(|line| !line.is_empty()).collect();
        Row { setup, command, events, changed: changed.split_whitespace().collect() }
    })
}

/// A keyspace as a row's command finds it, with someone who listens to all slots, and the classes that are wanted.
fn prepared(row: &Row, classes: EventClasses) -> Desk {
    let mut desk = Desk::new();
    row.setup.iter().for_each(|line| {
        let reply = desk.run(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    });
    Slot::all().for_each(|slot| desk.keyspace.listen(slot, true));
    desk.keyspace.signals.classes = classes;
    desk
}

fn named(db: u16, key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    if db == 0 { key.into_owned() } else { format!("{db}/{key}") }
}

fn events(desk: &mut Desk) -> String {
    let events = std::mem::take(&mut desk.keyspace.signals.events);
    let shown: Vec<_> = events.iter().map(|event| format!("{} {}", event.name, named(event.db, &event.key))).collect();
    shown.join(", ")
}

const ALL: EventClasses = EventClasses(u16::MAX);

#[test]
fn events_are_those_of_redis() {
    for row in table() {
        let mut desk = prepared(&row, ALL);
        let reply = desk.run(row.command);
        assert_eq!(events(&mut desk), row.events, "{:?}, {}: {reply}", row.setup, row.command);
        let mut desk = prepared(&row, EventClasses::default());
        desk.run(row.command);
        assert_eq!(events(&mut desk), "", "{}: nobody wants to hear of it", row.command);
    }
}

#[test]
fn changed_keys_are_those_that_watch_hears_of() {
    for row in table() {
        let mut desk = prepared(&row, EventClasses::default());
        desk.run(row.command);
        let signals = &desk.keyspace.signals;
        let noted = signals.changed.iter().filter(|changed| changed.what == Change::Value);
        let noted: BTreeSet<String> = noted.map(|changed| named(changed.db, &changed.key)).collect();
        assert_eq!(signals.pending, !(signals.changed.is_empty() && signals.upheavals.is_empty()), "{}", row.command);
        if signals.upheavals.is_empty() {
            assert!(noted.iter().eq(&row.changed), "{:?}, {}: {noted:?}", row.setup, row.command);
        } else {
            assert!(noted.is_empty(), "{}", row.command);
            let stirred = |db: u16| {
                signals.upheavals.iter().any(|upheaval| match *upheaval {
                    Upheaval::Flushed(flushed) => flushed == db,
                    Upheaval::Swapped(one, other) => one == db || other == db,
                })
            };
            let db = |key: &str| key.split_once('/').map_or(0, |(db, _)| db.parse().expect("the number of a database"));
            assert!(row.changed.iter().all(|key| stirred(db(key))), "{}", row.command);
        }
    }
}

#[test]
fn nothing_is_noted_where_nobody_listens() {
    for row in table() {
        let mut desk = prepared(&row, EventClasses::default());
        Slot::all().for_each(|slot| desk.keyspace.listen(slot, false));
        desk.run(row.command);
        assert!(desk.keyspace.signals.changed.is_empty(), "{}", row.command);
    }
}

/// The classes of events, with the letters of `notify-keyspace-events`, as redis-server publishes them.
const CLASSES: [(EventClasses, &str); 10] = [
    (EventClasses::GENERIC, "copy_to del expire move_from move_to persist rename_from rename_to restore"),
    (EventClasses::STRING, "append incrby incrbyfloat pfadd set setbit setrange"),
    (EventClasses::LIST, "linsert lpop lpush lrem lset ltrim rpop rpush sortstore"),
    (EventClasses::SET, "sadd sdiffstore sinterstore spop srem sunionstore"),
    (EventClasses::HASH, "hdel hexpire hincrby hincrbyfloat hpersist hset"),
    (
        EventClasses::SORTED_SET,
        "georadiusstore geosearchstore zadd zdiffstore zincr zinterstore zpopmax zpopmin zrangestore zrem \
         zremrangebylex zremrangebyrank zremrangebyscore zunionstore",
    ),
    (EventClasses::EXPIRED, "expired"),
    (
        EventClasses::STREAM,
        "xadd xdel xgroup-create xgroup-createconsumer xgroup-delconsumer xgroup-destroy xgroup-setid xsetid xtrim",
    ),
    (EventClasses::NEW, "new"),
    (EventClasses::KEY_MISS, "keymiss"),
];

#[test]
fn every_event_has_the_class_of_redis() {
    for (class, expected) in CLASSES {
        let mut seen = BTreeSet::new();
        for row in table() {
            let mut desk = prepared(&row, class);
            desk.run(row.command);
            seen.extend(desk.keyspace.signals.events.iter().map(|event| event.name));
        }
        assert!(seen.iter().copied().eq(expected.split(' ')), "{class:?}: {seen:?}");
    }
}

/// True if a row of the table runs the command.
fn is_in_table(spec: &CommandSpec) -> bool {
    let names: Vec<&str> = spec.name.split('|').collect();
    table().any(|row| {
        let mut words = row.command.split(' ');
        names.iter().all(|name| words.next().is_some_and(|word| word.eq_ignore_ascii_case(name)))
    })
}

#[test]
fn every_command_that_writes_has_a_row() {
    let specs = rows().map(|row| &row.spec).chain(whole_rows().map(|row| &row.spec));
    let missing: Vec<_> =
        specs.filter(|spec| spec.flags.has(Flags::WRITE) && !is_in_table(spec)).map(|spec| spec.name).collect();
    assert!(missing.is_empty(), "{missing:?} are not in events.txt");
}
