//! INFO's sections with a line per command, error code, database or core.

use std::collections::BTreeMap;

use keyspace::store::DbTotals;

use crate::command::{CommandId, CommandTable};
use crate::settings::Settings;
use crate::stats::{CommandStats, Histogram, Stats};

use super::info::{Lines, View};

/// `# Commandstats`
pub(super) fn commands(view: &View<'_>, out: &mut Lines) {
    for (id, stats) in shown(view.facts.table, &view.sum.stats) {
        let CommandStats { calls, ns, rejected, failed, .. } = stats;
        if calls + rejected + failed == 0 {
            continue;
        }
        let us = ns / 1000;
        let us_per_call = if calls == 0 { 0.0 } else { us as f64 / calls as f64 };
        out.put(
            &format!("cmdstat_{}", view.facts.table.get(id).spec.name),
            format_args!(
                "calls={calls},usec={us},usec_per_call={us_per_call:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

/// The counters of all commands, under the rows by which clients know them.
pub(super) fn shown(table: &CommandTable, stats: &Stats) -> BTreeMap<CommandId, CommandStats> {
    let mut shown: BTreeMap<CommandId, CommandStats> = BTreeMap::new();
    for command in table.all() {
        shown.entry(table.shown(command.id)).or_default().add(stats.command(command.id));
    }
    shown
}

/// `# Errorstats`
pub(super) fn errors(view: &View<'_>, out: &mut Lines) {
    for (code, count) in &view.sum.stats.errors {
        // A code may come from a script; what would break the line is replaced, as Redis does it.
        let code = code.replace(['#', ':', '\n', '\r'], "_");
        out.put(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

/// `# Latencystats`
pub(super) fn latency(view: &View<'_>, out: &mut Lines) {
    let settings = view.facts.settings;
    if !settings.latency_tracking {
        return;
    }
    for (id, stats) in shown(view.facts.table, &view.sum.stats) {
        if let Some(histogram) = stats.latency {
            let name = format!("latency_percentiles_usec_{}", view.facts.table.get(id).spec.name);
            out.put(&name, percentiles(settings, &histogram));
        }
    }
}

fn percentiles(settings: &Settings, histogram: &Histogram) -> String {
    let one = |percent: &f64| {
        let name = format!("{percent:.6}");
        let name = name.trim_end_matches('0').trim_end_matches('.');
        format!("p{name}={:.3}", histogram.percentile(*percent) as f64 / 1000.0)
    };
    let all: Vec<String> = settings.latency_tracking_info_percentiles.iter().map(one).collect();
    all.join(",")
}

/// `# Keyspace`
pub(super) fn keyspace(view: &View<'_>, out: &mut Lines) {
    for (number, totals) in view.sum.databases.iter().enumerate() {
        if totals.keys > 0 {
            let ttl_sum = view.sum.expiry.ttl_sums.get(number).copied().unwrap_or(0);
            let ttl = ttl_sum / u128::from(totals.volatile.max(1));
            let &DbTotals { keys, volatile, timed_hashes } = totals;
            let line = format!("keys={keys},expires={volatile},avg_ttl={ttl},subexpiry={timed_hashes}");
            out.put(&format!("db{number}"), line);
        }
    }
}

/// `# Cores`: ours, a line per core.
pub(super) fn cores(view: &View<'_>, out: &mut Lines) {
    for (number, core) in view.cores.iter().enumerate() {
        let seconds = |us: u64| us as f64 / 1e6;
        let line = format!(
            "connections={},keys={},used_memory={},commands={},ops_per_sec={},hops={},visits={},loans={},\
             net_input_bytes={},net_output_bytes={},used_cpu_sys={:.6},used_cpu_user={:.6}",
            core.clients.connected,
            core.keys(),
            core.memory.used(),
            core.stats.calls(),
            core.rates.ops,
            core.traffic.hops,
            core.traffic.visits,
            core.loans,
            core.traffic.bytes_in,
            core.traffic.bytes_out,
            seconds(core.cpu.system_us),
            seconds(core.cpu.user_us),
        );
        out.put(&format!("core{number}"), line);
    }
}
