//! What must hold of the choice of victims over a keyspace: the class, fairness, counts and memory.
#![allow(non_snake_case)]

use evict::policy::{Class, Policy};
use evict::victim::Choice;
use proptest::prelude::*;

use super::super::SlotTables;
use super::*;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::limits::{DataLimits, Pace, Removal};
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
    /// As many pieces as the scan of empty slots takes, and some.
    const ASKED_MAX: usize = 1_000;
    for _ in 0..ASKED_MAX {
        match keyspace.choose_victim(NOW) {
            Search::Victim(victim) => return Some(victim),
            Search::Nothing => return None,
            Search::Again => {}
        }
    }
    panic!("no victim among {} keys", keyspace.evictable());
}

/// How far `seen` is from `expected` each, as chi-square, and a bound that one in a thousand seeds exceeds (Wilson and Hilferty 1931).
fn chi_square(seen: &[u64], expected: f64) -> (f64, f64) {
    let distance = seen.iter().map(|&seen| (seen as f64 - expected).powi(2) / expected).sum();
    let freedom = (seen.len() - 1) as f64;
    let part = 2.0 / (9.0 * freedom);
    (distance, freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3))
}

/// How often each of so many keys, named by their numbers, is the one that a random policy chooses.
fn chosen(keyspace: &mut Keyspace, keys: usize, draws: u32) -> Vec<u64> {
    let mut seen = vec![0; keys];
    for _ in 0..draws {
        let victim = next(keyspace).expect("there are keys");
        let number = entry_of(keyspace, victim).key().first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        seen[number.expect("keys are numbers") as usize] += 1;
    }
    seen
}

