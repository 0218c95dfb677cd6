//! Model of the baton (`spec/cores.md` §2, §11): park, wake, mail and visits in every order that loom finds with at most three preemptions.
//!
//! It compiles the shard's own `baton.rs` against loom's types. A lost wake-up shows as a deadlock of the model, two holders or a missing
//! ordering as a causality violation on the shard. Each guard and each ordering of the file is then broken in turn, by a word that lies about
//! one operation, to show that the model would notice.
//!
//! A wake-up is loom's `Notify`: it may also come once without a cause, as a completion or a timer would.

use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../shard/src/mesh/baton.rs"]
mod baton;

use baton::{Baton, Errand, Leave, Owner, Post, Wake};

/// What `baton.rs` is built from here.
mod sync {
    pub(super) use loom::hint::spin_loop;
    pub(super) use loom::sync::atomic::Ordering;
    use std::cell::Cell;
    /// Not loom's, which cannot be dropped while a failed model unwinds.
    pub(super) use std::sync::Arc;

    /// One look is enough: more only repeat it.
    pub(super) const WAKE_SPINS: u32 = 1;

    /// A guard or an ordering of `baton.rs` that the word leaves out.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) enum Broken {
        Nothing,
        ParkIgnoresMail,
        PostOverlooksParked,
        VisitIgnoresMail,
        WakeForgetsMail,
        LeaveIgnoresMail,
        LeaveIgnoresWant,
        RelaxedPark,
        RelaxedPost,
        RelaxedTakeMail,
        RelaxedVisit,
        RelaxedLeave,
        RelaxedWake,
        RelaxedLateWake,
    }

    thread_local! {
        /// What the words made on this thread leave out; a model and all its threads run on the thread of its test.
        pub(super) static BROKEN: Cell<Broken> = const { Cell::new(Broken::Nothing) };
    }

    const AWAKE: u32 = 0;
    const PARKED: u32 = 1;
    const VISITED: u32 = 2;
    const MAIL: u32 = 4;
    const WANT: u32 = 8;

    /// loom's word, with at most one operation broken. It tells the operations apart by their operands.
    pub(super) struct AtomicU32 {
        word: loom::sync::atomic::AtomicU32,
        broken: Broken,
    }

    impl AtomicU32 {
        pub(super) fn new(value: u32) -> AtomicU32 {
            AtomicU32 { word: loom::sync::atomic::AtomicU32::new(value), broken: BROKEN.get() }
        }

        pub(super) fn load(&self, order: Ordering) -> u32 {
            self.word.load(order)
        }

        pub(super) fn compare_exchange(
            &self,
            from: u32,
            to: u32,
            order: Ordering,
            failed: Ordering,
        ) -> Result<u32, u32> {
            let exchange = |from, to, order| self.word.compare_exchange(from, to, order, failed);
            match (self.broken, from, to) {
                (Broken::ParkIgnoresMail, AWAKE, PARKED) => {
                    exchange(from, to, order).or_else(|_| exchange(from | MAIL, to | MAIL, order))
                }
                (Broken::VisitIgnoresMail, PARKED, VISITED) => {
                    exchange(from, to, order).or_else(|_| exchange(from | MAIL, to | MAIL, order))
                }
                (Broken::WakeForgetsMail, _, _) if to == MAIL => exchange(from, AWAKE, order),
                (Broken::RelaxedPark, AWAKE, PARKED) => exchange(from, to, Ordering::Relaxed),
                (Broken::RelaxedVisit, PARKED, VISITED) => exchange(from, to, Ordering::Relaxed),
                (Broken::RelaxedWake, _, AWAKE | MAIL) => exchange(from, to, Ordering::Relaxed),
                _ => exchange(from, to, order),
            }
        }

        pub(super) fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
            match (self.broken, bits) {
                (Broken::PostOverlooksParked, MAIL) => self.word.fetch_or(bits, order) & !PARKED,
                (Broken::RelaxedPost, MAIL) => self.word.fetch_or(bits, Ordering::Relaxed),
                _ => self.word.fetch_or(bits, order),
            }
        }

        pub(super) fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
            match (self.broken, bits) {
                (Broken::RelaxedLateWake, MAIL) => self.word.fetch_and(bits, Ordering::Relaxed),
                (Broken::RelaxedTakeMail, _) if bits == !MAIL => self.word.fetch_and(bits, Ordering::Relaxed),
                _ => self.word.fetch_and(bits, order),
            }
        }

        pub(super) fn fetch_sub(&self, one: u32, order: Ordering) -> u32 {
            match self.broken {
                Broken::LeaveIgnoresMail => self.word.fetch_sub(one, order) & !MAIL,
                Broken::LeaveIgnoresWant => self.word.fetch_sub(one, order) & !WANT,
                Broken::RelaxedLeave => self.word.fetch_sub(one, Ordering::Relaxed),
                _ => self.word.fetch_sub(one, order),
            }
        }
    }

    /// loom's cell, which checks that each access is ordered after all earlier ones.
    pub(super) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(super) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(loom::cell::UnsafeCell::new(value))
        }

        pub(super) fn get(&self) -> *mut T {
            self.0.with_mut(|pointer| pointer)
        }
    }
}

