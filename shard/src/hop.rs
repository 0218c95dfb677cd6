//! A hop: the commands of one connection's batch that belong to another core, in order, and their replies.
//!
//! It travels to the owner, is carried out there command by command, and comes back with the encoded replies. A command that
//! needs a slot on loan parks the whole hop: what follows it may not overtake it.

use clusterbus::gate::ClientModes;
use keyspace::args::{Args, Span};
use keyspace::exec::Caller;
use keyspace::reply::Resp;
use keyspace::slot::Slot;

use crate::command::CommandId;
use crate::mesh::CoreId;
use crate::ring::ConnId;
use crate::slowlog::Slow;
use crate::tracking::Tracker;

/// What a session contributes to a command that runs anywhere (`cores.md` §5.5).
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// For the handler.
    pub caller: Caller,
    /// The form of the reply.
    pub resp: Resp,
    /// The client's number: for the slow log, and for those who track.
    pub client: u64,
    /// The client, if the keys that it reads are to be noted.
    pub tracker: Option<Tracker>,
    /// What it said of itself to a cluster's node.
    pub modes: ClientModes,
}

/// One command of a batch, routed.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Which command.
    pub command: CommandId,
    /// Its first argument's place among the batch's spans.
    pub first: u32,
    /// How many arguments it has.
    pub count: u32,
    /// Slot of its first key.
    pub slot: Slot,
    /// Hash of its first key.
    pub hash: u64,
    /// `CLIENT REPLY`: its reply is dropped.
    pub muted: bool,
}

/// Commands of one connection on their way to another core and back.
#[derive(Default)]
pub struct Hop {
    /// Where the replies go.
    pub home: Option<(CoreId, ConnId)>,
    /// The core that carries it out.
    pub target: CoreId,
    /// The session's part.
    pub context: Context,
    /// Whether a command of it may change data.
    pub writes: bool,
    /// A command of it may take long: only the owner carries it out.
    pub heavy: bool,
    body: Vec<u8>,
    spans: Vec<Span>,
    calls: Vec<Call>,
    /// Calls done.
    done: usize,
    /// The encoded replies of those done.
    pub replies: Vec<u8>,
    /// Where each reply ends.
    ends: Vec<usize>,
    /// Replies taken by the connection.
    taken: usize,
    /// Bytes that it held when it left.
    pub left_with: usize,
    /// Its replies passed the client's output limit: the rest was not carried out and the client is to be closed.
    pub overflowed: bool,
    /// Commands that were slow: for the slow log of the connection's core.
    pub slow: Vec<Slow>,
}

/// A hop whose buffers are larger than this is not kept for reuse.
const KEPT_BYTES_MAX: usize = 64 << 10;

impl Hop {
    /// Appends a command.
    pub fn push(&mut self, call: Call, args: Args) {
        let first = self.spans.len() as u32;
        for arg in args.iter() {
            self.spans.push(Span { start: self.body.len() as u32, len: arg.len() as u32 });
            self.body.extend_from_slice(arg);
        }
        self.calls.push(Call { first, ..call });
    }

    /// Bytes of all arguments so far.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Every command, done or not.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Commands that are not carried out.
    pub fn left(&self) -> usize {
        self.calls.len() - self.done
    }

    /// The next command to carry out.
    #[inline]
    pub fn next(&self) -> Option<Call> {
        self.calls.get(self.done).copied()
    }

    /// Carries out the next command: `run` gets its arguments and appends its reply.
    #[inline]
    pub fn step(&mut self, call: Call, run: impl FnOnce(Args, &mut Vec<u8>)) {
        let start = self.replies.len();
        run(args_of(&self.body, &self.spans, call), &mut self.replies);
        if call.muted {
            self.replies.truncate(start);
        }
        self.ends.push(self.replies.len());
        self.done += 1;
    }

    /// The arguments of a command of it.
    pub fn args(&self, call: Call) -> Args<'_> {
        args_of(&self.body, &self.spans, call)
    }

    /// Gives up on what is left: the client's output limit is passed.
    pub fn overflow(&mut self) {
        self.overflowed = true;
        self.ends.resize(self.calls.len(), self.replies.len());
        self.done = self.calls.len();
    }

    /// The next reply, in order.
    pub fn take_reply(&mut self) -> &[u8] {
        let start = if self.taken == 0 { 0 } else { self.ends[self.taken - 1] };
        let end = self.ends[self.taken];
        self.taken += 1;
        &self.replies[start..end]
    }

    /// Makes it empty again for another batch; false if it is too large to keep.
    pub fn reset(&mut self) -> bool {
        self.home = None;
        self.writes = false;
        self.heavy = false;
        self.body.clear();
        self.spans.clear();
        self.calls.clear();
        self.replies.clear();
        self.ends.clear();
        self.slow.clear();
        self.overflowed = false;
        (self.done, self.taken) = (0, 0);
        self.body.capacity() + self.replies.capacity() + self.spans.capacity() * 8 <= KEPT_BYTES_MAX
    }

    /// Bytes that it holds on the heap, its own place included.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Hop>()
            + self.body.capacity()
            + self.replies.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.calls.capacity() * size_of::<Call>()
            + self.ends.capacity() * size_of::<usize>()
    }
}

#[inline]
fn args_of<'a>(body: &'a [u8], spans: &'a [Span], call: Call) -> Args<'a> {
    Args::new(body, &spans[call.first as usize..(call.first + call.count) as usize])
}
