//! LCS, row by row as redis-server 7.0.15 answers it.

use super::*;
use crate::commands::testing::check;
use proptest::prelude::*;

#[test]
fn replies() {
    check(&[
        ("mset a ohmytext b mynewtext", "+OK"),
        ("lcs a b", "$6 mytext"),
        ("lcs a b LEN", ":6"),
        ("lcs a b idx", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6"),
        ("lcs a b idx minmatchlen 4 withmatchlen", "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"),
        ("lcs a b idx minmatchlen 9223372036854775807", "*4 $7 matches *0 $3 len :6"),
        ("lcs a b idx minmatchlen -5", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6"),
        ("lcs a a idx withmatchlen", "*4 $7 matches *1 *3 *2 :0 :7 *2 :0 :7 :8 $3 len :8"),
        ("lcs a b minmatchlen 4 withmatchlen", "$6 mytext"),
        ("lcs a none", "$0 "),
        ("lcs none none idx", "*4 $7 matches *0 $3 len :0"),
        ("lcs none a len", ":0"),
        ("@hits", "18 4"),
        ("@resp 3", ""),
        ("lcs a b idx minmatchlen 3", "%2 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6"),
        ("set a 1 pxat 1000", "+OK"),
        ("lcs b a len", ":0"),
        ("mset a 1234 b 234", "+OK"),
        ("lcs a b", "$3 234"),
    ]);
}

#[test]
fn errors() {
    const BOTH: &str = "-ERR If you want both the length and indexes, please just use IDX.";
    const MEMORY: &str = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    check(&[
        ("lcs a", "-ERR wrong number of arguments for 'lcs' command"),
        ("lcs a b c", "-ERR syntax error"),
        ("lcs a b len idx", BOTH),
        ("lcs a b idx idx len", BOTH),
        ("lcs a b len idx what", "-ERR syntax error"),
        ("lcs a b minmatchlen", "-ERR syntax error"),
        ("lcs a b minmatchlen x", "-ERR value is not an integer or out of range"),
        ("lcs a b minmatchlen 1.5 what", "-ERR value is not an integer or out of range"),
        ("lcs a b minmatchlen what", "-ERR value is not an integer or out of range"),
        ("@limit 1048576", ""),
        // 512 * 512 * 4 bytes are the limit.
        ("setrange a 510 x", ":511"),
        ("lcs a a len", ":511"),
        ("setrange b 511 x", ":512"),
        ("lcs a b len", MEMORY),
        ("lcs b a", MEMORY),
        ("lcs b b what", "-ERR syntax error"),
        ("setrange c 262142 x", ":262143"),
        ("lcs c none", "$0 "),
        ("append c x", ":262144"),
        ("lcs none c", MEMORY),
    ]);
}

/// The textbook table, read back by its own rule.
fn model(a: &[u8], b: &[u8]) -> (usize, Vec<Range>) {
    let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            table[i + 1][j + 1] = if x == y { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    let (mut i, mut j) = (a.len(), b.len());
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            pairs.push((i, j));
        } else if table[i - 1][j] > table[i][j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    let mut ranges: Vec<Range> = Vec::new();
    for (a, b) in pairs {
        match ranges.last_mut() {
            Some(last) if (last.a, last.b) == (a + 1, b + 1) => *last = Range { a, b, len: last.len + 1 },
            _ => ranges.push(Range { a, b, len: 1 }),
        }
    }
    (table[a.len()][b.len()], ranges)
}

fn text(letters: u8) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..letters, 0..200)
}

proptest! {
    #[test]
    fn few_letters(a in text(3), b in text(3)) {
        prop_assert_eq!((common_len(&a, &b), common_ranges(&a, &b)), model(&a, &b));
    }

    #[test]
    fn many_letters(a in text(30), b in text(30)) {
        prop_assert_eq!((common_len(&a, &b), common_ranges(&a, &b)), model(&a, &b));
    }
}

#[test]
fn all_bytes() {
    let all: Vec<u8> = (0..=255).collect();
    let reversed: Vec<u8> = all.iter().rev().copied().collect();
    assert_eq!(common_ranges(&all, &all), [Range { a: 0, b: 0, len: 256 }]);
    assert_eq!(common_len(&all, &reversed), 1);
}
