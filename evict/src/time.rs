//! Wall-clock time as keys store it.
//!
//! Deadlines are wall-clock times because they must survive a restart. Budgets and timers use a monotonic clock and are
//! no business of this type.

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
    }
}
