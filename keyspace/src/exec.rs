//! The context in which a data command runs: one database of one keyspace, at one time, for one caller.
//!
//! Every look-up goes through the expiry gate here, and every change through the few verbs below, so that a handler cannot
//! forget a deadline, a counter or the memory figures.

use evict::access::AccessBits;
use evict::gate::{self, DataSet, GateContext, GateFlags, Role, Verdict, gate};
use evict::policy::Use;
use evict::time::UnixMillis;

use crate::args::Args;
use crate::entry::{Entry, Shape};
use crate::hash::KeyHasher;
use crate::limits::Removal;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::{EventClasses, Wait};
use crate::slot::Slot;
use crate::spec::CommandSpec;
use crate::store::{Db, Key, Keyspace};
use crate::table::Place;
use crate::types::kind::Kind;

/// A data command's handler: writes one reply, or refuses and changes nothing.
pub type DataFn = fn(&mut Exec<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// A data command's row in the command table.
pub struct DataRow {
    /// What it is.
    pub spec: CommandSpec,
    /// What it does.
    pub run: DataFn,
}

/// What the caller's session contributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// Number of the selected database.
    pub db: u16,
    /// `CLIENT NO-TOUCH on`: look-ups leave the access bits alone.
    pub no_touch: bool,
    /// `CLIENT PAUSE` is in force for expiry: what is expired is hidden but not removed. Never for a command that writes: it would
    /// store a second entry beside the one that it does not see.
    pub expiry_paused: bool,
    /// It cannot wait: in a transaction or a script a command that would answers as if its time were up.
    pub impatient: bool,
    /// It waited, and what is tried now is the command that `Wait` has for one of its keys. A key of another type serves it as
    /// little as none, and a group's reader is told of its loss.
    pub waited: bool,
    /// It carries out what a log says: nothing expires by itself, and nobody waits.
    pub replays: bool,
}

/// What a stored value does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The old deadline, if any, stays.
    Keep,
    /// No deadline.
    Never,
    /// This deadline.
    At(UnixMillis),
}

/// One command's view of the data.
pub struct Exec<'a> {
    /// The keyspace, with every slot in it that the command's keys need.
    pub keyspace: &'a mut Keyspace,
    /// The selected database.
    pub db: Db,
    /// The time of this command.
    pub now: UnixMillis,
    /// The access bits of a key that is made now: what `Keyspace::made` says.
    pub access: AccessBits,
    /// The caller.
    pub caller: Caller,
    /// Slot and hash of the first key, computed by whoever routed the command.
    pub routed: Option<(Slot, u64)>,
}

