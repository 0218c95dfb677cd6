//! Runs of elements, as every packed form and every family has them.

use super::Corrupt;
use crate::double;

pub use crate::packed::Element;

/// The score that an element is; no score is NaN.
pub(super) fn score_of(element: Element<'_>) -> Result<f64, Corrupt> {
    match element {
        Element::Bytes(bytes) => parse_score(bytes),
        Element::Int(value) => Ok(value as f64),
    }
}

/// Reads the text of a score.
pub(super) fn parse_score(text: &[u8]) -> Result<f64, Corrupt> {
    double::parse(text).ok_or(Corrupt("a score is not a number"))
}

/// Hands each element on. Returns how many there were.
pub(super) fn each_element<'a>(
    elements: impl Iterator<Item = Result<Element<'a>, Corrupt>>,
    mut take: impl FnMut(Element<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    let mut count = 0;
    for element in elements {
        take(element?)?;
        count += 1;
    }
    Ok(count)
}

/// Hands each two elements on. Returns how many pairs there were.
pub(super) fn each_pair<'a>(
    mut elements: impl Iterator<Item = Result<Element<'a>, Corrupt>>,
    mut take: impl FnMut(Element<'_>, Element<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    let mut count = 0;
    while let Some(first) = elements.next() {
        let second = elements.next().ok_or(Corrupt("the last pair is half a pair"))?;
        take(first?, second?)?;
        count += 1;
    }
    Ok(count)
}

/// Refuses a collection of nothing: no key has one, streams excepted.
pub(super) fn not_empty(count: u64) -> Result<(), Corrupt> {
    if count == 0 { Err(Corrupt("the collection is empty")) } else { Ok(()) }
}
