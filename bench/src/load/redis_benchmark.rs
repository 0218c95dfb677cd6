//! redis-benchmark: its flags and the report it prints.
//!
//! The full report is read, not `--csv`: only the full one goes beyond p99. Its percentile lines stand at powers of two
//! (…, 99.805 %, 99.902 %, …); p99.9 is the first line at or above 99.9 %, an upper bound that is off by 0.002 %.

use crate::contender::Endpoint;
use crate::error::BenchError;
use crate::workload::{CONNECTIONS, Cell, Transport};

use super::LoadReport;

/// The program's name.
pub(crate) const PROGRAM: &str = "redis-benchmark";

/// Program and arguments for `requests` requests of `cell`.
pub(crate) fn command_line(cell: &Cell, endpoint: &Endpoint, requests: u64) -> Vec<String> {
    let mut line = vec![PROGRAM.to_owned()];
    match cell.transport {
        Transport::Tcp => {
            line.extend(["-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), endpoint.port.to_string()])
        }
        Transport::Unix => line.extend(["-s".to_owned(), endpoint.socket.to_string_lossy().into_owned()]),
    }
    let options = [
        ("-t", cell.verb.name().to_owned()),
        ("-c", CONNECTIONS.to_string()),
        ("-n", requests.to_string()),
        ("-P", cell.pipeline.to_string()),
        ("-r", cell.data.keys.to_string()),
        ("-d", cell.data.value_bytes.to_string()),
    ];
    line.extend(options.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
    line
}

/// The outcome of every test in `output`, in its order.
pub(crate) fn parse(output: &str) -> Result<Vec<LoadReport>, BenchError> {
    // Progress lines end in a bare carriage return.
    let lines: Vec<&str> = output.split(['\n', '\r']).map(str::trim).collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].starts_with("====== ")).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let reports: Result<Vec<_>, _> =
        starts.iter().zip(ends).map(|(&start, end)| parse_test(&lines[start..end])).collect();
    match reports {
        Ok(reports) if reports.is_empty() => Err(BenchError::parse("a test of redis-benchmark", output)),
        other => other,
    }
}

fn parse_test(lines: &[&str]) -> Result<LoadReport, BenchError> {
    let missing = |what| move || BenchError::parse(what, &lines.join("\n"));
    let requests = lines.iter().find_map(|line| line.split_once(" requests completed in ")?.0.parse().ok());
    let per_second = lines
        .iter()
        .find_map(|line| line.strip_prefix("throughput summary: ")?.strip_suffix(" requests per second")?.parse().ok());
    let summary = lines
        .iter()
        .skip_while(|line| !line.starts_with("latency summary"))
        .nth(2)
        .and_then(|line| line.split_ascii_whitespace().map(|n| n.parse().ok()).collect::<Option<Vec<f64>>>());
    // avg min p50 p95 p99 max
    let Some(&[_, _, p50_ms, _, p99_ms, _]) = summary.as_deref() else {
        return Err(missing("the latency summary")());
    };
    Ok(LoadReport {
        requests: requests.ok_or_else(missing("requests completed"))?,
        per_second: per_second.ok_or_else(missing("the throughput summary"))?,
        p50_ms,
        p99_ms,
        p999_ms: percentile(lines, 99.9).ok_or_else(missing("the percentile lines"))?,
    })
}

/// The first of the percentile lines (`99.902% <= 5.751 milliseconds (…)`) at or above `wanted` percent.
fn percentile(lines: &[&str], wanted: f64) -> Option<f64> {
    let section = lines
        .iter()
        .skip_while(|line| !line.starts_with("Latency by percentile"))
        .take_while(|line| !line.starts_with("Cumulative distribution"));
    section
        .filter_map(|line| {
            let (percent, rest) = line.split_once("% <= ")?;
            let (milliseconds, _) = rest.split_once(" milliseconds")?;
            Some((percent.parse::<f64>().ok()?, milliseconds.parse::<f64>().ok()?))
        })
        .find(|(percent, _)| *percent >= wanted)
        .map(|(_, milliseconds)| milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by redis-benchmark 7.0.15 with `-t set,get -n 20000 -P 16 -r 100000 -d 64`, carriage returns included.
    const OUTPUT: &str = include_str!("samples/redis_benchmark.txt");

    #[test]
    fn two_tests_of_a_real_run() {
        let reports = parse(OUTPUT).expect("the sample is well formed");
        let get = LoadReport { requests: 20_000, per_second: 294_117.62, p50_ms: 2.167, p99_ms: 5.471, p999_ms: 5.719 };
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[1], get);
    }

    #[test]
    fn a_report_that_breaks_off_is_an_error() {
        let cut = OUTPUT.find("Summary:").expect("the sample is well formed");
        assert!(parse(&OUTPUT[..cut]).is_err());
        assert!(parse("").is_err());
        assert!(parse("Could not connect to Redis at 127.0.0.1:1: Connection refused\n").is_err());
    }
}
