//! How much of the memory that is in use counts, and by how much it is too much.
//!
//! C10, `spec/expire-evict.md` §10. What replicas and the log are still owed does not count: evicting propagates deletions, which grow
//! exactly these buffers, so counting them would evict more the more was evicted, down to an empty data set.

use std::num::NonZeroU64;

use crate::faults::{Fault, planted};

/// Bytes of a block of the replication buffer, whose index the backlog pays for.
const BLOCK_BYTES: u64 = 16_384;

/// Bytes of buffers that grow with what is propagated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// R: blocks of the shared replication buffer.
    pub replication: u64,
    /// Configured size of the backlog.
    pub backlog: u64,
    /// What each block of the backlog costs beside its bytes.
    pub block_overhead: u64,
    /// What waits to be appended to the log; 0 while there is no log.
    pub log: u64,
    /// What an outgoing migration of slots is owed.
    pub migration: u64,
}

impl Buffers {
    /// Bytes that do not count. Of the replication buffer these are the ones beyond the backlog, kept for slow replicas.
    pub fn not_counted(&self) -> u64 {
        if planted(Fault::BuffersCounted) {
            return 0;
        }
        let index = (self.backlog / BLOCK_BYTES + 1).saturating_mul(self.block_overhead);
        let backlog = self.backlog.saturating_add(index);
        let owed = self.replication.saturating_sub(backlog);
        owed.saturating_add(self.log).saturating_add(self.migration)
    }
}

/// What `used` bytes and a limit come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// `maxmemory` is 0.
    Unlimited,
    /// All that counts is within the limit.
    Within,
    /// So many bytes have to go.
    Over(NonZeroU64),
}

impl Pressure {
    /// The pressure when `used` bytes are in use. The buffers are asked only if it may matter.
    pub fn of(used: u64, maxmemory: u64, buffers: impl FnOnce() -> Buffers) -> Self {
        if maxmemory == 0 {
            return Pressure::Unlimited;
        }
        if used <= maxmemory {
            return Pressure::Within;
        }
        let logical = used.saturating_sub(buffers().not_counted());
        match NonZeroU64::new(logical.saturating_sub(maxmemory)) {
            Some(excess) => Pressure::Over(excess),
            None => Pressure::Within,
        }
    }

    /// Bytes that have to go.
    pub fn excess(self) -> u64 {
        if let Pressure::Over(excess) = self { excess.get() } else { 0 }
    }
}

/// The part of the limit that is in use, which INFO reports; 0 without a limit.
pub fn level(used: u64, maxmemory: u64, buffers: &Buffers) -> f64 {
    let logical = used.saturating_sub(buffers.not_counted());
    if maxmemory == 0 { 0.0 } else { logical as f64 / maxmemory as f64 }
}

/// A core's share of `bytes`, by the part that it has of all that can be evicted: §16.2. Rounded up, so that the shares suffice, and
/// 0 only if there is nothing to do or nothing to do it with.
pub fn fair_share(bytes: u64, evictable_here: u64, evictable: u64) -> u64 {
    let share =
        (u128::from(bytes) * u128::from(evictable_here)).div_ceil(u128::from(evictable.max(evictable_here).max(1)));
    share as u64
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKLOG: Buffers = Buffers { replication: 0, backlog: 1_048_576, block_overhead: 100, log: 0, migration: 0 };
    /// 1 MiB and the index of 65 blocks.
    const B: u64 = 1_048_576 + 6_500;

    #[test]
    pub(crate) fn FR_P2C_008_U010_what_counts() {
        let rows = [
            // R, log, migration, not counted
            (0, 0, 0, 0),
            (B - 1, 0, 0, 0),
            (B, 0, 0, 0),
            (B + 1, 0, 0, 1),
            (B + 5_000_000, 0, 0, 5_000_000),
            (B + 7, 30, 200, 237),
            (0, 30, 0, 30),
            (u64::MAX, u64::MAX, 5, u64::MAX),
        ];
        for (replication, log, migration, expected) in rows {
            let buffers = Buffers { replication, log, migration, ..BACKLOG };
            assert_eq!(buffers.not_counted(), expected, "{buffers:?}");
        }
        let huge = Buffers { backlog: u64::MAX, block_overhead: u64::MAX, replication: u64::MAX, ..BACKLOG };
        assert_eq!(huge.not_counted(), 0);
    }

    #[test]
    pub(crate) fn FR_P2C_008_U010_pressure() {
        let rows = [
            // used, limit, not counted, excess
            (u64::MAX, 0, 0, None),
            (100, 100, 0, Some(0)),
            (101, 100, 0, Some(1)),
            (101, 100, 1, Some(0)),
            (150, 100, 30, Some(20)),
            (101, 100, u64::MAX, Some(0)),
            (u64::MAX, 1, 0, Some(u64::MAX - 1)),
        ];
        for (used, maxmemory, log, excess) in rows {
            let buffers = Buffers { log, ..BACKLOG };
            let pressure = Pressure::of(used, maxmemory, || buffers);
            assert_eq!(pressure == Pressure::Unlimited, excess.is_none(), "{used} {maxmemory}");
            assert_eq!(pressure.excess(), excess.unwrap_or(0), "{used} {maxmemory} {log}");
        }
        Pressure::of(100, 100, || panic!("the buffers are not looked at below the limit"));
        assert_eq!(level(150, 100, &Buffers { log: 25, ..BACKLOG }), 1.25);
        assert_eq!(level(150, 0, &BACKLOG), 0.0);
    }

    #[test]
    pub(crate) fn FR_P2C_008_U010_slow_replicas_do_not_empty_the_data_set() {
        // Each evicted key frees 100 bytes and adds 140 to what a replica is owed.
        let (mut data, mut buffers, mut evicted) = (20_000u64, BACKLOG, 0);
        buffers.replication = B;
        loop {
            let used = data + buffers.replication.saturating_sub(B);
            if Pressure::of(used, 19_000, || buffers).excess() == 0 || data == 0 {
                break;
            }
            data -= 100;
            buffers.replication += 140;
            evicted += 1;
        }
        assert_eq!((evicted, data), (10, 19_000));
    }

    proptest! {
        #[test]
        fn FR_P2C_008_U010_shares_suffice(bytes: u64, here in prop::collection::vec(0u64..1 << 40, 1..64)) {
            let all: u64 = here.iter().sum();
            let shares: u128 = here.iter().map(|&here| u128::from(fair_share(bytes, here, all))).sum();
            if all > 0 {
                prop_assert!(shares >= u128::from(bytes));
                prop_assert!(shares <= u128::from(bytes) + here.len() as u128);
            }
            for &here in &here {
                prop_assert_eq!(fair_share(bytes, here, all) == 0, bytes == 0 || here == 0);
            }
        }
    }
}
