//! What a use of a key leaves in its access bits, by the eviction policy in force (`spec/expire-evict.md` §11.2).
//!
//! Most policies note the time of the last use, and that stamp is the same for all keys of a command: it is computed once, and noting a
//! use is one store. Policies that count uses read what is there before.

use evict::access::{AccessBits, LfuSettings};
use evict::policy::{Policy, Ranking, Use};
use evict::time::UnixMillis;
use evict::victim::Choice;

use crate::entry::Entry;
use crate::slot::Slot;
use crate::table::Place;

use super::{Db, Keyspace};

/// What is in force until somebody says otherwise: redis-server's defaults.
pub(super) const DEFAULT_CHOICE: Choice =
    Choice { policy: Policy::NoEviction, samples: 5, lfu: LfuSettings { log_factor: 10, decay_minutes: 1 } };

/// What uses leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Every use leaves the stamp of its time.
    Uses,
    /// Only a write does.
    Writes,
    /// What it leaves depends on what is there.
    Counts,
}

impl Marks {
    /// What uses leave under a policy.
    pub(super) const fn of(policy: Policy) -> Marks {
        match (policy.ranking(), policy) {
            (Ranking::Frequency | Ranking::Queues, _) => Marks::Counts,
            (_, Policy::AllKeysLrm | Policy::VolatileLrm) => Marks::Writes,
            _ => Marks::Uses,
        }
    }
}

impl Keyspace {
    /// The access bits of a key that is made at `now`. What a command stores at that time has these.
    #[inline]
    pub fn made(&self, now: UnixMillis) -> AccessBits {
        if self.marks == Marks::Counts { self.made_counted(now) } else { AccessBits::lru(now) }
    }

    #[cold]
    fn made_counted(&self, now: UnixMillis) -> AccessBits {
        self.choice.policy.made(now)
    }

    /// Notes that the key at a place is used at `now`. `made` is what `made` gave for that time.
    #[inline]
    pub fn used(&mut self, db: Db, slot: Slot, place: Place, how: Use, now: UnixMillis, made: AccessBits) {
        if self.marks != Marks::Uses {
            return self.note_use(db, slot, place, how, now);
        }
        let databases = self.databases.len();
        self.slots[slot.index()].table_mut(db, databases).at_mut(place).set_access(made);
    }

    #[inline(never)]
    fn note_use(&mut self, db: Db, slot: Slot, place: Place, how: Use, now: UnixMillis) {
        let Choice { policy, lfu, .. } = self.choice;
        let random = self.random.draw() as u32;
        let databases = self.databases.len();
        let entry = self.slots[slot.index()].table_mut(db, databases).at_mut(place);
        entry.set_access(policy.used(entry.access(), how, now, lfu, random));
    }

    /// True if a value that is stored over another one keeps the access bits of its key: where uses are counted, it is one more use, which
    /// the look-up has noted. Else it leaves the stamp of its time.
    #[inline]
    pub fn counts_uses(&self) -> bool {
        self.marks == Marks::Counts
    }

    /// The access bits of a key that comes with the time since its last use, in seconds, or with its counter of uses. What the policy does not
    /// tell by its bits has no effect.
    pub fn restored(&self, now: UnixMillis, idle_seconds: Option<i64>, frequency: Option<u8>) -> AccessBits {
        match (self.choice.policy.ranking(), idle_seconds, frequency) {
            (Ranking::Frequency, _, Some(counter)) => AccessBits::lfu_counted(now, counter),
            (Ranking::Frequency, _, None) | (_, None, _) => self.made(now),
            (Ranking::Queues, Some(seconds), _) => {
                self.made(now.saturating_add(seconds.saturating_mul(1_000).saturating_neg()))
            }
            (_, Some(seconds), _) => AccessBits::lru_idle(now, seconds),
        }
    }

    /// Seconds since an entry was used; `None` if the policy in force counts uses instead.
    pub fn idle_seconds(&self, entry: &Entry, now: UnixMillis) -> Option<u32> {
        self.choice.policy.idle_seconds(entry.access(), now)
    }

    /// The counter of an entry's uses; `None` if the policy in force keeps none.
    pub fn frequency(&self, entry: &Entry, now: UnixMillis) -> Option<u8> {
        let counts = self.choice.policy.counts_uses();
        counts.then(|| entry.access().lfu_counter(now, self.choice.lfu))
    }
}
