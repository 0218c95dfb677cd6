//! What a core keeps about attempts to do more than is allowed: log, counts, and who may not try again yet.

use super::attempts::Attempts;
use super::denial_log::{Denial, DenialLog, Reason};
use super::secrets::Secrets;

/// Denials since the counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessCounters {
    /// Wrong passwords.
    pub auth: u64,
    /// Commands.
    pub command: u64,
    /// Keys.
    pub key: u64,
    /// Channels.
    pub channel: u64,
}

impl AccessCounters {
    /// Adds another core's.
    pub fn add(&mut self, other: &AccessCounters) {
        self.auth += other.auth;
        self.command += other.command;
        self.key += other.key;
        self.channel += other.channel;
    }
}

/// The book of one core.
pub struct Book {
    /// ACL LOG's entries.
    pub log: DenialLog,
    /// What INFO counts.
    pub counters: AccessCounters,
    /// Wrong passwords by address.
    pub attempts: Attempts,
    /// What ACL GENPASS draws from.
    pub secrets: Secrets,
    next_id: u64,
}

impl Book {
    /// An empty book with a seed that nobody else has.
    pub fn new(seed: [u8; 32]) -> Self {
        Book {
            log: DenialLog::default(),
            counters: AccessCounters::default(),
            attempts: Attempts::default(),
            secrets: Secrets::new(seed),
            next_id: 0,
        }
    }

    /// Counts a denial and logs it.
    pub fn denied(&mut self, denial: Denial, entries_max: usize) {
        *match denial.reason {
            Reason::Auth => &mut self.counters.auth,
            Reason::Command => &mut self.counters.command,
            Reason::Key => &mut self.counters.key,
            Reason::Channel => &mut self.counters.channel,
        } += 1;
        self.next_id += 1;
        self.log.push(Denial { id: self.next_id, last_id: self.next_id, ..denial }, entries_max);
    }
}
