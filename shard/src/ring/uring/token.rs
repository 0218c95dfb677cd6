//! What a completion is about: operation, connection index and generation in the 64 bits of `user_data`.
//!
//! The generation is carried whole, so a completion of an earlier user of an index is recognised without a table of
//! operations. Layout: operation 8 bits, index 24 bits, generation 32 bits.

use crate::ring::ConnId;

/// The kinds of completions. The discriminants are the top byte of `user_data`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Operation {
    /// Multishot accept; the index is the listener's.
    Accept = 1,
    /// Multishot receive of a connection.
    Receive = 2,
    /// Send of a connection.
    Send = 3,
    /// A cancellation of a connection's receive that found nothing.
    CancelReceive = 4,
    /// A cancellation of a connection's send that found nothing.
    CancelSend = 5,
    /// Close of a connection's descriptor.
    Close = 6,
    /// A message from another ring.
    Message = 7,
    /// A message to another core's ring that failed; the index is the core's.
    MessageFailed = 8,
    /// The read of our eventfd.
    Eventfd = 9,
    /// The cancellation of everything when the ring is dropped.
    CancelAll = 10,
}

/// Packs an operation of a connection.
pub(super) fn of_conn(operation: Operation, conn: ConnId) -> u64 {
    debug_assert!(conn.index <= ConnId::INDEX_MAX);
    (operation as u64) << 56 | u64::from(conn.index) << 32 | u64::from(conn.generation)
}

/// Packs an operation that belongs to no connection, with a small number (listener, core).
pub(super) fn of_ring(operation: Operation, number: u32) -> u64 {
    of_conn(operation, ConnId { index: number, generation: 0 })
}

/// Unpacks what [`of_conn`] or [`of_ring`] packed; `None` for anything else.
pub(super) fn parse(user_data: u64) -> Option<(Operation, ConnId)> {
    let operation = match (user_data >> 56) as u8 {
        1 => Operation::Accept,
        2 => Operation::Receive,
        3 => Operation::Send,
        4 => Operation::CancelReceive,
        5 => Operation::CancelSend,
        6 => Operation::Close,
        7 => Operation::Message,
        8 => Operation::MessageFailed,
        9 => Operation::Eventfd,
        10 => Operation::CancelAll,
        _ => return None,
    };
    let index = (user_data >> 32) as u32 & ConnId::INDEX_MAX;
    Some((operation, ConnId { index, generation: user_data as u32 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_survives_packing() {
        let conn = ConnId { index: ConnId::INDEX_MAX, generation: u32::MAX };
        for number in 1..=10_u64 {
            let (operation, _) = parse(number << 56).expect("a known operation");
            assert_eq!(operation as u64, number);
            assert_eq!(parse(of_conn(operation, conn)), Some((operation, conn)));
        }
        assert_eq!(parse(0), None);
        assert_eq!(parse(11 << 56), None);
    }
}
