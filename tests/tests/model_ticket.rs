//! Model of the ticket (`spec/cores.md` §8, §11): a client that waits on keys of two cores, and one that watches them, in every order that
//! loom finds with at most three preemptions.
//!
//! It compiles the shard's own `ticket.rs` against loom's types. What surrounds it is stated again here: who serves a key (`serve.rs`, `serve`),
//! how a wait ends without an element (`core/blocked.rs`), a turn at the home core (`core/jobs.rs`, `run_turn` and `run_abandoned`), WATCH and
//! EXEC (`core/jobs.rs`, `watch`; `core/exec.rs`, `has_changed`). Each guard of the ticket and each of these rules is then broken in turn, to
//! show that the model would notice.
//!
//! The ticket orders nothing but itself: what its winner did travels by mail or in a loan, whose orderings `model_baton.rs` examines.

use loom::sync::{Mutex, Notify};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

mod inbox;

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../shard/src/mesh/ticket.rs"]
mod ticket;

use inbox::Inbox;
use ticket::Ticket;

/// What `ticket.rs` is built from here.
mod sync {
    pub(super) use loom::sync::atomic::Ordering;
    use std::cell::Cell;
    /// Not loom's, which cannot be dropped while a failed model unwinds.
    pub(super) use std::sync::Arc;

    /// A guard of `ticket.rs`, or a rule of who uses it, that is left out.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) enum Broken {
        Nothing,
        /// A claimed ticket can be claimed.
        ClaimIgnoresClaim,
        /// An ended ticket can be claimed.
        ClaimIgnoresEnd,
        /// A claimed ticket can be ended by others.
        EndIgnoresClaim,
        /// A ticket that was served is open.
        ServeForgets,
        /// A ticket that was claimed in vain is over.
        ReopenEnds,
        /// A ticket that was ended is open.
        EndForgets,
        /// An owner takes the element before it claims the ticket.
        ClaimComesFirst,
        /// An owner that finds the ticket claimed does not look again.
        LooksAgain,
        /// A time-out that finds the ticket claimed is forgotten.
        TimeOutComesAgain,
        /// The home core carries a turn out although its client is gone.
        TurnMindsTheClient,
        /// A writer tells who watches after its slot is free again.
        ToldUnderTheLease,
    }

    thread_local! {
        /// What is left out; a model and all its threads run on the thread of its test.
        pub(super) static BROKEN: Cell<Broken> = const { Cell::new(Broken::Nothing) };
    }

    const OPEN: u8 = 0;
    const CLAIMED: u8 = 1;
    const ENDED: u8 = 2;

    /// loom's word, with at most one operation broken. It tells the operations apart by their operands.
    #[derive(Debug, Default)]
    pub(super) struct AtomicU8(loom::sync::atomic::AtomicU8);

    impl AtomicU8 {
        pub(super) fn load(&self, order: Ordering) -> u8 {
            self.0.load(order)
        }

        pub(super) fn compare_exchange(&self, from: u8, to: u8, order: Ordering, failed: Ordering) -> Result<u8, u8> {
            let exchange = |from, to| self.0.compare_exchange(from, to, order, failed);
            match (BROKEN.get(), to) {
                (Broken::ClaimIgnoresClaim, CLAIMED) => exchange(from, to).or_else(|_| exchange(CLAIMED, to)),
                (Broken::ClaimIgnoresEnd, CLAIMED) => exchange(from, to).or_else(|_| exchange(ENDED, to)),
                (Broken::EndIgnoresClaim, ENDED) => exchange(from, to).or_else(|_| exchange(CLAIMED, to)),
                (Broken::EndForgets, ENDED) => exchange(from, OPEN),
                _ => exchange(from, to),
            }
        }

        pub(super) fn swap(&self, to: u8, order: Ordering) -> u8 {
            match (BROKEN.get(), to) {
                (Broken::ServeForgets, ENDED) => self.0.swap(OPEN, order),
                (Broken::ReopenEnds, OPEN) => self.0.swap(ENDED, order),
                _ => self.0.swap(to, order),
            }
        }
    }
}

use sync::{BROKEN, Broken};

fn breaks(rule: Broken) -> bool {
    BROKEN.get() == rule
}

/// A pushed element: where it is, it is nowhere else.
#[derive(Debug)]
struct Element;

/// What an owner has in its key.
type List = Option<Element>;

/// How an owner comes to look at the client.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    /// An element was pushed, and the client's command can be carried out here.
    Pushes,
    /// Something was pushed that is not for this client: the claim is in vain.
    InVain,
    /// An element was pushed, but the client's command needs keys of others: its home core carries it out.
    HandsOver,
}

/// How the waiting ends by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Never,
    TimeOut,
    Unblock,
    Disconnect,
}

/// What owners tell the home core.
enum Message {
    Served(Element),
    /// The turn of the client, with the slot on loan.
    Turn(List),
    /// The owner has nothing more for the client.
    Done,
}

/// An owner's clock. Who finds the ticket claimed looks again a while later, and whoever has claimed it is done by then.
struct Clock(Notify);

/// The clocks of both owners.
struct Clocks([Clock; 2]);

