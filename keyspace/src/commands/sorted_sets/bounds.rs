//! Bounds of ranges, by score and by member, as clients write them.

use crate::double;
use crate::refusal::Refusal;
use crate::types::sorted_set::Edge;

/// Which end of a range a bound is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Low,
    High,
}

/// Reads `min` and `max` of a range of scores: numbers, each behind a `(` if it is not inside.
pub(super) fn scores(min: &[u8], max: &[u8]) -> Result<(Edge<'static>, Edge<'static>), Refusal> {
    score(min, End::Low).zip(score(max, End::High)).ok_or(Refusal::Text("ERR min or max is not a float"))
}

fn score(text: &[u8], end: End) -> Option<Edge<'static>> {
    let (outside, number) = match text {
        [b'(', number @ ..] => (true, number),
        number => (false, number),
    };
    let bound = double::parse_bound(number)?;
    // The low end begins before a bound that is inside, the high end behind it.
    let before = outside == (end == End::High);
    Some(if before { Edge::BeforeScore(bound) } else { Edge::AfterScore(bound) })
}

/// Reads `min` and `max` of a range of members: `[` or `(` and a member, or `-` and `+`.
pub(super) fn members<'a>(min: &'a [u8], max: &'a [u8]) -> Result<(Edge<'a>, Edge<'a>), Refusal> {
    let range = member(min, End::Low).zip(member(max, End::High));
    range.ok_or(Refusal::Text("ERR min or max not valid string range item"))
}

fn member(text: &[u8], end: End) -> Option<Edge<'_>> {
    match (text, end) {
        // A zero byte ends these two, as in redis-server.
        ([b'-'] | [b'-', 0, ..], _) => Some(Edge::Start),
        ([b'+'] | [b'+', 0, ..], _) => Some(Edge::End),
        ([b'[', bound @ ..], End::Low) | ([b'(', bound @ ..], End::High) => Some(Edge::BeforeMember(bound)),
        ([b'[', bound @ ..], End::High) | ([b'(', bound @ ..], End::Low) => Some(Edge::AfterMember(bound)),
        _ => None,
    }
}

/// The part of a set of `len` members that the indexes from `start` to `stop` name, negative ones from the end.
pub(super) fn indexes(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let index = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = index(start).clamp(0, len);
    let end = index(stop).saturating_add(1).clamp(start, len);
    start as usize..end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_members() {
        let both = |min: &str, max: &str| scores(min.as_bytes(), max.as_bytes()).ok();
        assert_eq!(both("1", "2"), Some((Edge::BeforeScore(1.0), Edge::AfterScore(2.0))));
        assert_eq!(both("(1", "(2"), Some((Edge::AfterScore(1.0), Edge::BeforeScore(2.0))));
        assert_eq!(
            both("-inf", "(+inf"),
            Some((Edge::BeforeScore(f64::NEG_INFINITY), Edge::BeforeScore(f64::INFINITY)))
        );
        assert_eq!(both("", "("), Some((Edge::BeforeScore(0.0), Edge::BeforeScore(0.0))));
        assert_eq!(both("nan", "1"), None);
        assert_eq!(both("((1", "1"), None);
        let both = |min: &'static str, max: &'static str| members(min.as_bytes(), max.as_bytes()).ok();
        assert_eq!(both("-", "+"), Some((Edge::Start, Edge::End)));
        assert_eq!(both("+", "-"), Some((Edge::End, Edge::Start)));
        assert_eq!(both("[a", "(b"), Some((Edge::BeforeMember(b"a"), Edge::BeforeMember(b"b"))));
        assert_eq!(both("(a", "["), Some((Edge::AfterMember(b"a"), Edge::AfterMember(b""))));
        for wrong in ["", "a", "+a", "-a", "*"] {
            assert_eq!(both(wrong, "+"), None, "{wrong}");
            assert_eq!(both("-", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn indexes_from_both_ends() {
        let rows = [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 100, 0..5),
            (3, 1, 3..3),
            (5, 9, 5..5),
            (0, -6, 0..0),
            (i64::MIN, i64::MAX, 0..5),
            (i64::MAX, i64::MIN, 5..5),
        ];
        for (start, stop, expected) in rows {
            assert_eq!(indexes(start, stop, 5), expected, "{start} {stop}");
        }
    }
}
