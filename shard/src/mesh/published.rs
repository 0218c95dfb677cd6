//! Numbers of one core that other threads may read at any time: the least-loaded accept, the memory total, the metrics.
//!
//! Each is a relaxed atomic: a reader sees a recent value, never a consistent set. Nothing that must be exact or ordered may be
//! decided from them. Adding a number is adding a row to the table below.

use core::sync::atomic::{AtomicU64, Ordering};

use evict::clients::{BUCKETS, ClientMemory};

/// One published number.
#[derive(Default)]
pub struct Number(AtomicU64);

impl Number {
    /// A recent value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the value: for numbers that only the holder of the core's baton writes. A plain store.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to a number that several threads write.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Subtracts from a number that several threads write. Wraps below zero, so take back only what was added.
    pub fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// What the clients of one core use that may be closed for it, by bucket of size, on cache lines of their own. Written by the core only,
/// and while `maxmemory-clients` is set.
#[derive(Default)]
#[repr(align(128))]
pub struct PublishedClients {
    total: Number,
    buckets: [(Number, Number); BUCKETS],
}

impl PublishedClients {
    /// Publishes the buckets whose bits are set, and the sum of all.
    pub fn publish(&self, memory: &ClientMemory, changed: u32) {
        for bucket in (0..BUCKETS).filter(|bucket| changed & 1 << bucket != 0) {
            let (bytes, clients) = memory.in_bucket(bucket);
            self.buckets[bucket].0.set(bytes);
            self.buckets[bucket].1.set(u64::from(clients));
        }
        self.total.set(memory.total());
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.total.get()
    }

    /// Bytes and number of clients by bucket.
    pub fn read(&self) -> ClientMemory {
        let mut memory = ClientMemory::default();
        for (bucket, (bytes, clients)) in self.buckets.iter().enumerate() {
            memory.set_bucket(bucket, bytes.get(), clients.get() as u32);
        }
        memory
    }
}

macro_rules! published {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The published numbers of one core, on cache lines of their own.
        #[derive(Default)]
        #[repr(align(128))]
        pub struct Published {
            $($(#[$doc])* pub $name: Number,)*
        }

        impl Published {
            /// Every number with its name, in the order of the table: what the metrics are made from.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name.get())),*].into_iter()
            }
        }
    };
}

published! {
    /// Client connections of this core. Added to by whoever accepts for it, so that a burst spreads; subtracted from by the core itself.
    connections,
    /// Work under way for clients of this core that are gone. Each piece counts against `maxclients` until it is back.
    abandoned,
    /// Bytes that the core accounts for: slots, connections, and what it holds from its start.
    used_bytes,
    /// Keys of the core's slots, in all databases.
    keys,
    /// Commands executed against this core's shard, by whomever.
    commands,
    /// Commands that this core sent to another one.
    hops,
    /// Commands that this core executed as a visitor of another one.
    visits,
    /// Slots of this core that are on loan.
    lent_slots,
    /// One more than the version of the settings under which the core gave hardened mode up; 0 for never.
    hardening_lost,
}
