//! What one owner has lent and what waits for it (`spec/cores.md` §7): the order of commands around leases, without the slot values.
//!
//! A lease takes slots away from their owner for a while. Work that needs one of them is parked, and so is work that needs a slot which
//! parked work claims: per slot, work is done in order of arrival, and a request for many slots is not starved by requests for few.
//!
//! # The contract
//!
//! 1. While [`Loans::is_quiet`], work runs at once. Otherwise it runs at once if [`Loans::is_free`], else it is [parked](Loans::park). A lease
//!    request is work like any other; to grant it is to [lend](Loans::lend) what it needs.
//! 2. After each [`Loans::give_back`] and [`Loans::withdraw`], [`Loans::next_runnable`] is called until it is empty. What it hands out is run
//!    or lent before the next call: it no longer claims anything.
//!
//! # How
//!
//! Each slot that is lent or waited for has a queue of the work that claims it. Parked work counts what blocks it: its slots in which other work
//! is before it, or which are lent. At zero it is ready. Work that needs all slots is a wall: it waits until nothing is lent and nothing is
//! parked before it, and what comes after it stays behind the wall until it is gone. So all calls cost O(slots of the work · log), never O(depth).
//!
//! It does not know what a unit or a command is, keeps no time and revokes nothing: a loan has no timeout.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most work parked at one owner. Above what credits admit of 1,023 other addresses and one command of each connection that the core may
/// have: `conn.rs` asserts it.
pub const PARKED_WORK_MAX: usize = 393_216;

/// A multi-core unit: a command, transaction or script that runs under leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    /// Its coordinator.
    pub core: u16,
    /// Its number there, never used twice.
    pub seq: u64,
}

/// The slots that a piece of work needs, of those of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<'a> {
    /// One slot.
    One(u16),
    /// Several, ascending, none twice.
    Slots(&'a [u16]),
    /// Every slot of the owner.
    All,
}

/// A [`Need`] that owns its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeedOwned {
    /// One slot.
    One(u16),
    /// Several, ascending, none twice.
    Slots(Box<[u16]>),
    /// Every slot of the owner.
    All,
}

impl NeedOwned {
    /// The same need, borrowed.
    pub fn as_need(&self) -> Need<'_> {
        match self {
            NeedOwned::One(slot) => Need::One(*slot),
            NeedOwned::Slots(slots) => Need::Slots(slots),
            NeedOwned::All => Need::All,
        }
    }
}

impl<'a> Need<'a> {
    /// A copy that owns its slots.
    pub fn to_owned(self) -> NeedOwned {
        match self {
            Need::One(slot) => NeedOwned::One(slot),
            Need::Slots(slots) => NeedOwned::Slots(slots.into()),
            Need::All => NeedOwned::All,
        }
    }

    /// The slots by number; `None` for all of them.
    pub(super) fn slots(&'a self) -> Option<&'a [u16]> {
        match self {
            Need::One(slot) => Some(core::slice::from_ref(slot)),
            Need::Slots(slots) => {
                debug_assert!(slots.is_sorted_by(|a, b| a < b), "slots are ascending and unique");
                Some(slots)
            }
            Need::All => None,
        }
    }
}

/// When work arrived: its place in the one order of the owner.
type Arrival = u64;

/// A slot that is lent or waited for.
#[derive(Default)]
struct SlotState {
    lent_to: Option<UnitId>,
    /// Parked work that claims the slot, in order of arrival.
    claims: VecDeque<Arrival>,
}

/// Parked work before the wall.
struct Parked<W> {
    need: NeedOwned,
    work: W,
    /// Its slots that are lent or that earlier work claims.
    blocked: usize,
}

/// Parked work that is the wall or behind it.
struct Behind<W> {
    arrival: Arrival,
    need: NeedOwned,
    work: W,
}

/// The loans of one owner and the work `W` that waits for them. See the file's header for the contract.
pub struct Loans<W> {
    /// Units with a loan plus parked work: zero nearly always.
    busy: usize,
    next_arrival: Arrival,
    /// Slots that are lent or waited for; no others.
    slots: BTreeMap<u16, SlotState>,
    /// Lent slots of each unit with a loan of slots.
    units: BTreeMap<UnitId, usize>,
    /// The unit that has every slot.
    all_lent_to: Option<UnitId>,
    parked: BTreeMap<Arrival, Parked<W>>,
    /// Parked work with `blocked == 0`.
    ready: BTreeSet<Arrival>,
    /// Empty, or first the wall, then all that arrived after it.
    behind: VecDeque<Behind<W>>,
    /// The owner has something to do once what is lent is back, though nothing is parked for it.
    pub owner_waits: bool,
}

impl<W> Default for Loans<W> {
    fn default() -> Loans<W> {
        Loans::new()
    }
}

impl<W> Loans<W> {
    /// Nothing lent, nothing parked.
    pub fn new() -> Loans<W> {
        Loans {
            busy: 0,
            next_arrival: 0,
            slots: BTreeMap::new(),
            units: BTreeMap::new(),
            all_lent_to: None,
            parked: BTreeMap::new(),
            ready: BTreeSet::new(),
            behind: VecDeque::new(),
            owner_waits: false,
        }
    }

