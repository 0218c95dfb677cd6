//! What must hold of the choice of victims over a keyspace: the class, fairness, counts and memory.
#![allow(non_snake_case)]

use evict::policy::{Class, Policy};
use evict::victim::Choice;
use proptest::prelude::*;

use super::super::SlotTables;
use super::*;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::limits::{DataLimits, Removal};
use crate::store::access::DEFAULT_CHOICE;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const DATABASES: u16 = 3;

fn keyspace() -> Keyspace {
    Keyspace::new(DATABASES, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default())
}

fn choice(policy: Policy) -> Choice {
    Choice { policy, ..DEFAULT_CHOICE }
}

/// A keyspace under a policy, with memory limited.
fn under(policy: Policy) -> Keyspace {
    let mut keyspace = keyspace();
    keyspace.set_choice(choice(policy), true);
    keyspace
}

fn store(keyspace: &mut Keyspace, db: Db, bytes: &[u8], deadline: Option<UnixMillis>) {
    remove(keyspace, db, bytes);
    let access = keyspace.made(NOW);
    let key = keyspace.key(bytes);
    keyspace.insert(db, key.slot, key.hash, Entry::new(bytes, b"value", deadline, access));
}

fn remove(keyspace: &mut Keyspace, db: Db, bytes: &[u8]) {
    let key = keyspace.key(bytes);
    if let Some(place) = keyspace.locate(db, &key) {
        keyspace.discard(db, key.slot, key.hash, place, Removal::Del);
    }
}

/// The key and the deadline of a victim that is there.
fn entry_of(keyspace: &Keyspace, victim: Victim) -> &Entry {
    let table = keyspace.table(victim.db(), victim.slot()).expect("a victim's slot has a table");
    table.at(table.locate_hash(victim.hash(), keyspace.hasher()).expect("a victim is there"))
}

/// The next victim; `None` if there is none.
fn next(keyspace: &mut Keyspace) -> Option<Victim> {
    loop {
        match keyspace.choose_victim(NOW) {
            Search::Victim(victim) => return Some(victim),
            Search::Nothing => return None,
            Search::Again => {}
        }
    }
}

/// Counts are those of the tables, in every place.
fn check_counts(keyspace: &Keyspace) {
    let Some(victims) = &keyspace.victims else { return };
    for (place, weights) in (0..).zip(victims.weights.iter()) {
        for (slot, tables) in Slot::all().zip(keyspace.slots.iter()) {
            let table = tables.table(Db(place));
            let expected = table.map_or(0, |table| match victims.class {
                Class::All => table.len(),
                Class::Volatile => table.volatile(),
            });
            let held = weights.as_ref().map_or(0, |weights| weights.get(slot.index()));
            assert_eq!(held as usize, expected, "database {place}, slot {}", slot.number());
        }
    }
}

/// A step of the property test: on the key `key` of database `db`.
#[derive(Clone, Debug)]
enum Step {
    Store(Option<i64>),
    Remove,
    Deadline(Option<i64>),
    Expire,
    Flush,
    Swap,
    Lend,
    LendWhole,
    Choose(usize),
    Evict,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u16, u8)>> {
    let when = || prop::option::of(-5..50i64);
    let step = prop_oneof![
        8 => when().prop_map(Step::Store),
        3 => Just(Step::Remove),
        3 => when().prop_map(Step::Deadline),
        2 => Just(Step::Expire),
        1 => Just(Step::Flush),
        1 => Just(Step::Swap),
        2 => Just(Step::Lend),
        1 => Just(Step::LendWhole),
        1 => (0..11usize).prop_map(Step::Choose),
        3 => Just(Step::Evict),
    ];
    prop::collection::vec((step, 0..DATABASES, 0..40u8), 0..120)
}

