//! Which keys a cache is asked for, and what each holds: made once per run of the bench and read by every load, so that all servers and
//! policies are asked for the same keys in the same order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BenchError;

/// How unequal keys are: the key of rank r is asked for in proportion to r to the power of minus this.
pub(super) const SKEW: f64 = 0.99;
/// Bytes of a key: `key:` and twelve digits.
pub(super) const KEY_BYTES: u64 = 16;
/// Bytes of values: from the first to the last, about 200 in the mean.
const VALUE_BYTES: [u64; 2] = [150, 250];
/// Deadlines of values, in seconds from when they are set: none comes during a run.
const LIFE_SECONDS: [u64; 2] = [3_600, 7 * 3_600];
/// What the order of keys is made from.
const SEED: u64 = 0x5eed_cace;
/// How much more data than memory there is.
const TIMES: u64 = 10;

/// Keys whose data, without what a server adds to it, is ten times so many bytes.
pub(super) fn keys_of(budget: u64) -> u64 {
    TIMES * budget / (KEY_BYTES + u64::midpoint(VALUE_BYTES[0], VALUE_BYTES[1]))
}

/// Bytes of the value of a key.
pub(super) fn value_bytes(key: u32) -> usize {
    within(key, VALUE_BYTES) as usize
}

/// The greatest of [`value_bytes`].
pub(super) const fn longest_value() -> usize {
    VALUE_BYTES[1] as usize
}

/// Seconds that a value of a key may stay: by the key alone, so that policies of deadlines do not prefer what is asked for most.
pub(super) fn life_seconds(key: u32) -> u64 {
    // Another number than the value's length is made from.
    within(!key, LIFE_SECONDS)
}

fn within(key: u32, [first, last]: [u64; 2]) -> u64 {
    first + Random(u64::from(key)).next() % (last - first + 1)
}

/// Writes a trace of so many requests for so many keys to a file in `folder`.
pub(super) fn write(folder: &Path, keys: u64, requests: u64) -> Result<PathBuf, BenchError> {
    let zipf = Zipf::new(keys);
    let mut random = Random(SEED);
    let bytes: Vec<u8> = (0..requests).flat_map(|_| zipf.rank(random.unit()).to_le_bytes()).collect();
    let path = folder.join("trace");
    fs::write(&path, bytes).map_err(BenchError::io("write the trace"))?;
    Ok(path)
}

/// Reads what [`write()`] has written: numbers of keys.
pub(super) fn read(path: &Path) -> Result<Vec<u32>, BenchError> {
    let bytes = fs::read(path).map_err(BenchError::io("read the trace"))?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(BenchError::parse("numbers of keys", &path.to_string_lossy()));
    }
    Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

/// Zipf's distribution by its table of sums: for a draw in 0..1 the rank whose share of it holds the draw.
struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    fn new(keys: u64) -> Zipf {
        let weight = |rank: u64| (rank as f64).powf(-SKEW);
        let mut sum = 0.0;
        let mut sums: Vec<f64> = Vec::with_capacity(keys as usize);
        for rank in 1..=keys {
            sum += weight(rank);
            sums.push(sum);
        }
        sums.iter_mut().for_each(|part| *part /= sum);
        Zipf { sums }
    }

    /// Ranks count from 0.
    fn rank(&self, draw: f64) -> u32 {
        let rank = self.sums.partition_point(|sum| *sum <= draw);
        rank.min(self.sums.len() - 1) as u32
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): the same numbers from the same seed everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_come_as_often_as_their_weight_says() {
        const DRAWS: u32 = 200_000;
        let zipf = Zipf::new(1000);
        let mut random = Random(7);
        let mut counts = vec![0_u32; 1000];
        for _ in 0..DRAWS {
            counts[zipf.rank(random.unit()) as usize] += 1;
        }
        let whole: f64 = (1..=1000).map(|rank| f64::from(rank).powf(-SKEW)).sum();
        for rank in [1_u32, 2, 10, 100] {
            let expected = f64::from(DRAWS) * f64::from(rank).powf(-SKEW) / whole;
            let got = f64::from(counts[rank as usize - 1]);
            assert!((got - expected).abs() < 5.0 * expected.sqrt(), "rank {rank}: {got}, not {expected}");
        }
        assert_eq!((zipf.rank(0.0), zipf.rank(0.999_999_999_999)), (0, 999));
    }

    #[test]
    fn a_trace_is_the_same_each_time() {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let path = write(folder.path(), 100, 1000).expect("there is room for a file");
        let first = read(&path).expect("it was written");
        write(folder.path(), 100, 1000).expect("there is room for a file");
        assert_eq!(read(&path).expect("it was written"), first);
        assert_eq!(first.len(), 1000);
        assert!(first.iter().all(|key| *key < 100));
    }

    #[test]
    fn values_and_lives_stay_within_their_bounds() {
        for key in 0..10_000 {
            assert!((150..=longest_value()).contains(&value_bytes(key)));
            assert!((3_600..=25_200).contains(&life_seconds(key)));
        }
        let mean = (0..10_000).map(value_bytes).sum::<usize>() / 10_000;
        assert!((195..=205).contains(&mean), "{mean}");
        assert_eq!(keys_of(216_000), 10_000);
    }
}
