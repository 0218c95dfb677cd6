//! Deadlines of fields against a model: through changes of mind, moves of slots, and the removal of what is due.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::commands::testing::{Desk, START};
use crate::hash::Random;
use crate::limits::DataLimits;

/// Fields that a key has, with their deadlines.
type Hash = BTreeMap<u32, Option<i64>>;

/// Keys with their own deadlines. What is due stays until somebody removes it.
#[derive(Default)]
struct Model(BTreeMap<u32, (Option<i64>, Hash)>);

impl Model {
    /// The hash of a key to which a command comes: an expired key is gone by then.
    fn hash(&mut self, key: u32, now: i64) -> &mut Hash {
        self.0.retain(|other, (deadline, _)| *other != key || deadline.is_none_or(|at| now <= at));
        &mut self.0.entry(key).or_default().1
    }

    fn drop_empty(&mut self) {
        self.0.retain(|_, (_, fields)| !fields.is_empty());
    }

    fn expire(&mut self, now: i64) {
        self.0.retain(|_, (deadline, _)| deadline.is_none_or(|at| now < at));
        self.0.values_mut().for_each(|(_, fields)| fields.retain(|_, at| at.is_none_or(|at| now < at)));
        self.drop_empty();
    }

    fn earliest(&self) -> Option<i64> {
        let of = |(deadline, fields): &(Option<i64>, Hash)| fields.values().copied().flatten().chain(*deadline).min();
        self.0.values().filter_map(of).min()
    }

    fn timed(&self) -> u64 {
        self.0.values().filter(|(_, fields)| fields.values().any(Option::is_some)).count() as u64
    }
}

/// Removes all that is due, a few fields at a time.
fn expire_all(desk: &mut Desk) {
    let (db, now) = (desk.db(0), desk.now);
    let mut from = Slot::of(b"any");
    while let Some(slot) = desk.keyspace.due_slot(db, from, now) {
        let expired = desk.keyspace.expire_in(db, slot, now, 2, 5);
        assert!(expired.keys + expired.in_vain <= 2 && expired.looks() <= 5, "{expired:?}");
        from = slot;
    }
}

/// The fields of a key that are there, whether a command sees them or not.
fn stored(desk: &Desk, key: u32) -> Hash {
    let (name, db) = (format!("k{key}"), desk.db(0));
    let key = desk.keyspace.key(name.as_bytes());
    let Some(place) = desk.keyspace.locate(db, &key) else { return Hash::new() };
    let entry = desk.keyspace.at(db, key.slot, place);
    let number = |name: &[u8]| String::from_utf8_lossy(name).parse().expect("fields are numbers");
    match entry.object().and_then(Object::fields) {
        Some(fields) => {
            let deadline = |field: &Entry| field.deadline().map(|at| at.0 - START.0);
            fields.entries().map(|field| (number(field.key()), deadline(field))).collect()
        }
        None => {
            let mut hash = Hash::new();
            crate::types::hash::Hash::of(entry, START).for_each(|field, _| {
                hash.insert(number(&field.to_vec()), None);
            });
            hash
        }
    }
}

fn check(desk: &Desk, model: &Model) {
    for key in 0..3 {
        let expected = model.0.get(&key).map(|(_, fields)| fields.clone()).unwrap_or_default();
        assert_eq!(stored(desk, key), expected, "k{key}");
    }
    let totals = desk.keyspace.totals(desk.db(0));
    let volatile = model.0.values().filter(|(deadline, _)| deadline.is_some()).count() as u64;
    assert_eq!((totals.timed_hashes, totals.volatile), (model.timed(), volatile));
    if let Some(earliest) = model.earliest() {
        let bound = desk.keyspace.next_due(desk.db(0)).expect("something is due some time");
        assert!(bound.0 - START.0 <= earliest, "never too late");
    }
}

