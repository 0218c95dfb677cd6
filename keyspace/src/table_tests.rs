//! A table is a set of keys through growth, splits, joins and shrinking, and a scan misses nothing that stays.

use std::collections::HashMap;

use super::*;
use crate::hash::Random;
use evict::access::AccessBits;

/// What the tests that `miri.sh` runs divide their work by: Miri takes ten thousand times as long for tables.
const SHARE: u32 = if cfg!(miri) { 128 } else { 1 };

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

fn put(table: &mut Table, hasher: &KeyHasher, key: u32) {
    let key = key.to_string();
    table.insert(hasher.hash(key.as_bytes()), Entry::new(key.as_bytes(), b"v", None, AccessBits::new(0)), hasher);
}

fn cut(table: &mut Table, hasher: &KeyHasher, key: u32) -> bool {
    let key = key.to_string();
    let hash = hasher.hash(key.as_bytes());
    match table.locate(hash, key.as_bytes()) {
        Some(place) => {
            table.remove(hash, place, hasher);
            true
        }
        None => false,
    }
}

fn real_bytes(table: &Table) -> usize {
    match &table.root {
        Root::One(table) => table.heap_bytes(),
        Root::Many(directory) => directory.tables().map(Entries::heap_bytes).sum(),
    }
}

#[test]
fn follows_a_set_through_growth_and_shrinking() {
    let (hasher, mut table, mut random) = (hasher(), Table::default(), Random::new(1));
    let mut model: HashMap<u32, ()> = HashMap::new();
    // Three waves: up to 40,000 entries, down to none, up again.
    for (rounds, adding) in [(60_000, 9), (250_000, 1), (20_000, 9)] {
        for _ in 0..rounds / SHARE {
            let key = random.below(50_000 / u64::from(SHARE)) as u32;
            if random.below(10) < adding {
                if model.insert(key, ()).is_none() {
                    put(&mut table, &hasher, key);
                }
            } else {
                assert_eq!(model.remove(&key).is_some(), cut(&mut table, &hasher, key));
            }
            assert_eq!(table.len(), model.len());
        }
        assert_eq!(table.iter().count(), model.len());
        for key in model.keys() {
            let key = key.to_string();
            let place = table.locate(hasher.hash(key.as_bytes()), key.as_bytes()).unwrap();
            assert_eq!(table.at(place).key(), key.as_bytes());
        }
        let entry_bytes = table.iter().map(Entry::heap_bytes).sum::<usize>();
        let overhead = table.heap_bytes() as usize - entry_bytes - real_bytes(&table);
        assert!(overhead < 8192 + table.len(), "{overhead} bytes beside the tables");
    }
}

#[test]
fn emptied_table_is_small_again() {
    let (hasher, mut table) = (hasher(), Table::default());
    (0..100_000).for_each(|key| put(&mut table, &hasher, key));
    assert!(matches!(table.root, Root::Many(_)));
    (0..100_000).for_each(|key| assert!(cut(&mut table, &hasher, key)));
    assert!(matches!(table.root, Root::One(_)) && table.heap_bytes() < 1000, "{} bytes left", table.heap_bytes());
}

#[test]
fn scan_returns_what_stays_while_the_table_changes() {
    for (stay, come) in [(50, 100), (3_000 / SHARE, 30_000 / SHARE)] {
        let (hasher, mut table, mut random) = (hasher(), Table::default(), Random::new(7));
        (0..stay).for_each(|key| put(&mut table, &hasher, key));
        let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
        let (mut position, mut steps, mut present) = (0, 0, false);
        loop {
            let next = table.scan(position, 10, &hasher, &mut |_, e| {
                *seen.entry(e.key().to_vec()).or_default() += 1;
                1
            });
            steps += 1;
            // Grow far, then shrink again, several times during the scan.
            if steps % (stay / 60 + 1) == 0 {
                for key in stay..stay + come {
                    let changed = if present {
                        cut(&mut table, &hasher, key)
                    } else {
                        put(&mut table, &hasher, key);
                        true
                    };
                    assert!(changed);
                }
                present = !present;
            }
            random.draw();
            match next {
                Some(next) => {
                    assert!(next > position);
                    position = next;
                }
                None => break,
            }
        }
        for key in 0..stay {
            assert_eq!(seen.get(key.to_string().as_bytes()), Some(&1), "key {key} of {stay}");
        }
    }
}

#[test]
fn samples_are_spread() {
    let (hasher, mut table, mut random) = (hasher(), Table::default(), Random::new(3));
    (0..4_000).for_each(|key| put(&mut table, &hasher, key));
    let mut counts: HashMap<Vec<u8>, u32> = HashMap::new();
    for _ in 0..80_000 {
        *counts.entry(table.sample(&mut random).unwrap().key().to_vec()).or_default() += 1;
    }
    // Twenty draws each on average: a fair draw leaves hardly any key without one.
    assert!(counts.len() > 3_990 && counts.values().all(|&n| n < 80), "{} keys drawn", counts.len());
}

#[test]
fn draws_every_entry_alike() {
    let (hasher, mut random) = (hasher(), Random::new(9));
    // Segments of different depth and load: many keys, then few of some ranges.
    for (keys, kept) in [(5, 5), (3000, 3000), (20_000, 1500)] {
        let mut table = Table::default();
        (0..keys).for_each(|key| put(&mut table, &hasher, key));
        (kept..keys).for_each(|key| assert!(cut(&mut table, &hasher, key)));
        check_draws(&table, &mut random);
    }
    assert!(Table::default().sample(&mut random).is_none());
}

#[test]
fn draws_every_entry_alike_where_one_range_is_left() {
    let (hasher, mut random, mut table) = (hasher(), Random::new(11), Table::default());
    (0..40_000).for_each(|key| put(&mut table, &hasher, key));
    let mut keys: Vec<Vec<u8>> = table.iter().map(|entry| entry.key().to_vec()).collect();
    keys.sort_unstable_by_key(|key| hasher.hash(key));
    for key in &keys[500..] {
        let hash = hasher.hash(key);
        let place = table.locate(hash, key).expect("the key was listed and not removed yet");
        table.remove(hash, place, &hasher);
    }
    check_draws(&table, &mut random);
}

fn check_draws(table: &Table, random: &mut Random) {
    let mut seen: HashMap<Vec<u8>, u64> = HashMap::new();
    for _ in 0..table.len() * 50 {
        *seen.entry(table.sample(random).expect("the table is not empty").key().to_vec()).or_default() += 1;
    }
    assert_eq!(seen.len(), table.len());
    let distance: f64 = seen.values().map(|&count| (count as f64 - 50.0).powi(2) / 50.0).sum();
    // Chi-square: six standard deviations above its mean.
    let freedom = table.len() as f64 - 1.0;
    assert!(distance < freedom + 6.0 * (2.0 * freedom).sqrt(), "{distance} for {} keys", table.len());
}
