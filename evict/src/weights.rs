//! A fair draw of a slot: each with the probability of its share of all keys.
//!
//! Used by the choice of victims (`spec/expire-evict.md` §11.5), which needs many draws among 16,384 slots. Counts stand in groups with a
//! sum for each: a change adds to two numbers, a draw reads two runs of 128, a few cache lines at a time.

/// Counts in a group.
const GROUP: usize = 128;

/// Counts that are added up at once where a draw passes over them: vectors do that faster than looking at one after the other.
const RUN: usize = 16;

/// A count for each of a number of places, with fair draws among them. 4 bytes for a place.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    counts: Vec<u32>,
    groups: Vec<u64>,
    total: u64,
    filled: u32,
}

impl Weights {
    /// So many places, all empty.
    pub fn new(places: usize) -> Self {
        Self { counts: vec![0; places], groups: vec![0; places.div_ceil(GROUP)], total: 0, filled: 0 }
    }

    /// Sets the count of a place, which is in range. O(1).
    pub fn set(&mut self, place: usize, count: u32) {
        let before = std::mem::replace(&mut self.counts[place], count);
        self.filled = self.filled + u32::from(count > 0) - u32::from(before > 0);
        let sums = [&mut self.groups[place / GROUP], &mut self.total];
        for sum in sums {
            *sum = *sum + u64::from(count) - u64::from(before);
        }
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u32>() + self.groups.capacity() * size_of::<u64>()
    }

    /// The count of a place.
    pub fn get(&self, place: usize) -> u32 {
        self.counts[place]
    }

    /// All counts together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Places whose count is not 0.
    pub fn filled(&self) -> u32 {
        self.filled
    }

    /// A place whose count is not 0, drawn by `random`, which is uniform over all `u64`.
    pub fn draw(&self, random: u64) -> Option<usize> {
        let mut rank = ((u128::from(random) * u128::from(self.total)) >> 64) as u64;
        let group = find(&self.groups, &mut rank)?;
        let first = group * GROUP;
        let last = (first + GROUP).min(self.counts.len());
        let within = find(&self.counts[first..last], &mut rank);
        Some(first + within.expect("a group's sum is the sum of its counts"))
    }
}

/// Where `rank` falls among counts; it becomes the rank within that count.
fn find<T: Copy + Into<u64>>(counts: &[T], rank: &mut u64) -> Option<usize> {
    let run = counts.chunks(RUN).position(|run| passes(rank, run.iter().map(|&count| count.into()).sum()))?;
    let first = run * RUN;
    let last = (first + RUN).min(counts.len());
    let within = counts[first..last].iter().position(|&count| passes(rank, count.into()));
    Some(first + within.expect("a run's sum is the sum of its counts"))
}

/// Whether `rank` falls among the next `count`; if not, it is less by so many.
fn passes(rank: &mut u64, count: u64) -> bool {
    let found = *rank < count;
    if !found {
        *rank -= count;
    }
    found
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U011_draws_are_fair() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut weights = Weights::new(1_000);
        assert_eq!(weights.draw(7), None);
        // Skewed: most places are empty, one has as many as all others.
        for place in 0..1_000 {
            weights.set(place, 99);
            weights.set(place, if place % 50 == 0 { place as u32 + 10 } else { 0 });
        }
        weights.set(999, 9_700);
        assert_eq!((weights.total(), weights.filled(), weights.get(50)), (19_400, 21, 60));
        const DRAWS: u64 = 200_000;
        let mut seen = vec![0u64; 1_000];
        for _ in 0..DRAWS {
            seen[weights.draw(rng.u64(..)).expect("something is there")] += 1;
        }
        let chi_square: f64 = (0..1_000)
            .filter(|&place| weights.get(place) > 0)
            .map(|place| {
                let expected = DRAWS as f64 * f64::from(weights.get(place)) / weights.total() as f64;
                (seen[place] as f64 - expected).powi(2) / expected
            })
            .sum();
        // 20 degrees of freedom: above 45.3 once in a thousand seeds.
        assert!(chi_square < 45.3, "{chi_square}");
        assert!((0..1_000).all(|place| weights.get(place) > 0 || seen[place] == 0));
    }

    #[test]
    fn FR_P2C_008_U011_draws_at_the_ends() {
        let mut weights = Weights::new(129);
        weights.set(0, 1);
        weights.set(128, u32::MAX);
        assert_eq!((weights.draw(0), weights.draw(u64::MAX)), (Some(0), Some(128)));
        weights.set(0, 0);
        assert_eq!((weights.draw(0), weights.filled()), (Some(128), 1));
        assert_eq!(Weights::new(0).draw(5), None);
    }
}
