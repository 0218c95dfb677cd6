//! What the pressure on a core's memory asks for, and a memo of the answer.
//!
//! C10, C12, C13. The plain decision is a function of few things that seldom change: the settings, whether anything stands
//! against evicting, whether the limit is passed, and whether the policy has candidates here. LEV-008 of `spec/packets.md`: the
//! memo keeps the last answer with exactly these as its key. There is nothing to invalidate by hand: another key is another
//! question, and a change of settings is another epoch.

use crate::faults::{Fault, planted};
use crate::policy::{Class, Policy};
use crate::pressure::Pressure;
use crate::safety::Hindrances;

/// What is to be done before a command that may need memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: memory is fine.
    Proceed,
    /// Nothing, though the limit is passed: something stands against it.
    Hindered,
    /// Evict keys of this class.
    Evict(Class),
    /// The policy has no candidate on this core.
    Barren,
    /// The policy evicts nothing: what needs memory is refused.
    Refuse,
}

/// How far the limit is: what of the pressure the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressureBucket {
    /// There is none.
    Unlimited,
    /// Not passed.
    Within,
    /// Passed.
    Over,
}

impl From<Pressure> for PressureBucket {
    fn from(pressure: Pressure) -> Self {
        match pressure {
            Pressure::Unlimited => PressureBucket::Unlimited,
            Pressure::Within => PressureBucket::Within,
            Pressure::Over(_) => PressureBucket::Over,
        }
    }
}

/// Which classes have keys on this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlBucket {
    /// There are no keys.
    Empty,
    /// No key has a deadline.
    Lasting,
    /// Some have one.
    Volatile,
}

impl TtlBucket {
    /// The bucket of so many keys, of which some have a deadline.
    pub fn of(keys: u64, volatile: u64) -> Self {
        match (keys, volatile) {
            (0, _) => TtlBucket::Empty,
            (_, 0) => TtlBucket::Lasting,
            _ => TtlBucket::Volatile,
        }
    }
}

/// What a decision depends on beside the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The limit.
    pub pressure: PressureBucket,
    /// What stands against evicting.
    pub hindrances: Hindrances,
    /// What there is to evict.
    pub ttl: TtlBucket,
}

impl Question {
    /// The question as a number of 16 bits: no two have the same.
    #[inline]
    const fn number(self) -> u64 {
        (self.pressure as u64) << 12 | (self.ttl as u64) << 8 | self.hindrances.number() as u64
    }
}

const _: () = assert!(Hindrances::SETS <= 1 << 8, "a set of hindrances is 8 bits of a question's number");

/// The plain decision.
#[inline]
pub fn decide(policy: Policy, question: Question) -> Decision {
    if question.pressure != PressureBucket::Over {
        return Decision::Proceed;
    }
    if !question.hindrances.is_none() {
        return Decision::Hindered;
    }
    match (policy.class(), question.ttl) {
        (None, _) => Decision::Refuse,
        (_, TtlBucket::Empty) | (Some(Class::Volatile), TtlBucket::Lasting) => Decision::Barren,
        (Some(class), _) => Decision::Evict(class),
    }
}

/// A number that changes with every change of a setting that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PolicyEpoch(pub u64);

/// The last answer of a core.
#[derive(Clone, Copy, Debug)]
pub struct Memo {
    /// Epoch and question in one number: asking again costs one comparison.
    asked: u64,
    answer: Decision,
    /// Answers that were computed: what the lever saves is told from it.
    computed: u64,
}

impl Default for Memo {
    /// No question has this number: its pressure would be none of the three.
    fn default() -> Self {
        Self { asked: u64::MAX, answer: Decision::Proceed, computed: 0 }
    }
}

impl Memo {
    /// The decision. `policy` is the one of `epoch`.
    #[inline]
    pub fn decide(&mut self, epoch: PolicyEpoch, policy: Policy, question: Question) -> Decision {
        // Settings change less often than 2^48 times.
        let epoch = if planted(Fault::MemoNotInvalidated) { 0 } else { epoch.0 };
        let asked = epoch << 16 | question.number();
        if asked != self.asked {
            self.asked = asked;
            self.answer = decide(policy, question);
            self.computed += 1;
        }
        self.answer
    }

    /// How often the memo had no answer.
    pub fn computed(&self) -> u64 {
        self.computed
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    const PRESSURES: [PressureBucket; 3] = [PressureBucket::Unlimited, PressureBucket::Within, PressureBucket::Over];
    const TTLS: [TtlBucket; 3] = [TtlBucket::Empty, TtlBucket::Lasting, TtlBucket::Volatile];
    const HINDRANCES: [Hindrances; 4] =
        [Hindrances::NONE, Hindrances::LOADING, Hindrances::PAUSED, Hindrances::REPLICA.and(Hindrances::UPSTREAM)];

    #[test]
    fn FR_P2C_008_U012_the_plain_decision() {
        for policy in Policy::all() {
            for pressure in PRESSURES {
                for hindrances in HINDRANCES {
                    let answers = TTLS.map(|ttl| decide(policy, Question { pressure, hindrances, ttl }));
                    let expected = match policy.class() {
                        _ if pressure != PressureBucket::Over => [Decision::Proceed; 3],
                        _ if hindrances != Hindrances::NONE => [Decision::Hindered; 3],
                        None => [Decision::Refuse; 3],
                        Some(Class::All) => {
                            [Decision::Barren, Decision::Evict(Class::All), Decision::Evict(Class::All)]
                        }
                        Some(Class::Volatile) => [Decision::Barren, Decision::Barren, Decision::Evict(Class::Volatile)],
                    };
                    assert_eq!(answers, expected, "{policy:?} {pressure:?} {hindrances:?}");
                }
            }
        }
    }

    #[test]
    fn FR_P2C_008_U012_buckets() {
        let rows = [
            (0, 0, TtlBucket::Empty),
            (0, 5, TtlBucket::Empty),
            (7, 0, TtlBucket::Lasting),
            (7, 1, TtlBucket::Volatile),
        ];
        for (keys, volatile, bucket) in rows {
            assert_eq!(TtlBucket::of(keys, volatile), bucket);
        }
        let over = Pressure::of(5, 4, Default::default);
        let of = |used, limit| PressureBucket::from(Pressure::of(used, limit, Default::default));
        assert_eq!([of(5, 0), of(5, 5), of(5, 4)], PRESSURES);
        assert_eq!(over.excess(), 1);
    }

    #[test]
    pub(crate) fn FR_P2C_008_U012_the_memo_answers_as_the_plain_decision() {
        let mut rng = fastrand::Rng::with_seed(8);
        let policies: Vec<Policy> = Policy::all().collect();
        let (mut memo, mut epoch, mut policy) = (Memo::default(), PolicyEpoch(0), Policy::NoEviction);
        let mut question = Question { pressure: PRESSURES[0], hindrances: Hindrances::NONE, ttl: TTLS[0] };
        const QUESTIONS: u64 = 200_000;
        for _ in 0..QUESTIONS {
            // Most questions are the last one again; each part changes now and then, and so do the settings.
            match rng.u8(..32) {
                0 => question.pressure = PRESSURES[rng.usize(..3)],
                1 => question.hindrances = HINDRANCES[rng.usize(..4)],
                2 => question.ttl = TTLS[rng.usize(..3)],
                3 => {
                    epoch.0 += 1;
                    policy = policies[rng.usize(..policies.len())];
                }
                _ => {}
            }
            assert_eq!(memo.decide(epoch, policy, question), decide(policy, question), "{policy:?} {question:?}");
        }
        assert!(memo.computed() < QUESTIONS / 5, "{} computed", memo.computed());
    }
}
