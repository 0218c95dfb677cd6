//! The encodings against plain registers; the bytes against redis-server's are a differential test.

use super::*;

fn registers(value: &[u8]) -> Registers {
    let mut registers = [0; REGISTERS];
    merge(value, &mut registers).expect("the registers are well-formed");
    registers
}

#[test]
fn hits() {
    // Read from redis-server 7.0.15 with PFADD of one element and PFDEBUG DECODE.
    let rows: [(&[u8], usize, u8); 4] =
        [(b"", 5938, 2), (b"a", 12711, 2), (b"abcdefgh", 1383, 1), (b"abcdefghijk", 14121, 1)];
    for (element, index, rank) in rows {
        assert_eq!(Hit::of(element), Hit { index, rank }, "{}", element.escape_ascii());
    }
}

#[test]
fn an_empty_one() {
    let value = empty();
    assert_eq!(value, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!(encoding(&value), Some(Encoding::Sparse));
    assert_eq!(last_estimate(&value), Some(0));
    assert_eq!(estimate(&value), Ok(0));
}

#[test]
fn sparse_and_dense_are_the_same_registers() {
    let mut random = fastrand::Rng::with_seed(5);
    for limit in [18, 20, 100, 3000, 100_000] {
        let (mut value, mut plain) = (empty(), [0; REGISTERS]);
        for step in 0..8000 {
            // Neighbours and equal ranks, so that runs are split and united in every way.
            let hit = match random.bool() {
                true => Hit::of(&random.u64(..).to_le_bytes()),
                false => {
                    Hit { index: random.usize(0..40) * 400 % REGISTERS + random.usize(0..9), rank: random.u8(1..4) }
                }
            };
            let rises = plain[hit.index] < hit.rank;
            plain[hit.index] = plain[hit.index].max(hit.rank);
            assert_eq!(raise(&mut value, hit, limit), Ok(rises));
            assert!(encoding(&value) == Some(Encoding::Dense) || value.len() <= limit);
            if step % 500 == 0 {
                assert!(registers(&value) == plain, "limit {limit}, step {step}");
            }
        }
        assert!(registers(&value) == plain, "limit {limit}");
        let of_runs = estimate(&value);
        assert_eq!(make_dense(&mut value).expect("the registers are well-formed"), limit == 100_000);
        assert!(registers(&value) == plain, "limit {limit}, dense");
        assert_eq!(estimate(&value), of_runs);
        assert_eq!(Histogram::of(&plain).estimate(), of_runs.expect("the registers are well-formed"));
    }
}

#[test]
fn a_high_rank_makes_it_dense() {
    let mut value = empty();
    assert_eq!(raise(&mut value, Hit { index: 5, rank: 32 }, 3000), Ok(true));
    assert_eq!(encoding(&value), Some(Encoding::Sparse));
    assert_eq!(raise(&mut value, Hit { index: 5, rank: 33 }, 3000), Ok(true));
    assert_eq!(encoding(&value), Some(Encoding::Dense));
    assert_eq!(registers(&value)[5], 33);
}

#[test]
fn what_is_no_hyperloglog() {
    let mut dense = empty();
    make_dense(&mut dense).expect("the registers are well-formed");
    assert_eq!(encoding(&dense), Some(Encoding::Dense));
    for value in
        [&b""[..], b"HYLL", b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", b"HYLX\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"]
    {
        assert_eq!(encoding(value), None);
    }
    assert_eq!(encoding(&dense[1..]), None);
    assert_eq!(encoding(&dense[..dense.len() - 1]), None);
}

/// Any bytes behind a sparse header end in a value or in `Corrupt`.
#[test]
fn corrupt_runs() {
    let mut random = fastrand::Rng::with_seed(6);
    let mut corrupt = 0;
    for _ in 0..3000 {
        let mut value = empty();
        match random.bool() {
            true => value.truncate(HEADER_BYTES),
            false => (0..random.usize(1..50)).for_each(|_| {
                raise(&mut value, Hit::of(&random.u64(..).to_le_bytes()), 3000).expect("the registers are well-formed");
            }),
        }
        for _ in 0..random.usize(0..6) {
            let at = random.usize(HEADER_BYTES..=value.len());
            match random.u8(0..3) {
                0 => value.insert(at, random.u8(..)),
                1 if at < value.len() => value[at] = random.u8(..),
                _ => value.truncate(at),
            }
        }
        corrupt += estimate(&value).is_err() as u32;
        for _ in 0..20 {
            let hit = Hit { index: random.usize(0..REGISTERS), rank: random.u8(1..=34) };
            let _ = raise(&mut value, hit, 3000);
        }
        let _ = make_dense(&mut value);
    }
    assert!(corrupt > 1000, "{corrupt}");
}

#[test]
fn impossible_registers() {
    let mut value = empty();
    make_dense(&mut value).expect("the registers are well-formed");
    value[HEADER_BYTES..].fill(0xff);
    assert_eq!(estimate(&value), Ok(1 << 63));
}

#[test]
fn the_selftest() {
    assert_eq!(selftest::run(&mut crate::hash::Random::new(1)), Ok(()));
}
