//! MEMORY, but for USAGE, which is about a key: what the cores account for, what may be wrong with it, and giving back what is spare.

use keyspace::args::Args;
use keyspace::refusal::Outcome;
use keyspace::reply::Reply;
use keyspace::spec::CommandSpec;

use crate::ask::{Ask, Audience};
use crate::command::Run;
use crate::report::CoreReport;

use super::{SessionExec, SessionFn, SessionRow, done, help_row, info::reports, info_process::Memory, write_help};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    SessionRow {
        spec: CommandSpec {
            name: "memory",
            arity: -2,
            since: "4.0.0",
            group: "server",
            summary: "Memory of keys and of the server.",
            complexity: "Depends on subcommand.",
            ..CommandSpec::NONE
        },
        run: Run::Container,
    },
    row("memory|doctor", "Tells what may be wrong with the server's memory.", SPECIAL, doctor),
    row("memory|malloc-stats", "Shows figures of the allocator.", SPECIAL, malloc_stats),
    row("memory|purge", "Gives memory back that is kept for reuse.", SUCCEEDED, purge),
    row("memory|stats", "Shows what the server's memory is used for.", SPECIAL, stats),
    help_row("memory|help", "4.0.0", help),
];

const SPECIAL: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
const SUCCEEDED: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const fn row(name: &'static str, summary: &'static str, tips: &'static [&'static str], run: SessionFn) -> SessionRow {
    let spec = CommandSpec { name, arity: 2, since: "4.0.0", group: "server", summary, tips, ..CommandSpec::NONE };
    SessionRow { spec, run: Run::Session(run) }
}

/// What a client is told; our own words in Redis's form.
const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Tells what may be wrong with the server's memory.",
    "MALLOC-STATS",
    "    Shows figures of the allocator.",
    "PURGE",
    "    Gives memory back that is kept for reuse.",
    "STATS",
    "    Shows what the server's memory is used for.",
    "USAGE <key> [SAMPLES <count>]",
    "    Estimates the bytes that <key> and its value take. Of a collection, <count>",
    "    elements are looked at (default: 5; 0 for all).",
    "HELP",
    "    Prints this help.",
];

/// Pairs of a name and a value, counted as they come.
struct Map<'a> {
    body: Reply<'a>,
    pairs: usize,
}

impl Map<'_> {
    fn int(&mut self, name: &str, value: u64) {
        self.body.text(name);
        self.body.int(value as i64);
        self.pairs += 1;
    }

    fn double(&mut self, name: &str, value: f64) {
        self.body.text(name);
        self.body.double(value);
        self.pairs += 1;
    }
}

fn stats(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Report, |_, _, answers, reply| {
        let sum = CoreReport::sum(&reports(answers));
        let mut body = Vec::new();
        let mut map = Map { body: Reply::new(&mut body, reply.resp()), pairs: 0 };
        write_stats(&Memory::of(&sum), &sum, &mut map);
        let pairs = map.pairs;
        reply.map(pairs);
        reply.raw(&body);
        Ok(())
    });
    Ok(())
}

fn write_stats(memory: &Memory, sum: &CoreReport, map: &mut Map) {
    map.int("peak.allocated", memory.peak);
    map.int("total.allocated", memory.used);
    map.int("startup.allocated", memory.startup);
    map.int("replication.backlog", 0);
    map.int("clients.slaves", 0);
    map.int("clients.normal", memory.clients);
    map.int("cluster.links", 0);
    map.int("aof.buffer", 0);
    map.int("lua.caches", sum.scripts.source_bytes);
    map.int("functions.caches", sum.scripts.library_bytes);
    for (number, _) in sum.databases.iter().enumerate().filter(|(_, totals)| totals.keys > 0) {
        map.body.text(&format!("db.{number}"));
        map.pairs += 1;
        // Deadlines and slots need no tables of their own.
        map.body.map(3);
        map.body.text("overhead.hashtable.main");
        map.body.int(sum.table_bytes.get(number).map_or(0, |&bytes| bytes as i64));
        map.body.text("overhead.hashtable.expires");
        map.body.int(0);
        map.body.text("overhead.hashtable.slot-to-keys");
        map.body.int(0);
    }
    map.int("overhead.total", memory.overhead());
    map.int("keys.count", memory.keys);
    map.int("keys.bytes-per-key", memory.bytes_per_key());
    map.int("dataset.bytes", memory.dataset());
    map.double("dataset.percentage", memory.dataset_percent());
    map.double("peak.percentage", memory.peak_percent());
    map.int("allocator.allocated", memory.used);
    map.int("allocator.active", memory.rss);
    map.int("allocator.resident", memory.rss);
    map.double("allocator-fragmentation.ratio", memory.fragmentation());
    map.int("allocator-fragmentation.bytes", memory.fragmentation_bytes() as u64);
    // Nothing is known between what the allocator holds and what is resident.
    map.double("allocator-rss.ratio", 1.0);
    map.int("allocator-rss.bytes", 0);
    map.double("rss-overhead.ratio", 1.0);
    map.int("rss-overhead.bytes", 0);
    map.double("fragmentation", memory.fragmentation());
    map.int("fragmentation.bytes", memory.fragmentation_bytes() as u64);
}

