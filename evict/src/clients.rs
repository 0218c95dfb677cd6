//! Which clients are closed because all clients together use too much memory: `maxmemory-clients`.
//!
//! `spec/expire-evict.md` §13. Clients are kept by size in buckets of powers of two, so that one that is among the largest is found
//! without a list in order. Each core counts its own clients; the sums of all cores are published, and the core that has most in the
//! largest bucket closes one of its clients there. So cores that look at the same numbers do not close one each.

/// Number of buckets: below 32 KiB, then one for each doubling, and 4 GiB and more.
pub const BUCKETS: usize = 19;

/// Bits of a number of bytes in the first bucket, at most.
const FIRST_BITS: u32 = 15;

/// Least limit, so that a wrong setting leaves a way to correct it.
const LIMIT_MIN: u64 = 128 << 10;

/// `maxmemory-clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsLimit {
    /// No limit.
    Off,
    /// So many bytes.
    Bytes(u64),
    /// So many percent of `maxmemory`, 1..=100.
    Percent(u8),
}

impl ClientsLimit {
    /// What the setting means as a number: 0 is off, and -1 to -100 are percents.
    pub fn of_setting(value: i64) -> Option<Self> {
        Some(match value {
            0 => Self::Off,
            1.. => Self::Bytes(value.unsigned_abs()),
            -100..0 => Self::Percent(value.unsigned_abs() as u8),
            _ => return None,
        })
    }

    /// Bytes that all clients may use; `None` for any number. A percentage of no limit is no limit.
    pub fn bytes(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) if maxmemory > 0 => (u128::from(maxmemory) * u128::from(percent) / 100) as u64,
            Self::Off | Self::Percent(_) => return None,
        };
        Some(bytes.max(LIMIT_MIN))
    }
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Sends commands.
    Normal,
    /// Subscribes.
    PubSub,
    /// Follows this server.
    Replica,
    /// This server follows it.
    Master,
}

/// `CLIENT NO-EVICT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// None.
    None,
    /// The client is never closed for its memory.
    NoEvict,
}

/// Whether a client's memory is counted, and the client closed for it.
pub const fn counts(kind: ClientKind, exemption: Exemption) -> bool {
    matches!((kind, exemption), (ClientKind::Normal | ClientKind::PubSub, Exemption::None))
}

/// The bucket of a client that uses so many bytes.
pub const fn bucket(bytes: u64) -> usize {
    let bits = u64::BITS - bytes.leading_zeros();
    let above = bits.saturating_sub(FIRST_BITS) as usize;
    if above < BUCKETS { above } else { BUCKETS - 1 }
}

/// What the clients of a core, or of all, use: bytes and number of clients per bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ClientMemory {
    bytes: [u64; BUCKETS],
    clients: [u32; BUCKETS],
}

impl ClientMemory {
    /// A client that counts has come, with so many bytes. Returns its bucket.
    pub fn come(&mut self, bytes: u64) -> usize {
        let bucket = bucket(bytes);
        self.bytes[bucket] += bytes;
        self.clients[bucket] += 1;
        bucket
    }

    /// A client that counted with so many bytes has gone.
    pub fn gone(&mut self, bytes: u64) {
        let bucket = bucket(bytes);
        self.bytes[bucket] -= bytes;
        self.clients[bucket] -= 1;
    }

    /// What it uses has changed. Returns its new bucket.
    pub fn changed(&mut self, before: u64, after: u64) -> usize {
        self.gone(before);
        self.come(after)
    }

    /// Bytes and number of the clients in a bucket.
    pub fn in_bucket(&self, bucket: usize) -> (u64, u32) {
        (self.bytes[bucket], self.clients[bucket])
    }

    /// Puts a bucket's bytes and number of clients in the place of what it was: to read what another core has published.
    pub fn set_bucket(&mut self, bucket: usize, bytes: u64, clients: u32) {
        self.bytes[bucket] = bytes;
        self.clients[bucket] = clients;
    }