    /// Whether nothing is lent and nothing is parked: then every need is free. One comparison, for the path of every command.
    pub fn is_quiet(&self) -> bool {
        self.busy == 0
    }

    /// True if one unit has every slot.
    pub fn all_are_lent(&self) -> bool {
        self.all_lent_to.is_some()
    }

    /// Work that is parked.
    pub fn depth(&self) -> usize {
        self.parked.len() + self.behind.len()
    }

    /// The unit that has `slot` on loan.
    pub fn lent_to(&self, slot: u16) -> Option<UnitId> {
        self.all_lent_to.or_else(|| self.slots.get(&slot)?.lent_to)
    }

    /// The units that have a slot that is `wanted`, or all of them; one several times if it has several. O(slots lent).
    pub fn units_with(&self, wanted: impl Fn(u16) -> bool) -> impl Iterator<Item = UnitId> {
        let lent = self.slots.iter().filter_map(|(slot, state)| Some((*slot, state.lent_to?)));
        let having = lent.filter(move |(slot, _)| wanted(*slot)).map(|(_, unit)| unit);
        self.all_lent_to.into_iter().chain(having)
    }

    /// Whether a unit has a loan here.
    pub fn has_loan(&self, unit: UnitId) -> bool {
        self.all_lent_to == Some(unit) || self.units.contains_key(&unit)
    }

    /// Whether what work needs is neither lent nor claimed by parked work, so that it may run, or be lent, at once.
    pub fn is_free(&self, need: Need<'_>) -> bool {
        if self.is_quiet() {
            return true;
        }
        match need.slots() {
            None => false,
            Some(slots) => {
                self.all_lent_to.is_none()
                    && self.behind.is_empty()
                    && !slots.iter().any(|slot| self.slots.contains_key(slot))
            }
        }
    }

