//! E002, C02: the cycle keeps to its budget and passes no database over.

use crate::bed::{Bed, clock, count, keys, load, until};
use crate::rows;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tests::client::Client;
use tests::frame::Frame;

/// Keys with one deadline.
const MANY: usize = 1_000_000;
/// Keys of the database that is full from the beginning, and of each other.
const FULL: usize = 50_000;
const FEW: usize = 20;

rows! { "expire.fast_slow_budget_violation":
    FR_P2C_008_STRICT_E002_million FR_P2C_008_HARDENED_E002_million a_million_keys_of_one_millisecond;
    FR_P2C_008_STRICT_E002_databases_16 FR_P2C_008_HARDENED_E002_databases_16 sixteen_databases;
    FR_P2C_008_STRICT_E002_databases_256 FR_P2C_008_HARDENED_E002_databases_256 databases_256;
}

/// A command that sets a key with this deadline.
fn set(key: usize, at: i64) -> Vec<String> {
    vec!["SET".into(), key.to_string(), "x".into(), "PXAT".into(), at.to_string()]
}

/// Milliseconds that the cycle has worked, on all cores.
fn cycle_ms(client: &mut Client) -> u64 {
    count(client, "stats", "expire_cycle_cpu_milliseconds")
}

fn a_million_keys_of_one_millisecond(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let mut client = server.client();
    client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let at = clock(&mut client) + 1_000;
    load(&mut client, (0..MANY).map(|key| set(key, at)), b'+');
    until("they are due", || clock(&mut client) > at);
    assert_eq!(keys(&mut client, 0), (MANY as u64, MANY as u64));
    client.ok("CONFIG RESETSTAT");
    let begun = Instant::now();
    client.ok("DEBUG SET-ACTIVE-EXPIRE 1");
    until("they are gone", || keys(&mut client, 0) == (0, 0));
    let (took, worked) = (begun.elapsed().as_millis() as u64, cycle_ms(&mut client));
    assert_eq!(count(&mut client, "stats", "expired_keys"), MANY as u64, "each of them once");
    // By contract 25 % of each core at this effort; other processes may hold a slice up, which its clock counts.
    let share = took * bed.cores() as u64 * 43 / 100 + 100;
    assert!(worked <= share, "the cycle worked {worked} ms of {took}");
    assert!(count(&mut client, "stats", "expired_time_cap_reached_count") > 0, "it ran into its limit");
}

fn sixteen_databases(bed: &mut Bed) {
    every_database_has_its_turn(bed, 16);
}

fn databases_256(bed: &mut Bed) {
    every_database_has_its_turn(bed, 256);
}

/// While one database is filled with keys that are due, without end, the others are served.
fn every_database_has_its_turn(bed: &mut Bed, databases: usize) {
    let server = bed.ours(&["--databases", &databases.to_string()]);
    let mut client = server.client();
    client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let at = clock(&mut client) + 100;
    for db in 1..databases {
        client.ok(&format!("SELECT {db}"));
        load(&mut client, (0..FEW).map(|key| set(key, at)), b'+');
    }
    client.ok("SELECT 0");
    load(&mut client, (0..FULL).map(|key| set(key, at)), b'+');
    until("all are due", || clock(&mut client) > at);
    let served = AtomicBool::new(false);
    let filled = std::thread::scope(|scope| {
        let filler = scope.spawn(|| {
            let (mut filler, mut filled) = (server.client(), 0);
            while !served.load(Ordering::Relaxed) {
                load(&mut filler, (0..1_000).map(|key| set(FULL + filled + key, at)), b'+');
                filled += 1_000;
            }
            filled
        });
        client.ok("DEBUG SET-ACTIVE-EXPIRE 1");
        until("the others are served", || {
            let Frame::Bulk(info) = client.ask("INFO keyspace") else { panic!("INFO is text") };
            !String::from_utf8_lossy(&info).lines().any(|line| line.starts_with("db") && !line.starts_with("db0:"))
        });
        served.store(true, Ordering::Relaxed);
        filler.join().expect("the filler ends")
    });
    until("and so is the first", || keys(&mut client, 0) == (0, 0));
    assert_eq!(count(&mut client, "stats", "expired_keys"), (FULL + filled + (databases - 1) * FEW) as u64);
}
