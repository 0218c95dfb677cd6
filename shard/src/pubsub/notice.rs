//! What a core tells another unasked, in one stream per ordered pair of cores.

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

/// Bytes of messages that may wait for a core that does not take its mail. Above it they are dropped and the core's listening
/// clients are cut, as each of them would be that does not read.
pub const STREAM_BYTES_MAX: usize = 256 << 20;

/// What a notice costs beside the bytes that it carries.
const NOTICE_BYTES: usize = 64;

/// One notice.
pub enum Notice {
    /// To the channel's core: order this message and tell everybody. Nobody waits for the number of receivers.
    Publish(Arc<Publication>),
    /// From the channel's core: tell your clients.
    Deliver(Arc<Publication>),
    /// Give a client these bytes.
    Push(ConnId, Arc<[u8]>),
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
    /// What clients of the sender did, for the monitors of the target.
    Monitored(Lines),
    /// The sender has one monitor fewer.
    MonitorGone,
    /// Messages were dropped here: end every client that listens or tracks, monitors among them.
    Cut,
}

impl Notice {
    /// True if it is for clients, and goes when too much waits.
    fn may_be_dropped(&self) -> bool {
        let of_commands = matches!(self, Notice::Invalid(..) | Notice::Redirected(..) | Notice::Monitored(_));
        of_commands || matches!(self, Notice::Publish(_) | Notice::Deliver(_) | Notice::Push(..))
    }

    /// What it counts for: what is not dropped is bounded by its senders.
    fn bytes(&self) -> usize {
        if !self.may_be_dropped() {
            return 0;
        }
        NOTICE_BYTES
            + match self {
                Notice::Publish(publication) | Notice::Deliver(publication) => publication.bytes(),
                Notice::Push(_, bytes) => bytes.len(),
                Notice::Monitored(lines) => lines.text.as_ref().map_or(0, |text| text.len()),
                Notice::Invalid(_, invalid) | Notice::Redirected(_, invalid, _) => invalid.bytes(),
                _ => 0,
            }
    }
}

/// Notices that wait to be posted to one core.
#[derive(Default)]
pub struct Stream {
    notices: Vec<Notice>,
    bytes: usize,
}

impl Stream {
    /// Appends a notice. If too much waits, all messages are dropped.
    pub fn push(&mut self, notice: Notice) {
        self.bytes += notice.bytes();
        self.notices.push(notice);
        if self.bytes > STREAM_BYTES_MAX {
            self.notices.retain(|notice| !notice.may_be_dropped());
            self.notices.push(Notice::Cut);
            self.bytes = 0;
        }
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

    #[test]
    fn what_waits_is_bounded_and_answers_stay() {
        const LARGE: usize = 16 << 20;
        let mut stream = Stream::default();
        let message = Arc::new(Publication::new(Kind::Channel, b"c", &vec![b'x'; LARGE]));
        stream.push(Notice::Left(Vec::new()));
        for _ in 0..STREAM_BYTES_MAX / LARGE + 1 {
            stream.push(Notice::Deliver(message.clone()));
            assert!(stream.bytes <= STREAM_BYTES_MAX);
        }
        let left = stream.take();
        assert!(matches!(left[..], [Notice::Left(_), Notice::Cut, ..]) && left.len() < 4);
        stream.put_back(left);
        assert!(!stream.is_empty() && stream.bytes < LARGE * 2);
    }
}
