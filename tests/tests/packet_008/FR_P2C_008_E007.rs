//! E007, C07: PERSIST in its three cases, told only when it did something.

use crate::bed::{Bed, Beside, clock, count, event, keys, listener};
use crate::rows;
use tests::frame::Frame;

rows! { "expire.persist_contract_violation":
    FR_P2C_008_STRICT_E007_replies FR_P2C_008_HARDENED_E007_replies replies;
    FR_P2C_008_STRICT_E007_told FR_P2C_008_HARDENED_E007_told what_is_told;
}

fn replies(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    for make in ["SET key v", "RPUSH key v", "HSET key f v", "SADD key v", "ZADD key 1 v", "XADD key 1-1 f v"] {
        beside.same("PERSIST key");
        beside.same(make);
        beside.same("PERSIST key");
        beside.same("PEXPIREAT key 4000000000000");
        beside.same("PERSIST key");
        beside.same("PTTL key");
        beside.same("PERSIST key");
        // On a key whose time is over, which is still there.
        let at = clock(&mut beside.servers[1].client()) + 10;
        beside.same(&format!("PEXPIREAT key {at}"));
        beside.pass(at);
        beside.same("PERSIST key");
        beside.same("EXISTS key");
        beside.same("DEL key");
    }
    beside.same("PERSIST");
    beside.same("PERSIST a b");
}

fn what_is_told(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let mut client = server.client();
    let mut heard = listener(&server, &["persist"]);
    let mut watcher = server.client();
    client.ok("SET key v");
    watcher.ok("WATCH key");
    let changes = count(&mut client, "persistence", "rdb_changes_since_last_save");
    assert_eq!((client.ask("PERSIST key"), client.ask("PERSIST nokey")), (Frame::Int(0), Frame::Int(0)));
    assert_eq!(count(&mut client, "persistence", "rdb_changes_since_last_save"), changes, "no change");
    watcher.ok("MULTI");
    watcher.ask("PING");
    assert!(!watcher.ask("EXEC").is_null(), "nothing changed");
    client.ask("PEXPIREAT key 4000000000000");
    watcher.ok("WATCH key");
    assert_eq!((client.ask("PERSIST key"), keys(&mut client, 0)), (Frame::Int(1), (1, 0)));
    assert_eq!(event(&mut heard), ("persist".into(), b"key".to_vec()));
    watcher.ok("MULTI");
    watcher.ask("PING");
    assert!(watcher.ask("EXEC").is_null(), "the key changed");
    client.ask("PUBLISH __keyevent@0__:persist end");
    assert_eq!(event(&mut heard).1, b"end", "it was told once");
}
