//! The keyspace of one core: its slots, each with one table per database, and what they add up to.
//!
//! A slot's tables are one value that moves between cores as a whole (a loan), so a keyspace has room for all 16,384 slots and
//! a core fills those that it owns or has on loan. Everything that changes an entry goes through here: that keeps the counts and
//! the memory figures of slot and core true.

use std::collections::VecDeque;

use evict::gate::expired_on_access;
use evict::time::UnixMillis;

use crate::due::{Due, NEVER};
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};
use crate::limits::DataLimits;
use crate::signals::{Change, Changed, EventClasses, Signals, Upheaval};
use crate::slot::{SLOTS, Slot};
use crate::table::{Place, SEGMENT_ENTRIES_MAX, ScanPosition, Table};
use crate::types::Object;

mod expiry;
mod figures;
mod tables;

pub use expiry::Expiry;
use figures::Figures;
pub use tables::SlotTables;

/// A database, by the place of its tables. `Keyspace::db` maps the number that clients select to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Changes of keys: Redis's `rdb_changes_since_last_save`.
    pub changes: u64,
    /// Keys of flushed databases, and large collections, whose memory was given back after they were gone.
    pub lazyfreed_objects: u64,
}

impl DataStats {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &DataStats) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired_keys += other.expired_keys;
        self.expired_fields += other.expired_fields;
        self.changes += other.changes;
        self.lazyfreed_objects += other.lazyfreed_objects;
    }
}

/// Pieces and tables that one call of `free_dropped` looks at: small tables are many.
const FREED_STEPS_MAX: usize = 128;

/// What is gone for commands and still to be freed.
enum Dropped {
    Table(Table),
    Object(Box<Object>),
    /// What a value that stays has lost: no key, so it is not counted among them.
    Parts(Box<Object>),
}

