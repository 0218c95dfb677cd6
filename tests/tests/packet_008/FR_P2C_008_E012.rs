//! E012, C12 and C15: the loop of evictions keeps to the limit while clients write, ends in time, and fails only when it must.

use crate::bed::{Bed, count, load, until};
use crate::rows;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::frame::Frame;

const MIB: u64 = 1 << 20;
const VALUE: usize = 10 << 10;
/// What the buffers of the client that looks may add.
const SLACK: u64 = 64 << 10;
/// How long clients write.
const TIME: Duration = Duration::from_secs(3);
const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

rows! { "evict.eviction_loop_contract_violation":
    FR_P2C_008_STRICT_E012_bound FR_P2C_008_HARDENED_E012_bound memory_stays_within_its_bound;
    FR_P2C_008_STRICT_E012_fails FR_P2C_008_HARDENED_E012_fails it_fails_and_recovers;
    FR_P2C_008_STRICT_E012_scripts FR_P2C_008_HARDENED_E012_scripts a_refused_script_is_told;
    FR_P2C_008_STRICT_E012_tenacity FR_P2C_008_HARDENED_E012_tenacity any_tenacity_gets_there;
}

fn used(client: &mut Client) -> u64 {
    count(client, "memory", "used_memory")
}

/// Several clients write as fast as they can; every 10 ms somebody looks.
fn memory_stays_within_its_bound(bed: &mut Bed) {
    for policy in ["allkeys-lru", "allkeys-random", "volatile-ttl", "allkeys-s3fifo"] {
        let server = bed.ours(&["--maxmemory-policy", policy]);
        let mut client = server.client();
        client.ok("DEBUG POPULATE 1000 key 1000");
        let limit = used(&mut client) + 64 * MIB;
        client.ok(&format!("CONFIG SET maxmemory {limit}"));
        let (stop, end) = (AtomicBool::new(false), mpsc::channel::<()>());
        let greatest = std::thread::scope(|scope| {
            for writer in 0..4 {
                let (mut client, stop) = (server.client(), &stop);
                scope.spawn(move || write(&mut client, writer, stop));
            }
            let begun = Instant::now();
            let mut greatest = 0;
            while begun.elapsed() < TIME {
                greatest = greatest.max(used(&mut client));
                // Nobody sends: this is the pace of the looks.
                let _ = end.1.recv_timeout(Duration::from_millis(10));
            }
            stop.store(true, Ordering::Relaxed);
            greatest
        });
        let bound = limit + limit / 100 + 4 * (2 * VALUE as u64 + 64 * 1024);
        assert!(greatest <= bound, "{policy}: {greatest} of {limit}");
        assert!(count(&mut client, "stats", "evicted_keys") > 0, "{policy}");
        until("it is within its limit", || used(&mut client) <= limit + SLACK);
        assert_eq!(count(&mut client, "stats", "current_eviction_exceeded_time"), 0, "{policy}");
    }
}

/// Sets keys of 10 KiB with a deadline until told to stop.
fn write(client: &mut Client, writer: usize, stop: &AtomicBool) {
    let value = "x".repeat(VALUE);
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let set = |n: usize| {
            let key = format!("{writer}:{}", (written + n) % 50_000);
            ["SET", &key, &value, "EX", "100000"].map(|word| word.as_bytes().to_vec()).to_vec()
        };
        let commands: Vec<Vec<Vec<u8>>> = (0..16).map(set).collect();
        for outcome in client.pipeline(&commands) {
            let reply = outcome.expect("a reply").frame;
            assert!(!reply.is_error(), "{reply}: there is always something to evict");
        }
        written += 16;
    }
}

