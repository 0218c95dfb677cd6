//! Choosing victims in the model: `expire-evict.md` §11, U011.
#![allow(non_snake_case)]

use super::*;
use crate::model::{At, Model};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn choice(policy: Policy) -> Choice {
    Choice { policy, samples: 5, lfu: LfuSettings::default() }
}

fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    move || rng.u64(..)
}

/// Keys over some databases and slots, every third with a deadline. The larger its number, the longer unused, the less often used
/// and the nearer its deadline.
fn filled(databases: u16, keys: u64) -> Model {
    let mut model = Model::new(usize::from(databases));
    for hash in 0..keys {
        let at = At { db: (hash % u64::from(databases)) as u16, slot: (hash / 7 % 5) as u16, hash };
        let age = hash as i64 * 2_000;
        let when = (hash % 3 == 0).then_some(UnixMillis(NOW.0 + 1_000_000_000 - age));
        model.insert(at, AccessBits::lru(UnixMillis(NOW.0 - age)), when, 100);
    }
    model
}

#[test]
pub(crate) fn FR_P2C_008_U011_no_key_outside_the_class() {
    for policy in Policy::all().filter(|policy| *policy != Policy::AllKeysS3Fifo) {
        let mut model = filled(4, 300);
        let volatile = model.keys.values().filter(|key| key.when.is_some()).count();
        let mut chooser = Chooser::default();
        let mut random = random(5);
        let mut evicted = 0;
        while let Some(victim) = chooser.choose(&mut model, &choice(policy), NOW, &mut random) {
            let key = model.remove(victim).expect("a victim is there");
            let class = policy.class().expect("what chooses has a class");
            assert!(class.has(key.when), "{} took {victim:?}", policy.name());
            evicted += 1;
        }
        let expected = match policy.class() {
            None => 0,
            Some(Class::All) => 300,
            Some(Class::Volatile) => volatile,
        };
        assert_eq!(evicted, expected, "{} goes on until its class is empty", policy.name());
    }
}

#[test]
pub(crate) fn FR_P2C_008_U011_takes_what_the_policy_means() {
    for policy in [Policy::AllKeysLru, Policy::VolatileLru, Policy::VolatileTtl, Policy::AllKeysLrm] {
        let mut model = filled(1, 2_000);
        let mut chooser = Chooser::default();
        let mut random = random(8);
        let choice = Choice { samples: 10, ..choice(policy) };
        let victims: Vec<u64> = (0..200)
            .map(|_| {
                let victim = chooser.choose(&mut model, &choice, NOW, &mut random).expect("keys are left");
                model.remove(victim);
                victim.hash
            })
            .collect();
        // A fair draw would come to 1000; the exact order to above 1700.
        let mean = victims.iter().sum::<u64>() / 200;
        assert!(mean > 1_650, "{}: {mean}", policy.name());
    }
}

#[test]
fn FR_P2C_008_U011_few_keys_are_taken_in_exact_order() {
    // Small enough that each round samples all that matter: the pool remembers the best.
    let mut model = filled(1, 12);
    let mut chooser = Chooser::default();
    let mut random = random(2);
    let choice = Choice { samples: 64, ..choice(Policy::AllKeysLru) };
    let victim = chooser.choose(&mut model, &choice, NOW, &mut random).expect("keys are left");
    let mut order = vec![victim.hash];
    model.remove(victim);
    while let Some(victim) = chooser.choose(&mut model, &choice, NOW, &mut random) {
        model.remove(victim);
        order.push(victim.hash);
    }
    assert_eq!(order.len(), 12);
    let inversions = order.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(inversions <= 5, "{order:?}");
}

