//! The baton: the right to touch one core's shard and to consume its mail, as one atomic word (`spec/cores.md` §2).
//!
//! Waking a parked core costs more than most commands, so a core that parks leaves its shard to whoever has work for it: a visitor takes
//! the baton, executes, puts it back. This file guards the value and decides who owes whom a wake-up. It wakes nobody itself (that is a
//! MSG_RING of the caller), carries no mail and knows nothing of what it protects.
//!
//! # The word
//!
//! A state, `AWAKE`, `PARKED` or `VISITED`, and two bits. `MAIL`: something was pushed to the owner's mailboxes that it has not yet
//! [taken notice of](Owner::take_mail). `WANT`: the owner is needed or waits for the visitor to leave.
//!
//! | who | call | from | to | owes |
//! |---|---|---|---|---|
//! | owner | [`Owner::park`] | `AWAKE` without `MAIL` | `PARKED` | |
//! | owner | [`Owner::wake`] | `PARKED`, any bits | `AWAKE`, keeps `MAIL` | |
//! | owner | [`Owner::wake`] | `VISITED`, any bits | the same + `WANT` | the owner goes on waiting |
//! | sender | [`Baton::post`] | any | the same + `MAIL` | a wake-up if it was `PARKED` without bits |
//! | visitor | [`Baton::try_visit`] | `PARKED` without bits | `VISITED` | |
//! | visitor | [`Visit::leave`] | `VISITED` | `PARKED`, keeps its bits | a wake-up if there is a bit |
//!
//! # The contract
//!
//! - Exactly one holder: the owner while `AWAKE`, the visitor while `VISITED`, nobody while `PARKED`.
//! - **`PARKED` with a bit means that exactly one wake-up is under way.** Whoever makes the word so owes it; nobody visits until the owner
//!   came, and nobody else sends one. So neither mail that arrives during a visit nor a waiting owner is forgotten.
//! - Whoever owes a wake-up sends it before it parks itself, and never drops it.
//! - An owner may also come by itself (a completion, a timer). Then the wake-up that is under way finds it awake: owners must
//!   bear a wake-up without a cause.
//! - All changes are read-modify-writes of this one word. They have one order that all threads agree on, so "mail is set" and "parked"
//!   cannot miss each other and no fence is needed.
#![allow(unsafe_code)]

use super::sync::{Arc, AtomicU32, Ordering, UnsafeCell, WAKE_SPINS, spin_loop};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// The owner holds the baton.
const AWAKE: u32 = 0;
/// Nobody holds it.
const PARKED: u32 = 1;
/// A visitor holds it. One above `PARKED`: leaving is one subtraction that cannot disturb the bits.
const VISITED: u32 = PARKED + 1;
/// The bits that hold the state.
const STATE: u32 = 0b11;
/// Mail of which the owner has not taken notice.
const MAIL: u32 = 0b100;
/// The owner is needed, or waits for the baton.
const WANT: u32 = 0b1000;

const _: () = assert!((AWAKE | PARKED | VISITED) & !STATE == 0 && STATE & (MAIL | WANT) == 0);

/// The word on cache lines of its own: senders and visitors write it while the holder works on the shard next to it.
#[repr(align(128))]
struct Word(AtomicU32);

/// One core's shard behind its baton; the end that other cores and the service threads have. See the file's header for the contract.
pub struct Baton<S> {
    word: Word,
    shard: UnsafeCell<S>,
}

// SAFETY: the shard is only reached through `Owner::shard` while the word is AWAKE and through a `Visit` while it is VISITED. Both states
// are entered by a compare-exchange from PARKED (or, for the owner, by `new`), so there is one holder at a time, and each hand-over is a
// release that the next holder acquires. The shard thus moves between threads but is never shared: that asks for `S: Send`, not `Sync`.
unsafe impl<S: Send> Sync for Baton<S> {}

/// The owner core's end of a baton. There is exactly one per baton.
pub struct Owner<S> {
    baton: Arc<Baton<S>>,
    /// Whether this end holds the baton; only this end makes the word `AWAKE` or takes it out of `AWAKE`, so its own note is exact.
    awake: bool,
}

/// What [`Owner::wake`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// The owner holds the baton.
    Awake,
    /// A visitor holds it and owes the owner a wake-up on leaving. Do what needs no shard, then wait and call [`Owner::wake`] again.
    Visited,
}

/// What a sender owes after [`Baton::post`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Post {
    /// Nothing: the owner is awake, or a visitor or an earlier sender wakes it.
    Nothing,
    /// Wake the owner.
    Wake,
}

/// Whether a visitor left something that only the owner can do and that cannot wait (`spec/cores.md` §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Nothing, or only counters.
    None,
    /// The outbox holds work for the owner.
    ForOwner,
}

/// What a visitor owes after [`Visit::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Leave {
    /// Nothing: the shard is parked as it was found.
    Quiet,
    /// Wake the owner: there is mail, an errand, or it waits for the baton.
    WakeOwner,
}

impl<S> Baton<S> {
    /// Puts `shard` behind a baton that its owner holds.
    pub fn new(shard: S) -> (Arc<Baton<S>>, Owner<S>) {
        let word = Word(AtomicU32::new(AWAKE));
        let baton = Arc::new(Baton { word, shard: UnsafeCell::new(shard) });
        (Arc::clone(&baton), Owner { baton, awake: true })
    }

    /// Tells the owner that mail was pushed. Call it after the push, once for any number of messages. One read-modify-write.
    pub fn post(&self) -> Post {
        // Release: whoever sees the bit (acquire in `take_mail`) sees the messages. The bit may have been set already by another
        // sender; later read-modify-writes continue the release sequence of both.
        if self.word.0.fetch_or(MAIL, Ordering::Release) == PARKED { Post::Wake } else { Post::Nothing }
    }

