//! The slow log of one core's clients: commands whose handler took longer than a threshold, newest first.

use std::collections::VecDeque;

use keyspace::args::Args;

/// The most arguments that an entry keeps; the last then tells how many more there were.
const ARGS_MAX: usize = 32;

/// The most bytes of an argument that an entry keeps.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct Slow {
    /// Its number, unique in the process and growing with time.
    pub id: u64,
    /// When it ended: seconds since the Unix epoch.
    pub at: i64,
    /// Microseconds that it took.
    pub us: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// The client's address, filled in by its home core.
    pub peer: String,
    /// The client's name, likewise.
    pub name: Vec<u8>,
}

impl Slow {
    /// Bytes that it holds on the heap, its own place included.
    fn heap_bytes(&self) -> usize {
        let args = self.args.iter().map(|arg| size_of::<Vec<u8>>() + arg.len()).sum::<usize>();
        size_of::<Slow>() + args + self.peer.len() + self.name.len()
    }
}

/// The slow log of one core.
#[derive(Default)]
pub struct Slowlog {
    entries: VecDeque<Slow>,
    bytes: usize,
}

impl Slowlog {
    /// Adds an entry and drops the oldest beyond `entries_max`.
    pub fn push(&mut self, entry: Slow, entries_max: usize) {
        self.bytes += entry.heap_bytes();
        self.entries.push_front(entry);
        while self.entries.len() > entries_max {
            self.bytes -= self.entries.pop_back().map_or(0, |oldest| oldest.heap_bytes());
        }
    }

    /// All entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Slow> {
        self.entries.iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Bytes of all entries.
    pub fn heap_bytes(&self) -> usize {
        self.bytes
    }
}

/// A command's arguments, shortened as Redis does it.
pub fn shorten(args: Args) -> Vec<Vec<u8>> {
    let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut short: Vec<Vec<u8>> = args.iter().take(shown).map(shorten_one).collect();
    if shown < args.len() {
        short.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    short
}

fn shorten_one(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.to_vec();
    }
    let mut short = arg[..ARG_BYTES_MAX].to_vec();
    short.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX).as_bytes());
    short
}
