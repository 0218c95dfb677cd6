//! LATENCY HISTOGRAM: per command, how many calls took up to how many microseconds, in powers of two.

use keyspace::args::Args;
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience};
use crate::command::{CommandId, CommandTable};
use crate::report::CoreReport;
use crate::stats::Histogram;

use super::{SessionExec, info::reports, info_tables::shown};

/// The power of two, in nanoseconds, of the first level.
const FIRST_LEVEL: u32 = 10;

/// The power of two of the last: above it a histogram tells nothing apart.
const LAST_LEVEL: u32 = 40;

pub(super) fn histogram(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Report, finish);
    Ok(())
}

fn finish(exec: &mut SessionExec, args: Args, answers: Vec<Answer>, reply: &mut Reply) -> Outcome {
    let table = exec.facts.table;
    let stats = shown(table, &CoreReport::sum(&reports(answers)).stats);
    let ids = chosen(table, args.from(2));
    let with_histogram = ids.iter().filter_map(|id| Some((*id, stats.get(id)?.latency.as_ref()?)));
    let histograms: Vec<(CommandId, &Histogram)> = with_histogram.collect();
    reply.map(histograms.len());
    for (id, histogram) in histograms {
        reply.text(table.get(id).spec.name);
        reply.map(2);
        reply.text("calls");
        reply.int(histogram.count() as i64);
        reply.text("histogram_usec");
        let levels = levels(histogram);
        reply.map(levels.len());
        for (us, calls) in levels {
            reply.int(us as i64);
            reply.int(calls as i64);
        }
    }
    Ok(())
}

/// The commands that these words name, in their order, containers with their subcommands; all commands without a word.
fn chosen(table: &CommandTable, words: Args) -> Vec<CommandId> {
    if words.is_empty() {
        return table.all().iter().map(|command| command.id).collect();
    }
    let named = words.iter().filter_map(|word| table.find(word));
    named.flat_map(|command| std::iter::once(command.id).chain(command.subcommands.iter().copied())).collect()
}

/// The levels at which the number of calls grows: microseconds, and the calls that took no longer.
///
/// A level is the greatest duration that a histogram with two significant digits cannot tell from the power of two, as Redis
/// prints it: that is where 33 and 66 come from.
fn levels(histogram: &Histogram) -> Vec<(u64, u64)> {
    let total = histogram.count();
    let mut levels: Vec<(u64, u64)> = Vec::new();
    let mut before = 0;
    for power in FIRST_LEVEL..=LAST_LEVEL {
        let ns = (1 << power) + (1 << (power - 7)) - 1;
        let calls = if power == LAST_LEVEL { total } else { histogram.up_to(ns) };
        if calls > before {
            levels.push((ns / 1000, calls));
            before = calls;
        }
        if calls == total {
            break;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_cumulative() {
        let mut histogram = Histogram::default();
        let us = [0, 1, 3, 3, 20, 40, 120, 1_000, 500_000];
        us.iter().for_each(|us| histogram.record(us * 1000));
        let expected = [(1, 2), (4, 4), (33, 5), (66, 6), (132, 7), (1056, 8), (541_065, 9)];
        assert_eq!(levels(&histogram), expected);
        histogram.record(u64::MAX);
        assert_eq!(levels(&histogram).last().map(|level| level.1), Some(10));
        assert!(levels(&Histogram::default()).is_empty());
    }
}
