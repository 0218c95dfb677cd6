//! A sorted set as its entry keeps it: packed while it is small, a tree and a table when it is large.
//!
//! Packed, a member and its score are two elements in turn, in order of score and member. A score that is a whole number is an
//! integer element, any other is its eight bytes; so a zero loses its sign, as it does in redis-server's packed form. Commands see neither form: they read a `Scored` and change a `ScoredMut`, which
//! moves the set to the large form when it passes a limit.

use std::cmp::Ordering;
use std::ops::Range;

use evict::access::AccessBits;

use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::limits::PackedLimits;
use crate::packed::{self, ByteStore, Element, Encoded, Offset, Packed, PackedMut};
use crate::table::ScanPosition;

use super::Object;
use super::kind::{Form, Kind};
use super::sorted_set::{Edge, SortedSet};

/// Elements of one member when packed: the member and its score.
const STRIDE: usize = 2;

/// Scores that are stored as integers: all whole numbers that a float tells apart.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Which way a set is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the least score up.
    Ascending,
    /// From the greatest score down.
    Descending,
}

/// The entry of a key with a sorted set that has no members yet.
pub fn empty(key: &[u8], access: AccessBits) -> Entry {
    Entry::packed(key, Kind::SortedSet, Form::Packed, packed::EMPTY, access)
}

/// The entry of a key with a large sorted set that has no members yet: for what is known to become one.
pub fn empty_large(key: &[u8], access: AccessBits) -> Entry {
    Entry::large(key, Box::new(Object::SortedSet(Box::default())), access)
}

/// The bytes of a score that is no integer element.
struct ScoreBytes([u8; 8]);

impl ScoreBytes {
    fn of(score: f64) -> ScoreBytes {
        ScoreBytes(score.to_le_bytes())
    }

    /// The element of the score.
    #[inline]
    fn encoded(&self) -> Encoded<'_> {
        let score = f64::from_le_bytes(self.0);
        if score == score.trunc() && score.abs() <= WHOLE_MAX {
            Encoded::int(score as i64)
        } else {
            Encoded::element(Element::Bytes(&self.0))
        }
    }
}

/// The score that an element is.
#[inline]
fn score_of(element: Element) -> f64 {
    match element {
        Element::Int(whole) => whole as f64,
        Element::Bytes(bytes) => f64::from_le_bytes(*bytes.first_chunk().expect("a score is stored in eight bytes")),
    }
}

/// How a member stands to (score, member).
#[inline]
fn compare(packed: &Packed, at: Offset, score: f64, member: &[u8]) -> Ordering {
    let known = score_of(packed.get(score_at(packed, at)));
    let by_score = known.partial_cmp(&score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| packed.get(at).text(&mut itoa::Buffer::new()).cmp(member))
}

/// Where the score of the member at `at` stands.
#[inline]
fn score_at(packed: &Packed, at: Offset) -> Offset {
    packed.next(at).expect("a score follows each member")
}

#[inline]
fn find(packed: &Packed, member: &[u8]) -> Option<Offset> {
    packed.find(packed.start(), &Encoded::of(member), STRIDE)
}

/// Whether a member stands before an edge.
#[inline]
fn is_behind(edge: &Edge, member: Element, score: f64) -> bool {
    match edge {
        Edge::BeforeMember(_) | Edge::AfterMember(_) => edge.is_behind(score, member.text(&mut itoa::Buffer::new())),
        _ => edge.is_behind(score, b""),
    }
}

/// The bytes of a packed set of these members, each once, in order.
pub fn pack<'a>(ascending: impl Iterator<Item = (&'a [u8], f64)>) -> Vec<u8> {
    let mut bytes = packed::EMPTY.to_vec();
    for (member, score) in ascending {
        PackedMut::new(&mut bytes).push_back(&[Encoded::of(member), ScoreBytes::of(score).encoded()]);
    }
    bytes
}

