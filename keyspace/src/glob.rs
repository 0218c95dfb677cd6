//! Glob patterns of KEYS, SCAN, CONFIG GET and pattern subscriptions.
//!
//! `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^x]` one byte of a class, `\x` the byte x. Odd patterns mean what they mean to
//! Redis: a class that is not closed ends with the pattern, a last `\` is itself, `]` directly after `[` closes an empty class, and
//! a range of which the end is `]` takes it as an ordinary byte.
//!
//! The loop keeps only the last `*` to return to. Returning to an earlier one cannot help, because the last `*` can take whatever
//! the earlier one would; so many stars cost no more than one (CVE-2022-36021). No recursion, no allocation. A pattern that has the
//! loop return too often is left to `stretches`, whose cost is bounded whatever the pattern.

mod stretches;

/// Whether letters must agree in case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Bytes must be equal.
    Exact,
    /// ASCII letters match in either case.
    Fold,
}

/// Whether `pattern` is a sole `*`, by which KEYS and SCAN mean every key. They ask this first: [`matches()`] does not let it match
/// the empty key.
pub fn is_everything(pattern: &[u8]) -> bool {
    pattern == b"*"
}

/// Whether all of `text` matches `pattern`. An empty text matches only the empty pattern, not even `*`: so it is in Redis.
///
/// Cost: O(pattern + text), with a small factor as a rule and one below 100 at worst. What would cost more does not match: that
/// takes more than 64 elements between two stars, with `?` or a class among them, most of which match at most places of the text.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: the pattern behind the last star, and the text that the star does not yet cover.
    let mut retry: Option<(usize, usize)> = None;
    let mut repeated = 0;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return true;
            }
            retry = Some((p, t));
            continue;
        }
        let (found, next) = one(pattern, p, text[t], case);
        if found {
            p = next;
            t += 1;
            continue;
        }
        let Some((star, covered)) = retry else {
            return false;
        };
        repeated += next - star;
        if repeated > REPEATED_PER_BYTE * (text.len() + REPEATED_FREE) {
            return stretches::matches(pattern, star, &text[covered + 1..], case);
        }
        (p, t) = (star, covered + 1);
        retry = Some((p, t));
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the pattern that are read again per byte of the text, before it is matched in the other way.
const REPEATED_PER_BYTE: usize = 8;

/// Bytes of text that are added to each, so that short ones are never matched in the other way for little.
const REPEATED_FREE: usize = 128;

/// Whether the element of `pattern` at `p` matches `byte`, and where the next element starts. Nothing matches at the pattern's end.
fn one(pattern: &[u8], p: usize, byte: u8, case: Case) -> (bool, usize) {
    match pattern.get(p) {
        None => (false, p),
        Some(b'?') => (true, p + 1),
        Some(b'[') => {
            let mut found = false;
            let (negated, next) = class(pattern, p + 1, |low, high| found |= between(low, high, byte, case));
            (found != negated, next)
        }
        Some(b'\\') if p + 1 < pattern.len() => (same(pattern[p + 1], byte, case), p + 2),
        Some(literal) => (same(*literal, byte, case), p + 1),
    }
}

/// Reads a class, whose `[` stands before `p`, range by range. Whether it is negated, and where the next element starts.
fn class(pattern: &[u8], mut p: usize, mut range: impl FnMut(u8, u8)) -> (bool, usize) {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    loop {
        match pattern[p.min(pattern.len())..] {
            [] => return (negated, pattern.len()),
            [b'\\', escaped, ..] => {
                range(escaped, escaped);
                p += 2;
            }
            [b']', ..] => return (negated, p + 1),
            [low, b'-', high, ..] => {
                range(low, high);
                p += 3;
            }
            [literal, ..] => {
                range(literal, literal);
                p += 1;
            }
        }
    }
}

fn same(a: u8, b: u8, case: Case) -> bool {
    fold(a, case) == fold(b, case)
}

