//! Model of units that want more (`spec/cores.md` §7.4, §7.7, §11): two scripts on different cores begin with the slot that they declare, are
//! taken back, give everything back and ask again for everything, beside a transaction over both; a requester that dies, a script
//! that others find busy, and shutdown; in every order that loom finds within a bound of preemptions.
//!
//! It compiles the shard's own `loans.rs`. What surrounds it is stated again here: `core/units.rs` (`gather`, `lease`, `lease_now`, `granted`,
//! `give_back`), `core/scripts.rs` (`widen`), `core/jobs.rs` (`run_abandoned`), `core/busy.rs` (`refuse_for`, `refused`) and `core/post.rs`
//! (`release`, `Mail::Stop`). It knows mail alone: a visit is the same call on the owner's shard, and `model_baton.rs` shows that it overtakes
//! no mail. A slot's value is a token that cannot be copied. Each rule is then broken in turn, to show that the model would notice.

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

mod inbox;

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../shard/src/mesh/loans.rs"]
mod loans;

use inbox::Inbox;
use loans::{Loans, Need, NeedOwned, UnitId};

const CORES: usize = 2;

/// The only slot of each core.
const SLOT: u16 = 0;

/// A rule that a core leaves out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    Nothing,
    /// What a script wrote is taken back before it gives its slots back.
    RollsBack,
    /// A script that wants more gives back what it has before it waits for it.
    GivesBackFirst,
    /// Whoever needs everything asks in ascending order, too.
    AscendingOrder,
    /// What comes back is named as the loan that it is.
    ReturnNamesTheLoan,
    /// The owner looks for what waits when a slot comes back.
    ReturnsFreeTheNext,
    /// A unit whose client is gone gives back what it has.
    GoneGivesBack,
    /// A unit that is refused gives back what it has.
    RefusedGivesBack,
    /// A core that stops leaves the values where they are.
    StopLosesNothing,
}

/// What happens beside the units.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Nothing,
    /// The client of the transaction goes at any time.
    Death,
    /// The script of core 0 takes long before it wants more: others that wait for its slots are refused.
    Busy,
    /// Both cores are told to stop at any time.
    Shutdown,
}

/// A slot's value: how many units added to it, and whose it is. It is in one place.
#[derive(Debug)]
struct Slot {
    owner: usize,
    units: usize,
}

/// The values of a loan.
enum Loan {
    /// This slot, or none of that core.
    Slots(Option<Slot>),
    /// All that the owner has.
    Whole(Slot),
    /// The coordinator's own: they stay where they are.
    Own(NeedOwned),
}

enum Mail {
    Lease(UnitId, NeedOwned),
    Granted(UnitId, usize, Loan),
    Refused(UnitId),
    Return(UnitId, Loan),
    Busy(UnitId),
    /// To itself: the next slice of the unit that takes long.
    GoOn(UnitId),
    /// The sender asks for nothing more.
    Done,
    Stop,
}

/// What a unit runs.
#[derive(Clone, Copy, PartialEq)]
enum Job {
    /// A script that has what it declares, and will want more.
    Script,
    /// The same with everything.
    Widened,
    /// A transaction over both cores.
    Transaction,
}

struct Unit {
    id: UnitId,
    job: Job,
    plan: Vec<(usize, NeedOwned)>,
    grants: Vec<(usize, Loan)>,
}

/// What one core is made from.
#[derive(Clone)]
struct Parts {
    broken: Broken,
    event: Event,
    inboxes: [Arc<Inbox<Mail>>; CORES],
    /// The client of the transaction is gone.
    gone: Arc<AtomicBool>,
}

/// What is left when a core has stopped.
struct Left {
    /// Values that are here: the slot at home, and what units have.
    slots: Vec<Slot>,
    /// Units of this core that added to every slot.
    added: usize,
}

/// One core: owner and coordinator.
struct Core {
    me: usize,
    parts: Parts,
    slot: Option<Slot>,
    loans: Loans<(UnitId, NeedOwned)>,
    busy: Vec<UnitId>,
    units: BTreeMap<u64, Unit>,
    next_unit: u64,
    /// What a script has kept that should not.
    kept: Vec<(usize, Loan)>,
    added: usize,
    told: bool,
    peer_is_done: bool,
    stopping: bool,
}

