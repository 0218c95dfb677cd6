//! The measuring loop: rounds over data sets over cells over contenders, in alternating order.
//!
//! Every round starts fresh servers for a data set, fills them, and runs each cell against all of them in turn, so that what is
//! compared was measured within seconds. The order turns round each round (ABC, CBA, …): whoever profits from being first does so
//! every other time. A fresh process per round samples what differs between processes (address layout, hash seed).

use crate::contender::{Contender, pinned};
use crate::error::BenchError;
use crate::load::{Generator, deadline};
use crate::procfs;
use crate::resp_client::{KeyRange, fill};
use crate::results::{Metric, Results, Sample};
use crate::rig::Rig;
use crate::server::Server;
use crate::tool::{Tool, quoted};
use crate::workload::{Cell, Dataset, Verb};

/// What to measure.
pub(crate) struct Plan {
    /// The servers.
    pub(crate) contenders: Vec<Contender>,
    /// The workloads; cells of one data set follow each other.
    pub(crate) cells: Vec<Cell>,
    /// The load tools.
    pub(crate) generators: Vec<Generator>,
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// Length of each run.
    pub(crate) length: Length,
}

/// How many requests a run has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// The table's number divided by this.
    Divided(u64),
    /// This number for every cell.
    Fixed(u64),
}

/// What a plan yields.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The measurements.
    pub(crate) results: Results,
    /// Command lines of the servers, one per contender and number of cores.
    pub(crate) servers: Vec<String>,
    /// What a reader must know: failed runs, skipped cells, servers off their CPU.
    pub(crate) notes: Vec<String>,
}

impl Length {
    fn requests(self, cell: &Cell) -> u64 {
        match self {
            Self::Divided(by) => (cell.requests() / by).max(1),
            Self::Fixed(requests) => requests,
        }
    }
}

impl Plan {
    /// Measures everything. A server that fails or stalls costs the rest of its data set in this round, and a note; only a
    /// machine that cannot run the plan at all is an error.
    pub(crate) fn run(&self, rig: &Rig) -> Result<Outcome, BenchError> {
        let mut outcome = Outcome::default();
        if rig.cpus.is_none() {
            outcome.note("one CPU only: server and client share it, nothing is pinned".to_owned());
        }
        for round in 1..=self.rounds {
            for cells in self.cells.chunk_by(|a, b| a.data == b.data) {
                if let Some(note) = self.too_large(cells[0].data)? {
                    outcome.note(note);
                } else if let Err(error) = self.measure_dataset(rig, round, cells, &mut outcome) {
                    outcome.note(format!("round {round}, {}: {error}", cells[0].data));
                }
            }
        }
        Ok(outcome)
    }

    fn too_large(&self, data: Dataset) -> Result<Option<String>, BenchError> {
        let copies = self.contenders.iter().filter(|c| c.stores()).count() * self.generators.len();
        let (needed, available) = (data.resident_bytes() * copies as u64, procfs::available_bytes()?);
        let gib = |bytes| bytes as f64 / (1u64 << 30) as f64;
        Ok((needed > available)
            .then(|| format!("{data} skipped: needs about {:.1} GiB, {:.1} are free", gib(needed), gib(available))))
    }

