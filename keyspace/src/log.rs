//! What the internal log is told of what commands change (`evict::record`), before it has numbers.
//!
//! A keyspace takes notes while a command, a transaction or a step of the cycle is under way; whoever carried that out makes records of
//! them. Without a reader of the log nothing is noted: a command that changes something pays for one test.
//!
//! A command that changed something is noted as the client sent it, unless its handler says what is to be noted instead: what is
//! relative to the time, drawn at random or decided by a condition has to be the same wherever it is done again.

use evict::record::{Cause, Form, Kind};

use crate::args::{Args, OwnedArgs};
use crate::exec::Exec;
use crate::limits::{Pace, Removal};
use crate::store::{Db, Key, Keyspace};

/// One record to be.
#[derive(Clone, Debug)]
pub struct Note {
    /// What it says.
    pub kind: Kind,
    /// Number of the database.
    pub db: u16,
    /// Its parts.
    pub parts: OwnedArgs,
}

/// What is not recorded yet.
#[derive(Debug, Default)]
pub struct Notes {
    on: bool,
    /// The most bytes of a unit. One above is not kept: the log has no room for it either.
    bytes_max: usize,
    /// The command under way changed something.
    changed: bool,
    /// Its handler said what is to be noted.
    said: bool,
    taken: Vec<Note>,
    bytes: usize,
}

impl Notes {
    /// Notes for a log that has a reader, and room for so many bytes.
    pub fn on(bytes_max: usize) -> Notes {
        Notes { on: true, bytes_max, ..Notes::default() }
    }

    /// No notes, with a reader if these have one.
    pub fn fresh(&self) -> Notes {
        Notes { on: self.on, bytes_max: self.bytes_max, ..Notes::default() }
    }

    /// True if there is a reader.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The command under way changed something.
    #[inline]
    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    /// Adds a note. Above the bound all of them are given up, and `is_too_large` says so.
    pub fn push(&mut self, kind: Kind, db: u16, parts: OwnedArgs) {
        self.bytes = self.bytes.saturating_add(parts.room() + size_of::<Note>());
        if self.is_too_large() {
            self.taken = Vec::new();
            return;
        }
        self.taken.push(Note { kind, db, parts });
    }

    /// True if more was noted than is kept.
    pub fn is_too_large(&self) -> bool {
        self.bytes > self.bytes_max
    }

    /// True without anything to record.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.bytes == 0
    }

    /// A command is over: notes it as the client sent it, if it changed something and nothing else was said.
    pub fn end_command(&mut self, db: u16, args: Args) {
        if std::mem::take(&mut self.changed) && !std::mem::take(&mut self.said) {
            self.push(Kind::Command, db, OwnedArgs::copy(args));
        }
        self.said = false;
    }

    /// Takes what was noted in another keyspace for the same command.
    pub fn gather(&mut self, other: &mut Notes) {
        self.changed |= std::mem::take(&mut other.changed);
        self.said |= std::mem::take(&mut other.said);
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
        self.taken.append(&mut other.taken);
        if self.is_too_large() {
            self.taken = Vec::new();
        }
    }

    /// Exchanges what was noted so far with what was noted for something else.
    pub fn exchange(&mut self, other: &mut Notes) {
        std::mem::swap(&mut self.taken, &mut other.taken);
        std::mem::swap(&mut self.bytes, &mut other.bytes);
    }

    /// Takes all notes, for records.
    pub fn take(&mut self) -> Vec<Note> {
        self.bytes = 0;
        std::mem::take(&mut self.taken)
    }

    /// What a script did is taken back: keeps only what it found to be gone, by `is_gone`, which is not put back.
    pub fn take_back(&mut self, mut is_gone: impl FnMut(&Note) -> bool) {
        self.taken.retain(|note| matches!(note.kind, Kind::Keys(..)) && is_gone(note));
        (self.changed, self.said) = (false, false);
    }
}

impl Keyspace {
    /// Notes that a key was deleted without a command that says so. `why` also tells how.
    #[inline]
    pub fn log_gone(&mut self, why: Cause, db: Db, key: &Key) {
        if self.signals.log.is_on() {
            let removal = if why == Cause::Evicted { Removal::Eviction } else { Removal::Expiry };
            let kind = Kind::Keys(why, self.form_of(removal));
            self.note_for_log(kind, db, std::iter::once(key.bytes).collect());
        }
    }