impl Core {
    fn new(me: usize, parts: Parts) -> Core {
        Core {
            me,
            parts,
            slot: Some(Slot { owner: me, units: 0 }),
            loans: Loans::new(),
            busy: Vec::new(),
            units: BTreeMap::new(),
            next_unit: 0,
            kept: Vec::new(),
            added: 0,
            told: false,
            peer_is_done: false,
            stopping: false,
        }
    }

    fn breaks(&self, rule: Broken) -> bool {
        self.parts.broken == rule
    }

    /// Begins a script that declares the other core's slot, on core 1 a transaction beside it, and works until all is done.
    fn run(mut self) -> Left {
        let declared = (0..CORES).map(|core| {
            let slots: &[u16] = if core == self.me { &[] } else { &[SLOT] };
            (core, Need::Slots(slots).to_owned())
        });
        let declared = declared.collect();
        self.begin(Job::Script, declared);
        if self.me == 1 {
            // To everything, or to the same by number, so that it holds some while it waits for others.
            let plan = match self.parts.event {
                Event::Busy => (0..CORES).map(|core| (core, Need::Slots(&[SLOT]).to_owned())).collect(),
                _ => self.everything(),
            };
            self.begin(Job::Transaction, plan);
        }
        while !self.stopping {
            if self.units.is_empty() && !std::mem::replace(&mut self.told, true) {
                self.send(1 - self.me, Mail::Done);
            }
            if self.told && self.peer_is_done && self.parts.event != Event::Shutdown {
                break;
            }
            let mail = self.parts.inboxes[self.me].pop();
            self.handle(mail);
        }
        if !self.stopping {
            assert!(self.loans.is_quiet() && self.units.is_empty() && self.busy.is_empty(), "something is left over");
        }
        let mut slots: Vec<Slot> = self.slot.take().into_iter().collect();
        if !self.breaks(Broken::StopLosesNothing) {
            slots.extend(self.units.into_values().flat_map(|unit| unit.grants).filter_map(|(_, loan)| value(loan)));
        }
        Left { slots, added: self.added }
    }

    fn everything(&self) -> Vec<(usize, NeedOwned)> {
        let mut plan: Vec<_> = (0..CORES).map(|core| (core, NeedOwned::All)).collect();
        if self.breaks(Broken::AscendingOrder) && self.me == 1 {
            plan.reverse();
        }
        plan
    }

    fn send(&self, to: usize, mail: Mail) {
        self.parts.inboxes[to].push(mail);
    }

    fn handle(&mut self, mail: Mail) {
        match mail {
            Mail::Lease(unit, need) => self.lease(unit, need),
            Mail::Granted(unit, core, loan) => self.granted(unit, core, loan),
            Mail::Refused(unit) => self.refused(unit),
            Mail::Return(unit, loan) => self.take_back(unit, loan),
            Mail::Busy(unit) => self.refuse_for(unit),
            Mail::GoOn(unit) => {
                let unit = self.units.remove(&unit.seq).expect("a unit that takes long is among the units");
                self.widen(unit);
            }
            Mail::Done => self.peer_is_done = true,
            Mail::Stop => self.stopping = true,
        }
    }

    // The owner.

    fn lease(&mut self, unit: UnitId, need: NeedOwned) {
        if self.loans.is_free(need.as_need()) {
            return self.lend(unit, need);
        }
        if self.busy.iter().any(|busy| self.loans.overlaps(*busy, need.as_need())) {
            return self.refuse(unit);
        }
        assert!(self.loans.park(need.as_need(), (unit, need.clone())).is_ok());
    }

    fn lend(&mut self, unit: UnitId, need: NeedOwned) {
        self.loans.lend(unit, need.as_need());
        let loan = match &need {
            _ if usize::from(unit.core) == self.me => Loan::Own(need),
            NeedOwned::All => Loan::Whole(self.slot.take().expect("what is free is at home")),
            NeedOwned::Slots(slots) if slots.is_empty() => Loan::Slots(None),
            _ => Loan::Slots(Some(self.slot.take().expect("what is free is at home"))),
        };
        match usize::from(unit.core) == self.me {
            true => self.granted(unit, self.me, loan),
            false => self.send(unit.core.into(), Mail::Granted(unit, self.me, loan)),
        }
    }

