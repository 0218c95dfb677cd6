//! What a finished run hands to its three readers: the terminal, a browser, a program.

mod html;
mod json;
mod svg;
mod text;

use std::fs;
use std::path::Path;

use crate::error::BenchError;
use crate::goal::Verdict;
use crate::load::Generator;
use crate::machine::Sheet;
use crate::memory::Overhead;
use crate::results::{Metric, Results};
use crate::runner::{Outcome, Plan};
use crate::stats::ratio;
use crate::workload::Cell;

/// A finished run.
pub(crate) struct Report {
    /// What was run.
    pub(crate) title: &'static str,
    /// Names of the contenders, in column order.
    pub(crate) contenders: Vec<&'static str>,
    /// Ratios to show: the first over the second.
    pub(crate) ratios: Vec<(&'static str, &'static str)>,
    /// The workloads.
    pub(crate) cells: Vec<Cell>,
    /// The load tools.
    pub(crate) generators: Vec<Generator>,
    /// Rounds asked for.
    pub(crate) rounds: usize,
    /// The measurements.
    pub(crate) results: Results,
    /// Bytes per key, where measured.
    pub(crate) memory: Vec<Overhead>,
    /// The goals and what became of them.
    pub(crate) verdicts: Vec<Verdict>,
    /// The machine.
    pub(crate) sheet: Sheet,
    /// Command lines of the servers.
    pub(crate) servers: Vec<String>,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Joins a plan with what it yielded; memory and verdicts are added by whoever has them.
    pub(crate) fn new(title: &'static str, plan: Plan, outcome: Outcome, sheet: Sheet) -> Self {
        Self {
            title,
            contenders: plan.contenders.iter().map(|contender| contender.name).collect(),
            ratios: Vec::new(),
            cells: plan.cells,
            generators: plan.generators,
            rounds: plan.rounds,
            results: outcome.results,
            memory: Vec::new(),
            verdicts: Vec::new(),
            sheet,
            servers: outcome.servers,
            notes: outcome.notes,
        }
    }

    /// Prints the tables and writes `TITLE.json` and `TITLE.html` into `folder`.
    pub(crate) fn publish(&self, folder: &Path) -> Result<(), BenchError> {
        println!("{}", text::render(self));
        fs::create_dir_all(folder).map_err(BenchError::io(folder.display().to_string()))?;
        for (suffix, content) in [("json", json::render(self)), ("html", html::render(self))] {
            let path = folder.join(format!("{}.{suffix}", self.title));
            fs::write(&path, content).map_err(BenchError::io(path.display().to_string()))?;
            println!("{}", path.display());
        }
        Ok(())
    }

    /// The ratio of two contenders' medians.
    fn ratio(&self, pair: (&str, &str), cell: &str, generator: Generator, metric: Metric) -> Option<f64> {
        let median = |contender| self.results.median(contender, cell, generator, metric);
        ratio(median(pair.0), median(pair.1))
    }

    /// Cells with at least one measurement by `generator`.
    fn measured_cells(&self, generator: Generator) -> Vec<Cell> {
        let measured = |cell: &Cell| {
            let id = cell.to_string();
            self.results.samples.iter().any(|s| s.generator == generator && s.cell == id)
        };
        self.cells.iter().copied().filter(measured).collect()
    }
}
