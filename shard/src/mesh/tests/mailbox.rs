//! Lanes, credits and who is told of mail.

use crate::mesh::mailbox::*;

fn receive_all(ends: &mut Ends<u32>, from_each: usize) -> (Vec<(u16, u32)>, Received) {
    let mut got = Vec::new();
    let received = ends.receive(from_each, |from, message| got.push((from.0, message)));
    (got, received)
}

#[test]
fn messages_arrive_in_order_per_sender() {
    let mut ends = mailboxes::<u32>(3, 8);
    for message in 0..4 {
        ends[0].send(Address(2), message).unwrap();
        ends[1].send(Address(2), 10 + message).unwrap();
    }
    let (got, received) = receive_all(&mut ends[2], 8);
    assert_eq!(received, Received::All);
    assert_eq!(got, [(0, 0), (0, 1), (0, 2), (0, 3), (1, 10), (1, 11), (1, 12), (1, 13)]);
    assert_eq!(receive_all(&mut ends[0], 8), (vec![], Received::All));
}

#[test]
fn one_busy_sender_does_not_crowd_out_another() {
    let mut ends = mailboxes::<u32>(3, 8);
    for message in 0..8 {
        ends[0].send(Address(2), message).unwrap();
    }
    ends[1].send(Address(2), 100).unwrap();
    let (got, received) = receive_all(&mut ends[2], 2);
    assert_eq!((got, received), (vec![(0, 0), (0, 1), (1, 100)], Received::Left));
    ends[1].send(Address(2), 101).unwrap();
    let (got, received) = receive_all(&mut ends[2], 2);
    assert_eq!((got, received), (vec![(1, 101), (0, 2), (0, 3)], Received::Left));
    assert_eq!(receive_all(&mut ends[2], 8).1, Received::All);
}

#[test]
fn a_full_lane_gives_the_message_back_and_leaves_others_open() {
    let mut ends = mailboxes::<u32>(3, 2);
    let results: Vec<_> = (0..3).map(|message| ends[0].send(Address(1), message)).collect();
    assert_eq!(results, [Ok(()), Ok(()), Err(2)]);
    assert_eq!(ends[0].send(Address(2), 7), Ok(()));
}

#[test]
fn flush_names_each_target_once() {
    let mut ends = mailboxes::<u32>(4, 8);
    for to in [3, 1, 3, 1] {
        ends[0].send(Address(to), 0).unwrap();
    }
    assert!(ends[0].has_unflushed(Address(3)) && !ends[0].has_unflushed(Address(2)));
    let mut named = Vec::new();
    ends[0].flush(|to| named.push(to.0));
    assert_eq!(named, [3, 1]);
    assert!(!ends[0].has_unflushed(Address(3)));
    ends[0].flush(|to| panic!("{to:?} has nothing fresh"));
}

#[test]
fn notices_leave_room_for_all_that_credits_cover() {
    let mut ends = mailboxes::<u32>(2, MAILBOX_MESSAGES);
    let notices =
        (0..MAILBOX_MESSAGES as u32).take_while(|&message| ends[0].send_notice(Address(1), message).is_ok()).count();
    assert_eq!(notices, NOTICES_PER_PAIR_MAX);
    for message in 0..CREDITED_MESSAGES_MAX as u32 {
        ends[0].send(Address(1), message).unwrap();
    }
}

#[test]
fn credits_are_counted_per_target() {
    let mut credits = Credits::new(2);
    assert!((0..REQUESTS_PER_PAIR_MAX).all(|_| credits.take(Address(0))));
    assert!(!credits.take(Address(0)) && credits.take(Address(1)));
    credits.put_back(Address(0));
    assert!(credits.take(Address(0)));
    assert_eq!(credits.unanswered(Address(0)), REQUESTS_PER_PAIR_MAX);
}

#[test]
#[should_panic(expected = "an answer belongs to a request")]
fn a_credit_comes_back_once() {
    Credits::new(1).put_back(Address(0));
}
