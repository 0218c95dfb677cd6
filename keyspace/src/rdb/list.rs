//! Lists: a run of strings, one ziplist, or a quicklist of ziplists (type 14) or of listpacks and single strings (type 18).

use super::Corrupt;
use super::element::{Element, each_element, not_empty};
use super::listpack::{self, ListpackWriter};
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::ziplist;

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

/// What a written node holds at most, in bytes: Redis's default for its own nodes (`list-max-listpack-size -2`).
const NODE_BYTES_MAX: usize = 8 * 1024;

/// Reads a list: `take` is handed every element from first to last.
pub fn read(
    form: ListForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Element<'_>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let nodes = if form == ListForm::Ziplist { 1 } else { reader.count(1)? };
    let mut elements = 0;
    for _ in 0..nodes {
        elements += match form {
            ListForm::Strings => read_plain(reader, &mut take)?,
            ListForm::Ziplist | ListForm::Quicklist => {
                each_element(ziplist::Elements::of(&reader.packed()?)?, &mut take)?
            }
            ListForm::Quicklist2 => match reader.length()? {
                PLAIN => read_plain(reader, &mut take)?,
                PACKED => each_element(listpack::Elements::of(&reader.packed()?)?, &mut take)?,
                _ => return Err(Corrupt("a list's node of unknown kind")),
            },
        };
    }
    not_empty(elements)
}

fn read_plain(
    reader: &mut Reader<'_>,
    take: &mut impl FnMut(Element<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    take(reader.string()?.element())?;
    Ok(1)
}

/// A list in the making, element by element.
#[derive(Default)]
pub struct ListWriter {
    nodes: Vec<u8>,
    count: u64,
    open: ListpackWriter,
}

impl ListWriter {
    /// Adds an element behind the last.
    pub fn push(&mut self, element: Element<'_>) {
        let bytes = element.text_len();
        if self.open.len() + bytes > NODE_BYTES_MAX {
            self.close();
        }
        if self.open.has_room(bytes) {
            return self.open.push(element);
        }
        push_length(&mut self.nodes, PLAIN);
        push_element(&mut self.nodes, element);
        self.count += 1;
    }

    /// Ends the listpack under way, if it holds anything.
    fn close(&mut self) {
        let node = std::mem::take(&mut self.open);
        if !node.is_empty() {
            push_length(&mut self.nodes, PACKED);
            push_string(&mut self.nodes, &node.finish());
            self.count += 1;
        }
    }

    /// Appends the list, which has at least one element. Returns its type.
    pub fn finish(mut self, out: &mut Vec<u8>) -> ObjectType {
        self.close();
        push_length(out, self.count);
        out.append(&mut self.nodes);
        ObjectType::List(ListForm::Quicklist2)
    }
}
