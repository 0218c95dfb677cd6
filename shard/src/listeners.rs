//! Who wants to hear of changes of keys, slot by slot: clients that watch them, and clients that wait for something in them.
//!
//! What listens to a slot moves with the slot when it is on loan, so whoever runs a command on a key has its listeners at hand. The
//! slot's tables carry the mark that makes commands note what they change (`Keyspace::listen`).
//!
//! A client that is served or goes away by itself leaves its other entries behind, with a ticket that has ended. They are swept when
//! the entries of a slot have doubled since the last time: O(1) per entry, and never more than twice those that count.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use keyspace::args::OwnedArgs;
use keyspace::signals::{Change, Changed};
use keyspace::slot::Slot;
use keyspace::store::Keyspace;

use crate::command::CommandId;
use crate::heap::{table_bytes, tree_bytes};
use crate::hop::Context;
use crate::looks::Looks;
use crate::mesh::CoreId;
use crate::mesh::ticket::Ticket;
use crate::ring::ConnId;
use crate::tracking::Tracker;

/// Entries of a slot below which nothing is swept.
const SWEPT_ENTRIES_MIN: usize = 8;

/// So many of those who wait on a key are looked at for one that is about to be served. It is the first of those who wait for a value
/// of the key's type.
const FRONT: usize = 16;

/// A client that waits on a key.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Whoever serves it claims this first.
    pub ticket: Ticket,
    /// Its core.
    pub home: CoreId,
    /// Its connection there.
    pub conn: ConnId,
    /// Its session's part.
    pub context: Context,
    /// The command that serves it from this key alone.
    pub command: CommandId,
    /// The arguments of that.
    pub args: OwnedArgs,
    /// It is told when the key is gone or has become another type.
    pub minds_loss: bool,
}

impl Waiter {
    /// Bytes that it holds beside a key's name.
    fn heap_bytes(&self) -> usize {
        size_of::<Waiter>() + self.args.room()
    }
}

/// A client that watches a key.
#[derive(Debug)]
struct Watcher {
    ticket: Ticket,
    /// What the key was when the client began to watch, and still is, or the ticket has ended.
    was: Was,
}

/// What a watched key was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// Not there.
    Missing,
    /// There.
    There,
    /// There, but expired: that it is removed is no change.
    Expired,
}

/// A key of a database, as one string of bytes.
type Name = Box<[u8]>;

fn name(db: u16, key: &[u8]) -> Name {
    [&db.to_be_bytes()[..], key].concat().into()
}

fn db_of(name: &Name) -> u16 {
    u16::from_be_bytes([name[0], name[1]])
}

/// Bytes of a name with its place in a hash table. It counts for each of those who listen to the key: most have theirs to themselves.
fn name_bytes(name: &[u8]) -> usize {
    table_bytes::<(Name, Vec<Watcher>)>(1) + name.len()
}

/// Bytes of one who watches a key.
fn watcher_bytes(name: &[u8]) -> usize {
    size_of::<Watcher>() + name_bytes(name)
}

/// Bytes of one who waits on a key.
fn waiter_bytes(name: &[u8], waiter: &Waiter) -> usize {
    waiter.heap_bytes() + name_bytes(name)
}

/// Bytes of a key that is tracked, with those who track it.
fn tracked_bytes(key: &[u8], trackers: usize) -> usize {
    name_bytes(key) + tree_bytes::<Tracker>(trackers)
}

/// How much is noted for clients that track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Keys.
    pub keys: usize,
    /// Clients beside a key, of all keys.
    pub items: usize,
}

impl Tracked {
    fn add(&mut self, other: Tracked) {
        self.keys += other.keys;
        self.items += other.items;
    }

    fn sub(&mut self, other: Tracked) {
        self.keys -= other.keys;
        self.items -= other.items;
    }
}