/// Frees a piece of a collection, and adds its elements to `freed`. False when nothing is left.
fn free_piece(object: &mut Object, freed: &mut usize) -> bool {
    let elements = object.free_piece(SEGMENT_ENTRIES_MAX);
    *freed += elements;
    elements >= SEGMENT_ENTRIES_MAX
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
    dropped: VecDeque<Dropped>,
    dropped_keys: u64,
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
            dropped: VecDeque::new(),
            dropped_keys: 0,
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
            bytes: self.bytes,
            dropped: VecDeque::new(),
            dropped_keys: 0,
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
        lent.dropped.append(&mut self.dropped);
        lent.dropped_keys += self.dropped_keys;
        lent.limits = self.limits;
        lent.signals.classes = self.signals.classes;
        lent.signals.every_change = self.signals.every_change;
        lent.signals.log.forms = self.signals.log.forms;
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

    /// Sets an entry's access bits.
    #[inline]
    pub fn touch(&mut self, db: Db, slot: Slot, place: Place, access: evict::access::AccessBits) {
        let databases = self.databases.len();
        self.slots[slot.index()].table_mut(db, databases).at_mut(place).set_access(access);
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
        }
        result
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, db: Db, slot: Slot, hash: u64, entry: Entry) {
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
    }

    /// Deletes the entry of a key. A large collection is freed later, in pieces.
    #[inline]
    pub fn discard(&mut self, db: Db, slot: Slot, hash: u64, place: Place) {
        let mut entry = self.remove(db, slot, hash, place);
        if let Some(object) = entry.take_object() {
            self.drop_later(object);
        }
    }

    /// Puts a large collection aside that no entry holds any more. A piece of what stands there is freed at once, so that a small
    /// one costs no later turn, and whoever drops much pays for it.
    #[cold]
    pub fn drop_later(&mut self, object: Box<Object>) {
        self.dropped_keys += 1;
        self.dropped.push_back(Dropped::Object(object));
        self.free_dropped();
    }

    /// `drop_later` for parts of a value that stays, which are put aside as a collection of their own. Neither `dropped_keys` nor
    /// `lazyfreed_objects` counts them.
    #[cold]
    pub fn drop_parts_later(&mut self, parts: Box<Object>) {
        self.dropped.push_back(Dropped::Parts(parts));
        self.free_dropped();
    }

    /// Takes the entry of a key out: to put it somewhere else.
    pub fn remove(&mut self, db: Db, slot: Slot, hash: u64, place: Place) -> Entry {
        let databases = self.databases.len();
        let table = self.slots[slot.index()].table_mut(db, databases);
        let before = table.heap_bytes();
        let entry = table.remove(hash, place, &self.hasher);
        self.bytes = self.bytes.wrapping_sub(before.wrapping_sub(table.heap_bytes()));
        let totals = &mut self.totals[db.0 as usize];
        totals.keys -= 1;
        totals.volatile -= entry.deadline().is_some() as u64;
        totals.timed_hashes -= entry.has_volatile_fields() as u64;
        entry
    }

    /// The table of a slot, if anything was ever stored in it.
    #[inline]
    pub fn table(&self, db: Db, slot: Slot) -> Option<&Table> {
        self.slots[slot.index()].table(db)
    }

    /// Visits the entries of one slot in scan order; see `Table::scan`.
    pub fn scan(
        &self,
        db: Db,
        slot: Slot,
        from: ScanPosition,
        limit: usize,
        visit: &mut impl FnMut(ScanPosition, &Entry) -> usize,
    ) -> Option<ScanPosition> {
        self.table(db, slot)?.scan(from, limit, &self.hasher, visit)
    }

    /// The slots from `first` on that hold keys of a database, in order. O(slots).
    pub fn filled(&self, db: Db, first: usize) -> impl Iterator<Item = (Slot, &Table)> {
        let slots = Slot::all().zip(self.slots.iter()).skip(first);
        slots.filter_map(move |(slot, tables)| Some((slot, tables.table(db)?))).filter(|(_, table)| !table.is_empty())
    }

    /// All entries of a database that are here, in no order. O(slots + entries).
    pub fn entries(&self, db: Db) -> impl Iterator<Item = &Entry> {
        self.filled(db, 0).flat_map(|(_, table)| table.iter())
    }

    /// An entry drawn at random among all of a database. O(slots).
    pub fn sample(&mut self, db: Db) -> Option<&Entry> {
        let keys = self.totals[db.0 as usize].keys;
        if keys == 0 {
            return None;
        }
        let mut rank = self.random.below(keys);
        let table = self.slots.iter().filter_map(|tables| tables.table(db)).find(|table| {
            let len = table.len() as u64;
            let found = rank < len;
            rank = rank.saturating_sub(len);
            found
        })?;
        table.sample(&mut self.random)
    }

    /// What a database holds here.
    pub fn totals(&self, db: Db) -> DbTotals {
        self.totals[db.0 as usize]
    }

    /// Bytes of a database's tables here, without their entries. O(slots), some 0.05 ms.
    pub fn table_bytes(&self, db: Db) -> u64 {
        self.slots.iter().filter_map(|tables| tables.table(db)).map(Table::own_bytes).sum()
    }

    /// Bytes of all tables and entries here.
    pub fn heap_bytes(&self) -> u64 {
        self.bytes
    }

    /// Empties one database: its tables are put aside, and `free_dropped` frees them. O(slots): at most some 0.7 ms.
    pub fn flush(&mut self, db: Db) {
        let number = self.number_of(db);
        self.signals.upheaval(Upheaval::Flushed(number));
        let keys = std::mem::take(&mut self.totals[db.0 as usize]).keys;
        if keys == 0 {
            return;
        }
        self.dropped_keys += keys;
        // Room at once: growing step by step would take as long as all the rest.
        self.dropped.reserve(SLOTS.min(keys as usize));
        self.due[db.0 as usize] = Due::default();
        let databases = self.databases.len();
        for tables in self.slots.iter_mut() {
            if tables.table(db).is_none_or(Table::is_empty) {
                continue;
            }
            let table = tables.table_mut(db, databases).take();
            self.bytes -= table.heap_bytes();
            self.dropped.push_back(Dropped::Table(table));
        }
    }

    /// Frees a part of what was dropped: some tables, or entries and elements up to one segment and what makes it full. False
    /// when nothing was left.
    pub fn free_dropped(&mut self) -> bool {
        let (mut freed, mut steps) = (0, 0);
        while freed < SEGMENT_ENTRIES_MAX && steps < FREED_STEPS_MAX {
            steps += 1;
            let more = match self.dropped.front_mut() {
                None => return steps > 1,
                Some(Dropped::Object(object)) => {
                    let more = free_piece(object, &mut freed);
                    self.count_freed(!more as u64);
                    more
                }
                Some(Dropped::Parts(parts)) => free_piece(parts, &mut freed),
                Some(Dropped::Table(table)) => match table.take_piece() {
                    Some(piece) => {
                        freed += piece.len();
                        self.free_entries(piece);
                        true
                    }
                    None => false,
                },
            };
            if !more {
                self.dropped.pop_front();
            }
        }
        if self.dropped.is_empty() {
            self.dropped = VecDeque::new();
        }
        true
    }

    /// Frees entries but for the large collections among them, which have to wait for their turn.
    fn free_entries(&mut self, piece: impl ExactSizeIterator<Item = Entry>) {
        let mut freed = piece.len() as u64;
        for mut entry in piece {
            if let Some(object) = entry.take_object() {
                self.dropped.push_back(Dropped::Object(object));
                freed -= 1;
            }
        }
        self.count_freed(freed);
    }

    fn count_freed(&mut self, keys: u64) {
        self.stats.lazyfreed_objects += keys;
        self.dropped_keys -= keys;
    }

    /// Flushed tables and large collections that are not freed yet.
    pub fn dropped(&self) -> usize {
        self.dropped.len()
    }

    /// Keys in flushed tables, and large collections, that are not freed yet.
    pub fn dropped_keys(&self) -> u64 {
        self.dropped_keys
    }

    /// Takes a slot's tables out: the lender's and the borrower's half of a loan. O(databases).
    pub fn take_slot(&mut self, slot: Slot) -> SlotTables {
        let tables = std::mem::take(&mut self.slots[slot.index()]);
        self.bytes -= tables.heap_bytes();
        for (db, table) in tables.tables() {
            let totals = &mut self.totals[db.0 as usize];
            totals.keys -= table.len() as u64;
            totals.volatile -= table.volatile() as u64;
            totals.timed_hashes -= table.timed() as u64;
            self.due[db.0 as usize].set(slot.index(), SLOTS, NEVER);
        }
        tables
    }

    /// Puts a slot's tables in, where there are none.
    pub fn put_slot(&mut self, slot: Slot, tables: SlotTables) {
        debug_assert!(self.slots[slot.index()].is_empty(), "a slot is in one place at a time");
        self.bytes += tables.heap_bytes();
        for (db, table) in tables.tables() {
            let totals = &mut self.totals[db.0 as usize];
            totals.keys += table.len() as u64;
            totals.volatile += table.volatile() as u64;
            totals.timed_hashes += table.timed() as u64;
            self.due[db.0 as usize].set(slot.index(), SLOTS, table.earliest());
        }
        self.slots[slot.index()] = tables;
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
