//! memtier_benchmark: its flags and its JSON report.
//!
//! Its keys are a prefix and a number without leading zeros. Numbers from [`FIRST_KEY`] on have twelve digits, so its keys are as
//! long as redis-benchmark's; they are different keys and are filled separately.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::contender::Endpoint;
use crate::error::BenchError;
use crate::workload::{CONNECTIONS, Cell, Transport, Verb};

use super::LoadReport;

/// The program's name.
pub(crate) const PROGRAM: &str = "memtier_benchmark";
/// The least number of twelve digits.
pub(crate) const FIRST_KEY: u64 = 100_000_000_000;
const REPORT: &str = "memtier.json";

/// Program and arguments for about `requests` requests of `cell` (it takes requests per connection).
pub(crate) fn command_line(cell: &Cell, endpoint: &Endpoint, requests: u64, folder: &Path) -> Vec<String> {
    let mut line: Vec<String> =
        [PROGRAM, "--threads=1", "--hide-histogram", "--key-prefix=key:"].map(str::to_owned).into();
    match cell.transport {
        Transport::Tcp => line.extend(["--server=127.0.0.1".to_owned(), format!("--port={}", endpoint.port)]),
        Transport::Unix => line.push(format!("--unix-socket={}", endpoint.socket.display())),
    }
    line.extend([
        format!("--clients={CONNECTIONS}"),
        format!("--requests={}", requests.div_ceil(u64::from(CONNECTIONS))),
        format!("--pipeline={}", cell.pipeline),
        format!("--data-size={}", cell.data.value_bytes),
        format!("--key-minimum={FIRST_KEY}"),
        format!("--key-maximum={}", FIRST_KEY + cell.data.keys - 1),
        // SETs to GETs.
        format!("--ratio={}", if cell.verb == Verb::Set { "1:0" } else { "0:1" }),
        "--print-percentiles=50,99,99.9".to_owned(),
        format!("--json-out-file={}", folder.join(REPORT).display()),
    ]);
    line
}

/// Reads the report file of the last run.
pub(crate) fn read(folder: &Path) -> Result<LoadReport, BenchError> {
    let text = fs::read_to_string(folder.join(REPORT)).map_err(BenchError::io(REPORT))?;
    parse(&text)
}

fn parse(text: &str) -> Result<LoadReport, BenchError> {
    let report: Value = serde_json::from_str(text).map_err(|_| BenchError::parse("JSON", text))?;
    let stats = &report["ALL STATS"];
    let number = |value: &Value, what| value.as_f64().ok_or_else(|| BenchError::parse(what, text));
    let totals = &stats["Totals"];
    let latencies = &totals["Percentile Latencies"];
    let count = |name: &str| stats[name]["Count"].as_u64().unwrap_or(0);
    let requests = totals["Count"].as_u64().unwrap_or_else(|| count("Sets") + count("Gets"));
    if requests == 0 {
        return Err(BenchError::parse("a count of requests", text));
    }
    Ok(LoadReport {
        requests,
        per_second: number(&totals["Ops/sec"], "Ops/sec")?,
        p50_ms: number(&latencies["p50.00"], "p50.00")?,
        p99_ms: number(&latencies["p99.00"], "p99.00")?,
        p999_ms: number(&latencies["p99.90"], "p99.90")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that we read, laid out as memtier_benchmark 2 documents them.
    const REPORT: &str = r#"{"ALL STATS": {
        "Runtime": {"Total duration": 1000},
        "Sets": {"Count": 0, "Ops/sec": 0.0},
        "Gets": {"Count": 20000, "Ops/sec": 110000.5},
        "Totals": {"Count": 20000, "Ops/sec": 110000.5,
            "Percentile Latencies": {"p50.00": 0.431, "p99.00": 0.703, "p99.90": 1.503}}}}"#;

    #[test]
    fn totals_are_read() {
        let expected =
            LoadReport { requests: 20_000, per_second: 110_000.5, p50_ms: 0.431, p99_ms: 0.703, p999_ms: 1.503 };
        assert_eq!(parse(REPORT).expect("the sample is well formed"), expected);
        assert_eq!(
            parse(&REPORT.replace(r#""Totals": {"Count": 20000,"#, r#""Totals": {"#))
                .expect("the sample is well formed"),
            expected
        );
    }

    #[test]
    fn a_report_without_percentiles_is_an_error() {
        assert!(parse(&REPORT.replace("p99.90", "p99.99")).is_err());
        assert!(parse("{}").is_err());
        assert!(parse("").is_err());
    }
}
