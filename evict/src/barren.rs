//! Whether any core of the process has a key to evict.
//!
//! `spec/expire-evict.md` §16.3: memory is exhausted only if no core has a candidate, for one and the same state of the process. Each
//! core publishes the *epoch* in which it found nothing; an epoch ends when a core that had said so has candidates again, or
//! when a setting changes. A reading that is a moment old is wrong for a moment only: the next command asks again.

/// What one core has published: 0 while it has candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word(pub u64);

/// Whether the other cores have something to evict, as far as one core knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Some core may.
    Candidates,
    /// None does.
    Nothing,
}

/// What becomes of the process's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochStep {
    /// It stays.
    Same,
    /// One is added to it.
    Next,
}

/// A core found no candidate in `epoch`, which counts from 1.
pub const fn found_nothing(epoch: u64) -> Word {
    Word(epoch)
}

/// A core has a candidate: what it publishes, and what it does to the epoch if it had said otherwise.
pub const fn found_something(before: Word) -> (Word, EpochStep) {
    (Word(0), if before.0 == 0 { EpochStep::Same } else { EpochStep::Next })
}

/// What the words of the other cores say in `epoch`.
pub fn elsewhere(epoch: u64, others: impl IntoIterator<Item = Word>) -> Elsewhere {
    let all = others.into_iter().all(|word| word == Word(epoch) && epoch != 0);
    if all { Elsewhere::Nothing } else { Elsewhere::Candidates }
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U012_only_all_cores_together_are_barren() {
        let mut rng = fastrand::Rng::with_seed(16);
        for cores in [1, 2, 5, 64] {
            let (mut epoch, mut words, mut keys) = (1, vec![Word(0); cores], vec![0u8; cores]);
            for _ in 0..20_000 {
                let at = rng.usize(..cores);
                keys[at] = if rng.u8(..8) == 0 { rng.u8(..3) } else { 0 };
                if keys[at] == 0 {
                    words[at] = found_nothing(epoch);
                } else {
                    let (word, step) = found_something(words[at]);
                    words[at] = word;
                    epoch += u64::from(step == EpochStep::Next);
                }
                let others = (0..cores).filter(|&other| other != at).map(|other| words[other]);
                if elsewhere(epoch, others) == Elsewhere::Nothing {
                    let others_empty = (0..cores).all(|other| other == at || keys[other] == 0);
                    assert!(others_empty, "{keys:?} {words:?} {epoch}");
                }
            }
            // All look again, and find nothing.
            (0..cores).for_each(|at| words[at] = found_nothing(epoch));
            assert_eq!(elsewhere(epoch, words.into_iter().skip(1)), Elsewhere::Nothing);
        }
        assert_eq!(elsewhere(1, [Word(1), Word(0)]), Elsewhere::Candidates);
        assert_eq!(elsewhere(2, [Word(1)]), Elsewhere::Candidates, "what was said in an earlier epoch is void");
        assert_eq!(elsewhere(0, [Word(0)]), Elsewhere::Candidates);
    }
}
