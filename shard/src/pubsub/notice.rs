//! What a core tells another unasked, in one stream per ordered pair of cores.

use std::collections::BTreeSet;
use std::sync::Arc;

use keyspace::signals::Changed;

use crate::busy::Busy;
use crate::effects::Served;
use crate::mail::Reply;
use crate::mesh::loans::UnitId;
use crate::monitor::Lines;
use crate::ring::ConnId;
use crate::tracking::{Invalid, Tracker};
use crate::unit::Turn;

use super::{Publication, Topic};

/// Bytes of messages that may wait for a core that does not take its mail. Above it they are dropped, and who loses one is cut, as
/// it would be if it did not read. Clients that track are told that they cannot rely on anything instead.
pub const STREAM_BYTES_MAX: usize = 256 << 20;

/// What a notice costs beside the bytes that it carries.
const NOTICE_BYTES: usize = 64;

/// One notice.
pub enum Notice {
    /// To the channel's core: order this message and tell everybody. Nobody waits for the number of receivers.
    Publish(Arc<Publication>),
    /// From the channel's core: tell your clients.
    Deliver(Arc<Publication>),
    /// Tell a client that tracks what it cannot rely on.
    Invalid(ConnId, Invalid),
    /// Tell every client that tracks that it cannot rely on anything.
    InvalidEverything,
    /// Tell the first client, of the receiver, in the place of the last, of the sender.
    Redirected(ConnId, Invalid, ConnId),
    /// The first client, of the receiver, tracks for the other, which is gone.
    RedirectBroken(ConnId, ConnId),
    /// This client of the sender tracks no longer by prefixes.
    Untracked(Tracker),
    /// One client fewer of the sender listens to each of these.
    Left(Vec<Topic>),
    /// The answer to a question about subscriptions. What the channel's core took before it stands before it.
    Answer(Box<Reply>),
    /// The reply of a blocked client.
    Served(Box<Served>),
    /// A blocked client may find what it waits for: carry its command out.
    Turn(Box<Turn>),
    /// Clients may wait on this key of the target beside something for them.
    Again(Changed),
    /// This unit runs a script for so long that who waits for the slots that it has of the target is told BUSY.
    Busy(UnitId, Busy),
    /// This unit of the receiver asked for slots with keys that are held: it gives back what it has.
    TurnedAway(UnitId),
    /// This unit of the receiver was turned away, and may ask again.
    AskAgain(UnitId),
    /// This unit of the sender was turned away, and does not ask again.
    NoWish(UnitId),
    /// What clients of the sender did, for the monitors of the target.
    Monitored(Lines),
    /// The sender has one monitor fewer.
    MonitorGone,
    /// The sender wants memory, or has some again: the end of the receiver's turn sees to it.
    Memory,
    /// Such messages were dropped here: end who misses them.
    Cut(Lost),
}

/// What was dropped, so who misses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// `Notice::Monitored`: the target's monitors.
    Lines,
    /// `Notice::Deliver`: the target's clients that listen. Which channels they were is not kept, as those have no bound either.
    Delivered,
    /// `Notice::Publish`: clients that listen, of every core.
    Published,
}

impl Notice {
    /// What it counts for: what is not dropped is bounded by its senders.
    fn bytes(&self) -> usize {
        let carried = match self {
            Notice::Publish(publication) | Notice::Deliver(publication) => publication.bytes(),
            Notice::Monitored(lines) => lines.text.as_ref().map_or(0, |text| text.len()),
            Notice::Invalid(_, invalid) | Notice::Redirected(_, invalid, _) => invalid.bytes(),
            _ => return 0,
        };
        NOTICE_BYTES + carried
    }
}

/// Notices that wait to be posted to one core.
pub struct Stream {
    notices: Vec<Notice>,
    bytes: usize,
    bytes_max: usize,
}

impl Stream {
    /// Nothing waits. Messages of up to `bytes_max` bytes may: `STREAM_BYTES_MAX`, and less in tests.
    pub fn new(bytes_max: usize) -> Stream {
        Stream { notices: Vec::new(), bytes: 0, bytes_max }
    }

    /// Appends a notice. If too much waits, all messages are dropped.
    pub fn push(&mut self, notice: Notice) {
        self.bytes += notice.bytes();
        self.notices.push(notice);
        if self.bytes > self.bytes_max {
            self.drop_messages();
        }
    }