fn doctor(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Report, |_, _, answers, reply| {
        let sum = CoreReport::sum(&reports(answers));
        let text = diagnosis(&Memory::of(&sum), sum.clients.connected);
        reply.verbatim(*b"txt", text.as_bytes());
        Ok(())
    });
    Ok(())
}

/// Below this much data the figures say nothing, in bytes.
const DATA_BYTES_MIN: u64 = 5 << 20;

/// The peak above what is used now, as a ratio, from which on it is worth a word.
const PEAK_RATIO_MAX: f64 = 1.5;

/// Likewise resident memory.
const FRAGMENTATION_MAX: f64 = 1.4;

/// Bytes per client, on average, from which on it is worth a word.
const CLIENT_BYTES_MAX: u64 = 200 << 10;

fn diagnosis(memory: &Memory, clients: u64) -> String {
    if memory.used.saturating_sub(memory.startup) < DATA_BYTES_MIN {
        return "The server stores too little for a diagnosis. Come back once it holds a few megabytes.\n".into();
    }
    let mut found = String::new();
    if memory.peak as f64 > memory.used as f64 * PEAK_RATIO_MAX {
        found.push_str(
            "- Peak: the server once used more than 150% of what it uses now. The allocator may keep some of that for itself; it \
             is reused when the data grows again.\n",
        );
    }
    if memory.fragmentation() > FRAGMENTATION_MAX {
        found.push_str(
            "- Fragmentation: more than 140% of what is used is resident. This is normal after the peak above or when many \
             values changed their size; a restart removes it.\n",
        );
    }
    if memory.clients.checked_div(clients).unwrap_or(0) > CLIENT_BYTES_MAX {
        found.push_str(
            "- Clients: their buffers take more than 200 KiB each on average. CLIENT LIST shows whose (omem, qbuf): such clients \
             read their replies slowly, or send very long pipelines or values.\n",
        );
    }
    match found.is_empty() {
        true => "Nothing is wrong with the server's memory.\n".into(),
        false => format!("This may be wrong with the server's memory:\n\n{found}"),
    }
}

fn malloc_stats(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    reply.text("Stats not supported for the current allocator");
    Ok(())
}

fn purge(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(Audience::Cores, Ask::Purge, done);
    Ok(())
}

fn help(_: &mut SessionExec, _: Args, reply: &mut Reply) -> Outcome {
    write_help(reply, HELP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnoses() {
        const MIB: u64 = 1 << 20;
        let healthy = Memory {
            used: 100 * MIB,
            peak: 110 * MIB,
            rss: 120 * MIB,
            startup: MIB,
            clients: MIB,
            others: 0,
            tables: 0,
            keys: 1,
        };
        let rows = [
            (Memory { ..healthy }, 50, "Nothing"),
            (Memory { used: 3 * MIB, ..healthy }, 50, "too little"),
            (Memory { peak: 151 * MIB, ..healthy }, 50, "Peak"),
            (Memory { rss: 141 * MIB, ..healthy }, 50, "Fragmentation"),
            (Memory { ..healthy }, 2, "Clients"),
        ];
        for (memory, clients, word) in rows {
            let text = diagnosis(&memory, clients);
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