/// Counts are those of the tables, in every place.
fn check_counts(keyspace: &Keyspace) {
    let Some(victims) = &keyspace.victims else { return };
    assert_eq!(victims.keys, victims.weights.iter().flatten().map(Weights::total).sum::<u64>());
    assert_eq!(victims.weights_bytes, victims.weights.iter().flatten().map(Weights::heap_bytes).sum::<usize>());
    for (place, weights) in (0..).zip(victims.weights.iter()) {
        for (slot, tables) in Slot::all().zip(keyspace.slots.iter()) {
            let table = tables.table(Db(place));
            let own = table.filter(|_| !keyspace.strays.guests.has(slot));
            let expected = own.map_or(0, |table| match victims.class {
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
                keyspace.expire_in(db, slot, NOW, 1, 1);
            }
        }
        Step::Flush => keyspace.flush(db, Pace::Lazy),
        Step::Swap => keyspace.swap_databases(0, number as usize),
        Step::Lend => {
            let slot = keyspace.key(&bytes).slot;
            let tables = keyspace.take_slot(slot);
            check_counts(keyspace);
            other.put_slot(slot, tables);
            store(other, db, &bytes, None);
            store(other, db, &[bytes.as_slice(), b"more"].concat(), Some(at(20)));
            check_counts(other);
            assert_eq!((other.evictable(), next(other)), (0, None), "a guest is not evicted");
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
            other.set_choice(choice(Policy::all().nth(usize::from(key) % 11).expect("there are eleven")), true);
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
        let evictable = keyspace.evictable();
        for _ in 0..evictable {
            let victim = next(&mut keyspace).expect("what is evictable is found");
            prop_assert!(keyspace.evict(victim) > 0);
        }
        prop_assert_eq!((keyspace.evictable(), next(&mut keyspace)), (0, None));
        keyspace.set_choice(choice(Policy::NoEviction), true);
        while keyspace.adopt_some() {}
        for number in 0..DATABASES {
            keyspace.flush(Db(number), Pace::Prompt);
        }
        while keyspace.free_dropped() {}
        let tables: u64 = keyspace.slots.iter().map(SlotTables::heap_bytes).sum();
        prop_assert_eq!(keyspace.heap_bytes(), tables, "nothing is left of the choice");
    }
}

#[test]
fn FR_P2C_008_U011_class_of_all_policies_is_never_violated() {
    for policy in Policy::all() {
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

#[test]
fn FR_P2C_008_U011_random_policies_are_fair_within_a_database() {
    // Slots of very different sizes: most keys are spread, some share a slot, which has more than a segment.
    for (policy, timed) in [(Policy::AllKeysRandom, 1), (Policy::VolatileRandom, 1), (Policy::VolatileRandom, 3)] {
        let mut keyspace = under(policy);
        for number in 0..9_000u32 {
            let mut name = number.to_le_bytes().to_vec();
            if number % 3 == 0 {
                name.extend_from_slice(b"{tag}");
            }
            let deadline = number.is_multiple_of(timed).then(|| NOW.saturating_add(1_000));
            store(&mut keyspace, Db(0), &name, deadline);
        }
        let seen = chosen(&mut keyspace, 9_000, 90_000);
        let members: Vec<u64> = seen.iter().copied().step_by(timed as usize).collect();
        assert_eq!(members.iter().sum::<u64>(), 90_000, "the others are not of the class");
        let (distance, bound) = chi_square(&members, 90_000.0 / members.len() as f64);
        assert!(distance < bound, "{}: {distance} of {bound}", policy.name());
    }
}

#[test]
fn FR_P2C_008_U011_one_key_in_10_000_has_a_deadline() {
    for policy in [Policy::VolatileRandom, Policy::VolatileLru, Policy::VolatileTtl] {
        let mut keyspace = under(policy);
        for number in 0..200_000u32 {
            let mut name = number.to_le_bytes().to_vec();
            // Half of them in one slot.
            name.extend_from_slice(if number % 20_000 < 10_000 { b"{a}" } else { b"" });
            let deadline = number.is_multiple_of(10_000).then(|| NOW.saturating_add(1_000));
            store(&mut keyspace, Db(0), &name, deadline);
        }
        assert_eq!(keyspace.evictable(), 20);
        let seen = chosen(&mut keyspace, 200_000, 2_000);
        let members: Vec<u64> = seen.iter().copied().step_by(10_000).collect();
        assert_eq!(members.iter().sum::<u64>(), 2_000, "{}", policy.name());
        if policy == Policy::VolatileRandom {
            let (distance, bound) = chi_square(&members, 100.0);
            assert!(distance < bound, "{distance} of {bound}");
        }
    }
}

#[test]
fn FR_P2C_008_U011_random_policies_take_databases_in_turn() {
    let mut keyspace = under(Policy::AllKeysRandom);
    for number in 0..900u32 {
        // A database has eight times as many keys as another.
        let db = Db(if number.is_multiple_of(9) { 0 } else { 2 });
        store(&mut keyspace, db, &number.to_le_bytes(), None);
    }
    let mut counts = [0; 3];
    for _ in 0..100 {
        let victim = next(&mut keyspace).expect("there are keys");
        counts[victim.db().place() as usize] += 1;
        keyspace.evict(victim);
    }
    assert_eq!(counts, [50, 0, 50]);
}

#[test]
fn FR_P2C_008_U011_what_ranks_first_goes_first_on_average() {
    // Keys in the order in which each policy should take them.
    for name in ["allkeys-lru", "volatile-lru", "allkeys-lrm", "allkeys-lfu", "volatile-lfu", "volatile-ttl"] {
        let policy = Policy::parse(name.as_bytes()).expect("there is such a policy");
        let mut keyspace = under(policy);
        for number in 0..2_000u32 {
            let age = i64::from(2_000 - number);
            store(&mut keyspace, Db(0), &number.to_le_bytes(), Some(NOW.saturating_add(i64::from(number) * 1_000)));
            let key_bytes = number.to_le_bytes();
            let key = keyspace.key(&key_bytes);
            let place = keyspace.locate(Db(0), &key).expect("it was stored just now");
            let access = match policy.counts_uses() {
                true => keyspace.restored(NOW, None, Some((number / 8) as u8)),
                false => keyspace.restored(NOW, Some(age), None),
            };
            keyspace.edit(Db(0), key.slot, place, |entry| entry.set_access(access));
        }
        let mut ranks: u64 = 0;
        for _ in 0..400 {
            let victim = next(&mut keyspace).expect("there are keys");
            let entry = entry_of(&keyspace, victim).key().first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            ranks += u64::from(entry.expect("keys are numbers"));
            keyspace.evict(victim);
        }
        // The first 400 have a mean of 200; at random it would be 1,000.
        assert!(ranks / 400 < 320, "{name}: mean rank {}", ranks / 400);
    }
}

#[test]
fn FR_P2C_008_U011_candidates_that_are_gone_are_passed_over() {
    for policy in [Policy::AllKeysLru, Policy::VolatileTtl, Policy::AllKeysS3Fifo] {
        let mut keyspace = under(policy);
        for number in 0..300u32 {
            store(&mut keyspace, Db(1), &number.to_le_bytes(), Some(NOW.saturating_add(1_000)));
        }
        let first = next(&mut keyspace).expect("there are keys");
        keyspace.evict(first);
        // What the pool and the queues remember is deleted, loses its deadline, or is on loan.
        for number in 0..297u32 {
            remove(&mut keyspace, Db(1), &number.to_le_bytes());
        }
        let lent = keyspace.key(&298u32.to_le_bytes()).slot;
        let tables = keyspace.take_slot(lent);
        let persisted = 297u32.to_le_bytes();
        let key = keyspace.key(&persisted);
        if let Some(place) = keyspace.locate(Db(1), &key) {
            keyspace.edit(Db(1), key.slot, place, |entry| entry.set_deadline(None));
        }
        while let Some(victim) = next(&mut keyspace) {
            let number = entry_of(&keyspace, victim).key().to_vec();
            assert!(policy.class() == Some(Class::All) || number != persisted);
            assert!(number != 298u32.to_le_bytes(), "it is on loan");
            keyspace.evict(victim);
        }
        keyspace.put_slot(lent, tables);
        let back = next(&mut keyspace).expect("it is back");
        assert_eq!((back.slot(), keyspace.evict(back) > 0, next(&mut keyspace)), (lent, true, None));
    }
}

#[test]
fn a_victim_is_told_of_and_counted() {
    let mut keyspace = under(Policy::AllKeysRandom);
    keyspace.signals.classes = EventClasses::EVICTED;
    keyspace.signals.every_change = true;
    keyspace.swap_databases(0, 1);
    keyspace.signals.upheavals.clear();
    store(&mut keyspace, Db(0), b"key", None);
    let before = keyspace.heap_bytes();
    let victim = next(&mut keyspace).expect("there is a key");
    let freed = keyspace.evict(victim);
    assert_eq!(freed, before - keyspace.heap_bytes());
    assert!(freed > 0 && keyspace.totals(Db(0)).keys == 0);
    let events: Vec<_> = keyspace.signals.events.iter().map(|event| (event.name, event.db, &*event.key)).collect();
    assert_eq!(events, [("evicted", 1, &b"key"[..])]);
    assert_eq!(keyspace.signals.changed.iter().map(|key| (key.db, &*key.key)).collect::<Vec<_>>(), [(1, &b"key"[..])]);
    assert_eq!((keyspace.stats.evicted_keys, keyspace.stats.changes), (1, 0));
}

#[test]
fn counts_take_memory_only_while_they_are_needed() {
    let mut keyspace = keyspace();
    (0..100u32).for_each(|number| store(&mut keyspace, Db(0), &number.to_le_bytes(), None));
    let without = keyspace.heap_bytes();
    for policy in Policy::all() {
        keyspace.set_choice(choice(policy), true);
        let with = keyspace.heap_bytes() - without;
        let (least, most) = match policy.class() {
            None => (0, 0),
            Some(Class::All) => (64 << 10, 72 << 10),
            // No key has a deadline, so no database needs counts.
            Some(Class::Volatile) => (0, 2 << 10),
        };
        assert!((least..=most).contains(&with), "{}: {with} bytes", policy.name());
        keyspace.set_choice(choice(policy), false);
        while keyspace.adopt_some() {}
        assert_eq!((keyspace.heap_bytes(), keyspace.evictable()), (without, 0), "{}", policy.name());
    }
}
