//! E011, C11: no policy takes a key outside its class, and each takes what it means.

use crate::bed::{Bed, count, event, listener, until};
use crate::rows;
use std::collections::BTreeSet;
use tests::client::Client;
use tests::frame::Frame;

/// Keys of each kind at the start.
const KEYS: u64 = 6_000;
const MIB: u64 = 1 << 20;
/// What the buffers of the client that looks may add.
const SLACK: u64 = 64 << 10;

const POLICIES: [&str; 11] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-lrm",
    "allkeys-random",
    "allkeys-s3fifo",
    "volatile-lru",
    "volatile-lfu",
    "volatile-lrm",
    "volatile-random",
    "volatile-ttl",
];

rows! { "evict.policy_candidate_selection_violation":
    FR_P2C_008_STRICT_E011_class FR_P2C_008_HARDENED_E011_class no_key_outside_the_class;
    FR_P2C_008_STRICT_E011_ttl FR_P2C_008_HARDENED_E011_ttl the_nearest_deadlines_go_first;
    FR_P2C_008_STRICT_E011_used FR_P2C_008_HARDENED_E011_used what_is_used_stays;
}

/// Fills the server: keys with a deadline, the later the greater their number, and as many without one.
fn fill(client: &mut Client) {
    for key in 0..KEYS {
        client.ok(&format!("SET timed:{key} {} PXAT {}", "x".repeat(400), 4_000_000_000_000 + key as i64));
        client.ok(&format!("SET lasting:{key} {}", "x".repeat(400)));
    }
}

/// Sets the limit this much below what is used, and waits until the server keeps to it.
fn squeeze(client: &mut Client, policy: &str, below: u64) {
    client.ok(&format!("CONFIG SET maxmemory-policy {policy}"));
    let limit = count(client, "memory", "used_memory") - below;
    client.ok(&format!("CONFIG SET maxmemory {limit}"));
    until("memory is within its limit", || count(client, "memory", "used_memory") <= limit + SLACK);
    // What clients use from now on takes no more keys.
    client.ok("CONFIG SET maxmemory 0");
}

fn there(client: &mut Client, kind: &str) -> u64 {
    (0..KEYS).filter(|key| client.ask(&format!("EXISTS {kind}:{key}")) == Frame::Int(1)).count() as u64
}

fn no_key_outside_the_class(bed: &mut Bed) {
    for policy in POLICIES {
        let server = bed.ours(&[]);
        let (mut client, mut heard) = (server.client(), listener(&server, &["evicted"]));
        fill(&mut client);
        if policy == "noeviction" {
            let limit = count(&mut client, "memory", "used_memory") - MIB;
            client.ok(&format!("CONFIG SET maxmemory {limit}"));
            assert!(client.ask("SET more value").is_error());
            assert_eq!(
                (client.ask("DBSIZE"), count(&mut client, "stats", "evicted_keys")),
                (Frame::Int(2 * KEYS as i64), 0)
            );
            continue;
        }
        squeeze(&mut client, policy, MIB);
        let evicted = count(&mut client, "stats", "evicted_keys");
        let names: BTreeSet<Vec<u8>> = (0..evicted).map(|_| event(&mut heard).1).collect();
        assert_eq!(names.len() as u64, evicted, "{policy}: each once, and each is told");
        let [timed, lasting] = ["timed", "lasting"].map(|kind| there(&mut client, kind));
        assert_eq!(evicted, 2 * KEYS - timed - lasting, "{policy}: {timed} and {lasting} are left");
        if policy.starts_with("volatile") {
            assert_eq!(lasting, KEYS, "{policy} took a key without a deadline");
            assert!(names.iter().all(|name| name.starts_with(b"timed:")), "{policy}");
        }
        assert!(evicted > 0, "{policy}");
        bed.sum(policy.as_bytes(), &[]);
    }
}

fn the_nearest_deadlines_go_first(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let (mut client, mut heard) = (server.client(), listener(&server, &["evicted"]));
    fill(&mut client);
    squeeze(&mut client, "volatile-ttl", MIB);
    let evicted = count(&mut client, "stats", "evicted_keys");
    let mean = (0..evicted)
        .map(|_| {
            let name = String::from_utf8(event(&mut heard).1).expect("a name");
            name.trim_start_matches("timed:").parse::<u64>().expect("a number")
        })
        .sum::<u64>()
        / evicted;
    // By chance half of all, at best half as many as were taken. Of a lowered limit several cores pay unequal parts, each with its own
    // nearest.
    let (best, chance) = (evicted / 2, KEYS / 2);
    let percent = if bed.cores() == 1 { 25 } else { 80 };
    let near = (mean - best) * 100 <= (chance - best) * percent;
    assert!(near, "{evicted} keys, number {mean} on average");
}

fn what_is_used_stays(bed: &mut Bed) {
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let server = bed.ours(&["--maxmemory-samples", "10", "--lfu-log-factor", "1"]);
        let mut client = server.client();
        client.ok(&format!("CONFIG SET maxmemory-policy {policy}"));
        fill(&mut client);
        let begun = crate::bed::clock(&mut client);
        until("the clock of access moves on", || crate::bed::clock(&mut client) > begun + 2_100);
        const USED: u64 = 1_000;
        for _ in 0..20 {
            for key in 0..USED {
                client.ask(&format!("GET lasting:{key}"));
            }
        }
        squeeze(&mut client, policy, 2 * MIB);
        let left = (0..USED).filter(|key| client.ask(&format!("EXISTS lasting:{key}")) == Frame::Int(1)).count() as u64;
        let [timed, lasting] = ["timed", "lasting"].map(|kind| there(&mut client, kind));
        let others = (timed + lasting - left) as f64 / (2 * KEYS - USED) as f64;
        assert!(
            left as f64 / USED as f64 > others + 0.1,
            "{policy}: {left} of {USED} used ones stay, of others {others:.2}"
        );
    }
}
