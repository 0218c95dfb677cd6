//! S3-FIFO's queues over a keyspace: against the same queues over a plain map, and what comes in late.
#![allow(non_snake_case)]

use std::collections::{HashMap, HashSet};

use evict::policy::{Policy, Use};
use evict::time::UnixMillis;
use evict::victim::Choice;

use super::*;
use crate::hash::Random;
use crate::limits::{DataLimits, Pace, Removal};
use crate::store::access::DEFAULT_CHOICE;
use crate::store::{Db, Keyspace};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const S3FIFO: Choice = Choice { policy: Policy::AllKeysS3Fifo, ..DEFAULT_CHOICE };
const LRU: Choice = Choice { policy: Policy::AllKeysLru, ..DEFAULT_CHOICE };

fn under(choice: Choice) -> Keyspace {
    let mut keyspace = Keyspace::new(2, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default());
    keyspace.set_choice(choice, true);
    keyspace
}

fn store(keyspace: &mut Keyspace, db: Db, number: u32) -> Victim {
    let name = number.to_le_bytes();
    let key = keyspace.key(&name);
    let access = keyspace.made(NOW);
    keyspace.insert(db, key.slot, key.hash, Entry::new(&name, b"value", None, access));
    Victim::new(db, key.slot, key.hash)
}

fn store_all(keyspace: &mut Keyspace, db: Db, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        store(keyspace, db, number);
    }
}

/// Uses a key.
fn touch(keyspace: &mut Keyspace, db: Db, number: u32) {
    let name = number.to_le_bytes();
    let (key, made) = (keyspace.key(&name), keyspace.made(NOW));
    let place = keyspace.locate(db, &key).expect("a key that is used is there");
    keyspace.used(db, key.slot, place, Use::Read, NOW, made);
}

fn delete(keyspace: &mut Keyspace, db: Db, number: u32) {
    let name = number.to_le_bytes();
    let key = keyspace.key(&name);
    let place = keyspace.locate(db, &key).expect("a key that is deleted is there");
    keyspace.discard(db, key.slot, key.hash, place, Removal::Del);
}

/// The next victim, if there is one.
fn next(keyspace: &mut Keyspace) -> Option<Victim> {
    for _ in 0..1_000 {
        match keyspace.choose_victim(NOW) {
            Search::Victim(victim) => return Some(victim),
            Search::Nothing => return None,
            Search::Again => {}
        }
    }
    panic!("no victim among {} keys", keyspace.evictable());
}

/// The numbers of the keys in the order in which they are evicted.
fn evict_all(keyspace: &mut Keyspace) -> Vec<u32> {
    let mut order = Vec::new();
    while let Some(victim) = next(keyspace) {
        let table = keyspace.table(victim.db(), victim.slot()).expect("a victim's slot has a table");
        let entry = table.at(table.locate_hash(victim.hash(), keyspace.hasher()).expect("a victim is there"));
        order.push(u32::from_le_bytes(*entry.key().first_chunk().expect("keys are numbers")));
        assert!(keyspace.evict(victim) > 0);
    }
    order
}

/// Keys in a map, as the queues see them.
#[derive(Default)]
struct Map {
    keys: HashMap<(u16, u64), QueueBits>,
    lent: Option<Slot>,
}

fn name_of(key: Victim) -> (u16, u64) {
    (key.db().place(), key.hash())
}

impl Queued for Map {
    type Handle = Victim;

    fn held(&self, key: Victim) -> Held {
        match self.keys.get(&name_of(key)) {
            _ if self.lent == Some(key.slot()) => Held::Away,
            Some(bits) => Held::Here(*bits),
            None => Held::Gone,
        }
    }

    fn set_bits(&mut self, key: Victim, bits: QueueBits) {
        self.keys.insert(name_of(key), bits);
    }

    fn fingerprint(&self, key: Victim) -> u32 {
        (key.hash() >> 32) as u32 ^ u32::from(key.db().place()).wrapping_mul(0x9e37_79b1)
    }

