//! Fair draws among the entries of a table, for the choice of what to evict.

use evict::policy::Class;

use crate::hash::Random;

use super::{Place, Root, Table};

/// Draws of a place before a draw is given up.
const TRIES_MAX: usize = 32;

impl Table {
    /// Where an entry of a class stands, each drawn with the same probability. `None` if there is none, or the draw met none.
    pub(crate) fn draw_place(&self, class: Class, random: &mut Random) -> Option<Place> {
        if class == Class::All || self.volatile() == self.len() {
            return self.sample_place(random);
        }
        let mut tries = (0..TRIES_MAX).filter_map(|_| self.try_place(random));
        tries.find(|place| self.at(*place).deadline().is_some())
    }

    /// Shows where up to `max` entries of a class stand: all of them if there are no more, else each drawn with the same probability, so
    /// that one may be shown twice.
    pub(crate) fn draw_places(&self, class: Class, max: usize, random: &mut Random, show: &mut impl FnMut(Place)) {
        for _ in 0..max.min(self.len()) {
            if let Some(place) = self.draw_place(class, random) {
                show(place);
            }
        }
    }

    /// One draw among all places that entries may stand in.
    fn try_place(&self, random: &mut Random) -> Option<Place> {
        match &self.root {
            Root::One(table) => {
                let line = table.draw(random.below(table.slots() as u64) as usize)?;
                Some(Place { segment: 0, line })
            }
            Root::Many(directory) => directory.draw(random),
        }
    }
}
