//! Patterns with stretches between stars that match almost everywhere: each stretch is searched on its own, at bounded cost.
//!
//! The first place where a stretch fits leaves the most for what follows, so no choice is ever taken back. A stretch of ordinary bytes
//! is searched as Knuth, Morris and Pratt do ("Fast pattern matching in strings", 1977). There is no such way for `?` and classes:
//! those are tried place by place, up to a bound.

use super::{Case, class, fold, one};

/// Most elements of a stretch that is searched; a longer one does not match. It bounds what a search allocates.
const ELEMENTS_MAX: usize = 1 << 20;

/// Steps per byte of the text for which a stretch with `?` or classes is tried.
const STEPS_PER_BYTE: usize = 64;

/// Whether all of `text`, or what is left of it behind a part that the star takes, matches the pattern from `p` on, behind a star.
pub(super) fn matches(pattern: &[u8], mut p: usize, mut text: &[u8], case: Case) -> bool {
    loop {
        let (elements, end) = measure(pattern, p);
        if end == pattern.len() {
            let place = text.len().checked_sub(elements);
            return place.is_some_and(|place| fits(pattern, p, &text[place..], case));
        }
        if elements > ELEMENTS_MAX.min(text.len()) {
            return false;
        }
        let Some(place) = find(&read(pattern, p, end, case), text, case) else {
            return false;
        };
        text = &text[place + elements..];
        p = end + 1;
    }
}

/// How many elements there are up to the next star, and where that or the pattern's end is. An element matches one byte.
fn measure(pattern: &[u8], mut p: usize) -> (usize, usize) {
    let mut elements = 0;
    while p < pattern.len() && pattern[p] != b'*' {
        p = one(pattern, p, 0, Case::Exact).1;
        elements += 1;
    }
    (elements, p)
}

/// Whether the elements from `p` on match these bytes, of which there are as many.
fn fits(pattern: &[u8], mut p: usize, bytes: &[u8], case: Case) -> bool {
    bytes.iter().all(|byte| {
        let (found, next) = one(pattern, p, *byte, case);
        p = next;
        found
    })
}

/// What matches one byte.
enum Element {
    Byte(u8),
    Any,
    /// A bit for each byte, lower case where case does not matter.
    Class(Box<[u64; 4]>),
}

impl Element {
    fn holds(&self, byte: u8) -> bool {
        match self {
            Element::Byte(own) => *own == byte,
            Element::Any => true,
            Element::Class(bits) => bits[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1,
        }
    }
}

/// The elements from `p` to `end`.
fn read(pattern: &[u8], mut p: usize, end: usize, case: Case) -> Vec<Element> {
    let mut elements = Vec::new();
    while p < end {
        let element = match pattern[p] {
            b'?' => Element::Any,
            b'[' => Element::Class(Box::new(bits(pattern, p + 1, case))),
            b'\\' if p + 1 < pattern.len() => Element::Byte(fold(pattern[p + 1], case)),
            literal => Element::Byte(fold(literal, case)),
        };
        elements.push(element);
        p = one(pattern, p, 0, case).1;
    }
    elements
}

/// The class of which the `[` stands before `p`.
fn bits(pattern: &[u8], p: usize, case: Case) -> [u64; 4] {
    let mut bits = [0; 4];
    let (negated, _) = class(pattern, p, |low, high| {
        for byte in fold(low.min(high), case)..=fold(low.max(high), case) {
            bits[usize::from(byte >> 6)] |= 1u64 << (byte & 63);
        }
    });
    if negated { bits.map(|word| !word) } else { bits }
}

/// The first place where all elements match.
fn find(elements: &[Element], text: &[u8], case: Case) -> Option<usize> {
    let needle: Option<Vec<u8>> = elements
        .iter()
        .map(|element| match element {
            Element::Byte(byte) => Some(*byte),
            Element::Any | Element::Class(_) => None,
        })
        .collect();
    match needle {
        Some(needle) => find_bytes(&needle, text, case),
        None => find_elements(elements, text, case),
    }
}

/// Gives up beyond its bound.
fn find_elements(elements: &[Element], text: &[u8], case: Case) -> Option<usize> {
    let mut steps = STEPS_PER_BYTE * text.len();
    for (place, window) in text.windows(elements.len()).enumerate() {
        let differs = window.iter().zip(elements).position(|(byte, element)| !element.holds(fold(*byte, case)));
        let Some(matched) = differs else {
            return Some(place);
        };
        steps = steps.checked_sub(matched + 1)?;
    }
    None
}

/// The needle has the letters' case that counts.
fn find_bytes(needle: &[u8], text: &[u8], case: Case) -> Option<usize> {
    let Some(last) = needle.len().checked_sub(1) else { return Some(0) };
    // Of each beginning of the needle, the longest shorter one that it ends with.
    let mut borders: Vec<u32> = vec![0];
    let mut border = 0;
    for at in 1..needle.len() {
        border = longer(needle, &borders, border, needle[at]);
        borders.push(border as u32);
    }
    let mut matched = 0;
    for (at, byte) in text.iter().enumerate() {
        matched = longer(needle, &borders, matched, fold(*byte, case));
        if matched > last {
            return Some(at - last);
        }
    }
    None
}

/// How much of the needle's beginning matches when `byte` follows `matched` bytes of it.
fn longer(needle: &[u8], borders: &[u32], mut matched: usize, byte: u8) -> usize {
    while needle[matched] != byte {
        match matched {
            0 => return 0,
            _ => matched = borders[matched - 1] as usize,
        }
    }
    matched + 1
}

#[cfg(test)]
mod tests {
    use super::super::matches as as_a_rule;
    use super::*;

    proptest::proptest! {
        #[test]
        fn agrees_with_the_loop(pattern in r"[abB*?\\^\]\[-]{0,12}", text in "[abAB]{1,16}") {
            let starred = format!("*{pattern}");
            for case in [Case::Exact, Case::Fold] {
                let expected = as_a_rule(starred.as_bytes(), text.as_bytes(), case);
                let found = matches(pattern.as_bytes(), 0, text.as_bytes(), case);
                proptest::prop_assert_eq!(found, expected, "{} {}", pattern, text);
            }
        }

        #[test]
        fn no_bytes_panic(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, 0, &text, Case::Exact);
            matches(&pattern, 0, &text, Case::Fold);
        }
    }

    #[test]
    fn needles_are_found_at_their_first_place() {
        for (needle, text, place) in [
            ("aab", "aaab", Some(1)),
            ("abab", "abaabab", Some(3)),
            ("aabaaa", "aabaabaaab", Some(3)),
            ("a", "bbb", None),
            ("", "b", Some(0)),
        ] {
            assert_eq!(find_bytes(needle.as_bytes(), text.as_bytes(), Case::Exact), place, "{needle} {text}");
        }
    }
}
