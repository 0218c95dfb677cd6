//! The keyspace of one core: its slots, each with one table per database, and what they add up to.
//!
//! A slot's tables are one value that moves between cores as a whole (a loan), so a keyspace has room for all 16,384 slots and
//! a core fills those that it owns or has on loan. Everything that changes an entry goes through here: that keeps the counts and
//! the memory figures of slot and core true.

use evict::gate::expired_on_access;
use evict::s3fifo::S3Fifo;
use evict::time::UnixMillis;
use evict::victim::Choice;

use crate::due::Due;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::limits::{DataLimits, Removal};
use crate::signals::{Change, Changed, EventClasses, Signals, Upheaval};
use crate::slot::{SLOTS, Slot};
use crate::table::{Place, Table};

mod access;
mod candidates;
mod expiry;
mod figures;
mod freeing;
mod loans;
mod queues;
mod saving;
mod tables;
mod victims;
mod walk;

use access::{DEFAULT_CHOICE, Marks};
pub use expiry::Expired;
use figures::Figures;
use freeing::Freeing;
use loans::Strays;
use saving::Saving;
pub use saving::{Saved, Unsaved};
pub use tables::SlotTables;
pub use victims::Victim;
use victims::Victims;

/// A database, by the place of its tables. `Keyspace::db` maps the number that clients select to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Db(pub(crate) u16);

impl Db {
    /// The place's number, which SWAPDB does not change.
    pub fn place(self) -> u16 {
        self.0
    }
}

/// A key with what is derived from its bytes, computed once.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key itself.
    pub bytes: &'a [u8],
    /// Its slot.
    pub slot: Slot,
    /// Its keyed hash.
    pub hash: u64,
}

/// What one database holds on this core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DbTotals {
    /// Entries, expired ones included.
    pub keys: u64,
    /// Entries with a deadline of their own.
    pub volatile: u64,
    /// Hashes with a field that has a deadline.
    pub timed_hashes: u64,
}

/// What commands did to this keyspace since the counters were reset.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataStats {
    /// Read look-ups that found a key.
    pub hits: u64,
    /// Read look-ups that found none.
    pub misses: u64,
    /// Keys removed because their deadline had passed.
    pub expired_keys: u64,
    /// Hash fields removed because their deadline had passed.
    pub expired_fields: u64,
    /// Keys removed to make room.
    pub evicted_keys: u64,
    /// Changes of keys: Redis's `rdb_changes_since_last_save`.
    pub changes: u64,
    /// Keys of flushed databases, and large collections, that were freed lazily.
    pub lazyfreed_objects: u64,
}

impl DataStats {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &DataStats) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired_keys += other.expired_keys;
        self.expired_fields += other.expired_fields;
        self.evicted_keys += other.evicted_keys;
        self.changes += other.changes;
        self.lazyfreed_objects += other.lazyfreed_objects;
    }
}

/// The keyspace of one core.
pub struct Keyspace {
    slots: Box<[SlotTables]>,
    /// Empty slots for what stands in during a loan of the whole, once there was one.
    spare: Option<Box<[SlotTables]>>,
    databases: Vec<Db>,
    hasher: KeyHasher,
    totals: Vec<DbTotals>,
    /// By database, which slots have something that is due.
    due: Vec<Due>,
    bytes: u64,
    /// What uses of keys leave in their access bits.
    marks: Marks,
    /// The eviction policy and its settings.
    choice: Choice,
    /// What choosing victims needs: only while memory is limited.
    victims: Option<Box<Victims>>,
    freeing: Freeing,
    /// Queues that were given up and are not freed yet.
    retired: Vec<S3Fifo<Victim>>,
    /// Which slots are on loan, and which are borrowed.
    strays: Strays,
    /// A snapshot that is being written.
    saving: Option<Box<Saving>>,
    /// Snapshots that have begun.
    saves: u64,
    /// Counters.
    pub stats: DataStats,
    /// Limits in force.
    pub limits: DataLimits,
    /// For choices that need no secrecy.
    pub random: Random,
    /// What commands did that others want to hear of.
    pub signals: Signals,
}

