//! `allkeys-s3fifo`: eviction by three first-in first-out queues.
//!
//! C11. Yang, Zhang, Qiu, Yue and Vinayak, "FIFO queues are all you need for cache eviction", SOSP 2023. Most keys of a skewed load are
//! used once while they are cached. A new key enters a *small* queue of a tenth of the cache; at its end it is moved to the *main*
//! queue if it was used twice meanwhile, else it leaves, and only a fingerprint stays in a *ghost* queue. A key that comes back
//! while its ghost is known enters the main queue at once. At the end of the main queue a key that was used goes around again,
//! with one use less. So a hit changes two bits of the entry and moves nothing, and an eviction looks at a few keys in order
//! instead of drawing at random.
//!
//! What it costs: a key's state fits its 24 access bits; beside them a handle in a queue (8 or 16 bytes, as the data chooses) and about
//! 8 bytes of ghosts for each key, while this policy is chosen and not else. Handles are not removed when their key is deleted:
//! they are dropped when they are met, and swept, a few with each new key, where they become more than half of a queue.
//!
//! When not to use it: for loads that come back to a key twice at most, and only after the small queue has passed (each
//! second use misses; LRU with a large cache may not); for caches of fewer than some thousand keys per core, whose small queue says
//! nothing; where a few bytes per key matter more than hits; where the working set is replaced at once by another, because keys
//! that were used three times go round the main queue three times more before they leave.
//!
//! Sizes are counted in keys, not in bytes. A handle of a key whose slot is on loan keeps its turn; a key that was made while its slot
//! was on loan, or came with its slot from another core, has to be taken in when the slot is here.

use crate::access::AccessBits;
use crate::faults::{Fault, planted};
use crate::fifo::Fifo;
use crate::ghosts::Ghosts;
use crate::time::UnixMillis;

/// Keys of the small queue: one in so many.
const SMALL_SHARE: usize = 10;

/// Uses in the small queue that a key needs to stay.
const USES_TO_STAY: u32 = 2;

/// Most uses that are counted.
const USES_MAX: u32 = 3;

/// Handles that one choice looks at. Beyond them the least used of these has to do.
const STEPS_MAX: u32 = 256;

/// Handles, beyond twice the keys, that may wait in the queues before they are swept.
const SLACK: u64 = 1_024;

/// Handles that each new key sweeps then.
const SWEEP: u32 = 4;

/// Pieces of a queue that one step frees: some hundred kilobytes.
const FREED_PIECES_MAX: usize = 64;

/// Seconds of a tick of the stamp, so that its 20 bits go round in the time that LRU's clock takes.
const TICK_SECONDS: i64 = 16;

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// In none, or the bits were written under another policy.
    None,
    /// In the small queue.
    Small,
    /// In the main queue.
    Main,
}

/// The access bits of a key under this policy: a stamp of its last use, 20 bits; its queue, 2; its uses, 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBits(u32);

impl QueueBits {
    /// A key made at `now`, in no queue.
    pub const fn made(now: UnixMillis) -> Self {
        Self(stamp(now) << 4)
    }

    /// What an entry holds.
    pub const fn of(bits: AccessBits) -> Self {
        Self(bits.bits())
    }

    /// What to store.
    pub const fn access(self) -> AccessBits {
        AccessBits::new(self.0)
    }

    /// Uses in its queue, up to 3.
    pub const fn uses(self) -> u32 {
        self.0 & 3
    }

    /// Its queue.
    pub const fn queue(self) -> Queue {
        match self.0 >> 2 & 3 {
            1 => Queue::Small,
            2 => Queue::Main,
            _ => Queue::None,
        }
    }

    /// The key used at `now`.
    pub const fn used(self, now: UnixMillis) -> Self {
        let uses = if self.uses() < USES_MAX { self.uses() + 1 } else { USES_MAX };
        Self(stamp(now) << 4 | self.0 & 0b1100 | uses)
    }

    /// The key in a queue, with so many uses.
    const fn placed(self, queue: Queue, uses: u32) -> Self {
        let queue = match queue {
            Queue::None => 0,
            Queue::Small => 1,
            Queue::Main => 2,
        };
        Self(self.0 & !0b1111 | queue << 2 | uses)
    }

