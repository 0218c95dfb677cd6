//! The internal log: what cores record of what they change.
//!
//! `reader` takes the logs of a world and puts them together, `replica` carries them out on empty data and compares. The tests: `rows` (what
//! is recorded of which command, by example), `packet_rows` (rows of the packet that leave a line of evidence), `differential` (the same as
//! redis-server appends to its file), `random` (commands of all families, replayed), `crowd` (clients at once on several cores, replayed).

#![allow(non_snake_case)]

mod crowd;
mod differential;
mod packet_rows;
mod random;
mod reader;
mod replica;
mod rows;

use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, rest, settle};
use super::resp::Value;
use super::world::World;
use reader::{Reader, Record};
use replica::{Image, Replica};

/// A world with a calm network, whose log is read after every command.
struct Desk {
    world: World,
    clients: Vec<Client>,
    reader: Reader,
}

impl Desk {
    fn new(seed: u64, cores: u16, settings: Settings) -> Desk {
        let mut world = World::new(seed, cores, SimOptions::calm(), settings);
        // Commands may wait until their time is up.
        world.pauses = true;
        let mut desk = Desk { reader: Reader::new(cores), world, clients: Vec::new() };
        for core in 0..3 {
            desk.clients.push(Client::connect_at(&desk.world, core % cores));
        }
        desk
    }

    /// The reply to one command, and what was recorded until all cores were at rest.
    fn run(&mut self, client: usize, words: &Command) -> (Value, Vec<Record>) {
        self.clients[client].replies.clear();
        let records = self.pipeline(client, std::slice::from_ref(words));
        (self.clients[client].replies.pop_front().expect("a reply"), records)
    }

    /// What was recorded of commands that were sent at once.
    fn pipeline(&mut self, client: usize, commands: &[Command]) -> Vec<Record> {
        let before = self.reader.records.len();
        self.clients[client].send(commands);
        settle(&mut self.world, &mut self.clients[client..=client], |_, _, _, _| {}).expect("commands are answered");
        self.rest();
        self.reader.records[before..].to_vec()
    }

    /// Sends a command that is to wait, and lets the cores come to rest.
    fn block(&mut self, client: usize, words: &Command) {
        self.clients[client].send(std::slice::from_ref(words));
        self.rest();
        let replies = &self.clients[client].replies;
        assert!(replies.is_empty(), "{words:?} waits, and has {replies:?}");
    }

    /// What was recorded until all cores were at rest.
    fn rest(&mut self) {
        rest(&mut self.world, &mut self.clients).expect("the cores come to rest");
        for client in &mut self.clients {
            client.poll().expect("replies are RESP");
        }
        self.reader.read(&self.world).expect("the logs are in order");
    }

    /// Lets time pass without any timer firing.
    fn later(&mut self, ms: u64) {
        self.world.net.advance(ms * 1000);
    }

    /// The wall clock, in milliseconds.
    fn now(&self) -> i64 {
        (self.world.net.now().wall_us / 1000) as i64
    }

    /// What is wrong with the log, if replaying it does not give the data.
    fn check(&mut self) -> Result<(), String> {
        self.rest();
        check(&self.world, &self.reader)
    }
}

/// Records as a line: units apart by `|`, their records by `;`, each with its database.
fn show(records: &[Record]) -> String {
    let units = records.chunk_by(|a, b| a.header.unit == b.header.unit && a.header.unit != 0);
    let one = |record: &Record| format!("{}> {}", record.header.db, record.text());
    units.map(|unit| unit.iter().map(one).collect::<Vec<_>>().join("; ")).collect::<Vec<_>>().join(" | ")
}

/// What is wrong with what all cores of a world at rest have recorded, whose logs nobody has read.
pub(crate) fn check_all(world: &World) -> Result<(), String> {
    let mut reader = Reader::new(world.cores());
    reader.read(world)?;
    check(world, &reader).map_err(|error| format!("the log: {error}"))
}

/// What is wrong with a log that was read to its end, if replaying it does not give what the world has.
fn check(world: &World, reader: &Reader) -> Result<(), String> {
    let merged = reader.merged()?;
    let mut replica = Replica::new();
    for record in &merged {
        replica.apply(record)?;
    }
    Image::of_world(world).same_as(&replica.image())
}
