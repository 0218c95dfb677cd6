//! Lists: a run of strings, one ziplist, or a quicklist of ziplists (type 14) or of listpacks and single strings (type 18).

use super::Corrupt;
use super::element::{Element, each_element, not_empty};
use super::listpack;
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::ziplist;
use crate::limits::NodeLimit;
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

/// A node that is one element. Read, it becomes a node like any other: what is long stands alone in ours, too, without their being of
/// two kinds. Written are such nodes only where a listpack would be too long.
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
        parts += match form {
            ListForm::Strings => {
                take(Part::Item(reader.string()?.element()))?;
                1
            }
            ListForm::Ziplist | ListForm::Quicklist => {
                let ziplist = reader.packed()?;
                hand_over(ziplist.len(), ziplist::Elements::of(&ziplist)?, &mut take)?
            }
            ListForm::Quicklist2 => match reader.length()? {
                PLAIN => {
                    take(Part::Node(gather(std::iter::once(Ok(reader.string()?.element())))?.finish()))?;
                    1
                }
                PACKED => {
                    let listpack = reader.packed()?;
                    hand_over(listpack.len(), listpack::Elements::of(&listpack)?, &mut take)?
                }
                _ => return Err(Corrupt("a list's node of unknown kind")),
            },
        };
    }
    not_empty(parts)
}

/// Hands the elements of a node of `bytes` bytes over and returns how many parts they are: one, or one each if the node is larger
/// than any of ours, which would have to be taken apart again.
fn hand_over<'a>(
    bytes: usize,
    elements: impl Iterator<Item = Result<Element<'a>, Corrupt>>,
    take: &mut impl FnMut(Part<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    if bytes > NodeLimit::BYTES_MAX {
        return each_element(elements, |item| take(Part::Item(item)));
    }
    let node = gather(elements)?;
    if node.count() == 0 {
        return Ok(0);
    }
    take(Part::Node(node.finish()))?;
    Ok(1)
}

/// Packs the elements of a node.
fn gather<'a>(elements: impl Iterator<Item = Result<Element<'a>, Corrupt>>) -> Result<Builder, Corrupt> {
    let mut node = Builder::default();
    for element in elements {
        node.push(element?);
    }
    Ok(node)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many items and how many nodes a list of these nodes is handed over as.
    fn parts(form: ListForm, payload: &[u8]) -> (usize, usize) {
        let (mut items, mut nodes) = (0, 0);
        let taken = read(form, &mut Reader::new(payload), |part| {
            match part {
                Part::Item(_) => items += 1,
                Part::Node(_) => nodes += 1,
            }
            Ok(())
        });
        assert_eq!(taken, Ok(()));
        (items, nodes)
    }

    #[test]
    fn only_what_may_be_one_node_is_gathered() {
        let item = [b'x'; 1000];
        for (count, expected) in [(60, (0, 1)), (65, (0, 1)), (66, (66, 0)), (1000, (1000, 0))] {
            let node = gather(std::iter::repeat_n(Ok(Element::Bytes(&item)), count))
                .expect("no element of it is refused")
                .finish();
            let mut payload = Vec::new();
            let form = write(&mut payload, [Packed::new(&node)].into_iter());
            assert_eq!(form, ObjectType::List(ListForm::Quicklist2));
            assert_eq!(parts(ListForm::Quicklist2, &payload), expected, "{count} items");
        }
    }
}
