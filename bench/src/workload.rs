//! The table of workloads: one list of axes, from which every cell of a run comes.
//!
//! A cell is one kind of load against one prefilled data set. Its id (`get/p16/64b/5m/1c/tcp`) names it in filters, goals,
//! tables and raw results. INCR appears at 64 bytes only: a counter has no value size.

use std::fmt;

/// A command under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// Read of a key that exists.
    Get,
    /// Overwrite of a key that exists.
    Set,
    /// Increment of a counter that exists.
    Incr,
    /// Ten random keys in one command.
    Mset,
}

impl Verb {
    /// The name as redis-benchmark's `-t` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Incr => "incr",
            Self::Mset => "mset",
        }
    }
}

/// How the client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    /// TCP over the loopback.
    Tcp,
    /// A UNIX socket.
    Unix,
}

impl Transport {
    /// The name in cell ids.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
        }
    }
}

/// What a server holds and how many cores it has while cells run against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dataset {
    /// Core loops of the server. With one, server and client are pinned apart; with more, nothing is pinned.
    pub(crate) cores: usize,
    /// Bytes of each value.
    pub(crate) value_bytes: usize,
    /// Number of keys `key:000000000000…`, all prefilled.
    pub(crate) keys: u64,
}

/// One workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The command.
    pub(crate) verb: Verb,
    /// Commands sent before the client waits for replies.
    pub(crate) pipeline: u32,
    /// What it runs against.
    pub(crate) data: Dataset,
    /// Over which socket.
    pub(crate) transport: Transport,
}

/// Connections of every load run, as in the goals of the project.
pub(crate) const CONNECTIONS: u32 = 50;
/// Keys that one MSET of redis-benchmark sets.
const KEYS_PER_MSET: u64 = 10;

/// Pipeline depth with the requests that make one run last about two seconds on a machine of the goals' class.
const PIPELINES: [(u32, u64); 3] = [(1, 200_000), (16, 2_000_000), (64, 3_000_000)];
const VERBS: [Verb; 4] = [Verb::Get, Verb::Set, Verb::Incr, Verb::Mset];
const VALUE_BYTES: [usize; 2] = [64, 1024];
const KEYS: [u64; 2] = [100_000, 5_000_000];
const CORES: [usize; 2] = [1, 2];
const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Unix];

/// Every cell, ordered so that cells of one data set follow each other.
pub(crate) fn table() -> Vec<Cell> {
    let mut cells = Vec::new();
    for cores in CORES {
        for value_bytes in VALUE_BYTES {
            for keys in KEYS {
                let data = Dataset { cores, value_bytes, keys };
                for transport in TRANSPORTS {
                    for (pipeline, _) in PIPELINES {
                        let verbs = VERBS.into_iter().filter(|v| *v != Verb::Incr || value_bytes == VALUE_BYTES[0]);
                        cells.extend(verbs.map(|verb| Cell { verb, pipeline, data, transport }));
                    }
                }
            }
        }
    }
    cells
}

impl Dataset {
    /// Whether `--quick` keeps it: small values and few keys.
    pub(crate) fn is_quick(&self) -> bool {
        self.value_bytes == VALUE_BYTES[0] && self.keys == KEYS[0]
    }

    /// A generous estimate of the resident bytes of one server that holds it, counters included.
    pub(crate) fn resident_bytes(&self) -> u64 {
        const OVERHEAD: u64 = 130;
        const COUNTER: u64 = 120;
        self.keys * (self.value_bytes as u64 + OVERHEAD + COUNTER)
    }
}

impl Cell {
    /// Requests of one run at full length. An MSET counts as one request and does the work of many.
    pub(crate) fn requests(&self) -> u64 {
        let (_, requests) = PIPELINES.into_iter().find(|(depth, _)| *depth == self.pipeline).unwrap_or(PIPELINES[0]);
        if self.verb == Verb::Mset { requests / (KEYS_PER_MSET / 2) } else { requests }
    }

    /// Whether each comma-separated word of `filter` is one part of the id. The empty filter matches everything.
    pub(crate) fn matches(&self, filter: &str) -> bool {
        let id = self.to_string();
        filter.split(',').filter(|word| !word.is_empty()).all(|word| id.split('/').any(|part| part == word))
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self.value_bytes {
            bytes if bytes % 1024 == 0 => format!("{}k", bytes / 1024),
            bytes => format!("{bytes}b"),
        };
        let keys = match self.keys {
            keys if keys % 1_000_000 == 0 => format!("{}m", keys / 1_000_000),
            keys => format!("{}k", keys / 1000),
        };
        write!(f, "{value}/{keys}/{}c", self.cores)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/p{}/{}/{}", self.verb.name(), self.pipeline, self.data, self.transport.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_distinct_and_readable() {
        let cells = table();
        let ids: HashSet<String> = cells.iter().map(Cell::to_string).collect();
        assert_eq!(ids.len(), cells.len());
        assert_eq!(cells.len(), (4 + 3) * 3 * 2 * 2 * 2);
        assert!(ids.contains("get/p16/64b/5m/1c/tcp"));
        assert!(ids.contains("mset/p64/1k/100k/2c/unix"));
    }

    #[test]
    fn a_filter_names_whole_parts() {
        let count = |filter: &str| table().iter().filter(|cell| cell.matches(filter)).count();
        assert_eq!(count(""), table().len());
        assert_eq!(count("get,p1,64b,100k,1c,tcp"), 1);
        assert_eq!(count("p1"), table().len() / 3);
        assert_eq!(count("p"), 0);
    }
}
