//! What a load tool is asked and what it answers, whichever tool it is.

mod memtier;
mod redis_benchmark;

use std::path::Path;
use std::time::Duration;

use crate::contender::Endpoint;
use crate::error::BenchError;
use crate::resp_client::KeyRange;
use crate::workload::{Cell, Verb};

pub(crate) use redis_benchmark::{PROGRAM as REDIS_BENCHMARK, parse as parse_redis_benchmark};

/// A load tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generator {
    /// Comes with redis-tools; always there.
    RedisBenchmark,
    /// Used where it is installed, for GET and SET.
    Memtier,
}

/// One run's outcome as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LoadReport {
    /// Requests completed.
    pub(crate) requests: u64,
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Median latency of a request in milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub(crate) p99_ms: f64,
    /// 99.9th percentile in milliseconds.
    pub(crate) p999_ms: f64,
}

impl Generator {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RedisBenchmark => redis_benchmark::PROGRAM,
            Self::Memtier => memtier::PROGRAM,
        }
    }

    /// Whether it can produce the load of `verb`.
    pub(crate) fn can(self, verb: Verb) -> bool {
        self == Self::RedisBenchmark || matches!(verb, Verb::Get | Verb::Set)
    }

    /// The keys that its load touches, to be filled beforehand.
    pub(crate) fn keys(self, count: u64) -> KeyRange {
        match self {
            Self::RedisBenchmark => KeyRange { prefix: "key:", first: 0, count },
            Self::Memtier => KeyRange { prefix: "key:", first: memtier::FIRST_KEY, count },
        }
    }

    /// Program and arguments of a run of `requests` of `cell`; a report file, if the tool needs one, goes to `folder`.
    pub(crate) fn command_line(self, cell: &Cell, endpoint: &Endpoint, requests: u64, folder: &Path) -> Vec<String> {
        match self {
            Self::RedisBenchmark => redis_benchmark::command_line(cell, endpoint, requests),
            Self::Memtier => memtier::command_line(cell, endpoint, requests, folder),
        }
    }

    /// Reads the outcome of a run that printed `output`.
    pub(crate) fn report(self, output: &str, folder: &Path) -> Result<LoadReport, BenchError> {
        match self {
            Self::RedisBenchmark => match redis_benchmark::parse(output)?.as_slice() {
                [report] => Ok(*report),
                _ => Err(BenchError::parse("exactly one test", output)),
            },
            Self::Memtier => memtier::read(folder),
        }
    }
}

/// The longest that a run of `requests` may take before it counts as stalled: far beyond the slowest honest run.
pub(crate) fn deadline(requests: u64) -> Duration {
    const SLOWEST_PER_SECOND: u64 = 2_000;
    Duration::from_secs(60 + requests / SLOWEST_PER_SECOND)
}