    /// Seconds since the last use, to a tick of 16.
    pub const fn idle_seconds(self, now: UnixMillis) -> u32 {
        (stamp(now).wrapping_sub(self.0 >> 4) & 0xf_ffff) * TICK_SECONDS as u32
    }
}

const fn stamp(now: UnixMillis) -> u32 {
    now.0.div_euclid(1_000 * TICK_SECONDS) as u32 & 0xf_ffff
}

/// What the queues ask of the data of a core.
pub trait Queued {
    /// Where a key is; it need not be there any more.
    type Handle: Copy;

    /// What became of a key.
    fn held(&self, handle: Self::Handle) -> Held;

    /// Writes the bits of a key that is there.
    fn set_bits(&mut self, handle: Self::Handle, bits: QueueBits);

    /// 32 bits of the hash of the key.
    fn fingerprint(&self, handle: Self::Handle) -> u32;

    /// Keys that are there.
    fn keys(&self) -> u64;
}

/// What became of a key since it was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It was deleted, or belongs to another core now.
    Gone,
    /// Its slot is on loan: it may come back.
    Away,
    /// It is here, with these bits.
    Here(QueueBits),
}

/// What a choice found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search<H> {
    /// A key to evict.
    Victim(H),
    /// Nothing among the handles it looked at: ask again.
    Again,
    /// The queues are empty.
    Nothing,
}

/// What one handle came to.
enum Step<H> {
    /// Its key has to go.
    Victim(H),
    /// It was dropped, or went to the end of the main queue.
    Moved,
    /// Its key is on loan: it went to the end of its queue.
    Passed,
}

/// The queues of one core.
#[derive(Clone, Debug)]
pub struct S3Fifo<H> {
    small: Fifo<H>,
    main: Fifo<H>,
    ghosts: Ghosts,
}

impl<H: Copy> Default for S3Fifo<H> {
    fn default() -> Self {
        Self { small: Fifo::default(), main: Fifo::default(), ghosts: Ghosts::default() }
    }
}

impl<H: Copy> S3Fifo<H> {
    /// Takes in a key that was just made, not one that was overwritten. O(1).
    pub fn made<D: Queued<Handle = H>>(&mut self, data: &mut D, handle: H) {
        let known = self.ghosts.take(data.fingerprint(handle), self.len());
        self.enter(data, handle, if known { Queue::Main } else { Queue::Small });
        if self.is_crowded(data) {
            (0..SWEEP).for_each(|_| self.sweep(data));
        }
    }

    /// Takes in a key that was there before this policy was chosen: all of them, found by a scan, have to be taken in.
    pub fn adopt<D: Queued<Handle = H>>(&mut self, data: &mut D, handle: H) {
        self.enter(data, handle, Queue::Main);
    }

    /// Chooses a key to evict, and forgets it but for its ghost. The caller deletes it. Looks at 256 handles at most.
    pub fn choose<D: Queued<Handle = H>>(&mut self, data: &mut D) -> Search<H> {
        let mut least: Option<(u32, H)> = None;
        // The queue that does not get the next step, because its first key is on loan.
        let mut passed = Queue::None;
        for _ in 0..STEPS_MAX {
            let (small, main) = (self.small.len(), self.main.len());
            let from_small = match passed {
                _ if small == 0 || main == 0 => small > 0,
                Queue::None => small * SMALL_SHARE >= small + main,
                passed => passed == Queue::Main,
            };
            if small + main == 0 {
                return Search::Nothing;
            }
            let step = if from_small { self.leave_small(data) } else { self.leave_main(data, &mut least) };
            passed = match step {
                Step::Victim(handle) => return Search::Victim(handle),
                Step::Passed if from_small => Queue::Small,
                Step::Passed => Queue::Main,
                Step::Moved => Queue::None,
            };
        }
        // What is taken has gone round already; its handle is dropped when it is met.
        least.map_or(Search::Again, |(_, handle)| Search::Victim(handle))
    }

