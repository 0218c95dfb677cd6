//! Points in time and spans, in milliseconds.
//!
//! The caller reads the clock. It may be set back, so a span never is negative.

use std::ops::{Add, Mul};

/// A point in time: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub u64);

/// A span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl UnixMillis {
    /// Never, where a time may be missing.
    pub const NEVER: UnixMillis = UnixMillis(0);

    /// This time by a clock that was set back by `by`. Never stays never.
    pub fn set_back(self, by: Millis) -> UnixMillis {
        if self == Self::NEVER { self } else { UnixMillis(self.0.saturating_sub(by.0).max(1)) }
    }

    /// How long ago `earlier` is; nothing if it is not over.
    pub fn since(self, earlier: UnixMillis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for UnixMillis {
    type Output = UnixMillis;

    fn add(self, span: Millis) -> UnixMillis {
        UnixMillis(self.0.saturating_add(span.0))
    }
}

impl Add for Millis {
    type Output = Millis;

    fn add(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for Millis {
    type Output = Millis;

    fn mul(self, times: u64) -> Millis {
        Millis(self.0.saturating_mul(times))
    }
}
