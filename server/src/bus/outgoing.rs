//! What waits to be sent on a link, and the word that the link is over.
//!
//! Frames are shared between links. What waits is bounded by `cluster-link-sendbuf-limit`, which the tick looks at, and in any case by
//! [`QUEUE_BYTES_MAX`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// Most bytes that wait on one link: a peer that never reads cannot take all memory, whatever the settings say.
const QUEUE_BYTES_MAX: usize = 1 << 30;

/// Who opened a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// This node.
    Here,
    /// The other one.
    There,
}

/// The sending half of a link, as the bus sees it. The link's task sends.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Who opened the link.
    pub(super) opened: Opened,
    frames: VecDeque<Arc<[u8]>>,
    /// Bytes of the first frame that are sent.
    sent: usize,
    bytes: usize,
    over: bool,
    /// The link's task.
    task: Option<Waker>,
}

impl Outgoing {
    /// A link on which nothing waits.
    pub(super) fn new(opened: Opened) -> Outgoing {
        Outgoing { opened, frames: VecDeque::new(), sent: 0, bytes: 0, over: false, task: None }
    }

    /// Adds a frame. `false` if that is too much: then nothing was added.
    #[must_use]
    pub(super) fn push(&mut self, frame: Arc<[u8]>) -> bool {
        if self.bytes + frame.len() > QUEUE_BYTES_MAX {
            return false;
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.wake();
        true
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes - self.sent
    }

    /// Bytes that are kept for what waits.
    pub(super) fn allocated(&self) -> usize {
        self.bytes + self.frames.capacity() * size_of::<Arc<[u8]>>()
    }

    /// The link is over; what waits is not sent.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.frames.clear();
        (self.sent, self.bytes) = (0, 0);
        self.wake();
    }

    /// Whether it is.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Names the task to wake.
    pub(super) fn arm(&mut self, task: &Waker) {
        if self.task.as_ref().is_none_or(|known| !known.will_wake(task)) {
            self.task = Some(task.clone());
        }
    }

    /// The bytes to send next.
    pub(super) fn next(&self) -> Option<&[u8]> {
        self.frames.front().map(|frame| &frame[self.sent..])
    }

    /// So many of these are sent.
    pub(super) fn advance(&mut self, sent: usize) {
        self.sent += sent;
        if let Some(first) = self.frames.front()
            && self.sent == first.len()
        {
            self.bytes -= self.sent;
            self.sent = 0;
            self.frames.pop_front();
        }
    }

    fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_order_and_are_counted() {
        let mut outgoing = Outgoing::new(Opened::Here);
        assert_eq!((outgoing.next(), outgoing.bytes()), (None, 0));
        assert!(outgoing.push((*b"abc").into()) && outgoing.push((*b"de").into()));
        assert_eq!((outgoing.next(), outgoing.bytes()), (Some(&b"abc"[..]), 5));
        outgoing.advance(2);
        assert_eq!((outgoing.next(), outgoing.bytes()), (Some(&b"c"[..]), 3));
        outgoing.advance(1);
        assert_eq!((outgoing.next(), outgoing.bytes()), (Some(&b"de"[..]), 2));
        outgoing.end();
        assert_eq!((outgoing.next(), outgoing.bytes(), outgoing.is_over()), (None, 0, true));
    }

    #[test]
    fn a_peer_that_never_reads_has_a_limit() {
        let mut outgoing = Outgoing::new(Opened::Here);
        let frame: Arc<[u8]> = vec![0; 64 << 20].into();
        let taken = (0..100).take_while(|_| outgoing.push(frame.clone())).count();
        assert_eq!(taken, 16);
    }
}
