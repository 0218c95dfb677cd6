//! What commands on fields are logged as: with times instead of durations, and only with the fields that they changed.

use evict::time::UnixMillis;

use crate::args::OwnedArgs;
use crate::exec::Exec;
use crate::store::Key;

/// Fields that a command changed, if somebody wants to know.
pub(super) struct Changed<'a>(Option<Vec<&'a [u8]>>);

impl<'a> Changed<'a> {
    pub(super) fn new(exec: &Exec) -> Changed<'a> {
        Changed(exec.is_logged().then(Vec::new))
    }

    /// Adds a field. With a value it is two words.
    #[inline]
    pub(super) fn add(&mut self, word: &'a [u8]) {
        if let Some(words) = &mut self.0 {
            words.push(word);
        }
    }

    /// True if there are none, or nobody wants to know.
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(Vec::is_empty)
    }

    /// They got a deadline.
    pub(super) fn log_deadline(self, exec: &mut Exec, key: &Key, when: UnixMillis, condition: Option<&[u8]>) {
        let mut digits = itoa::Buffer::new();
        let words = [&b"HPEXPIREAT"[..], key.bytes, digits.format(when.0).as_bytes()];
        self.log(exec, words.into_iter().chain(condition), Counted::Yes);
    }

    /// They have no deadline any more.
    pub(super) fn log_persist(self, exec: &mut Exec, key: &Key) {
        self.log(exec, [&b"HPERSIST"[..], key.bytes].into_iter(), Counted::Yes);
    }

    /// They are gone.
    pub(super) fn log_gone(self, exec: &mut Exec, key: &Key) {
        self.log(exec, [&b"HDEL"[..], key.bytes].into_iter(), Counted::No);
    }

    fn log<'w>(self, exec: &mut Exec, head: impl Iterator<Item = &'w [u8]>, counted: Counted) {
        let Some(fields) = self.0.filter(|fields| !fields.is_empty()) else { return };
        let mut words: OwnedArgs = head.collect();
        if counted == Counted::Yes {
            words.push(b"FIELDS");
            words.push(itoa::Buffer::new().format(fields.len()).as_bytes());
        }
        fields.into_iter().for_each(|field| words.push(field));
        exec.log_words(words);
    }
}

/// Whether the number of fields stands before them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    No,
}
