//! A batch in flight: what a connection waits for, so that replies leave in request order.
//!
//! A connection has at most one batch under way. Until a command of it goes to another core, replies are written straight to the
//! connection's output and there is no flight. From then on replies made here are kept aside, and when the last hop is back all
//! are put together in order. That the next batch waits is what keeps the order of `cores.md` §5 and bounds what a connection can
//! have outstanding.

use smallvec::SmallVec;

use crate::hop::Hop;
use crate::mesh::CoreId;

/// One or more consecutive replies.
#[derive(Clone, Copy)]
enum Segment {
    /// This many bytes of `here`.
    Here(usize),
    /// The next reply of the hop to this core.
    Away(CoreId),
}

/// Room for replies that a flight keeps from one batch to the next, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// The replies of a batch that has hops under way.
#[derive(Default)]
pub struct Flight {
    order: Vec<Segment>,
    here: Vec<u8>,
    outstanding: usize,
    /// Bytes of the hops, as they left or came back.
    hop_bytes: usize,
    back: SmallVec<[(CoreId, Box<Hop>); 2]>,
}

impl Flight {
    /// Where replies made on this core go.
    pub fn here(&mut self) -> &mut Vec<u8> {
        &mut self.here
    }

    /// Bytes of replies made on this core.
    pub fn here_bytes(&self) -> usize {
        self.here.len()
    }

    /// Notes that `bytes` were appended to `here`.
    pub fn replied_here(&mut self, bytes: usize) {
        match self.order.last_mut() {
            Some(Segment::Here(len)) => *len += bytes,
            _ => self.order.push(Segment::Here(bytes)),
        }
    }

    /// Notes that the next reply comes from `core`.
    pub fn expect(&mut self, core: CoreId) {
        self.order.push(Segment::Away(core));
    }

    /// Notes that a hop left.
    pub fn departed(&mut self, hop: &mut Hop) {
        self.outstanding += 1;
        hop.left_with = hop.heap_bytes();
        self.hop_bytes += hop.left_with;
    }

    /// Takes a hop that is back from `core`. True when it was the last.
    pub fn returned(&mut self, core: CoreId, hop: Box<Hop>) -> bool {
        self.outstanding -= 1;
        self.hop_bytes += hop.heap_bytes() - hop.left_with;
        self.back.push((core, hop));
        self.outstanding == 0
    }

    /// Bytes that it holds on the heap, with its hops. What is replied on another core counts once the hop is back.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Flight>() + self.order.capacity() * size_of::<Segment>() + self.here.capacity() + self.hop_bytes
    }

    /// Hops that are under way.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Appends all replies in request order and gives the hops back for reuse.
    pub fn land(&mut self, out: &mut Vec<u8>) -> SmallVec<[(CoreId, Box<Hop>); 2]> {
        let mut here = 0;
        for segment in self.order.drain(..) {
            match segment {
                Segment::Here(len) => {
                    out.extend_from_slice(&self.here[here..here + len]);
                    here += len;
                }
                Segment::Away(core) => {
                    let found = self.back.iter_mut().find(|(from, _)| *from == core);
                    let (_, hop) = found.expect("every hop of the batch is back");
                    out.extend_from_slice(hop.take_reply());
                }
            }
        }
        self.here.clear();
        self.here.shrink_to(KEPT_BYTES_MAX);
        self.hop_bytes = 0;
        std::mem::take(&mut self.back)
    }
}
