//! Very many clients, each blocked on a key of its own: a push wakes the one that waits for it, once, and its cost does not depend on
//! how many others wait.
//!
//! What is measured is how many entries of clients the cores go through (`shard::looks`), which is the same in every run. The far ends
//! of so many connections fit in no process that has them as sockets.

use keyspace::slot::{SLOTS, Slot};
use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Wake-ups that come alone, each in turns of its own. The others come in pipelines.
const ALONE: usize = 8;

/// Commands of a pipeline.
const PIPELINE: usize = 5_000;

/// Where the keys of the clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// Some in each of many slots.
    InSlots,
    InOneSlot,
}

/// Most clients of a play.
const MANY: usize = 100_000;

/// Clients that show what a wake-up costs without a crowd.
const FEW: usize = 1_000;

impl Keys {
    /// A key for each client. A slot has as many of them however many clients there are: fewer clients are in fewer slots.
    fn names(self, clients: usize) -> Vec<String> {
        let slots = (SLOTS * clients).div_ceil(MANY);
        let names = (0..).map(|number| match self {
            Keys::InSlots => format!("key:{number}"),
            Keys::InOneSlot => format!("{{key}}:{number}"),
        });
        let in_slots = |name: &String| {
            self == Keys::InOneSlot || Slot::of(name.as_bytes()).index() % (SLOTS / 16) < slots.div_ceil(16)
        };
        names.filter(in_slots).take(clients).collect()
    }
}

/// What wake-ups cost: entries gone through, for one that came alone at most and for all of them.
struct Work {
    alone: u64,
    all: u64,
}

/// Clients that wait, and the one that wakes them.
struct Play {
    world: World,
    names: Vec<String>,
    pusher: Client,
    clients: Vec<Client>,
}

impl Play {
    /// All wait.
    fn begin(cores: u16, clients: usize, keys: Keys) -> Result<Play, String> {
        // Buffers for thousands of connections in one enter: each enter of the simulation looks at all of them.
        let options = SimOptions { buffers: 4_096, buffer_bytes: 16 << 10, ..SimOptions::calm() };
        let settings = Settings { maxclients: clients as u32 + 1, ..Settings::default() };
        let mut world = World::new(clients as u64, cores, options, settings);
        let pusher = Client::connect(&mut world);
        let names = keys.names(clients);
        let clients = names.iter().enumerate().map(|(index, name)| {
            let mut client = Client::connect_at(&world, (index % usize::from(cores)) as u16);
            // Half of them have a time-out, which does not come.
            let seconds = if index % 2 == 0 { "0" } else { "100000" };
            client.send(&[command(["BLPOP", name, seconds])]);
            client
        });
        let clients = clients.collect();
        rest(&mut world, &mut [])?;
        Ok(Play { world, names, pusher, clients })
    }

    /// Pushes an element for each of these clients. Each has it then, and nobody has anything else.
    fn wake(&mut self, woken: &[usize]) -> Result<u64, String> {
        let before = self.world.looks();
        let element = |client: usize| format!("element:{client}");
        let pushes: Vec<Command> =
            woken.iter().map(|client| command(["RPUSH", &self.names[*client], &element(*client)])).collect();
        self.pusher.send(&pushes);
        settle(&mut self.world, std::slice::from_mut(&mut self.pusher), |_, _, _, _| {})?;
        if !self.pusher.replies.drain(..).all(|reply| reply == Value::Int(1)) {
            return Err("an element met another in its list".into());
        }
        rest(&mut self.world, &mut [])?;
        let looks = self.world.looks() - before;
        for &index in woken {
            let expected = [self.names[index].clone(), element(index)].map(|text| Value::Bulk(text.into_bytes()));
            let client = &mut self.clients[index];
            client.poll()?;
            let got: Vec<Value> = client.replies.drain(..).collect();
            if got != [Value::Array(expected.to_vec())] {
                return Err(format!("client {index} has {got:?} after its wake-up"));
            }
        }
        Ok(looks)
    }

    /// Wakes all, in random order.
    fn wake_all(&mut self) -> Result<Work, String> {
        let mut order: Vec<usize> = (0..self.clients.len()).collect();
        self.world.random.shuffle(&mut order);
        let (alone, together) = order.split_at(ALONE);
        let mut work = Work { alone: 0, all: 0 };
        for client in alone {
            let looks = self.wake(&[*client])?;
            work.alone = work.alone.max(looks);
            work.all += looks;
        }
        for pipeline in together.chunks(PIPELINE) {
            work.all += self.wake(pipeline)?;
        }
        Ok(work)
    }

    /// Nothing is left, and nobody heard anything more.
    fn end(mut self) -> Result<(), String> {
        self.pusher.send(&[command(["DBSIZE"])]);
        settle(&mut self.world, std::slice::from_mut(&mut self.pusher), |_, _, _, _| {})?;
        if self.pusher.replies.pop_front() != Some(Value::Int(0)) {
            return Err("elements are left".into());
        }
        for client in &mut self.clients {
            client.poll()?;
        }
        self.world.check_over()
    }
}

fn run(cores: u16, clients: usize, keys: Keys) -> Result<Work, String> {
    let mut play = Play::begin(cores, clients, keys)?;
    let work = play.wake_all()?;
    play.end()?;
    Ok(work)
}

/// A wake-up costs as much among 100,000 clients as among 1,000.
fn check(cores: u16, keys: Keys) {
    let run = |clients| {
        let ran = seeds::guarded("crowd", clients as u64, || run(cores, clients, keys));
        ran.unwrap_or_else(|error| panic!("{clients} clients of {cores} cores, {keys:?}: {error}"))
    };
    let (few, many) = (run(FEW), run(MANY));
    let each = |work: &Work, clients: usize| work.all as f64 / clients as f64;
    let (before, after) = (each(&few, FEW), each(&many, MANY));
    assert!(before >= 1.0 && few.alone >= 1, "a wake-up looks at the client that it wakes");
    assert!(after <= 1.1 * before, "{before} entries for a wake-up among {FEW}, {after} among {MANY}");
    assert!(many.alone <= few.alone, "{} entries for a wake-up alone, {} among many", few.alone, many.alone);
}

#[test]
fn a_wake_up_on_one_core_costs_the_same_among_many() {
    check(1, Keys::InSlots);
}

#[test]
fn a_wake_up_among_four_cores_costs_the_same_among_many() {
    check(4, Keys::InSlots);
}

#[test]
fn a_wake_up_in_a_slot_that_all_wait_in_costs_the_same_among_many() {
    check(1, Keys::InOneSlot);
}