fn take(keyspace: &mut Keyspace, other: &mut Keyspace, step: Step, number: u16, key: u8) {
    let db = keyspace.db(number as usize).expect("the number is that of a database");
    let bytes = [b'{', key / 4, b'}', key];
    let at = |millis: i64| NOW.saturating_add(millis);
    match step {
        Step::Store(millis) => store(keyspace, db, &bytes, millis.map(at)),
        Step::Remove => remove(keyspace, db, &bytes),
        Step::Deadline(millis) => {
            let key = keyspace.key(&bytes);
            if let Some(place) = keyspace.locate(db, &key) {
                keyspace.edit(db, key.slot, place, |entry| entry.set_deadline(millis.map(at)));
            }
        }
        Step::Expire => {
            if let Some(slot) = keyspace.due_slot(db, Slot::FIRST, NOW) {
                keyspace.expire_in(db, slot, NOW, 1);
            }
        }
        Step::Flush => keyspace.flush(db),
        Step::Swap => keyspace.swap_databases(0, number as usize),
        Step::Lend => {
            let slot = keyspace.key(&bytes).slot;
            let tables = keyspace.take_slot(slot);
            check_counts(keyspace);
            other.put_slot(slot, tables);
            store(other, db, &bytes, None);
            check_counts(other);
            keyspace.put_slot(slot, other.take_slot(slot));
            check_counts(other);
        }
        Step::LendWhole => {
            let mut lent = keyspace.lend_whole();
            assert_eq!((keyspace.evictable(), next(keyspace)), (0, None), "all is on loan");
            store(&mut lent, db, &bytes, Some(at(9)));
            check_counts(&lent);
            keyspace.take_back_whole(lent);
        }
        Step::Choose(policy) => {
            let policy = Policy::all().nth(policy).expect("there are eleven");
            keyspace.set_choice(choice(policy), key > 5);
        }
        Step::Evict => {
            let before = keyspace.evictable();
            if let Some(victim) = next(keyspace) {
                keyspace.evict(victim);
                assert_eq!(keyspace.evictable(), before - 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn FR_P2C_008_U011_counts_stay_true(steps in steps()) {
        let mut keyspace = under(Policy::AllKeysLru);
        let mut other = under(Policy::VolatileTtl);
        for (step, db, key) in steps {
            take(&mut keyspace, &mut other, step, db, key);
            check_counts(&keyspace);
            check_counts(&other);
        }
        keyspace.set_choice(choice(Policy::NoEviction), true);
        for number in 0..DATABASES {
            keyspace.flush(Db(number));
        }
        while keyspace.free_dropped() {}
        let tables: u64 = keyspace.slots.iter().map(SlotTables::heap_bytes).sum();
        prop_assert_eq!(keyspace.heap_bytes(), tables, "nothing is left of the choice");
    }
}

#[test]
fn FR_P2C_008_U011_class_of_all_policies_is_never_violated() {
    for policy in Policy::all().filter(|policy| *policy != Policy::AllKeysS3Fifo) {
        let mut keyspace = under(policy);
        for number in 0..2_000u32 {
            let deadline = number.is_multiple_of(5).then(|| NOW.saturating_add(i64::from(number) * 1_000));
            let db = Db((number % u32::from(DATABASES)) as u16);
            store(&mut keyspace, db, &number.to_le_bytes(), deadline);
        }
        let expected = match policy.class() {
            None => 0,
            Some(Class::All) => 2_000,
            Some(Class::Volatile) => 400,
        };
        assert_eq!(keyspace.evictable(), expected, "{}", policy.name());
        let mut evicted = 0;
        while let Some(victim) = next(&mut keyspace) {
            let volatile = entry_of(&keyspace, victim).deadline().is_some();
            assert!(volatile || policy.class() == Some(Class::All), "{}", policy.name());
            assert!(keyspace.evict(victim) > 0);
            assert_eq!(keyspace.evict(victim), 0, "it is gone");
            evicted += 1;
        }
        assert_eq!((evicted, keyspace.stats.evicted_keys), (expected, expected), "{}", policy.name());
        assert_eq!(keyspace.evictable(), 0);
    }
}