    /// Handles in the queues.
    pub fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    /// Whether no handle is in the queues.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap: of queues and ghosts. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.small.heap_bytes() + self.main.heap_bytes() + self.ghosts.heap_bytes()
    }

    /// Looks at some handles, if more wait than there are keys for, and drops those of keys that are gone: what each new key does, for when
    /// none comes. Says whether to go on at once: not where it found none, as then most may be of keys on loan.
    pub fn tidy<D: Queued<Handle = H>>(&mut self, data: &D) -> bool {
        if !self.is_crowded(data) {
            return false;
        }
        let before = self.len();
        (0..STEPS_MAX).for_each(|_| self.sweep(data));
        self.len() < before
    }

    /// Gives a part of the memory back, for queues that are given up: in pieces, as they may be long. False when nothing is left.
    pub fn free_piece(&mut self) -> bool {
        let freed = self.small.free_pieces(FREED_PIECES_MAX);
        if freed == 0 && self.main.free_pieces(FREED_PIECES_MAX) == 0 {
            self.ghosts = Ghosts::default();
            return false;
        }
        true
    }

    /// Whether more handles wait than keys that are there can account for.
    fn is_crowded<D: Queued<Handle = H>>(&self, data: &D) -> bool {
        self.len() as u64 > 2 * data.keys() + SLACK
    }

    fn enter<D: Queued<Handle = H>>(&mut self, data: &mut D, handle: H, queue: Queue) {
        if let Held::Here(bits) = data.held(handle) {
            data.set_bits(handle, bits.placed(queue, 0));
            match queue {
                Queue::Main => self.main.push(handle),
                _ => self.small.push(handle),
            }
        }
    }

    /// The end of the small queue: to the main queue if it was used, else a victim.
    fn leave_small<D: Queued<Handle = H>>(&mut self, data: &mut D) -> Step<H> {
        let Some(handle) = self.small.pop() else {
            return Step::Moved;
        };
        let bits = match data.held(handle) {
            Held::Here(bits) if bits.queue() == Queue::Small => bits,
            Held::Away => {
                self.small.push(handle);
                return Step::Passed;
            }
            Held::Here(_) | Held::Gone => return Step::Moved,
        };
        if bits.uses() >= USES_TO_STAY || planted(Fault::SmallPromotesUnused) {
            data.set_bits(handle, bits.placed(Queue::Main, 0));
            self.main.push(handle);
            return Step::Moved;
        }
        self.ghosts.insert(data.fingerprint(handle), self.len());
        Step::Victim(handle)
    }

    /// The end of the main queue: round again if it was used, else a victim. `least` is the least used of those that went round.
    fn leave_main<D: Queued<Handle = H>>(&mut self, data: &mut D, least: &mut Option<(u32, H)>) -> Step<H> {
        let Some(handle) = self.main.pop() else {
            return Step::Moved;
        };
        let bits = match data.held(handle) {
            Held::Here(bits) if bits.queue() == Queue::Main => bits,
            Held::Away => {
                self.main.push(handle);
                return Step::Passed;
            }
            Held::Here(_) | Held::Gone => return Step::Moved,
        };
        let Some(uses) = bits.uses().checked_sub(1) else {
            return Step::Victim(handle);
        };
        data.set_bits(handle, bits.placed(Queue::Main, uses));
        self.main.push(handle);
        if least.is_none_or(|(fewest, _)| uses < fewest) {
            *least = Some((uses, handle));
        }
        Step::Moved
    }

    /// Drops the first handle of the longer queue if its key is gone; else it goes to the end of it.
    fn sweep<D: Queued<Handle = H>>(&mut self, data: &D) {
        let (queue, name) = if self.small.len() > self.main.len() {
            (&mut self.small, Queue::Small)
        } else {
            (&mut self.main, Queue::Main)
        };
        let Some(handle) = queue.pop() else {
            return;
        };
        let stays = match data.held(handle) {
            Held::Gone => false,
            Held::Away => true,
            Held::Here(bits) => bits.queue() == name,
        };
        if stays {
            queue.push(handle);
        }
    }
}

#[cfg(test)]
#[path = "s3fifo_tests.rs"]
pub(crate) mod tests;
