//! Bits against the slow and plain way: one bit at a time.

use super::*;

fn bits(bytes: &[u8]) -> Vec<bool> {
    (0..bytes.len() as u64 * 8).map(|index| bytes[index as usize / 8] & 0x80 >> (index % 8) != 0).collect()
}

/// Strings of a length: random ones, and such that are all zeros or ones but for a few bits.
fn samples(random: &mut fastrand::Rng, len: usize) -> Vec<Vec<u8>> {
    let mut sparse = vec![0; len];
    let mut dense = vec![0xff; len];
    for _ in 0..random.usize(0..3) {
        if let Some(at) = len.checked_sub(1).map(|last| random.usize(0..=last)) {
            sparse[at] ^= 1 << random.u8(0..8);
            dense[at] ^= 1 << random.u8(0..8);
        }
    }
    vec![(0..len).map(|_| random.u8(..)).collect(), sparse, dense, vec![0; len], vec![0xff; len]]
}

#[test]
fn counts_and_searches_agree_with_single_bits() {
    let mut random = fastrand::Rng::with_seed(1);
    for len in (1..70).chain([127, 128, 129, 511, 512, 513, 1023, 1024, 1500, 4097]) {
        for bytes in samples(&mut random, len) {
            let bits = bits(&bytes);
            assert_eq!(count(&bytes), bits.iter().filter(|&&bit| bit).count() as u64);
            for _ in 0..20 {
                let first = random.usize(0..bits.len());
                let last = random.usize(first..bits.len());
                let range = &bits[first..=last];
                let set = range.iter().filter(|&&bit| bit).count() as u64;
                assert_eq!(count_between(&bytes, first, last), set, "{len} {first} {last}");
                for (bit, wanted) in [(Bit::Set, true), (Bit::Clear, false)] {
                    let expected = range.iter().position(|&bit| bit == wanted).map(|at| first + at);
                    assert_eq!(find(&bytes, bit, first, last), expected, "{len} {first} {last}");
                }
            }
        }
    }
}

#[test]
fn combinations_agree_with_single_bytes() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..200 {
        let strings: Vec<Vec<u8>> = (0..random.usize(1..5))
            .map(|_| {
                let len = random.choice([0, 1, 7, 100, 8191, 8192, 8193, 20_000]).expect("there are lengths");
                (0..len).map(|_| random.u8(..)).collect()
            })
            .collect();
        let views: Vec<&[u8]> = strings.iter().map(|string| &string[..]).collect();
        let len = strings.iter().map(Vec::len).max().expect("at least one string is drawn");
        type Row = (Combination, fn(u8, u8) -> u8);
        let rows: [Row; 3] =
            [(Combination::And, |a, b| a & b), (Combination::Or, |a, b| a | b), (Combination::Xor, |a, b| a ^ b)];
        for (how, one) in rows {
            let at = |index: usize| {
                let bytes = strings.iter().map(|string| string.get(index).copied().unwrap_or(0));
                bytes.reduce(one).expect("at least one string is drawn")
            };
            let expected: Vec<u8> = (0..len).map(at).collect();
            assert_eq!(combine(how, &views), expected, "{how:?}");
        }
        assert_eq!(invert(&invert(views[0])), views[0]);
    }
    assert_eq!(combine(Combination::And, &[]), b"");
}

#[test]
fn integers_among_bits() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut bytes: Vec<u8> = (0..40).map(|_| random.u8(..)).collect();
    for _ in 0..5000 {
        let width = random.u32(1..=64);
        let offset = random.u64(0..=bytes.len() as u64 * 8 - width as u64);
        let value = random.u64(..);
        let before = bits(&bytes);
        write(&mut bytes, offset, width, value);
        let after = bits(&bytes);
        let kept = value & u64::MAX >> (64 - width);
        assert_eq!(read(&bytes, offset, width), kept);
        for index in 0..before.len() {
            let place = index as u64;
            match (offset..offset + width as u64).contains(&place) {
                true => assert_eq!(after[index], kept >> (offset + width as u64 - 1 - place) & 1 != 0),
                false => assert_eq!(after[index], before[index]),
            }
            assert_eq!(bit_at(&bytes, place), after[index]);
        }
    }
    assert_eq!(read(b"\xff", 4, 8), 0xf0);
    assert_eq!(read(b"\xff", 8, 64), 0);
    assert_eq!(read(b"\xff", u64::MAX, 64), 0);
    assert!(!bit_at(b"\xff", u64::MAX));
}
