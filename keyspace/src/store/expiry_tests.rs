//! Deadlines against a model: through moves of slots, flushes, and changes of mind.

use std::collections::BTreeMap;

use evict::access::AccessBits;
use proptest::prelude::*;

use super::*;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::limits::{DataLimits, Pace};
use crate::store::SlotTables;

fn keyspace() -> Keyspace {
    Keyspace::new(2, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default())
}

/// Keys of few slots, so that some have many and some have one.
fn name(number: u32) -> Vec<u8> {
    match number % 3 {
        0 => format!("{{a}}{number}").into_bytes(),
        1 => format!("{{b{}}}{number}", number % 7).into_bytes(),
        _ => number.to_string().into_bytes(),
    }
}

fn put(keyspace: &mut Keyspace, number: u32, deadline: Option<i64>) {
    let bytes = name(number);
    let (db, key) = (keyspace.db(0).expect("there are two"), keyspace.key(&bytes));
    let deadline = deadline.map(UnixMillis);
    match keyspace.locate(db, &key) {
        Some(place) => keyspace.edit(db, key.slot, place, |entry| entry.set_deadline(deadline)),
        None => keyspace.insert(db, key.slot, key.hash, Entry::new(&bytes, b"value", deadline, AccessBits::default())),
    }
}

fn delete(keyspace: &mut Keyspace, number: u32) {
    let bytes = name(number);
    let (db, key) = (keyspace.db(0).expect("there are two"), keyspace.key(&bytes));
    if let Some(place) = keyspace.locate(db, &key) {
        keyspace.discard(db, key.slot, key.hash, place, Removal::Del);
    }
}

/// Removes all that is due, and says in how many steps.
fn expire_all(keyspace: &mut Keyspace, now: i64) -> usize {
    let db = keyspace.db(0).expect("there are two");
    let (mut steps, mut from) = (1, Slot::of(b"any"));
    while let Some(slot) = keyspace.due_slot(db, from, UnixMillis(now)) {
        let ahead = keyspace.due_slot(db, slot.next(), UnixMillis(now)).unwrap_or(slot);
        (0..2 * Keyspace::STEPS_AHEAD).for_each(|step| keyspace.prefetch_due(db, ahead, UnixMillis(now), step));
        keyspace.expire_in(db, slot, UnixMillis(now), 3, 3);
        (steps, from) = (steps + 1, slot);
    }
    steps
}

fn names(keyspace: &Keyspace) -> Vec<Vec<u8>> {
    let db = keyspace.db(0).expect("there are two");
    let mut names: Vec<Vec<u8>> = keyspace.entries(db).map(|entry| entry.key().to_vec()).collect();
    names.sort_unstable();
    names
}

proptest! {
    #[test]
    fn what_is_due_is_removed_and_nothing_else(
        steps in proptest::collection::vec((0..10u8, 0..5000u32, 0..300i64), 0..4000),
    ) {
        let (mut keyspace, mut other) = (keyspace(), keyspace());
        let mut model: BTreeMap<u32, Option<i64>> = BTreeMap::new();
        let mut now = 0;
        for (what, number, time) in steps {
            match what {
                0..6 => {
                    let deadline = (what != 0).then_some(now + time);
                    put(&mut keyspace, number, deadline);
                    model.insert(number, deadline);
                }
                6 => {
                    delete(&mut keyspace, number);
                    model.remove(&number);
                }
                7 => {
                    // A slot is lent, changed elsewhere, and comes back.
                    let slot = Slot::of(&name(number));
                    other.put_slot(slot, keyspace.take_slot(slot));
                    put(&mut other, number, Some(now + time));
                    model.insert(number, Some(now + time));
                    let tables: SlotTables = other.take_slot(slot);
                    prop_assert_eq!(other.next_due(other.db(0).expect("there are two")), None);
                    keyspace.put_slot(slot, tables);
                }
                _ => {
                    now += time / 10;
                    expire_all(&mut keyspace, now);
                    model.retain(|_, deadline| deadline.is_none_or(|at| now < at));
                    let mut expected: Vec<Vec<u8>> = model.keys().map(|number| name(*number)).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(names(&keyspace), expected);
                    let db = keyspace.db(0).expect("there are two");
                    let earliest = model.values().flatten().min();
                    prop_assert!(keyspace.next_due(db).is_none_or(|at| at.0 > now));
                    if let Some(earliest) = earliest {
                        prop_assert!(keyspace.next_due(db).is_some_and(|at| at.0 <= *earliest));
                    }
                }
            }
        }
        let volatile = model.values().flatten().count() as u64;
        prop_assert_eq!(keyspace.totals(keyspace.db(0).expect("there are two")).volatile, volatile);
    }
}

#[test]
fn a_deadline_costs_few_bytes_beyond_its_entry() {
    let (mut plain, mut volatile) = (keyspace(), keyspace());
    for number in 0..200_000u32 {
        put(&mut plain, number * 3, None);
        put(&mut volatile, number * 3, Some(i64::from(number)));
    }
    let entries = |keyspace: &Keyspace| -> u64 {
        let db = keyspace.db(0).expect("there are two");
        keyspace.entries(db).map(|entry| entry.heap_bytes() as u64).sum()
    };
    let own = |keyspace: &Keyspace| keyspace.heap_bytes() - entries(keyspace);
    let per_key = (own(&volatile) - own(&plain)) as f64 / 200_000.0;
    assert!(per_key < 4.5, "{per_key} bytes");
}

#[test]
fn a_million_keys_of_one_moment_go_in_about_as_many_steps() {
    let mut keyspace = keyspace();
    for number in 0..1_000_000u32 {
        put(&mut keyspace, number, Some(1000));
    }
    assert_eq!(expire_all(&mut keyspace, 999), 1);
    let steps = expire_all(&mut keyspace, 1000);
    assert!(names(&keyspace).is_empty());
    assert!(steps < 1_400_000, "{steps}");
}

#[test]
fn deadlines_that_are_always_put_off_are_looked_at_seldom() {
    let mut keyspace = keyspace();
    let (keys, rounds) = (10_000, 100);
    let mut steps = 0;
    for round in 0..rounds {
        for number in 0..keys {
            put(&mut keyspace, number, Some(round * 1000 + 60_000));
        }
        steps += expire_all(&mut keyspace, round * 1000);
    }
    assert_eq!(names(&keyspace).len(), keys as usize);
    assert!(steps < keys as usize * 2, "{steps} looks for {} changes", keys as i64 * rounds);
}

#[test]
fn the_last_moment_never_comes() {
    let mut keyspace = keyspace();
    put(&mut keyspace, 1, Some(i64::MAX));
    put(&mut keyspace, 2, Some(i64::MIN));
    expire_all(&mut keyspace, i64::MAX);
    assert_eq!(names(&keyspace), [name(1)]);
}

#[test]
fn a_flush_forgets_deadlines_and_keeps_who_listens() {
    let mut keyspace = keyspace();
    put(&mut keyspace, 1, Some(5));
    let (db, slot) = (keyspace.db(0).expect("there are two"), Slot::of(&name(1)));
    keyspace.listen(slot, true);
    keyspace.flush(db, Pace::Prompt);
    assert_eq!((keyspace.next_due(db), expire_all(&mut keyspace, 9)), (None, 1));
    assert!(keyspace.slots[slot.index()].first.is_marked());
}
