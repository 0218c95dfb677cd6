//! Keys that are held while copies of them are on their way to another server, at the core that owns them (`spec/cores.md` §7.8).
//!
//! A held key is read and not written: work that would write to it is parked here until the hold is over. Its slot stays with its owner,
//! and may be lent to units that only read. A unit that may write and needs a slot with a held key is turned away: it gives back what it
//! has, and is called once the hold is over. So nothing is on loan while a unit waits for a network.
//!
//! # The contract
//!
//! 1. Before a command that writes, [`Holds::is_held`] is asked for each of its keys, whatever its database; before slots are lent to a
//!    unit that may write, [`Holds::covers`]. Work that is held up is [parked](Holds::park), units leave their [wish](Holds::wish).
//! 2. A hold begins only if none of its keys is held and [`Holds::is_wished`] is false: who was turned away comes before new holds, or units
//!    that need everything would never have their turn. Whoever has a hold at another owner already does not heed wishes: a unit waits for
//!    that hold, and nobody may wait in a circle.
//! 3. After [`Holds::end`] and [`Holds::fulfil`], [`Holds::next_due`] and [`Holds::next_called`] are asked until they are empty. Work that they
//!    hand out is tried as if it had just come.
//!
//! What removes a held key without a command (its deadline, eviction, the loss of its slot) does not ask: nobody can make it anew before the hold
//! is over, and the deletion that follows the sending then finds nothing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::loans::{Need, NeedOwned, PARKED_WORK_MAX, UnitId};

/// The name of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId {
    /// The core of the client that has the keys sent.
    pub core: u16,
    /// Its number there, never used twice.
    pub seq: u64,
}

/// A unit that was turned away.
struct Wish {
    need: NeedOwned,
    /// It was told to ask again.
    called: bool,
}

/// Held keys with their slots.
type HeldKeys = Vec<(u16, Box<[u8]>)>;

/// The holds of one owner and the work `W` that waits for their end. See the file's header for the contract.
pub struct Holds<W> {
    /// Every held key.
    keys: HashSet<Box<[u8]>>,
    /// How many held keys each slot has that has any.
    slots: BTreeMap<u16, usize>,
    /// The keys and slots of each hold.
    holds: HashMap<HoldId, HeldKeys>,
    /// Work that waits, in order of arrival, with the slot of the key that it waits for.
    waiting: VecDeque<(NeedOwned, W)>,
    wishes: BTreeMap<UnitId, Wish>,
    due: VecDeque<W>,
    called: VecDeque<UnitId>,
}

impl<W> Default for Holds<W> {
    fn default() -> Holds<W> {
        Holds {
            keys: HashSet::new(),
            slots: BTreeMap::new(),
            holds: HashMap::new(),
            waiting: VecDeque::new(),
            wishes: BTreeMap::new(),
            due: VecDeque::new(),
            called: VecDeque::new(),
        }
    }
}

impl<W> Holds<W> {
    /// Whether no key is held. One comparison, for the path of every command.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether nothing is left here at all: no hold, no work, no wish.
    pub fn is_empty(&self) -> bool {
        self.is_quiet() && self.depth() == 0 && self.wishes.is_empty() && self.called.is_empty()
    }

    /// Work that waits.
    pub fn depth(&self) -> usize {
        self.waiting.len() + self.due.len()
    }

    /// Whether a key of this name is held.
    pub fn is_held(&self, key: &[u8]) -> bool {
        self.keys.contains(key)
    }

    /// Whether one of these slots has a held key.
    pub fn covers(&self, need: Need<'_>) -> bool {
        match need {
            _ if self.is_quiet() => false,
            Need::One(slot) => self.slots.contains_key(&slot),
            Need::Slots(slots) => slots.iter().any(|slot| self.slots.contains_key(slot)),
            Need::All => true,
        }
    }

    /// Whether a unit that was turned away needs one of these slots.
    pub fn is_wished(&self, need: Need<'_>) -> bool {
        self.wishes.values().any(|wish| meets(wish.need.as_need(), need))
    }

