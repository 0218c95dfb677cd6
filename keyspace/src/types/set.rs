//! A set as its entry keeps it: sorted integers, packed members, or a table of members when it is large.
//!
//! Commands see none of the forms: they read a `Set` and change a `SetMut`, which moves a set on when it passes a limit. A set
//! begins as integers if its first member is one, becomes packed with the first member that is none, and a table at the limits
//! of either form. It never goes back, but for a set of which little is left after many members were taken at once.

use evict::access::AccessBits;

use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::intset::{self, IntSet, IntSetMut};
use crate::limits::{DataLimits, PackedLimits};
use crate::number::parse_i64;
use crate::packed::{self, ByteStore, Element, Encoded, Offset, Packed, PackedMut};
use crate::table::ScanPosition;

use super::Object;
use super::fields::Fields;
use super::kind::{Form, Kind};
use super::selection::Selection;

/// Until when a set stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// The most integers of an intset.
    pub intset_entries: usize,
    /// The limits of a packed set.
    pub packed: PackedLimits,
}

impl SetLimits {
    /// Those of the settings.
    pub fn of(limits: &DataLimits) -> SetLimits {
        SetLimits { intset_entries: limits.intset_entries, packed: limits.set }
    }
}

/// The entry of a key with a set that has no members yet.
pub fn empty(key: &[u8], access: AccessBits) -> Entry {
    Entry::packed(key, Kind::Set, Form::IntSet, intset::EMPTY, access)
}

