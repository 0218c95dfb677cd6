//! From registers to an estimate: the improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches" (2017), algorithm 6. The order of its operations decides the last digit and is Redis's.

use super::hash::RANK_BITS;
use super::{REGISTERS, Registers};

/// Values that a register of six bits can have.
const VALUES: usize = 64;

/// `1 / (2 ln 2)`, to which the bias correction tends.
#[expect(clippy::excessive_precision, reason = "the digits are those of the paper")]
const ALPHA_INFINITY: f64 = 0.721347520444481703680;

/// How many registers have each value.
pub(crate) struct Histogram([u32; VALUES]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; VALUES])
    }
}

impl Histogram {
    /// Counts `times` registers of one value, which is below 64.
    #[inline]
    pub(super) fn add(&mut self, value: u8, times: usize) {
        self.0[value as usize % VALUES] += times as u32;
    }

    /// The histogram of plain registers.
    pub(crate) fn of(registers: &Registers) -> Histogram {
        let mut histogram = Histogram::default();
        registers.iter().for_each(|&register| histogram.add(register, 1));
        histogram
    }

    /// How many distinct elements lead to such registers.
    pub(crate) fn estimate(&self) -> u64 {
        const HIGHEST: usize = RANK_BITS as usize;
        let all = REGISTERS as f64;
        let count = |value: usize| self.0[value] as f64;
        let mut sum = all * tau((all - count(HIGHEST + 1)) / all);
        for value in (1..=HIGHEST).rev() {
            sum = (sum + count(value)) * 0.5;
        }
        sum += all * sigma(count(0) / all);
        let estimate = (ALPHA_INFINITY * all * all / sum).round();
        // Registers that no hash leads to can have no finite estimate. Redis then answers with what its processor makes of that.
        if estimate.is_finite() { estimate as u64 } else { 1 << 63 }
    }
}

/// What registers of value 0 contribute: `x + sum of x^(2^k) * 2^(k-1)`.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// What registers of the highest value contribute: `(1 - x - sum of (1 - x^(2^-k))^2 * 2^-k) / 3`.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        factor *= 0.5;
        let rest = 1.0 - x;
        sum -= rest * rest * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}
