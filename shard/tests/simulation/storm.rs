//! Longer load from clients whose connections break: what must hold whatever else happens.
//!
//! Writers give some keys one tag in one MSET, so whoever reads them together sees one tag or nothing. RENAMENX moves values
//! between other keys, so their number stays. INCR counts. ECHO shows that replies keep their order.

use std::collections::VecDeque;

use shard::ring::sim::SimOptions;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Keys that are written together.
const TAGGED: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Keys between which values move, in database 1.
const MOVED: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "r5"];
/// How many of them have a value.
const VALUES: i64 = 3;
/// Counters: one per possible core and some more.
const COUNTERS: usize = 6;

/// What a reply must be.
#[derive(Clone)]
enum Check {
    Ok,
    OneTag,
    Moved,
    Values,
    Counted(usize),
    Echo(String),
    Any,
}

/// A client's unanswered commands.
type Pending = VecDeque<Check>;

struct Load {
    tag: u64,
    pipelines: usize,
    sent: [i64; COUNTERS],
    acknowledged: [i64; COUNTERS],
    flush_all: bool,
    /// Clients pause all others and end each other.
    quarrel: bool,
}

impl Load {
    /// A pipeline: in database 0 or in database 1.
    fn pipeline(&mut self, random: &mut fastrand::Rng) -> Vec<(Command, Check)> {
        let second = random.bool();
        let mut made = vec![(command(["SELECT", if second { "1" } else { "0" }]), Check::Ok)];
        for _ in 0..random.usize(1..30) {
            made.push(match second {
                _ if self.quarrel && random.u8(..40) == 0 => quarrel(random),
                true => self.moving(random),
                false => self.tagging(random),
            });
        }
        made
    }

    fn tagging(&mut self, random: &mut fastrand::Rng) -> (Command, Check) {
        self.tag += 1;
        let tag = format!("tag {}", self.tag);
        match random.u8(..20) {
            0..5 => {
                (command(["MSET"].into_iter().chain(TAGGED.iter().flat_map(|&key| [key, tag.as_str()]))), Check::Ok)
            }
            5..11 => (command(["MGET"].into_iter().chain(TAGGED)), Check::OneTag),
            11 => (command(["DEL"].into_iter().chain(TAGGED)), Check::Any),
            12 if self.flush_all => (command(["FLUSHALL"]), Check::Ok),
            12 => (command(["FLUSHDB"]), Check::Ok),
            13 => (command(["DBSIZE"]), Check::Any),
            14 => (command(["SCAN", "0"]), Check::Any),
            15 => (command(["ECHO", &tag]), Check::Echo(tag)),
            _ => (command(["GET", TAGGED[random.usize(..TAGGED.len())]]), Check::Any),
        }
    }

    fn moving(&mut self, random: &mut fastrand::Rng) -> (Command, Check) {
        match random.u8(..8) {
            0..2 => (command(["EXISTS"].into_iter().chain(MOVED)), Check::Values),
            2..4 => {
                let counter = random.usize(..COUNTERS);
                self.sent[counter] += 1;
                (command(["INCR", &format!("count{counter}")]), Check::Counted(counter))
            }
            4 => {
                self.tag += 1;
                (command(["ECHO", &self.tag.to_string()]), Check::Echo(self.tag.to_string()))
            }
            _ => {
                let (from, to) = (random.usize(..MOVED.len()), random.usize(..MOVED.len()));
                (command(["RENAMENX", MOVED[from], MOVED[to]]), Check::Moved)
            }
        }
    }

    /// Checks a reply.
    fn check(&mut self, check: &Check, reply: &Value) -> Result<(), String> {
        let holds = match check {
            Check::Ok => *reply == Value::ok(),
            Check::Any => !matches!(reply, Value::Error(_)),
            Check::Echo(text) => *reply == Value::bulk(text),
            Check::OneTag => match reply {
                Value::Array(items) => items.len() == TAGGED.len() && items.iter().all(|item| *item == items[0]),
                _ => false,
            },
            Check::Values => self.flush_all || *reply == Value::Int(VALUES),
            Check::Moved => {
                let error = Value::Error("ERR no such key".into());
                [Value::Int(0), Value::Int(1), error].contains(reply)
            }
            Check::Counted(counter) => {
                self.acknowledged[*counter] += 1;
                matches!(reply, Value::Int(1..))
            }
        };
        match holds {
            true => Ok(()),
            false => Err(format!("{reply:?} breaks an invariant")),
        }
    }

    fn send(&mut self, random: &mut fastrand::Rng, client: &mut Client, pending: &mut Pending) {
        self.pipelines -= 1;
        let (commands, checks): (Vec<_>, Vec<_>) = self.pipeline(random).into_iter().unzip();
        client.send(&commands);
        pending.extend(checks);
    }
}

/// What a client does to all others.
fn quarrel(random: &mut fastrand::Rng) -> (Command, Check) {
    match random.u8(..4) {
        0 => (command(["CLIENT", "UNPAUSE"]), Check::Ok),
        1 => (command(["CLIENT", "KILL", "ID", &random.u8(1..60).to_string()]), Check::Any),
        _ => {
            let which = ["WRITE", "ALL"][random.usize(..2)];
            (command(["CLIENT", "PAUSE", &random.u8(..6).to_string(), which]), Check::Ok)
        }
    }
}