    /// Drops all messages, and has those ended who miss one. Keys that clients cannot rely on become, once for each client, all keys.
    #[cold]
    fn drop_messages(&mut self) {
        let mut lost = BTreeSet::new();
        let (mut distrust, mut redirected) = (BTreeSet::new(), BTreeSet::new());
        for notice in std::mem::take(&mut self.notices) {
            match notice {
                Notice::Monitored(_) => drop(lost.insert(Lost::Lines)),
                Notice::Deliver(_) => drop(lost.insert(Lost::Delivered)),
                Notice::Publish(_) => drop(lost.insert(Lost::Published)),
                Notice::Cut(before) => drop(lost.insert(before)),
                Notice::Invalid(client, _) => drop(distrust.insert(client)),
                Notice::Redirected(client, _, source) => drop(redirected.insert((client, source))),
                other => self.notices.push(other),
            }
        }
        self.notices.extend(lost.into_iter().map(Notice::Cut));
        self.notices.extend(distrust.into_iter().map(|client| Notice::Invalid(client, Invalid::Everything)));
        let redirected = redirected.into_iter();
        self.notices.extend(redirected.map(|(client, source)| Notice::Redirected(client, Invalid::Everything, source)));
        // At most one for each client of the target and of the sender, so far below the bound.
        self.bytes = self.notices.iter().map(Notice::bytes).sum();
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// Takes everything.
    pub fn take(&mut self) -> Vec<Notice> {
        self.bytes = 0;
        std::mem::take(&mut self.notices)
    }

    /// Puts back what found no room; nothing was pushed since it was taken.
    pub fn put_back(&mut self, notices: Vec<Notice>) {
        self.bytes = notices.iter().map(Notice::bytes).sum();
        self.notices = notices;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use crate::tracking::ChangedKey;

    /// What may wait in these tests.
    const BYTES_MAX: usize = 16 << 10;

    /// What is left of these, and of messages until some were dropped.
    fn filled(first: Vec<Notice>, mut message: impl FnMut() -> Notice) -> Vec<Notice> {
        let mut stream = Stream::new(BYTES_MAX);
        first.into_iter().for_each(|notice| stream.push(notice));
        loop {
            let before = stream.bytes;
            stream.push(message());
            assert!(stream.bytes <= BYTES_MAX);
            if stream.bytes < before {
                return stream.take();
            }
        }
    }

    fn large() -> Vec<u8> {
        vec![b'x'; BYTES_MAX / 16]
    }

    fn conn(index: u32) -> ConnId {
        ConnId { index, generation: 0 }
    }

    #[test]
    fn what_waits_is_bounded_and_answers_stay() {
        let message = Arc::new(Publication::new(Kind::Channel, b"c", &large()));
        let left = filled(vec![Notice::Left(Vec::new())], || Notice::Deliver(message.clone()));
        assert!(matches!(left[..], [Notice::Left(_), Notice::Cut(Lost::Delivered)]));
        let mut stream = Stream::new(BYTES_MAX);
        stream.put_back(left);
        stream.push(Notice::Deliver(message.clone()));
        assert!(stream.bytes == NOTICE_BYTES + message.bytes() && !stream.is_empty());
    }

    #[test]
    fn it_is_said_who_misses_what_was_dropped() {
        let message = Arc::new(Publication::new(Kind::Channel, b"c", &large()));
        let left = filled(vec![Notice::Left(Vec::new())], || Notice::Publish(message.clone()));
        assert!(matches!(left[..], [Notice::Left(_), Notice::Cut(Lost::Published)]));
        let text: Option<Arc<[u8]>> = Some(large().into());
        let left = filled(vec![Notice::Left(Vec::new())], || Notice::Monitored(Lines { at_us: 1, text: text.clone() }));
        assert!(matches!(left[..], [Notice::Left(_), Notice::Cut(Lost::Lines)]));
    }

    #[test]
    fn what_was_said_before_is_said_once() {
        let message = Arc::new(Publication::new(Kind::Channel, b"c", &large()));
        let before = vec![Notice::Cut(Lost::Published), Notice::Cut(Lost::Delivered)];
        let left = filled(before, || Notice::Deliver(message.clone()));
        assert!(matches!(left[..], [Notice::Cut(Lost::Delivered), Notice::Cut(Lost::Published)]));
    }

    #[test]
    fn clients_that_track_distrust_everything_instead() {
        let keys: Arc<[ChangedKey]> = [ChangedKey { key: large().into(), by: 1 }].into();
        let mut index = 0;
        let left = filled(Vec::new(), || {
            index = (index + 1) % 4;
            let invalid = Invalid::Keys(keys.clone());
            if index < 2 {
                Notice::Invalid(conn(index), invalid)
            } else {
                Notice::Redirected(conn(9), invalid, conn(index))
            }
        });
        let everything = |notice: &Notice| match notice {
            Notice::Invalid(client, Invalid::Everything) => Some((*client, None)),
            Notice::Redirected(client, Invalid::Everything, source) => Some((*client, Some(*source))),
            _ => None,
        };
        let told: Vec<_> = left.iter().filter_map(everything).collect();
        let redirected = [(conn(9), Some(conn(2))), (conn(9), Some(conn(3)))];
        assert_eq!(told, [vec![(conn(0), None), (conn(1), None)], redirected.to_vec()].concat());
        assert_eq!(left.len(), told.len());
    }
}
