//! Empty data on which a log is carried out, and what data are like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use evict::time::UnixMillis;
use keyspace::args::OwnedArgs;
use keyspace::digest::Digest;
use keyspace::entry::Entry;
use keyspace::exec::Caller;
use keyspace::hash::{KeyHasher, Random};
use keyspace::store::Keyspace;
use keyspace::types::Object;
use keyspace::types::stream::StreamId;
use shard::command;
use shard::hop::Context;
use shard::mesh::CoreId;
use shard::mesh::budget::Budget;
use shard::mesh::loans::{NeedOwned, UnitId};
use shard::route::SlotMap;
use shard::settings::Settings;
use shard::shard::{Shard, ShardParts};
use shard::stage::Stage;
use shard::unit::{Aside, Grant, Loan};

use super::super::world::World;
use super::reader::Record;

/// A shard that has every slot and does what a log says.
pub(super) struct Replica {
    shard: Shard,
}

impl Replica {
    pub(super) fn new() -> Replica {
        let settings = Arc::new(Settings::default());
        // Data do not depend on the hasher, nor on what is drawn at random.
        let keyspace = Keyspace::new(
            settings.databases as u16,
            KeyHasher::new([9, 8, 7, 6]),
            Random::new(999),
            settings.data_limits(),
        );
        let shard = Shard::new(ShardParts {
            core: CoreId(0),
            keyspace,
            settings,
            slow_ids: Arc::new(AtomicU64::new(0)),
            table: command::table(),
            map: SlotMap::striped(1),
            log: None,
            budget: Arc::new(Budget::new(0, 1)),
        });
        Replica { shard }
    }

    /// Carries out a record at its time.
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), String> {
        let args: OwnedArgs = record.words.iter().collect();
        if args.args().is(0, "function") {
            // About no data.
            return Ok(());
        }
        let row = command::table().resolve(args.args()).map_err(|_| format!("no such command: {}", record.text()))?;
        let caller = Caller { db: record.header.db, impatient: true, replays: true, ..Caller::default() };
        let context = Context { caller, ..Context::default() };
        let unit = UnitId { core: 0, seq: 1 };
        let loan = Loan::Here(NeedOwned::All);
        let mut grants =
            [Grant { unit, core: CoreId(0), loan, clock: UnixMillis(0), order: 0, log: Vec::new(), routes: None }];
        let mut aside = Aside::default();
        aside.now = Some(record.header.time);
        let mut reply = Vec::new();
        let mut stage = Stage::of(&mut self.shard, &mut grants);
        stage.enter(&mut aside);
        stage.execute(row, &context, args.args(), &mut reply);
        stage.leave(&mut aside);
        if reply.starts_with(b"-") {
            return Err(format!("{} of {:?}: {}", record.text(), record.header, String::from_utf8_lossy(&reply)));
        }
        Ok(())
    }

    pub(super) fn image(&self) -> Image {
        Image::of(&[&self.shard.keyspace])
    }
}

/// All keys of all databases, whether expired or not.
#[derive(Default)]
pub(super) struct Image {
    keys: BTreeMap<(usize, Vec<u8>), String>,
}

impl Image {
    pub(super) fn of(keyspaces: &[&Keyspace]) -> Image {
        let mut image = Image::default();
        for keyspace in keyspaces {
            for number in 0..keyspace.databases() {
                let db = keyspace.db(number).expect("numbers are below their count");
                for entry in keyspace.entries(db) {
                    image.keys.insert((number, entry.key().to_vec()), describe(entry));
                }
            }
        }
        image
    }

    /// What a world at rest has.
    pub(super) fn of_world(world: &World) -> Image {
        let mut image = Image::default();
        for core in 0..world.cores() {
            world.visit(usize::from(core), |shard| {
                let own = Image::of(&[&shard.keyspace]).keys;
                for (key, value) in own {
                    assert!(image.keys.insert(key, value).is_none(), "a key is on one core");
                }
            });
        }
        image
    }

    /// The first differences.
    pub(super) fn same_as(&self, replayed: &Image) -> Result<(), String> {
        let all = self.keys.keys().chain(replayed.keys.keys().filter(|key| !self.keys.contains_key(*key)));
        let differ = all.filter(|key| self.keys.get(*key) != replayed.keys.get(*key)).take(5);
        let lines: Vec<String> = differ
            .map(|key| {
                let name = String::from_utf8_lossy(&key.1);
                let (own, other) = (self.keys.get(key), replayed.keys.get(key));
                format!("database {}, key {name:?}: is {own:?}, replayed {other:?}", key.0)
            })
            .collect();
        if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
    }
}

/// An entry: its digest, as DEBUG DIGEST has it, and what that leaves out.
fn describe(entry: &Entry) -> String {
    let mut text = format!("{} until {:?}", Digest::of_value(entry).hex(), entry.deadline().map(|at| at.0));
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match entry.object() {
        Some(Object::Hash(fields)) => {
            let timed = fields.entries().filter_map(|field| Some((name(field.key()), field.deadline()?.0)));
            let timed: BTreeMap<String, i64> = timed.collect();
            text += &format!(" fields {timed:?}");
        }
        Some(Object::Stream(stream)) => {
            let log = stream.log();
            let ids = log.range(StreamId::MIN, StreamId::MAX).map(|entry| (entry.id.ms, entry.id.seq));
            text += &format!(" {:?}", ids.collect::<Vec<_>>());
            text += &format!(" {:?} {} {:?}", log.last_id, log.entries_added, log.max_deleted_id);
            for (group, state) in stream.groups().iter() {
                let consumers: Vec<String> = state.iter().map(|consumer| name(consumer.name())).collect();
                let pending = state.pending().iter();
                let pending = pending.map(|(id, pending)| (*id, name(state.consumer(pending.consumer).name())));
                let pending: Vec<_> = pending.collect();
                text += &format!(" group {} at {:?}: {consumers:?} {pending:?}", name(group), state.last_id);
            }
        }
        _ => {}
    }
    text
}
