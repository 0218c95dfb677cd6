//! INFO: which sections, in which order, and the text put together from the reports of all cores.
//!
//! The sections themselves stand in `info_process` (what the process is), `info_load` (what it does) and `info_tables` (a line per
//! command, database or core). Names and order of the fields are those of Redis 7.0.15, so that whoever parses them finds them;
//! a field of a capability that does not exist is 0.

use std::fmt::{Display, Write};

use keyspace::args::Args;
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;
use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::ask::{Answer, Ask, Audience};
use crate::command::Run;
use crate::report::CoreReport;

use super::{Facts, SessionExec, SessionRow, info_load, info_process, info_tables};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[SessionRow {
    spec: CommandSpec {
        name: "info",
        arity: -1,
        flags: Flags::LOADING.and(Flags::STALE),
        categories: Categories::DANGEROUS,
        group: "server",
        summary: "Tells about the server and what it does, in sections of lines.",
        syntax: "[section [section ...]]",
        history: &[("7.0.0", "It takes more than one section.")],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..CommandSpec::NONE
    },
    run: Run::Session(info),
}];

/// What a section is made from.
pub(super) struct View<'a> {
    /// Core and process.
    pub facts: &'a Facts<'a>,
    /// By core.
    pub cores: &'a [CoreReport],
    /// All together.
    pub sum: &'a CoreReport,
}

/// Lines of `name:value`.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// One line.
    pub(super) fn put(&mut self, name: &str, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a string takes everything");
    }

    /// A line with a 0 for each name.
    pub(super) fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.put(name, 0));
    }
}

/// One section.
struct Section {
    /// As a client names it.
    name: &'static str,
    /// As its heading shows it.
    heading: &'static str,
    /// Whether INFO without arguments has it.
    default: bool,
    write: fn(&View<'_>, &mut Lines),
}

/// All sections in order.
static SECTIONS: &[Section] = &[
    Section { name: "server", heading: "Server", default: true, write: info_process::server },
    Section { name: "clients", heading: "Clients", default: true, write: info_load::clients },
    Section { name: "memory", heading: "Memory", default: true, write: info_process::memory },
    Section { name: "persistence", heading: "Persistence", default: true, write: info_load::persistence },
    Section { name: "stats", heading: "Stats", default: true, write: info_load::stats },
    Section { name: "replication", heading: "Replication", default: true, write: info_load::replication },
    Section { name: "cpu", heading: "CPU", default: true, write: info_process::cpu },
    Section { name: "modules", heading: "Modules", default: true, write: |_, _| {} },
    Section { name: "commandstats", heading: "Commandstats", default: false, write: info_tables::commands },
    Section { name: "errorstats", heading: "Errorstats", default: true, write: info_tables::errors },
    Section { name: "latencystats", heading: "Latencystats", default: false, write: info_tables::latency },
    Section { name: "cluster", heading: "Cluster", default: true, write: cluster },
    Section { name: "keyspace", heading: "Keyspace", default: true, write: info_tables::keyspace },
    Section { name: "debug", heading: "Debug", default: false, write: info_load::debug },
    Section { name: "core", heading: "Cores", default: true, write: info_tables::cores },
];

/// `# Cluster`
fn cluster(view: &View<'_>, out: &mut Lines) {
    out.put("cluster_enabled", u8::from(view.facts.clustered));
}

fn info(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Report, finish);
    Ok(())
}

fn finish(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let cores = reports(answers);
    let sum = CoreReport::sum(&cores);
    let view = View { facts: exec.facts, cores: &cores, sum: &sum };
    reply.verbatim(*b"txt", text(&view, args.from(1)).as_bytes());
    Ok(())
}

/// The reports among the answers of all cores.
pub(super) fn reports(answers: Vec<Answer>) -> Vec<CoreReport> {
    let report = |answer| if let Answer::Report(report) = answer { Some(*report) } else { None };
    answers.into_iter().filter_map(report).collect()
}

/// The sections that `words` ask for, with an empty line between them.
fn text(view: &View<'_>, words: Args) -> String {
    let mut out = Lines::default();
    for section in SECTIONS.iter().filter(|section| is_asked_for(section, words)) {
        if !out.0.is_empty() {
            out.0.push_str("\r\n");
        }
        write!(out.0, "# {}\r\n", section.heading).expect("a string takes everything");
        (section.write)(view, &mut out);
    }
    out.0
}

fn is_asked_for(section: &Section, words: Args) -> bool {
    let named = |word: &[u8]| {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        is(section.name) || is("all") || is("everything") || (is("default") && section.default)
    };
    if words.is_empty() { section.default } else { words.iter().any(named) }
}

#[cfg(test)]
mod tests {
    use keyspace::args::OwnedArgs;

    use super::*;

    fn asked(words: &[&str]) -> Vec<&'static str> {
        let words = OwnedArgs::from_iter(words);
        let asked = SECTIONS.iter().filter(|section| is_asked_for(section, words.args()));
        asked.map(|section| section.name).collect()
    }

    #[test]
    fn sections_come_in_their_own_order() {
        assert_eq!(asked(&["keyspace", "CLUSTER", "keyspace", "nonsense"]), ["cluster", "keyspace"]);
        assert!(asked(&["nonsense"]).is_empty());
        assert_eq!(asked(&["all"]).len(), SECTIONS.len());
        assert_eq!(asked(&[]), asked(&["default"]));
        assert_eq!(asked(&["default", "commandstats"]).len(), asked(&[]).len() + 1);
    }
}
