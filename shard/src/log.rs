//! The internal log of a core: records of all that changed its slots, in order, for persistence and replication (`evict::record`).
//!
//! Off unless a reader is attached when the shard is made. What commands left in the keyspace's notes becomes records here, a unit at a
//! time: a command with what expired for it, a transaction, a script, one removal of the cycle. A unit that has slots of other
//! cores leaves their parts to be taken back with the slots, and each owner appends its part before anybody else has the slots. So the
//! records of a key are in its owner's log, in the order of the changes.
//!
//! The log has a bound. Above it everything is dropped and the reader is told which records it will never see; numbers go on, so what
//! follows shows no gap but that one.

use evict::record::{Header, Kind, Place, encode};
use evict::time::UnixMillis;
use keyspace::args::OwnedArgs;
use keyspace::log::Note;
use keyspace::slot::Slot;
use keyspace::spec::Flags;

use crate::command::CommandTable;
use crate::mesh::CoreId;
use crate::route::SlotMap;
use crate::shard::Shard;

/// The most bytes of records that wait for a reader, as who attaches one says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBytes(pub usize);

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The encoded records since it took the last ones.
    Records(Vec<u8>),
    /// It took them too late, or a unit was too large: everything up to this number is lost but for what it has. What follows will come.
    LostUpTo(u64),
}

/// A unit's records in one core's log.
#[derive(Clone, Debug)]
pub struct Part {
    unit: u64,
    order: u64,
    logs: u16,
    time: UnixMillis,
    records: Vec<PartRecord>,
    /// The notes were too many to be kept.
    is_lost: bool,
}

#[derive(Clone, Debug)]
struct PartRecord {
    index: u32,
    slot: Option<Slot>,
    note: Note,
}

/// The log of one core.
pub struct Log {
    core: CoreId,
    room: LogBytes,
    bytes: Vec<u8>,
    /// The number of the last record.
    sequence: u64,
    /// The order of the last unit that this core has seen.
    order: u64,
    /// Units of several records that this core has made.
    units: u64,
    /// Something was dropped that the reader does not know of yet.
    is_lost: bool,
    /// Parts of units for the logs of other cores, whose slots are here.
    outward: Vec<(CoreId, Part)>,
}

/// Bits of a unit's number that its core takes.
const CORE_BITS: u32 = 16;

impl Part {
    /// True if it only says that something was lost.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }
}

impl Log {
    /// An empty log.
    pub fn new(core: CoreId, room: LogBytes) -> Log {
        let (bytes, outward) = (Vec::new(), Vec::new());
        Log { core, room, bytes, sequence: 0, order: 0, units: 0, is_lost: false, outward }
    }

    /// Changes its room.
    pub fn limit(&mut self, room: LogBytes) {
        self.room = room;
    }

    /// Takes what there is.
    pub fn take(&mut self) -> Taken {
        if std::mem::take(&mut self.is_lost) {
            return Taken::LostUpTo(self.sequence);
        }
        Taken::Records(std::mem::take(&mut self.bytes))
    }

    /// Where the log stands: what has slots of this core later comes after it.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// What is appended from now on comes after something of this order.
    pub fn follow(&mut self, order: u64) {
        self.order = self.order.max(order);
    }

    /// Appends a unit's records, which become this core's next ones.
    pub fn append(&mut self, part: Part) {
        let Part { unit, order, logs, time, records, is_lost } = part;
        self.follow(order);
        let last = records.len().saturating_sub(1);
        for (position, PartRecord { index, slot, note }) in records.into_iter().enumerate() {
            self.sequence += 1;
            let place = match (unit, position) {
                (0, _) => Place::Alone,
                (_, 0) if last == 0 => Place::Only,
                (_, 0) => Place::First,
                (_, position) if position == last => Place::Last,
                _ => Place::Middle,
            };
            let header = Header {
                sequence: self.sequence,
                unit,
                order,
                index,
                logs,
                time,
                core: self.core.0,
                db: note.db,
                slot: slot.map(Slot::number),
                kind: note.kind,
                place,
            };
            let fits = !self.is_lost && encode(&header, note.parts.args().iter(), &mut self.bytes).is_ok();
            if !fits || self.bytes.len() > self.room.0 {
                self.lose();
            }
        }
        if is_lost {
            self.sequence += 1;
            self.lose();
        }
    }

    /// A unit was too large to be kept: neither this log nor that of another core whose slots it has tells all from here on.
    fn seal_lost(&mut self, time: UnixMillis, others: impl Iterator<Item = CoreId>) {
        self.order += 1;
        let part = Part { unit: 0, order: self.order, logs: 1, time, records: Vec::new(), is_lost: true };
        self.outward.extend(others.map(|core| (core, part.clone())));
        self.append(part);
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.bytes = Vec::new();
    }

