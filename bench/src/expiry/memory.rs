//! The memory of a deadline: the same keys with and without one.

use std::time::Duration;

use crate::contender::Contender;
use crate::error::BenchError;
use crate::goal::{ASHLAR, print_at_most};
use crate::memory::settled;
use crate::resp_client::{feed, info_number};
use crate::rig::Rig;
use crate::server::Server;

/// Keys of a measurement.
const KEYS: u64 = 2_000_000;
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the deadline in an entry of ours: what comes on top of them is the index of what is due.
const IN_ENTRY: f64 = 8.0;
/// The most that the rest may be.
const BEYOND_AT_MOST: f64 = 12.0;

/// Bytes that a server grew by, per key: by its own account, and resident.
#[derive(Clone, Copy)]
struct Grown {
    used: f64,
    resident: f64,
}

/// Measures every contender and prints its figures.
pub(super) fn run(contenders: &[Contender], rig: &Rig) -> Result<(), BenchError> {
    println!("bytes of a deadline, {KEYS} keys of 16 bytes with 16-byte values");
    for contender in contenders {
        let plain = grown(contender, &[], rig)?;
        let volatile = grown(contender, &["EX", "100000"], rig)?;
        let used = volatile.used - plain.used;
        println!(
            "  {:<12} used_memory {:.1} -> {:.1}: {used:.1}; resident {:.1} -> {:.1}: {:.1}",
            contender.name,
            plain.used,
            volatile.used,
            plain.resident,
            volatile.resident,
            volatile.resident - plain.resident
        );
        if contender.name == ASHLAR {
            print_at_most("bytes beyond the 8 in the entry (used_memory)", used - IN_ENTRY, BEYOND_AT_MOST);
        }
    }
    Ok(())
}

/// What a fresh server grows by when the keys are set with these words.
fn grown(contender: &Contender, words: &[&str], rig: &Rig) -> Result<Grown, BenchError> {
    let server = Server::start(contender, 1, None, rig)?;
    let look = || -> Result<(u64, u64), BenchError> {
        let resident = settled(server.pid())?;
        let memory = server.ask(&["INFO", "memory"], PATIENCE)?;
        Ok((info_number(&memory, "used_memory")?, resident))
    };
    let before = look()?;
    let set = |number: u64| {
        let key = format!("due:{number:012}");
        ["SET", &key, "sixteen letters."].iter().chain(words).map(|word| (*word).to_owned()).collect()
    };
    feed(server.endpoint.port, &mut (0..KEYS).map(set))?;
    let after = look()?;
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / KEYS as f64;
    Ok(Grown { used: each(before.0, after.0), resident: each(before.1, after.1) })
}
