//! Mailboxes: one bounded single-producer single-consumer ring per ordered pair of addresses (`spec/cores.md` §6).
//!
//! A core or a service thread is one *address* and has one [`Ends`]: it pushes into a lane per target and drains a lane per sender. Sending
//! never blocks. What guarantees room is [`Credits`]: a sender counts its unanswered requests per target, and everything else on a lane
//! follows from a request, so two full lanes can never face each other. This file wakes nobody: [`Ends::flush`] names the targets that
//! [`super::Mesh::post`] must be told of.
//!
//! # Why there is always room
//!
//! With C = [`REQUESTS_PER_PAIR_MAX`], the lane from A to B holds at any time at most
//!
//! - C requests of A: each holds a credit until its answer (for a lease: until its return is sent);
//! - 2 C followers, a cancel and a return per lease of A. B grants at most C leases before it drains the lane, and draining takes the
//!   returns, which were sent before the requests that reuse their credits;
//! - C answers to B, at most one per credit that B holds: a hop's replies, a lease's grant or the acknowledgement of its cancel;
//! - [`NOTICES_PER_PAIR_MAX`] notices, which nobody answers and which are refused when they would take the room of the others.
//!
//! A wait for a credit cannot close a cycle either: a credit to B is held by what waits at B, which waits for loans whose
//! coordinators wait only for higher cores (§7.2).

use rtrb::{Consumer, Producer, RingBuffer};

/// Unanswered requests (hops, leases, questions) from one address to another; a message may carry many hops, each counts.
/// Enough that a round trip of a few turns does not run dry, small enough that the lanes of 64 cores stay below 110 MB.
pub const REQUESTS_PER_PAIR_MAX: usize = 256;

/// Messages that a request of the same sender can put on a lane after itself: a lease's cancel and its return.
pub const FOLLOWERS_PER_REQUEST_MAX: usize = 2;

/// Unanswered, unasked messages on one lane: new connections, settings, slot maps, pushes.
pub const NOTICES_PER_PAIR_MAX: usize = 64;

/// Messages that the credits of both sides can put on one lane: requests, their followers, and answers to the other side's requests.
pub const CREDITED_MESSAGES_MAX: usize =
    REQUESTS_PER_PAIR_MAX * (1 + FOLLOWERS_PER_REQUEST_MAX) + REQUESTS_PER_PAIR_MAX;

/// Capacity of one lane, in messages.
pub const MAILBOX_MESSAGES: usize = 1088;

/// Largest message, in bytes. A lane costs `MAILBOX_MESSAGES` times its size whether used or not: box what is larger.
pub const MESSAGE_BYTES_MAX: usize = 128;

const _: () = assert!(
    CREDITED_MESSAGES_MAX + NOTICES_PER_PAIR_MAX <= MAILBOX_MESSAGES,
    "replies and lease returns always find room"
);

/// Who sends or receives: the cores from 0, then the service threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u16);

/// Whether [`Ends::receive`] left messages behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// Every lane was found empty.
    All,
    /// A lane had more than the limit of the call: receive again before parking.
    Left,
}

/// One address's ends of all its lanes.
pub struct Ends<M> {
    me: Address,
    /// By target; `None` at `me`.
    to: Vec<Option<Producer<M>>>,
    /// By sender; `None` at `me`.
    from: Vec<Option<Consumer<M>>>,
    /// Targets with messages that [`Ends::flush`] has not named.
    fresh: Vec<Address>,
    /// Whether a target is in `fresh`, by target.
    is_fresh: Vec<bool>,
    /// Sender whose lane the next `receive` starts with.
    first: usize,
}

/// Makes all lanes between `addresses` addresses, each of `capacity` messages ([`MAILBOX_MESSAGES`] outside tests); one end per address, in
/// order of address. Allocates `addresses * (addresses - 1) * capacity * size_of::<M>()` bytes.
pub fn mailboxes<M: Send>(addresses: usize, capacity: usize) -> Vec<Ends<M>> {
    const { assert!(size_of::<M>() <= MESSAGE_BYTES_MAX, "box the large parts of a message") };
    assert!(addresses <= usize::from(u16::MAX), "an address is 16 bits");
    let mut ends: Vec<Ends<M>> = (0..addresses).map(|me| Ends::unconnected(Address(me as u16), addresses)).collect();
    for from in 0..addresses {
        for to in (0..addresses).filter(|&to| to != from) {
            let (producer, consumer) = RingBuffer::new(capacity);
            ends[from].to[to] = Some(producer);
            ends[to].from[from] = Some(consumer);
        }
    }
    ends
}