/// A set, to read.
///
/// A large set's members are `Element::Bytes` even if they are integers. Looking one up takes either.
#[derive(Clone, Copy)]
pub enum Set<'a> {
    /// Integers in ascending order.
    Integers(IntSet<'a>),
    /// Members in the order in which they came.
    Packed(Packed<'a>),
    /// A table of members.
    Large(&'a Fields),
}

impl<'a> Set<'a> {
    /// The set of an entry of that kind.
    #[inline]
    pub fn of(entry: &'a Entry) -> Set<'a> {
        debug_assert!(entry.kind() == Kind::Set);
        match entry.form() {
            Some(Form::IntSet) => Set::Integers(IntSet::new(entry.value())),
            Some(Form::Packed) => Set::Packed(Packed::new(entry.value())),
            _ => match entry.object() {
                Some(Object::Set(members)) => Set::Large(members),
                _ => unreachable!("a large set's object is a set"),
            },
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Set::Integers(set) => set.len(),
            Set::Packed(set) => set.len(),
            Set::Large(set) => set.len(),
        }
    }

    /// True without members, which no stored set is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if it has a member of this text.
    #[inline]
    pub fn has(&self, hasher: &KeyHasher, text: &[u8]) -> bool {
        match self {
            Set::Integers(set) => parse_i64(text).is_some_and(|value| set.contains(value)),
            Set::Packed(set) => find(set, &Encoded::of(text)).is_some(),
            Set::Large(set) => set.contains(hasher, text),
        }
    }

    /// True if it has this member, which is one of another set.
    #[inline]
    pub fn contains(&self, hasher: &KeyHasher, member: Element) -> bool {
        match (self, member) {
            (_, Element::Bytes(text)) => self.has(hasher, text),
            (Set::Integers(set), Element::Int(value)) => set.contains(value),
            (Set::Packed(set), Element::Int(value)) => find(set, &Encoded::int(value)).is_some(),
            (Set::Large(set), member) => set.contains(hasher, member.text(&mut itoa::Buffer::new())),
        }
    }

    /// Visits every member, in the order in which they are kept.
    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(Element<'a>)) {
        self.walk(|member| {
            visit(member);
            true
        });
    }

    /// Visits members until `visit` says that it has enough. False if it did.
    #[inline]
    pub fn walk(&self, mut visit: impl FnMut(Element<'a>) -> bool) -> bool {
        match self {
            Set::Integers(set) => set.iter().all(|value| visit(Element::Int(value))),
            Set::Packed(set) => set.iter().all(visit),
            Set::Large(set) => set.iter().all(|(name, _)| visit(Element::Bytes(name))),
        }
    }

    /// A member drawn with `random`: each with the same probability.
    pub fn sample(&self, random: &mut Random) -> Option<Element<'a>> {
        if let Set::Large(set) = self {
            return set.sample(random).map(|member| Element::Bytes(member.key()));
        }
        let len = self.len();
        if len == 0 {
            return None;
        }
        let index = random.below(len as u64) as usize;
        match self {
            Set::Integers(set) => set.get(index).map(Element::Int),
            Set::Packed(set) => set.seek(index as i64).map(|at| set.get(at)),
            Set::Large(_) => None,
        }
    }

    /// Visits some members from a scan position on; see `Fields::scan`. A small set is visited as a whole, whatever its members
    /// weigh.
    pub fn scan(
        &self,
        hasher: &KeyHasher,
        from: ScanPosition,
        limit: usize,
        visit: &mut impl FnMut(Element) -> usize,
    ) -> Option<ScanPosition> {
        match self {
            Set::Large(set) => set.scan(hasher, from, limit, &mut |member| visit(Element::Bytes(member.key()))),
            small => {
                small.for_each(|member| {
                    visit(member);
                });
                None
            }
        }
    }
}

#[inline]
fn find(packed: &Packed, member: &Encoded) -> Option<Offset> {
    packed.find(packed.start(), member, 1)
}

/// A set, to change.
pub struct SetMut<'a> {
    entry: &'a mut Entry,
    hasher: &'a KeyHasher,
    limits: SetLimits,
}

impl<'a> SetMut<'a> {
    /// The set of an entry of that kind, which is to stay small within `limits`.
    #[inline]
    pub fn of(entry: &'a mut Entry, hasher: &'a KeyHasher, limits: SetLimits) -> SetMut<'a> {
        debug_assert!(entry.kind() == Kind::Set);
        SetMut { entry, hasher, limits }
    }

    /// The set, to read.
    #[inline]
    pub fn as_set(&self) -> Set<'_> {
        Set::of(self.entry)
    }

    /// Says that `count` members are about to be added, of which `first` is the first: more than a small set has make it large at
    /// once, whether they are new or not.
    #[inline]
    pub fn expect(&mut self, first: &[u8], count: usize) {
        let SetLimits { intset_entries, packed } = self.limits;
        match self.as_set() {
            Set::Integers(set) if set.is_empty() => {
                if count > packed.entries && (count > intset_entries || parse_i64(first).is_none()) {
                    self.enlarge();
                } else if count > intset_entries {
                    self.make_packed();
                }
            }
            Set::Integers(_) if count > intset_entries => self.enlarge(),
            Set::Packed(_) if count > packed.entries => self.enlarge(),
            _ => {}
        }
    }

    /// Adds a member; false if it is there already.
    #[inline]
    pub fn add(&mut self, member: &[u8]) -> bool {
        match self.entry.form() {
            Some(Form::IntSet) => self.add_to_integers(member),
            Some(Form::Packed) => self.add_to_packed(member),
            _ => self.add_to_table(member),
        }
    }

    fn add_to_integers(&mut self, member: &[u8]) -> bool {
        let Some(value) = parse_i64(member) else {
            self.leave_integers(member.len());
            return self.add(member);
        };
        let is_new = IntSetMut::new(self.entry).insert(value);
        if is_new && self.as_set().len() > self.limits.intset_entries {
            self.enlarge();
        }
        is_new
    }

    /// Makes of integers what also holds a member of `len` bytes that is none.
    #[cold]
    fn leave_integers(&mut self, len: usize) {
        let Set::Integers(set) = self.as_set() else { return };
        let limits = self.limits.packed;
        let ends = [set.get(0), set.len().checked_sub(1).and_then(|last| set.get(last))];
        let longest = ends.into_iter().flatten().map(|value| Element::Int(value).text_len()).fold(len, usize::max);
        if set.len() < limits.entries && longest <= limits.value_bytes {
            self.make_packed();
        } else {
            self.enlarge();
        }
    }

    fn add_to_packed(&mut self, member: &[u8]) -> bool {
        let encoded = Encoded::of(member);
        let limits = self.limits.packed;
        let mut packed = PackedMut::new(self.entry);
        let set = packed.as_packed();
        if find(&set, &encoded).is_some() {
            return false;
        }
        let bytes = set.listpack_bytes().saturating_add(member.len());
        let fits = member.len() <= limits.value_bytes && bytes <= PackedLimits::BYTES_MAX;
        if fits && set.len() < limits.entries {
            packed.push_back(&[encoded]);
            return true;
        }
        self.enlarge();
        self.add_to_table(member)
    }

    fn add_to_table(&mut self, member: &[u8]) -> bool {
        let hasher = self.hasher;
        self.table().add(hasher, member)
    }

    /// The members of a large set.
    fn table(&mut self) -> &mut Fields {
        match self.entry.object_mut() {
            Some(Object::Set(members)) => members,
            _ => unreachable!("only a large set is asked for its table"),
        }
    }

    /// Removes a member; false if it is not there.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.entry.form() {
            Some(Form::IntSet) => parse_i64(member).is_some_and(|value| IntSetMut::new(self.entry).remove(value)),
            Some(Form::Packed) => {
                let mut packed = PackedMut::new(self.entry);
                let found = find(&packed.as_packed(), &Encoded::of(member));
                if let Some(at) = found {
                    packed.remove(at, 1);
                }
                found.is_some()
            }
            _ => {
                let hasher = self.hasher;
                self.table().remove(hasher, member)
            }
        }
    }

    /// Takes out a member drawn with `random`, each with the same probability, after `visit` saw it. Not of an empty set.
    pub fn take(&mut self, random: &mut Random, visit: &mut impl FnMut(Element)) {
        let len = self.as_set().len();
        match self.entry.form() {
            Some(Form::IntSet) => {
                let index = random.below(len as u64) as usize;
                let mut set = IntSetMut::new(self.entry);
                if let Some(value) = set.as_set().get(index) {
                    visit(Element::Int(value));
                    set.remove_at(index);
                }
            }
            Some(Form::Packed) => {
                let index = random.below(len as u64) as i64;
                let mut set = PackedMut::new(self.entry);
                if let Some(at) = set.as_packed().seek(index) {
                    visit(set.as_packed().get(at));
                    set.remove(at, 1);
                }
            }
            _ => {
                let hasher = self.hasher;
                if let Some(member) = self.table().take_sample(hasher, random) {
                    visit(Element::Bytes(member.key()));
                }
            }
        }
    }

    /// Takes out `count` members, fewer than there are, after `visit` saw each. Every choice of that many has the same probability.
    ///
    /// If that leaves little of a large set, what is left is made anew and the old object comes back, to be dropped.
    pub fn take_many(
        &mut self,
        count: usize,
        random: &mut Random,
        visit: &mut impl FnMut(Element),
    ) -> Option<Box<Object>> {
        /// A large set of which more than this part is taken is made anew from the rest.
        const PART: usize = 5;
        let len = self.as_set().len();
        let rest = len - count;
        match self.entry.form() {
            Some(Form::Large) if rest.saturating_mul(PART) <= count => return Some(self.keep(rest, random, visit)),
            Some(Form::Large) => (0..count).for_each(|_| self.take(random, visit)),
            _ if count == 1 => self.take(random, visit),
            _ => self.keep_small(rest, random, visit),
        }
        None
    }

    /// Keeps a random choice of a large set's members in a set made anew; `visit` sees the others.
    fn keep(&mut self, rest: usize, random: &mut Random, visit: &mut impl FnMut(Element)) -> Box<Object> {
        let before = self.entry.take_object().expect("the set is large");
        self.entry.set_packed(Kind::Set, Form::IntSet, intset::EMPTY);
        let Object::Set(members) = &*before else { unreachable!("a set's object is a set") };
        let mut selection = Selection::new(rest, members.len());
        for (name, _) in members.iter() {
            if selection.next(random) {
                self.add(name);
            } else {
                visit(Element::Bytes(name));
            }
        }
        before
    }

    /// Keeps a random choice of a small set's members, in their form; `visit` sees the others. O(n).
    fn keep_small(&mut self, rest: usize, random: &mut Random, visit: &mut impl FnMut(Element)) {
        let set = self.as_set();
        let mut selection = Selection::new(rest, set.len());
        let mut kept = Vec::with_capacity(self.entry.bytes().len());
        let is_packed = matches!(set, Set::Packed(_));
        kept.extend_from_slice(if is_packed { packed::EMPTY } else { intset::EMPTY });
        set.for_each(|member| match (selection.next(random), member) {
            (false, member) => visit(member),
            (true, Element::Int(value)) if !is_packed => {
                IntSetMut::new(&mut kept).insert(value);
            }
            (true, member) => PackedMut::new(&mut kept).push_back(&[Encoded::element(member)]),
        });
        self.entry.set_value(&kept);
    }

    /// Makes integers a packed set.
    #[cold]
    fn make_packed(&mut self) {
        let mut bytes = packed::EMPTY.to_vec();
        let mut packed = PackedMut::new(&mut bytes);
        self.as_set().for_each(|member| packed.push_back(&[Encoded::element(member)]));
        self.entry.set_value(&bytes);
        self.entry.set_form(Form::Packed);
    }

    /// Makes a small set a table of members.
    #[cold]
    fn enlarge(&mut self) {
        let mut members = Fields::default();
        let mut digits = itoa::Buffer::new();
        self.as_set().for_each(|member| {
            members.add(self.hasher, member.text(&mut digits));
        });
        self.entry.set_object(Box::new(Object::Set(members)));
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
