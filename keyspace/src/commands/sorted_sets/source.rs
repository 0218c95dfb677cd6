//! What unions, intersections and differences read: a sorted set, or a set, whose members all have the score 1.

use crate::entry::Entry;
use crate::hash::KeyHasher;
use crate::packed::Element;
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};
use crate::types::set::Set;

/// The score of a member of a set without scores.
const SCORE: f64 = 1.0;

/// The members of one key.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// No key, no members.
    Nothing,
    Scored(Scored<'a>),
    Set(Set<'a>),
}

impl<'a> Source<'a> {
    /// The members of an entry, if it is of a kind that has any.
    pub(super) fn of(entry: &'a Entry) -> Option<Source<'a>> {
        match entry.kind() {
            Kind::SortedSet => Some(Source::Scored(Scored::of(entry))),
            Kind::Set => Some(Source::Set(Set::of(entry))),
            _ => None,
        }
    }

    /// Number of members.
    pub(super) fn len(&self) -> usize {
        match self {
            Source::Nothing => 0,
            Source::Scored(set) => set.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// The score of a member, if it is here.
    pub(super) fn score(&self, hasher: &KeyHasher, member: Element) -> Option<f64> {
        match self {
            Source::Nothing => None,
            Source::Scored(set) => set.score(hasher, member.text(&mut itoa::Buffer::new())),
            Source::Set(set) => set.contains(hasher, member).then_some(SCORE),
        }
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
            Source::Set(set) => {
                set.walk(|member| match member {
                    // A large set's integers are texts, too.
                    Element::Bytes(text) => visit(Element::of(text), SCORE),
                    member => visit(member, SCORE),
                });
            }
        }
    }
}