    /// Adds another core's.
    pub fn add(&mut self, other: &ClientMemory) {
        for bucket in 0..BUCKETS {
            self.bytes[bucket] += other.bytes[bucket];
            self.clients[bucket] += other.clients[bucket];
        }
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// The bucket from which a client has to be closed, if the limit is passed: the largest that has any. Any client in it will do;
    /// then ask again.
    pub fn close_from(&self, limit: Option<u64>) -> Option<usize> {
        if self.total() <= limit? {
            return None;
        }
        (0..BUCKETS).rev().find(|&bucket| self.clients[bucket] > 0)
    }
}

/// Which core closes a client from `bucket`: the one with most bytes in it, the first of several.
pub fn closing_core(cores: &[ClientMemory], bucket: usize) -> Option<usize> {
    let most = cores.iter().map(|core| core.bytes[bucket]).max()?;
    cores.iter().position(|core| core.bytes[bucket] == most && core.clients[bucket] > 0)
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIB: u64 = 1 << 10;

    #[test]
    fn FR_P2C_008_U012_buckets_of_clients() {
        let rows = [
            (0, 0),
            (32 * KIB - 1, 0),
            (32 * KIB, 1),
            (64 * KIB - 1, 1),
            (64 * KIB, 2),
            ((2 << 30) - 1, 16),
            (2 << 30, 17),
            ((4 << 30) - 1, 17),
            (4 << 30, 18),
            (u64::MAX, 18),
        ];
        for (bytes, expected) in rows {
            assert_eq!(bucket(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn FR_P2C_008_U012_limit_of_clients() {
        let rows = [
            (0, 1 << 30, None),
            (1, 1 << 30, Some(128 * KIB)),
            (1 << 20, 0, Some(1 << 20)),
            (-5, 1 << 30, Some((1 << 30) / 20)),
            (-100, 1 << 30, Some(1 << 30)),
            (-1, 1 << 20, Some(128 * KIB)),
            (-5, 0, None),
            (-100, u64::MAX, Some(u64::MAX)),
        ];
        for (setting, maxmemory, limit) in rows {
            let found = ClientsLimit::of_setting(setting).expect("it is a setting");
            assert_eq!(found.bytes(maxmemory), limit, "{setting} {maxmemory}");
        }
        assert_eq!([-101, i64::MIN].map(ClientsLimit::of_setting), [None; 2]);
    }

    #[test]
    fn FR_P2C_008_U012_who_counts() {
        for kind in [ClientKind::Normal, ClientKind::PubSub, ClientKind::Replica, ClientKind::Master] {
            let expected = matches!(kind, ClientKind::Normal | ClientKind::PubSub);
            assert_eq!(counts(kind, Exemption::None), expected, "{kind:?}");
            assert!(!counts(kind, Exemption::NoEvict), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn FR_P2C_008_U012_the_largest_clients_go_until_it_is_enough(
            sizes in prop::collection::vec((any::<u64>(), 0u32..40), 1..80),
            limit in 0u64..1 << 36,
        ) {
            let mut sizes: Vec<u64> = sizes.into_iter().map(|(random, bits)| random >> (64 - bits.max(1))).collect();
            let (mut here, mut there) = (ClientMemory::default(), ClientMemory::default());
            for (index, &size) in sizes.iter().enumerate() {
                let memory = if index % 2 == 0 { &mut here } else { &mut there };
                memory.come(1);
                prop_assert_eq!(memory.changed(1, size), bucket(size));
            }
            let mut all = here;
            all.add(&there);
            while let Some(from) = all.close_from(Some(limit)) {
                prop_assert!(all.total() > limit);
                prop_assert_eq!(closing_core(&[all, ClientMemory::default(), all], from), Some(0));
                prop_assert_eq!(closing_core(&[ClientMemory::default(), all], from), Some(1));
                prop_assert_eq!(from, sizes.iter().map(|&size| bucket(size)).max().expect("a client is left"));
                let index = sizes.iter().position(|&size| bucket(size) == from).expect("one is in the bucket");
                all.gone(sizes.swap_remove(index));
            }
            prop_assert!(all.total() <= limit);
            prop_assert_eq!(all.total(), sizes.iter().sum::<u64>());
            prop_assert_eq!(all.close_from(None), None);
        }
    }
}