/// A range may be written from its high end.
fn between(low: u8, high: u8, byte: u8, case: Case) -> bool {
    let (low, high) = (fold(low.min(high), case), fold(low.max(high), case));
    (low..=high).contains(&fold(byte, case))
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Exact => byte,
        Case::Fold => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    /// Pattern, text, whether they match: answers of redis-server 7.0.15 to KEYS.
    const EXACT: &[(&str, &str, bool)] = &[
        ("", "", true),
        ("*", "", false),
        ("**", "", false),
        ("", "a", false),
        ("*", "a", true),
        ("***", "abc", true),
        ("a", "a", true),
        ("a", "A", false),
        ("a", "ab", false),
        ("ab", "a", false),
        ("?", "a", true),
        ("??", "a", false),
        ("a?c", "abc", true),
        ("a*", "a", true),
        ("a**", "a", true),
        ("a*?", "a", false),
        ("*b", "aab", true),
        ("*ab", "aab", true),
        ("*ab", "aba", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-c-", false),
        ("*a*b", "bab", true),
        ("[ab]", "b", true),
        ("[ab]", "c", false),
        ("[a-c]", "b", true),
        ("[c-a]", "b", true),
        ("[a-c]", "-", false),
        ("[^a-c]", "b", false),
        ("[^a-c]", "d", true),
        ("[-a]", "-", true),
        ("[^]", "a", true),
        ("[]", "a", false),
        ("[]a]", "a", false),
        ("[", "[", false),
        ("[^", "a", true),
        ("[a", "a", true),
        ("[a", "[a", false),
        ("[a-", "-", true),
        ("[a-]", "a", true),
        ("[a-]", "b", false),
        ("[a-]", "_", true),
        ("[a-]]", "a", true),
        ("[a-]]", "a]", false),
        ("[\\]]", "]", true),
        ("[\\]]", "\\", false),
        ("[a\\-c]", "b", false),
        ("[a\\-c]", "-", true),
        ("[\\", "\\", true),
        ("\\a", "a", true),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("\\", "\\", true),
        ("a\\", "a\\", true),
        ("\\\\", "\\", true),
        ("*[a-z]?x", "..qyx", true),
    ];

    #[test]
    fn matches_as_redis_does() {
        for (pattern, text, expected) in EXACT {
            let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Exact);
            assert_eq!(found, *expected, "{pattern} {text}");
        }
    }

    #[test]
    fn folds_case() {
        for (pattern, text, expected) in [
            ("A*c", "abC", true),
            ("[A-C]", "b", true),
            ("[a-c]", "B", true),
            ("[^a-c]", "B", false),
            ("\\A", "a", true),
            ("[x\\Y]", "y", true),
            ("a", "b", false),
        ] {
            let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Fold);
            assert_eq!(found, expected, "{pattern} {text}");
        }
    }

    // CVE-2022-36021: Redis before 7.0.9 takes hours for this.
    #[test]
    fn many_stars_cost_no_more_than_one() {
        let pattern = [b"a*".repeat(50_000), b"b".to_vec()].concat();
        let text = vec![b'a'; 100_000];
        assert!(!matches(&pattern, &text, Case::Exact));
    }

    /// What would take hours if a stretch between stars were tried at each place from its beginning.
    #[test]
    fn long_stretches_cost_no_more_than_their_length() {
        let many = |unit: &str| unit.repeat(1_000_000 / unit.len());
        let text = many("a").repeat(2);
        let almost = format!("{}b", many("a"));
        let rows = [
            (format!("*{almost}"), &text, false),
            (format!("*{almost}*"), &text, false),
            (format!("*{almost}*"), &format!("{text}b{text}"), true),
            (format!("*x*{almost}"), &format!("x{text}b"), true),
            (format!("*{}b", many("?")), &text, false),
            (format!("*{}b*", many("?")), &text, false),
            (format!("*{}b*", many("a?")), &text, false),
            (format!("*{}b*", many("[a]")), &text, false),
            (format!("*[{}]*", many("b")), &text, false),
            (format!("*[{}]*", many("b")), &format!("{text}b"), true),
            (format!("*{}b*", many("\\a")), &text, false),
            (format!("*{}b", many("a*")), &text, false),
        ];
        for (pattern, text, expected) in rows {
            // In steps by the product of the lengths, it would not come to an end.
            let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Exact);
            assert_eq!(found, expected, "{}", &pattern[..10]);
        }
    }

    /// The meaning of a pattern without classes and escapes, by trying everything.
    fn plain(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => plain(rest, text) || (!text.is_empty() && plain(pattern, &text[1..])),
            ([b'?', rest @ ..], [_, tail @ ..]) => plain(rest, tail),
            ([byte, rest @ ..], [first, tail @ ..]) => byte == first && plain(rest, tail),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[ab*?]{0,10}", text in "[ab]{1,12}") {
            let expected = plain(pattern.as_bytes(), text.as_bytes());
            proptest::prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), Case::Exact), expected);
        }

        #[test]
        fn no_bytes_panic(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text, Case::Exact);
            matches(&pattern, &text, Case::Fold);
        }
    }
}
