//! The eviction policies: which keys each may take, in which order, and what it notes of a use.
//!
//! C11, `spec/expire-evict.md` §11.1 to §11.3.

use crate::access::{AccessBits, LfuSettings};
use crate::faults::{Fault, planted};
use crate::gate::Role;
use crate::s3fifo::QueueBits;
use crate::time::UnixMillis;

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Nothing is evicted: what needs memory is refused.
    #[default]
    NoEviction,
    /// The key that was not used for longest.
    AllKeysLru,
    /// The key that is used least often.
    AllKeysLfu,
    /// The key that was not written for longest.
    AllKeysLrm,
    /// Any key.
    AllKeysRandom,
    /// S3-FIFO: see [`crate::s3fifo`], also for when not to use it.
    AllKeysS3Fifo,
    /// Of those with a deadline: the key that was not used for longest.
    VolatileLru,
    /// Of those with a deadline: the key that is used least often.
    VolatileLfu,
    /// Of those with a deadline: the key that was not written for longest.
    VolatileLrm,
    /// Of those with a deadline: any key.
    VolatileRandom,
    /// The key with the nearest deadline.
    VolatileTtl,
}

/// The keys that a policy may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Any.
    All,
    /// Those with a deadline.
    Volatile,
}

impl Class {
    /// Whether a key with this deadline belongs to the class.
    pub fn has(self, when: Option<UnixMillis>) -> bool {
        self == Class::All || when.is_some()
    }
}

/// How a policy chooses among its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// By the time since the last use, or the last write: the stamp of the access bits.
    Idle,
    /// By the counter of the access bits.
    Frequency,
    /// By the deadline.
    Deadline,
    /// By chance.
    Random,
    /// By the queues of S3-FIFO.
    Queues,
}

/// How a command uses a key that it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It reads it.
    Read,
    /// It changes it.
    Write,
}

/// A policy, its name, its keys and its choice.
type Row = (Policy, &'static str, Option<Class>, Ranking);

/// All policies. The choice of one without a class is never asked for.
const TABLE: [Row; 11] = [
    (Policy::NoEviction, "noeviction", None, Ranking::Random),
    (Policy::AllKeysLru, "allkeys-lru", Some(Class::All), Ranking::Idle),
    (Policy::AllKeysLfu, "allkeys-lfu", Some(Class::All), Ranking::Frequency),
    (Policy::AllKeysLrm, "allkeys-lrm", Some(Class::All), Ranking::Idle),
    (Policy::AllKeysRandom, "allkeys-random", Some(Class::All), Ranking::Random),
    (Policy::AllKeysS3Fifo, "allkeys-s3fifo", Some(Class::All), Ranking::Queues),
    (Policy::VolatileLru, "volatile-lru", Some(Class::Volatile), Ranking::Idle),
    (Policy::VolatileLfu, "volatile-lfu", Some(Class::Volatile), Ranking::Frequency),
    (Policy::VolatileLrm, "volatile-lrm", Some(Class::Volatile), Ranking::Idle),
    (Policy::VolatileRandom, "volatile-random", Some(Class::Volatile), Ranking::Random),
    (Policy::VolatileTtl, "volatile-ttl", Some(Class::Volatile), Ranking::Deadline),
];

impl Policy {
    /// All policies, in the order of their names' list.
    pub fn all() -> impl ExactSizeIterator<Item = Policy> {
        TABLE.iter().map(|row| row.0)
    }

    /// The policy of this name, in any case.
    pub fn parse(name: &[u8]) -> Option<Policy> {
        TABLE.iter().find(|row| name.eq_ignore_ascii_case(row.1.as_bytes())).map(|row| row.0)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// The keys that it may take; `None` if it takes none.
    pub const fn class(self) -> Option<Class> {
        self.row().2
    }

    /// How it chooses.
    pub const fn ranking(self) -> Ranking {
        self.row().3
    }

    const fn row(self) -> &'static Row {
        const {
            let mut place = 0;
            while place < TABLE.len() {
                assert!(TABLE[place].0 as usize == place, "the table has the order of the type");
                place += 1;
            }
        }
        &TABLE[self as usize]
    }

    /// Whether the access bits count uses: OBJECT FREQ answers, and OBJECT IDLETIME does not.
    pub const fn counts_uses(self) -> bool {
        matches!(self.ranking(), Ranking::Frequency)
    }

    /// The access bits of a key made at `now`. S3-FIFO's say that it stands in no queue yet.
    pub const fn made(self, now: UnixMillis) -> AccessBits {
        match self.ranking() {
            Ranking::Frequency => AccessBits::lfu(now),
            Ranking::Queues => QueueBits::made(now).access(),
            _ => AccessBits::lru(now),
        }
    }

    /// The access bits of a key that is used at `now`. `random` is uniform over all `u32`.
    pub fn used(self, bits: AccessBits, how: Use, now: UnixMillis, lfu: LfuSettings, random: u32) -> AccessBits {
        match self.ranking() {
            Ranking::Frequency => bits.lfu_used(now, lfu, random),
            Ranking::Queues => QueueBits::of(bits).used(now).access(),
            _ if self.minds_writes_only() && how == Use::Read => bits,
            _ => AccessBits::lru(now),
        }
    }

    /// Seconds since the last use, if the policy's bits tell it.
    pub fn idle_seconds(self, bits: AccessBits, now: UnixMillis) -> Option<u32> {
        match self.ranking() {
            Ranking::Frequency => None,
            Ranking::Queues => Some(QueueBits::of(bits).idle_seconds(now)),
            _ => Some(bits.idle_seconds(now)),
        }
    }

    const fn minds_writes_only(self) -> bool {
        matches!(self, Policy::AllKeysLrm | Policy::VolatileLrm)
    }
}

/// How much a key deserves to be evicted: the highest goes first. Chance and queues need no score.
pub fn score(ranking: Ranking, bits: AccessBits, when: Option<UnixMillis>, now: UnixMillis, lfu: LfuSettings) -> u64 {
    let score = match ranking {
        Ranking::Idle => u64::from(bits.idle_seconds(now)) * 1_000,
        Ranking::Frequency => 255 - u64::from(bits.lfu_counter(now, lfu)),
        // Signed deadlines keep their order when moved to the unsigned range.
        Ranking::Deadline => when.map_or(0, |when| u64::MAX - (when.0 as u64 ^ 1 << 63)),
        Ranking::Random | Ranking::Queues => 0,
    };
    if planted(Fault::ScoreReversed) { !score } else { score }
}

/// Whether a command's use of a key may note it in the key's access bits (§5): not while a child process shares the memory, nor
/// for look-ups that ask for no trace.
pub const fn may_note_use(saving: Saving, trace: Trace) -> bool {
    matches!(saving, Saving::No) && matches!(trace, Trace::Leave)
}

/// Whether memory is shared with a process that saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// Writing to an entry costs no copy.
    No,
    /// It costs a page.
    Yes,
}

