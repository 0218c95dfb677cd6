//! ACL LOG: what was denied, newest first. What is denied again soon is the same entry with a greater count.

use std::collections::VecDeque;

/// Why something was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The command is not allowed.
    Command,
    /// A key is not.
    Key,
    /// A channel is not.
    Channel,
    /// A password was wrong.
    Auth,
}

impl Reason {
    /// Its name in replies.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// Who wanted to carry a command out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A client.
    TopLevel,
    /// A transaction: one of its commands, as it was queued or carried out.
    Multi,
    /// A script.
    Lua,
}

impl Context {
    /// Its name in replies.
    pub fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Multi => "multi",
            Context::Lua => "lua",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// How often it happened.
    pub count: u64,
    /// Why.
    pub reason: Reason,
    /// To whom.
    pub context: Context,
    /// The command, the key, the channel, or the command that wanted to authenticate.
    pub object: Vec<u8>,
    /// The user, or the name that was tried.
    pub username: Vec<u8>,
    /// The line of CLIENT LIST about the last client.
    pub client: Vec<u8>,
    /// When it first happened, in milliseconds of the wall clock.
    pub first_ms: u64,
    /// When it last happened, likewise.
    pub last_ms: u64,
    /// A number that grows with every denial of a core: that of the first.
    pub id: u64,
    /// That of the last: the order of what happened in the same millisecond.
    pub last_id: u64,
}

/// What happens again within this time of the entry is the same entry.
const SAME_WITHIN_MS: u64 = 60_000;

/// How many of the newest entries may be added to.
const LOOKED_AT_MAX: usize = 10;

/// The most bytes of an object or a name that an entry keeps: clients choose them.
const QUOTED_BYTES_MAX: usize = 1024;

/// The entries of one core.
#[derive(Debug, Default)]
pub struct DenialLog {
    /// Newest first.
    entries: VecDeque<Denial>,
}

impl DenialLog {
    /// Enters a denial, and keeps the newest `entries_max`.
    pub fn push(&mut self, mut denial: Denial, entries_max: usize) {
        denial.object.truncate(QUOTED_BYTES_MAX);
        denial.username.truncate(QUOTED_BYTES_MAX);
        let known = self.entries.iter().take(LOOKED_AT_MAX).position(|entry| entry.is_same(&denial));
        if let Some(mut entry) = known.and_then(|place| self.entries.remove(place)) {
            entry.add(denial);
            self.entries.push_front(entry);
        } else {
            self.entries.push_front(denial);
        }
        self.entries.truncate(entries_max);
    }

    /// All entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Denial> {
        self.entries.iter()
    }

    /// Bytes of all entries. O(entries), of which there are as many as the settings allow.
    pub fn heap_bytes(&self) -> usize {
        self.entries.iter().map(|entry| size_of::<Denial>() + entry.text_bytes()).sum()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Denial {
    fn is_same(&self, other: &Denial) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.object == other.object
            && self.username == other.username
            && other.last_ms.abs_diff(self.last_ms) <= SAME_WITHIN_MS
    }

    fn text_bytes(&self) -> usize {
        self.object.capacity() + self.username.capacity() + self.client.capacity()
    }

    fn add(&mut self, newer: Denial) {
        self.count += newer.count;
        self.first_ms = self.first_ms.min(newer.first_ms);
        (self.last_ms, self.last_id, self.client) = (newer.last_ms, newer.last_id, newer.client);
    }
}

/// The newest entries of all cores. The same denial on several cores is one entry.
pub fn merge(parts: impl Iterator<Item = Vec<Denial>>, entries_max: usize) -> Vec<Denial> {
    let mut all: Vec<Denial> = parts.flatten().collect();
    all.sort_by_key(|entry| (entry.last_ms, entry.last_id));
    let mut log = DenialLog::default();
    all.into_iter().for_each(|entry| log.push(entry, entries_max));
    log.entries.into()
}
