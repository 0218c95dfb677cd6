//! S3-FIFO against the model, and its hit rate against sampled LRU: U011.
#![allow(non_snake_case)]

use super::*;
use crate::access::LfuSettings;
use crate::model::{At, Model, Zipf};
use crate::policy::{Policy, Use};
use crate::victim::{Choice, Chooser};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn at(hash: u64) -> At {
    At { db: 0, slot: (hash % 8) as u16, hash }
}

fn make(model: &mut Model, queues: &mut S3Fifo<At>, hash: u64) {
    model.insert(at(hash), Policy::AllKeysS3Fifo.made(NOW), None, 1);
    queues.made(model, at(hash));
}

fn use_it(model: &mut Model, hash: u64) {
    let key = model.keys.get_mut(&at(hash)).expect("a key that is used is there");
    key.bits = QueueBits::of(key.bits).used(NOW).access();
}

fn evict(model: &mut Model, queues: &mut S3Fifo<At>) -> Option<u64> {
    const ASKED_MAX: u32 = 1_000;
    for _ in 0..ASKED_MAX {
        match queues.choose(model) {
            Search::Victim(handle) => {
                model.remove(handle).expect("a victim is there");
                return Some(handle.hash);
            }
            Search::Again => {}
            Search::Nothing => return None,
        }
    }
    panic!("no victim among the keys that are here");
}

#[test]
fn FR_P2C_008_U011_s3fifo_bits() {
    let made = QueueBits::made(NOW);
    assert_eq!((made.queue(), made.uses()), (Queue::None, 0));
    for queue in [Queue::None, Queue::Small, Queue::Main] {
        let mut bits = made.placed(queue, 0);
        for uses in [1, 2, 3, 3] {
            bits = bits.used(NOW);
            assert_eq!((bits.queue(), bits.uses()), (queue, uses));
        }
        assert_eq!(QueueBits::of(bits.access()), bits, "24 bits hold it");
        assert_eq!(bits.idle_seconds(NOW.saturating_add(160_000)), 160);
        assert_eq!(bits.idle_seconds(NOW.saturating_add((1 << 24) * 1_000)), 0, "the stamp goes round");
    }
}

#[test]
pub(crate) fn FR_P2C_008_U011_s3fifo_golden_order() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    for hash in 0..10 {
        make(&mut model, &mut queues, hash);
    }
    // 0 was used twice and stays; 1 once and goes; 2 not at all.
    use_it(&mut model, 0);
    use_it(&mut model, 0);
    use_it(&mut model, 1);
    assert_eq!(evict(&mut model, &mut queues), Some(1));
    assert_eq!(evict(&mut model, &mut queues), Some(2));
    // 1 comes back while its ghost is known: to the main queue, where it outlives what was new with it.
    make(&mut model, &mut queues, 1);
    let order: Vec<u64> = std::iter::from_fn(|| evict(&mut model, &mut queues)).collect();
    assert_eq!(order, [3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert!(queues.is_empty() && model.keys.is_empty());
}

#[test]
fn FR_P2C_008_U011_s3fifo_is_tidied_and_freed_in_pieces() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    for hash in 0..100_000 {
        make(&mut model, &mut queues, hash);
    }
    let full = queues.heap_bytes();
    assert!(full >= 100_000 * size_of::<At>());
    assert!(!queues.tidy(&model), "every handle has its key");
    for hash in 100..100_000 {
        model.remove(at(hash)).expect("it is there");
    }
    let pieces = std::iter::repeat_with(|| queues.tidy(&model)).take_while(|more| *more).count();
    assert!((300..500).contains(&pieces) && queues.len() <= 1_300, "{pieces}, {}", queues.len());
    assert!(queues.heap_bytes() < full / 10);
    let pieces = std::iter::repeat_with(|| queues.free_piece()).take_while(|more| *more).count();
    assert!(queues.is_empty() && queues.heap_bytes() == 0 && pieces < 5);
}

#[test]
fn FR_P2C_008_U011_s3fifo_drops_what_is_gone() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    // Keys that come and are deleted, beside a hundred that stay: handles do not pile up.
    for hash in 0..100 {
        make(&mut model, &mut queues, hash);
    }
    for hash in 100..100_000 {
        make(&mut model, &mut queues, hash);
        model.remove(at(hash));
        assert!(queues.len() < 4_000, "{} handles after {hash}", queues.len());
    }
    let mut left: Vec<u64> = std::iter::from_fn(|| evict(&mut model, &mut queues)).collect();
    left.sort_unstable();
    assert_eq!(left, (0..100).collect::<Vec<_>>(), "each that is there has its turn, once");
}

