//! Waiting and being woken: by time, by threads, by other rings.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::ring::Wake;

fn ring(core: u16, table: &Arc<RingTable>) -> Uring {
    Uring::new(&small(), core, Arc::clone(table), Vec::new()).unwrap()
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut ring = ring(0, &RingTable::new(1).unwrap());
    let mut events = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(5) {
        ring.enter(Wait::Until(Duration::from_millis(5)), &mut events).unwrap();
    }
    ring.enter(Wait::No, &mut events).unwrap();
    ring.enter(Wait::Until(Duration::ZERO), &mut events).unwrap();
    assert!(events.is_empty());
    assert!(!ring.owes());
}

#[test]
fn a_thread_wakes_a_waiting_ring_again_and_again() {
    let table = RingTable::new(1).unwrap();
    let waker = table.waker(0);
    // Before there is a ring.
    waker.wake();
    let mut ring = ring(0, &table);
    let (asked, answered) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        while answered.recv().is_ok() {
            waker.wake();
        }
    });
    let mut events = Vec::new();
    for round in 0..1000 {
        while !matches!(events.pop(), Some(Event::Woken)) {
            ring.enter(Wait::Forever, &mut events).unwrap();
        }
        if round < 999 {
            asked.send(()).unwrap();
        }
    }
    drop(asked);
    thread.join().unwrap();
}

#[test]
fn two_rings_wake_each_other() {
    let table = RingTable::new(2).unwrap();
    let rounds = 2000;
    let play = |core: u16, table: &Arc<RingTable>| {
        let mut ring = ring(core, table);
        let mut events = Vec::new();
        if core == 0 {
            ring.wake_core(1);
        }
        for _ in 0..rounds {
            while !matches!(events.pop(), Some(Event::Woken)) {
                ring.enter(Wait::Forever, &mut events).unwrap();
            }
            ring.wake_core(1 - core);
        }
        // The last message, without a wait.
        ring.submit();
        ring
    };
    std::thread::scope(|scope| {
        scope.spawn(|| drop(play(0, &table)));
        scope.spawn(|| drop(play(1, &table)));
    });
}

#[test]
fn a_core_wakes_itself() {
    let mut ring = ring(0, &RingTable::new(1).unwrap());
    ring.wake_core(0);
    assert!(ring.owes());
    let mut events = Vec::new();
    ring.enter(Wait::Forever, &mut events).unwrap();
    assert!(matches!(events[..], [Event::Woken]));
    assert!(!ring.owes());
}

#[test]
fn a_message_to_a_closed_ring_is_no_error() {
    let table = RingTable::new(2).unwrap();
    let mut first = ring(0, &table);
    let second = ring(1, &table);
    first.wake_core(1);
    drop(second);
    let mut events = Vec::new();
    first.enter(Wait::No, &mut events).unwrap();
    first.wake_core(1);
    first.enter(Wait::No, &mut events).unwrap();
    // The wake-up was kept by the eventfd for whoever takes the place.
    drop(first);
    let mut second = ring(1, &table);
    second.enter(Wait::Forever, &mut events).unwrap();
    assert!(matches!(events[..], [Event::Woken]));
}

#[test]
fn a_glance_tells_that_a_ring_has_something_to_take() {
    let table = RingTable::new(2).expect("two rings fit");
    let mut first = ring(0, &table);
    let mut second = ring(1, &table);
    let mut events = Vec::new();
    // What the rings did while they were made.
    second.enter(Wait::No, &mut events).expect("the ring works");
    assert!(!first.is_due(1));
    first.wake_core(1);
    first.submit();
    assert!(first.is_due(1), "a message waits");
    second.enter(Wait::Forever, &mut events).expect("the ring works");
    assert!(matches!(events[..], [Event::Woken]));
    assert!(!first.is_due(1), "it was taken");
}

#[test]
fn an_overflowing_completion_queue_loses_no_message() {
    // More messages than the target's completion queue holds, while it does not reap.
    let table = RingTable::new(2).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let config = UringConfig { entries: 1, buffers: 1, ..small() };
        let mut target = Uring::new(&config, 1, Arc::clone(&table), Vec::new()).unwrap();
        let (go, told) = std::sync::mpsc::channel();
        scope.spawn({
            let (table, stop) = (&table, &stop);
            move || {
                let mut sender = ring(0, table);
                for _ in 0..1000 {
                    sender.wake_core(1);
                }
                sender.enter(Wait::No, &mut Vec::new()).unwrap();
                stop.store(true, Ordering::Release);
                go.send(()).unwrap();
            }
        });
        told.recv().unwrap();
        assert!(stop.load(Ordering::Acquire));
        let mut events = Vec::new();
        while target.owes() {
            target.enter(Wait::No, &mut events).unwrap();
        }
        assert!(matches!(events.first(), Some(Event::Woken)));
        // Nothing is left over, and it still works.
        events.clear();
        table.waker(1).wake();
        while events.is_empty() {
            target.enter(Wait::Forever, &mut events).unwrap();
        }
    });
}

#[test]
fn a_stale_hint_of_deferred_work_neither_spins_nor_hangs() {
    let mut ring = ring(0, &RingTable::new(1).unwrap());
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let conn = ring.adopt(ours.into());
    let mut events = Vec::new();
    ring.send_quiet(conn, vec![1]);
    ring.kernel.raise_stale_hint();
    ring.enter(Wait::No, &mut events).unwrap();
    assert!(matches!(events[..], [Event::Sent { .. }]), "the send does not wait for the hint");
    assert!(!ring.owes(), "the loop may park");
}
