//! `hop`: what the second core loop costs per request, with visits to parked cores and without.
//!
//! Nothing is pinned by us: two core loops and the client share the machine's CPUs, as in the measurements that set the goals.

use crate::args::Options;
use crate::compare::{out_folder, plan, select};
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{self, HOPS, ONE_CORE, VISITS};
use crate::load::Generator;
use crate::report::Report;
use crate::rig::Rig;
use crate::workload::table;
use crate::{binaries, machine};

/// Runs it and publishes the report.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let mut cells = select(table(), options);
    cells.retain(|cell| goal::HOP.iter().any(|goal| goal.cell == cell.to_string()));
    if options.list {
        cells.iter().for_each(|cell| println!("{cell}"));
        return Ok(());
    }
    if cells.is_empty() {
        return Err(BenchError::Usage("no cell of the hop tax matches; --list shows them".to_owned()));
    }
    let rig = Rig::new()?;
    let program = binaries::ashlar(options.ashlar.clone())?;
    let sheet = machine::sheet(&[("ashlar", &program)]);
    let variant =
        |name, cores, extra| Contender { cores: Some(cores), extra, ..Contender::new(name, Kind::Ashlar, &program) };
    let contenders = vec![variant(ONE_CORE, 1, &[]), variant(VISITS, 2, &[]), variant(HOPS, 2, &["--visits", "no"])];
    let mut plan = plan(contenders, cells, options);
    plan.generators.retain(|generator| *generator == Generator::RedisBenchmark);
    let outcome = plan.run(&rig)?;
    let mut report = Report::new("hop", plan, outcome, sheet);
    report.ratios = vec![(VISITS, ONE_CORE), (HOPS, ONE_CORE), (VISITS, HOPS)];
    report.verdicts = goal::HOP.iter().map(|goal| goal.judge(&report.results)).collect();
    report.publish(&out_folder(options))
}