use sync::{Arc, BROKEN, Broken};

/// What the baton protects.
#[derive(Default)]
struct Shard {
    /// Messages that the owner has handled.
    handled: usize,
    /// Work that a visitor left for the owner.
    errands: usize,
}

/// One core as the others see it.
struct Core {
    baton: Arc<Baton<Shard>>,
    /// Its ring: where wake-ups arrive.
    ring: Notify,
    /// Messages pushed, by sender. Relaxed, so that only the baton's word orders them.
    lanes: [AtomicUsize; 2],
    /// Wake-ups sent; not seen by loom, as the next.
    woken: Tally,
    /// Times that the owner parked.
    parked: Tally,
}

impl Core {
    fn new() -> (Arc<Core>, Owner<Shard>) {
        let (baton, owner) = Baton::new(Shard::default());
        let lanes = [AtomicUsize::new(0), AtomicUsize::new(0)];
        (Arc::new(Core { baton, ring: Notify::new(), lanes, woken: Tally::new(0), parked: Tally::new(0) }), owner)
    }

    fn wake(&self) {
        self.woken.fetch_add(1, SeqCst);
        self.ring.notify();
    }

    /// Sends message number `count` of `sender`.
    fn send(&self, sender: usize, count: usize) {
        self.lanes[sender].store(count, Ordering::Relaxed);
        if self.baton.post() == Post::Wake {
            self.wake();
        }
    }

    /// Visits if that is possible.
    fn visit(&self, errand: Errand, act: impl FnOnce(&mut Shard)) -> bool {
        let Some(mut visit) = self.baton.try_visit() else {
            return false;
        };
        act(&mut visit);
        if visit.leave(errand) == Leave::WakeOwner {
            self.wake();
        }
        true
    }

    /// The owner's loop until `is_done`.
    fn own(&self, mut owner: Owner<Shard>, is_done: impl Fn(&Shard) -> bool) {
        loop {
            if owner.take_mail() {
                let pushed = self.lanes.iter().map(|lane| lane.load(Ordering::Relaxed)).sum();
                owner.shard().handled = pushed;
            }
            if is_done(owner.shard()) {
                break;
            }
            if owner.park() {
                self.parked.fetch_add(1, SeqCst);
                self.wait_for_baton(&mut owner);
            }
        }
        let (woken, parked) = (self.woken.load(SeqCst), self.parked.load(SeqCst));
        assert!(woken <= parked, "each time it parks, the owner is sent at most one wake-up: {woken} > {parked}");
    }

    fn wait_for_baton(&self, owner: &mut Owner<Shard>) {
        loop {
            self.ring.wait();
            if owner.wake() == Wake::Awake {
                return;
            }
        }
    }
}

/// Runs `act` on a thread of its own.
fn beside(core: &Arc<Core>, act: impl FnOnce(&Core) + 'static) -> thread::JoinHandle<()> {
    let core = core.clone();
    thread::spawn(move || act(&core))
}

/// A sender with two messages and two visits at any time: all mail is handled, though nobody wakes the owner for the visits.
fn mail_and_visits() {
    let (core, owner) = Core::new();
    let sender = beside(&core, |core| (1..=2).for_each(|count| core.send(0, count)));
    let visitor = beside(&core, |core| {
        for _ in 0..2 {
            core.visit(Errand::None, |shard| shard.errands += 1);
        }
    });
    core.own(owner, |shard| shard.handled == 2);
    sender.join().expect("a panic ends the model");
    visitor.join().expect("a panic ends the model");
}

/// Two senders: the owner learns of both, by one wake-up or two.
fn two_senders() {
    let (core, owner) = Core::new();
    let senders = [0, 1].map(|sender| beside(&core, move |core| core.send(sender, 1)));
    core.own(owner, |shard| shard.handled == 2);
    for sender in senders {
        sender.join().expect("a panic ends the model");
    }
}