/// What a script has changed that may still be taken back: who watches it is told once it is certain.
#[derive(Debug, Default)]
pub struct Doubt {
    /// Keys all of whose watchers are noted.
    noted: HashSet<Name>,
    tickets: Vec<Ticket>,
}

impl Doubt {
    /// It is certain: whoever watches is told.
    pub fn settle(self) {
        self.tickets.iter().for_each(|ticket| {
            ticket.end();
        });
    }

    /// Notes those who would be told of a change.
    fn note(&mut self, name: &Name, watchers: &[Watcher], is_gone: bool) {
        if self.noted.contains(name) {
            return;
        }
        let told = |watcher: &&Watcher| !(watcher.was == Was::Expired && is_gone);
        let before = self.tickets.len();
        self.tickets.extend(watchers.iter().filter(told).map(|watcher| watcher.ticket.clone()));
        if self.tickets.len() - before == watchers.len() {
            self.noted.insert(name.clone());
        }
    }
}

/// What listens to one slot.
#[derive(Debug, Default)]
pub struct SlotListeners {
    watchers: HashMap<Name, Vec<Watcher>>,
    waiters: HashMap<Name, VecDeque<Waiter>>,
    /// Clients that have read a key, of whatever database, and hear of its next change.
    trackers: HashMap<Box<[u8]>, BTreeSet<Tracker>>,
    tracked: Tracked,
    entries: usize,
    /// Bytes of all these.
    bytes: usize,
    swept_entries: usize,
    /// Changes since the last sweep: what listens in vain makes every change of the slot's keys dearer.
    changes: usize,
}

impl SlotListeners {
    /// True if nothing listens.
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty() && self.waiters.is_empty() && self.trackers.is_empty()
    }

    /// Makes room for another entry, and counts it.
    fn count(&mut self, looks: &Looks) {
        if self.entries >= 2 * self.swept_entries.max(SWEPT_ENTRIES_MIN) {
            self.sweep(looks);
        }
        self.entries += 1;
    }

    /// Forgets whom nobody needs to tell any more.
    fn sweep(&mut self, looks: &Looks) {
        looks.add(self.entries);
        self.entries = 0;
        let (entries, bytes) = (&mut self.entries, &mut self.bytes);
        self.watchers.retain(|name, watchers| {
            let before = watchers.len();
            watchers.retain(|watcher| !watcher.ticket.has_ended());
            *entries += watchers.len();
            *bytes -= (before - watchers.len()) * watcher_bytes(name);
            !watchers.is_empty()
        });
        self.waiters.retain(|name, waiters| {
            waiters.retain(|waiter| {
                let waits = !waiter.ticket.has_ended();
                *bytes -= if waits { 0 } else { waiter_bytes(name, waiter) };
                waits
            });
            *entries += waiters.len();
            !waiters.is_empty()
        });
        self.swept_entries = self.entries;
        self.changes = 0;
    }
}

/// All that listens at one core.
#[derive(Debug, Default)]
pub struct Listeners {
    slots: HashMap<u16, Box<SlotListeners>>,
    tracked: Tracked,
    /// Bytes of all slots.
    bytes: usize,
    looks: Looks,
}

impl Listeners {
    /// True if nothing listens.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes out what listens to a slot, to go with its tables.
    pub fn take(&mut self, slot: Slot) -> Option<Box<SlotListeners>> {
        let listeners = self.slots.remove(&slot.number());
        self.tracked.sub(listeners.as_ref().map_or(Tracked::default(), |listeners| listeners.tracked));
        self.bytes -= listeners.as_ref().map_or(0, |listeners| listeners.bytes);
        listeners
    }

    /// Puts in what came with a slot's tables.
    pub fn put(&mut self, slot: Slot, listeners: Option<Box<SlotListeners>>) {
        if let Some(listeners) = listeners {
            self.tracked.add(listeners.tracked);
            self.bytes += listeners.bytes;
            let before = self.slots.insert(slot.number(), listeners);
            debug_assert!(before.is_none(), "what listens to a slot is in one place at a time");
        }
    }

