//! The report on the terminal: one table per metric, medians and ratios, then the verdicts.

use std::fmt::Write as _;

use crate::load::Generator;
use crate::results::Metric;
use crate::workload::Cell;

use super::Report;

/// All tables.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for &generator in &report.generators {
        let cells = report.measured_cells(generator);
        for metric in Metric::ALL.into_iter().filter(|_| !cells.is_empty()) {
            let _ = writeln!(text, "\n{} ({}, medians of {} rounds)", metric.title(), generator.name(), report.rounds);
            text.push_str(&table(&metric_rows(report, &cells, generator, metric)));
        }
    }
    if !report.memory.is_empty() {
        text.push_str("\nresident bytes per key beyond key and value\n");
        let row = |o: &crate::memory::Overhead| {
            vec![format!("{}-byte values", o.value_bytes), o.contender.to_owned(), format!("{:.1}", o.bytes_per_key)]
        };
        text.push_str(&table(&report.memory.iter().map(row).collect::<Vec<_>>()));
    }
    if !report.verdicts.is_empty() {
        text.push_str("\ngoals\n");
        text.push_str(&table(&verdict_rows(report)));
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// Header and one row per cell: the contenders' medians, then the ratios.
pub(super) fn metric_rows(report: &Report, cells: &[Cell], generator: Generator, metric: Metric) -> Vec<Vec<String>> {
    let mut header = vec!["cell".to_owned()];
    header.extend(report.contenders.iter().map(|name| (*name).to_owned()));
    header.extend(report.ratios.iter().map(|(part, whole)| format!("{part} / {whole}")));
    let mut rows = vec![header];
    for cell in cells {
        let id = cell.to_string();
        let median = |name: &&str| report.results.median(name, &id, generator, metric);
        let medians = report.contenders.iter().map(|name| shown(median(name), |value| metric.format(value)));
        let ratios = report
            .ratios
            .iter()
            .map(|&pair| shown(report.ratio(pair, &id, generator, metric), |ratio| format!("{ratio:.2}")));
        rows.push([id.clone()].into_iter().chain(medians).chain(ratios).collect());
    }
    rows
}

/// One row per goal: word, figure, bound, goal.
pub(super) fn verdict_rows(report: &Report) -> Vec<Vec<String>> {
    let row = |verdict: &crate::goal::Verdict| {
        let figure = shown(verdict.measured, |figure| format!("{figure:.2}"));
        vec![verdict.what.clone(), verdict.word().to_owned(), figure, format!("<= {:.2}", verdict.at_most)]
    };
    report.verdicts.iter().map(row).collect()
}

fn shown(value: Option<f64>, format: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

/// Columns aligned: the first to the left, the others to the right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 { write!(text, "  {cell:<width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "1,000".to_owned()], vec!["long".to_owned(), "7".to_owned()]];
        assert_eq!(table(&rows), "  a     1,000\n  long      7\n");
        assert_eq!(table(&[]), "");
    }
}