    fn take_back(&mut self, unit: UnitId, loan: Loan) {
        self.busy.retain(|busy| *busy != unit);
        let (need, slot) = match loan {
            Loan::Own(need) => (need, None),
            Loan::Whole(slot) => (NeedOwned::All, Some(slot)),
            Loan::Slots(None) => (Need::Slots(&[]).to_owned(), None),
            Loan::Slots(Some(slot)) => (Need::Slots(&[SLOT]).to_owned(), Some(slot)),
        };
        if let Some(slot) = slot {
            assert_eq!(slot.owner, self.me);
            assert!(self.slot.replace(slot).is_none(), "two values of one slot");
        }
        self.loans.give_back(unit, need.as_need());
        while !self.breaks(Broken::ReturnsFreeTheNext)
            && let Some((_, (unit, need))) = self.loans.next_runnable()
        {
            self.lend(unit, need);
        }
    }

    /// A unit takes long: whoever waits for its slots here is refused, and whoever will come.
    fn refuse_for(&mut self, unit: UnitId) {
        if !self.loans.overlaps(unit, Need::All) {
            return;
        }
        self.busy.push(unit);
        while let Some((_, (waiting, _))) = self.loans.withdraw_from(unit) {
            self.refuse(waiting);
        }
    }

    fn refuse(&mut self, unit: UnitId) {
        match usize::from(unit.core) == self.me {
            true => self.refused(unit),
            false => self.send(unit.core.into(), Mail::Refused(unit)),
        }
    }

    // The coordinator.

    fn begin(&mut self, job: Job, plan: Vec<(usize, NeedOwned)>) {
        self.next_unit += 1;
        let id = UnitId { core: self.me as u16, seq: self.next_unit };
        self.units.insert(id.seq, Unit { id, job, plan, grants: Vec::new() });
        self.gather(id);
    }

    /// Asks for what the unit lacks, owner by owner.
    fn gather(&mut self, id: UnitId) {
        let unit = &self.units[&id.seq];
        let Some((core, need)) = unit.plan.get(unit.grants.len()).cloned() else {
            let unit = self.units.remove(&id.seq).expect("it was just there");
            return self.perform(unit);
        };
        match core == self.me {
            true => self.lease(id, need),
            false => self.send(core, Mail::Lease(id, need)),
        }
    }

    fn granted(&mut self, id: UnitId, core: usize, loan: Loan) {
        let unit = self.units.get_mut(&id.seq).expect("a grant is for a unit that asked");
        unit.grants.push((core, loan));
        self.gather(id);
    }

    fn refused(&mut self, id: UnitId) {
        let unit = self.units.remove(&id.seq).expect("a refusal is for a unit that asked");
        if !self.breaks(Broken::RefusedGivesBack) {
            self.give_back(unit.id, unit.grants);
        }
    }

    /// The unit has what it asked for.
    fn perform(&mut self, mut unit: Unit) {
        match unit.job {
            Job::Script if self.me == 0 && self.parts.event == Event::Busy => {
                let id = unit.id;
                self.units.insert(id.seq, unit);
                self.send(1, Mail::Busy(id));
                self.send(0, Mail::Busy(id));
                self.send(0, Mail::GoOn(id));
            }
            Job::Script => self.widen(unit),
            Job::Transaction if self.parts.gone.load(Ordering::Relaxed) => {
                // It has not begun, and nobody wants it any more.
                if !self.breaks(Broken::GoneGivesBack) {
                    self.give_back(unit.id, unit.grants);
                }
            }
            Job::Transaction | Job::Widened => {
                self.slots(&mut unit, |slot| slot.units += 1);
                self.add_to_all(unit);
            }
        }
    }

    /// The script has added to the slot that it declares, and wants another.
    fn widen(&mut self, mut unit: Unit) {
        self.slots(&mut unit, |slot| slot.units += 1);
        if !self.breaks(Broken::RollsBack) {
            self.slots(&mut unit, |slot| slot.units -= 1);
        }
        let named = UnitId { seq: unit.id.seq + u64::from(self.breaks(Broken::ReturnNamesTheLoan)), ..unit.id };
        match self.breaks(Broken::GivesBackFirst) {
            true => self.kept.extend(unit.grants),
            false => self.give_back(named, unit.grants),
        }
        let everything = self.everything();
        self.begin(Job::Widened, everything);
    }

    /// Whoever has everything sees every other unit in all slots or in none.
    fn add_to_all(&mut self, mut unit: Unit) {
        let mut seen = Vec::new();
        self.slots(&mut unit, |slot| seen.push(slot.units));
        assert!(
            seen.len() == CORES && seen.iter().all(|units| *units == seen[0]),
            "a unit is seen half done: {seen:?}"
        );
        self.added += 1;
        self.give_back(unit.id, unit.grants);
    }