/// A home core that visits with an errand for the owner, or else mails, beside a sender: the owner hears of both.
fn visit_or_mail() {
    let (core, owner) = Core::new();
    let sender = beside(&core, |core| core.send(0, 1));
    let home = beside(&core, |core| {
        if !core.visit(Errand::ForOwner, |shard| shard.errands += 1) {
            core.send(1, 1);
        }
    });
    core.own(owner, |shard| shard.handled + shard.errands == 2);
    sender.join().expect("a panic ends the model");
    home.join().expect("a panic ends the model");
}

/// An owner that comes by itself, as for a timer, while others visit: it gets the baton, without mail.
fn owner_comes_by_itself() {
    let (core, mut owner) = Core::new();
    let visitors = [0, 1].map(|_| {
        beside(&core, |core| {
            core.visit(Errand::None, |shard| shard.errands += 1);
        })
    });
    for _ in 0..2 {
        assert!(owner.park(), "nobody sends");
        if owner.wake() == Wake::Visited {
            core.wait_for_baton(&mut owner);
        }
        assert!(owner.shard().errands <= 2);
    }
    for visitor in visitors {
        visitor.join().expect("a panic ends the model");
    }
}

/// A home core that mails and then visits: what it mailed was handled before it enters.
fn a_visit_overtakes_no_mail() {
    let (core, owner) = Core::new();
    let home = beside(&core, |core| {
        core.send(0, 1);
        core.visit(Errand::None, |shard| assert_eq!(shard.handled, 1, "the visit overtook the mail"));
        core.send(0, 2);
    });
    core.own(owner, |shard| shard.handled == 2);
    home.join().expect("a panic ends the model");
}

/// Explores every order of a scenario; with `broken`, of a baton that leaves that out.
fn explore(scenario: fn(), broken: Broken) {
    BROKEN.set(broken);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(scenario);
}

/// Explores a scenario with a broken baton and expects the model to say so.
fn notices(scenario: fn(), broken: Broken, said: &str) {
    let panic = catch_unwind(AssertUnwindSafe(|| explore(scenario, broken)));
    let payload = panic.expect_err(&format!("the model does not notice {broken:?}"));
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    assert!(text.is_some_and(|text| text.contains(said)), "{broken:?}: {text:?}");
}

#[test]
fn mail_is_never_stranded_by_a_visit() {
    explore(mail_and_visits, Broken::Nothing);
}

#[test]
fn two_senders_are_both_heard() {
    explore(two_senders, Broken::Nothing);
}

#[test]
fn an_errand_or_mail_reaches_the_owner() {
    explore(visit_or_mail, Broken::Nothing);
}

#[test]
fn a_waiting_owner_gets_the_baton() {
    explore(owner_comes_by_itself, Broken::Nothing);
}

#[test]
fn mail_of_the_visitor_comes_first() {
    explore(a_visit_overtakes_no_mail, Broken::Nothing);
}

#[test]
fn the_model_notices_a_missing_guard() {
    let deadlock = "deadlock";
    notices(mail_and_visits, Broken::ParkIgnoresMail, deadlock);
    notices(mail_and_visits, Broken::PostOverlooksParked, deadlock);
    notices(mail_and_visits, Broken::WakeForgetsMail, deadlock);
    notices(mail_and_visits, Broken::LeaveIgnoresMail, deadlock);
    notices(visit_or_mail, Broken::LeaveIgnoresWant, deadlock);
    notices(owner_comes_by_itself, Broken::LeaveIgnoresWant, deadlock);
    notices(a_visit_overtakes_no_mail, Broken::VisitIgnoresMail, "overtook");
}

#[test]
fn the_model_notices_a_missing_ordering() {
    let two_holders = "Causality violation";
    notices(mail_and_visits, Broken::RelaxedPark, two_holders);
    notices(mail_and_visits, Broken::RelaxedVisit, two_holders);
    notices(mail_and_visits, Broken::RelaxedLeave, two_holders);
    notices(owner_comes_by_itself, Broken::RelaxedWake, two_holders);
    notices(owner_comes_by_itself, Broken::RelaxedLateWake, two_holders);
    notices(mail_and_visits, Broken::RelaxedPost, "deadlock");
    notices(mail_and_visits, Broken::RelaxedTakeMail, "deadlock");
}
