//! A model of a core's keys for the tests of eviction: what a keyspace would answer, in plain collections.

use std::collections::HashMap;

use crate::access::AccessBits;
use crate::policy::Class;
use crate::s3fifo::{Held, QueueBits, Queued};
use crate::time::UnixMillis;
use crate::victim::{Candidates, Sampled};

/// Where a key of the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) db: u16,
    pub(crate) slot: u16,
    pub(crate) hash: u64,
}

/// A key of the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) bits: AccessBits,
    pub(crate) when: Option<UnixMillis>,
    pub(crate) bytes: u64,
    /// Its place in the list of all keys of its slot, and in that of those with a deadline.
    places: [usize; 2],
}

/// The keys of a database, by class and slot.
#[derive(Clone, Default)]
struct Database {
    lists: [HashMap<u16, Vec<u64>>; 2],
    /// Slots with keys, and keys, per class.
    slots: [Vec<u16>; 2],
    keys: [u64; 2],
}

/// All keys.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) keys: HashMap<At, Key>,
    databases: Vec<Database>,
    pub(crate) bytes: u64,
    /// A slot that is on loan.
    pub(crate) lent: Option<u16>,
}

const CLASSES: [Class; 2] = [Class::All, Class::Volatile];

impl Model {
    pub(crate) fn new(databases: usize) -> Model {
        Model { databases: vec![Database::default(); databases], ..Model::default() }
    }

    pub(crate) fn insert(&mut self, at: At, bits: AccessBits, when: Option<UnixMillis>, bytes: u64) {
        self.remove(at);
        let database = &mut self.databases[usize::from(at.db)];
        let mut places = [0; 2];
        for class in CLASSES.into_iter().filter(|class| class.has(when)) {
            let list = database.lists[class as usize].entry(at.slot).or_default();
            if list.is_empty() {
                database.slots[class as usize].push(at.slot);
            }
            places[class as usize] = list.len();
            list.push(at.hash);
            database.keys[class as usize] += 1;
        }
        self.bytes += bytes;
        self.keys.insert(at, Key { bits, when, bytes, places });
    }

    pub(crate) fn remove(&mut self, at: At) -> Option<Key> {
        let key = self.keys.remove(&at)?;
        self.bytes -= key.bytes;
        let database = &mut self.databases[usize::from(at.db)];
        for class in CLASSES.into_iter().filter(|class| class.has(key.when)) {
            let list = database.lists[class as usize].get_mut(&at.slot).expect("a key's slot has a list");
            let place = key.places[class as usize];
            list.swap_remove(place);
            if let Some(&hash) = list.get(place) {
                let moved = self.keys.get_mut(&At { hash, ..at }).expect("what is listed is there");
                moved.places[class as usize] = place;
            }
            if list.is_empty() {
                database.slots[class as usize].retain(|&slot| slot != at.slot);
            }
            database.keys[class as usize] -= 1;
        }
        Some(key)
    }

    fn draw_from(&self, db: u16, class: Class, random: &mut impl FnMut() -> u64) -> Option<(u16, &[u64])> {
        let database = &self.databases[usize::from(db)];
        let mut rank = random() % database.keys[class as usize].max(1);
        database.slots[class as usize].iter().find_map(|&slot| {
            let list = &database.lists[class as usize][&slot];
            let found = rank < list.len() as u64;
            rank = rank.saturating_sub(list.len() as u64);
            found.then_some((slot, list.as_slice()))
        })
    }
}

impl Candidates for Model {
    type Handle = At;

    fn databases(&self) -> u16 {
        self.databases.len() as u16
    }

    fn keys(&self, db: u16, class: Class) -> u64 {
        self.databases[usize::from(db)].keys[class as usize]
    }

    fn slots(&self, db: u16, class: Class) -> u32 {
        self.databases[usize::from(db)].slots[class as usize].len() as u32
    }

    fn sample(
        &mut self,
        db: u16,
        class: Class,
        max: u32,
        random: &mut impl FnMut() -> u64,
        show: &mut impl FnMut(Sampled<At>),
    ) {
        let Some((slot, list)) = self.draw_from(db, class, random) else { return };
        for _ in 0..max.min(list.len() as u32) {
            let hash = list[random() as usize % list.len()];
            let handle = At { db, slot, hash };
            let key = &self.keys[&handle];
            show(Sampled { handle, bits: key.bits, when: key.when });
        }
    }

    fn draw(&mut self, db: u16, class: Class, random: &mut impl FnMut() -> u64) -> Option<At> {
        let (slot, list) = self.draw_from(db, class, random)?;
        Some(At { db, slot, hash: list[random() as usize % list.len()] })
    }

    fn found(&self, handle: At) -> Option<Class> {
        self.keys.get(&handle).map(|key| if key.when.is_some() { Class::Volatile } else { Class::All })
    }
}

impl Queued for Model {
    type Handle = At;

    fn held(&self, handle: At) -> Held {
        match self.keys.get(&handle) {
            _ if self.lent == Some(handle.slot) => Held::Away,
            Some(key) => Held::Here(QueueBits::of(key.bits)),
            None => Held::Gone,
        }
    }

    fn set_bits(&mut self, handle: At, bits: QueueBits) {
        self.keys.get_mut(&handle).expect("a key whose bits are set is there").bits = bits.access();
    }

    fn fingerprint(&self, handle: At) -> u32 {
        (handle.hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
    }

    fn keys(&self) -> u64 {
        self.keys.len() as u64
    }
}

/// Keys of a Zipf distribution with exponent 0.99 (the usual load of caches), the most popular first.
pub(crate) struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(keys: u32) -> Zipf {
        let sums = (1..=keys).scan(0.0, |sum, rank| {
            *sum += f64::from(rank).powf(-0.99);
            Some(*sum)
        });
        Zipf { sums: sums.collect() }
    }

    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> u64 {
        let all = self.sums.last().expect("there are keys");
        let point = rng.f64() * all;
        self.sums.partition_point(|sum| *sum < point).min(self.sums.len() - 1) as u64
    }
}
