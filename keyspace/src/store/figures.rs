//! What an entry adds to the figures of its slot and core: taken before a change and after it, the difference keeps them true.

use evict::time::UnixMillis;

use crate::entry::Entry;

/// What the figures of a slot and a core need to know of an entry that changes.
#[derive(PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) bytes: u64,
    pub(super) volatile: bool,
    pub(super) timed: bool,
    pub(super) earliest: Option<UnixMillis>,
}

impl Figures {
    #[inline]
    pub(super) fn of(entry: &Entry) -> Figures {
        Figures {
            bytes: entry.heap_bytes() as u64,
            volatile: entry.deadline().is_some(),
            timed: entry.has_volatile_fields(),
            earliest: entry.earliest(),
        }
    }
}
