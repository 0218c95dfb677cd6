//! Members of several sets, each once: what a union or a difference collects before it can reply.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::hash::KeyHasher;
use crate::packed::Element;

/// Distinct members that live in stored sets. Costs some 30 bytes per member.
pub(super) struct Members<'e> {
    table: HashTable<Element<'e>>,
    hasher: &'e KeyHasher,
}

/// The one form of a member: large sets have integers as text.
#[inline]
fn canonical(member: Element) -> Element {
    match member {
        Element::Bytes(text) => Element::of(text),
        integer => integer,
    }
}

#[inline]
fn hash(hasher: &KeyHasher, member: &Element) -> u64 {
    match member {
        Element::Bytes(text) => hasher.hash(text),
        Element::Int(value) => hasher.hash(&value.to_le_bytes()),
    }
}

impl<'e> Members<'e> {
    /// No members yet.
    pub(super) fn new(hasher: &'e KeyHasher) -> Members<'e> {
        Members { table: HashTable::new(), hasher }
    }

    /// Adds a member; false if it is there already.
    #[inline]
    pub(super) fn add(&mut self, member: Element<'e>) -> bool {
        let (member, hasher) = (canonical(member), self.hasher);
        match self.table.entry(hash(hasher, &member), |other| *other == member, |other| hash(hasher, other)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(member);
                true
            }
        }
    }

    /// Removes a member, if it is there.
    #[inline]
    pub(super) fn remove(&mut self, member: Element) {
        let member = canonical(member);
        if let Ok(found) = self.table.find_entry(hash(self.hasher, &member), |other| *other == member) {
            found.remove();
        }
    }

    /// True without members.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All members, in no order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Element<'e>> {
        self.table.iter().copied()
    }
}
