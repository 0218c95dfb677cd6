//! Sorted sets: a run of strings with scores as text (type 3) or as doubles (type 5), or a packed form of members and scores.

use super::Corrupt;
use super::element::{Element, each_pair, not_empty, score_of};
use super::listpack;
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::ziplist;
use crate::double;
use crate::packed::{Builder, Packed};

/// The forms of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortedSetForm {
    /// Each member a string, its score as text.
    TextScores,
    /// Each member a string, its score a double.
    BinaryScores,
    /// One ziplist (up to Redis 6.2).
    Ziplist,
    /// One listpack.
    Listpack,
}

/// Reads a sorted set: `take` is handed every member with its score and refuses a member that it has already.
///
/// The order is the payload's: nobody promises that it is the set's. No score is NaN.
pub fn read(
    form: SortedSetForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Element<'_>, f64) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let mut take_pair = |member: Element<'_>, score: Element<'_>| take(member, score_of(score)?);
    let members = match form {
        SortedSetForm::Ziplist => each_pair(ziplist::Elements::of(&reader.packed()?)?, take_pair)?,
        SortedSetForm::Listpack => each_pair(listpack::Elements::of(&reader.packed()?)?, &mut take_pair)?,
        SortedSetForm::TextScores | SortedSetForm::BinaryScores => {
            let members = reader.count(2)?;
            for _ in 0..members {
                let member = reader.string()?;
                let score = if form == SortedSetForm::TextScores { reader.text_score()? } else { reader.double()? };
                if score.is_nan() {
                    return Err(Corrupt("a score is not a number"));
                }
                take(member.element(), score)?;
            }
            members
        }
    };
    not_empty(members)
}

/// Appends a sorted set of these `count` members with their scores, at least one, each once. Returns its type.
///
/// redis-server writes the highest first and reads any order.
pub fn write<'a>(out: &mut Vec<u8>, count: u64, descending: impl Iterator<Item = (Element<'a>, f64)>) -> ObjectType {
    push_length(out, count);
    for (member, score) in descending {
        push_element(out, member);
        out.extend_from_slice(&score.to_le_bytes());
    }
    ObjectType::SortedSet(SortedSetForm::BinaryScores)
}

/// Appends a small sorted set of these `count` members with their scores, at least one, each once, lowest first: as a listpack
/// unless redis-server would have none of that length. Returns its type.
pub fn write_small<'a>(
    out: &mut Vec<u8>,
    count: u64,
    ascending: impl Iterator<Item = (Element<'a>, f64)> + Clone,
) -> ObjectType {
    let packed = pack(ascending.clone());
    let packed = Packed::new(&packed);
    if !listpack::fits(&packed) {
        return write(out, count, ascending);
    }
    push_string(out, &listpack::of(&packed));
    ObjectType::SortedSet(SortedSetForm::Listpack)
}

/// Members and scores in turn, with the scores as redis-server has them: as integers and texts.
fn pack<'a>(ascending: impl Iterator<Item = (Element<'a>, f64)>) -> Vec<u8> {
    let mut packed = Builder::default();
    for (member, score) in ascending {
        packed.push(member);
        packed.push(score_element(score, &mut double::Text::new()));
    }
    packed.finish()
}

/// Scores from here on are written as text even where they are integers, as redis-server does.
const INTEGER_MAX: f64 = (1u64 << 62) as f64;

/// A score as an element: an integer where it is one, or else its text, which `room` then holds.
fn score_element(score: f64, room: &mut double::Text) -> Element<'_> {
    let negative_zero = score == 0.0 && score.is_sign_negative();
    if score.abs() < INTEGER_MAX && score == score.trunc() && !negative_zero {
        return Element::Int(score as i64);
    }
    *room = double::text(score);
    Element::Bytes(room)
}
