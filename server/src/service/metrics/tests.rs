//! The metrics text, line by line.

use std::collections::BTreeSet;

use keyspace::store::DbTotals;
use shard::report::{ClientTotals, CpuTime, MemoryTotals, Traffic};
use shard::stats::Stats;

use super::*;

fn server() -> ServerInfo {
    ServerInfo {
        run_id: "ab".repeat(20),
        pid: 42,
        started_us: 1_000_000,
        executable: "/ashlar".into(),
        config_file: None,
        default_bind: true,
    }
}

/// The report of a core with some history: `n` times as much as core 1.
fn report(n: u64) -> CoreReport {
    let table = command::table();
    let mut stats = Stats::new(table.all().len());
    let get = table.find(b"GET").expect("GET is a command").id;
    (0..n).for_each(|_| stats.executed(get, 3_000, true));
    stats.failed(get, b"WRONGTYPE no string");
    CoreReport {
        stats,
        databases: vec![DbTotals { keys: 10 * n, volatile: n, timed_hashes: 0 }, DbTotals::default()],
        traffic: Traffic { accepted: n, hops: 7, ..Traffic::default() },
        clients: ClientTotals { connected: n, ..ClientTotals::default() },
        memory: MemoryTotals { data: 1000, tables: 100, clients: 20, startup: 3, ..MemoryTotals::default() },
        process: (n == 1).then(|| ProcessReport {
            cpu: CpuTime { user_us: 1_500_000, system_us: 0 },
            rss_bytes: 4096,
            used_bytes_peak: 1,
            machine_bytes: 1 << 30,
            os: "Linux \"6\"".into(),
        }),
        ..CoreReport::default()
    }
}

fn exposition() -> String {
    View::new(vec![report(1), report(2)], Arc::new(server()), Arc::default()).exposition()
}

#[test]
fn values_are_sums_and_each_core_has_its_own_series() {
    let text = exposition();
    for line in [
        "redis_up 1",
        "redis_connected_clients 3",
        "redis_commands_processed_total 3",
        "redis_commands_total{cmd=\"get\"} 3",
        "redis_commands_duration_seconds_total{cmd=\"get\"} 0.000009",
        "redis_commands_failed_calls_total{cmd=\"get\"} 2",
        "redis_errors_total{err=\"WRONGTYPE\"} 2",
        "redis_db_keys{db=\"db0\"} 30",
        "redis_db_keys{db=\"db1\"} 0",
        "redis_db_keys_expiring{db=\"db0\"} 3",
        "redis_memory_used_bytes 2046",
        "redis_memory_used_dataset_bytes 1800",
        "redis_memory_used_peak_bytes 2046",
        "redis_cpu_user_seconds_total 1.5",
        "redis_commands_latencies_usec_bucket{cmd=\"get\",le=\"1\"} 0",
        "redis_commands_latencies_usec_bucket{cmd=\"get\",le=\"4\"} 3",
        "redis_commands_latencies_usec_bucket{cmd=\"get\",le=\"+Inf\"} 3",
        "redis_commands_latencies_usec_sum{cmd=\"get\"} 9",
        "redis_latency_percentiles_usec_count{cmd=\"get\"} 3",
        "ashlar_core_connected_clients{core=\"0\"} 1",
        "ashlar_core_connected_clients{core=\"1\"} 2",
        "ashlar_core_hops_total{core=\"1\"} 7",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    let info = text.lines().find(|line| line.starts_with("redis_instance_info{")).expect("there is one");
    assert!(
        info.contains("redis_version=\"7.2.4\"") && info.contains("os=\"Linux \\\"6\\\"\"") && info.ends_with("} 1")
    );
}

/// The format's own rules: every sample follows the header of its family, families are not repeated, no series twice.
#[test]
fn the_text_keeps_the_rules_of_the_format() {
    let text = exposition();
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default();
            assert!(families.insert(family), "{family} stands twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(rest.starts_with(family));
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
            assert!(series.insert(name), "{name} stands twice");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            let bare = name.split('{').next().unwrap_or_default();
            let suffix = bare.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            assert!(["", "_bucket", "_sum", "_count"].contains(&suffix), "{line} is not of {family}");
            assert!(bare.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{bare}");
        }
    }
    assert!(text.ends_with('\n') && families.len() > 60);
}

#[test]
fn counters_say_so_in_their_name_and_gauges_do_not() {
    // Names of redis_exporter that break the rule.
    let exceptions = ["redis_total_reads_processed", "redis_total_writes_processed", "redis_total_error_replies"];
    let all = table::SERVER.iter().map(|m| (m.name, m.kind)).chain(table::CORE.iter().map(|m| (m.name, m.kind)));
    for (name, kind) in all.filter(|(name, _)| !exceptions.contains(name)) {
        assert_eq!(kind == text::Kind::Counter, name.ends_with("_total"), "{name}");
    }
}
