//! What `/metrics` says: the names of redis_exporter, so that dashboards made for it work, and a series per core of our own.
//!
//! Only what has a true source is there. A value without labels is a row of the table in [`table`]; what has a series per database,
//! command or error code is in [`series`].

mod series;
mod table;
mod text;

use std::sync::Arc;

use shard::command;
use shard::commands::ServerInfo;
use shard::report::{CoreReport, ProcessReport};
use shard::ring::clock;
use shard::settings::Settings;

use text::Exposition;

/// What the metrics are made from.
pub(super) struct View {
    /// All cores together.
    sum: CoreReport,
    /// By core.
    cores: Vec<CoreReport>,
    /// Facts about the process.
    process: ProcessReport,
    server: Arc<ServerInfo>,
    settings: Arc<Settings>,
    /// Seconds since the start.
    uptime_s: u64,
}

impl View {
    /// The view at this moment of reports that just came.
    pub(super) fn new(cores: Vec<CoreReport>, server: Arc<ServerInfo>, settings: Arc<Settings>) -> View {
        let sum = CoreReport::sum(&cores);
        let process = sum.process.clone().unwrap_or_default();
        let uptime_s = clock::now_us().saturating_sub(server.started_us) / 1_000_000;
        View { sum, cores, process, server, settings, uptime_s }
    }

    /// The whole text.
    pub(super) fn exposition(&self) -> String {
        let mut out = Exposition::default();
        for metric in table::SERVER {
            out.family(metric.name, metric.kind, metric.help);
            out.sample(metric.name, &[], (metric.value)(self));
        }
        series::identity(&mut out, self);
        series::databases(&mut out, self);
        series::commands(&mut out, self, command::table());
        series::errors(&mut out, self);
        for metric in table::CORE {
            out.family(metric.name, metric.kind, metric.help);
            for (number, report) in self.cores.iter().enumerate() {
                out.sample(metric.name, &[("core", &number.to_string())], (metric.value)(report));
            }
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests;
