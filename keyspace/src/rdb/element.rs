//! One element of a packed form, and what the families do with runs of them.

use super::Corrupt;
use crate::number::parse_i64;

/// Bytes, or an integer that stands for its decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A string. It may be the text of an integer all the same.
    Bytes(&'a [u8]),
    /// The text of this number.
    Integer(i64),
}

impl<'a> Element<'a> {
    /// Its bytes; `digits` is where the text of an integer is put.
    pub fn text<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Element::Bytes(bytes) => bytes,
            Element::Integer(value) => digits.format(value).as_bytes(),
        }
    }

    /// The integer that it is, or that its bytes are the canonical text of.
    pub fn integer(self) -> Option<i64> {
        match self {
            Element::Bytes(bytes) => parse_i64(bytes),
            Element::Integer(value) => Some(value),
        }
    }

    /// The score that it is; no score is NaN.
    pub(super) fn score(self) -> Result<f64, Corrupt> {
        match self {
            Element::Bytes(bytes) => parse_score(bytes),
            Element::Integer(value) => Ok(value as f64),
        }
    }
}

/// Reads the text of a score.
pub(super) fn parse_score(text: &[u8]) -> Result<f64, Corrupt> {
    let score: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    score.filter(|score| !score.is_nan()).ok_or(Corrupt("a score is not a number"))
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
