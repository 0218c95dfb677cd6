//! Who could not receive for lack of buffers, in the order in which they are armed again.
//!
//! Strict FIFO by ticket. A connection draws a ticket when it starves and keeps it until bytes reach it: one that was armed
//! again and found the ring empty once more (a greedy connection ahead of it took every buffer) goes back to where it was, so
//! that nobody is passed over for ever. A multishot receive fails at once on an empty ring even without data to receive;
//! therefore no more connections are armed at a time than there are buffers, and none while there are too few. Each lane has such a queue.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use crate::ring::ConnId;

/// A place in the order.
pub(super) type Ticket = NonZeroU64;

/// The waiting connections. Entries of connections that were closed or paused are skipped by the caller when they come up.
pub(super) struct Starved {
    queue: VecDeque<(Ticket, ConnId)>,
    next: Ticket,
}

impl Starved {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::new(), next: Ticket::MIN }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a connection at the place of the ticket it kept, or at the end; returns its ticket.
    ///
    /// A kept ticket is almost always among the first few: at most a ring of buffers was ahead of it.
    pub(super) fn add(&mut self, conn: ConnId, kept: Option<Ticket>) -> Ticket {
        let Some(ticket) = kept else {
            let ticket = self.next;
            self.next = ticket.checked_add(1).expect("2^64 tickets are not drawn in a lifetime");
            self.queue.push_back((ticket, conn));
            return ticket;
        };
        let place = self.queue.iter().take_while(|(other, _)| *other < ticket).count();
        self.queue.insert(place, (ticket, conn));
        ticket
    }

    /// Takes the first connection.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        self.queue.pop_front().map(|(_, conn)| conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_place_until_it_is_fed() {
        let conn = |index| ConnId { index, generation: 0 };
        let mut starved = Starved::new();
        let tickets: Vec<_> = (0..6).map(|index| starved.add(conn(index), None)).collect();
        // Three are armed; the first is fed and starves again, the others found nothing.
        for index in 0..3 {
            assert_eq!(starved.pop(), Some(conn(index)));
        }
        starved.add(conn(0), None);
        starved.add(conn(1), Some(tickets[1]));
        starved.add(conn(2), Some(tickets[2]));
        let order: Vec<_> = std::iter::from_fn(|| starved.pop()).map(|conn| conn.index).collect();
        assert_eq!(order, [1, 2, 3, 4, 5, 0]);
        assert!(starved.is_empty());
    }
}