    /// Parks work behind what blocks it and returns the depth. `Err` gives it back at [`PARKED_WORK_MAX`].
    pub fn park(&mut self, need: Need<'_>, work: W) -> Result<usize, W> {
        if self.depth() >= PARKED_WORK_MAX {
            return Err(work);
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.busy += 1;
        if self.behind.is_empty() && need != Need::All {
            self.claim(arrival, need.to_owned(), work);
        } else {
            self.behind.push_back(Behind { arrival, need: need.to_owned(), work });
        }
        Ok(self.depth())
    }

    /// Notes that the slots moved to `unit`. Panics if one of them is lent already, or the unit has a loan here: a broken invariant.
    ///
    /// The need is free (see [`Loans::is_free`]) or was just handed out by [`Loans::next_runnable`].
    pub fn lend(&mut self, unit: UnitId, need: Need<'_>) {
        assert!(self.all_lent_to.is_none(), "all slots are lent");
        self.busy += 1;
        let Some(slots) = need.slots() else {
            assert!(self.units.is_empty(), "some slots are lent");
            self.all_lent_to = Some(unit);
            return;
        };
        assert!(self.units.insert(unit, slots.len()).is_none(), "a unit has one loan per owner");
        for &slot in slots {
            let state = self.slots.entry(slot).or_default();
            assert!(state.lent_to.replace(unit).is_none(), "the slot is lent");
            if let Some(&first) = state.claims.front() {
                self.block(first);
            }
        }
    }

    /// Notes that the slots came back. Panics if they are not what was lent to `unit`: a broken invariant, values were lost or doubled.
    pub fn give_back(&mut self, unit: UnitId, need: Need<'_>) {
        let Some(slots) = need.slots() else {
            assert_eq!(self.all_lent_to.take(), Some(unit), "a return matches the loan");
            self.busy -= 1;
            return;
        };
        assert_eq!(self.units.remove(&unit), Some(slots.len()), "a return matches the loan");
        self.busy -= 1;
        for &slot in slots {
            let lent_to = self.slots.get_mut(&slot).and_then(|state| state.lent_to.take());
            assert_eq!(lent_to, Some(unit), "a return matches the loan");
            self.unblock_first(slot);
        }
    }

    /// Takes out the earliest parked work whose slots are all free and not claimed by work before it.
    pub fn next_runnable(&mut self) -> Option<(NeedOwned, W)> {
        if self.all_lent_to.is_some() {
            return None;
        }
        if let Some(arrival) = self.ready.pop_first() {
            return Some(self.unclaim(arrival));
        }
        if !self.parked.is_empty() || !self.units.is_empty() {
            return None;
        }
        let wall = self.behind.pop_front()?;
        self.busy -= 1;
        self.bring_forward();
        Some((wall.need, wall.work))
    }

    /// Takes out the earliest parked work that is `wanted`, wherever it waits: a cancelled request, the command of a client that is gone
    /// or is told BUSY. O(depth).
    pub fn withdraw(&mut self, mut wanted: impl FnMut(Need<'_>, &W) -> bool) -> Option<(NeedOwned, W)> {
        let before_wall = self.parked.iter().find(|(_, parked)| wanted(parked.need.as_need(), &parked.work));
        if let Some((&arrival, _)) = before_wall {
            self.ready.remove(&arrival);
            return Some(self.unclaim(arrival));
        }
        let index = self.behind.iter().position(|behind| wanted(behind.need.as_need(), &behind.work))?;
        self.withdraw_behind(index)
    }

    /// True if a unit has a loan that shares a slot with `need`. O(slots of the need).
    pub fn overlaps(&self, unit: UnitId, need: Need<'_>) -> bool {
        let lent = |slot: &u16| self.slots.get(slot).is_some_and(|state| state.lent_to == Some(unit));
        match need.slots() {
            _ if self.all_lent_to == Some(unit) => true,
            None => self.units.contains_key(&unit),
            Some(slots) => slots.iter().any(lent),
        }
    }

    /// Takes out the earliest parked work that needs a slot which a unit has. O(depth).
    pub fn withdraw_from(&mut self, unit: UnitId) -> Option<(NeedOwned, W)> {
        let before_wall = self.parked.iter().find(|(_, parked)| self.overlaps(unit, parked.need.as_need()));
        if let Some((&arrival, _)) = before_wall {
            self.ready.remove(&arrival);
            return Some(self.unclaim(arrival));
        }
        let index = self.behind.iter().position(|behind| self.overlaps(unit, behind.need.as_need()))?;
        self.withdraw_behind(index)
    }

    fn withdraw_behind(&mut self, index: usize) -> Option<(NeedOwned, W)> {
        let behind = self.behind.remove(index)?;
        self.busy -= 1;
        if index == 0 {
            self.bring_forward();
        }
        Some((behind.need, behind.work))
    }

    /// Enters work before the wall into the queues of its slots.
    fn claim(&mut self, arrival: Arrival, need: NeedOwned, work: W) {
        let mut blocked = 0;
        for &slot in need.as_need().slots().expect("work that needs all slots is the wall") {
            let state = self.slots.entry(slot).or_default();
            blocked += usize::from(state.lent_to.is_some() || !state.claims.is_empty());
            state.claims.push_back(arrival);
        }
        if blocked == 0 {
            self.ready.insert(arrival);
        }
        self.parked.insert(arrival, Parked { need, work, blocked });
    }

    /// Removes work from before the wall; what was next in its slots moves up.
    fn unclaim(&mut self, arrival: Arrival) -> (NeedOwned, W) {
        let Parked { need, work, .. } = self.parked.remove(&arrival).expect("the arrival is parked");
        self.busy -= 1;
        for &slot in need.as_need().slots().expect("work that needs all slots is the wall") {
            let state = self.slots.get_mut(&slot).expect("a claimed slot has a state");
            let place = state.claims.iter().position(|&claim| claim == arrival).expect("parked work claims its slots");
            state.claims.remove(place);
            if place == 0 && state.lent_to.is_none() {
                self.unblock_first(slot);
            }
        }
        (need, work)
    }

    /// After the wall is gone: what was behind it claims its slots, up to the next wall.
    fn bring_forward(&mut self) {
        while self.behind.front().is_some_and(|next| next.need != NeedOwned::All) {
            let Behind { arrival, need, work } = self.behind.pop_front().expect("there is a front");
            self.claim(arrival, need, work);
        }
    }

    /// The first claim of a slot got free: it has one thing less in its way. Forgets a slot that nobody waits for.
    fn unblock_first(&mut self, slot: u16) {
        let Some(&first) = self.slots[&slot].claims.front() else {
            self.slots.remove(&slot);
            return;
        };
        let parked = self.parked.get_mut(&first).expect("a claim belongs to parked work");
        parked.blocked -= 1;
        if parked.blocked == 0 {
            self.ready.insert(first);
        }
    }

    /// A slot of which this is the first claim was lent.
    fn block(&mut self, arrival: Arrival) {
        self.parked.get_mut(&arrival).expect("a claim belongs to parked work").blocked += 1;
        self.ready.remove(&arrival);
    }
}
