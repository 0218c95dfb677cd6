//! Who is told of changes, and how many listen.

use evict::access::AccessBits;
use keyspace::entry::Entry;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;

use super::*;
use crate::command::table;

fn keyspace() -> Keyspace {
    Keyspace::new(4, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default())
}

fn key(text: &str) -> Changed {
    Changed::value(0, text.as_bytes())
}

fn waiter(ticket: &Ticket, minds_loss: bool) -> Waiter {
    let command = table().find_command(b"lpop").expect("it is listed").id;
    let args = ["lpop", "k"].into_iter().collect();
    let conn = ConnId { index: 0, generation: 0 };
    Waiter { ticket: ticket.clone(), home: CoreId(0), conn, context: Context::default(), command, args, minds_loss }
}

/// Bytes as they are, by going through everything.
fn real_bytes(listeners: &Listeners) -> usize {
    let of_slot = |slot: &SlotListeners| {
        let watchers = slot.watchers.iter().map(|(name, watchers)| watchers.len() * watcher_bytes(name));
        let waiters =
            slot.waiters.iter().flat_map(|(name, waiters)| waiters.iter().map(|waiter| waiter_bytes(name, waiter)));
        let trackers = slot.trackers.iter().map(|(key, trackers)| tracked_bytes(key, trackers.len()));
        watchers.chain(waiters).chain(trackers).sum::<usize>()
    };
    assert!(listeners.slots.values().all(|slot| slot.bytes == of_slot(slot)));
    listeners.slots.values().map(|slot| of_slot(slot)).sum()
}

#[test]
fn bytes_are_those_of_all_that_listens() {
    let (mut keyspace, mut listeners, mut random) = (keyspace(), Listeners::default(), fastrand::Rng::with_seed(1));
    let (mut tickets, mut lent) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        let text = format!("key{}", random.u32(..30) * random.u32(..30));
        let key = key(&text);
        match random.u8(..12) {
            0..3 => {
                let ticket = Ticket::new();
                listeners.watch(&mut keyspace, &key, &ticket, [Was::Missing, Was::Expired][random.usize(..2)]);
                tickets.push(ticket);
            }
            3..5 => {
                let ticket = Ticket::new();
                listeners.wait(&mut keyspace, &key, waiter(&ticket, false));
                tickets.push(ticket);
            }
            5..8 => {
                let conn = ConnId { index: random.u32(..5), generation: 0 };
                let tracker = Tracker { home: CoreId(0), conn };
                listeners.track(&mut keyspace, text.as_bytes(), tracker, 40);
            }
            8 => {
                listeners.take_trackers(&key);
                listeners.changed(&mut keyspace, &key, None);
            }
            9 => {
                let mut waiters = listeners.take_waiters(&key);
                waiters.pop_front();
                listeners.put_waiters(&mut keyspace, &key, waiters);
            }
            10 if !tickets.is_empty() => {
                tickets.swap_remove(random.usize(..tickets.len())).end();
            }
            10 => listeners.forget_trackers(&mut keyspace),
            _ => {
                lent.push((key.slot, listeners.take(key.slot)));
                let (slot, back) = lent.swap_remove(random.usize(..lent.len()));
                match listeners.take(slot) {
                    Some(meanwhile) => listeners.put(slot, Some(meanwhile)),
                    None => listeners.put(slot, back),
                }
            }
        }
        if random.u16(..500) == 0 {
            listeners.forget_trackers(&mut keyspace);
        }
        assert_eq!(listeners.heap_bytes(), real_bytes(&listeners));
    }
    assert!(listeners.heap_bytes() > 0);
}

fn store(keyspace: &mut Keyspace, text: &str) {
    let db = keyspace.db(0).expect("there are four");
    let key = keyspace.key(text.as_bytes());
    keyspace.insert(db, key.slot, key.hash, Entry::new(key.bytes, b"v", None, AccessBits::default()));
}

#[test]
fn a_change_ends_the_tickets_of_those_who_watch_the_key() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let (mine, others) = (Ticket::new(), Ticket::new());
    listeners.watch(&mut keyspace, &key("a"), &mine, Was::Missing);
    listeners.watch(&mut keyspace, &key("b"), &others, Was::Missing);
    assert!(!listeners.changed(&mut keyspace, &key("a"), None), "nobody waits");
    assert!(mine.has_ended() && !others.has_ended());
    assert_eq!(listeners.slots.len(), 1, "a slot without listeners is forgotten");
}

#[test]
fn the_removal_of_what_had_expired_is_no_change() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let ticket = Ticket::new();
    listeners.watch(&mut keyspace, &key("a"), &ticket, Was::Expired);
    listeners.changed(&mut keyspace, &key("a"), None);
    assert!(!ticket.has_ended());
    store(&mut keyspace, "a");
    listeners.changed(&mut keyspace, &key("a"), None);
    assert!(ticket.has_ended());
}