impl Keyspace {
    /// An empty keyspace with this many databases.
    pub fn new(databases: u16, hasher: KeyHasher, random: Random, limits: DataLimits) -> Self {
        Keyspace {
            slots: empty_slots(),
            spare: None,
            databases: (0..databases).map(Db).collect(),
            hasher,
            totals: vec![DbTotals::default(); databases as usize],
            due: no_deadlines(databases as usize),
            bytes: 0,
            marks: Marks::of(DEFAULT_CHOICE.policy),
            choice: DEFAULT_CHOICE,
            victims: None,
            freeing: Freeing::default(),
            retired: Vec::new(),
            strays: Strays::default(),
            saving: None,
            saves: 0,
            stats: DataStats::default(),
            limits,
            random,
            signals: Signals::default(),
        }
    }

    /// Takes everything out: the lender's half of a loan of the whole. What stays has the same settings, totals and counters and
    /// empty slots, so that units of this core can still borrow into it. O(1) but for the first time, which makes the slots.
    pub fn lend_whole(&mut self) -> Keyspace {
        let stand_in = Keyspace {
            slots: self.spare.take().unwrap_or_else(empty_slots),
            spare: None,
            databases: self.databases.clone(),
            hasher: self.hasher.clone(),
            totals: self.totals.clone(),
            due: no_deadlines(self.databases.len()),
            bytes: self.heap_bytes(),
            marks: self.marks,
            choice: self.choice,
            victims: self.victims.as_ref().map(|victims| victims.renewed()),
            freeing: self.freeing.stand_in(),
            retired: Vec::new(),
            strays: Strays::default(),
            saving: None,
            saves: self.saves,
            stats: std::mem::take(&mut self.stats),
            limits: self.limits,
            random: self.random.clone(),
            signals: Signals {
                classes: self.signals.classes,
                every_change: self.signals.every_change,
                log: self.signals.log.fresh(),
                ..Signals::default()
            },
        };
        std::mem::replace(self, stand_in)
    }