impl Clocks {
    fn new() -> Clocks {
        Clocks([0, 1].map(|_| Clock(Notify::new())))
    }

    /// A claim is over: all look again, the home core too.
    fn pass(&self, home: &Inbox<Message>) {
        self.0.iter().for_each(|clock| clock.0.notify());
        home.nudge();
    }

    fn wait(&self, whose: usize, ticket: &Ticket) {
        while ticket.is_claimed() {
            self.0[whose].0.wait();
        }
    }
}

/// An owner looks at the client once: returns what stays in its key.
fn serve(kind: Owner, number: usize, ticket: &Ticket, home: &Inbox<Message>, clocks: &Clocks) -> List {
    let mut list = (kind != Owner::InVain).then_some(Element);
    let early = if breaks(Broken::ClaimComesFirst) { list.take() } else { None };
    while !ticket.claim() {
        // Whoever has claimed it may do so in vain: this key is looked at again.
        if ticket.has_ended() || breaks(Broken::LooksAgain) {
            return list;
        }
        clocks.wait(number, ticket);
    }
    match kind {
        Owner::HandsOver => {
            home.push(Message::Turn(list));
            return None;
        }
        _ => match early.or(list.take()) {
            Some(element) => {
                ticket.serve();
                home.push(Message::Served(element));
            }
            None => ticket.reopen(),
        },
    }
    clocks.pass(home);
    list
}

/// The client at its home core.
struct Client {
    ticket: Ticket,
    ending: Ending,
    connected: bool,
    /// Replies that it got: with an element or without.
    replies: usize,
    got: Vec<Element>,
    lost: Vec<Element>,
    /// What came back from turns that nobody had.
    returned: Vec<Element>,
    clocks: Arc<Clocks>,
    /// Owners that have nothing more for it.
    done: usize,
}

impl Client {
    fn is_over(&self) -> bool {
        !self.connected || self.replies > 0
    }

    /// The time is up, or somebody sends CLIENT UNBLOCK, or the connection ends.
    fn end(&mut self) {
        if self.ending == Ending::Never {
            return;
        }
        let ended = self.ticket.end();
        match self.ending {
            Ending::Never => unreachable!("returned above"),
            Ending::Disconnect => self.connected = false,
            // The command that unblocks is told that there was nobody.
            Ending::Unblock => self.replies += usize::from(ended),
            Ending::TimeOut if ended => self.replies += 1,
            Ending::TimeOut if breaks(Broken::TimeOutComesAgain) => {}
            Ending::TimeOut => return,
        }
        self.ending = Ending::Never;
    }

    /// Waits for mail, or for the time when a time-out that found the ticket claimed comes again.
    fn wait(&mut self, home: &Inbox<Message>) {
        let again = self.ending == Ending::TimeOut && !self.ticket.has_ended() && !self.ticket.is_claimed();
        match home.try_pop() {
            Some(message) => self.handle(message, home),
            None if again => {}
            None => home.wait(),
        }
    }

    fn handle(&mut self, message: Message, home: &Inbox<Message>) {
        match message {
            Message::Done => self.done += 1,
            Message::Served(element) if !self.connected => self.lost.push(element),
            Message::Served(element) => self.reply(element),
            Message::Turn(list) if !self.connected && !breaks(Broken::TurnMindsTheClient) => {
                self.ticket.serve();
                self.returned.extend(list);
            }
            Message::Turn(list) => match list {
                Some(element) => {
                    self.ticket.serve();
                    assert!(self.connected, "a turn is for a client that is gone");
                    self.reply(element);
                }
                None => self.ticket.reopen(),
            },
        }
        self.clocks.pass(home);
    }

    fn reply(&mut self, element: Element) {
        self.got.push(element);
        self.replies += 1;
    }
}

/// A client waits on keys of two owners, until one of them or its ending wins.
fn waits(owners: [Owner; 2], ending: Ending) {
    let (ticket, home, clocks) = (Ticket::new(), Arc::new(Inbox::new()), Arc::new(Clocks::new()));
    let owners_run = [0, 1].map(|number| {
        let (kind, ticket, home, clocks) = (owners[number], ticket.clone(), home.clone(), clocks.clone());
        thread::spawn(move || {
            let left = serve(kind, number, &ticket, &home, &clocks);
            home.push(Message::Done);
            left
        })
    });
    let mut client = Client {
        ticket,
        ending,
        connected: true,
        replies: 0,
        got: Vec::new(),
        lost: Vec::new(),
        returned: Vec::new(),
        clocks,
        done: 0,
    };
    while client.done < owners.len() || !client.is_over() {
        client.end();
        client.wait(&home);
    }
    let left = owners_run.map(|owner| owner.join().expect("a panic ends the model"));
    assert!(client.replies == usize::from(client.connected), "{} replies: a double wake-up", client.replies);
    assert!(client.got.len() + client.lost.len() <= 1, "more than one element was taken");
    assert!(client.ticket.has_ended(), "a ticket is left open");
    let pushed = owners.iter().filter(|kind| **kind != Owner::InVain).count();
    let found = left.iter().flatten().count() + client.got.len() + client.lost.len() + client.returned.len();
    assert_eq!(found, pushed, "an element is lost");
}