    fn keys(&self) -> u64 {
        self.keys.len() as u64
    }
}

#[test]
fn FR_P2C_008_U011_queues_are_those_of_a_model() {
    let mut rng = fastrand::Rng::with_seed(17);
    let (mut keyspace, mut map, mut model) = (under(S3FIFO), Map::default(), S3Fifo::default());
    let mut known: HashMap<(u16, u32), Victim> = HashMap::new();
    for step in 0..60_000u32 {
        let (number, place) = (rng.u32(..2_000), rng.u16(..2));
        let (db, at) = (Db(place), (place, number));
        match (known.get(&at).copied(), rng.u8(..10)) {
            (Some(key), 0) => {
                delete(&mut keyspace, db, number);
                map.keys.remove(&name_of(key));
                known.remove(&at);
            }
            (Some(key), _) => {
                touch(&mut keyspace, db, number);
                let bits = map.keys.get_mut(&name_of(key)).expect("the model knows it");
                *bits = bits.used(NOW);
            }
            (None, _) => {
                let key = store(&mut keyspace, db, number);
                map.keys.insert(name_of(key), QueueBits::made(NOW));
                model.made(&mut map, key);
                known.insert(at, key);
            }
        }
        if known.len() > 700 {
            let expected = std::iter::repeat_with(|| model.choose(&mut map)).find(|search| *search != Search::Again);
            let Some(Search::Victim(expected)) = expected else { panic!("there are keys") };
            assert_eq!(next(&mut keyspace), Some(expected), "step {step}");
            keyspace.evict(expected);
            map.keys.remove(&name_of(expected));
            known.retain(|_, key| *key != expected);
        }
        assert!(!keyspace.adopt_some(), "nothing is ever late here");
    }
    assert_eq!(keyspace.evictable(), known.len() as u64);
    assert!(keyspace.stats.evicted_keys > 5_000, "{}", keyspace.stats.evicted_keys);
}

#[test]
fn FR_P2C_008_U011_an_evicted_key_that_comes_back_stays_longer() {
    let mut keyspace = under(S3FIFO);
    store_all(&mut keyspace, Db(0), 0..100);
    let first = next(&mut keyspace).expect("there are keys");
    keyspace.evict(first);
    assert_eq!(keyspace.table(Db(0), first.slot()).map(crate::table::Table::len), Some(0));
    // It is known by its ghost, so it outlives those that came with it and after it. In another database it is another key.
    store(&mut keyspace, Db(0), 0);
    store(&mut keyspace, Db(1), 0);
    let order = evict_all(&mut keyspace);
    assert_eq!(order.len(), 101);
    assert_eq!((order[99], order[100]), (0, 0), "{order:?}");
}

#[test]
fn keys_of_another_policy_are_all_taken_in() {
    let mut keyspace = under(LRU);
    for number in 0..20_000 {
        store(&mut keyspace, Db((number % 2) as u16), number);
    }
    keyspace.set_choice(S3FIFO, true);
    let mut pieces = 0;
    while keyspace.adopt_some() {
        pieces += 1;
        // Commands go on meanwhile.
        store(&mut keyspace, Db(0), 20_000 + pieces);
    }
    assert!((64..=200).contains(&pieces), "{pieces}");
    assert_eq!(evict_all(&mut keyspace).into_iter().collect::<HashSet<_>>().len() as u32, 20_000 + pieces);
    // What was chosen before all were taken in is found as well.
    store_all(&mut keyspace, Db(0), 0..5_000);
    keyspace.set_choice(LRU, true);
    keyspace.set_choice(S3FIFO, true);
    assert_eq!(evict_all(&mut keyspace).len(), 5_000);
}

/// Numbers of keys in the same slot as key 0, for databases of few keys.
fn slot_mates(keyspace: &Keyspace, count: usize) -> Vec<u32> {
    let slot = keyspace.key(&0u32.to_le_bytes()).slot;
    (0..).filter(|number: &u32| keyspace.key(&number.to_le_bytes()).slot == slot).take(count).collect()
}

