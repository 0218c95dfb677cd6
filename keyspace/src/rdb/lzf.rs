//! LZF, the compression of longer strings: runs of literal bytes, and references to what came within the last 8 KiB.
//!
//! ```text
//! 000nnnnn                     n+1 literal bytes follow
//! nnnooooo oooooooo            copy n+2 bytes from o+1 bytes back, n in 1..=6
//! 111ooooo nnnnnnnn oooooooo   copy n+9 bytes from o+1 bytes back
//! ```

use super::Corrupt;

/// Longest run of literals.
const LITERALS_MAX: usize = 32;
/// Longest copy: what three bytes can stand for.
const COPY_MAX: usize = 264;
/// Farthest distance back.
const DISTANCE_MAX: usize = 8192;
/// Most output bytes per input byte: a longest copy takes three bytes.
pub(crate) const RATIO_MAX: u64 = COPY_MAX as u64 / 3;

/// What the last step of compression may still add, in bytes: a run of three literals beside its head.
const TAIL_BYTES_MAX: usize = 3;

/// Entries of the compressor's table per input byte, as a power of two and within the bounds below: few positions share one.
const TABLE_SHARE_BITS: u32 = 4;
/// Bits of the table's index at least and at most. It is cleared for each string, and short strings are the rule.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 8..=16;

/// Decompresses `input` into `length` bytes, which the caller has bounded.
pub(crate) fn decompress(input: &[u8], length: usize) -> Result<Vec<u8>, Corrupt> {
    const SHORT: Corrupt = Corrupt("compressed data ends early");
    if length as u64 > input.len() as u64 * RATIO_MAX {
        return Err(Corrupt("more is announced than compression can reach"));
    }
    let mut out: Vec<u8> = Vec::with_capacity(length);
    let mut rest = input;
    while let [control, tail @ ..] = rest {
        rest = tail;
        let high = (control >> 5) as usize;
        if high == 0 {
            let (literals, tail) = rest.split_at_checked(*control as usize + 1).ok_or(SHORT)?;
            rest = tail;
            fits(&out, literals.len(), length)?;
            out.extend_from_slice(literals);
            continue;
        }
        let mut count = high + 2;
        if high == 7 {
            let (&more, tail) = rest.split_first().ok_or(SHORT)?;
            rest = tail;
            count += more as usize;
        }
        let (&low, tail) = rest.split_first().ok_or(SHORT)?;
        rest = tail;
        let distance = ((*control as usize & 0x1f) << 8 | low as usize) + 1;
        let start = out.len().checked_sub(distance).ok_or(Corrupt("a copy from before the start"))?;
        fits(&out, count, length)?;
        if distance >= count {
            out.extend_from_within(start..start + count);
        } else {
            // The copy overlaps itself: it repeats the last `distance` bytes.
            (start..start + count).for_each(|from| out.push(out[from]));
        }
    }
    if out.len() == length { Ok(out) } else { Err(Corrupt("compressed data is not as long as announced")) }
}

fn fits(out: &[u8], more: usize, length: usize) -> Result<(), Corrupt> {
    if more <= length - out.len() { Ok(()) } else { Err(Corrupt("compressed data is longer than announced")) }
}

/// Compresses `input`, if the result is at most `most` bytes.
///
/// Which copies are taken, and when it is not worth it, follows what redis-server emits, so that payloads compare equal but
/// for collisions in its table: no copy reaches back to the first byte, or, but for a few lengths, forward to the last two.
pub(crate) fn compress(input: &[u8], most: usize) -> Option<Vec<u8>> {
    // Positions are 32 bits wide; no string that is stored is longer.
    let length = u32::try_from(input.len()).ok()?;
    let mut seen = Seen::new(length);
    let mut out = Vec::with_capacity(most.min(input.len()));
    let mut literals = 0;
    let mut at = 0;
    while at + 2 < input.len() {
        let candidate = seen.remember(input, at);
        let count = candidate.map_or(0, |from| match_length(input, from, at));
        if count < 3 {
            at += 1;
            continue;
        }
        push_literals(&mut out, &input[literals..at]);
        push_copy(&mut out, at - candidate?, count);
        if out.len() > most {
            return None;
        }
        // What the copy covers is remembered only at its end: the next copy often continues there.
        at += count;
        literals = at;
        (at - 2..at).for_each(|inside| _ = seen.remember(input, inside));
    }
    let pending = at - literals;
    if out.len() + pending + pending / LITERALS_MAX + 1 + TAIL_BYTES_MAX > most {
        return None;
    }
    push_literals(&mut out, &input[literals..]);
    Some(out)
}

