//! E006, C06: what the TTL family tells.

use crate::bed::{Bed, Beside, clock, keys};
use crate::rows;
use tests::frame::Frame;

rows! { "expire.ttl_observable_contract_violation":
    FR_P2C_008_STRICT_E006_rounding FR_P2C_008_HARDENED_E006_rounding rounding;
    FR_P2C_008_STRICT_E006_absent FR_P2C_008_HARDENED_E006_absent keys_without_deadline_and_none;
    FR_P2C_008_STRICT_E006_expired FR_P2C_008_HARDENED_E006_expired what_has_expired_and_is_still_there;
}

const BORDERS: [i64; 12] = [1, 499, 500, 501, 999, 1_000, 1_001, 1_499, 1_500, 1_501, 86_400_499, 86_400_500];

fn rounding(bed: &mut Bed) {
    // In a transaction our time stands still, that of redis-server 7.0 goes on: so ours is held to the formula.
    let server = bed.ours(&[]);
    let mut client = server.client();
    for millis in BORDERS {
        client.ok("MULTI");
        for line in [&format!("SET key v PX {millis}"), "TTL key", "PTTL key"] {
            client.ask(line);
        }
        let told = client.ask("EXEC");
        let told: Vec<i64> = told.items().expect("three replies").iter().filter_map(Frame::int).collect();
        assert_eq!(told, [(millis + 500) / 1_000, millis]);
        bed.sum(&millis.to_le_bytes(), format!("{told:?}").as_bytes());
    }
    let mut beside = Beside::start(bed, &[]);
    for millis in BORDERS {
        beside.same(&format!("SET key v PXAT {}", 4_000_000_000_000 + millis));
        beside.same("EXPIRETIME key");
        beside.same("PEXPIRETIME key");
    }
    // The last deadline that 64 bits hold: seconds round up beyond what the sum could hold.
    for at in [i64::MAX, i64::MAX - 499, i64::MAX - 500, i64::MAX - 501] {
        beside.same("SET key v");
        beside.same(&format!("PEXPIREAT key {at}"));
        beside.same("PEXPIRETIME key");
    }
}

fn keys_without_deadline_and_none(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("SET lasting v");
    beside.same("HSET hash f v");
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
        for key in ["lasting", "hash", "nokey"] {
            beside.same(&format!("{command} {key}"));
        }
        beside.same(command);
        beside.same(&format!("{command} lasting more"));
    }
}

fn what_has_expired_and_is_still_there(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
        let at = clock(&mut beside.servers[1].client()) + 20;
        beside.same(&format!("SET key v PXAT {at}"));
        beside.pass(at);
        beside.same("DBSIZE");
        beside.same(&format!("{command} key"));
        beside.same("DBSIZE");
    }
    // Telling changes nothing.
    beside.same("SET key v PXAT 4000000000000");
    beside.same("CONFIG RESETSTAT");
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
        // What is left is less for who is asked later.
        let [theirs, ours] = beside.both(&[command, "key"]).map(number);
        let unit = if command.starts_with('P') { 60_000 } else { 60 };
        let tolerance = if command.ends_with("TIME") { 0 } else { unit };
        assert!((theirs - ours).abs() <= tolerance, "{command}: {theirs} and {ours}");
        beside.same(&format!("{command} nokey"));
    }
    for server in &beside.servers {
        let mut client = server.client();
        assert_eq!(keys(&mut client, 0), (1, 1));
    }
}

/// The integer of a reply.
fn number(reply: Vec<u8>) -> i64 {
    let (frame, _) = tests::frame::parse(&reply).expect("a reply parses").expect("it is whole");
    frame.int().expect("the TTL family answers integers")
}