/// Whether a look-up leaves a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// The usual, and TOUCH always.
    Leave,
    /// CLIENT NO-TOUCH, and commands that only tell about the key.
    None,
}

/// Whether a server with this role counts and evicts at all: a replica leaves it to its master unless told otherwise (§12.1).
pub const fn evicts(role: Role, replica_ignores: ReplicaIgnores) -> bool {
    matches!((role, replica_ignores), (Role::Master, _) | (Role::Replica, ReplicaIgnores::No))
}

/// `replica-ignore-maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplicaIgnores {
    /// The usual.
    #[default]
    Yes,
    /// A replica keeps to its own limit.
    No,
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const LFU: LfuSettings = LfuSettings { log_factor: 10, decay_minutes: 1 };

    #[test]
    fn FR_P2C_008_U011_names_and_classes() {
        assert_eq!(Policy::all().len(), 11);
        for policy in Policy::all() {
            assert_eq!(Policy::parse(policy.name().as_bytes()), Some(policy));
            assert_eq!(Policy::parse(policy.name().to_uppercase().as_bytes()), Some(policy));
            let class = match policy.name().split_once('-') {
                Some(("allkeys", _)) => Some(Class::All),
                Some(("volatile", _)) => Some(Class::Volatile),
                _ => None,
            };
            assert_eq!(policy.class(), class, "{}", policy.name());
            assert_eq!(policy.counts_uses(), policy.name().ends_with("lfu"));
        }
        assert_eq!(Policy::default().name(), "noeviction");
        assert_eq!(["", "lru", "volatile-s3fifo", "allkeys-ttl"].map(|name| Policy::parse(name.as_bytes())), [None; 4]);
        assert!(Class::All.has(None) && Class::All.has(Some(NOW)) && Class::Volatile.has(Some(NOW)));
        assert!(!Class::Volatile.has(None));
    }

    #[test]
    fn FR_P2C_008_U011_scores() {
        let later = NOW.saturating_add(90_000);
        assert_eq!(score(Ranking::Idle, AccessBits::lru(NOW), None, later, LFU), 90_000);
        assert_eq!(score(Ranking::Frequency, AccessBits::lfu(NOW), None, NOW, LFU), 250);
        assert_eq!(score(Ranking::Frequency, AccessBits::lfu(NOW), None, later, LFU), 251);
        let deadlines = [i64::MIN, -1, 0, 1, NOW.0, i64::MAX];
        let scores =
            deadlines.map(|when| score(Ranking::Deadline, AccessBits::default(), Some(UnixMillis(when)), NOW, LFU));
        assert!(scores.is_sorted_by(|a, b| a > b), "the nearest deadline scores highest: {scores:?}");
    }

    #[test]
    fn FR_P2C_008_U011_uses() {
        let later = NOW.saturating_add(600_000);
        for policy in Policy::all() {
            let made = policy.made(NOW);
            let idle = |how| policy.idle_seconds(policy.used(made, how, later, LFU, 0), later);
            let (read, write) = (idle(Use::Read), idle(Use::Write));
            let expected = match policy.name() {
                name if name.ends_with("lfu") => (None, None),
                name if name.ends_with("lrm") => (Some(600), Some(0)),
                "allkeys-s3fifo" => (read.filter(|&idle| idle < 16), write.filter(|&idle| idle < 16)),
                _ => (Some(0), Some(0)),
            };
            assert_eq!((read, write), expected, "{}", policy.name());
        }
        let used = Policy::AllKeysLfu.used(AccessBits::lfu(NOW), Use::Read, NOW, LFU, 0);
        assert_eq!(used.lfu_counter(NOW, LFU), 6);
        assert!(may_note_use(Saving::No, Trace::Leave) && !may_note_use(Saving::Yes, Trace::Leave));
        assert!(!may_note_use(Saving::No, Trace::None));
    }
}
