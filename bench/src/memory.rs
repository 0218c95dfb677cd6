//! Resident bytes per key beyond key and value.

use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::error::BenchError;
use crate::goal::{ASHLAR, BYTES_PER_KEY, Verdict};
use crate::procfs;
use crate::resp_client::{KeyRange, fill};
use crate::rig::Rig;
use crate::server::Server;

/// Keys of a measurement.
pub(crate) const KEYS: u64 = 2_000_000;
/// `key:` and twelve digits.
const KEY_BYTES: f64 = 16.0;
/// Bytes of a value: the goal's, and that of the load runs.
pub(crate) const VALUE_BYTES: [usize; 2] = [16, 64];

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Overhead {
    /// The contender's name.
    pub(crate) contender: &'static str,
    /// Bytes of each value.
    pub(crate) value_bytes: usize,
    /// Resident bytes per key beyond key and value.
    pub(crate) bytes_per_key: f64,
}

/// Fills a fresh one-core server of each contender that stores anything, once per value size.
pub(crate) fn measure(contenders: &[Contender], rig: &Rig) -> Result<Vec<Overhead>, BenchError> {
    let mut rows = Vec::new();
    for value_bytes in VALUE_BYTES {
        for contender in contenders.iter().filter(|c| c.stores()) {
            let server = Server::start(contender, 1, None, rig)?;
            let before = settled(server.pid())?;
            fill(server.endpoint.port, KeyRange { prefix: "key:", first: 0, count: KEYS }, &"x".repeat(value_bytes))?;
            let grown = settled(server.pid())?.saturating_sub(before);
            let bytes_per_key = grown as f64 / KEYS as f64 - KEY_BYTES - value_bytes as f64;
            eprintln!("  memory, {value_bytes}-byte values: {:<14} {bytes_per_key:.1} bytes per key", contender.name);
            rows.push(Overhead { contender: contender.name, value_bytes, bytes_per_key });
        }
    }
    Ok(rows)
}

/// The verdict on the memory goal.
pub(crate) fn judge(rows: &[Overhead]) -> Verdict {
    let row = rows.iter().find(|row| row.contender == ASHLAR && row.value_bytes == VALUE_BYTES[0]);
    Verdict {
        what: format!("{:<24} resident bytes per key beyond key and value", "2m keys, 16b + 16b"),
        measured: row.map(|row| row.bytes_per_key),
        at_most: BYTES_PER_KEY,
    }
}

/// Resident bytes once they have stopped moving: a server may still be returning buffers or finishing a resize.
pub(crate) fn settled(pid: u32) -> Result<u64, BenchError> {
    const PAUSE: Duration = Duration::from_millis(200);
    const NOISE: u64 = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(10);
    let end = Instant::now() + PATIENCE;
    let mut last = procfs::resident_bytes(pid)?;
    loop {
        std::thread::sleep(PAUSE);
        let bytes = procfs::resident_bytes(pid)?;
        if bytes.abs_diff(last) <= NOISE || Instant::now() >= end {
            return Ok(bytes);
        }
        last = bytes;
    }
}
