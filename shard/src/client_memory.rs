//! What the clients of one core use: kept to the byte whenever a connection is put in its place, O(1). Pure.
//!
//! Two sums: of all clients, which is part of the memory in use, and of those that may be closed when all clients together use too much
//! (`evict::clients`), by buckets of size. The clients of each bucket are known by name, so that one of the largest is found at once. A
//! client changes its bucket when what it uses doubles or halves, so their names are rarely touched.
//!
//! What counts for a client is what `Conn::heap_bytes` says; what the core holds for nobody in particular is in `core/holdings.rs`.

use std::collections::BTreeSet;

use evict::clients::{BUCKETS, ClientKind, ClientMemory, Exemption, counts};

use crate::ring::ConnId;
use crate::session::Session;

/// How a client stands in the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// Bytes.
    pub bytes: u64,
    /// It may be closed for its memory.
    pub counts: bool,
}

/// True if a client may be closed for its memory.
#[inline]
pub fn may_be_closed(session: &Session) -> bool {
    let kind = if session.is_subscribed() { ClientKind::PubSub } else { ClientKind::Normal };
    let exemption = if session.no_evict { Exemption::NoEvict } else { Exemption::None };
    counts(kind, exemption)
}

/// The books of one core.
#[derive(Debug, Default)]
pub struct ClientBooks {
    all: u64,
    counted: ClientMemory,
    by_bucket: [BTreeSet<ConnId>; BUCKETS],
    /// Buckets that changed since they were last published, one bit each.
    changed: u32,
}

const _: () = assert!(BUCKETS <= u32::BITS as usize, "each bucket has its bit");

impl ClientBooks {
    /// Enters what a client uses now in the place of what stands there; `Entered::default()` for one that just came or is gone.
    #[inline]
    pub fn enter(&mut self, client: ConnId, before: Entered, now: Entered) {
        if before == now {
            return;
        }
        self.all = self.all - before.bytes + now.bytes;
        let old = before.counts.then(|| evict::clients::bucket(before.bytes));
        let new = now.counts.then(|| evict::clients::bucket(now.bytes));
        if before.counts {
            self.counted.gone(before.bytes);
        }
        if now.counts {
            self.counted.come(now.bytes);
        }
        for bucket in [old, new].into_iter().flatten() {
            self.changed |= 1 << bucket;
        }
        if old != new {
            self.change_bucket(client, old, new);
        }
    }

    #[cold]
    fn change_bucket(&mut self, client: ConnId, old: Option<usize>, new: Option<usize>) {
        if let Some(old) = old {
            self.by_bucket[old].remove(&client);
        }
        if let Some(new) = new {
            self.by_bucket[new].insert(client);
        }
    }

    /// Bytes of all clients.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.all
    }

    /// Bytes of those that may be closed for their memory, by bucket.
    pub fn counted(&self) -> &ClientMemory {
        &self.counted
    }

    /// A client of a bucket, if there is one.
    pub fn one_of(&self, bucket: usize) -> Option<ConnId> {
        self.by_bucket[bucket].first().copied()
    }

    /// The buckets that changed since this was last asked, one bit each.
    pub fn take_changed(&mut self) -> u32 {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn FR_P2C_008_U012_books_are_those_of_their_clients(
            changes in prop::collection::vec((0u32..40, any::<u64>(), 0u32..40, any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut books = ClientBooks::default();
            let mut clients: BTreeMap<u32, Entered> = BTreeMap::new();
            for (index, random, bits, counts, stays) in changes {
                let before = clients.remove(&index).unwrap_or_default();
                let now = Entered { bytes: random >> (64 - bits.max(1)), counts };
                let now = if stays { now } else { Entered::default() };
                books.enter(ConnId { index, generation: 0 }, before, now);
                if stays {
                    clients.insert(index, now);
                }
                let mut expected = ClientMemory::default();
                let mut names: [BTreeSet<u32>; BUCKETS] = Default::default();
                for (&index, entered) in clients.iter().filter(|(_, entered)| entered.counts) {
                    names[expected.come(entered.bytes)].insert(index);
                }
                prop_assert_eq!(books.counted(), &expected);
                prop_assert_eq!(books.bytes(), clients.values().map(|entered| entered.bytes).sum::<u64>());
                for (bucket, names) in names.iter().enumerate() {
                    prop_assert_eq!(books.one_of(bucket).map(|id| id.index), names.first().copied());
                }
            }
        }
    }
}