    /// Bytes of all that listens.
    pub fn heap_bytes(&self) -> usize {
        self.bytes
    }

    /// What listens to a slot, with room for another entry of so many bytes, which is counted.
    fn of(&mut self, slot: Slot, keyspace: &mut Keyspace, bytes: usize) -> &mut SlotListeners {
        keyspace.listen(slot, true);
        let listeners = self.slots.entry(slot.number()).or_default();
        let before = listeners.bytes;
        listeners.count(&self.looks);
        listeners.bytes += bytes;
        self.bytes = self.bytes - before + listeners.bytes;
        listeners
    }

    /// A client watches a key.
    pub fn watch(&mut self, keyspace: &mut Keyspace, key: &Changed, ticket: &Ticket, was: Was) {
        let name = name(key.db, &key.key);
        let listeners = self.of(key.slot, keyspace, watcher_bytes(&name));
        listeners.watchers.entry(name).or_default().push(Watcher { ticket: ticket.clone(), was });
    }

    /// A client waits on a key, behind those that wait already.
    pub fn wait(&mut self, keyspace: &mut Keyspace, key: &Changed, waiter: Waiter) {
        let name = name(key.db, &key.key);
        let listeners = self.of(key.slot, keyspace, waiter_bytes(&name, &waiter));
        listeners.waiters.entry(name).or_default().push_back(waiter);
    }

    /// A client has read a key: it hears of the next change. Of more than `keys_max` tracked keys one is given up: it is returned
    /// with those who must be told that they do not hear of it any more.
    pub fn track(
        &mut self,
        keyspace: &mut Keyspace,
        key: &[u8],
        tracker: Tracker,
        keys_max: usize,
    ) -> Option<(Box<[u8]>, BTreeSet<Tracker>)> {
        let slot = Slot::of(key);
        let listeners = self.slots.entry(slot.number()).or_default();
        if let Some(trackers) = listeners.trackers.get_mut(key) {
            let before = tracked_bytes(key, trackers.len());
            let new = Tracked { keys: 0, items: usize::from(trackers.insert(tracker)) };
            let more = tracked_bytes(key, trackers.len()) - before;
            listeners.bytes += more;
            self.bytes += more;
            listeners.tracked.add(new);
            self.tracked.add(new);
            return None;
        }
        keyspace.listen(slot, true);
        listeners.trackers.insert(key.into(), BTreeSet::from([tracker]));
        let more = tracked_bytes(key, 1);
        listeners.bytes += more;
        self.bytes += more;
        let new = Tracked { keys: 1, items: 1 };
        listeners.tracked.add(new);
        self.tracked.add(new);
        if self.tracked.keys <= keys_max {
            return None;
        }
        let given_up = listeners.trackers.keys().next().expect("one was just added").clone();
        let trackers = self.remove_trackers(slot, &given_up).expect("it was just found");
        self.forget_if_empty(keyspace, slot);
        Some((given_up, trackers))
    }

    /// Takes out those who hear of a change of a key: they do so once. To be called before `changed`.
    pub fn take_trackers(&mut self, key: &Changed) -> BTreeSet<Tracker> {
        self.remove_trackers(key.slot, &key.key).unwrap_or_default()
    }

    fn remove_trackers(&mut self, slot: Slot, key: &[u8]) -> Option<BTreeSet<Tracker>> {
        let listeners = self.slots.get_mut(&slot.number())?;
        let trackers = listeners.trackers.remove(key)?;
        let less = tracked_bytes(key, trackers.len());
        listeners.bytes -= less;
        self.bytes -= less;
        let gone = Tracked { keys: 1, items: trackers.len() };
        listeners.tracked.sub(gone);
        self.tracked.sub(gone);
        Some(trackers)
    }

