//! What PFSELFTEST looks at: that both encodings keep the same registers, and that estimates are near the truth.

use super::{Encoding, Hit, REGISTERS, Registers, empty, encoding, estimate, make_dense, merge, raise};
use crate::hash::Random;

/// Elements that are added: enough to leave the sparse encoding and fill most registers, in some milliseconds.
const ELEMENTS: u64 = 20_000;

/// The standard error of an estimate is this, relative to the truth. Six times that happens to nobody.
const RELATIVE_ERROR: f64 = 1.04 / 128.0;

/// Tests HyperLogLogs of random elements; what is wrong, if anything is.
pub(crate) fn run(random: &mut Random) -> Result<(), &'static str> {
    let mut plain: Registers = [0; REGISTERS];
    let (mut sparse, mut dense) = (empty(), empty());
    make_dense(&mut dense).map_err(|_| "TESTFAILED an empty HyperLogLog is corrupt")?;
    for count in 1..=ELEMENTS {
        let hit = Hit::of(&random.draw().to_le_bytes());
        plain[hit.index] = plain[hit.index].max(hit.rank);
        let changed = raise(&mut dense, hit, usize::MAX);
        if changed != raise(&mut sparse, hit, SPARSE_BYTES) {
            return Err("TESTFAILED dense and sparse registers rise differently");
        }
        if count.is_power_of_two() || count == ELEMENTS {
            compare(&plain, &dense, &sparse, count)?;
        }
    }
    match encoding(&sparse) {
        Some(Encoding::Dense) => Ok(()),
        _ => Err("TESTFAILED a sparse HyperLogLog did not become dense"),
    }
}

/// Until when the sparse one stays sparse.
const SPARSE_BYTES: usize = 3000;

fn compare(plain: &Registers, dense: &[u8], sparse: &[u8], count: u64) -> Result<(), &'static str> {
    for value in [dense, sparse] {
        let mut registers: Registers = [0; REGISTERS];
        if merge(value, &mut registers).is_err() || registers != *plain {
            return Err("TESTFAILED registers are not what was stored");
        }
        let estimate = estimate(value).unwrap_or(0) as f64;
        // Few elements are told exactly but for collisions.
        if (estimate - count as f64).abs() > (6.0 * RELATIVE_ERROR * count as f64).ceil() + 1.0 {
            return Err("TESTFAILED an estimate is too far from the truth");
        }
    }
    Ok(())
}