#[test]
fn keys_that_are_made_in_a_slot_on_loan_are_taken_in() {
    for (borrower, made) in [(S3FIFO, 3), (S3FIFO, 400), (LRU, 3)] {
        let (mut owner, mut other) = (under(S3FIFO), under(borrower));
        let mates = slot_mates(&owner, 1 + made);
        let slot = store(&mut owner, Db(1), mates[0]).slot();
        other.put_slot(slot, owner.take_slot(slot));
        assert_eq!((owner.evictable(), next(&mut owner)), (0, None));
        for &number in &mates[1..] {
            store(&mut other, Db(0), number);
        }
        delete(&mut other, Db(0), mates[1]);
        assert_eq!((other.evictable(), next(&mut other)), (0, None), "a borrowed slot is not the borrower's to evict");
        owner.put_slot(slot, other.take_slot(slot));
        assert!(other.slots[slot.index()].is_empty());
        assert_eq!(owner.evictable(), made as u64);
        let mut evicted = evict_all(&mut owner);
        evicted.sort_unstable();
        let expected: Vec<u32> = mates.iter().copied().filter(|number| *number != mates[1]).collect();
        assert_eq!(evicted, expected, "{borrower:?}, {made} keys");
        assert!(!owner.adopt_some());
    }
}

#[test]
fn a_slot_that_is_on_loan_while_the_policy_changes_is_taken_in() {
    let (mut owner, mut other) = (under(LRU), under(S3FIFO));
    let mates = slot_mates(&owner, 40);
    store_all(&mut owner, Db(0), mates.iter().copied());
    let slot = owner.key(&mates[0].to_le_bytes()).slot;
    other.put_slot(slot, owner.take_slot(slot));
    owner.set_choice(S3FIFO, true);
    while owner.adopt_some() {}
    owner.put_slot(slot, other.take_slot(slot));
    assert_eq!(evict_all(&mut owner).len(), 40);
    // And when all is on loan.
    store_all(&mut owner, Db(0), mates.iter().copied());
    owner.set_choice(LRU, true);
    let lent = owner.lend_whole();
    owner.set_choice(S3FIFO, true);
    assert_eq!((owner.evictable(), next(&mut owner)), (0, None));
    owner.take_back_whole(lent);
    assert_eq!(evict_all(&mut owner).len(), 40);
}

#[test]
fn memory_of_queues_is_counted_and_given_back() {
    let mut keyspace = under(S3FIFO);
    let entries = |keyspace: &Keyspace| keyspace.slots.iter().map(SlotTables::heap_bytes).sum::<u64>();
    let queues = |keyspace: &Keyspace| keyspace.heap_bytes() - entries(keyspace);
    let empty = queues(&keyspace);
    store_all(&mut keyspace, Db(0), 0..100_000);
    let full = queues(&keyspace) - empty;
    assert!((1_200_000..1_400_000).contains(&full), "12 bytes for a key, and counts: {full}");
    // Handles of what is deleted one by one are dropped between commands.
    (0..99_000).for_each(|number| delete(&mut keyspace, Db(0), number));
    while keyspace.adopt_some() {}
    let few = queues(&keyspace) - empty;
    assert!(few < 150_000, "{few}");
    // A flush gives all of it up.
    keyspace.flush(Db(0), Pace::Lazy);
    while keyspace.adopt_some() {}
    while keyspace.free_dropped() {}
    assert_eq!(queues(&keyspace), empty);
    store_all(&mut keyspace, Db(0), 0..100_000);
    let pieces = {
        keyspace.set_choice(LRU, false);
        std::iter::repeat_with(|| keyspace.adopt_some()).take_while(|more| *more).count()
    };
    assert!((3..10).contains(&pieces), "it is freed in pieces: {pieces}");
    assert_eq!(queues(&keyspace), 0);
}