    /// Whether this hold is under way.
    pub fn has(&self, id: HoldId) -> bool {
        self.holds.contains_key(&id)
    }

    /// The holds with a key in one of the slots that are `wanted`.
    pub fn with(&self, wanted: impl Fn(u16) -> bool) -> impl Iterator<Item = HoldId> {
        let holds = self.holds.iter().filter(move |(_, keys)| keys.iter().any(|(slot, _)| wanted(*slot)));
        holds.map(|(id, _)| *id)
    }

    /// Holds keys, each with its slot. None of them is held.
    pub fn begin(&mut self, id: HoldId, keys: impl Iterator<Item = (u16, Box<[u8]>)>) {
        let mut held = HeldKeys::new();
        for (slot, key) in keys {
            // One that is named twice is held once.
            if self.keys.insert(key.clone()) {
                *self.slots.entry(slot).or_default() += 1;
                held.push((slot, key));
            }
        }
        assert!(self.holds.insert(id, held).is_none(), "a hold begins once");
    }

    /// Ends a hold.
    pub fn end(&mut self, id: HoldId) {
        let held = self.holds.remove(&id).expect("a hold that ends was begun");
        let mut slots = Vec::with_capacity(held.len());
        for (slot, key) in held {
            self.keys.remove(&key);
            let left = self.slots.get_mut(&slot).expect("a held key counts in its slot");
            *left -= 1;
            if *left == 0 {
                self.slots.remove(&slot);
            }
            slots.push(slot);
        }
        slots.sort_unstable();
        slots.dedup();
        self.stir(Need::Slots(&slots));
    }

    /// Parks work that waits for a key in one of these slots. `Err` gives it back at [`PARKED_WORK_MAX`].
    pub fn park(&mut self, need: Need<'_>, work: W) -> Result<(), W> {
        if self.depth() >= PARKED_WORK_MAX {
            return Err(work);
        }
        self.waiting.push_back((need.to_owned(), work));
        Ok(())
    }

    /// Notes a unit that is turned away: it is called once no held key is in its way.
    pub fn wish(&mut self, unit: UnitId, need: Need<'_>) {
        let wish = Wish { need: need.to_owned(), called: false };
        self.wishes.insert(unit, wish);
    }

    /// A unit has its slots, or wants them no more. True if it had left a wish.
    pub fn fulfil(&mut self, unit: UnitId) -> bool {
        let Some(wish) = self.wishes.remove(&unit) else { return false };
        self.stir(wish.need.as_need());
        true
    }

    /// Work that may go on, in order of arrival.
    pub fn next_due(&mut self) -> Option<W> {
        self.due.pop_front()
    }

    /// A unit that was turned away and may ask again.
    pub fn next_called(&mut self) -> Option<UnitId> {
        self.called.pop_front()
    }

    /// Whether work or units are to be told that they may go on.
    pub fn owes(&self) -> bool {
        !self.due.is_empty() || !self.called.is_empty()
    }

    /// Something in these slots is over: hands out what waited for that.
    fn stir(&mut self, need: Need<'_>) {
        for (waits_for, work) in std::mem::take(&mut self.waiting) {
            match meets(waits_for.as_need(), need) {
                true => self.due.push_back(work),
                false => self.waiting.push_back((waits_for, work)),
            }
        }
        let mut wishes = std::mem::take(&mut self.wishes);
        for (unit, wish) in &mut wishes {
            if !wish.called && meets(wish.need.as_need(), need) && !self.covers(wish.need.as_need()) {
                wish.called = true;
                self.called.push_back(*unit);
            }
        }
        self.wishes = wishes;
    }
}

/// Whether two needs have a slot in common.
fn meets(a: Need<'_>, b: Need<'_>) -> bool {
    match (a.slots(), b.slots()) {
        (None, None) => true,
        (None, Some(slots)) | (Some(slots), None) => !slots.is_empty(),
        (Some(a), Some(b)) => a.iter().any(|slot| b.binary_search(slot).is_ok()),
    }
}
