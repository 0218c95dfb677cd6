//! A hash as its entry keeps it: packed while it is small, a table of fields when it is large.
//!
//! Packed, a field and its value are two elements in turn. Commands see neither form: they read a `Hash` and change a `HashMut`,
//! which moves a hash to the table when it passes a limit.
//!
//! A hash also becomes a table when a field of it first gets a deadline: the fields there have room for one and an index to find what is
//! due, so that there is one way only. A packed form with deadlines would save memory where small hashes have them; `Form` has a
//! number left for it. A field whose deadline has passed is hidden from whoever reads a hash until it is removed; only `len` counts it.

use evict::access::AccessBits;
use evict::time::UnixMillis;

use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::limits::PackedLimits;
use crate::packed::{self, ByteStore, Element, Encoded, Offset, Packed, PackedMut};
use crate::store::is_expired;
use crate::table::ScanPosition;

use super::Object;
use super::fields::Fields;
use super::kind::{Form, Kind};

/// Elements of one field when packed: its name and its value.
const STRIDE: usize = 2;

/// The entry of a key with a hash that has no fields yet.
pub fn empty(key: &[u8], access: AccessBits) -> Entry {
    Entry::packed(key, Kind::Hash, Form::Packed, packed::EMPTY, access)
}

/// A hash, to read.
#[derive(Clone, Copy)]
pub enum Hash<'a> {
    /// Fields and values in turn.
    Packed(Packed<'a>),
    /// A table of fields.
    Large(Shown<'a>),
}

/// The fields of a table that are shown at some time.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    fields: &'a Fields,
    now: UnixMillis,
}

impl<'a> Shown<'a> {
    #[inline]
    fn shows(&self, field: &Entry) -> bool {
        !is_expired(field.deadline(), self.now)
    }

    #[inline]
    fn find(&self, hasher: &KeyHasher, name: &[u8]) -> Option<&'a Entry> {
        self.fields.find(hasher, name).filter(|field| self.shows(field))
    }

    fn iter(self) -> impl Iterator<Item = &'a Entry> {
        self.fields.entries().filter(move |field| self.shows(field))
    }
}

#[inline]
fn pair(field: &Entry) -> (Element<'_>, Element<'_>) {
    (Element::Bytes(field.key()), Element::Bytes(field.value()))
}

impl<'a> Hash<'a> {
    /// The hash of an entry of that kind, as it is at `now`.
    #[inline]
    pub fn of(entry: &'a Entry, now: UnixMillis) -> Hash<'a> {
        debug_assert!(entry.kind() == Kind::Hash);
        match entry.object() {
            Some(Object::Hash(fields)) => Hash::Large(Shown { fields, now }),
            _ => Hash::Packed(Packed::new(entry.value())),
        }
    }

    /// Number of fields, hidden ones included.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Hash::Packed(packed) => packed.len() / STRIDE,
            Hash::Large(shown) => shown.fields.len(),
        }
    }

    /// True if some fields may be hidden.
    #[inline]
    pub fn may_hide(&self) -> bool {
        match self {
            Hash::Packed(_) => false,
            Hash::Large(shown) => is_expired(shown.fields.earliest(), shown.now),
        }
    }

    /// Number of fields that are shown. O(n) if some may be hidden.
    pub fn shown_len(&self) -> usize {
        match self {
            Hash::Large(shown) if self.may_hide() => shown.iter().count(),
            _ => self.len(),
        }
    }

    /// The deadline of a field that is shown, if it has one; `None` without such a field.
    pub fn deadline(&self, hasher: &KeyHasher, field: &[u8]) -> Option<Option<UnixMillis>> {
        match self {
            Hash::Packed(_) => self.get(hasher, field).map(|_| None),
            Hash::Large(shown) => shown.find(hasher, field).map(Entry::deadline),
        }
    }

    /// True without fields, which no stored hash is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, hasher: &KeyHasher, field: &[u8]) -> Option<Element<'a>> {
        match self {
            Hash::Packed(packed) => find(packed, &Encoded::of(field)).map(|at| packed.get(value_of(packed, at))),
            Hash::Large(shown) => shown.find(hasher, field).map(|field| Element::Bytes(field.value())),
        }
    }

    /// Visits every field that is shown with its value, in the order in which it is kept.
    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(Element<'a>, Element<'a>)) {
        match self {
            Hash::Packed(packed) => {
                let mut elements = packed.iter();
                while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    visit(field, value);
                }
            }
            Hash::Large(shown) => shown.iter().map(pair).for_each(|(field, value)| visit(field, value)),
        }
    }

    /// A field drawn with `random`, with its value; `None` if none is shown. O(n) if most are hidden.
    pub fn sample(&self, random: &mut crate::hash::Random) -> Option<(Element<'a>, Element<'a>)> {
        match self {
            Hash::Packed(packed) if packed.is_empty() => None,
            Hash::Packed(packed) => {
                let index = random.below(self.len() as u64) as i64;
                let at = packed.seek(index * STRIDE as i64)?;
                Some((packed.get(at), packed.get(value_of(packed, at))))
            }
            Hash::Large(shown) => {
                /// Fields that are drawn before the shown ones are counted.
                const DRAWS_MAX: usize = 16;
                let drawn = (0..DRAWS_MAX).find_map(|_| shown.fields.sample(random).filter(|field| shown.shows(field)));
                let field = drawn.or_else(|| match shown.iter().count() {
                    0 => None,
                    count => shown.iter().nth(random.below(count as u64) as usize),
                });
                field.map(pair)
            }
        }
    }

    /// Visits some fields from a scan position on; see `Fields::scan`. A packed hash is visited as a whole, whatever its fields
    /// weigh.
    pub fn scan(
        &self,
        hasher: &KeyHasher,
        from: ScanPosition,
        limit: usize,
        visit: &mut impl FnMut(Element, Element) -> usize,
    ) -> Option<ScanPosition> {
        match self {
            Hash::Packed(_) => {
                self.for_each(|field, value| {
                    visit(field, value);
                });
                None
            }
            Hash::Large(shown) => shown.fields.scan(hasher, from, limit, &mut |field| match shown.shows(field) {
                true => visit(Element::Bytes(field.key()), Element::Bytes(field.value())),
                false => 1,
            }),
        }
    }
}