    /// How a key that is removed for this reason is deleted elsewhere.
    pub(crate) fn form_of(&self, removal: Removal) -> Form {
        match self.limits.lazy_free.pace(removal) {
            Pace::Prompt => Form::Del,
            Pace::Lazy => Form::Unlink,
        }
    }

    /// Notes something for the log.
    #[cold]
    pub(crate) fn note_for_log(&mut self, kind: Kind, db: Db, parts: OwnedArgs) {
        let number = self.number_of(db);
        self.signals.log.push(kind, number, parts);
        self.signals.pending = true;
    }
}

impl Exec<'_> {
    /// True if somebody wants to know what the command is to be replaced by: for handlers to which that is work.
    #[inline]
    pub fn is_logged(&self) -> bool {
        self.keyspace.signals.log.is_on()
    }

    /// The command is logged as these words. Of several calls each adds a record.
    #[inline]
    pub fn log_as(&mut self, words: &[&[u8]]) {
        if self.is_logged() {
            self.log_words(words.iter().collect());
        }
    }

    /// `log_as` with words of one's own.
    #[cold]
    pub fn log_words(&mut self, words: OwnedArgs) {
        self.keyspace.signals.log.said = true;
        self.keyspace.note_for_log(Kind::Command, self.db, words);
    }

    /// Notes that a command found fields expired, which it removed.
    #[cold]
    pub fn log_expired_fields(&mut self, key: &Key, fields: &[&[u8]]) {
        if self.is_logged() {
            let parts = std::iter::once(key.bytes).chain(fields.iter().copied()).collect();
            self.keyspace.note_for_log(Kind::Fields, self.db, parts);
        }
    }

    /// True if there is a reader, and the command has changed something so far.
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.keyspace.signals.log.changed
    }

    /// The command is not logged, whatever it changed.
    #[inline]
    pub fn log_nothing(&mut self) {
        self.keyspace.signals.log.said = true;
    }

    /// The command is logged as the deletion of a key that got a deadline which is past.
    #[inline]
    pub fn log_past(&mut self, key: &Key) {
        if self.is_logged() {
            self.keyspace.signals.log.said = true;
            self.keyspace.log_gone(Cause::PastDeadline, self.db, key);
        }
    }

    /// The command is logged as the deletion of a key, in this form.
    #[inline]
    pub fn log_deletion(&mut self, form: Form, key: &Key) {
        self.log_as(&[if form == Form::Del { b"DEL" } else { b"UNLINK" }, key.bytes]);
    }

    /// The command changed something that it does not count: what was hidden, say. It is logged all the same.
    #[inline]
    pub fn changed_unseen(&mut self) {
        self.keyspace.signals.dirtied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Desk;

    fn noted(desk: &mut Desk, line: &str) -> Vec<String> {
        desk.run(line);
        desk.keyspace.signals.pending = false;
        let words: OwnedArgs = line.split(' ').collect();
        desk.keyspace.signals.log.end_command(0, words.args());
        let text = |note: Note| note.parts.args().iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        desk.keyspace.signals.log.take().into_iter().map(text).collect()
    }

    #[test]
    fn nothing_is_noted_without_a_reader() {
        let mut desk = Desk::new();
        for line in ["SET k v PX 10", "SPOP none", "SADD s a b", "SPOP s", "XADD t * a b"] {
            assert!(noted(&mut desk, line).is_empty() && !desk.keyspace.signals.pending, "{line}");
        }
    }

    #[test]
    fn a_command_is_noted_once_whatever_it_says_of_itself() {
        let mut desk = Desk::new();
        desk.keyspace.signals.log = Notes::on(1_000);
        let rows: [(&str, &[&str]); 5] = [
            ("SET k v", &["SET k v"]),
            ("GET k", &[]),
            ("GETDEL k", &["DEL k"]),
            ("GETDEL k", &[]),
            ("SPOP none", &[]),
        ];
        for (line, expected) in rows {
            assert_eq!(noted(&mut desk, line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_too_large_is_given_up_and_told() {
        let mut notes = Notes::on(1_000);
        let long = || std::iter::once(vec![b'v'; 300]).collect::<OwnedArgs>();
        for _ in 0..9 {
            notes.push(Kind::Command, 0, long());
        }
        assert!(notes.is_too_large() && !notes.is_empty());
        assert!(notes.take().is_empty());
        assert!(!notes.is_too_large() && notes.is_empty());
    }
}
