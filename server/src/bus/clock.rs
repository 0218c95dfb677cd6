//! The clock of the bus: milliseconds since the epoch that never jump.
//!
//! What nodes conclude from silence must not depend on somebody setting the machine's clock: a jump ahead would look like a process
//! that stood still, a jump back would stop the search for failures. So the system's clock is read once.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clusterbus::time::UnixMillis;

/// The clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begin: Instant,
    begin_millis: u64,
}

impl Clock {
    /// A clock that shows the system's time now.
    pub(super) fn start() -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { begin: Instant::now(), begin_millis: since_epoch.as_millis() as u64 }
    }

    /// The system's time, for people to read: nothing is concluded from it.
    pub(super) fn wall() -> audit::time::UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        audit::time::UnixMillis(since_epoch.as_millis() as i64)
    }

    /// The time. Never 0, which stands for "never".
    pub(super) fn now(&self) -> UnixMillis {
        UnixMillis((self.begin_millis + self.begin.elapsed().as_millis() as u64).max(1))
    }
}
