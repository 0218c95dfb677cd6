//! The table of a large hash or set: names with values, or members alone.
//!
//! It is the table of a slot (`table`), with a field for a key: that has what a large collection needs. It grows and shrinks by at
//! most one segment per step, keeps an order for HSCAN and SSCAN that no resize disturbs, draws at random, and knows its bytes.
//! A field is an entry, one allocation with its value behind a thin pointer, and an entry has room for a deadline of its own, by which
//! the table finds what is due. Whether a field whose deadline has passed is shown is not decided here: it is there until it is removed.

use evict::access::AccessBits;
use evict::time::UnixMillis;

use crate::due::{NEVER, Search};
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::table::{Place, ScanPosition, Table};

/// Fields of one large collection.
#[derive(Default)]
pub struct Fields(Table);

impl Fields {
    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the table and its fields. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes() as usize
    }

    /// The entry of a field.
    #[inline]
    pub fn find(&self, hasher: &KeyHasher, name: &[u8]) -> Option<&Entry> {
        let place = self.0.locate(hasher.hash(name), name)?;
        Some(self.0.at(place))
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, hasher: &KeyHasher, name: &[u8]) -> Option<&[u8]> {
        self.find(hasher, name).map(Entry::value)
    }

    /// Number of fields with a deadline.
    #[inline]
    pub fn volatile(&self) -> usize {
        self.0.volatile()
    }

    /// No field is due earlier. `None` if none ever is.
    #[inline]
    pub fn earliest(&self) -> Option<UnixMillis> {
        Some(self.0.earliest()).filter(|at| *at != NEVER)
    }

    /// True if there is a field of this name.
    #[inline]
    pub fn contains(&self, hasher: &KeyHasher, name: &[u8]) -> bool {
        self.0.locate(hasher.hash(name), name).is_some()
    }

    /// Fetches where a field with this hash is looked up first.
    #[inline]
    pub(super) fn prefetch_line(&self, hash: u64) {
        self.0.prefetch(hash);
    }

    /// Fetches a field that probably has this hash.
    #[inline]
    pub(super) fn prefetch_field(&self, hash: u64) {
        if let Some(field) = self.0.candidate(hash) {
            field.prefetch();
        }
    }

    /// Sets or clears the deadline of a field; nothing if there is none of this name.
    pub fn set_deadline(&mut self, hasher: &KeyHasher, name: &[u8], deadline: Option<UnixMillis>) {
        if let Some(place) = self.0.locate(hasher.hash(name), name) {
            self.edit(place, |field| field.set_deadline(deadline));
        }
    }

    /// Removes up to `max` fields that are due, and says how many. Looks at `max` lines at most that turn out to have none.
    pub fn remove_due(&mut self, hasher: &KeyHasher, now: UnixMillis, max: u32, mut gone: impl FnMut(&[u8])) -> u32 {
        let mut removed = 0;
        for _ in 0..max {
            match self.0.next_due(now, hasher) {
                Search::Found(place) => {
                    let hash = hasher.hash(self.0.at(place).key());
                    gone(self.0.remove(hash, place, hasher).key());
                    removed += 1;
                }
                Search::Raised => {}
                Search::Nothing => break,
            }
        }
        removed
    }

    /// Changes a field; its name stays.
    #[inline]
    fn edit(&mut self, place: Place, change: impl FnOnce(&mut Entry)) {
        let field = self.0.at_mut(place);
        let before = (field.heap_bytes() as i64, field.deadline());
        change(field);
        let after = (field.heap_bytes() as i64, field.deadline());
        if before != after {
            self.0.correct(after.1.is_some() as i32 - before.1.is_some() as i32, 0, after.0 - before.0);
            if let Some(deadline) = after.1
                && before.1 != after.1
            {
                self.0.set_deadline(place, deadline);
            }
        }
    }

    /// Sets the value of a field, whose deadline stays; true if it is new. Moves at most one segment of other fields.
    #[inline]
    pub fn set_value(&mut self, hasher: &KeyHasher, name: &[u8], value: &[u8]) -> bool {
        self.put(hasher, name, value, |field| field.set_value(value))
    }

    /// Sets a field, which has no deadline then; true if it is new. Moves at most one segment of other fields.
    #[inline]
    pub fn set(&mut self, hasher: &KeyHasher, name: &[u8], value: &[u8]) -> bool {
        self.put(hasher, name, value, |field| {
            field.set_deadline(None);
            field.set_value(value);
        })
    }

    /// Adds a field, or changes the one that is there.
    #[inline]
    fn put(&mut self, hasher: &KeyHasher, name: &[u8], value: &[u8], change: impl FnOnce(&mut Entry)) -> bool {
        let hash = hasher.hash(name);
        match self.0.locate(hash, name) {
            Some(place) => {
                self.edit(place, change);
                false
            }
            None => {
                self.0.insert(hash, Entry::new(name, value, None, AccessBits::default()), hasher);
                true
            }
        }
    }

    /// Adds a field without a value; false if there is one of this name. Moves at most one segment of other fields.
    #[inline]
    pub fn add(&mut self, hasher: &KeyHasher, name: &[u8]) -> bool {
        let hash = hasher.hash(name);
        let is_new = self.0.locate(hash, name).is_none();
        if is_new {
            self.0.insert(hash, Entry::new(name, b"", None, AccessBits::default()), hasher);
        }
        is_new
    }

    /// Removes a field; false if there is none of this name. Moves at most one segment of other fields.
    #[inline]
    pub fn remove(&mut self, hasher: &KeyHasher, name: &[u8]) -> bool {
        let hash = hasher.hash(name);
        let place = self.0.locate(hash, name);
        if let Some(place) = place {
            self.0.remove(hash, place, hasher);
        }
        place.is_some()
    }

    /// All fields with their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|field| (field.key(), field.value()))
    }

    /// All fields, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// A field drawn with `random`: each with the same probability.
    pub fn sample(&self, random: &mut Random) -> Option<&Entry> {
        self.0.sample(random)
    }

    /// Takes out a field drawn with `random`: each with the same probability. Moves at most one segment of other fields.
    pub(super) fn take_sample(&mut self, hasher: &KeyHasher, random: &mut Random) -> Option<Entry> {
        let place = self.0.sample_place(random)?;
        let hash = hasher.hash(self.0.at(place).key());
        Some(self.0.remove(hash, place, hasher))
    }

    /// Visits fields in scan order from `from` on, until their weights, which `visit` tells, add up to `limit`; those that share
    /// the last one's position come along.
    ///
    /// Returns where to go on, or `None` at the end. A field that is there throughout a whole scan is visited at least once.
    pub fn scan(
        &self,
        hasher: &KeyHasher,
        from: ScanPosition,
        limit: usize,
        visit: &mut impl FnMut(&Entry) -> usize,
    ) -> Option<ScanPosition> {
        self.0.scan(from, limit, hasher, &mut |_, field| visit(field))
    }

    /// Frees some segments, until `elements` fields are gone. An empty segment counts as one.
    pub(super) fn free_piece(&mut self, elements: usize) -> usize {
        let mut freed = 0;
        while freed < elements {
            let Some(fields) = self.0.take_piece(drop) else { break };
            freed += fields.max(1);
        }
        freed
    }

    /// A copy with all fields. O(n).
    pub(super) fn duplicate(&self, hasher: &KeyHasher) -> Fields {
        let mut copy = Fields::default();
        for field in self.0.iter() {
            let field = Entry::new(field.key(), field.value(), field.deadline(), field.access());
            copy.0.insert(hasher.hash(field.key()), field, hasher);
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    fn hasher() -> KeyHasher {
        KeyHasher::new([1, 2, 3, 4])
    }

    fn counted_bytes(fields: &Fields) -> u64 {
        fields.0.own_bytes() + fields.entries().map(|field| field.heap_bytes() as u64).sum::<u64>()
    }

    proptest! {
        #[test]
        fn is_a_map(edits in proptest::collection::vec((0..3u8, 0..300u32, 0..100usize), 0..2000)) {
            let (mut fields, mut model, hasher) = (Fields::default(), HashMap::new(), hasher());
            for (edit, name, len) in edits {
                let name = name.to_string().into_bytes();
                if edit < 2 {
                    let value = vec![b'v'; len];
                    prop_assert_eq!(fields.set(&hasher, &name, &value), model.insert(name.clone(), value).is_none());
                } else {
                    prop_assert_eq!(fields.remove(&hasher, &name), model.remove(&name).is_some());
                }
                prop_assert_eq!(fields.get(&hasher, &name), model.get(&name).map(|value| &value[..]));
                prop_assert_eq!(fields.len(), model.len());
            }
            let mut copy = fields.duplicate(&hasher);
            prop_assert_eq!(copy.iter().count(), model.len());
            for (name, value) in copy.iter() {
                prop_assert_eq!(model.get(name).map(|value| &value[..]), Some(value));
            }
            let bytes: usize = model.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(fields.heap_bytes() >= bytes);
            while copy.free_piece(100) >= 100 {
                prop_assert_eq!(copy.heap_bytes() as u64, counted_bytes(&copy));
            }
            prop_assert_eq!(copy.heap_bytes() as u64, copy.0.own_bytes(), "what is gone has no bytes");
        }
    }

    #[test]
    fn grows_shrinks_scans_and_is_freed_in_pieces() {
        let (mut fields, hasher) = (Fields::default(), hasher());
        let name = |n: u32| n.to_string().into_bytes();
        (0..20_000).for_each(|n| assert!(fields.set(&hasher, &name(n), b"v")));
        let (mut seen, mut from, mut calls) = (std::collections::HashSet::new(), Some(0), 0);
        while let Some(position) = from {
            calls += 1;
            from = fields.scan(&hasher, position, 100, &mut |field| {
                seen.insert(field.key().to_vec());
                1
            });
        }
        assert_eq!(seen.len(), 20_000);
        assert!((150..=201).contains(&calls), "{calls} calls");
        let drawn = fields.sample(&mut Random::new(1)).map(|field| field.key().to_vec()).expect("there are fields");
        assert!(fields.contains(&hasher, &drawn));
        let large = fields.heap_bytes();
        (0..19_990).for_each(|n| assert!(fields.remove(&hasher, &name(n))));
        assert!(fields.heap_bytes() < large / 100);
        (10..19_990).for_each(|n| assert!(fields.set(&hasher, &name(n), b"v")));
        let mut pieces = 0;
        while fields.free_piece(1000) >= 1000 {
            pieces += 1;
            assert_eq!(fields.heap_bytes() as u64, counted_bytes(&fields));
        }
        assert!((10..=20).contains(&pieces), "{pieces} pieces");
    }
}
