//! Model of the lease (`spec/cores.md` §7, §11): request, grant, run, return, death of the client and shutdown of two coordinators over two owners, in
//! every order that loom finds with at most three preemptions.
//!
//! It compiles the shard's own `loans.rs`. Each thread is a core: owner of one slot and coordinator of one unit, which adds one to the slot
//! of each core; beside that it asks for a lease whose client is gone before the grant, and runs a command on its own slot. A slot's value is a token that
//! cannot be copied: where it is missing, whoever needs it panics, and a core that waits for ever is a deadlock of the model. Each rule is
//! then broken in turn, to show that the model would notice.

use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

mod inbox;

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../shard/src/mesh/loans.rs"]
mod loans;

use inbox::Inbox;
use loans::{Loans, Need, UnitId};

/// The only slot of each core.
const SLOT: Need<'static> = Need::One(0);
const CORES: usize = 2;

/// A rule that a core leaves out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    Nothing,
    /// The second core asks in descending order.
    AscendingOrder,
    /// The owner runs a command although its slot is lent.
    CommandsWait,
    /// The owner does not look for what waits when a slot comes back.
    ReturnsFreeTheNext,
    /// The coordinator drops a grant when it finds that the client is gone.
    AbandonedGrantIsReturned,
    /// A core leaves when its own units are done.
    LastCoreStays,
}

/// A slot's value: how many units added to it, and whose it is. Neither `Clone` nor `Copy`: it is in one place.
#[derive(Debug)]
struct Slot {
    owner: usize,
    units: usize,
}

enum Message {
    Request(UnitId),
    Grant(UnitId, Slot),
    Return(UnitId, Slot),
    /// The sender asks for nothing more.
    Done,
}

/// What waits at an owner.
enum Work {
    Lease(UnitId),
    Command,
}

/// One core: owner and coordinator.
struct Core {
    me: usize,
    broken: Broken,
    // The owner.
    slot: Option<Slot>,
    loans: Loans<Work>,
    commands_run: usize,
    // The coordinator: the unit that runs, the slots that it has, and a unit whose client is gone.
    unit: UnitId,
    held: Vec<Slot>,
    unit_is_done: bool,
    abandoned: Option<UnitId>,
    // The other core.
    inbox: Arc<Inbox<Message>>,
    peer: Arc<Inbox<Message>>,
    peer_is_done: bool,
}

impl Core {
    fn new(me: usize, broken: Broken, inbox: Arc<Inbox<Message>>, peer: Arc<Inbox<Message>>) -> Core {
        Core {
            me,
            broken,
            slot: Some(Slot { owner: me, units: 0 }),
            loans: Loans::new(),
            commands_run: 0,
            unit: UnitId { core: me as u16, seq: 0 },
            held: Vec::new(),
            unit_is_done: false,
            abandoned: None,
            inbox,
            peer,
            peer_is_done: false,
        }
    }

    /// Everything this core does, to the end: then its slot is at home again.
    fn run(mut self, dies: bool) -> Slot {
        if dies {
            // The client is gone before the grant; nobody takes the request back.
            let unit = UnitId { seq: 1, ..self.unit };
            self.send(Message::Request(unit));
            self.abandoned = Some(unit);
        }
        self.ask_next();
        self.arrive(Work::Command);
        let mut told = false;
        loop {
            let is_done = self.unit_is_done && self.abandoned.is_none();
            if is_done && !told {
                told = true;
                self.send(Message::Done);
            }
            if is_done && (self.peer_is_done || self.broken == Broken::LastCoreStays) {
                break;
            }
            let message = self.inbox.pop();
            self.handle(message);
        }
        assert!(self.loans.is_quiet() && self.commands_run == 1);
        self.slot.expect("the slot came home")
    }

