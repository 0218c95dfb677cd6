//! What a core holds beside its data: memory that counts for `used_memory` and for `maxmemory`.
//!
//! Whatever a client can make grow at once is known at any time, O(1): the clients themselves, who listens to what, what waits to be
//! told, the interpreter. What is bounded by settings or changes seldom is summed by the cron once a second ([`Dear`]).
//!
//! Not counted: what is in the mailboxes between two cores for the time of a turn, io_uring's own rings, and what the allocator adds.

use crate::heap::table_bytes;
use crate::memory::startup_bytes;
use crate::report::MemoryTotals;
use crate::ring::Ring;
use crate::unit::{Unit, UnitSeq};

use super::Inner;

/// Bytes that are dear to sum, when they were last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dear {
    /// The ACL log, wrong passwords, and counters per command and per slot.
    logs: u64,
    /// Prefixes that clients track by.
    prefixes: u64,
    /// The code of libraries.
    libraries: u64,
    /// Clients that are gone in the middle of a transaction.
    ghosts: u64,
}

impl<R: Ring> Inner<R> {
    /// Sums what is dear to sum.
    pub(super) fn look_at_holdings(&mut self) {
        let shard = self.owner.shard();
        let book = self.guard.book.borrow();
        let usage = shard.usage.as_ref().map_or(0, |usage| usage.heap_bytes());
        let logs = book.log.heap_bytes() + book.attempts.heap_bytes() + shard.stats.heap_bytes() + usage;
        let ghosts = self.ghosts.values().map(|ghost| ghost.heap_bytes()).sum::<usize>();
        self.cron.meters.dear = Dear {
            logs: logs as u64,
            prefixes: shard.prefixes.heap_bytes() as u64,
            libraries: self.scripts.library_bytes() as u64,
            ghosts: ghosts as u64,
        };
    }

    /// All bytes that the core accounts for. O(1) but for the tables, of which there is one number per database.
    pub(super) fn memory(&mut self) -> MemoryTotals {
        let keyspace = &self.owner.shard().keyspace;
        MemoryTotals {
            data: keyspace.heap_bytes(),
            dropped: keyspace.dropped_bytes(),
            tables: self.cron.meters.table_bytes.iter().sum(),
            startup: startup_bytes(&self.settings),
            ..self.holdings()
        }
    }

    /// The sum of these. O(1).
    pub(super) fn used_bytes(&mut self) -> u64 {
        self.owner.shard().keyspace.held_bytes() + self.other_bytes()
    }

    /// Bytes that the core holds beside its data. O(1).
    pub(super) fn other_bytes(&mut self) -> u64 {
        startup_bytes(&self.settings) + self.holdings().others()
    }

    fn holdings(&mut self) -> MemoryTotals {
        let dear = self.cron.meters.dear;
        let shard = self.owner.shard();
        let listeners = shard.listeners.heap_bytes() as u64 + dear.prefixes;
        let told = self.outboxes.heap_bytes() + self.monitors.heap_bytes();
        let under_way =
            table_bytes::<(UnitSeq, Unit)>(self.units.capacity()) + self.batch.heap_bytes() + self.copying_bytes;
        let buffers = self.spares.heap_bytes() + self.conns.table_bytes() + told + under_way;
        MemoryTotals {
            clients: self.conns.books().bytes(),
            pubsub: (self.directory.heap_bytes() + self.audience.heap_bytes()) as u64,
            listeners,
            scripts: self.scripts.heap_bytes() as u64 + dear.libraries,
            logs: self.slowlog.heap_bytes() as u64 + dear.logs,
            buffers: buffers as u64 + dear.ghosts,
            ..MemoryTotals::default()
        }
    }
}
