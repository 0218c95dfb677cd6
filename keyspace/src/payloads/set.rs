//! A set in the making: integers alone as long as they are few, or else any members.

use crate::entry::{Entry, Form, Kind};
use crate::intset::{self, IntSetMut};
use crate::limits::PackedLimits;
use crate::packed::Element;
use crate::rdb::Corrupt;

use super::Place;
use super::distinct::Distinct;

/// Members of a set, in no order.
pub(super) struct SetBuilder<'a> {
    /// All of them, while they are integers and fit an intset.
    integers: Option<Vec<i64>>,
    integers_max: usize,
    /// All of them otherwise.
    members: Distinct<'a>,
}

impl<'a> SetBuilder<'a> {
    /// Nothing yet. `limits` are those of a packed set.
    pub(super) fn new(place: Place<'a>, limits: PackedLimits) -> Self {
        let members = Distinct::new(Kind::Set, limits, place.hasher);
        SetBuilder { integers: Some(Vec::new()), integers_max: place.limits.intset_entries, members }
    }

    /// Adds a member. Refuses one that is there; an integer at the latest by `finish`.
    pub(super) fn add(&mut self, member: Element<'_>) -> Result<(), Corrupt> {
        if let Some(integers) = &mut self.integers {
            match member {
                Element::Int(value) if integers.len() < self.integers_max => {
                    integers.push(value);
                    return Ok(());
                }
                _ => {}
            }
        }
        for value in self.integers.take().unwrap_or_default() {
            self.members.add(Element::Int(value), None)?;
        }
        self.members.add(member, None)
    }

    /// The entry of all of them.
    pub(super) fn finish(self, place: Place<'_>) -> Result<Entry, Corrupt> {
        let Some(mut integers) = self.integers else { return Ok(self.members.finish(place)) };
        integers.sort_unstable();
        let mut bytes = intset::EMPTY.to_vec();
        let mut set = IntSetMut::new(&mut bytes);
        for value in integers {
            if !set.insert(value) {
                return Err(Corrupt("a member stands twice"));
            }
        }
        Ok(Entry::packed(place.key, Kind::Set, Form::IntSet, &bytes, place.access))
    }
}
