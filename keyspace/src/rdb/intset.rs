//! The intset: sorted integers of one width. `width u32, count u32, integers`, all little-endian.

use super::Corrupt;

/// Widths in bytes, narrow first.
const WIDTHS: [usize; 3] = [2, 4, 8];
const HEADER_BYTES: usize = 8;

/// The integers of an intset, ascending.
pub(super) fn read(bytes: &[u8]) -> Result<impl Iterator<Item = Result<i64, Corrupt>> + '_, Corrupt> {
    let (header, integers) = bytes.split_at_checked(HEADER_BYTES).ok_or(Corrupt("an intset is cut short"))?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
    let (width, count) = (word(0), word(4));
    if !WIDTHS.contains(&width) {
        return Err(Corrupt("an intset of unknown width"));
    }
    if count.checked_mul(width) != Some(integers.len()) {
        return Err(Corrupt("an intset is not as long as announced"));
    }
    let mut last = None;
    Ok(integers.chunks_exact(width).map(move |chunk| {
        let value = widen(chunk);
        if last.replace(value).is_some_and(|last| last >= value) {
            return Err(Corrupt("an intset is not sorted"));
        }
        Ok(value)
    }))
}

/// The integer of 2, 4 or 8 bytes.
fn widen(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|&high| high & 0x80 != 0);
    let mut wide = if negative { [0xff; 8] } else { [0; 8] };
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}

/// An intset of these integers, which ascend; there are fewer than 2^32.
pub(super) fn build(integers: impl Iterator<Item = i64> + Clone) -> Vec<u8> {
    let fits = |width: usize, value: i64| {
        let spare = 64 - 8 * width as u32;
        value << spare >> spare == value
    };
    let needed = |value| WIDTHS.into_iter().find(|&width| fits(width, value)).unwrap_or(8);
    let width = integers.clone().map(needed).max().unwrap_or(WIDTHS[0]);
    let mut out = Vec::from((width as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for value in integers {
        out.extend_from_slice(&value.to_le_bytes()[..width]);
        count += 1;
    }
    out[4..8].copy_from_slice(&count.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<i64>, Corrupt> {
        read(bytes)?.collect()
    }

    #[test]
    fn widths() {
        let rows: [(&[i64], usize); 5] = [
            (&[-32768, 32767], 2),
            (&[-32769, 0], 4),
            (&[0, 32768], 4),
            (&[i32::MIN as i64, i32::MAX as i64], 4),
            (&[1, 2_147_483_648], 8),
        ];
        for (integers, width) in rows {
            let bytes = build(integers.iter().copied());
            assert_eq!(bytes.len(), 8 + width * integers.len());
            assert_eq!(all(&bytes).as_deref(), Ok(integers));
        }
    }

    #[test]
    fn broken() {
        let good = build([1, 2, 3].into_iter());
        assert!(all(&good[..good.len() - 1]).is_err());
        for (at, value) in [(0, 3), (0, 4), (4, 2), (4, 4), (8, 2), (8, 3)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(all(&bad).is_err(), "byte {at}");
        }
        assert!(all(&good[..7]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(integers in proptest::collection::btree_set(any::<i64>(), 0..50), shift in 0u32..64) {
            let mut integers: Vec<i64> = integers.into_iter().map(|value| value >> shift).collect();
            integers.dedup();
            prop_assert_eq!(all(&build(integers.iter().copied())), Ok(integers));
        }
    }
}