#[test]
pub(crate) fn FR_P2C_008_U011_random_is_fair_over_databases_and_keys() {
    for policy in [Policy::AllKeysRandom, Policy::VolatileRandom] {
        // Slots of very different sizes, and a database without keys.
        let mut model = Model::new(4);
        for (db, keys) in [(0, 10), (1, 40), (3, 20)] {
            for hash in 0..keys {
                let slot = if hash < 3 { hash as u16 } else { 100 };
                model.insert(At { db, slot, hash }, AccessBits::default(), Some(NOW), 1);
            }
        }
        const DRAWS: usize = 30_000;
        let mut chooser = Chooser::default();
        let mut random = random(77);
        let mut seen = std::collections::HashMap::<At, u32>::new();
        for _ in 0..DRAWS {
            let victim = chooser.choose(&mut model, &choice(policy), NOW, &mut random).expect("keys are there");
            *seen.entry(victim).or_default() += 1;
        }
        let chi_square: f64 = model
            .keys
            .keys()
            .map(|at| {
                let expected = DRAWS as f64 / 3.0 / model.keys(at.db, Class::All) as f64;
                (f64::from(seen.get(at).copied().unwrap_or(0)) - expected).powi(2) / expected
            })
            .sum();
        // 69 degrees of freedom less the two that the turns of the databases fix: above 104 once in a thousand seeds.
        assert!(chi_square < 104.0, "{}: {chi_square}", policy.name());
    }
}

#[test]
fn FR_P2C_008_U011_ghosts_are_passed_over() {
    let mut model = filled(2, 400);
    let mut chooser = Chooser::default();
    let mut random = random(3);
    let choice = choice(Policy::AllKeysLru);
    chooser.choose(&mut model, &choice, NOW, &mut random);
    // All that the pool holds is gone; what is left scores below it.
    for hash in 50..400 {
        model.remove(At { db: (hash % 2) as u16, slot: (hash / 7 % 5) as u16, hash });
    }
    for left in (0..50).rev() {
        let victim = chooser.choose(&mut model, &choice, NOW, &mut random).expect("keys are left");
        assert!(model.remove(victim).is_some(), "{victim:?}");
        assert_eq!(model.keys.len(), left);
    }
    assert_eq!(chooser.choose(&mut model, &choice, NOW, &mut random), None);
}

#[test]
fn FR_P2C_008_U011_a_key_that_lost_its_deadline_is_spared() {
    let mut model = filled(1, 60);
    let mut chooser = Chooser::default();
    let mut random = random(3);
    chooser.choose(&mut model, &choice(Policy::VolatileTtl), NOW, &mut random);
    for hash in 0..57 {
        let at = At { db: 0, slot: (hash / 7 % 5) as u16, hash };
        model.insert(at, AccessBits::default(), None, 100);
    }
    let victim = chooser.choose(&mut model, &choice(Policy::VolatileTtl), NOW, &mut random);
    assert_eq!(victim.map(|at| at.hash), Some(57));
}

#[test]
fn FR_P2C_008_U011_all_keys_of_one_score() {
    let mut model = Model::new(1);
    for hash in 0..500 {
        model.insert(At { db: 0, slot: 0, hash }, AccessBits::lru(NOW), None, 1);
    }
    let mut chooser = Chooser::default();
    let mut random = random(9);
    for left in (0..500).rev() {
        let victim = chooser.choose(&mut model, &choice(Policy::AllKeysLru), NOW, &mut random).expect("keys are left");
        model.remove(victim);
        assert_eq!(model.keys.len(), left);
    }
    assert_eq!(chooser.choose(&mut model, &choice(Policy::AllKeysLru), NOW, &mut random), None);
}

#[test]
pub(crate) fn FR_P2C_008_U011_the_counter_of_a_key_long_unused_is_zero() {
    let lfu = LfuSettings::default();
    let bits = AccessBits::lfu(UnixMillis(0));
    for minutes in [5, 6, 100, 260, 261, 262, 65_000] {
        assert_eq!(bits.lfu_counter(UnixMillis(minutes * 60_000), lfu), 0, "{minutes}");
        assert_eq!(score(Ranking::Frequency, bits, None, UnixMillis(minutes * 60_000), lfu), 255, "{minutes}");
    }
}