/// The members of a packed set with their scores, in order.
pub fn pairs<'a>(packed: &Packed<'a>) -> impl Iterator<Item = (Element<'a>, f64)> + Clone + use<'a> {
    let mut elements = packed.iter();
    std::iter::from_fn(move || Some((elements.next()?, score_of(elements.next()?))))
}

/// A sorted set, to read.
#[derive(Clone, Copy)]
pub enum Scored<'a> {
    /// Members and scores in turn.
    Packed(Packed<'a>),
    /// A tree and a table.
    Large(&'a SortedSet),
}

impl<'a> Scored<'a> {
    /// The sorted set of an entry of that kind.
    #[inline]
    pub fn of(entry: &'a Entry) -> Scored<'a> {
        debug_assert!(entry.kind() == Kind::SortedSet);
        match entry.object() {
            Some(Object::SortedSet(set)) => Scored::Large(set),
            _ => Scored::Packed(Packed::new(entry.value())),
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Scored::Packed(packed) => packed.len() / STRIDE,
            Scored::Large(set) => set.len(),
        }
    }

    /// True without members, which no stored set is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so many more members fit for sure: see `SortedSet::has_room`. A packed set becomes a large one long before.
    pub fn has_room(&self, members: usize) -> bool {
        match self {
            Scored::Packed(_) => true,
            Scored::Large(set) => set.has_room(members),
        }
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, hasher: &KeyHasher, member: &[u8]) -> Option<f64> {
        match self {
            Scored::Packed(packed) => find(packed, member).map(|at| score_of(packed.get(score_at(packed, at)))),
            Scored::Large(set) => set.score(hasher, member),
        }
    }

    /// How many members stand before this one, and its score.
    pub fn rank(&self, hasher: &KeyHasher, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Scored::Packed(packed) => {
                let wanted = Encoded::of(member);
                let mut at = packed.first()?;
                let mut rank = 0;
                while !packed.is(at, &wanted) {
                    at = packed.next(score_at(packed, at))?;
                    rank += 1;
                }
                Some((rank, score_of(packed.get(score_at(packed, at)))))
            }
            Scored::Large(set) => set.rank(hasher, member),
        }
    }

    /// The ranks between two edges, as a walk in this direction finds them. The direction matters only for edges of members in a
    /// packed set whose scores differ, which are in no order: the walk begins at the first that is inside and ends where one is
    /// not, as redis-server's does.
    pub fn ranks(&self, low: Edge, high: Edge, direction: Direction) -> Range<usize> {
        let (start, end) = match self {
            Scored::Large(set) => (set.rank_at(low), set.rank_at(high)),
            Scored::Packed(packed) if outside(packed, &low, &high) => (0, 0),
            Scored::Packed(packed) => match direction {
                Direction::Ascending => {
                    let first = |edge: &Edge| {
                        let position = pairs(packed).position(|(member, score)| !is_behind(edge, member, score));
                        position.unwrap_or(self.len())
                    };
                    (first(&low), first(&high))
                }
                Direction::Descending => {
                    let last = |edge: &Edge| {
                        let ranked = pairs(packed).zip(1..);
                        ranked
                            .filter(|((member, score), _)| is_behind(edge, *member, *score))
                            .last()
                            .map_or(0, |(_, rank)| rank)
                    };
                    (last(&low), last(&high))
                }
            },
        };
        start..end.max(start)
    }

    /// Visits the members whose ranks are in a range that lies within the set, with their scores.
    #[inline]
    pub fn walk(&self, ranks: Range<usize>, direction: Direction, mut visit: impl FnMut(Element<'a>, f64)) {
        let count = ranks.len();
        if count == 0 {
            return;
        }
        match (self, direction) {
            (Scored::Large(set), Direction::Ascending) => {
                set.ascending(ranks.start).take(count).for_each(|(member, score)| visit(Element::Bytes(member), score));
            }
            (Scored::Large(set), Direction::Descending) => {
                set.descending(ranks.end).take(count).for_each(|(member, score)| visit(Element::Bytes(member), score));
            }
            (Scored::Packed(packed), Direction::Ascending) => {
                let Some(start) = packed.seek((ranks.start * STRIDE) as i64) else { return };
                let mut elements = packed.range(start, packed.end()).take(count * STRIDE);
                while let (Some(member), Some(score)) = (elements.next(), elements.next()) {
                    visit(member, score_of(score));
                }
            }
            (Scored::Packed(packed), Direction::Descending) => {
                let end = packed.seek((ranks.end * STRIDE) as i64).unwrap_or(packed.end());
                let mut elements = packed.range(packed.start(), end).rev().take(count * STRIDE);
                while let (Some(score), Some(member)) = (elements.next(), elements.next()) {
                    visit(member, score_of(score));
                }
            }
        }
    }

    /// Visits all members in order, with their scores.
    pub fn for_each(&self, visit: impl FnMut(Element<'a>, f64)) {
        self.walk(0..self.len(), Direction::Ascending, visit);
    }

    /// Visits some members from a scan position on; see `SortedSet::scan`. A packed set is visited as a whole.
    pub fn scan(
        &self,
        hasher: &KeyHasher,
        from: ScanPosition,
        limit: usize,
        mut visit: impl FnMut(Element, f64) -> usize,
    ) -> Option<ScanPosition> {
        match self {
            Scored::Packed(_) => {
                self.for_each(|member, score| {
                    visit(member, score);
                });
                None
            }
            Scored::Large(set) => set.scan(hasher, from, limit, |member, score| visit(Element::Bytes(member), score)),
        }
    }
}

/// True if the last member stands before the low edge or the first behind the high one: nothing is looked for between them.
fn outside(packed: &Packed, low: &Edge, high: &Edge) -> bool {
    let Some(score) = packed.last() else { return true };
    let last = packed.prev(score).expect("a member stands before each score");
    let first = packed.start();
    is_behind(low, packed.get(last), score_of(packed.get(score)))
        || !is_behind(high, packed.get(first), score_of(packed.get(score_at(packed, first))))
}

/// A sorted set, to change.
pub struct ScoredMut<'a> {
    entry: &'a mut Entry,
    hasher: &'a KeyHasher,
    limits: PackedLimits,
}

impl<'a> ScoredMut<'a> {
    /// The sorted set of an entry of that kind, which is to stay packed within `limits`.
    #[inline]
    pub fn of(entry: &'a mut Entry, hasher: &'a KeyHasher, limits: PackedLimits) -> ScoredMut<'a> {
        debug_assert!(entry.kind() == Kind::SortedSet);
        ScoredMut { entry, hasher, limits }
    }

    /// The set, to read.
    #[inline]
    pub fn as_scored(&self) -> Scored<'_> {
        Scored::of(self.entry)
    }

    /// Adds a member or changes its score, as `decide` says from its present score; nothing happens if it says `None`. There is
    /// room for it: see `Scored::has_room`.
    #[inline]
    pub fn upsert(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        if let Some(Object::SortedSet(set)) = self.entry.object_mut() {
            return set.upsert(self.hasher, member, decide);
        }
        let mut packed = PackedMut::new(self.entry);
        let found = find(&packed.as_packed(), member);
        let old = found.map(|at| score_of(packed.as_packed().get(score_at(&packed.as_packed(), at))));
        let Some(score) = decide(old) else { return };
        match found {
            Some(_) if old == Some(score) => {}
            Some(at) => {
                packed.remove(at, STRIDE);
                insert(&mut packed, member, score);
            }
            None if self.is_full(member) => {
                let hasher = self.hasher;
                self.enlarge().upsert(hasher, member, |_| Some(score));
            }
            None => insert(&mut PackedMut::new(self.entry), member, score),
        }
    }

    /// Whether one more member would make a packed set a large one.
    #[inline]
    fn is_full(&self, member: &[u8]) -> bool {
        let packed = Packed::new(self.entry.bytes());
        let bytes = member.len().saturating_add(packed.listpack_bytes());
        packed.len() / STRIDE >= self.limits.entries
            || member.len() > self.limits.value_bytes
            || bytes > PackedLimits::BYTES_MAX
    }

    /// Removes a member and tells its score.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        if let Some(Object::SortedSet(set)) = self.entry.object_mut() {
            return set.remove(self.hasher, member);
        }
        let mut packed = PackedMut::new(self.entry);
        let at = find(&packed.as_packed(), member)?;
        let score = score_of(packed.as_packed().get(score_at(&packed.as_packed(), at)));
        packed.remove(at, STRIDE);
        Some(score)
    }

    /// Removes the members whose ranks are in a range that lies within the set.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        if let Some(Object::SortedSet(set)) = self.entry.object_mut() {
            return set.remove_ranks(self.hasher, ranks);
        }
        let mut packed = PackedMut::new(self.entry);
        let end = packed.as_packed().seek((ranks.end * STRIDE) as i64).unwrap_or(packed.as_packed().end());
        if let Some(start) = packed.as_packed().seek((ranks.start * STRIDE) as i64) {
            packed.remove_range(start, end, ranks.len() * STRIDE);
        }
    }

    /// Makes a packed set a large one.
    #[cold]
    fn enlarge(&mut self) -> &mut SortedSet {
        let mut set = SortedSet::default();
        let hasher = self.hasher;
        self.as_scored().for_each(|member, score| {
            set.upsert(hasher, member.text(&mut itoa::Buffer::new()), |_| Some(score));
        });
        self.entry.set_object(Box::new(Object::SortedSet(Box::new(set))));
        match self.entry.object_mut() {
            Some(Object::SortedSet(set)) => set,
            _ => unreachable!("the object was stored just now"),
        }
    }
}

/// Puts a member that is not here at its place.
fn insert<S: ByteStore>(set: &mut PackedMut<'_, S>, member: &[u8], score: f64) {
    let packed = set.as_packed();
    // Members often come in order, and a set is as easily walked from its end.
    let mut place = packed.end();
    while let Some(score_before) = packed.prev(place) {
        let before = packed.prev(score_before).expect("a member stands before each score");
        if compare(&packed, before, score, member) == Ordering::Less {
            break;
        }
        place = before;
    }
    set.insert(place, &[Encoded::of(member), ScoreBytes::of(score).encoded()]);
}

#[cfg(test)]
#[path = "scored_tests.rs"]
mod tests;
