//! What a command did that others want to hear of: keys that it changed, events, and that it found nothing and wants to wait.
//!
//! Handlers say it by the verbs of `Exec`; whoever carried the command out takes it from here before the next command. A changed
//! key is noted only where somebody listens to its slot, an event only if its class is wanted, so a command whose doings nobody
//! wants to hear of pays for two tests.

use crate::args::OwnedArgs;
use crate::log::Notes;
use crate::slot::Slot;

/// Classes of events, as `notify-keyspace-events` names them by letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(pub u16);

impl EventClasses {
    /// `K`: published by key.
    pub const KEYSPACE: EventClasses = EventClasses(1);
    /// `E`: published by event.
    pub const KEYEVENT: EventClasses = EventClasses(1 << 1);
    /// `g`: commands on keys of any type.
    pub const GENERIC: EventClasses = EventClasses(1 << 2);
    /// `$`
    pub const STRING: EventClasses = EventClasses(1 << 3);
    /// `l`
    pub const LIST: EventClasses = EventClasses(1 << 4);
    /// `s`
    pub const SET: EventClasses = EventClasses(1 << 5);
    /// `h`
    pub const HASH: EventClasses = EventClasses(1 << 6);
    /// `z`
    pub const SORTED_SET: EventClasses = EventClasses(1 << 7);
    /// `x`: keys that expired.
    pub const EXPIRED: EventClasses = EventClasses(1 << 8);
    /// `e`: keys that were evicted.
    pub const EVICTED: EventClasses = EventClasses(1 << 9);
    /// `t`
    pub const STREAM: EventClasses = EventClasses(1 << 10);
    /// `m`: look-ups that found nothing.
    pub const KEY_MISS: EventClasses = EventClasses(1 << 11);
    /// `n`: new keys.
    pub const NEW: EventClasses = EventClasses(1 << 14);

    /// Both sets together.
    pub const fn and(self, other: EventClasses) -> EventClasses {
        EventClasses(self.0 | other.0)
    }

    /// True if all of `other` are in it.
    #[inline]
    pub const fn has(self, other: EventClasses) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A key that a command changed, in a slot to which somebody listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changed {
    /// Number of its database.
    pub db: u16,
    /// Its slot.
    pub slot: Slot,
    /// The key.
    pub key: Box<[u8]>,
    /// What of it was changed.
    pub what: Change,
}

impl Changed {
    /// A key whose value was changed.
    pub fn value(db: u16, key: &[u8]) -> Changed {
        Changed { db, slot: Slot::of(key), key: key.into(), what: Change::Value }
    }
}

/// What of a key was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its value or deadline, or whether it exists.
    Value,
    /// A stream lost a group. That is nothing to WATCH and to client tracking, only to whoever waits and minds losses.
    Group,
}

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub name: &'static str,
    /// Number of the key's database.
    pub db: u16,
    /// The key.
    pub key: Box<[u8]>,
}

/// What happened to whole databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upheaval {
    /// The database with this number was emptied.
    Flushed(u16),
    /// These two were exchanged.
    Swapped(u16, u16),
}

/// A command that found nothing and wants to wait until it finds something.
///
/// When its time is up the reply is a null array, whatever the command. When one of its keys was changed, the command that it has
/// for that key is tried, by a caller with `Caller::waited`: that replies, or refuses, or wants to wait once more, and then the
/// client keeps its place among those that wait for the key. Only a change that leaves a value of the right type can serve it, so
/// clients that do not mind a loss need not be tried for a key that is gone.
#[derive(Clone, Debug)]
pub struct Wait {
    /// How long, in milliseconds; 0 for ever.
    pub timeout_ms: u64,
    /// The keys that it waits for, in the order of their precedence, each with the command that serves the client from that key
    /// alone. That command says in its turn that it would wait if there is still nothing.
    pub keys: Vec<(Box<[u8]>, OwnedArgs)>,
    /// It is to be tried whatever the change was: a group's reader, which is refused when the key is gone or has become another
    /// type (`UNBLOCKED`), and when the group is gone (`NOGROUP`). For it a database that is emptied or exchanged changes all keys
    /// in it that it waits for. A transaction's changes count when it is over: a key that it deletes and makes again was not lost.
    pub minds_loss: bool,
}

/// What was not taken yet. One per keyspace.
#[derive(Debug, Default)]
pub struct Signals {
    /// Changed keys, in order.
    pub changed: Vec<Changed>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// What happened to whole databases, in order.
    pub upheavals: Vec<Upheaval>,
    /// The command wants to wait. It wrote no reply.
    pub wait: Option<Box<Wait>>,
    /// Something of the above is there.
    pub pending: bool,
    /// Keys of the caller's database whose next element is about to go to a client that waited for it before: a blocking command finds
    /// nothing in them. Only while such a command runs.
    pub promised: Vec<Box<[u8]>>,
    /// The classes of events that are wanted; from the settings.
    pub classes: EventClasses,
    /// Every changed key is noted, whether somebody listens to its slot or not.
    pub every_change: bool,
    /// What the internal log is to know.
    pub log: Notes,
}

impl Signals {
    /// Notes that the command under way changed something.
    #[inline]
    pub fn dirtied(&mut self) {
        if self.log.is_on() {
            self.log.changed();
            self.pending = true;
        }
    }

    /// Notes a changed key.
    pub fn changed(&mut self, db: u16, slot: Slot, key: &[u8], what: Change) {
        self.changed.push(Changed { db, slot, key: key.into(), what });
        self.pending = true;
    }

    /// Notes an event whose class is wanted.
    pub fn event(&mut self, name: &'static str, db: u16, key: &[u8]) {
        self.events.push(Event { name, db, key: key.into() });
        self.pending = true;
    }

    /// Notes what happened to whole databases.
    pub fn upheaval(&mut self, upheaval: Upheaval) {
        self.upheavals.push(upheaval);
        self.pending = true;
    }

    /// Notes that the command wants to wait.
    pub fn wait(&mut self, wait: Wait) {
        self.wait = Some(Box::new(wait));
        self.pending = true;
    }
}
