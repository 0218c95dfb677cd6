//! The ticket of a client that waits: for an element (a blocked client), or for nothing to change (WATCH). `spec/cores.md` §8.
//!
//! The client's home core and every owner of a key that it waits on hold the same ticket. It ends once: whoever ends it decided. An owner
//! that may have an element for a blocked client claims the ticket first, and only then looks: meanwhile nobody else ends it.

use super::sync::{Arc, AtomicU8, Ordering};

/// Open: the client waits.
const OPEN: u8 = 0;
/// An owner, or the home core on its behalf, is about to serve it.
const CLAIMED: u8 = 1;
/// It is over.
const ENDED: u8 = 2;

/// A ticket; clones are the same ticket.
#[derive(Clone, Debug, Default)]
pub struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// An open ticket.
    pub fn new() -> Ticket {
        Ticket::default()
    }

    /// Claims an open ticket, to end it or to open it again. False if it is claimed or over.
    pub fn claim(&self) -> bool {
        self.0.compare_exchange(OPEN, CLAIMED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends a ticket that the caller has claimed.
    pub fn serve(&self) {
        let before = self.0.swap(ENDED, Ordering::AcqRel);
        assert_eq!(before, CLAIMED, "only who claimed a ticket serves it");
    }

    /// Opens a ticket again that the caller has claimed: there was nothing for the client.
    pub fn reopen(&self) {
        let before = self.0.swap(OPEN, Ordering::AcqRel);
        assert_eq!(before, CLAIMED, "only who claimed a ticket opens it again");
    }

    /// Ends an open ticket. False if it is claimed or over: somebody else decides, or has.
    pub fn end(&self) -> bool {
        self.0.compare_exchange(OPEN, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// True while somebody is about to serve the client.
    pub fn is_claimed(&self) -> bool {
        self.0.load(Ordering::Acquire) == CLAIMED
    }

    /// True once it is over.
    pub fn has_ended(&self) -> bool {
        self.0.load(Ordering::Acquire) == ENDED
    }
}