    fn measure_dataset(
        &self,
        rig: &Rig,
        round: usize,
        cells: &[Cell],
        outcome: &mut Outcome,
    ) -> Result<(), BenchError> {
        let data = cells[0].data;
        let cpus = rig.cpus.filter(|_| data.cores == 1);
        let mut servers = Vec::new();
        for contender in self.contenders.iter().filter(|c| cells.iter().any(|cell| c.serves(cell))) {
            eprintln!("round {round}/{}: {data}: start and fill {}", self.rounds, contender.name);
            let pin = cpus.map(|cpus| cpus.server);
            let server = Server::start(contender, data.cores, pin, rig)?;
            outcome.note_server(&server, round, data.cores);
            if let Some(cpu) = pin {
                outcome.note_strays(&server, cpu);
            }
            if contender.stores() {
                self.fill(&server, cells)?;
            }
            servers.push((contender, server));
        }
        if round.is_multiple_of(2) {
            servers.reverse();
        }
        for cell in cells {
            for &generator in self.generators.iter().filter(|g| g.can(cell.verb)) {
                for (_, server) in servers.iter().filter(|(contender, _)| contender.serves(cell)) {
                    let client_cpu = cpus.map(|cpus| cpus.client);
                    let sample = self.measure(rig, round, cell, generator, server, client_cpu)?;
                    eprintln!("  {cell:<28} {:<18} {}", server.name, one_line(&sample));
                    outcome.results.samples.push(sample);
                }
            }
        }
        Ok(())
    }

    fn fill(&self, server: &Server<'_>, cells: &[Cell]) -> Result<(), BenchError> {
        let data = cells[0].data;
        let value = "x".repeat(data.value_bytes);
        for generator in &self.generators {
            fill(server.endpoint.port, generator.keys(data.keys), &value)?;
        }
        if cells.iter().any(|cell| cell.verb == Verb::Incr) {
            fill(server.endpoint.port, KeyRange { prefix: "counter:", first: 0, count: data.keys }, "0")?;
        }
        Ok(())
    }

    fn measure(
        &self,
        rig: &Rig,
        round: usize,
        cell: &Cell,
        generator: Generator,
        server: &Server<'_>,
        client_cpu: Option<usize>,
    ) -> Result<Sample, BenchError> {
        let requests = self.length.requests(cell);
        let mut command_line = pinned(client_cpu);
        command_line.extend(generator.command_line(cell, &server.endpoint, requests, rig.scratch.path()));
        let before = procfs::cpu_ns(server.pid())?;
        let mut tool = Tool::start(&command_line, rig.scratch.path(), &rig.reaper)?;
        let limit = deadline(requests);
        let output = tool.wait(limit)?.ok_or_else(|| BenchError::Server {
            server: server.name.to_owned(),
            why: format!("stalled: {cell} not done in {} s\n{}", limit.as_secs(), procfs::dump(server.pid())),
        })?;
        let cpu = procfs::cpu_ns(server.pid())?.saturating_sub(before);
        let report = generator.report(&output, rig.scratch.path())?;
        let cpu_per_request = cpu as f64 / report.requests.max(1) as f64;
        Ok(Sample {
            contender: server.name,
            cell: cell.to_string(),
            round,
            generator,
            requests: report.requests,
            values: [cpu_per_request, report.per_second, report.p50_ms, report.p99_ms, report.p999_ms],
            command_line: quoted(&command_line),
        })
    }
}

impl Outcome {
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            eprintln!("note: {note}");
            self.notes.push(note);
        }
    }

    fn note_server(&mut self, server: &Server<'_>, round: usize, cores: usize) {
        let line = format!("{} ({cores}c): {}", server.name, quoted(&server.command_line));
        let known = |known: &String| known.split(": ").next() == line.split(": ").next();
        if round == 1 && !self.servers.iter().any(known) {
            self.servers.push(line);
        }
    }

    fn note_strays(&mut self, server: &Server<'_>, cpu: usize) {
        // A thread list that cannot be read means that the server has ended, which its first run reports.
        let strays = procfs::threads_off_cpu(server.pid(), cpu).unwrap_or_default();
        if !strays.is_empty() {
            self.note(format!("{}: threads not kept on CPU {cpu}: {}", server.name, strays.join(", ")));
        }
    }
}

fn one_line(sample: &Sample) -> String {
    let value = |metric: Metric| metric.format(sample.values[metric as usize]);
    format!(
        "{:>8} ns  {:>10}/s  p99 {} ms",
        value(Metric::CpuPerRequest),
        value(Metric::Throughput),
        value(Metric::P99)
    )
}