#[inline]
fn find(packed: &Packed, field: &Encoded) -> Option<Offset> {
    packed.find(packed.start(), field, STRIDE)
}

/// Where the value of the field at `at` stands.
#[inline]
fn value_of(packed: &Packed, at: Offset) -> Offset {
    packed.next(at).expect("a value follows each field")
}

/// True if a table has a field that is not shown at `now`.
#[inline]
fn is_hidden(fields: &Fields, hasher: &KeyHasher, name: &[u8], now: UnixMillis) -> bool {
    fields.volatile() > 0 && fields.find(hasher, name).is_some_and(|field| is_expired(field.deadline(), now))
}

/// A hash, to change.
pub struct HashMut<'a> {
    entry: &'a mut Entry,
    hasher: &'a KeyHasher,
    limits: PackedLimits,
    now: UnixMillis,
}

impl<'a> HashMut<'a> {
    /// The hash of an entry of that kind, as it is at `now`, which is to stay packed within `limits`.
    #[inline]
    pub fn of(entry: &'a mut Entry, hasher: &'a KeyHasher, limits: PackedLimits, now: UnixMillis) -> HashMut<'a> {
        debug_assert!(entry.kind() == Kind::Hash);
        HashMut { entry, hasher, limits, now }
    }

    /// The hash, to read.
    #[inline]
    pub fn as_hash(&self) -> Hash<'_> {
        Hash::of(self.entry, self.now)
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        self.as_hash().get(self.hasher, field)
    }

    /// The deadline of a field, if it has one; `None` without such a field.
    #[inline]
    pub fn deadline(&self, field: &[u8]) -> Option<Option<UnixMillis>> {
        self.as_hash().deadline(self.hasher, field)
    }

    /// Sets a field, which has no deadline then; true if it is new, as one that was hidden is.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if let Some(Object::Hash(fields)) = self.entry.object_mut() {
            let hidden = is_hidden(fields, self.hasher, field, self.now);
            return fields.set(self.hasher, field, value) || hidden;
        }
        let bytes = Packed::new(self.entry.bytes()).listpack_bytes();
        let bytes = bytes.saturating_add(field.len()).saturating_add(value.len());
        if field.len().max(value.len()) > self.limits.value_bytes || bytes > PackedLimits::BYTES_MAX {
            self.enlarge();
            return self.set(field, value);
        }
        let new = self.set_packed(field, value);
        if self.as_hash().len() > self.limits.entries {
            self.enlarge();
        }
        new
    }

    /// Sets a field, whose deadline stays; true if it is new, as one that was hidden is.
    pub fn set_value(&mut self, field: &[u8], value: &[u8]) -> bool {
        match self.entry.object_mut() {
            Some(Object::Hash(fields)) if !is_hidden(fields, self.hasher, field, self.now) => {
                fields.set_value(self.hasher, field, value)
            }
            _ => self.set(field, value),
        }
    }

    /// Sets or clears the deadline of a field; nothing if there is none of this name.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<UnixMillis>) {
        if !self.entry.is_large() {
            if deadline.is_none() {
                return;
            }
            self.enlarge();
        }
        if let Some(Object::Hash(fields)) = self.entry.object_mut() {
            fields.set_deadline(self.hasher, field, deadline);
        }
    }

    fn set_packed(&mut self, field: &[u8], value: &[u8]) -> bool {
        let (field, value) = (Encoded::of(field), Encoded::of(value));
        let mut packed = PackedMut::new(self.entry);
        let found = find(&packed.as_packed(), &field);
        match found {
            Some(at) => packed.set(value_of(&packed.as_packed(), at), &value),
            None => packed.push_back(&[field, value]),
        }
        found.is_none()
    }

    /// Removes a field; false if there is none of this name, or was none to be seen.
    #[inline]
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some(Object::Hash(fields)) = self.entry.object_mut() {
            let hidden = is_hidden(fields, self.hasher, field, self.now);
            return fields.remove(self.hasher, field) && !hidden;
        }
        let mut packed = PackedMut::new(self.entry);
        let found = find(&packed.as_packed(), &Encoded::of(field));
        if let Some(at) = found {
            packed.remove(at, STRIDE);
        }
        found.is_some()
    }

    /// Removes a field that is not shown any more; false if there is none.
    pub fn remove_hidden(&mut self, field: &[u8]) -> bool {
        match self.entry.object_mut() {
            Some(Object::Hash(fields)) => {
                is_hidden(fields, self.hasher, field, self.now) && fields.remove(self.hasher, field)
            }
            _ => false,
        }
    }

    /// Makes a packed hash a table of fields.
    #[cold]
    fn enlarge(&mut self) {
        let mut fields = Fields::default();
        let (mut name, mut text) = (itoa::Buffer::new(), itoa::Buffer::new());
        self.as_hash().for_each(|field, value| {
            fields.set(self.hasher, field.text(&mut name), value.text(&mut text));
        });
        self.entry.set_object(Box::new(Object::Hash(fields)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn names() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![(-3..12i64).prop_map(|n| n.to_string().into_bytes()), "[a-c]{0,2}".prop_map(String::into_bytes)]
    }

    fn values() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![8 => names(), 1 => (7..10usize).prop_map(|len| vec![b'v'; len])]
    }

    proptest! {
        #[test]
        fn is_a_map_in_either_form(edits in proptest::collection::vec((any::<bool>(), names(), values()), 0..60)) {
            let hasher = KeyHasher::new([1, 2, 3, 4]);
            let limits = PackedLimits { entries: 10, value_bytes: 8 };
            let mut entry = empty(b"key", AccessBits::default());
            let (mut model, mut large) = (BTreeMap::new(), false);
            for (set, name, value) in edits {
                let mut hash = HashMut::of(&mut entry, &hasher, limits, UnixMillis(0));
                if set {
                    prop_assert_eq!(hash.set(&name, &value), model.insert(name.clone(), value.clone()).is_none());
                    large |= value.len() > 8 || model.len() > 10;
                } else {
                    prop_assert_eq!(hash.remove(&name), model.remove(&name).is_some());
                }
                let hash = Hash::of(&entry, UnixMillis(0));
                prop_assert_eq!(entry.is_large(), large);
                prop_assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(hash.get(&hasher, &name).map(|value| value.to_vec()), model.get(&name).cloned());
                let mut seen = BTreeMap::new();
                hash.for_each(|field, value| assert!(seen.insert(field.to_vec(), value.to_vec()).is_none()));
                prop_assert_eq!(&seen, &model);
                let drawn = hash.sample(&mut crate::hash::Random::new(5));
                prop_assert_eq!(drawn.is_some(), !model.is_empty());
                if let Some((field, value)) = drawn {
                    prop_assert_eq!(model.get(&field.to_vec()), Some(&value.to_vec()));
                }
            }
        }
    }
}