    /// Takes back what `lend_whole` gave. What was counted, set and dropped here meanwhile stays.
    pub fn take_back_whole(&mut self, mut lent: Keyspace) {
        lent.stats.add(&self.stats);
        lent.freeing.take_over(std::mem::take(&mut self.freeing));
        lent.retired.append(&mut self.retired);
        lent.limits = self.limits;
        lent.set_choice(self.choice, self.victims.is_some());
        lent.signals.classes = self.signals.classes;
        lent.signals.every_change = self.signals.every_change;
        lent.spare = Some(std::mem::take(&mut self.slots));
        *self = lent;
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// The database that clients select by `number`.
    #[inline]
    pub fn db(&self, number: usize) -> Option<Db> {
        self.databases.get(number).copied()
    }

    /// The database at a place.
    pub fn db_at(&self, place: u16) -> Db {
        assert!((place as usize) < self.databases.len(), "there are as many places as databases");
        Db(place)
    }

    /// Exchanges two databases. O(1): only their numbers change.
    pub fn swap_databases(&mut self, a: usize, b: usize) {
        self.databases.swap(a, b);
        self.signals.upheaval(Upheaval::Swapped(a as u16, b as u16));
    }

    /// Whether changes of a slot's keys are noted. The mark moves with the slot.
    pub fn listen(&mut self, slot: Slot, listened: bool) {
        self.slots[slot.index()].first.mark(listened);
    }

    /// Tells whoever listens that a key was changed, created or deleted.
    #[inline]
    pub fn modified(&mut self, db: Db, key: &Key) {
        if self.slots[key.slot.index()].first.is_marked() || self.signals.every_change {
            self.note(db, key, Change::Value);
        }
    }

    /// True if a key is here that was noted as changed. What has expired counts.
    pub fn has(&self, key: &Changed) -> bool {
        let db = self.db(key.db as usize).expect("changes are noted by numbers of databases");
        self.locate(db, &self.key(&key.key)).is_some()
    }

    /// `modified` for a stream that lost a group: its value is the same.
    pub fn ungrouped(&mut self, db: Db, key: &Key) {
        if self.slots[key.slot.index()].first.is_marked() {
            self.note(db, key, Change::Group);
        }
    }

    #[cold]
    fn note(&mut self, db: Db, key: &Key, what: Change) {
        let number = self.number_of(db);
        self.signals.changed(number, key.slot, key.bytes, what);
    }

    /// Publishes an event about a key, if its class is wanted.
    #[inline]
    pub fn notify(&mut self, db: Db, class: EventClasses, name: &'static str, key: &Key) {
        if self.signals.classes.has(class) {
            self.publish(db, name, key);
        }
    }

    #[cold]
    fn publish(&mut self, db: Db, name: &'static str, key: &Key) {
        let number = self.number_of(db);
        self.signals.event(name, number, key.bytes);
    }

    /// The number by which clients select a database. O(databases).
    #[cold]
    pub fn number_of(&self, db: Db) -> u16 {
        let number = self.databases.iter().position(|&place| place == db);
        number.expect("every place of a database has a number") as u16
    }

    /// Completes a key. Cost: its checksum and hash.
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, slot: Slot::of(bytes), hash: self.hasher.hash(bytes) }
    }

    /// The hasher of keys.
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Where `key` stands.
    #[inline]
    pub fn locate(&self, db: Db, key: &Key) -> Option<Place> {
        self.slots[key.slot.index()].table(db)?.locate(key.hash, key.bytes)
    }

    /// The entry at a place that `locate` gave for a key of this slot.
    #[inline]
    pub fn at(&self, db: Db, slot: Slot, place: Place) -> &Entry {
        self.slots[slot.index()].table(db).expect("a place has a table").at(place)
    }

    /// Changes the entry at a place. Its key stays.
    #[inline]
    pub fn edit<R>(&mut self, db: Db, slot: Slot, place: Place, change: impl FnOnce(&mut Entry) -> R) -> R {
        self.edit_hashed(db, slot, place, |entry, _| change(entry))
    }

    /// `edit` for what needs the hasher as well: the fields of a large hash.
    #[inline]
    pub fn edit_hashed<R>(
        &mut self,
        db: Db,
        slot: Slot,
        place: Place,
        change: impl FnOnce(&mut Entry, &KeyHasher) -> R,
    ) -> R {
        if self.saving.is_some() {
            self.save_first(db, slot, place);
        }
        let databases = self.databases.len();
        let tables = &mut self.slots[slot.index()];
        let table = tables.table_mut(db, databases);
        let entry = table.at_mut(place);
        let before = Figures::of(entry);
        let result = change(entry, &self.hasher);
        let after = Figures::of(entry);
        if before != after {
            let volatile = after.volatile as i32 - before.volatile as i32;
            let timed = after.timed as i32 - before.timed as i32;
            table.correct(volatile, timed, after.bytes.wrapping_sub(before.bytes) as i64);
            self.bytes = self.bytes + after.bytes - before.bytes;
            let totals = &mut self.totals[db.0 as usize];
            totals.volatile = totals.volatile.wrapping_add_signed(volatile as i64);
            totals.timed_hashes = totals.timed_hashes.wrapping_add_signed(timed as i64);
            // Bounds that hold for a deadline hold for later ones: a key that is put off costs nothing here.
            if let Some(deadline) = after.earliest
                && before.earliest.is_none_or(|old| deadline < old)
            {
                self.set_deadline(db, slot, place, deadline);
            }
            if volatile != 0 && self.victims.is_some() {
                self.count_victims(db, slot);
            }
        }
        result
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, db: Db, slot: Slot, hash: u64, entry: Entry) {
        if self.saving.is_some() {
            self.save_without(db, slot, hash, entry.key());
        }
        let databases = self.databases.len();
        let totals = &mut self.totals[db.0 as usize];
        totals.keys += 1;
        totals.volatile += entry.deadline().is_some() as u64;
        totals.timed_hashes += entry.has_volatile_fields() as u64;
        if let Some(deadline) = entry.earliest() {
            self.due[db.0 as usize].lower(slot.index(), SLOTS, deadline);
        }
        let table = self.slots[slot.index()].table_mut(db, databases);
        let before = table.heap_bytes();
        table.insert(hash, entry, &self.hasher);
        // What a split leaves may be less than there was.
        self.bytes = self.bytes.wrapping_add(table.heap_bytes().wrapping_sub(before));
        if self.victims.is_some() {
            self.victim_made(db, slot, hash);
        }
    }

    /// Deletes the entry of a key. A large collection is freed later, in pieces; `removal` tells how.
    #[inline]
    pub fn discard(&mut self, db: Db, slot: Slot, hash: u64, place: Place, removal: Removal) {
        let mut entry = self.remove(db, slot, hash, place);
        if let Some(object) = entry.take_object() {
            self.drop_later(object, removal);
        }
    }

    /// Takes the entry of a key out: to put it somewhere else.
    pub fn remove(&mut self, db: Db, slot: Slot, hash: u64, place: Place) -> Entry {
        if self.saving.is_some() {
            self.save_first(db, slot, place);
        }
        let databases = self.databases.len();
        let table = self.slots[slot.index()].table_mut(db, databases);
        let before = table.heap_bytes();
        let entry = table.remove(hash, place, &self.hasher);
        self.bytes = self.bytes.wrapping_sub(before.wrapping_sub(table.heap_bytes()));
        let totals = &mut self.totals[db.0 as usize];
        totals.keys -= 1;
        totals.volatile -= entry.deadline().is_some() as u64;
        totals.timed_hashes -= entry.has_volatile_fields() as u64;
        if self.victims.is_some() {
            self.count_victims(db, slot);
        }
        entry
    }

    /// The table of a slot, if anything was ever stored in it.
    #[inline]
    pub fn table(&self, db: Db, slot: Slot) -> Option<&Table> {
        self.slots[slot.index()].table(db)
    }

    /// What each database holds here, by place.
    pub fn all_totals(&self) -> impl Iterator<Item = DbTotals> {
        self.totals.iter().copied()
    }

    /// What a database holds here.
    pub fn totals(&self, db: Db) -> DbTotals {
        self.totals[db.0 as usize]
    }

    /// Bytes of a database's tables here, without their entries. O(slots), some 0.05 ms.
    pub fn table_bytes(&self, db: Db) -> u64 {
        self.slots.iter().filter_map(|tables| tables.table(db)).map(Table::own_bytes).sum()
    }

    /// Bytes of all tables and entries here, and of what choosing victims needs. What was dropped and is not freed yet is not among them:
    /// `dropped_bytes` has it.
    pub fn heap_bytes(&self) -> u64 {
        self.bytes + self.victims_bytes()
    }

    /// Keys of all databases in one slot.
    pub fn slot_len(&self, slot: Slot) -> usize {
        self.slots[slot.index()].len()
    }
}

fn no_deadlines(databases: usize) -> Vec<Due> {
    (0..databases).map(|_| Due::default()).collect()
}

fn empty_slots() -> Box<[SlotTables]> {
    (0..SLOTS).map(|_| SlotTables::default()).collect()
}

/// True if an entry with this deadline is hidden at `now` from a command that walks over entries: the border of the expiry gate, by which
/// look-ups of single keys go.
#[inline]
pub fn is_expired(deadline: Option<UnixMillis>, now: UnixMillis) -> bool {
    deadline.is_some_and(|at| expired_on_access(now, at))
}