/// Nothing to evict: refused, told, counted; and once there is room, no longer.
fn it_fails_and_recovers(bed: &mut Bed) {
    for policy in ["noeviction", "volatile-lru"] {
        let mut server = bed.ours(&["--maxmemory-policy", policy, "--log-format", "json"]);
        let mut client = server.client();
        client.ok("DEBUG POPULATE 20000 key 1000");
        let limit = used(&mut client) - 8 * MIB;
        client.ok(&format!("CONFIG SET maxmemory {limit}"));
        let begun = Instant::now();
        until("it fails", || client.ask("SET more x") == Frame::Error(OOM.into()));
        // Failing does not wait for anything: many refusals take no longer than as many replies.
        for _ in 0..1_000 {
            assert_eq!(client.ask("SET more x"), Frame::Error(OOM.into()));
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        // A core that had not looked yet may have taken the first one.
        assert!(matches!(client.ask("DBSIZE"), Frame::Int(20_000..=20_001)));
        assert_eq!(count(&mut client, "stats", "evicted_keys"), 0);
        until("it is counted", || count(&mut client, "stats", "current_eviction_exceeded_time") > 0);
        server.wait_line("oom_refused").expect("refusals are in the audit log");
        if !server.log_holds("\"eviction_failing\"") {
            server.wait_line("\"eviction_failing\"").expect("and that nothing can be evicted");
        }
        for key in 0..12_000 {
            assert_eq!(client.ask(&format!("DEL key:{key}")), Frame::Int(1), "deleting needs no memory");
        }
        until("it recovers", || client.ask("SET more x") == Frame::Simple(b"OK".to_vec()));
        until("the time ends", || count(&mut client, "stats", "current_eviction_exceeded_time") == 0);
        assert!(count(&mut client, "stats", "total_eviction_exceeded_time") > 0);
        loop {
            let line = server.wait_line("\"eviction_failing\"").expect("the recovery is in the audit log");
            if line.contains("\"outcome\":\"pass\"") {
                assert!(line.contains("evict.eviction_loop_contract_violation"), "{line}");
                break;
            }
        }
    }
}

/// A script that does not say what it needs is refused whole, and that is in the audit log as the refusal of a command is.
fn a_refused_script_is_told(bed: &mut Bed) {
    let mut server = bed.ours(&["--maxmemory-policy", "noeviction", "--log-format", "json"]);
    let mut client = server.client();
    client.ok("DEBUG POPULATE 20000 key 1000");
    let limit = used(&mut client) - 8 * MIB;
    client.ok(&format!("CONFIG SET maxmemory {limit}"));
    let script = ["EVAL", "#!lua\nreturn 1", "0"].map(|word| word.as_bytes().to_vec());
    until("it is refused", || client.call(&script).expect("a reply").frame == Frame::Error(OOM.into()));
    server.wait_line("oom_refused").expect("the refusal is in the audit log");
}

fn any_tenacity_gets_there(bed: &mut Bed) {
    for tenacity in [0, 10, 50, 100] {
        let server = bed.ours(&["--maxmemory-eviction-tenacity", &tenacity.to_string()]);
        let mut client = server.client();
        let set = |key: usize| vec!["SET".into(), key.to_string(), "x".repeat(500)];
        load(&mut client, (0..40_000).map(set), b'+');
        let limit = used(&mut client) - 8 * MIB;
        client.ok("CONFIG SET maxmemory-policy allkeys-random");
        client.ok(&format!("CONFIG SET maxmemory {limit}"));
        // Without any command: the rest is done between turns.
        until("memory is within its limit", || used(&mut client) <= limit + SLACK);
        assert!(count(&mut client, "stats", "evicted_keys") > 0, "tenacity {tenacity}");
        client.ok("SET more x");
        // In this order: more may go between the looks.
        let Frame::Int(left) = client.ask("DBSIZE") else { panic!("a number") };
        let evicted = count(&mut client, "stats", "evicted_keys");
        // 8 MiB are some 16,500 keys; cores that pay at the same time may pay for a slice each too much.
        let least = 40_000 - 16_500 - 1_000 * bed.cores() as i64;
        assert!(left as u64 + evicted >= 40_000 && left > least, "too many went: {left} are left");
    }
}