proptest! {
    #[test]
    fn fields_live_as_long_as_the_model_says(
        steps in proptest::collection::vec((0..16u8, 0..3u32, 0..400u32, 1..300i64), 0..1500),
    ) {
        let (mut desk, mut model) = (Desk::new(), Model::default());
        let mut other = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default());
        for (what, key, field, time) in steps {
            let now = desk.now.0 - START.0;
            let hash = model.hash(key, now);
            let seen = hash.get(&field).is_some_and(|at| at.is_none_or(|at| now <= at));
            match what {
                0..4 => {
                    desk.run(&format!("hset k{key} {field} 1"));
                    hash.insert(field, None);
                }
                4..8 => {
                    desk.run(&format!("hpexpire k{key} {time} fields 1 {field}"));
                    if seen {
                        hash.insert(field, Some(now + time));
                    }
                }
                8 => {
                    desk.run(&format!("hsetex k{key} px {time} fields 2 {field} v {} v", field + 1));
                    hash.extend([(field, Some(now + time)), (field + 1, Some(now + time))]);
                }
                9 => {
                    desk.run(&format!("hpersist k{key} fields 1 {field}"));
                    if seen {
                        hash.insert(field, None);
                    }
                }
                10 => {
                    desk.run(&format!("hincrby k{key} {field} 1"));
                    if !seen {
                        hash.insert(field, None);
                    }
                }
                11 => {
                    desk.run(&format!("hdel k{key} {field}"));
                    hash.remove(&field);
                }
                12 => {
                    let expected = if seen { ":1" } else { ":0" };
                    prop_assert_eq!(desk.run(&format!("hexists k{key} {field}")), expected);
                }
                13 => {
                    let slot = Slot::of(format!("k{key}").as_bytes());
                    other.put_slot(slot, desk.keyspace.take_slot(slot));
                    let moved = other.totals(other.db(0).expect("there are 16")).timed_hashes;
                    prop_assert_eq!(moved, hash.values().any(Option::is_some) as u64);
                    desk.keyspace.put_slot(slot, other.take_slot(slot));
                }
                14 => {
                    let exists = !hash.is_empty();
                    desk.run(&format!("pexpire k{key} {}", time * 10));
                    if exists {
                        model.0.entry(key).or_default().0 = Some(now + time * 10);
                    }
                }
                _ => {
                    desk.now.0 += time / 5;
                    expire_all(&mut desk);
                    model.expire(now + time / 5);
                }
            }
            model.drop_empty();
            desk.run(&format!("exists k{key}"));
            check(&desk, &model);
        }
    }
}

#[test]
fn a_large_hash_goes_in_pieces_and_its_bytes_with_it() {
    let mut desk = Desk::new();
    let empty = desk.keyspace.heap_bytes();
    for field in 0..20_000 {
        desk.run(&format!("hsetex k px {} fields 1 {field} v", 10 + field % 7));
    }
    desk.run("@later 20");
    let (db, now) = (desk.db(0), desk.now);
    let mut steps = 0;
    while let Some(slot) = desk.keyspace.due_slot(db, Slot::FIRST, now) {
        desk.keyspace.expire_in(db, slot, now, 1, 64);
        steps += 1;
    }
    assert!((313..700).contains(&steps), "{steps} steps");
    assert_eq!(desk.keyspace.stats.expired_fields, 20_000);
    assert_eq!((desk.run("exists k"), desk.keyspace.totals(db).timed_hashes), (":0".to_owned(), 0));
    let left = desk.keyspace.heap_bytes() - empty;
    assert_eq!(left, desk.table_bytes(), "{left} bytes");
}

#[test]
fn what_goes_is_told_once_for_all_fields_of_a_step() {
    let mut desk = Desk::new();
    desk.keyspace.signals.classes = EventClasses(u16::MAX);
    desk.run("hsetex k px 5 fields 3 a 1 b 1 c 1");
    desk.run("@later 5");
    let (db, now) = (desk.db(0), desk.now);
    desk.keyspace.signals.events.clear();
    let slot = desk.keyspace.due_slot(db, Slot::FIRST, now).expect("the hash is due");
    let removed = [2, 2].map(|max| desk.keyspace.expire_in(db, slot, now, 1, max).fields);
    assert_eq!(removed, [2, 1]);
    let events: Vec<_> = desk.keyspace.signals.events.iter().map(|event| event.name).collect();
    assert_eq!(events, ["hexpired", "hexpired", "del"]);
}