impl<M> Ends<M> {
    fn unconnected(me: Address, addresses: usize) -> Ends<M> {
        Ends {
            me,
            to: (0..addresses).map(|_| None).collect(),
            from: (0..addresses).map(|_| None).collect(),
            fresh: Vec::with_capacity(addresses),
            is_fresh: vec![false; addresses],
            first: 0,
        }
    }

    /// Whose ends these are.
    pub fn me(&self) -> Address {
        self.me
    }

    /// Number of addresses, this one included.
    pub fn addresses(&self) -> usize {
        self.to.len()
    }

    /// Pushes a message that a credit covers: a request, its cancel or return, an answer. The target learns of it after [`Ends::flush`].
    ///
    /// `Err` gives the message back when the lane is full, which cannot happen while both sides keep to their credits: to the caller it is
    /// a broken invariant. Panics if `to` is this address.
    pub fn send(&mut self, to: Address, message: M) -> Result<(), M> {
        let pushed = self.lane(to).push(message);
        self.sent(to, pushed.map_err(|rtrb::PushError::Full(message)| message))
    }

    /// Pushes a message that no credit covers, if that leaves the room that the credited ones may need. `Err` gives it back: it is
    /// unsent mail, which its sender keeps, within a bound of its own, and retries next turn. Panics if `to` is this address.
    pub fn send_notice(&mut self, to: Address, message: M) -> Result<(), M> {
        let lane = self.lane(to);
        if lane.slots() <= CREDITED_MESSAGES_MAX {
            return Err(message);
        }
        self.send(to, message)
    }

    /// Whether messages were sent to `to` that no `flush` has named: such a target must not be visited, they would be overtaken.
    pub fn has_unflushed(&self, to: Address) -> bool {
        self.is_fresh[usize::from(to.0)]
    }

    /// Calls `post` once for each target that was sent to since the last call. Once per turn, and before parking.
    pub fn flush(&mut self, mut post: impl FnMut(Address)) {
        for to in self.fresh.drain(..) {
            self.is_fresh[usize::from(to.0)] = false;
            post(to);
        }
    }

    /// Hands messages to `handle`, in order per sender, at most `from_each` per sender, starting with another sender each time so that
    /// none is always last. Messages that arrive during the call may or may not be among them: they set the mail bit again.
    pub fn receive(&mut self, from_each: usize, mut handle: impl FnMut(Address, M)) -> Received {
        let senders = self.from.len();
        let mut received = Received::All;
        for turn in 0..senders {
            let sender = (self.first + turn) % senders;
            let Some(lane) = &mut self.from[sender] else {
                continue;
            };
            let waiting = lane.slots();
            if waiting == 0 {
                continue;
            }
            if waiting > from_each {
                received = Received::Left;
            }
            let chunk =
                lane.read_chunk(waiting.min(from_each)).expect("that many were waiting and only this end takes them");
            for message in chunk {
                handle(Address(sender as u16), message);
            }
        }
        self.first = (self.first + 1) % senders.max(1);
        received
    }

    fn lane(&mut self, to: Address) -> &mut Producer<M> {
        self.to[usize::from(to.0)].as_mut().expect("nobody mails itself")
    }

    fn sent(&mut self, to: Address, pushed: Result<(), M>) -> Result<(), M> {
        pushed?;
        let is_fresh = &mut self.is_fresh[usize::from(to.0)];
        if !*is_fresh {
            *is_fresh = true;
            self.fresh.push(to);
        }
        Ok(())
    }
}

/// One address's unanswered requests per target, at most [`REQUESTS_PER_PAIR_MAX`] each.
///
/// A hop's credit comes back with its reply, a lease's when its return was sent or its cancel acknowledged. Over the limit the home core
/// stops reading from the connections that have more for that target.
pub struct Credits {
    /// By target.
    unanswered: Vec<u16>,
}

impl Credits {
    /// All credits to `addresses` addresses, unused.
    pub fn new(addresses: usize) -> Credits {
        Credits { unanswered: vec![0; addresses] }
    }

    /// Takes the credit of one request to `to`; `false` if none is left.
    #[must_use]
    pub fn take(&mut self, to: Address) -> bool {
        let unanswered = &mut self.unanswered[usize::from(to.0)];
        if usize::from(*unanswered) >= REQUESTS_PER_PAIR_MAX {
            return false;
        }
        *unanswered += 1;
        true
    }

    /// Puts back the credit of a request to `to`. Panics if none was taken: an answer nobody asked for is a broken invariant.
    pub fn put_back(&mut self, to: Address) {
        let unanswered = &mut self.unanswered[usize::from(to.0)];
        *unanswered = unanswered.checked_sub(1).expect("an answer belongs to a request");
    }

    /// Requests to `to` that hold a credit.
    pub fn unanswered(&self, to: Address) -> usize {
        usize::from(self.unanswered[usize::from(to.0)])
    }
}
