//! How one client tracks: part of its session.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::heap::{ARC_BYTES, tree_bytes};

use super::Tracker;

/// Which keys a client is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All that it reads.
    Default,
    /// Those that it reads directly after CLIENT CACHING YES.
    OptIn,
    /// All that it reads, but not directly after CLIENT CACHING NO.
    OptOut,
    /// All that begin with one of its prefixes, whether it reads them or not.
    Broadcast,
}

/// Another client that is told instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Its number.
    pub client: u64,
    /// Where it is.
    pub to: Tracker,
    /// It is gone.
    pub broken: bool,
}

/// A client that tracks.
#[derive(Clone, Debug)]
pub struct Tracking {
    /// The client.
    pub me: Tracker,
    /// Which keys.
    pub mode: Mode,
    /// Its own changes are not told.
    pub noloop: bool,
    /// CLIENT CACHING was the last command.
    pub caching: bool,
    /// Who is told instead.
    pub redirect: Option<Redirect>,
    prefixes: BTreeSet<Arc<[u8]>>,
    prefix_bytes: usize,
}

impl Tracking {
    /// A client that begins to track.
    pub fn new(me: Tracker, mode: Mode) -> Self {
        let prefixes = BTreeSet::new();
        Tracking { me, mode, noloop: false, caching: false, redirect: None, prefixes, prefix_bytes: 0 }
    }

    /// Its prefixes; the empty one for all keys.
    pub fn prefixes(&self) -> &BTreeSet<Arc<[u8]>> {
        &self.prefixes
    }

    /// Likewise, with these prefixes.
    pub fn with_prefixes(self, prefixes: BTreeSet<Arc<[u8]>>) -> Self {
        let prefix_bytes = prefixes.iter().map(|prefix| prefix.len() + ARC_BYTES).sum();
        Tracking { prefixes, prefix_bytes, ..self }
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Tracking>() + tree_bytes::<Arc<[u8]>>(self.prefixes.len()) + self.prefix_bytes
    }

    /// The client, if the keys of its next command are to be noted.
    pub fn notes(&self) -> Option<Tracker> {
        let notes = match self.mode {
            Mode::Default => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        };
        notes.then_some(self.me)
    }
}