impl<'a> Exec<'a> {
    /// The key at argument `index`. The first key's hash is known already where the router computed it.
    #[inline]
    pub fn first_key<'k>(&self, args: Args<'k>, index: usize) -> Key<'k> {
        let bytes = args.at(index);
        match self.routed {
            Some((slot, hash)) => Key { bytes, slot, hash },
            None => self.keyspace.key(bytes),
        }
    }

    /// Any other key.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.keyspace.key(bytes)
    }

    /// Looks a key up to read its value: counts a hit or a miss and marks the key as used.
    #[inline]
    pub fn read(&mut self, key: &Key) -> Option<Place> {
        let place = self.peek(key);
        match place {
            Some(place) => {
                self.keyspace.stats.hits += 1;
                if !self.caller.no_touch {
                    self.keyspace.used(self.db, key.slot, place, Use::Read, self.now, self.access);
                }
            }
            None => self.missed(key),
        }
        place
    }

    /// Counts a look-up that found nothing, and tells of it.
    #[inline]
    fn missed(&mut self, key: &Key) {
        self.keyspace.stats.misses += 1;
        self.notify(EventClasses::KEY_MISS, "keymiss", key);
    }

    /// `read` for a command on one kind of value: refuses any other.
    #[inline]
    pub fn read_as(&mut self, key: &Key, kind: Kind) -> Result<Option<Place>, Refusal> {
        let place = self.read(key);
        self.checked(key, place, kind)
    }

    /// `write` for a command on one kind of value: refuses any other.
    #[inline]
    pub fn write_as(&mut self, key: &Key, kind: Kind) -> Result<Option<Place>, Refusal> {
        let place = self.write(key);
        self.checked(key, place, kind)
    }

    #[inline]
    fn checked(&self, key: &Key, place: Option<Place>, kind: Kind) -> Result<Option<Place>, Refusal> {
        match place {
            Some(place) if self.entry(key, place).kind() != kind => Err(Refusal::WrongType),
            place => Ok(place),
        }
    }

    /// Looks a key up to tell about it and not to use it (EXISTS, TYPE, TTL): counts a hit or a miss, leaves no mark.
    #[inline]
    pub fn inspect(&mut self, key: &Key) -> Option<Place> {
        let place = self.peek(key);
        match place {
            Some(_) => self.keyspace.stats.hits += 1,
            None => self.missed(key),
        }
        place
    }

    /// `inspect` that does not tell of a miss.
    pub fn inspect_silently(&mut self, key: &Key) -> Option<Place> {
        let place = self.peek(key);
        match place {
            Some(_) => self.keyspace.stats.hits += 1,
            None => self.keyspace.stats.misses += 1,
        }
        place
    }

    /// Looks a key up to change it: marks it as used, counts nothing.
    #[inline]
    pub fn write(&mut self, key: &Key) -> Option<Place> {
        self.write_in(self.db, key)
    }

    /// `write` in another database.
    #[inline]
    pub fn write_in(&mut self, db: Db, key: &Key) -> Option<Place> {
        let place = self.peek_in(db, key)?;
        if !self.caller.no_touch {
            self.keyspace.used(db, key.slot, place, Use::Write, self.now, self.access);
        }
        Some(place)
    }

    /// Looks a key up to store over it. A value that is stored leaves the stamp of its time; only policies that count uses note one here.
    #[inline]
    pub fn target(&mut self, key: &Key) -> Option<Place> {
        let place = self.peek(key)?;
        self.overwritten(key, place);
        Some(place)
    }

    /// Notes one more use of the key at a place where uses are counted: another look-up noted one, and now it is stored to as well.
    #[inline]
    pub fn overwritten(&mut self, key: &Key, place: Place) {
        if self.keyspace.counts_uses() && !self.caller.no_touch {
            self.keyspace.used(self.db, key.slot, place, Use::Write, self.now, self.access);
        }
    }

    /// Looks a key up without a trace, but for the removal of what is expired.
    #[inline]
    pub fn peek(&mut self, key: &Key) -> Option<Place> {
        self.peek_in(self.db, key)
    }

    /// `peek` in another database.
    #[inline]
    pub fn peek_in(&mut self, db: Db, key: &Key) -> Option<Place> {
        let place = self.keyspace.locate(db, key)?;
        let deadline = self.keyspace.at(db, key.slot, place).deadline();
        match gate(&self.gate_context(), deadline, GateFlags::NONE) {
            Verdict::Valid => Some(place),
            Verdict::Expired => None,
            Verdict::Delete => {
                self.keyspace.expire(db, key, place);
                None
            }
        }
    }

    /// What the expiry gate needs to know of this command. There are no replicas and no scripts.
    #[inline]
    fn gate_context(&self) -> GateContext {
        let expiry = if self.caller.expiry_paused { gate::Expiry::Paused } else { gate::Expiry::Running };
        let (role, caller, data_set) = (Role::Master, gate::Caller::Client, self.data_set());
        GateContext { now: self.now, role, caller, data_set, expiry }
    }

    /// Whether the data are there, or a log is about to make them.
    #[inline]
    pub fn data_set(&self) -> DataSet {
        if self.caller.replays { DataSet::Loading } else { DataSet::Ready }
    }

    /// The entry of a key, without any trace: what is expired stays hidden and in place. Several can be borrowed at a time.
    #[inline]
    pub fn glance(&self, key: &Key) -> Option<&Entry> {
        let place = self.keyspace.locate(self.db, key)?;
        let entry = self.entry(key, place);
        (gate(&self.gate_context(), entry.deadline(), GateFlags::NONE) == Verdict::Valid).then_some(entry)
    }

    /// The entry at a place.
    #[inline]
    pub fn entry(&self, key: &Key, place: Place) -> &Entry {
        self.keyspace.at(self.db, key.slot, place)
    }

    /// Changes the entry at a place.
    #[inline]
    pub fn edit<R>(&mut self, key: &Key, place: Place, change: impl FnOnce(&mut Entry) -> R) -> R {
        self.keyspace.edit(self.db, key.slot, place, change)
    }

    /// `edit` for what needs the hasher as well: the fields of a large hash.
    #[inline]
    pub fn edit_hashed<R>(&mut self, key: &Key, place: Place, change: impl FnOnce(&mut Entry, &KeyHasher) -> R) -> R {
        self.keyspace.edit_hashed(self.db, key.slot, place, change)
    }

    /// Adds the entry of a key that does not exist.
    #[inline]
    pub fn insert(&mut self, key: &Key, entry: Entry) {
        self.insert_in(self.db, key, entry);
    }

    /// `insert` in another database.
    #[inline]
    pub fn insert_in(&mut self, db: Db, key: &Key, entry: Entry) {
        self.keyspace.insert(db, key.slot, key.hash, entry);
        self.notify_in(db, EventClasses::NEW, "new", key);
    }

    /// Stores an entry under its key, over whatever stands there.
    pub fn replace(&mut self, key: &Key, entry: Entry) {
        let Some(place) = self.target(key) else { return self.insert(key, entry) };
        let counts = self.keyspace.counts_uses();
        let mut replaced = self.edit(key, place, |held| {
            let access = held.access();
            let replaced = std::mem::replace(held, entry);
            if counts {
                held.set_access(access);
            }
            replaced
        });
        if let Some(object) = replaced.take_object() {
            self.keyspace.drop_later(object, Removal::Server);
        }
    }

    /// Stores a string under a key, over whatever stands at `place`, which `target` gave, or a look-up that marks the key as used.
    #[inline]
    pub fn put(&mut self, key: &Key, place: Option<Place>, value: &[u8], expiry: Expiry, shape: Shape) {
        match place {
            Some(place) => {
                let stamp = (!self.keyspace.counts_uses()).then_some(self.access);
                let replaced = self.edit(key, place, |entry| {
                    let replaced = entry.take_object();
                    match expiry {
                        Expiry::Keep => {}
                        Expiry::Never => entry.set_deadline(None),
                        Expiry::At(at) => entry.set_deadline(Some(at)),
                    }
                    entry.set_value(value);
                    entry.set_shape(shape);
                    if let Some(stamp) = stamp {
                        entry.set_access(stamp);
                    }
                    replaced
                });
                if let Some(object) = replaced {
                    self.keyspace.drop_later(object, Removal::Server);
                }
            }
            None => {
                let deadline = if let Expiry::At(at) = expiry { Some(at) } else { None };
                let mut entry = Entry::new(key.bytes, value, deadline, self.access);
                entry.set_shape(shape);
                self.insert(key, entry);
            }
        }
    }

    /// Deletes the key at a place on behalf of the command, which needs it no more. What is large is freed later.
    #[inline]
    pub fn delete(&mut self, key: &Key, place: Place) {
        self.delete_as(key, place, Removal::Server);
    }

    /// `delete` for whatever reason.
    #[inline]
    pub fn delete_as(&mut self, key: &Key, place: Place, removal: Removal) {
        self.keyspace.discard(self.db, key.slot, key.hash, place, removal);
    }

    /// Takes the key at a place out, to put it somewhere else.
    pub fn take(&mut self, key: &Key, place: Place) -> Entry {
        self.keyspace.remove(self.db, key.slot, key.hash, place)
    }

    /// Notes that the command changed a key, in `n` places: they count as what the next snapshot would miss, and whoever
    /// listens to the key hears of it. Nothing for 0.
    #[inline]
    pub fn modified(&mut self, key: &Key, n: u64) {
        self.modified_in(self.db, key, n);
    }

    /// `modified` in another database.
    #[inline]
    pub fn modified_in(&mut self, db: Db, key: &Key, n: u64) {
        self.keyspace.stats.changes += n;
        if n > 0 {
            self.keyspace.signals.dirtied();
            self.keyspace.modified(db, key);
        }
    }

    /// Publishes an event about a key, if its class is wanted.
    #[inline]
    pub fn notify(&mut self, class: EventClasses, name: &'static str, key: &Key) {
        self.notify_in(self.db, class, name, key);
    }

    /// `notify` about a key of another database.
    #[inline]
    pub fn notify_in(&mut self, db: Db, class: EventClasses, name: &'static str, key: &Key) {
        self.keyspace.notify(db, class, name, key);
    }

    /// `modified`, and the event that tells of it. Neither for 0.
    #[inline]
    pub fn happened(&mut self, key: &Key, n: u64, class: EventClasses, name: &'static str) {
        self.modified(key, n);
        if n > 0 {
            self.notify(class, name, key);
        }
    }

    /// Deletes the key at a place, counts it as a change and tells of it.
    #[inline]
    pub fn delete_loudly(&mut self, key: &Key, place: Place, removal: Removal) {
        self.delete_as(key, place, removal);
        self.happened(key, 1, EventClasses::GENERIC, "del");
    }

    /// Deletes whatever stands under a key, expired or not, and tells of it: what a command does that has no result to store there.
    pub fn clear(&mut self, key: &Key) {
        if let Some(place) = self.keyspace.locate(self.db, key) {
            self.delete_loudly(key, place, Removal::Server);
        }
    }

    /// Tells that a key is gone because its last element is.
    #[inline]
    pub fn emptied(&mut self, key: &Key) {
        self.notify(EventClasses::GENERIC, "del", key);
    }

    /// `modified` for a key whose change was counted with another one, or counts for nothing.
    #[inline]
    pub fn touched(&mut self, key: &Key) {
        self.keyspace.modified(self.db, key);
    }

    /// Lets the client wait instead of a reply. Not for an impatient caller.
    #[cold]
    pub fn wait(&mut self, wait: Wait) {
        debug_assert!(!self.caller.impatient, "who cannot wait is answered");
        self.keyspace.signals.wait(wait);
    }

    /// Counts `n` changes that only the next snapshot would miss: of a stream's ids and groups, say, which Redis hides from WATCH.
    #[inline]
    pub fn counted(&mut self, n: u64) {
        self.keyspace.stats.changes += n;
        if n > 0 {
            self.keyspace.signals.dirtied();
        }
    }
}
