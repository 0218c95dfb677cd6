//! What a selector says about keys: patterns, each for reading, writing or both.

use keyspace::glob::{self, Case};
use keyspace::spec::KeyFlags;

/// What is done to a key, or may be: reads user data, writes, both, or neither (a look at whether it exists).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Access {
    /// User data is read.
    pub read: bool,
    /// Something is added, changed or deleted.
    pub write: bool,
}

impl Access {
    /// Both.
    pub const ALL: Access = Access { read: true, write: true };

    /// Only reading.
    pub const READ: Access = Access { read: true, write: false };

    /// What a command with these flags does to the key.
    pub fn of(flags: KeyFlags) -> Access {
        let writes = [KeyFlags::INSERT, KeyFlags::DELETE, KeyFlags::UPDATE];
        Access { read: flags.has(KeyFlags::ACCESS), write: writes.into_iter().any(|flag| flags.has(flag)) }
    }

    /// True if everything in `needed` is here.
    pub fn covers(self, needed: Access) -> bool {
        (self.read || !needed.read) && (self.write || !needed.write)
    }

    /// What either allows.
    pub fn or(self, other: Access) -> Access {
        Access { read: self.read || other.read, write: self.write || other.write }
    }
}

/// A pattern of keys with what may be done to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    /// The glob pattern.
    pub pattern: Box<[u8]>,
    /// What is allowed: at least one of the two.
    pub access: Access,
}

impl KeyPattern {
    /// True if it allows this to this key.
    pub fn admits(&self, key: &[u8], needed: Access) -> bool {
        self.access.covers(needed) && matches(&self.pattern, key)
    }

    /// True if it allows everything to every key.
    pub fn is_everything(&self) -> bool {
        &*self.pattern == b"*" && self.access == Access::ALL
    }

    /// The rule that makes it.
    pub fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.access {
            Access { read: true, write: false } => b"%R~",
            Access { read: false, write: true } => b"%W~",
            _ => b"~",
        });
        out.extend_from_slice(&self.pattern);
    }
}

/// True if a glob pattern matches, case and all.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    glob::matches(pattern, text, Case::Exact)
}