    /// The slots that a unit has.
    fn slots(&mut self, unit: &mut Unit, mut act: impl FnMut(&mut Slot)) {
        for (_, loan) in &mut unit.grants {
            match loan {
                Loan::Slots(slot) => slot.iter_mut().for_each(&mut act),
                Loan::Whole(slot) => act(slot),
                Loan::Own(NeedOwned::Slots(slots)) if slots.is_empty() => {}
                Loan::Own(_) => act(self.slot.as_mut().expect("the coordinator's own slots stay")),
            }
        }
    }

    fn give_back(&mut self, unit: UnitId, grants: Vec<(usize, Loan)>) {
        for (core, loan) in grants {
            match core == self.me {
                true => self.take_back(unit, loan),
                false => self.send(core, Mail::Return(unit, loan)),
            }
        }
    }
}

/// The value that travels in a loan.
fn value(loan: Loan) -> Option<Slot> {
    match loan {
        Loan::Slots(slot) => slot,
        Loan::Whole(slot) => Some(slot),
        Loan::Own(_) => None,
    }
}

/// Both cores to the end.
fn two_cores(broken: Broken, event: Event) {
    let inboxes = [Inbox::new(), Inbox::new()].map(Arc::new);
    let parts = Parts { broken, event, inboxes: inboxes.clone(), gone: Arc::new(AtomicBool::new(false)) };
    let cores = [0, 1].map(|me| {
        let parts = parts.clone();
        thread::spawn(move || Core::new(me, parts).run())
    });
    match event {
        Event::Death => parts.gone.store(true, Ordering::Relaxed),
        Event::Shutdown => inboxes.iter().for_each(|inbox| inbox.push(Mail::Stop)),
        Event::Nothing | Event::Busy => {}
    }
    let left = cores.map(|core| core.join().expect("a panic ends the model"));
    let added: usize = left.iter().map(|left| left.added).sum();
    let mut slots: Vec<Slot> = left.into_iter().flat_map(|left| left.slots).collect();
    for inbox in &inboxes {
        // Values that were under way when the cores stopped.
        slots.extend(std::iter::from_fn(|| inbox.try_pop()).filter_map(|mail| match mail {
            Mail::Granted(_, _, loan) | Mail::Return(_, loan) => value(loan),
            _ => None,
        }));
    }
    slots.sort_by_key(|slot| slot.owner);
    let owners: Vec<usize> = slots.iter().map(|slot| slot.owner).collect();
    assert_eq!(owners, [0, 1], "a slot's value is lost or there twice");
    if event != Event::Shutdown {
        assert!(slots.iter().all(|slot| slot.units == added), "{slots:?} after {added} units");
        let units = 3;
        let least = match event {
            Event::Nothing => units,
            Event::Death => units - 1,
            _ => 1,
        };
        assert!((least..=units).contains(&added), "{added} units were carried out");
    }
}

fn explore(broken: Broken, event: Event) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || two_cores(broken, event));
}

#[test]
fn scripts_that_want_more_and_a_transaction_all_finish() {
    explore(Broken::Nothing, Event::Nothing);
}

#[test]
fn a_requester_that_dies_keeps_nothing() {
    explore(Broken::Nothing, Event::Death);
}

#[test]
fn whom_a_busy_unit_refuses_keeps_nothing() {
    explore(Broken::Nothing, Event::Busy);
}

#[test]
fn shutdown_loses_and_doubles_no_value() {
    explore(Broken::Nothing, Event::Shutdown);
}

#[test]
fn the_model_notices_a_missing_rule() {
    let deadlock = "deadlock";
    for (broken, event, said) in [
        (Broken::RollsBack, Event::Nothing, "after 3 units"),
        (Broken::GivesBackFirst, Event::Nothing, deadlock),
        (Broken::AscendingOrder, Event::Nothing, deadlock),
        (Broken::ReturnNamesTheLoan, Event::Nothing, "a return matches the loan"),
        (Broken::ReturnsFreeTheNext, Event::Nothing, deadlock),
        (Broken::GoneGivesBack, Event::Death, deadlock),
        (Broken::RefusedGivesBack, Event::Busy, deadlock),
        (Broken::StopLosesNothing, Event::Shutdown, "lost or there twice"),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(|| explore(broken, event)));
        let payload = panic.expect_err(&format!("the model does not notice that {broken:?} is missing"));
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        assert!(text.is_some_and(|text| text.contains(said)), "{broken:?}: {text:?}");
    }
}
