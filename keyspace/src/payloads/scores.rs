//! A sorted set in the making, from members in any order of which each may come once.
//!
//! Members are looked for by walking only while they are few, as in `distinct`: then the set is a large one, and is packed at
//! the end if the limits say so.

use crate::entry::{Entry, Form, Kind};
use crate::limits::PackedLimits;
use crate::packed::Element;
use crate::rdb::Corrupt;
use crate::types::Object;
use crate::types::scored::{self, Scored, ScoredMut};

use super::Place;
use super::distinct::WALKED_MAX;

/// Members with their scores.
pub(super) struct Scores<'a> {
    entry: Entry,
    place: Place<'a>,
    /// Bytes of the longest member.
    longest: usize,
}

impl<'a> Scores<'a> {
    /// Nothing yet.
    pub(super) fn new(place: Place<'a>) -> Self {
        Scores { entry: scored::empty(place.key, place.access), place, longest: 0 }
    }

    /// Adds a member with its score, which is a number. Refuses one that is there.
    pub(super) fn add(&mut self, member: Element<'_>, score: f64) -> Result<(), Corrupt> {
        if !Scored::of(&self.entry).has_room(1) {
            return Err(Corrupt("more members than a sorted set can have"));
        }
        let limits = self.place.limits.sorted_set;
        let limits = PackedLimits { entries: limits.entries.min(WALKED_MAX), ..limits };
        let mut digits = itoa::Buffer::new();
        let member = member.text(&mut digits);
        self.longest = self.longest.max(member.len());
        let mut known = false;
        ScoredMut::of(&mut self.entry, self.place.hasher, limits).upsert(member, |old| {
            known = old.is_some();
            Some(score)
        });
        if known { Err(Corrupt("a member stands twice")) } else { Ok(()) }
    }

    /// The entry of all of them.
    pub(super) fn finish(self) -> Entry {
        let limits = self.place.limits.sorted_set;
        let Some(Object::SortedSet(set)) = self.entry.object() else { return self.entry };
        let bytes = set.heap_bytes();
        if set.len() > limits.entries || self.longest > limits.value_bytes || bytes > PackedLimits::BYTES_MAX {
            return self.entry;
        }
        let packed = scored::pack(set.ascending(0));
        Entry::packed(self.place.key, Kind::SortedSet, Form::Packed, &packed, self.place.access)
    }
}