#[test]
fn FR_P2C_008_U011_s3fifo_of_a_key_made_again() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    for _ in 0..3 {
        make(&mut model, &mut queues, 7);
        model.remove(at(7));
    }
    make(&mut model, &mut queues, 7);
    assert_eq!(evict(&mut model, &mut queues), Some(7));
    assert_eq!(evict(&mut model, &mut queues), None);
}

#[test]
fn FR_P2C_008_U011_s3fifo_keeps_what_is_on_loan() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    for hash in 0..800 {
        make(&mut model, &mut queues, hash);
    }
    (0..800).step_by(3).for_each(|hash| (0..2).for_each(|_| use_it(&mut model, hash)));
    model.lent = Some(5);
    for _ in 0..700 {
        let victim = evict(&mut model, &mut queues).expect("the other slots have keys");
        assert_ne!(victim % 8, 5);
    }
    assert_eq!(queues.choose(&mut model), Search::Again, "only keys on loan are left");
    model.lent = None;
    let left = std::iter::from_fn(|| evict(&mut model, &mut queues)).count();
    assert_eq!((left, model.keys.len()), (100, 0), "back again, they have their turn");
}

#[test]
fn FR_P2C_008_U011_s3fifo_bounds_a_choice() {
    let (mut model, mut queues) = (Model::new(1), S3Fifo::default());
    for hash in 0..50_000 {
        model.insert(at(hash), QueueBits::made(NOW).access(), None, 1);
        queues.adopt(&mut model, at(hash));
        (0..3).for_each(|_| use_it(&mut model, hash));
    }
    // All were used three times: an exact search would go round three times.
    assert!(matches!(queues.choose(&mut model), Search::Victim(_)));
    assert_eq!(queues.len(), 50_000);
    let moved = model.keys.values().filter(|key| QueueBits::of(key.bits).uses() == 2).count();
    assert_eq!(moved, STEPS_MAX as usize);
    // All are gone: it says so, a piece at a time.
    model = Model::new(1);
    let mut asked = 0;
    while queues.choose(&mut model) == Search::Again {
        asked += 1;
    }
    assert_eq!((asked, queues.len()), (50_000 / STEPS_MAX, 0));
}

/// Share of requests that find their key, in percent, when a cache of `room` keys sees a Zipf load over ten times as many: over
/// the second half of the requests.
fn hit_percent(policy: Policy, room: usize) -> f64 {
    const REQUESTS: u32 = 400_000;
    let zipf = Zipf::new(room as u32 * 10);
    let mut rng = fastrand::Rng::with_seed(99);
    let mut noise = fastrand::Rng::with_seed(5);
    let (mut model, mut queues, mut chooser) = (Model::new(1), S3Fifo::default(), Chooser::default());
    let choice = Choice { policy, samples: 5, lfu: LfuSettings::default() };
    let mut hits = 0;
    for request in 0..REQUESTS {
        let now = UnixMillis(NOW.0 + i64::from(request) * 20);
        let hash = zipf.draw(&mut rng).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(key) = model.keys.get_mut(&at(hash)) {
            key.bits = policy.used(key.bits, Use::Read, now, choice.lfu, noise.u32(..));
            hits += u32::from(request >= REQUESTS / 2);
            continue;
        }
        while model.keys.len() >= room {
            if policy == Policy::AllKeysS3Fifo {
                evict(&mut model, &mut queues);
            } else {
                let victim = chooser.choose(&mut model, &choice, now, &mut || noise.u64(..));
                model.remove(victim.expect("the cache is full"));
            }
        }
        model.insert(at(hash), policy.made(now), None, 1);
        if policy == Policy::AllKeysS3Fifo {
            queues.made(&mut model, at(hash));
        }
    }
    f64::from(hits) * 200.0 / f64::from(REQUESTS)
}

#[test]
pub(crate) fn FR_P2C_008_U011_s3fifo_hits_more_than_lru() {
    let (lru, s3fifo) = (hit_percent(Policy::AllKeysLru, 5_000), hit_percent(Policy::AllKeysS3Fifo, 5_000));
    assert!(s3fifo >= lru + 2.0, "{s3fifo:.1} % against {lru:.1} % of LRU");
    let random = hit_percent(Policy::AllKeysRandom, 5_000);
    assert!(lru > random, "LRU {lru:.1} % against {random:.1} % of chance");
}
