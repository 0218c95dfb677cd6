//! The best candidates for eviction seen so far: sixteen of them, sorted.
//!
//! C11, `spec/expire-evict.md` §11.4. Sampling a few keys and keeping the best of earlier samples comes close to the order that
//! the policy means, at the cost of a few random reads. A candidate is a handle: the key may be gone, or have changed, by the
//! time that it is chosen, which is looked at then.

use crate::faults::{Fault, planted};

/// Number of candidates.
pub const POOL_MAX: usize = 16;

/// The candidates of one core, in ascending order of their scores. `H` says where a key is; a few bytes.
#[derive(Clone, Debug)]
pub struct Pool<H> {
    entries: [Option<(u64, H)>; POOL_MAX],
    len: usize,
}

impl<H: Copy> Default for Pool<H> {
    fn default() -> Self {
        Self { entries: [None; POOL_MAX], len: 0 }
    }
}

impl<H: Copy> Pool<H> {
    /// Takes a candidate in, unless the pool is full of ones that score at least as high. Of equal scores the newest stands
    /// lowest. The lowest makes room in a full pool.
    pub fn offer(&mut self, score: u64, handle: H) {
        let lower = self.entries.iter().take_while(|entry| entry.is_some_and(|(held, _)| held < score)).count();
        let full = self.len == POOL_MAX;
        if full && planted(Fault::PoolKeepsWorst) {
            self.entries[POOL_MAX - 1] = Some((score, handle));
        } else if !full {
            self.entries.copy_within(lower..self.len, lower + 1);
            self.entries[lower] = Some((score, handle));
            self.len += 1;
        } else if lower > 0 {
            self.entries.copy_within(1..lower, 0);
            self.entries[lower - 1] = Some((score, handle));
        }
    }

    /// Takes the candidate with the highest score out.
    pub fn take_best(&mut self) -> Option<H> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        self.entries[last].take().map(|(_, handle)| handle)
    }

    /// Forgets all: the policy has changed, and with it what scores mean.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A list kept in order: before its equals, and never more than sixteen, of which the lowest goes.
    fn naive(list: &mut Vec<(u64, u32)>, score: u64, handle: u32) {
        let place = list.iter().position(|(held, _)| *held >= score).unwrap_or(list.len());
        list.insert(place, (score, handle));
        if list.len() > POOL_MAX {
            list.remove(0);
        }
    }

    fn agrees(offers: &[Option<u64>]) {
        let (mut pool, mut list) = (Pool::default(), Vec::new());
        for (number, offer) in (0..).zip(offers) {
            match offer {
                Some(score) => {
                    pool.offer(*score, number);
                    naive(&mut list, *score, number);
                }
                None => assert_eq!(pool.take_best(), list.pop().map(|(_, handle)| handle)),
            }
            let held: Vec<(u64, u32)> = pool.entries.iter().flatten().copied().collect();
            assert_eq!(held, list);
            assert_eq!((pool.len(), pool.is_empty()), (list.len(), list.is_empty()));
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U011_pool_as_a_sorted_list() {
        let mut rng = fastrand::Rng::with_seed(11);
        for round in 0..2_000 {
            // Few different scores, so that equals are common; all the same in some rounds.
            let scores = [1, 2, 20, u64::MAX][round % 4];
            let offers: Vec<_> = (0..60).map(|_| (rng.u8(..8) > 0).then(|| rng.u64(..scores))).collect();
            agrees(&offers);
        }
    }

    proptest! {
        #[test]
        fn FR_P2C_008_U011_pool_as_a_sorted_list_of_any_scores(offers in prop::collection::vec(prop::option::weighted(0.9, any::<u64>()), 0..80)) {
            agrees(&offers);
        }
    }

    #[test]
    fn FR_P2C_008_U011_the_same_key_twice() {
        let mut pool = Pool::default();
        for _ in 0..3 {
            pool.offer(7, 'a');
        }
        assert_eq!(
            [pool.take_best(), pool.take_best(), pool.take_best(), pool.take_best()],
            [Some('a'), Some('a'), Some('a'), None]
        );
        pool.offer(1, 'b');
        pool.clear();
        assert_eq!(pool.take_best(), None);
    }
}
