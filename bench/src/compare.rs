//! `compare`: ashlar beside redis-server and the floor.

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{self, ASHLAR, FLOOR, REDIS};
use crate::load::Generator;
use crate::report::Report;
use crate::rig::Rig;
use crate::runner::{Length, Plan};
use crate::tool::first_line;
use crate::workload::{Cell, table};
use crate::{machine, memory};

/// The word of `--only` that stands for the measurement of bytes per key.
const MEMORY: &str = "memory";
/// Rounds unless told otherwise: the goals want at least five.
const ROUNDS: u64 = 5;
const QUICK_ROUNDS: u64 = 3;
const QUICK_DIVISOR: u64 = 10;

/// Runs it and publishes the report.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let memory_only = options.only.as_deref() == Some(MEMORY);
    let cells = if memory_only { Vec::new() } else { select(table(), options) };
    if options.list {
        cells.iter().for_each(|cell| println!("{cell}"));
        return Ok(());
    }
    if cells.is_empty() && !memory_only {
        return Err(BenchError::Usage("no cell of the table matches; --list shows them".to_owned()));
    }
    let rig = Rig::new()?;
    let mut notes = Vec::new();
    let contenders = contenders(options, &mut notes)?;
    let sheet = machine::sheet(&[(REDIS, &contenders[0].program), (ASHLAR, &contenders[1].program)]);
    let plan = plan(contenders.clone(), cells, options);
    let mut outcome = plan.run(&rig)?;
    outcome.notes.splice(0..0, notes);
    let mut report = Report::new("compare", plan, outcome, sheet);
    if memory_only || options.only.is_none() {
        report.memory = memory::measure(&contenders, &rig)?;
    }
    report.ratios = vec![(ASHLAR, REDIS), (ASHLAR, FLOOR)];
    report.ratios.retain(|(_, reference)| report.contenders.contains(reference));
    report.verdicts = goal::COMPARE.iter().map(|goal| goal.judge(&report.results)).collect();
    report.verdicts.push(memory::judge(&report.memory));
    report.publish(&out_folder(options))
}

/// Where reports go.
pub(crate) fn out_folder(options: &Options) -> std::path::PathBuf {
    options.out.clone().unwrap_or_else(|| binaries::workspace().join("target/bench"))
}

/// The options' number of rounds and length of runs around `contenders` and `cells`.
pub(crate) fn plan(contenders: Vec<Contender>, cells: Vec<Cell>, options: &Options) -> Plan {
    let rounds = options.rounds.unwrap_or(if options.quick { QUICK_ROUNDS } else { ROUNDS });
    let length = match options.requests {
        Some(requests) => Length::Fixed(requests),
        None => Length::Divided(if options.quick { QUICK_DIVISOR } else { 1 }),
    };
    let mut generators = vec![Generator::RedisBenchmark];
    if first_line(Generator::Memtier.name(), &["--version"]).is_some() {
        generators.push(Generator::Memtier);
    }
    Plan { contenders, cells, generators, rounds: usize::try_from(rounds).unwrap_or(usize::MAX), length }
}

/// The cells that the options leave.
pub(crate) fn select(mut cells: Vec<Cell>, options: &Options) -> Vec<Cell> {
    let named = |cell: &Cell| goal::COMPARE.iter().any(|goal| goal.cell == cell.to_string());
    cells.retain(|cell| !options.targets || named(cell));
    cells.retain(|cell| !options.quick || options.targets || cell.data.is_quick());
    cells.retain(|cell| options.only.as_deref().is_none_or(|filter| cell.matches(filter)));
    cells
}

fn contenders(options: &Options, notes: &mut Vec<String>) -> Result<Vec<Contender>, BenchError> {
    let redis = binaries::redis(options.redis.clone())?;
    let ashlar = binaries::ashlar(options.ashlar.clone())?;
    let mut contenders =
        vec![Contender::new(REDIS, Kind::Redis, &redis), Contender::new(ASHLAR, Kind::Ashlar, &ashlar)];
    match binaries::floor(options.floor.clone()) {
        Ok(program) => contenders.push(Contender::new(FLOOR, Kind::Floor, &program)),
        Err(error) => {
            eprintln!("the floor is skipped: {error}");
            notes.push(format!("the floor is skipped: {error}"));
        }
    }
    Ok(contenders)
}