/// Where each three bytes were seen last, by their hash.
struct Seen {
    /// Position plus one; 0 for none.
    last: Vec<u32>,
    bits: u32,
}

impl Seen {
    fn new(length: u32) -> Seen {
        let bits = (length.max(1).ilog2() + TABLE_SHARE_BITS).clamp(*TABLE_BITS.start(), *TABLE_BITS.end());
        Seen { last: vec![0; 1 << bits], bits }
    }

    /// Records that the three bytes at `at` stand there. Returns where they, or others of the same hash, stood last.
    fn remember(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let three = input.get(at..at + 3)?;
        let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        let last = &mut self.last[(word.wrapping_mul(0x9e37_79b1) >> (32 - self.bits)) as usize];
        let before = std::mem::replace(last, at as u32 + 1);
        (before as usize).checked_sub(1)
    }
}

/// How many bytes from `at` on repeat those from `from` on; 0 if `from` is out of reach.
fn match_length(input: &[u8], from: usize, at: usize) -> usize {
    if from == 0 || at - from > DISTANCE_MAX {
        return 0;
    }
    let most = match (input.len() - at - 2).min(COPY_MAX) {
        few @ ..=16 => few.max(3),
        many => many.max(19),
    };
    let (earlier, later) = (&input[from..], &input[at..]);
    earlier.iter().zip(later).take(most).take_while(|(a, b)| a == b).count()
}

fn push_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn push_copy(out: &mut Vec<u8>, distance: usize, count: usize) {
    let back = distance - 1;
    let high = (back >> 8) as u8;
    match count - 2 {
        short @ 1..=6 => out.push((short as u8) << 5 | high),
        long => out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8]),
    }
    out.push(back as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_streams() {
        let rows: [(&[u8], &[u8]); 4] = [
            (b"\x02abc", b"abc"),
            (b"\x01aa\xe0\x5a\x00\x01aa", &[b'a'; 103]),
            (b"\x02abc\x20\x02", b"abcabc"),
            (b"\x00a\xe0\xff\x00", &[b'a'; 265]),
        ];
        for (input, expected) in rows {
            assert_eq!(decompress(input, expected.len()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn broken_streams() {
        let rows: [(&[u8], usize); 8] = [
            (b"\x02ab", 3),
            (b"\x20\x00", 3),
            (b"\x00a\x20", 4),
            (b"\x00a\xe0\xff", 265),
            (b"\x00a\x20\x01", 4),
            (b"\x02abc", 2),
            (b"\x02abc", 4),
            (b"\x00a", 1_000_000_000_000),
        ];
        for (input, length) in rows {
            assert!(decompress(input, length).is_err(), "{input:?}");
        }
    }

    #[test]
    fn what_does_not_shrink_is_not_compressed() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(compress(&bytes, 252), None);
        assert!(compress(&[b'x'; 10_000], 200).is_some());
    }

    proptest! {
        #[test]
        fn round_trip(bytes in proptest::collection::vec(0u8..4, 0..3000), far in 0usize..20_000) {
            let mut input = bytes.clone();
            input.extend((0..far).map(|n| ((n * n) >> 3) as u8));
            input.extend_from_slice(&bytes);
            if let Some(packed) = compress(&input, input.len() * 2 + 10) {
                prop_assert_eq!(decompress(&packed, input.len()), Ok(input));
            } else {
                prop_assert!(false, "everything fits twice its length");
            }
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0usize..20_000) {
            if let Ok(out) = decompress(&bytes, length) {
                prop_assert_eq!(out.len(), length);
            }
        }
    }
}
