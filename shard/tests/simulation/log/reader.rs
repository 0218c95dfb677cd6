//! Reads the logs of all cores, checks each, and puts them together.

use std::collections::BTreeMap;

use evict::order::OrderCheck;
use evict::record::{Header, Kind, decode};
use shard::log::Taken;

use super::super::world::World;

/// A record, with its words.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) header: Header,
    pub(super) words: Vec<Vec<u8>>,
}

impl Record {
    /// Its words as one line.
    pub(super) fn text(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        words.join(" ")
    }
}

/// The reader of the logs of all cores.
pub(super) struct Reader {
    checks: Vec<OrderCheck>,
    /// Records of all cores, in the order in which they were read.
    pub(super) records: Vec<Record>,
}

impl Reader {
    pub(super) fn new(cores: u16) -> Reader {
        Reader { checks: (0..cores).map(|core| OrderCheck::new(core, 0)).collect(), records: Vec::new() }
    }

    /// The reader of one core's log that knows it up to a record.
    pub(super) fn behind(last: u64) -> Reader {
        Reader { checks: vec![OrderCheck::new(0, last)], records: Vec::new() }
    }

    /// Reads what has come. All cores are at rest.
    pub(super) fn read(&mut self, world: &World) -> Result<(), String> {
        for (core, check) in self.checks.iter_mut().enumerate() {
            let Taken::Records(bytes) = world.take_log(core) else { return Err("the log was lost".into()) };
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (record, length) = decode(rest).map_err(|fault| format!("core {core}: {fault:?}"))?;
                check.next(&record.header).map_err(|fault| format!("core {core}: {fault:?}: {:?}", record.header))?;
                let words = record.words().map(<[u8]>::to_vec).collect();
                self.records.push(Record { header: record.header, words });
                rest = &rest[length..];
            }
            if !check.complete() {
                return Err(format!("core {core}: a unit has no end"));
            }
        }
        Ok(())
    }

    /// All records that do something, in an order in which they can be carried out. Units are whole.
    pub(super) fn merged(&self) -> Result<Vec<Record>, String> {
        let mut units: BTreeMap<u64, Vec<&Record>> = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.header.unit != 0) {
            units.entry(record.header.unit).or_default().push(record);
        }
        units.iter().try_for_each(|(unit, records)| check_unit(*unit, records))?;
        let mut merged: Vec<Record> =
            self.records.iter().filter(|record| record.header.kind != Kind::Touched).cloned().collect();
        // What has the same order and is not of one unit is about different keys.
        merged.sort_by_key(|Record { header, .. }| (header.order, header.unit, header.index));
        Ok(merged)
    }
}

/// A unit has as many logs as it says, the same order and time everywhere, and each of its records once.
fn check_unit(unit: u64, records: &[&Record]) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("unit {unit}: {what}: {records:#?}"));
    let first = records[0].header;
    if records.iter().any(|record| (record.header.order, record.header.time) != (first.order, first.time)) {
        return wrong("several orders or times");
    }
    let mut logs: Vec<u16> = records.iter().map(|record| record.header.core).collect();
    logs.sort_unstable();
    logs.dedup();
    if records.iter().any(|record| usize::from(record.header.logs) != logs.len()) {
        return wrong("parts are missing");
    }
    let mut own: Vec<u32> = Vec::new();
    own.extend(records.iter().filter(|record| record.header.kind != Kind::Touched).map(|record| record.header.index));
    own.sort_unstable();
    if !own.iter().copied().eq(0..own.len() as u32) {
        return wrong("records are missing or doubled");
    }
    let places = |record: &&&Record| (record.header.core, record.header.index);
    let mut all: Vec<(u16, u32)> = records.iter().map(|record| places(&record)).collect();
    all.sort_unstable();
    all.dedup();
    match all.len() == records.len() && all.iter().all(|(_, index)| *index < own.len() as u32) {
        true => Ok(()),
        false => wrong("places are doubled, or of nothing"),
    }
}
