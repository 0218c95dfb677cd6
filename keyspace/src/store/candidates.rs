//! What the choice of a victim sees of a keyspace: fair draws of slots, and of keys within one.

use evict::policy::Class;
use evict::victim::{Candidates, Sampled};
use evict::weights::Weights;

use crate::hash::{KeyHasher, Random};
use crate::prefetch::prefetch;
use crate::slot::Slot;
use crate::table::Table;

use super::victims::Victim;
use super::{Db, SlotTables};

/// The keys that are here, with how many of the policy's class each slot has. That is the only class that is asked for.
pub(super) struct Here<'a> {
    pub(super) slots: &'a mut [SlotTables],
    pub(super) databases: usize,
    pub(super) weights: &'a [Option<Weights>],
    pub(super) hasher: &'a KeyHasher,
    /// The slot that is drawn next, of which database: its tables are fetched meanwhile.
    pub(super) ahead: &'a mut Option<(Db, usize)>,
}

impl Here<'_> {
    /// A slot of a database, each with the probability of its share of the keys, as of this draw or the one before.
    fn draw_slot(&mut self, db: Db, random: &mut impl FnMut() -> u64) -> Option<(Slot, &mut Table)> {
        let weights = self.weights[db.0 as usize].as_ref()?;
        let drawn = self.ahead.take().filter(|(of, number)| *of == db && weights.get(*number) > 0);
        let number = drawn.map(|(_, number)| number).or_else(|| weights.draw(random()))?;
        *self.ahead = weights.draw(random()).map(|next| (db, next));
        if let Some((_, next)) = *self.ahead {
            prefetch(&raw const self.slots[next]);
        }
        let slot = Slot::new(number as u16).expect("weights are those of slots");
        Some((slot, self.slots[number].table_mut(db, self.databases)))
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
        let (db, hasher) = (Db(db), self.hasher);
        let Some((slot, table)) = self.draw_slot(db, random) else { return };
        let places = table.draw_places(class, max as usize, &mut Random::new(random()), hasher);
        // All are fetched before any is read, so that their misses overlap.
        places.iter().for_each(|place| table.at(*place).prefetch());
        for place in places {
            let entry = table.at(place);
            let handle = Victim::new(db, slot, hasher.hash(entry.key()));
            show(Sampled { handle, bits: entry.access(), when: entry.deadline() });
        }
    }

    fn draw(&mut self, db: u16, class: Class, random: &mut impl FnMut() -> u64) -> Option<Victim> {
        let (db, hasher) = (Db(db), self.hasher);
        let (slot, table) = self.draw_slot(db, random)?;
        let place = table.draw_place(class, &mut Random::new(random()), hasher)?;
        Some(Victim::new(db, slot, hasher.hash(table.at(place).key())))
    }

    fn found(&self, handle: Victim) -> Option<Class> {
        let table = self.slots[handle.slot().index()].table(handle.db())?;
        let place = table.locate_hash(handle.hash(), self.hasher)?;
        let volatile = table.at(place).deadline().is_some();
        Some(if volatile { Class::Volatile } else { Class::All })
    }
}
