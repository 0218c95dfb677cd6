//! INFO's figures are true: the same work on redis-server and on `ashlar` gives the same counts. That its fields are
//! all there is shown in `differential.rs`.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tests::binaries::ashlar_is_redis;
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::server::{Kind, Server};

const KINDS: [Kind; 3] = [Kind::Redis, Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }];

fn info(client: &mut Client) -> BTreeMap<String, String> {
    let reply = client.ask("INFO everything");
    let text = String::from_utf8_lossy(reply.text().expect("INFO answers text")).into_owned();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn number(info: &BTreeMap<String, String>, field: &str) -> i64 {
    info.get(field).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} is a number"))
}

/// Fields that the work below determines.
const COUNTED: &[&str] = &[
    "keyspace_hits",
    "keyspace_misses",
    "expired_keys",
    "evicted_keys",
    "connected_clients",
    "blocked_clients",
    "total_error_replies",
    "rejected_connections",
    "connected_slaves",
    "loading",
    "role",
    "redis_mode",
    "arch_bits",
    "maxmemory",
    "maxmemory_policy",
    "maxclients",
    "cluster_enabled",
    "aof_enabled",
    "rdb_bgsave_in_progress",
    "tracking_clients",
    "pubsub_channels",
];

/// The same work everywhere: hits, misses, errors, an expiry.
fn work(server: &Server) -> BTreeMap<String, String> {
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    clients[0].ok("CONFIG RESETSTAT");
    clients[0].ok("DEBUG SET-ACTIVE-EXPIRE 0");
    for (index, client) in clients.iter_mut().enumerate() {
        client.ok(&format!("SET k{index} v"));
        client.ask(&format!("GET k{index}"));
        client.ask(&format!("GET none{index}"));
        client.ask("MGET k0 k1 none k2");
        client.ask("EXISTS k0 none");
        client.ask("TTL k0");
        client.ask("STRLEN none");
        client.ask("INCR k0");
        client.ask("NOSUCHCOMMAND");
        client.ask("GET");
        client.ok(&format!("SET soon{index} v PX 1"));
    }
    clients[0].ok("DEBUG SLEEP 0.01");
    for (index, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("GET soon{index}"));
    }
    info(&mut clients[3])
}

#[test]
fn the_same_work_gives_the_same_figures() {
    let figures = KINDS.map(|kind| work(&Server::start(kind, &[])));
    for (kind, ours) in KINDS.iter().zip(&figures) {
        for field in COUNTED {
            assert_eq!(ours.get(*field), figures[0].get(*field), "{field} of {}", kind.name());
        }
        for row in ["errorstat_ERR", "db0"] {
            let mut values = [&figures[0], ours].map(|info| info.get(row).cloned().unwrap_or_default());
            values.iter_mut().for_each(|value| value.truncate(value.find(",avg_ttl").unwrap_or(value.len())));
            assert_eq!(values[0], values[1], "{row} of {}", kind.name());
        }
    }
}

#[test]
fn the_process_describes_itself() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        let mut client = server.client();
        // The resident size is sampled by a timer; redis-server reports 0 before its first tick.
        let deadline = Instant::now() + Duration::from_secs(20);
        let info = loop {
            let info = info(&mut client);
            if number(&info, "used_memory_rss") > 0 {
                break info;
            }
            assert!(Instant::now() < deadline, "{}: used_memory_rss stays 0", kind.name());
        };
        assert_eq!(number(&info, "tcp_port"), i64::from(server.port));
        assert_eq!(number(&info, "process_id"), i64::from(server.pid()));
        assert_eq!(info["run_id"].len(), 40, "{}", info["run_id"]);
        assert!(number(&info, "used_memory") > 0);
        assert!(number(&info, "uptime_in_seconds") < 60);
        assert!(number(&info, "total_commands_processed") >= 0);
        let ours = kind != Kind::Redis && !ashlar_is_redis();
        assert_eq!(info["redis_version"], if ours { "7.2.4" } else { "7.0.15" });
        assert!(!ours || info.contains_key("ashlar_version"));
        let hello = client.ask("HELLO 3");
        let version = hello.pairs().and_then(|pairs| {
            pairs.iter().find(|(name, _)| name.text() == Some(b"version")).map(|(_, value)| (*value).clone())
        });
        assert_eq!(version.as_ref().and_then(Frame::text), Some(info["redis_version"].as_bytes()));
    }
}

#[test]
fn every_core_has_a_section() {
    if ashlar_is_redis() {
        return;
    }
    for cores in [1, 4] {
        let server = Server::start(Kind::Ashlar { cores }, &[]);
        let reply = server.client().ask("INFO everything");
        let text = String::from_utf8_lossy(reply.text().expect("INFO answers text")).into_owned();
        let index = |line: &str| -> Option<usize> {
            let line = line.trim_start_matches("# ").to_lowercase();
            let digits = line.strip_prefix("core")?.trim_start_matches('_');
            digits[..digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
        };
        let found: BTreeSet<usize> = text.lines().filter_map(index).collect();
        assert_eq!(found, (0..cores).collect(), "{text}");
    }
}

#[test]
fn connections_spread_evenly_over_the_cores() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(Kind::Ashlar { cores: 4 }, &[]);
    let mut clients: Vec<Client> = Vec::new();
    // One after the other: of connections that come at once, each listener takes its share without asking the others.
    for _ in 0..40 {
        let mut client = server.client();
        assert_eq!(client.ask("PING"), Frame::Simple(b"PONG".to_vec()));
        clients.push(client);
    }
    let info = info(&mut clients[0]);
    for core in 0..4 {
        let line = &info[&format!("core{core}")];
        assert!(line.starts_with("connections=10,"), "core {core}: {line}");
    }
}

#[test]
fn connected_clients_follows_connections() {
    for kind in KINDS {
        let server = Server::start(kind, &[]);
        let mut client = server.client();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut settle = |wanted: i64| {
            while number(&info(&mut client), "connected_clients") != wanted {
                assert!(Instant::now() < deadline, "{}: {wanted} connected clients", kind.name());
            }
        };
        let mut others: Vec<Client> = (0..20).map(|_| server.client()).collect();
        settle(21);
        for other in others.drain(..10) {
            drop(other);
        }
        settle(11);
        for mut other in others {
            assert!(matches!(other.call(&["QUIT"]), Outcome::Reply(_)));
        }
        settle(1);
    }
}

#[test]
fn the_longest_turn_is_told_in_processor_time() {
    if ashlar_is_redis() {
        return;
    }
    let server = Server::start(Kind::Ashlar { cores: 1 }, &[]);
    let mut client = server.client();
    // Counting these bits takes milliseconds, in one turn.
    client.ask("SETRANGE bits 268435455 x");
    client.ok("CONFIG RESETSTAT");
    let begun = Instant::now();
    client.ask("BITCOUNT bits");
    let info = info(&mut client);
    let [cpu, turn] = ["eventloop_cpu_max", "eventloop_duration_max"].map(|field| number(&info, field));
    let elapsed = begun.elapsed().as_micros() as i64;
    assert!(cpu >= 1_000, "{cpu} µs for 256 MiB");
    assert!(turn >= 1_000 && turn <= elapsed, "{turn} µs of {elapsed}");
    // It may hold a span of the turns before.
    assert!(cpu <= elapsed + 1_000, "{cpu} µs of {elapsed}");
}
