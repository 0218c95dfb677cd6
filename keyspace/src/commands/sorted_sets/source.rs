//! What unions, intersections and differences read: a sorted set, or a set, whose members all have the score 1.

use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::intset::IntSet;
use crate::packed::{Element, Encoded, Packed};
use crate::types::Object;
use crate::types::fields::Fields;
use crate::types::kind::{Form, Kind};
use crate::types::scored::{Direction, Scored};

/// The score of a member of a set without scores.
const SCORE: f64 = 1.0;

/// The members of one key.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// No key, no members.
    Nothing,
    Scored(Scored<'a>),
    Packed(Packed<'a>),
    Integers(IntSet<'a>),
    Fields(&'a Fields),
}

impl<'a> Source<'a> {
    /// The members of an entry, if it is of a kind that has any.
    pub(super) fn of(entry: &'a Entry) -> Option<Source<'a>> {
        match (entry.kind(), entry.form(), entry.object()) {
            (Kind::SortedSet, ..) => Some(Source::Scored(Scored::of(entry))),
            (Kind::Set, _, Some(Object::Set(fields))) => Some(Source::Fields(fields)),
            (Kind::Set, Some(Form::IntSet), _) => Some(Source::Integers(IntSet::new(entry.value()))),
            (Kind::Set, ..) => Some(Source::Packed(Packed::new(entry.value()))),
            _ => None,
        }
    }

    /// Number of members.
    pub(super) fn len(&self) -> usize {
        match self {
            Source::Nothing => 0,
            Source::Scored(set) => set.len(),
            Source::Packed(set) => set.len(),
            Source::Integers(set) => set.len(),
            Source::Fields(set) => set.len(),
        }
    }

    /// The score of a member, if it is here.
    pub(super) fn score(&self, hasher: &KeyHasher, member: Element) -> Option<f64> {
        let mut digits = itoa::Buffer::new();
        let is_here = match self {
            Source::Nothing => false,
            Source::Scored(set) => return set.score(hasher, member.text(&mut digits)),
            Source::Packed(set) => set.find(set.start(), &Encoded::element(member), 1).is_some(),
            Source::Integers(set) => member.as_int().is_some_and(|value| set.contains(value)),
            Source::Fields(set) => set.contains(hasher, member.text(&mut digits)),
        };
        is_here.then_some(SCORE)
    }

    /// Visits members with their scores until `visit` says that it has enough. The same text is always the same element.
    pub(super) fn walk(&self, visit: &mut dyn FnMut(Element<'a>, f64) -> bool) {
        match self {
            Source::Nothing => {}
            Source::Scored(Scored::Large(set)) => {
                set.ascending(0).all(|(member, score)| visit(Element::of(member), score));
            }
            // A packed set is small: what is not wanted any more is passed over.
            Source::Scored(set) => {
                let mut more = true;
                set.walk(0..set.len(), Direction::Ascending, |member, score| more = more && visit(member, score));
            }
            Source::Packed(set) => {
                set.iter().all(|member| visit(member, SCORE));
            }
            Source::Integers(set) => {
                set.iter().all(|value| visit(Element::Int(value), SCORE));
            }
            Source::Fields(set) => {
                set.iter().all(|(member, _)| visit(Element::of(member), SCORE));
            }
        }
    }
}
