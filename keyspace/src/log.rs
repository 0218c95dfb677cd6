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

/// How keys are deleted, by the settings `lazyfree-lazy-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// Those whose time is over.
    pub expired: Form,
    /// Those that have to make room.
    pub evicted: Form,
    /// Those that a command deletes because the client said so.
    pub by_user: Form,
}

impl Default for Forms {
    fn default() -> Forms {
        Forms { expired: Form::Del, evicted: Form::Del, by_user: Form::Del }
    }
}

/// The most bytes of the notes of one unit. A unit above is not kept: the log is told that it lost something.
pub const NOTES_BYTES_MAX: usize = 1 << 30;

/// What is not recorded yet.
#[derive(Debug, Default)]
pub struct Notes {
    on: bool,
    /// How keys are deleted.
    pub forms: Forms,
    /// The command under way changed something.
    changed: bool,
    /// Its handler said what is to be noted.
    said: bool,
    taken: Vec<Note>,
    bytes: usize,
}

impl Notes {
    /// Notes for a log that has a reader.
    pub fn on() -> Notes {
        Notes { on: true, ..Notes::default() }
    }

    /// No notes, with the same settings.
    pub fn fresh(&self) -> Notes {
        Notes { on: self.on, forms: self.forms, ..Notes::default() }
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

    /// Adds a note. Above the bound the oldest notes are given up, and `is_too_large` says so.
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
        self.bytes > NOTES_BYTES_MAX
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
            let forms = self.signals.log.forms;
            let form = if why == Cause::Evicted { forms.evicted } else { forms.expired };
            self.note_for_log(Kind::Keys(why, form), db, std::iter::once(key.bytes).collect());
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