    /// Forgets who tracks which keys: they are told that everything has changed.
    pub fn forget_trackers(&mut self, keyspace: &mut Keyspace) {
        if self.tracked == Tracked::default() {
            return;
        }
        self.tracked = Tracked::default();
        for listeners in self.slots.values_mut() {
            let less: usize = listeners.trackers.iter().map(|(key, trackers)| tracked_bytes(key, trackers.len())).sum();
            listeners.bytes -= less;
            self.bytes -= less;
            listeners.trackers = HashMap::new();
            listeners.tracked = Tracked::default();
        }
        let slots: Vec<u16> = self.slots.keys().copied().collect();
        for slot in slots {
            self.forget_if_empty(keyspace, Slot::new(slot).expect("slots listen by their numbers"));
        }
    }

    /// How much is noted here for clients that track.
    pub fn tracked(&self) -> Tracked {
        self.tracked
    }

    /// A key was changed: whoever watches it is told, or noted in `doubt` if the change may be taken back. True if clients wait on it.
    pub fn changed(&mut self, keyspace: &mut Keyspace, key: &Changed, doubt: Option<&mut Doubt>) -> bool {
        let Some(listeners) = self.slots.get_mut(&key.slot.number()) else { return false };
        let bytes_before = listeners.bytes;
        let name = name(key.db, &key.key);
        let watchers = listeners.watchers.get_mut(&name).filter(|_| key.what == Change::Value);
        if let (Some(watchers), Some(doubt)) = (&watchers, doubt) {
            doubt.note(&name, watchers, !keyspace.has(key));
        } else if let Some(watchers) = watchers {
            let before = watchers.len();
            let is_gone = !keyspace.has(key);
            watchers.retain_mut(|watcher| {
                let no_change = watcher.was == Was::Expired && is_gone;
                if no_change {
                    watcher.was = Was::Missing;
                } else {
                    watcher.ticket.end();
                }
                no_change
            });
            listeners.entries -= before - watchers.len();
            listeners.bytes -= (before - watchers.len()) * watcher_bytes(&name);
            if watchers.is_empty() {
                listeners.watchers.remove(&name);
            }
        }
        listeners.changes += 1;
        if listeners.changes > listeners.entries + SWEPT_ENTRIES_MIN {
            listeners.sweep(&self.looks);
        }
        self.bytes = self.bytes - bytes_before + listeners.bytes;
        let waited_for = listeners.waiters.contains_key(&name);
        self.forget_if_empty(keyspace, key.slot);
        waited_for
    }

    /// Forgets a slot to which nothing listens any more.
    fn forget_if_empty(&mut self, keyspace: &mut Keyspace, slot: Slot) {
        if self.slots.get(&slot.number()).is_some_and(|listeners| listeners.is_empty()) {
            let empty = self.slots.remove(&slot.number());
            debug_assert!(empty.is_some_and(|listeners| listeners.bytes == 0), "who listens no longer is not counted");
            keyspace.listen(slot, false);
        }
    }

