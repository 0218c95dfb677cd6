//! Patterns of BY and GET: a key's name with `*` for the element, and perhaps `->field` behind it for a field of a hash there.
//!
//! Marks are looked for up to a pattern's first zero byte, as in a C string; what is behind it belongs to the key or field.

use crate::double::c_string;
use crate::packed::Element;
use crate::slot::Slot;
use crate::types::hash::Hash;
use crate::types::kind::Kind;
use crate::whole::Whole;

/// Stands for the element.
const HOLE: u8 = b'*';
/// Stands before the name of a field.
const ARROW: &[u8] = b"->";

/// What GET tells of an element.
pub(super) enum Pattern<'a> {
    /// The element itself.
    Itself,
    /// Nothing: the pattern has no place for the element.
    Nothing,
    /// What stands under a key.
    Key(KeyPattern<'a>),
}

/// The names of keys that follow from elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyPattern<'a> {
    /// The name before the element.
    before: &'a [u8],
    /// And behind it.
    behind: &'a [u8],
    /// The field, if the key is a hash.
    field: Option<&'a [u8]>,
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Pattern<'a> {
        match KeyPattern::parse(text) {
            _ if c_string(text) == b"#" => Pattern::Itself,
            Some(keys) => Pattern::Key(keys),
            None => Pattern::Nothing,
        }
    }
}

impl<'a> KeyPattern<'a> {
    /// `None` if no keys follow from the pattern.
    pub(super) fn parse(text: &'a [u8]) -> Option<KeyPattern<'a>> {
        let hole = c_string(text).iter().position(|byte| *byte == HOLE)?;
        let (before, rest) = (&text[..hole], &text[hole + 1..]);
        let marks = c_string(rest);
        let arrow = marks.windows(ARROW.len()).position(|window| window == ARROW);
        // An arrow to nothing belongs to the key.
        Some(match arrow.filter(|at| at + ARROW.len() < marks.len()) {
            Some(at) => KeyPattern { before, behind: &rest[..at], field: Some(&rest[at + ARROW.len()..]) },
            None => KeyPattern { before, behind: rest, field: None },
        })
    }

    /// What stands there for an element, if there is anything of the right kind. `name` is room for the key's name.
    pub(super) fn look_up<'w>(&self, whole: &'w mut Whole, element: &[u8], name: &mut Vec<u8>) -> Option<Element<'w>> {
        name.clear();
        [self.before, element, self.behind].iter().for_each(|part| name.extend_from_slice(part));
        let slot = Slot::of(name);
        let mut exec = whole.exec(slot);
        let db = exec.db;
        let key = exec.key(name);
        let place = exec.read(&key)?;
        let keyspace = &*whole.keyspaces[(whole.owner)(slot)];
        let entry = keyspace.at(db, slot, place);
        match (self.field, entry.kind()) {
            (Some(field), Kind::Hash) => Hash::of(entry, whole.now).get(keyspace.hasher(), field),
            (None, Kind::String) => Some(Element::Bytes(entry.value())),
            _ => None,
        }
    }
}