/// Sends one pipeline after the other until the load is done, over new connections where one broke.
fn storm(world: &mut World, clients: &mut [Client], load: &mut Load) -> Result<(), String> {
    let mut pending: Vec<Pending> = clients.iter().map(|_| Pending::new()).collect();
    while load.pipelines > 0 {
        for (client, pending) in clients.iter_mut().zip(&mut pending) {
            if client.is_ended() {
                *client = Client::connect(world);
                pending.clear();
            }
            if load.pipelines > 0 {
                load.send(&mut world.random, client, pending);
            }
        }
        let mut wrong = Ok(());
        settle(world, clients, |world, index, client, _| {
            for reply in client.replies.drain(..) {
                let check = pending[index].pop_front().expect("a reply has a command");
                wrong = wrong.clone().and(load.check(&check, &reply));
            }
            if client.owed == 0 && load.pipelines > 0 && world.random.u8(..) < 230 {
                load.send(&mut world.random, client, &mut pending[index]);
            } else if world.random.u8(..) < 2 {
                client.reset();
            }
        })?;
        wrong?;
    }
    Ok(())
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    const CLIENTS: usize = 10;
    let cores = [2, 4, 1, 4, 2, 3][seed as usize % 6];
    let rough = SimOptions { accept_error: 0, ..SimOptions::rough() };
    let options = match seed % 3 {
        0 => SimOptions { buffers: 2, ..rough },
        _ => SimOptions { accept_error: 0, ..SimOptions::hostile() },
    };
    let (flush_all, quarrel) = (seed % 4 == 1, seed % 5 > 2);
    let settings = settings(seed);
    let visits = settings.visits;
    let mut world = World::new(seed, cores, options, settings);
    world.pauses = quarrel;
    let mut first = [Client::connect(&mut world)];
    first[0].send(&[command(["SELECT", "1"]), command(["MSET", "r0", "x", "r1", "y", "r2", "z"])]);
    world.net.set_options(SimOptions::rough());
    settle(&mut world, &mut first, |_, _, _, _| {})?;
    let hostile = SimOptions { accept_error: 0, ..SimOptions::hostile() };
    world.net.set_options(if seed.is_multiple_of(3) { SimOptions::rough() } else { hostile });
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let mut load =
        Load { tag: 0, pipelines: 120, sent: [0; COUNTERS], acknowledged: [0; COUNTERS], flush_all, quarrel };
    storm(&mut world, &mut clients, &mut load)?;
    world.net.set_options(SimOptions::calm());
    rest(&mut world, &mut clients)?;
    finish(&mut world, &load)?;
    check_traffic(&mut world, &mut clients, visits)?;
    let live = clients.iter().chain(&first).filter(|client| !client.is_ended()).count() as u64;
    drop(clients);
    drop(first);
    rest(&mut world, &mut [])?;
    match world.connections() {
        0 => Ok(()),
        left => Err(format!("{left} connections are left of {live}")),
    }
}

/// That commands went from core to core in the ways they may: otherwise nothing was tested.
fn check_traffic(world: &mut World, clients: &mut [Client], visits: bool) -> Result<(), String> {
    // The cores publish their counters ten times a second.
    for _ in 0..2 * world.cores() {
        world.pass_time();
        rest(world, clients)?;
    }
    let [hopped, visited] = world.traffic();
    let idle = world.cores() > 1 && (hopped == 0 || visits && visited == 0);
    (!idle).then_some(()).ok_or_else(|| format!("{hopped} commands hopped and {visited} were done by visitors"))
}

/// What a new client finds when the storm is over.
fn finish(world: &mut World, load: &Load) -> Result<(), String> {
    let mut last = [Client::connect(world)];
    let counters: Vec<String> = (0..COUNTERS).map(|counter| format!("count{counter}")).collect();
    let counters = command(["MGET"].into_iter().chain(counters.iter().map(String::as_str)));
    let all = [command(["SELECT", "1"]), command(["DBSIZE"]), command(["KEYS", "*"]), counters];
    last[0].send(&all);
    settle(world, &mut last, |_, _, _, _| {})?;
    let replies: Vec<Value> = last[0].replies.drain(..).collect();
    let [Value::Simple(_), Value::Int(size), Value::Array(keys), Value::Array(counts)] = &replies[..] else {
        return Err(format!("{replies:?}"));
    };
    if *size != keys.len() as i64 {
        return Err(format!("DBSIZE says {size}, KEYS finds {}", keys.len()));
    }
    for (counter, count) in counts.iter().enumerate().filter(|_| !load.flush_all) {
        let count = match count {
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).parse().expect("a counter is a number"),
            _ => 0,
        };
        let (least, most) = (load.acknowledged[counter], load.sent[counter]);
        if !(least..=most).contains(&count) {
            return Err(format!("counter {counter} is {count}, with {least} acknowledged of {most} sent"));
        }
    }
    Ok(())
}

#[test]
fn invariants_hold_while_connections_break() {
    seeds::each("invariants_hold_while_connections_break", 250, run);
}