    /// Those of some keys whose next element is about to go to a client that waits for it already.
    pub fn promised<'a>(&self, db: u16, keys: impl Iterator<Item = &'a [u8]>) -> Vec<Box<[u8]>> {
        let waiters = |key: &[u8]| self.slots.get(&Slot::of(key).number())?.waiters.get(&name(db, key));
        let is_promised = |key: &&[u8]| {
            waiters(key).is_some_and(|waiters| waiters.iter().take(FRONT).any(|waiter| waiter.ticket.is_claimed()))
        };
        keys.filter(is_promised).map(Box::from).collect()
    }

    /// What listens, for whoever goes through all of it.
    fn all(&self) -> impl Iterator<Item = &SlotListeners> {
        self.slots.values().map(|listeners| &**listeners).inspect(|listeners| self.looks.add(listeners.entries))
    }

    /// Entries that were gone through, by whoever serves the clients too.
    pub fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Takes out those who wait on a key, to serve them.
    pub fn take_waiters(&mut self, key: &Changed) -> VecDeque<Waiter> {
        let Some(listeners) = self.slots.get_mut(&key.slot.number()) else { return VecDeque::new() };
        let name = name(key.db, &key.key);
        let waiters = listeners.waiters.remove(&name).unwrap_or_default();
        listeners.entries -= waiters.len();
        let less: usize = waiters.iter().map(|waiter| waiter_bytes(&name, waiter)).sum();
        listeners.bytes -= less;
        self.bytes -= less;
        waiters
    }

    /// Puts back those who go on waiting, and forgets a slot to which nothing listens any more.
    pub fn put_waiters(&mut self, keyspace: &mut Keyspace, key: &Changed, waiters: VecDeque<Waiter>) {
        if waiters.is_empty() {
            return self.forget_if_empty(keyspace, key.slot);
        }
        // While they were served nothing else may have listened to the slot.
        keyspace.listen(key.slot, true);
        let listeners = self.slots.entry(key.slot.number()).or_default();
        let name = name(key.db, &key.key);
        listeners.entries += waiters.len();
        let more: usize = waiters.iter().map(|waiter| waiter_bytes(&name, waiter)).sum();
        listeners.bytes += more;
        self.bytes += more;
        listeners.waiters.insert(name, waiters);
    }

    /// The keys on which clients wait, and those of whose end some want to hear.
    pub fn waited_for(&self) -> (usize, usize) {
        let queues = || self.all().flat_map(|listeners| listeners.waiters.values());
        let waits = |waiter: &Waiter| !waiter.ticket.has_ended();
        let keys = queues().filter(|waiters| waiters.iter().any(waits)).count();
        let minded = queues().filter(|waiters| waiters.iter().any(|waiter| waiter.minds_loss && waits(waiter)));
        (keys, minded.count())
    }

    /// Entries of clients that still watch or wait, each as often as it has keys here.
    pub fn open_tickets(&self) -> usize {
        let watchers = self.all().flat_map(|listeners| listeners.watchers.values().flatten());
        let waiters = self.all().flat_map(|listeners| listeners.waiters.values().flatten());
        let tickets = watchers.map(|watcher| &watcher.ticket).chain(waiters.map(|waiter| &waiter.ticket));
        tickets.filter(|ticket| !ticket.has_ended()).count()
    }

    /// A database was emptied: whoever watches a key that was there is told. Returns the keys whose waiters mind that.
    pub fn flushed(&mut self, db: u16) -> Vec<Changed> {
        self.upheaval(&[db], |watcher, _| watcher.was == Was::There, |waiter| waiter.minds_loss)
    }

    /// Two databases were exchanged: whoever watches a key that was there, or is there now, is told. Returns the keys on which
    /// clients wait.
    pub fn swapped(&mut self, dbs: [u16; 2], is_there: impl Fn(u16, &[u8]) -> bool) -> Vec<Changed> {
        self.upheaval(&dbs, |watcher, name| watcher.was == Was::There || is_there(db_of(name), &name[2..]), |_| true)
    }

    fn upheaval(
        &mut self,
        dbs: &[u16],
        tells: impl Fn(&Watcher, &Name) -> bool,
        wakes: impl Fn(&Waiter) -> bool,
    ) -> Vec<Changed> {
        let mut ready = Vec::new();
        for listeners in self.all() {
            for (name, watchers) in listeners.watchers.iter().filter(|(name, _)| dbs.contains(&db_of(name))) {
                watchers.iter().filter(|watcher| tells(watcher, name)).for_each(|watcher| {
                    watcher.ticket.end();
                });
            }
            for (name, waiters) in listeners.waiters.iter().filter(|(name, _)| dbs.contains(&db_of(name))) {
                if waiters.iter().any(&wakes) {
                    ready.push(Changed::value(db_of(name), &name[2..]));
                }
            }
        }
        // The order of a hash table is nobody's order.
        ready.sort_unstable_by(|a, b| (a.slot.number(), &a.key).cmp(&(b.slot.number(), &b.key)));
        ready
    }
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
