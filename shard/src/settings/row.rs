//! One row of the settings table, and how a row is found by name.

use super::table::{ROWS, Settings};

/// When a setting may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By CONFIG SET, at any time.
    Anytime,
    /// Only by the file or a flag, at start.
    AtStart,
    /// Only at start, and CONFIG SET says that it is protected: a client could harm the machine with it.
    Protected,
}

/// What a value of a setting looks like. Texts and units are those of Redis.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// A decimal integer in `min..=max`.
    Integer {
        /// Least value accepted.
        min: i64,
        /// Greatest value accepted.
        max: i64,
    },
    /// A decimal integer from 0 to 2,147,483,647 that is silently brought into `low..=high`, as Redis does with `hz`.
    Clamped {
        /// What smaller values become.
        low: i64,
        /// What greater values become.
        high: i64,
    },
    /// A power of two in `min..=max`.
    PowerOfTwo {
        /// Least value accepted.
        min: i64,
        /// Greatest value accepted.
        max: i64,
    },
    /// Bytes in `min..=max`, with a unit: `b`, `k` 1000, `kb` 1024, and so on to `gb`.
    Bytes {
        /// Least value accepted.
        min: u64,
        /// Greatest value accepted.
        max: u64,
    },
    /// Bytes as for `Bytes`, or a percentage such as `5%`.
    BytesOrPercent,
    /// Permission bits in octal, 0 to 777.
    Permissions,
    /// One word of a closed list; case does not matter.
    OneOf(&'static [&'static str]),
    /// Any UTF-8 text.
    Text,
    /// Any bytes. Neither logged nor printed in an error.
    Secret,
    /// Words with one space between them.
    Words {
        /// Most words.
        max: usize,
    },
    /// Percentiles from 0 to 100 with one space between them.
    Percentiles,
    /// Groups of `class hard soft seconds`.
    OutputLimits,
}

/// The table of the TOML file in which a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where the server listens.
    Network,
    /// Who may do what.
    Security,
    /// The process and its place in the system.
    Process,
    /// Core loops and the traffic between them.
    Cores,
    /// What one client may take.
    Clients,
    /// Databases and keys.
    Keyspace,
    /// Scripts.
    Scripts,
    /// How much the server stores.
    Memory,
    /// What survives a restart.
    Persistence,
    /// Being a node of a cluster.
    Cluster,
    /// The log.
    Log,
    /// What the server records about commands.
    Statistics,
    /// The endpoint for Prometheus.
    Metrics,
}

impl Kind {
    /// Whether a value is a list, which a flag may give as several arguments.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Words { .. } | Self::Percentiles | Self::OutputLimits)
    }
}

impl Group {
    /// Every group, in the order of the sample file.
    pub const ALL: [Self; 13] = [
        Self::Network,
        Self::Security,
        Self::Process,
        Self::Cores,
        Self::Clients,
        Self::Keyspace,
        Self::Scripts,
        Self::Memory,
        Self::Persistence,
        Self::Cluster,
        Self::Log,
        Self::Statistics,
        Self::Metrics,
    ];

    /// The name of its table in the TOML file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Security => "security",
            Self::Process => "process",
            Self::Cores => "cores",
            Self::Clients => "clients",
            Self::Keyspace => "keyspace",
            Self::Scripts => "scripts",
            Self::Memory => "memory",
            Self::Persistence => "persistence",
            Self::Cluster => "cluster",
            Self::Log => "log",
            Self::Statistics => "statistics",
            Self::Metrics => "metrics",
        }
    }
}

/// One setting: how it is called, what it takes, and access to its field.
pub struct Row {
    /// Redis's directive name where Redis has the setting.
    pub name: &'static str,
    /// Other names for the same setting.
    pub aliases: &'static [&'static str],
    /// Its table in the TOML file.
    pub group: Group,
    /// What its values look like.
    pub kind: Kind,
    /// When it may change.
    pub change: Change,
    /// The only value accepted, for a setting of a capability that does not exist yet.
    pub only: Option<&'static str>,
    /// What it means, in sentences for the reader of the sample file.
    pub doc: &'static str,
    pub(super) read: fn(&Settings, &Row) -> Vec<u8>,
    pub(super) write: fn(&mut Settings, &Row, &[u8]) -> Result<(), String>,
}

impl Row {
    /// The value as CONFIG GET prints it in Redis 7.0.15. Bytes, because a password may be any bytes.
    pub fn get(&self, settings: &Settings) -> Vec<u8> {
        (self.read)(settings, self)
    }

    /// Sets the value from its text.
    ///
    /// Errors: the reason in Redis's words, without a prefix and without a secret's value; `settings` is then as it was.
    pub fn set(&self, settings: &mut Settings, value: &[u8]) -> Result<(), String> {
        (self.write)(settings, self, value)
    }

    /// Refuses what [`Row::only`] forbids; `printed` is the parsed value in its CONFIG GET form.
    pub(super) fn admit(&self, printed: &[u8]) -> Result<(), String> {
        match self.only {
            Some(only) if only.as_bytes() != printed => Err(format!("this server supports only '{only}' here")),
            _ => Ok(()),
        }
    }

    /// Whether `name` is this row's name or one of its aliases; gives the table's spelling.
    pub(super) fn spelling(&self, name: &[u8]) -> Option<&'static str> {
        std::iter::once(&self.name)
            .chain(self.aliases)
            .find(|known| known.as_bytes().eq_ignore_ascii_case(name))
            .copied()
    }
}

/// The row called `name`, which may be an alias; case does not matter.
pub fn find(name: &[u8]) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.spelling(name).is_some())
}

/// The name or alias most like `name`, for an error text: at most a third of its letters differ. `None` if nothing is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let allowed = (name.len() / 3).max(1);
    // A name far longer than any of ours is near to none of them; this bounds the work.
    if name.len() > 2 * NAME_BYTES_MAX {
        return None;
    }
    ROWS.iter()
        .flat_map(|row| std::iter::once(&row.name).chain(row.aliases))
        .map(|known| (edits(name.as_bytes(), known.as_bytes()), *known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// No name in the table is longer than this, in bytes; a test holds it.
pub(super) const NAME_BYTES_MAX: usize = 40;

/// How many insertions, deletions, replacements and swaps of neighbours turn `a` into `b`. O(a·b).
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
