//! The two clocks: wall-clock time as keys store it, and monotonic time for budgets.
//!
//! Deadlines are wall-clock times because they must survive a restart. Budgets are counted on a clock that nobody sets. Two
//! types, so that neither is taken for the other.

/// Milliseconds since the Unix epoch, signed; any value is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This time and `millis` more (or fewer, if negative); the last or first representable time instead of an overflow.
    pub const fn saturating_add(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time, negative if `earlier` is later; clamped to `i64`.
    pub const fn saturating_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment of the monotonic clock, in microseconds since some start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Microseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let (first, zero, last) = (UnixMillis(i64::MIN), UnixMillis(0), UnixMillis(i64::MAX));
        assert_eq!(zero.saturating_add(5), UnixMillis(5));
        assert_eq!(zero.saturating_add(-5), UnixMillis(-5));
        assert_eq!(last.saturating_add(1), last);
        assert_eq!(first.saturating_add(-1), first);
        assert_eq!(UnixMillis(7).saturating_since(UnixMillis(9)), -2);
        assert_eq!(last.saturating_since(first), i64::MAX);
        assert_eq!(first.saturating_since(last), i64::MIN);
        assert_eq!(Monotonic(7).micros_since(Monotonic(3)), 4);
        assert_eq!(Monotonic(3).micros_since(Monotonic(7)), 0);
    }
}
