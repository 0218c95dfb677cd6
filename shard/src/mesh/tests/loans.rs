//! Loans against a naive model.

use crate::mesh::loans::*;
use proptest::prelude::*;

const UNIT: UnitId = UnitId { core: 1, seq: 7 };
const OTHER: UnitId = UnitId { core: 2, seq: 7 };

/// All work that can be handed out now.
fn runnable(loans: &mut Loans<u32>) -> Vec<u32> {
    core::iter::from_fn(|| loans.next_runnable()).map(|(_, work)| work).collect()
}

#[test]
fn quiet_means_free() {
    let mut loans = Loans::<u32>::new();
    assert!(loans.is_quiet() && loans.is_free(Need::All));
    loans.lend(UNIT, Need::Slots(&[3, 5]));
    assert!(
        !loans.is_quiet() && !loans.is_free(Need::All) && !loans.is_free(Need::One(5)) && loans.is_free(Need::One(4))
    );
    assert_eq!((loans.lent_to(3), loans.lent_to(4)), (Some(UNIT), None));
    loans.give_back(UNIT, Need::Slots(&[3, 5]));
    assert!(loans.is_quiet() && loans.is_free(Need::All));
}

#[test]
fn work_on_a_claimed_slot_waits_behind_the_claim() {
    let mut loans = Loans::new();
    loans.lend(UNIT, Need::One(1));
    assert_eq!(loans.park(Need::Slots(&[1, 2]), 10), Ok(1));
    assert!(!loans.is_free(Need::One(2)), "slot 2 is not lent, but the wide work must not starve");
    assert_eq!(loans.park(Need::One(2), 11), Ok(2));
    assert!(runnable(&mut loans).is_empty());
    loans.give_back(UNIT, Need::One(1));
    assert_eq!(runnable(&mut loans), [10, 11]);
    assert!(loans.is_quiet());
}

#[test]
fn lending_what_was_handed_out_blocks_the_next_claim() {
    let mut loans = Loans::new();
    loans.lend(UNIT, Need::One(1));
    loans.park(Need::One(1), 10).unwrap();
    loans.park(Need::One(1), 11).unwrap();
    loans.give_back(UNIT, Need::One(1));
    assert_eq!(loans.next_runnable(), Some((NeedOwned::One(1), 10)));
    loans.lend(OTHER, Need::One(1));
    assert_eq!(loans.next_runnable(), None);
    loans.give_back(OTHER, Need::One(1));
    assert_eq!(runnable(&mut loans), [11]);
}

#[test]
fn all_waits_for_what_is_before_it_and_holds_what_is_after_it() {
    let mut loans = Loans::new();
    loans.lend(UNIT, Need::One(1));
    loans.park(Need::One(1), 10).unwrap();
    loans.park(Need::All, 11).unwrap();
    loans.park(Need::One(9), 12).unwrap();
    assert!(!loans.is_free(Need::One(8)), "all slots are claimed");
    assert!(runnable(&mut loans).is_empty());
    loans.give_back(UNIT, Need::One(1));
    assert_eq!(loans.next_runnable().map(|(_, work)| work), Some(10));
    assert_eq!(loans.next_runnable(), Some((NeedOwned::All, 11)));
    loans.lend(OTHER, Need::All);
    assert_eq!((loans.next_runnable(), loans.lent_to(9)), (None, Some(OTHER)));
    loans.give_back(OTHER, Need::All);
    assert_eq!(runnable(&mut loans), [12]);
}

#[test]
fn withdrawn_work_frees_its_claims() {
    let mut loans = Loans::new();
    loans.lend(UNIT, Need::One(1));
    loans.park(Need::Slots(&[1, 2]), 10).unwrap();
    loans.park(Need::One(2), 11).unwrap();
    loans.park(Need::All, 12).unwrap();
    loans.park(Need::One(3), 13).unwrap();
    assert_eq!(loans.withdraw(|_, &work| work == 10).map(|(_, work)| work), Some(10));
    assert_eq!(runnable(&mut loans), [11]);
    assert_eq!(loans.withdraw(|need, _| need == Need::All).map(|(_, work)| work), Some(12));
    assert_eq!(runnable(&mut loans), [13]);
    assert_eq!((loans.withdraw(|_, _| true), loans.depth()), (None, 0));
}

#[test]
#[should_panic(expected = "the slot is lent")]
fn a_slot_is_lent_once() {
    let mut loans = Loans::<u32>::new();
    loans.lend(UNIT, Need::Slots(&[1, 2]));
    loans.lend(OTHER, Need::One(2));
}

#[test]
#[should_panic(expected = "a return matches the loan")]
fn a_partial_return_is_a_broken_invariant() {
    let mut loans = Loans::<u32>::new();
    loans.lend(UNIT, Need::Slots(&[1, 2]));
    loans.give_back(UNIT, Need::One(2));
}

#[test]
#[should_panic(expected = "a return matches the loan")]
fn a_return_of_another_slot_is_a_broken_invariant() {
    let mut loans = Loans::<u32>::new();
    loans.lend(UNIT, Need::One(1));
    loans.give_back(UNIT, Need::One(2));
}

/// Slots of the random cases.
const SLOTS: u16 = 6;

/// The same rules by scanning everything: one list of parked work and one of loans.
#[derive(Default)]
struct Naive {
    lent: Vec<(UnitId, NeedOwned)>,
    parked: Vec<(NeedOwned, u32)>,
}