/// A key that two owners have each, and who watches it.
#[derive(Default)]
struct Slot {
    version: u32,
    watchers: Vec<Ticket>,
}

/// A client watches keys of two owners while both are written, one of them back to what it was. Its EXEC fails if, and only if, one
/// was changed after it was watched.
fn watches() {
    let slots = Arc::new([Mutex::new(Slot::default()), Mutex::new(Slot::default())]);
    let lease = |index: usize, slots: &[Mutex<Slot>; 2], write: &dyn Fn(&mut Slot)| {
        write(&mut slots[index].lock().expect("a panic ends the model"));
    };
    let writers = [0, 1].map(|index| {
        let slots = slots.clone();
        thread::spawn(move || {
            let told = std::cell::RefCell::new(Vec::new());
            lease(index, &slots, &|slot| {
                slot.version += 1;
                let watchers = slot.watchers.drain(..);
                match breaks(Broken::ToldUnderTheLease) {
                    true => told.borrow_mut().extend(watchers),
                    false => watchers.for_each(|ticket| {
                        ticket.end();
                    }),
                }
            });
            told.take().iter().for_each(|ticket| {
                ticket.end();
            });
        })
    });
    let ticket = Ticket::new();
    let watched = [0, 1].map(|index| {
        let mut slot = slots[index].lock().expect("a panic ends the model");
        slot.watchers.push(ticket.clone());
        slot.version
    });
    {
        // EXEC: all slots at once.
        let held = [0, 1].map(|index| slots[index].lock().expect("a panic ends the model"));
        let changed = held.iter().zip(watched).any(|(slot, version)| slot.version != version);
        assert_eq!(ticket.has_ended(), changed, "EXEC is wrong about the keys that it watched");
    }
    // The client watches no more; the writers may tell it all the same.
    ticket.end();
    for writer in writers {
        writer.join().expect("a panic ends the model");
    }
}

/// Explores every order of a scenario; with `broken`, one that leaves that out.
fn explore(scenario: impl Fn() + Sync + Send + 'static, broken: Broken) {
    BROKEN.set(broken);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(scenario);
}

/// Explores a broken scenario and expects the model to say so.
fn notices(scenario: impl Fn() + Sync + Send + 'static, broken: Broken, said: &str) {
    let panic = catch_unwind(AssertUnwindSafe(|| explore(scenario, broken)));
    let payload = panic.expect_err(&format!("the model does not notice {broken:?}"));
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    assert!(text.is_some_and(|text| text.contains(said)), "{broken:?}: {text:?}");
}

#[test]
fn two_owners_serve_a_client_once() {
    for owners in [[Owner::Pushes, Owner::Pushes], [Owner::Pushes, Owner::HandsOver], [Owner::Pushes, Owner::InVain]] {
        explore(move || waits(owners, Ending::Never), Broken::Nothing);
    }
}

#[test]
fn a_wait_ends_once_whatever_ends_it() {
    for ending in [Ending::TimeOut, Ending::Unblock, Ending::Disconnect] {
        for owners in
            [[Owner::Pushes, Owner::Pushes], [Owner::Pushes, Owner::InVain], [Owner::HandsOver, Owner::InVain]]
        {
            explore(move || waits(owners, ending), Broken::Nothing);
        }
    }
}

#[test]
fn exec_knows_what_changed() {
    explore(watches, Broken::Nothing);
}

#[test]
fn the_model_notices_a_missing_guard_of_the_ticket() {
    let both = || waits([Owner::Pushes, Owner::Pushes], Ending::Never);
    notices(both, Broken::ClaimIgnoresClaim, "only who claimed a ticket");
    notices(both, Broken::ClaimIgnoresEnd, "a double wake-up");
    notices(both, Broken::ServeForgets, "a double wake-up");
    notices(|| waits([Owner::Pushes, Owner::InVain], Ending::Never), Broken::ReopenEnds, "deadlock");
    notices(|| waits([Owner::Pushes, Owner::Pushes], Ending::TimeOut), Broken::EndIgnoresClaim, "only who claimed");
    notices(|| waits([Owner::Pushes, Owner::InVain], Ending::Unblock), Broken::EndForgets, "a double wake-up");
    notices(watches, Broken::EndForgets, "EXEC is wrong");
}

#[test]
fn the_model_notices_a_missing_rule_around_the_ticket() {
    let both = || waits([Owner::Pushes, Owner::Pushes], Ending::Never);
    notices(both, Broken::ClaimComesFirst, "an element is lost");
    notices(|| waits([Owner::Pushes, Owner::InVain], Ending::Never), Broken::LooksAgain, "deadlock");
    let times_out = || waits([Owner::InVain, Owner::InVain], Ending::TimeOut);
    notices(times_out, Broken::TimeOutComesAgain, "deadlock");
    let disconnects = || waits([Owner::HandsOver, Owner::InVain], Ending::Disconnect);
    notices(disconnects, Broken::TurnMindsTheClient, "a client that is gone");
    notices(watches, Broken::ToldUnderTheLease, "EXEC is wrong");
}
