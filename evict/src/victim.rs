//! Choosing the next key to evict, for every policy but S3-FIFO, which has queues of its own.
//!
//! C11, `spec/expire-evict.md` §11.5. Each core chooses among its own keys, with a pool of its own.

use crate::access::{AccessBits, LfuSettings};
use crate::faults::{Fault, planted};
use crate::policy::{Class, Policy, Ranking, score};
use crate::pool::Pool;
use crate::time::UnixMillis;

/// Most of `maxmemory-samples`.
pub const SAMPLES_MAX: u32 = 64;

/// Draws of a random key before a database is passed over.
const DRAWS_MAX: u32 = 16;

/// Rounds of sampling for one victim. One is enough unless the pool is full of keys that are gone, which empties it.
const ROUNDS_MAX: u32 = 4;

/// Databases with fewer keys than this many times the samples are not sampled again for lack of them.
const SMALL_DATABASE: u64 = 10;

/// What the choice asks of the data of a core.
pub trait Candidates {
    /// Where a key is: its database, slot and hash. It need not be there any more.
    type Handle: Copy;

    /// Number of databases, at least 1.
    fn databases(&self) -> u16;

    /// Keys of the class in `db`. O(1).
    fn keys(&self, db: u16, class: Class) -> u64;

    /// Slots of `db` with keys of the class. O(1).
    fn slots(&self, db: u16, class: Class) -> u32;

    /// Draws a slot of `db`, each with the probability of its share of the class's keys, and shows up to `max` of its keys of that
    /// class, chosen fairly. `random` gives uniform numbers.
    fn sample(
        &mut self,
        db: u16,
        class: Class,
        max: u32,
        random: &mut impl FnMut() -> u64,
        show: &mut impl FnMut(Sampled<Self::Handle>),
    );

    /// Draws a key of the class in `db`, each with the same probability; `None` if it met none that may be evicted.
    fn draw(&mut self, db: u16, class: Class, random: &mut impl FnMut() -> u64) -> Option<Self::Handle>;

    /// The narrowest class that the key belongs to; `None` if it is gone.
    fn found(&self, handle: Self::Handle) -> Option<Class>;
}

/// A key that was drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<H> {
    /// Where it is.
    pub handle: H,
    /// Its access bits.
    pub bits: AccessBits,
    /// Its deadline.
    pub when: Option<UnixMillis>,
}

/// The settings of a choice.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// `maxmemory-policy`.
    pub policy: Policy,
    /// `maxmemory-samples`, 1..=64.
    pub samples: u32,
    /// `lfu-log-factor` and `lfu-decay-time`.
    pub lfu: LfuSettings,
}

/// What one core remembers between choices.
#[derive(Clone, Debug)]
pub struct Chooser<H> {
    pool: Pool<H>,
    /// The database from which a random policy takes next.
    next_db: u16,
}

impl<H: Copy> Default for Chooser<H> {
    fn default() -> Self {
        Self { pool: Pool::default(), next_db: 0 }
    }
}

impl<H: Copy> Chooser<H> {
    /// A key to evict, or `None` if the class is empty here.
    pub fn choose<C: Candidates<Handle = H>>(
        &mut self,
        data: &mut C,
        choice: &Choice,
        now: UnixMillis,
        random: &mut impl FnMut() -> u64,
    ) -> Option<H> {
        let class = choice.policy.class()?;
        match choice.policy.ranking() {
            Ranking::Queues => None,
            Ranking::Random => self.draw(data, class, random),
            ranking => (0..ROUNDS_MAX).find_map(|_| self.round(data, class, ranking, choice, now, random)).flatten(),
        }
    }

    /// Forgets the candidates: call it when the policy changes.
    pub fn policy_changed(&mut self) {
        self.pool.clear();
    }

    /// One round of sampling and a walk down the pool. `Some(None)` ends the search without a victim.
    fn round<C: Candidates<Handle = H>>(
        &mut self,
        data: &mut C,
        class: Class,
        ranking: Ranking,
        choice: &Choice,
        now: UnixMillis,
        random: &mut impl FnMut() -> u64,
    ) -> Option<Option<H>> {
        let samples = choice.samples.clamp(1, SAMPLES_MAX);
        let class_sampled = if planted(Fault::ClassIgnored) { Class::All } else { class };
        let mut sampled_in_all = 0;
        for db in 0..data.databases() {
            let keys = data.keys(db, class_sampled);
            let (mut sampled, pool) = (0, &mut self.pool);
            for _ in 0..data.slots(db, class_sampled) {
                data.sample(db, class_sampled, samples, random, &mut |key| {
                    sampled += 1;
                    pool.offer(score(ranking, key.bits, key.when, now, choice.lfu), key.handle);
                });
                if sampled >= samples || keys < SMALL_DATABASE * u64::from(samples) {
                    break;
                }
            }
            sampled_in_all += sampled;
        }
        if sampled_in_all == 0 {
            return Some(None);
        }
        while let Some(handle) = self.pool.take_best() {
            // It may be gone, or have lost its deadline since it was sampled.
            let here = data.found(handle);
            if here == Some(Class::Volatile) || (here.is_some() && class_sampled == Class::All) {
                return Some(Some(handle));
            }
        }
        None
    }

    /// Databases in turn, so that each loses as many keys as any other; within one, chance.
    fn draw<C: Candidates<Handle = H>>(
        &mut self,
        data: &mut C,
        class: Class,
        random: &mut impl FnMut() -> u64,
    ) -> Option<H> {
        let databases = data.databases().max(1);
        for _ in 0..databases {
            let db = self.next_db % databases;
            if !planted(Fault::RandomStaysInDatabase) || data.keys(db, class) == 0 {
                self.next_db = (db + 1) % databases;
            }
            if data.keys(db, class) == 0 {
                continue;
            }
            if let Some(handle) = (0..DRAWS_MAX).find_map(|_| data.draw(db, class, random)) {
                return Some(handle);
            }
        }
        None
    }
}

#[cfg(test)]
#[path = "victim_tests.rs"]
pub(crate) mod tests;
