//! A ticket in one thread. Who races for it is modelled in `tests/tests/model_ticket.rs`.

use crate::mesh::ticket::Ticket;

#[test]
fn a_ticket_ends_once() {
    let ticket = Ticket::new();
    let twin = ticket.clone();
    assert!(ticket.claim() && !twin.claim() && !twin.end() && twin.is_claimed());
    ticket.reopen();
    assert!(!twin.is_claimed() && twin.claim());
    twin.serve();
    assert!(ticket.has_ended() && !ticket.claim() && !ticket.end());
    let other = Ticket::new();
    assert!(other.end() && !other.end() && !other.claim());
}
