//! Lists: a run of strings, one ziplist, or a quicklist of ziplists (type 14) or of listpacks and single strings (type 18).

use super::Corrupt;
use super::element::{Element, not_empty};
use super::listpack;
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::ziplist;
use crate::packed::{Builder, Packed};

/// The forms of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// Each element a string.
    Strings,
    /// One ziplist.
    Ziplist,
    /// Ziplists.
    Quicklist,
    /// Listpacks, and long elements on their own.
    Quicklist2,
}

/// A node that is one element.
const PLAIN: u64 = 1;
/// A node that is a listpack.
const PACKED: u64 = 2;

/// What a list is put together from, in its order.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// One element on its own.
    Item(Element<'a>),
    /// Elements that stand together, packed.
    Node(Vec<u8>),
}

/// Reads a list: `take` is handed every part from first to last.
pub fn read(
    form: ListForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Part<'_>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let nodes = if form == ListForm::Ziplist { 1 } else { reader.count(1)? };
    let mut parts = 0;
    for _ in 0..nodes {
        let node = match form {
            ListForm::Strings => {
                take(Part::Item(reader.string()?.element()))?;
                parts += 1;
                continue;
            }
            ListForm::Ziplist | ListForm::Quicklist => gather(ziplist::Elements::of(&reader.packed()?)?)?,
            ListForm::Quicklist2 => match reader.length()? {
                PLAIN => gather(std::iter::once(Ok(reader.string()?.element())))?,
                PACKED => gather(listpack::Elements::of(&reader.packed()?)?)?,
                _ => return Err(Corrupt("a list's node of unknown kind")),
            },
        };
        if !Packed::new(&node).is_empty() {
            take(Part::Node(node))?;
            parts += 1;
        }
    }
    not_empty(parts)
}

/// Packs the elements of a node.
fn gather<'a>(elements: impl Iterator<Item = Result<Element<'a>, Corrupt>>) -> Result<Vec<u8>, Corrupt> {
    let mut node = Builder::default();
    for element in elements {
        node.push(element?);
    }
    Ok(node.finish())
}

/// Appends a list of these packed nodes, none of which is empty. Returns its type.
pub fn write<'a>(out: &mut Vec<u8>, nodes: impl Iterator<Item = Packed<'a>> + Clone) -> ObjectType {
    let parts = |node: Packed<'a>| if listpack::fits(&node) { 1 } else { node.len() };
    push_length(out, nodes.clone().map(parts).sum::<usize>() as u64);
    for node in nodes {
        if listpack::fits(&node) {
            push_length(out, PACKED);
            push_string(out, &listpack::of(&node));
        } else {
            node.iter().for_each(|item| {
                push_length(out, PLAIN);
                push_element(out, item);
            });
        }
    }
    ObjectType::List(ListForm::Quicklist2)
}