    fn send(&self, message: Message) {
        self.peer.push(message);
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Request(unit) => self.arrive(Work::Lease(unit)),
            Message::Return(unit, slot) => self.take_back(unit, slot),
            Message::Grant(unit, slot) if unit == self.unit => self.hold(slot),
            Message::Grant(unit, slot) => {
                assert_eq!(self.abandoned.take(), Some(unit), "a grant is for a unit that asked");
                if self.broken != Broken::AbandonedGrantIsReturned {
                    self.send(Message::Return(unit, slot));
                }
            }
            Message::Done => self.peer_is_done = true,
        }
    }

    // The owner.

    fn arrive(&mut self, work: Work) {
        let breaks_rule = self.broken == Broken::CommandsWait && matches!(work, Work::Command);
        if breaks_rule || self.loans.is_quiet() || self.loans.is_free(SLOT) {
            self.perform(work);
        } else {
            assert!(self.loans.park(SLOT, work).is_ok());
        }
    }

    fn perform(&mut self, work: Work) {
        match work {
            Work::Command => {
                assert!(self.slot.is_some(), "a command runs on a slot that is lent");
                self.commands_run += 1;
            }
            Work::Lease(unit) => {
                self.loans.lend(unit, SLOT);
                let slot = self.slot.take().expect("a free slot is at home");
                if usize::from(unit.core) == self.me {
                    self.hold(slot);
                } else {
                    self.send(Message::Grant(unit, slot));
                }
            }
        }
    }

    fn take_back(&mut self, unit: UnitId, slot: Slot) {
        assert_eq!(slot.owner, self.me);
        self.loans.give_back(unit, SLOT);
        assert!(self.slot.replace(slot).is_none(), "two values of one slot");
        self.run_what_waited();
    }

    fn run_what_waited(&mut self) {
        if self.broken == Broken::ReturnsFreeTheNext {
            return;
        }
        while let Some((_, work)) = self.loans.next_runnable() {
            self.perform(work);
        }
    }

    // The coordinator.

    /// Asks the cores in ascending order, its own in its place.
    fn ask_next(&mut self) {
        let mut owner = self.held.len();
        if self.broken == Broken::AscendingOrder && self.me == 1 {
            owner = CORES - 1 - owner;
        }
        if owner == self.me {
            self.arrive(Work::Lease(self.unit));
        } else {
            self.send(Message::Request(self.unit));
        }
    }

    fn hold(&mut self, slot: Slot) {
        self.held.push(slot);
        if self.held.len() < CORES {
            return self.ask_next();
        }
        assert_eq!(self.held[0].units, self.held[1].units, "another unit is seen half done");
        for mut slot in core::mem::take(&mut self.held) {
            slot.units += 1;
            if slot.owner == self.me {
                self.take_back(self.unit, slot);
            } else {
                self.send(Message::Return(self.unit, slot));
            }
        }
        self.unit_is_done = true;
    }
}

/// Both cores to the end, with one unit each, and one more of a client that is gone for each core of which `dies` says so.
fn two_cores(broken: Broken, dies: [bool; CORES]) {
    let inboxes = [Inbox::new(), Inbox::new()].map(Arc::new);
    let core = |me: usize| Core::new(me, broken, inboxes[me].clone(), inboxes[1 - me].clone());
    let (first, second) = (core(0), core(1));
    let second = thread::spawn(move || second.run(dies[1]));
    let slots = [first.run(dies[0]), second.join().expect("a panic ends the model")];
    for (core, slot) in slots.iter().enumerate() {
        assert_eq!((slot.owner, slot.units), (core, CORES), "each unit counts once in each slot");
    }
}

fn explore(broken: Broken, dies: [bool; CORES]) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || two_cores(broken, dies));
}

#[test]
fn two_units_over_two_cores_both_finish() {
    explore(Broken::Nothing, [false, false]);
}

#[test]
fn a_client_of_the_first_core_that_dies_loses_no_slot() {
    explore(Broken::Nothing, [true, false]);
}

#[test]
fn a_client_of_the_second_core_that_dies_loses_no_slot() {
    explore(Broken::Nothing, [false, true]);
}

#[test]
fn two_clients_that_die_lose_no_slot() {
    explore(Broken::Nothing, [true, true]);
}

#[test]
fn the_model_notices_a_missing_rule() {
    let deadlock = "deadlock";
    for (broken, dies, said) in [
        (Broken::AscendingOrder, [false, false], deadlock),
        (Broken::CommandsWait, [false, false], "a command runs on a slot that is lent"),
        (Broken::ReturnsFreeTheNext, [false, false], deadlock),
        (Broken::AbandonedGrantIsReturned, [true, false], deadlock),
        (Broken::LastCoreStays, [false, false], "loans.is_quiet"),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(|| explore(broken, dies)));
        let payload = panic.expect_err(&format!("the model does not notice that {broken:?} is missing"));
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        assert!(text.is_some_and(|text| text.contains(said)), "{broken:?}: {text:?}");
    }
}