    /// Takes the baton of a parked shard that has no mail and whose owner is not needed; `None` otherwise. Tried, never waited for.
    ///
    /// The visitor must not have messages of its own to this core that it has not posted: they would be overtaken.
    pub fn try_visit(&self) -> Option<Visit<'_, S>> {
        // Acquire: pairs with the release of the last holder (`park` or `leave`), whose changes to the shard become visible.
        self.word.0.compare_exchange(PARKED, VISITED, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Visit { baton: self, shard: PhantomData })
    }
}

impl<S> Owner<S> {
    /// The shard. Panics if the owner is parked or the shard is visited.
    pub fn shard(&mut self) -> &mut S {
        assert!(self.awake, "the owner touches its shard only while it holds the baton");
        // SAFETY: this end holds the baton (`awake`) and keeps it until `park`, which needs `&mut self` and so ends this borrow.
        unsafe { &mut *self.baton.shard.get() }
    }

    /// Whether the owner holds the baton.
    pub fn is_awake(&self) -> bool {
        self.awake
    }

    /// Clears the mail bit and says whether it was set. If so, drain *all* mailboxes, in this turn or the next ones, before [`Owner::park`].
    /// One relaxed load when there is no mail.
    pub fn take_mail(&mut self) -> bool {
        let word = &self.baton.word.0;
        // A stale look misses no mail for good: `park` refuses while the bit is set.
        if word.load(Ordering::Relaxed) & MAIL == 0 {
            return false;
        }
        // Acquire: pairs with the release of `post`. A message that is pushed after this sets the bit again.
        word.fetch_and(!MAIL, Ordering::Acquire);
        true
    }

    /// Puts the baton down before the owner waits. `false` if mail came: the owner is still awake, takes it and tries again.
    ///
    /// Call it only when nothing is owed (`spec/cores.md` §2.1): no mail left from an earlier drain, nothing to re-arm, to send or to retry,
    /// no timer due. Panics if the owner does not hold the baton.
    pub fn park(&mut self) -> bool {
        assert!(self.awake, "only a holder parks");
        // Release: the next holder sees the shard as it is left here.
        let parked = self.baton.word.0.compare_exchange(AWAKE, PARKED, Ordering::Release, Ordering::Relaxed).is_ok();
        self.awake = !parked;
        parked
    }

    /// Takes the baton up after a wait; [`Wake::Visited`] if a visitor has it, after less than a microsecond. May be called at any time, in
    /// any state.
    pub fn wake(&mut self) -> Wake {
        if self.awake {
            return Wake::Awake;
        }
        let word = &self.baton.word.0;
        let mut seen = word.load(Ordering::Relaxed);
        for _ in 0..WAKE_SPINS {
            if seen & STATE == VISITED {
                spin_loop();
                seen = word.load(Ordering::Relaxed);
                continue;
            }
            // Acquire: pairs with the release of the last holder.
            match word.compare_exchange(seen, AWAKE | (seen & MAIL), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    self.awake = true;
                    return Wake::Awake;
                }
                Err(now) => seen = now,
            }
        }
        // Relaxed: says only that the owner waits. The bit also bars the next visitor.
        if word.fetch_or(WANT, Ordering::Relaxed) & STATE == VISITED {
            return Wake::Visited;
        }
        // The visitor left in between. PARKED with WANT lets nobody in, so only MAIL can change here: what is kept is AWAKE and mail.
        // Acquire as above.
        word.fetch_and(MAIL, Ordering::Acquire);
        self.awake = true;
        Wake::Awake
    }
}

/// The baton in a visitor's hand: the shard, until [`Visit::leave`].
///
/// A visit must be ended by `leave`, whose answer says whether a wake-up is owed; dropping it otherwise panics. A visitor that
/// panics in the shard leaves it visited for ever: nobody enters what may be half changed.
#[must_use]
pub struct Visit<'a, S> {
    baton: &'a Baton<S>,
    /// A visit is a `&mut S` to the compiler: `Sync` only if `S` is.
    shard: PhantomData<&'a mut S>,
}

impl<S> Visit<'_, S> {
    /// Puts the baton back. [`Leave::WakeOwner`] if mail came during the visit, the owner waits, or `errand` asks for it.
    pub fn leave(self, errand: Errand) -> Leave {
        let word = &ManuallyDrop::new(self).baton.word.0;
        if errand == Errand::ForOwner {
            // Relaxed: ordered by the release below.
            word.fetch_or(WANT, Ordering::Relaxed);
        }
        // One step, so that a bit set at any time is either seen here, or set on PARKED by a sender that then owes the wake-up itself.
        // Release: the next holder sees what the visitor did.
        let before = word.fetch_sub(VISITED - PARKED, Ordering::Release);
        if before == VISITED { Leave::Quiet } else { Leave::WakeOwner }
    }
}

impl<S> Deref for Visit<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: a `Visit` exists only while the word is VISITED, which one compare-exchange made so and only its `leave`, which consumes
        // it, ends. So nobody else reaches the shard, and the borrow of `self` bounds this one.
        unsafe { &*self.baton.shard.get() }
    }
}

impl<S> DerefMut for Visit<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as in `deref`; `&mut self` makes it the only reference.
        unsafe { &mut *self.baton.shard.get() }
    }
}

impl<S> Drop for Visit<'_, S> {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a visit ends by `leave`: it may owe the owner a wake-up");
    }
}
