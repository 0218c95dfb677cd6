//! Metrics with a series per database, command or error code, by redis_exporter's names.

use shard::command::CommandTable;
use shard::stats::CommandStats;

use super::View;
use super::text::{Exposition, Kind};
use crate::config::REDIS_VERSION;

/// Upper bounds of the latency histogram's buckets: powers of two of a microsecond, up to a second. As many series per command.
const LATENCY_BUCKETS: u32 = 21;

/// Who this is.
pub(super) fn identity(out: &mut Exposition, view: &View) {
    let name = "redis_instance_info";
    out.family(name, Kind::Gauge, "Facts about the server, as labels.");
    let labels = [
        ("role", "master"),
        ("redis_version", REDIS_VERSION),
        ("redis_build_id", ""),
        ("redis_mode", if view.settings.cluster_enabled { "cluster" } else { "standalone" }),
        ("os", &view.process.os),
        ("maxmemory_policy", view.settings.maxmemory_policy.name()),
        ("tcp_port", &view.settings.port.to_string()),
        ("run_id", &view.server.run_id),
        ("process_id", &view.server.pid.to_string()),
    ];
    out.sample(name, &labels, 1.0);
    out.family("ashlar_info", Kind::Gauge, "Ashlar's own version, as a label, and the number of its cores.");
    let cores = view.cores.len().to_string();
    out.sample("ashlar_info", &[("version", env!("CARGO_PKG_VERSION")), ("cores", &cores)], 1.0);
}

/// A series per database, empty ones included, labelled as in INFO.
pub(super) fn databases(out: &mut Exposition, view: &View) {
    let names: Vec<String> = (0..view.sum.databases.len()).map(|number| format!("db{number}")).collect();
    out.family("redis_db_keys", Kind::Gauge, "Keys by database, expired ones included.");
    for (name, totals) in names.iter().zip(&view.sum.databases) {
        out.sample("redis_db_keys", &[("db", name)], totals.keys as f64);
    }
    out.family("redis_db_keys_expiring", Kind::Gauge, "Keys with a deadline by database.");
    for (name, totals) in names.iter().zip(&view.sum.databases) {
        out.sample("redis_db_keys_expiring", &[("db", name)], totals.volatile as f64);
    }
}

/// A number of one command.
type OfCommand = (&'static str, &'static str, fn(&CommandStats) -> f64);

/// Counters per command, in INFO's units where the exporter keeps them.
const COMMAND_COUNTERS: [OfCommand; 4] = [
    ("redis_commands_total", "Calls by command.", |stats| stats.calls as f64),
    ("redis_commands_duration_seconds_total", "Time in each command.", |stats| stats.ns as f64 / 1e9),
    ("redis_commands_rejected_calls_total", "Calls refused before they began, by command.", |stats| {
        stats.rejected as f64
    }),
    ("redis_commands_failed_calls_total", "Calls answered with an error, by command.", |stats| stats.failed as f64),
];

/// A series per command that was ever called.
pub(super) fn commands(out: &mut Exposition, view: &View, table: &CommandTable) {
    let called = |stats: &CommandStats| stats.calls > 0 || stats.rejected > 0 || stats.failed > 0;
    let all = table.all().iter().map(|command| (command.spec.name, view.sum.stats.command(command.id)));
    let commands: Vec<(&str, &CommandStats)> = all.filter(|(_, stats)| called(stats)).collect();
    for (name, help, value) in COMMAND_COUNTERS {
        out.family(name, Kind::Counter, help);
        for (command, stats) in &commands {
            out.sample(name, &[("cmd", command)], value(stats));
        }
    }
    latency_histograms(out, &commands);
    latency_percentiles(out, &commands, &view.settings.latency_tracking_info_percentiles);
}

fn latency_histograms(out: &mut Exposition, commands: &[(&str, &CommandStats)]) {
    let name = "redis_commands_latencies_usec";
    out.family(name, Kind::Histogram, "Time of each call in microseconds, by command.");
    for (command, stats) in commands {
        let Some(latency) = &stats.latency else { continue };
        for power in 0..LATENCY_BUCKETS {
            let us = 1_u64 << power;
            let labels = [("cmd", *command), ("le", &us.to_string())];
            out.sample(&format!("{name}_bucket"), &labels, latency.up_to(us * 1000) as f64);
        }
        let count = latency.count() as f64;
        out.sample(&format!("{name}_bucket"), &[("cmd", command), ("le", "+Inf")], count);
        out.sample(&format!("{name}_sum"), &[("cmd", command)], stats.ns as f64 / 1e3);
        out.sample(&format!("{name}_count"), &[("cmd", command)], count);
    }
}

/// The exporter's quantiles are percents, as INFO has them.
fn latency_percentiles(out: &mut Exposition, commands: &[(&str, &CommandStats)], percentiles: &[f64]) {
    let name = "redis_latency_percentiles_usec";
    out.family(name, Kind::Summary, "Percentiles of the time of a call in microseconds, by command.");
    for (command, stats) in commands {
        let Some(latency) = &stats.latency else { continue };
        for percentile in percentiles {
            let labels = [("cmd", *command), ("quantile", &percentile.to_string())];
            out.sample(name, &labels, latency.percentile(*percentile) as f64 / 1e3);
        }
        out.sample(&format!("{name}_sum"), &[("cmd", command)], stats.ns as f64 / 1e3);
        out.sample(&format!("{name}_count"), &[("cmd", command)], latency.count() as f64);
    }
}

/// A series per error code.
pub(super) fn errors(out: &mut Exposition, view: &View) {
    out.family("redis_errors_total", Kind::Counter, "Error replies by code.");
    for (code, count) in &view.sum.stats.errors {
        out.sample("redis_errors_total", &[("err", code)], *count as f64);
    }
}
