//! The elements that are sorted, taken out of their collection: looking up the keys of patterns may remove expired ones, which
//! moves what stands in the same table.

use std::ops::Range;

use crate::packed::Element;
use crate::refusal::Refusal;
use crate::slot::Slot;
use crate::types::kind::Kind;
use crate::types::list::List;
use crate::types::scored::{Direction, Scored};
use crate::types::set::Set;
use crate::whole::Whole;

use super::request::{Request, Sorting};

/// Texts one behind the other.
#[derive(Default)]
pub(super) struct Texts(Vec<u8>);

/// Where a text stands among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// No bytes.
    pub(super) const EMPTY: Span = Span { start: 0, end: 0 };
}

impl Texts {
    pub(super) fn add(&mut self, element: Element) -> Span {
        let start = self.0.len();
        self.0.extend_from_slice(element.text(&mut itoa::Buffer::new()));
        Span { start, end: self.0.len() }
    }

    /// Forgets the text that was added last.
    pub(super) fn take_back(&mut self, last: Span) {
        debug_assert!(last.end == self.0.len());
        self.0.truncate(last.start);
    }

    pub(super) fn at(&self, span: Span) -> &[u8] {
        &self.0[span.start..span.end]
    }
}

/// An element.
pub(super) struct Item {
    pub(super) text: Span,
    pub(super) weight: Weight,
}

/// What an element is sorted by.
#[derive(Clone, Copy)]
pub(super) enum Weight {
    /// Nothing was found for it.
    None,
    Number(f64),
    Text(Span),
}

impl Weight {
    /// The number that it is; 0 if there is none.
    pub(super) fn number(self) -> f64 {
        // Both zeros are the same number.
        if let Weight::Number(number) = self { number + 0.0 } else { 0.0 }
    }
}

/// The elements of a key to be sorted, and which of them are wanted then. A missing key has none.
///
/// Of lists and sorted sets that stay in their order only those are loaded that are wanted.
pub(super) fn load(
    whole: &mut Whole,
    name: &[u8],
    request: &mut Request,
    texts: &mut Texts,
) -> Result<(Vec<Item>, Range<usize>), Refusal> {
    let mut items = Vec::new();
    let mut exec = whole.exec(Slot::of(name));
    let key = exec.key(name);
    let Some(place) = exec.read(&key) else { return Ok((items, 0..0)) };
    let entry = exec.entry(&key, place);
    let mut add = |element: Element| items.push(Item { text: texts.add(element), weight: Weight::None });
    let natural = request.sorting == Sorting::None;
    match entry.kind() {
        Kind::List => {
            let list = List::of(entry);
            let len = list.len();
            match (natural, request.descending) {
                (false, _) => list.for_range(0, len, add),
                (true, false) => list.for_range(request.wanted(len).start, request.wanted(len).len(), add),
                (true, true) => {
                    let wanted = request.wanted(len);
                    list.for_range(len - wanted.end, wanted.len(), &mut add);
                    items.reverse();
                }
            }
        }
        Kind::SortedSet => {
            let set = Scored::of(entry);
            let len = set.len();
            let wanted = if natural { request.wanted(len) } else { 0..len };
            match natural && request.descending {
                true => set.walk(len - wanted.end..len - wanted.start, Direction::Descending, |member, _| add(member)),
                false => set.walk(wanted, Direction::Ascending, |member, _| add(member)),
            }
        }
        Kind::Set => {
            // What is stored does not depend on how a set is kept.
            if natural && request.store.is_some() {
                request.sorting = Sorting::Bytes;
                request.by = None;
            }
            Set::of(entry).for_each(add);
            let wanted = request.wanted(items.len());
            return Ok((items, wanted));
        }
        _ => return Err(Refusal::WrongType),
    }
    let wanted = if natural { 0..items.len() } else { request.wanted(items.len()) };
    Ok((items, wanted))
}
