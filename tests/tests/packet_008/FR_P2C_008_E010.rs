//! E010, C10: what counts as used, and that buffers of clients do not empty the data set. Replication's buffers, which do not count, come
//! with replication.

use crate::bed::{Bed, count, keys, load, until};
use crate::rows;
use tests::client::Client;
use tests::frame::Frame;

rows! { "evict.maxmemory_state_contract_violation":
    FR_P2C_008_STRICT_E010_counts FR_P2C_008_HARDENED_E010_counts what_counts;
    FR_P2C_008_STRICT_E010_least FR_P2C_008_HARDENED_E010_least the_least_that_works;
    FR_P2C_008_STRICT_E010_buffers FR_P2C_008_HARDENED_E010_buffers buffers_do_not_empty_the_data_set;
}

const MIB: u64 = 1 << 20;

fn used(client: &mut Client) -> u64 {
    count(client, "memory", "used_memory")
}

fn what_counts(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let mut client = server.client();
    let empty = used(&mut client);
    client.ok("DEBUG POPULATE 20000 key 1000");
    let full = used(&mut client);
    assert!(full >= empty + 20 * MIB * 95 / 100, "values count: {empty} to {full}");
    assert!(full <= empty + 30 * MIB, "and little beside them: {empty} to {full}");
    assert_eq!(count(&mut client, "memory", "mem_not_counted_for_evict"), 0, "there are no replicas");
    client.ok("FLUSHALL");
    until("what is freed does not count", || used(&mut client) <= empty + MIB);
    // What a client has sent and was not answered counts as well.
    let mut other = server.client();
    other.send_raw(format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n", 8 * MIB).as_bytes()).expect("it is sent");
    other.send_raw(&vec![b'x'; 7 << 20]).expect("it is sent");
    until("the query buffer counts", || used(&mut client) >= empty + 7 * MIB);
    drop(other);
    until("it is gone with its client", || used(&mut client) <= empty + MIB);
}

fn the_least_that_works(bed: &mut Bed) {
    let server = bed.ours(&["--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.client();
    let Frame::Error(text) = client.ask("CONFIG SET maxmemory 1") else { panic!("one byte is too little") };
    let text = String::from_utf8(text).expect("errors are text");
    let least: u64 = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .max()
        .unwrap_or_else(|| panic!("the least is not told: {text}"));
    assert!(client.ask(&format!("CONFIG SET maxmemory {}", least - 1)).is_error());
    assert_eq!(
        client.ask("CONFIG GET maxmemory").items().map(|items| items[1].clone()),
        Some(Frame::Bulk(b"0".to_vec()))
    );
    // What it is refused for is taken; a little more has room for clients and for a key.
    client.ok(&format!("CONFIG SET maxmemory {least}"));
    assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
    client.ok(&format!("CONFIG SET maxmemory {}", least + MIB));
    client.ok("SET key value");
    assert_eq!(client.ask("GET key"), Frame::Bulk(b"value".to_vec()));
}

/// A client asks for much and reads nothing: it goes, not the keys of others.
fn buffers_do_not_empty_the_data_set(bed: &mut Bed) {
    let server = bed.ours(&["--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", "4mb"]);
    let mut client = server.client();
    client.ok("DEBUG POPULATE 20000 key 1000");
    client.call(&["SET", "large", &"x".repeat(1 << 20)]).expect("a reply");
    let limit = used(&mut client) + 16 * MIB;
    client.ok(&format!("CONFIG SET maxmemory {limit}"));
    let before = keys(&mut client, 0).0;
    for _ in 0..8 {
        let mut greedy = server.client();
        for _ in 0..64 {
            if greedy.send(&["GET", "large"]).is_err() {
                break;
            }
        }
        until("it is closed", || {
            let lines = client.ask("CLIENT LIST");
            String::from_utf8_lossy(lines.text().expect("lines")).lines().count() == 1
        });
        drop(greedy);
    }
    let after = keys(&mut client, 0).0;
    assert!(count(&mut client, "stats", "evicted_clients") > 0);
    assert!(after * 10 >= before * 9, "{before} keys became {after}");
    load(&mut client, (0..100).map(|key| vec!["SET".into(), format!("more:{key}"), "x".into()]), b'+');
}
