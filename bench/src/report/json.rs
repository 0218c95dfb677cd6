//! The raw results, for programs.

use serde_json::{Map, Value, json};

use crate::results::{Metric, Sample};

use super::Report;

/// Every sample, median, bytes per key and verdict, with the machine sheet.
pub(super) fn render(report: &Report) -> String {
    let document = json!({
        "title": report.title,
        "rounds": report.rounds,
        "machine": report.sheet.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>(),
        "servers": report.servers,
        "notes": report.notes,
        "goals": report.verdicts.iter().map(|verdict| json!({
            "goal": verdict.what,
            "measured": verdict.measured,
            "at_most": verdict.at_most,
            "verdict": verdict.word(),
        })).collect::<Vec<_>>(),
        "bytes_per_key": report.memory.iter().map(|row| json!({
            "contender": row.contender,
            "value_bytes": row.value_bytes,
            "bytes_per_key": row.bytes_per_key,
        })).collect::<Vec<_>>(),
        "medians": medians(report),
        "samples": report.results.samples.iter().map(sample).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn sample(sample: &Sample) -> Value {
    let mut object = json!({
        "contender": sample.contender,
        "cell": sample.cell,
        "round": sample.round,
        "tool": sample.generator.name(),
        "requests": sample.requests,
        "command": sample.command_line,
    });
    for metric in Metric::ALL {
        object[metric.key()] = json!(sample.values[metric as usize]);
    }
    object
}

fn medians(report: &Report) -> Vec<Value> {
    let mut rows = Vec::new();
    for &generator in &report.generators {
        for cell in report.measured_cells(generator) {
            let id = cell.to_string();
            for contender in &report.contenders {
                let mut object = json!({"contender": contender, "cell": id, "tool": generator.name()});
                for metric in Metric::ALL {
                    let spread = report.results.spread(contender, &id, generator, metric);
                    object[metric.key()] = spread.map_or(Value::Null, |s| json!([s.low, s.median, s.high]));
                }
                rows.push(object);
            }
        }
    }
    rows
}
