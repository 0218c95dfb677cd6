//! What the choice of a victim sees of a keyspace: fair draws of slots, and of keys within one.

use evict::policy::Class;
use evict::victim::{Candidates, Sampled};
use evict::weights::Weights;

use crate::hash::{KeyHasher, Random};
use crate::slot::Slot;
use crate::table::{Place, Table};

use super::victims::Victim;
use super::{Db, SlotTables};

/// The keys that are here, with how many of the policy's class each slot has. That is the only class that is asked for.
pub(super) struct Here<'a> {
    pub(super) slots: &'a [SlotTables],
    pub(super) weights: &'a [Option<Weights>],
    pub(super) hasher: &'a KeyHasher,
}

impl Here<'_> {
    /// A slot of a database, each with the probability of its share of the keys.
    fn draw_slot(&self, db: Db, random: u64) -> Option<(Slot, &Table)> {
        let number = self.weights[db.0 as usize].as_ref()?.draw(random)?;
        let slot = Slot::new(number as u16).expect("weights are those of slots");
        let table = self.slots[number].table(db).expect("a slot with keys has a table");
        Some((slot, table))
    }

    fn handle(&self, db: Db, slot: Slot, table: &Table, place: Place) -> Victim {
        Victim::new(db, slot, self.hasher.hash(table.at(place).key()))
    }
}

impl Candidates for Here<'_> {
    type Handle = Victim;

    fn databases(&self) -> u16 {
        self.weights.len() as u16
    }

    fn keys(&self, db: u16, _: Class) -> u64 {
        self.weights[usize::from(db)].as_ref().map_or(0, Weights::total)
    }

    fn slots(&self, db: u16, _: Class) -> u32 {
        self.weights[usize::from(db)].as_ref().map_or(0, Weights::filled)
    }

    fn sample(
        &mut self,
        db: u16,
        class: Class,
        max: u32,
        random: &mut impl FnMut() -> u64,
        show: &mut impl FnMut(Sampled<Victim>),
    ) {
        let db = Db(db);
        let Some((slot, table)) = self.draw_slot(db, random()) else { return };
        table.draw_places(class, max as usize, &mut Random::new(random()), &mut |place| {
            let entry = table.at(place);
            let handle = self.handle(db, slot, table, place);
            show(Sampled { handle, bits: entry.access(), when: entry.deadline() });
        });
    }

    fn draw(&mut self, db: u16, class: Class, random: &mut impl FnMut() -> u64) -> Option<Victim> {
        let db = Db(db);
        let (slot, table) = self.draw_slot(db, random())?;
        let place = table.draw_place(class, &mut Random::new(random()))?;
        Some(self.handle(db, slot, table, place))
    }

    fn found(&self, handle: Victim) -> Option<Class> {
        let table = self.slots[handle.slot().index()].table(handle.db())?;
        let place = table.locate_hash(handle.hash(), self.hasher)?;
        let volatile = table.at(place).deadline().is_some();
        Some(if volatile { Class::Volatile } else { Class::All })
    }
}