    /// Makes a unit of notes: appends this core's part, and leaves those of others.
    fn seal(&mut self, notes: Vec<Note>, time: UnixMillis, map: &SlotMap, table: &'static CommandTable) {
        let mut parts: Vec<(CoreId, Vec<PartRecord>)> = Vec::new();
        let count = notes.len();
        for (note, index) in notes.into_iter().zip(0..) {
            split(note, index, self.core, map, table, &mut |core, record| match parts
                .iter_mut()
                .find(|(owner, _)| *owner == core)
            {
                Some((_, records)) => records.push(record),
                None => parts.push((core, vec![record])),
            });
        }
        let is_alone = count == 1 && parts.len() == 1;
        let unit = if is_alone { 0 } else { self.next_unit() };
        let (order, logs) = (self.order + 1, parts.len() as u16);
        self.order = order;
        for (core, records) in parts {
            let part = Part { unit, order, logs, time, records, is_lost: false };
            match core == self.core {
                true => self.append(part),
                false => self.outward.push((core, part)),
            }
        }
    }

    fn next_unit(&mut self) -> u64 {
        self.units += 1;
        self.units << CORE_BITS | u64::from(self.core.0)
    }

    /// Takes the parts of units for the logs of other cores.
    pub fn take_outward(&mut self) -> impl Iterator<Item = (CoreId, Part)> {
        self.outward.drain(..)
    }
}

/// Gives a note to the log of its first key's owner, and the place of it to those of the owners of its other keys.
fn split(
    note: Note,
    index: u32,
    home: CoreId,
    map: &SlotMap,
    table: &'static CommandTable,
    give: &mut impl FnMut(CoreId, PartRecord),
) {
    let args = note.parts.args();
    let touched = |db: u16, parts: OwnedArgs| Note { kind: Kind::Touched, db, parts };
    let command = if note.kind == Kind::Command { table.resolve(args).ok() } else { None };
    let keys: Vec<&[u8]> = match note.kind {
        Kind::Keys(..) | Kind::Touched => args.iter().collect(),
        Kind::Fields => vec![args.at(0)],
        Kind::Command => command.map(|command| command.spec.keys_of(args).collect()).unwrap_or_default(),
    };
    let Some(first) = keys.first().map(|key| Slot::of(key)) else {
        // About all keys: everybody has to come to this point. Or about none.
        let all = command.is_some_and(|command| command.is(Flags::ALL_SLOTS));
        let others = (0..map.cores()).map(CoreId).filter(|core| all && *core != home);
        for core in others {
            give(core, PartRecord { index, slot: None, note: touched(note.db, OwnedArgs::default()) });
        }
        return give(home, PartRecord { index, slot: None, note });
    };
    let owner = map.owner(first);
    let mut elsewhere: Vec<(CoreId, OwnedArgs)> = Vec::new();
    if map.cores() > 1 {
        for key in &keys[1..] {
            let core = map.owner(Slot::of(key));
            match elsewhere.iter_mut().find(|(other, _)| *other == core) {
                _ if core == owner => {}
                Some((_, words)) => words.push(key),
                None => elsewhere.push((core, std::iter::once(key).collect())),
            }
        }
    }
    for (core, words) in elsewhere {
        let slot = Some(Slot::of(words.args().at(0)));
        give(core, PartRecord { index, slot, note: touched(note.db, words) });
    }
    give(owner, PartRecord { index, slot: Some(first), note });
}

impl Shard {
    /// Makes a unit of what commands left for the log, unless a unit is under way, whose end does it.
    #[cold]
    pub fn seal(&mut self) {
        if !self.in_unit && !self.keyspace.signals.log.is_empty() {
            self.seal_unit();
        }
    }

    /// Makes a unit of what the unit under way left for the log: at its end, before anybody is served for it.
    pub fn seal_unit(&mut self) {
        let Shard { log, keyspace, now, map, table, core, in_unit, .. } = self;
        let Some(log) = log else { return };
        let is_lost = keyspace.signals.log.is_too_large();
        let taken = keyspace.signals.log.take();
        if is_lost {
            let others = (0..map.cores()).map(CoreId).filter(|other| *in_unit && other != core);
            log.seal_lost(*now, others);
        } else if !taken.is_empty() {
            log.seal(taken, *now, map, table);
        }
    }

    /// Makes a unit of each thing that the cycle or eviction removed. In a unit it is a part of that.
    pub fn seal_removed(&mut self) {
        if self.log.is_some() && !self.in_unit {
            self.seal_each();
        }
    }

    /// Makes a unit of each thing that was left for the log.
    #[cold]
    pub fn seal_each(&mut self) {
        let taken = self.keyspace.signals.log.take();
        let Shard { log, now, map, table, .. } = self;
        if let Some(log) = log {
            taken.into_iter().for_each(|note| log.seal(vec![note], *now, map, table));
        }
    }

    /// Records commands that no client sent as a unit of their own, whatever is under way.
    pub fn log_apart(&mut self, commands: Vec<OwnedArgs>) {
        let Shard { log, now, map, table, .. } = self;
        if let Some(log) = log {
            let note = |parts| Note { kind: Kind::Command, db: 0, parts };
            log.seal(commands.into_iter().map(note).collect(), *now, map, table);
        }
    }

    /// Where the log stands; 0 without one.
    pub fn log_order(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.order())
    }
}