#[test]
fn what_may_be_taken_back_is_told_when_it_is_certain() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let [there, expired, other] = [Ticket::new(), Ticket::new(), Ticket::new()];
    listeners.watch(&mut keyspace, &key("a"), &there, Was::There);
    listeners.watch(&mut keyspace, &key("a"), &expired, Was::Expired);
    listeners.watch(&mut keyspace, &key("b"), &other, Was::Missing);
    // Taken back.
    listeners.changed(&mut keyspace, &key("a"), Some(&mut Doubt::default()));
    assert!(!there.has_ended() && !expired.has_ended());
    let mut doubt = Doubt::default();
    listeners.changed(&mut keyspace, &key("a"), Some(&mut doubt));
    doubt.settle();
    assert!(there.has_ended() && !expired.has_ended(), "that an expired key is gone is no change");
    let mut doubt = Doubt::default();
    store(&mut keyspace, "a");
    listeners.changed(&mut keyspace, &key("a"), Some(&mut doubt));
    doubt.settle();
    assert!(expired.has_ended() && !other.has_ended());
    assert_eq!(listeners.open_tickets(), 1);
}

#[test]
fn a_key_is_promised_while_somebody_is_about_to_be_served() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let ticket = Ticket::new();
    listeners.wait(&mut keyspace, &key("k"), waiter(&ticket, false));
    let promised = |listeners: &Listeners| listeners.promised(0, [&b"j"[..], b"k"].into_iter()).len();
    assert_eq!(promised(&listeners), 0);
    assert!(ticket.claim());
    assert_eq!(promised(&listeners), 1);
    ticket.serve();
    assert_eq!(promised(&listeners), 0);
}

#[test]
fn an_emptied_database_changes_only_what_was_in_it() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let (there, missing) = (Ticket::new(), Ticket::new());
    listeners.watch(&mut keyspace, &key("a"), &there, Was::There);
    listeners.watch(&mut keyspace, &key("b"), &missing, Was::Missing);
    assert!(listeners.flushed(1).is_empty() && !there.has_ended());
    assert!(listeners.flushed(0).is_empty() && there.has_ended() && !missing.has_ended());
}

#[test]
fn exchanged_databases_change_what_is_in_either() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let (arrives, stays_missing) = (Ticket::new(), Ticket::new());
    listeners.watch(&mut keyspace, &key("a"), &arrives, Was::Missing);
    listeners.watch(&mut keyspace, &key("b"), &stays_missing, Was::Missing);
    listeners.wait(&mut keyspace, &key("c"), waiter(&Ticket::new(), false));
    let ready = listeners.swapped([0, 2], |db, key| (db, key) == (0, b"a"));
    assert_eq!(ready, [key("c")]);
    assert!(arrives.has_ended() && !stays_missing.has_ended());
}

#[test]
fn those_who_wait_come_out_in_order_and_go_back_in_front() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let tickets: Vec<Ticket> = (0..3).map(|_| Ticket::new()).collect();
    tickets.iter().for_each(|ticket| listeners.wait(&mut keyspace, &key("k"), waiter(ticket, true)));
    assert!(listeners.changed(&mut keyspace, &key("k"), None));
    assert_eq!(listeners.flushed(0), [key("k")], "they mind the loss");
    let mut waiters = listeners.take_waiters(&key("k"));
    assert_eq!(waiters.len(), 3);
    waiters.pop_front();
    listeners.put_waiters(&mut keyspace, &key("k"), waiters);
    assert_eq!(listeners.take_waiters(&key("k")).len(), 2);
    listeners.put_waiters(&mut keyspace, &key("k"), VecDeque::new());
    assert!(listeners.is_empty());
}

#[test]
fn who_is_gone_is_swept_in_time() {
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    for round in 0..10_000 {
        let ticket = Ticket::new();
        let name = format!("{{t}}{round}");
        listeners.wait(&mut keyspace, &key(&name), waiter(&ticket, false));
        listeners.watch(&mut keyspace, &key(&name), &ticket, Was::Missing);
        ticket.end();
        let entries = listeners.slots.values().map(|slot| slot.entries).sum::<usize>();
        assert!(entries <= 2 * SWEPT_ENTRIES_MIN + 2, "{entries} entries of nobody");
    }
    // What listens in vain is found out by changes, too.
    for _ in 0..64 {
        listeners.changed(&mut keyspace, &key("{t}"), None);
    }
    assert!(listeners.is_empty());
}

#[test]
fn many_who_wait_on_one_key_are_all_counted() {
    const WAITERS: usize = 1000;
    let (mut keyspace, mut listeners) = (keyspace(), Listeners::default());
    let tickets: Vec<Ticket> = (0..WAITERS).map(|_| Ticket::new()).collect();
    tickets.iter().for_each(|ticket| listeners.wait(&mut keyspace, &key("a"), waiter(ticket, false)));
    assert_eq!(listeners.slots[&key("a").slot.number()].entries, WAITERS);
    assert_eq!(listeners.waited_for(), (1, 0));
    let waiters = listeners.take_waiters(&key("a"));
    assert_eq!(waiters.len(), WAITERS);
    listeners.put_waiters(&mut keyspace, &key("a"), VecDeque::new());
    assert!(listeners.is_empty());
}
