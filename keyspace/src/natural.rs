//! Natural numbers of any size: just what reading and writing a `LongDouble` exactly takes.
//!
//! Limbs of 64 bits, the least significant first, none of them a leading zero. Every number here stays below some 40,000 bits,
//! because the texts that it comes from are bounded.

use std::cmp::Ordering;

/// A natural number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Natural(Vec<u64>);

impl Natural {
    pub(crate) fn from_u64(value: u64) -> Natural {
        Natural(if value == 0 { Vec::new() } else { vec![value] })
    }

    /// `self * 5^exponent`.
    pub(crate) fn multiply_power_of_five(&mut self, exponent: u32) {
        /// The largest power of five in a limb.
        const STEP: u32 = 27;
        for _ in 0..exponent / STEP {
            self.multiply_add(5u64.pow(STEP), 0);
        }
        self.multiply_add(5u64.pow(exponent % STEP), 0);
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of bits without leading zeros.
    pub(crate) fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| self.0.len() as u32 * 64 - top.leading_zeros())
    }

    /// `self * factor + term`.
    pub(crate) fn multiply_add(&mut self, factor: u64, term: u64) {
        let mut carry = term;
        for limb in &mut self.0 {
            let wide = *limb as u128 * factor as u128 + carry as u128;
            *limb = wide as u64;
            carry = (wide >> 64) as u64;
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    /// `self / divisor`; returns the remainder.
    pub(crate) fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let wide = (rest as u128) << 64 | *limb as u128;
            *limb = (wide / divisor as u128) as u64;
            rest = (wide % divisor as u128) as u64;
        }
        self.trim();
        rest
    }

    /// `self << by`.
    pub(crate) fn shift_left(&mut self, by: u32) {
        if self.is_zero() {
            return;
        }
        let bits = by % 64;
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.0 {
                (*limb, carry) = (*limb << bits | carry, *limb >> (64 - bits));
            }
            if carry != 0 {
                self.0.push(carry);
            }
        }
        let limbs = by as usize / 64;
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    /// `self - other`, which is not larger.
    pub(crate) fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let term = other.0.get(index).copied().unwrap_or(0);
            (*limb, borrow) = limb.borrowing_sub(term, borrow);
        }
        debug_assert!(!borrow, "a natural number is not negative");
        self.trim();
    }

    /// The upper two limbs, by how many bits they stand above the others, and whether any bit of the others is set.
    pub(crate) fn top(&self) -> (u128, u32, bool) {
        let low = self.0.len().saturating_sub(2);
        let top = self.0[low..].iter().rev().fold(0, |top, &limb| top << 64 | limb as u128);
        (top, low as u32 * 64, self.0[..low].iter().any(|&limb| limb != 0))
    }

    /// Its decimal digits.
    pub(crate) fn decimal(mut self) -> String {
        /// Digits of one step: the largest power of ten in a limb.
        const STEP: usize = 19;
        let mut groups = Vec::new();
        while !self.is_zero() {
            groups.push(self.divide(10u64.pow(STEP as u32)));
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:0STEP$}"));
        }
        text
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Natural) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Natural) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
