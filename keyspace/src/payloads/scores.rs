//! A sorted set in the making, from members in any order of which each may come once.
//!
//! It is made as a large one, whose cost stays in proportion to the payload's length, and packed at the end if the limits say so.

use crate::entry::{Entry, Form, Kind};
use crate::limits::PackedLimits;
use crate::packed::Element;
use crate::rdb::Corrupt;
use crate::types::Object;
use crate::types::scored;
use crate::types::sorted_set::SortedSet;

use super::Place;

/// Members with their scores.
pub(super) struct Scores<'a> {
    set: Box<SortedSet>,
    place: Place<'a>,
    limits: PackedLimits,
    /// Bytes of the longest member.
    longest: usize,
}

impl<'a> Scores<'a> {
    /// Nothing yet, to be packed within `limits`.
    pub(super) fn new(place: Place<'a>, limits: PackedLimits) -> Self {
        Scores { set: Box::default(), place, limits, longest: 0 }
    }

    /// Adds a member with its score, which is a number. Refuses one that is there.
    pub(super) fn add(&mut self, member: Element<'_>, score: f64) -> Result<(), Corrupt> {
        if !self.set.has_room(1) {
            return Err(Corrupt("more members than a sorted set can have"));
        }
        let mut digits = itoa::Buffer::new();
        let member = member.text(&mut digits);
        self.longest = self.longest.max(member.len());
        let mut known = false;
        self.set.upsert(self.place.hasher, member, |old| {
            known = old.is_some();
            Some(score)
        });
        if known { Err(Corrupt("a member stands twice")) } else { Ok(()) }
    }

    /// The entry of all of them.
    pub(super) fn finish(self) -> Entry {
        let (place, limits) = (self.place, self.limits);
        let small = self.set.len() <= limits.entries && self.longest <= limits.value_bytes;
        if small && self.set.heap_bytes() < PackedLimits::BYTES_MAX {
            let packed = scored::pack(self.set.ascending(0));
            return Entry::packed(place.key, Kind::SortedSet, Form::Packed, &packed, place.access);
        }
        Entry::large(place.key, Box::new(Object::SortedSet(self.set)), place.access)
    }
}
