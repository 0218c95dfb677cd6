//! The project's goals as a table, and the verdict on each.

use crate::load::Generator;
use crate::results::{Metric, Results};
use crate::stats::ratio;

/// Names of the contenders of `compare`.
pub(crate) const REDIS: &str = "redis-server";
/// See [`REDIS`].
pub(crate) const ASHLAR: &str = "ashlar";
/// See [`REDIS`].
pub(crate) const FLOOR: &str = "floor";
/// Names of the contenders of `hop`: one core loop; two that visit each other while parked; two that only send mail.
pub(crate) const ONE_CORE: &str = "1 core";
/// See [`ONE_CORE`].
pub(crate) const VISITS: &str = "2 visiting";
/// See [`ONE_CORE`].
pub(crate) const HOPS: &str = "2 hopping";

/// A ratio of medians that must not be exceeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// The cell's id.
    pub(crate) cell: &'static str,
    /// What is compared.
    pub(crate) metric: Metric,
    /// The contender that must be good.
    pub(crate) subject: &'static str,
    /// The one it is compared with.
    pub(crate) reference: &'static str,
    /// The highest ratio that passes.
    pub(crate) at_most: f64,
}

/// What became of a goal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The goal in words.
    pub(crate) what: String,
    /// The figure, `None` if it was not measured.
    pub(crate) measured: Option<f64>,
    /// The highest figure that passes.
    pub(crate) at_most: f64,
}

/// Resident bytes per key beyond key and value, at 2 million keys of 16 bytes with 16-byte values.
pub(crate) const BYTES_PER_KEY: f64 = 40.0;
/// CPU share of one core that an idle server may use.
pub(crate) const IDLE_SHARE: f64 = 0.01;

/// The goals of `compare`: server CPU against redis-server, against the floor where the kernel dominates, and the tail.
pub(crate) const COMPARE: [Goal; 14] = [
    cpu("get/p1/64b/100k/1c/tcp", REDIS, 0.90),
    cpu("get/p1/64b/100k/1c/tcp", FLOOR, 1.20),
    tail("get/p1/64b/100k/1c/tcp"),
    cpu("set/p1/64b/100k/1c/tcp", REDIS, 1.05),
    cpu("set/p1/64b/100k/1c/tcp", FLOOR, 1.50),
    tail("set/p1/64b/100k/1c/tcp"),
    cpu("get/p64/64b/100k/1c/tcp", REDIS, 0.42),
    tail("get/p64/64b/100k/1c/tcp"),
    cpu("set/p64/64b/100k/1c/tcp", REDIS, 0.52),
    tail("set/p64/64b/100k/1c/tcp"),
    cpu("get/p16/64b/5m/1c/tcp", REDIS, 0.42),
    tail("get/p16/64b/5m/1c/tcp"),
    cpu("set/p16/64b/5m/1c/tcp", REDIS, 0.48),
    tail("set/p16/64b/5m/1c/tcp"),
];

/// The goals of `hop`: what two core loops cost over one, and what visits may cost in the tail.
pub(crate) const HOP: [Goal; 8] = [
    hop("get/p1/64b/100k/2c/tcp", 1.45),
    hop("set/p1/64b/100k/2c/tcp", 1.45),
    hop("get/p16/64b/100k/2c/tcp", 1.40),
    hop("set/p16/64b/100k/2c/tcp", 1.40),
    visit_tail("get/p1/64b/100k/2c/tcp"),
    visit_tail("set/p1/64b/100k/2c/tcp"),
    visit_tail("get/p16/64b/100k/2c/tcp"),
    visit_tail("set/p16/64b/100k/2c/tcp"),
];

const fn cpu(cell: &'static str, reference: &'static str, at_most: f64) -> Goal {
    Goal { cell, metric: Metric::CpuPerRequest, subject: ASHLAR, reference, at_most }
}

const fn tail(cell: &'static str) -> Goal {
    Goal { cell, metric: Metric::P99, subject: ASHLAR, reference: REDIS, at_most: 1.15 }
}

const fn hop(cell: &'static str, at_most: f64) -> Goal {
    Goal { cell, metric: Metric::CpuPerRequest, subject: VISITS, reference: ONE_CORE, at_most }
}

const fn visit_tail(cell: &'static str) -> Goal {
    Goal { cell, metric: Metric::P99, subject: VISITS, reference: HOPS, at_most: 1.5 }
}

impl Goal {
    /// The verdict from the medians of redis-benchmark's load.
    pub(crate) fn judge(&self, results: &Results) -> Verdict {
        let median = |contender| results.median(contender, self.cell, Generator::RedisBenchmark, self.metric);
        let name = match self.metric {
            Metric::CpuPerRequest => "CPU per request",
            Metric::Throughput => "throughput",
            Metric::P50 => "p50",
            Metric::P99 => "p99",
            Metric::P999 => "p99.9",
        };
        Verdict {
            what: format!("{:<24} {name}: {} / {}", self.cell, self.subject, self.reference),
            measured: ratio(median(self.subject), median(self.reference)),
            at_most: self.at_most,
        }
    }
}

impl Verdict {
    /// Whether the figure passes; `None` if there is none.
    pub(crate) fn passes(&self) -> Option<bool> {
        self.measured.map(|measured| measured <= self.at_most)
    }

    /// `pass`, `MISS` or `not measured`.
    pub(crate) fn word(&self) -> &'static str {
        match self.passes() {
            Some(true) => "pass",
            Some(false) => "MISS",
            None => "not measured",
        }
    }
}

/// A line with a figure of ours and what became of its goal.
pub(crate) fn print_at_most(what: &str, measured: f64, at_most: f64) {
    let verdict = Verdict { what: what.to_owned(), measured: Some(measured), at_most };
    println!("    {what:<48} {measured:>8.2} <= {at_most:.2}  {}", verdict.word());
}

/// The same for a figure that must not be lower.
pub(crate) fn print_at_least(what: &str, measured: f64, at_least: f64) {
    let word = if measured >= at_least { "pass" } else { "MISS" };
    println!("    {what:<48} {measured:>8.2} >= {at_least:.2}  {word}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;
    use crate::workload::table;

    #[test]
    fn goals_name_cells_of_the_table() {
        let ids: Vec<String> = table().iter().map(ToString::to_string).collect();
        for goal in COMPARE.iter().chain(&HOP) {
            assert!(ids.iter().any(|id| id == goal.cell), "{}", goal.cell);
        }
    }

    #[test]
    fn verdicts() {
        let sample = |contender, cpu| Sample {
            contender,
            cell: COMPARE[0].cell.to_owned(),
            round: 1,
            generator: Generator::RedisBenchmark,
            requests: 1,
            values: [cpu, 0.0, 0.0, 0.0, 0.0],
            command_line: String::new(),
        };
        let check = |ashlar, word| {
            let results = Results { samples: vec![sample(REDIS, 1000.0), sample(ASHLAR, ashlar)] };
            assert_eq!(COMPARE[0].judge(&results).word(), word);
            assert_eq!(COMPARE[1].judge(&results).word(), "not measured");
        };
        check(900.0, "pass");
        check(901.0, "MISS");
    }
}
