//! Measurements and their medians.

use crate::load::Generator;
use crate::stats::Spread;

/// One load run against one server.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The contender's name.
    pub(crate) contender: &'static str,
    /// The cell's id.
    pub(crate) cell: String,
    /// Round, from 1.
    pub(crate) round: usize,
    /// Which tool made the load.
    pub(crate) generator: Generator,
    /// Requests completed.
    pub(crate) requests: u64,
    /// Values of [`Metric::ALL`], in its order.
    pub(crate) values: [f64; Metric::ALL.len()],
    /// Program and arguments of the tool.
    pub(crate) command_line: String,
}

/// What is measured in a load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// CPU time of all threads of the server divided by the requests completed.
    CpuPerRequest,
    /// Requests per second.
    Throughput,
    /// Median latency.
    P50,
    /// 99th percentile of latency.
    P99,
    /// 99.9th percentile of latency.
    P999,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub(crate) const ALL: [Self; 5] = [Self::CpuPerRequest, Self::Throughput, Self::P50, Self::P99, Self::P999];

    /// Its name with the unit.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CpuPerRequest => "server CPU per request, ns",
            Self::Throughput => "throughput, requests/s",
            Self::P50 => "latency p50, ms",
            Self::P99 => "latency p99, ms",
            Self::P999 => "latency p99.9, ms",
        }
    }

    /// Its name in raw results.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::CpuPerRequest => "cpu_ns_per_request",
            Self::Throughput => "requests_per_second",
            Self::P50 => "p50_ms",
            Self::P99 => "p99_ms",
            Self::P999 => "p999_ms",
        }
    }

    /// A value of it as people read it.
    pub(crate) fn format(self, value: f64) -> String {
        match self {
            Self::CpuPerRequest | Self::Throughput => grouped(value),
            Self::P50 | Self::P99 | Self::P999 => format!("{value:.3}"),
        }
    }
}

/// All samples of a run.
#[derive(Default)]
pub(crate) struct Results {
    /// In the order of measurement.
    pub(crate) samples: Vec<Sample>,
}

impl Results {
    /// Median and spread over the rounds; `None` where nothing was measured. O(samples).
    pub(crate) fn spread(&self, contender: &str, cell: &str, generator: Generator, metric: Metric) -> Option<Spread> {
        let of_cell =
            self.samples.iter().filter(|s| s.contender == contender && s.cell == cell && s.generator == generator);
        Spread::of(of_cell.map(|s| s.values[metric as usize]).collect())
    }

    /// The median over the rounds.
    pub(crate) fn median(&self, contender: &str, cell: &str, generator: Generator, metric: Metric) -> Option<f64> {
        self.spread(contender, cell, generator, metric).map(|spread| spread.median)
    }
}

/// Rounded, with a comma between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, text) in
            [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567"), (-123.0, "-123")]
        {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn medians_are_kept_apart() {
        let sample = |contender, round, cpu| Sample {
            contender,
            cell: "c".to_owned(),
            round,
            generator: Generator::RedisBenchmark,
            requests: 1,
            values: [cpu, 0.0, 0.0, 0.0, 0.0],
            command_line: String::new(),
        };
        let results = Results { samples: vec![sample("a", 1, 5.0), sample("b", 1, 50.0), sample("a", 2, 7.0)] };
        let median = |name, cell, generator| results.median(name, cell, generator, Metric::CpuPerRequest);
        assert_eq!(median("a", "c", Generator::RedisBenchmark), Some(6.0));
        assert_eq!(median("b", "c", Generator::RedisBenchmark), Some(50.0));
        assert_eq!(median("a", "d", Generator::RedisBenchmark), None);
        assert_eq!(median("a", "c", Generator::Memtier), None);
    }
}
