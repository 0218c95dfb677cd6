//! What commands on streams are logged as: with ids that were generated, with what was trimmed, and what groups were given entry by entry.

use crate::args::{Args, OwnedArgs};
use crate::exec::Exec;
use crate::store::Key;
use crate::table::Place;
use crate::types::stream::{By, Group, ID_BYTES_MAX, Pending, Stays, StreamId, Trim};

use super::options::TrimWords;
use super::stream_at;

/// XADD and XTRIM as what they did: by `id`, if the client left that open, and trimmed to what is left, if it said so roughly. Without
/// either they are logged as they are.
pub(super) fn log_changes(
    exec: &mut Exec,
    key: &Key,
    args: Args,
    id: Option<(usize, StreamId)>,
    trim: Option<(Trim, TrimWords)>,
) {
    let rough = trim.filter(|(trim, _)| trim.by != By::Entries);
    if !exec.is_logged() || (id.is_none() && rough.is_none()) {
        return;
    }
    let mut words = OwnedArgs::default();
    for index in 0..args.len() {
        match (rough, id) {
            (Some((_, at)), _) if at.operator == Some(index) => words.push(b"="),
            (Some((trim, at)), _) if at.threshold == index => push_what_stays(exec, key, trim, &mut words),
            (Some((_, at)), _) if at.limit.is_some_and(|limit| index == limit || index == limit + 1) => {}
            (_, Some((place, id))) if place == index => words.push(id.text(&mut [0; ID_BYTES_MAX])),
            _ => words.push(args.at(index)),
        }
    }
    exec.log_words(words);
}

/// What a stream was trimmed to: how many entries, or from which on.
fn push_what_stays(exec: &mut Exec, key: &Key, trim: Trim, words: &mut OwnedArgs) {
    let place = exec.keyspace.locate(exec.db, key).expect("it was just changed");
    let log = stream_at(exec, key, place).log();
    match trim.stays {
        Stays::Newest(_) => words.push(itoa::Buffer::new().format(log.len()).as_bytes()),
        // Nothing is left: whatever there was went.
        Stays::From(_) if log.is_empty() => words.push(StreamId::MAX.text(&mut [0; ID_BYTES_MAX])),
        Stays::From(_) => words.push(log.first_id.text(&mut [0; ID_BYTES_MAX])),
    }
}

/// What happened to a group, entry by entry.
pub(super) struct GroupLog<'a> {
    group: &'a [u8],
    claims: Option<Vec<OwnedArgs>>,
}

impl<'a> GroupLog<'a> {
    pub(super) fn new(exec: &Exec, group: &'a [u8]) -> GroupLog<'a> {
        GroupLog { group, claims: exec.is_logged().then(Vec::new) }
    }

    /// An entry is pending for a consumer; or was, and is deleted: who claims it then finds that out.
    pub(super) fn claim(&mut self, key: &Key, group: &Group, consumer: &[u8], id: StreamId, pending: &Pending) {
        let Some(claims) = &mut self.claims else { return };
        let mut numbers = [itoa::Buffer::new(), itoa::Buffer::new()];
        let [time, count] = &mut numbers;
        let (time, count) = (time.format(pending.delivered), count.format(pending.deliveries));
        let mut ids = [[0; ID_BYTES_MAX]; 2];
        let [own, last] = &mut ids;
        let (id, last_id) = (id.text(own), group.last_id.text(last));
        let words: [&[u8]; 14] = [
            b"XCLAIM",
            key.bytes,
            self.group,
            consumer,
            b"0",
            id,
            b"TIME",
            time.as_bytes(),
            b"RETRYCOUNT",
            count.as_bytes(),
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            last_id,
        ];
        claims.push(words.iter().collect());
    }

    /// True if nothing was claimed.
    pub(super) fn is_empty(&self) -> bool {
        self.claims.as_ref().is_none_or(Vec::is_empty)
    }

    /// Logs the claims.
    pub(super) fn log(self, exec: &mut Exec) {
        self.claims.into_iter().flatten().for_each(|words| exec.log_words(words));
    }
}

/// A consumer was made.
pub(super) fn log_consumer(exec: &mut Exec, key: &Key, group: &[u8], consumer: &[u8]) {
    exec.log_as(&[b"XGROUP", b"CREATECONSUMER", key.bytes, group, consumer]);
}

/// How far a group has read.
pub(super) fn log_position(exec: &mut Exec, key: &Key, place: Place, name: &[u8]) {
    if !exec.is_logged() {
        return;
    }
    let group = stream_at(exec, key, place).group(name).expect("it was just read");
    let (id, read) = (group.last_id, group.entries_read.unwrap_or(-1));
    let (mut text, mut digits) = ([0; ID_BYTES_MAX], itoa::Buffer::new());
    let words: [&[u8]; 7] =
        [b"XGROUP", b"SETID", key.bytes, name, id.text(&mut text), b"ENTRIESREAD", digits.format(read).as_bytes()];
    exec.log_as(&words);
}
