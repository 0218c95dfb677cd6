//! A hash or a set in the making, from names of which each may come once.
//!
//! It is kept packed while the limits allow that. Names are looked for by walking only while they are few: then a table joins
//! in, and what a payload costs stays in proportion to its length whatever the limits are.

use crate::entry::{Entry, Form, Kind};
use crate::hash::KeyHasher;
use crate::limits::PackedLimits;
use crate::packed::{self, Element, Encoded, Packed, PackedMut};
use crate::rdb::Corrupt;
use crate::rdb::hash::Field;
use crate::types::Object;
use crate::types::fields::Fields;

use super::Place;

/// The most names that are looked for by walking.
const WALKED_MAX: usize = 64;

/// Names, with values in a hash, without in a set.
pub(super) struct Distinct<'a> {
    kind: Kind,
    limits: PackedLimits,
    hasher: &'a KeyHasher,
    count: usize,
    /// All of them, until a limit is passed.
    packed: Option<Vec<u8>>,
    /// All of them, once they are many or too large to be packed.
    table: Option<Fields>,
}

impl<'a> Distinct<'a> {
    /// Nothing yet. `kind` is a hash or a set.
    pub(super) fn new(kind: Kind, limits: PackedLimits, hasher: &'a KeyHasher) -> Self {
        Distinct { kind, limits, hasher, count: 0, packed: Some(packed::EMPTY.to_vec()), table: None }
    }

    /// Elements that one name takes when packed.
    fn stride(&self) -> usize {
        if self.kind == Kind::Hash { 2 } else { 1 }
    }

    /// Adds a name, with its value in a hash. Refuses one that is there.
    pub(super) fn add(&mut self, name: Element<'_>, value: Option<Element<'_>>) -> Result<(), Corrupt> {
        const TWICE: Corrupt = Corrupt("a name stands twice");
        if self.table.is_none() && (self.count >= WALKED_MAX || !self.fits(name, value)) {
            self.table = Some(self.tabled());
        }
        if let Some(table) = &mut self.table {
            let (mut one, mut two) = (itoa::Buffer::new(), itoa::Buffer::new());
            let text = value.as_ref().map_or(&b""[..], |value| value.text(&mut two));
            if !table.set(self.hasher, name.text(&mut one), text) {
                return Err(TWICE);
            }
        }
        if !self.fits(name, value) {
            self.packed = None;
        }
        let (stride, walked) = (self.stride(), self.table.is_none());
        if let Some(bytes) = &mut self.packed {
            let packed = Packed::new(bytes);
            let encoded = Encoded::element(name);
            if walked && packed.find(packed.start(), &encoded, stride).is_some() {
                return Err(TWICE);
            }
            match value {
                Some(value) => PackedMut::new(bytes).push_back(&[encoded, Encoded::element(value)]),
                None => PackedMut::new(bytes).push_back(&[encoded]),
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Adds a field of a hash. Refuses one that is there. A deadline makes it a table: only there is room for one.
    pub(super) fn add_field(&mut self, field: Field<'_>) -> Result<(), Corrupt> {
        if field.deadline.is_some() {
            if self.table.is_none() {
                self.table = Some(self.tabled());
            }
            self.packed = None;
        }
        self.add(field.name, Some(field.value))?;
        if let (Some(_), Some(table)) = (field.deadline, &mut self.table) {
            table.set_deadline(self.hasher, field.name.text(&mut itoa::Buffer::new()), field.deadline);
        }
        Ok(())
    }

    /// Whether all of them stay packed with this one more.
    fn fits(&self, name: Element<'_>, value: Option<Element<'_>>) -> bool {
        let (name, value) = (name.text_len(), value.map_or(0, |value| value.text_len()));
        let room = |bytes: &Vec<u8>| Packed::new(bytes).listpack_bytes() + name + value <= PackedLimits::BYTES_MAX;
        let small = self.count < self.limits.entries && name.max(value) <= self.limits.value_bytes;
        small && self.packed.as_ref().is_some_and(room)
    }

    /// What is packed, as a table.
    fn tabled(&self) -> Fields {
        let mut fields = Fields::default();
        let Some(bytes) = &self.packed else { return fields };
        let (mut one, mut two) = (itoa::Buffer::new(), itoa::Buffer::new());
        let packed = Packed::new(bytes);
        match self.kind {
            Kind::Hash => packed.pairs().for_each(|(name, value)| {
                fields.set(self.hasher, name.text(&mut one), value.text(&mut two));
            }),
            _ => packed.iter().for_each(|name| {
                fields.set(self.hasher, name.text(&mut one), b"");
            }),
        }
        fields
    }

    /// The entry of all of them.
    pub(super) fn finish(self, place: Place<'_>) -> Entry {
        if let Some(packed) = &self.packed {
            return Entry::packed(place.key, self.kind, Form::Packed, packed, place.access);
        }
        let fields = self.table.unwrap_or_default();
        let object = if self.kind == Kind::Hash { Object::Hash(fields) } else { Object::Set(fields) };
        Entry::large(place.key, Box::new(object), place.access)
    }
}