fn slots(need: &NeedOwned) -> Vec<u16> {
    match need {
        NeedOwned::One(slot) => vec![*slot],
        NeedOwned::Slots(slots) => slots.to_vec(),
        NeedOwned::All => (0..SLOTS).collect(),
    }
}

/// Whether both need a slot; `All` is in the way of everything.
fn overlap(a: &NeedOwned, b: &NeedOwned) -> bool {
    slots(a).iter().any(|slot| slots(b).contains(slot))
}

impl Naive {
    fn is_free(&self, need: &NeedOwned) -> bool {
        self.is_runnable(need, self.parked.len())
    }

    /// Whether nothing lent and none of the first `before` parked overlap.
    fn is_runnable(&self, need: &NeedOwned, before: usize) -> bool {
        let lent = self.lent.iter().map(|(_, lent)| lent);
        let mut in_the_way = lent.chain(self.parked[..before].iter().map(|(need, _)| need));
        !in_the_way.any(|other| overlap(need, other))
    }

    fn next_runnable(&mut self) -> Option<(NeedOwned, u32)> {
        let first = (0..self.parked.len()).find(|&index| self.is_runnable(&self.parked[index].0, index))?;
        Some(self.parked.remove(first))
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Work arrives, a lease or not, and is done at once or parked.
    Arrive { need: NeedOwned, is_lease: bool },
    /// The loan at this index, modulo their number, comes back.
    Return(usize),
    /// The parked work at this index, modulo their number, is withdrawn.
    Withdraw(usize),
}

fn any_need() -> impl Strategy<Value = NeedOwned> {
    prop_oneof![
        4 => (0..SLOTS).prop_map(NeedOwned::One),
        4 => proptest::collection::btree_set(0..SLOTS, 1..4).prop_map(|slots| NeedOwned::Slots(slots.into_iter().collect())),
        1 => Just(NeedOwned::All),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any_need(), any::<bool>()).prop_map(|(need, is_lease)| Step::Arrive { need, is_lease }),
        4 => any::<usize>().prop_map(Step::Return),
        1 => any::<usize>().prop_map(Step::Withdraw),
    ]
}

/// Runs steps through the real bookkeeping and the naive one, side by side.
#[derive(Default)]
struct Both {
    real: Loans<u32>,
    naive: Naive,
    /// Work that asks for a loan, by its number.
    is_lease: Vec<bool>,
    /// Work that was withdrawn.
    withdrawn: Vec<u32>,
    /// Work in the order in which it was done, with what it needed.
    done: Vec<(NeedOwned, u32)>,
}

impl Both {
    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive { need, is_lease } => self.arrive(need, is_lease),
            Step::Return(_) if self.naive.lent.is_empty() => {}
            Step::Return(index) => {
                let (unit, need) = self.naive.lent.remove(index % self.naive.lent.len());
                self.real.give_back(unit, need.as_need());
            }
            Step::Withdraw(_) if self.naive.parked.is_empty() => {}
            Step::Withdraw(index) => {
                let withdrawn = self.naive.parked.remove(index % self.naive.parked.len());
                self.withdrawn.push(withdrawn.1);
                assert_eq!(self.real.withdraw(|_, &work| work == withdrawn.1), Some(withdrawn));
            }
        }
        loop {
            let next = self.real.next_runnable();
            assert_eq!(next, self.naive.next_runnable());
            let Some((need, work)) = next else { break };
            self.perform(need, work);
        }
        assert_eq!(self.real.depth(), self.naive.parked.len());
        assert_eq!(self.real.is_quiet(), self.naive.parked.is_empty() && self.naive.lent.is_empty());
        for need in (0..SLOTS).map(Need::One).chain([Need::Slots(&[0, 1]), Need::Slots(&[2, 3, 4]), Need::All]) {
            assert_eq!(self.real.is_free(need), self.naive.is_free(&need.to_owned()), "{need:?}");
        }
    }

    fn arrive(&mut self, need: NeedOwned, is_lease: bool) {
        let work = self.is_lease.len() as u32;
        self.is_lease.push(is_lease);
        if self.real.is_free(need.as_need()) {
            return self.perform(need, work);
        }
        assert_eq!(self.real.park(need.as_need(), work), Ok(self.naive.parked.len() + 1));
        self.naive.parked.push((need, work));
    }

    fn perform(&mut self, need: NeedOwned, work: u32) {
        if self.is_lease[work as usize] {
            let unit = UnitId { core: 0, seq: u64::from(work) };
            self.real.lend(unit, need.as_need());
            self.naive.lent.push((unit, need.clone()));
        }
        self.done.push((need, work));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_the_naive_bookkeeping(steps in proptest::collection::vec(any_step(), 1..60)) {
        let mut both = Both::default();
        for step in steps {
            both.step(step);
        }
        while !both.naive.lent.is_empty() {
            both.step(Step::Return(0));
        }
        // No work is forgotten once all loans are back, the wide included.
        prop_assert!(both.real.is_quiet());
        prop_assert_eq!(both.done.len() + both.withdrawn.len(), both.is_lease.len());
        // Per slot, work was done in order of arrival, which is the order of its numbers.
        for slot in 0..SLOTS {
            let on_slot = both.done.iter().filter(|(need, _)| slots(need).contains(&slot));
            prop_assert!(on_slot.map(|(_, work)| work).is_sorted());
        }
    }
}
