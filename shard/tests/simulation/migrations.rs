//! Keys that are sent to another server while clients write to them and read them in every way: by hops, visits, units, transactions, scripts,
//! blocking commands, with deadlines, and with clients that break off.
//!
//! Each key counts: INCR adds one. What arrived at the other server and what is still here is as much as was added: nothing was written
//! between a copy and the deletion that follows it, and nothing is deleted that did not arrive.

use std::collections::BTreeMap;

use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Clients at a time.
const CLIENTS: usize = 8;

/// Pipelines that each client sends.
const ROUNDS: usize = 20;

/// Keys, some of which share a slot.
const KEYS: [&str; 8] = ["a", "b", "{a}2", "c", "d", "{b}2", "e", "{a}3"];

fn key(random: &mut fastrand::Rng) -> &'static str {
    KEYS[random.usize(..KEYS.len())]
}

/// Some keys, none twice.
fn some_keys(random: &mut fastrand::Rng) -> Vec<&'static str> {
    let mut keys = KEYS.to_vec();
    random.shuffle(&mut keys);
    keys.truncate(random.usize(1..4));
    keys
}

fn with_keys(words: &[&str], keys: &[&str]) -> Command {
    command(words.iter().chain(keys))
}

fn migrate(keys: &[&str]) -> Command {
    with_keys(&["MIGRATE", "host", "1", "", "0", "100", "KEYS"], keys)
}

/// What a client sends next: commands and how much they add, if they are carried out.
fn pipeline(random: &mut fastrand::Rng) -> Vec<(Command, u64)> {
    let counts = |keys: &[&str]| keys.len() as u64;
    let script = "local n = 0 for _, key in ipairs(KEYS) do n = redis.call('incr', key) end return n";
    let one = |random: &mut fastrand::Rng| {
        let keys = some_keys(random);
        match random.u8(..16) {
            0..3 => (migrate(&keys), 0),
            3 => (command(["MIGRATE", "host", "1", key(random), "0", "100"]), 0),
            4 => (with_keys(&["EXISTS"], &keys), 0),
            5 => (with_keys(&["MGET"], &keys), 0),
            6 => (command(["DBSIZE"]), 0),
            7 => (command(["SCAN", "0"]), 0),
            8 => {
                let count = keys.len().to_string();
                (with_keys(&["EVAL", script, &count], &keys), counts(&keys))
            }
            9 => (command(["BLPOP", key(random), "none", "0.001"]), 0),
            10 => {
                let count = keys.len().to_string();
                (with_keys(&["EVAL_RO", "return redis.call('exists', KEYS[1])", &count], &keys), 0)
            }
            11 => (with_keys(&["TOUCH"], &keys), 0),
            _ => (command(["INCR", key(random)]), 1),
        }
    };
    if random.u8(..6) > 0 {
        return (0..random.usize(1..6)).map(|_| one(random)).collect();
    }
    let mut commands = vec![(command(["MULTI"]), 0)];
    for _ in 0..random.usize(1..4) {
        let keys = some_keys(random);
        commands.push(match random.u8(..4) {
            0 => (migrate(&keys), 0),
            1 => (with_keys(&["MGET"], &keys), 0),
            _ => (command(["INCR", keys[0]]), 0),
        });
    }
    // Its replies tell what it added.
    commands.push((command(["EXEC"]), 0));
    commands
}

/// How many of the numbers that a transaction or a script replied came from INCR.
fn added(reply: &Value, plain: u64) -> u64 {
    match reply {
        Value::Array(replies) if plain == 0 => {
            replies.iter().filter(|reply| matches!(reply, Value::Int(_))).count() as u64
        }
        Value::Int(_) => plain,
        _ => 0,
    }
}

/// The clients, and what is known of their commands.
struct Play {
    world: World,
    clients: Vec<Client>,
    /// What the commands under way add, in order, by client.
    sent: Vec<std::collections::VecDeque<(Command, u64)>>,
    left: [usize; CLIENTS],
    /// What was added for certain, and what clients that broke off may have added beyond that.
    added: u64,
    perhaps: u64,
}

impl Play {
    fn begin(seed: u64) -> Play {
        let options = SimOptions { delay_us_max: 20, turn_us_max: 20, ..SimOptions::calm() };
        let settings = Settings { visits: seed.is_multiple_of(2), ..Settings::default() };
        let mut world = World::new(seed, 1 + (seed % 4) as u16, options, settings);
        let clients = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
        Play { world, clients, sent: vec![Default::default(); CLIENTS], left: [ROUNDS; CLIENTS], added: 0, perhaps: 0 }
    }

    fn run(&mut self) -> Result<(), String> {
        let Play { world, clients, sent, left, added: total, perhaps } = self;
        for (client, sent) in clients.iter_mut().zip(sent.iter_mut()) {
            send(&mut world.random, client, sent);
        }
        world.pauses = true;
        settle(world, clients, |world, index, client, _| {
            for reply in client.replies.drain(..) {
                let (command, plain) = sent[index].pop_front().expect("a reply belongs to a command");
                let is_exec = command[0] == b"EXEC";
                *total += if is_exec || plain > 0 { added(&reply, plain) } else { 0 };
            }
            if client.owed > 0 || left[index] == 0 {
                return;
            }
            left[index] -= 1;
            send(&mut world.random, client, &mut sent[index]);
            if world.random.u8(..) < 20 {
                // What it has sent may be carried out or not.
                let of_exec = |command: &Command| u64::from(command[0] == b"INCR");
                *perhaps += sent[index].drain(..).map(|(command, plain)| plain.max(of_exec(&command))).sum::<u64>();
                client.reset();
                *client = Client::connect(world);
            }
        })?;
        rest(world, clients)
    }

    /// What is here and what arrived.
    fn check(mut self) -> Result<(), String> {
        let mut last = [Client::connect(&mut self.world)];
        let arrived = std::mem::take(&mut self.world.service.arrived);
        let mut commands = vec![with_keys(&["MGET"], &KEYS)];
        for (number, parts) in arrived.iter().enumerate() {
            let name = format!("arrived:{number}");
            let parts = parts.args();
            commands.push(vec![b"RESTORE".to_vec(), name.clone().into(), parts.at(1).to_vec(), parts.at(2).to_vec()]);
            commands.push(command(["GET", &name]));
        }
        last[0].send(&commands);
        settle(&mut self.world, &mut last, |_, _, _, _| {})?;
        let number = |value: &Value| match value {
            Value::Bulk(text) => String::from_utf8_lossy(text).parse::<u64>().map_err(|_| format!("{value:?}")),
            _ => Ok(0),
        };
        let mut found = 0;
        for reply in last[0].replies.drain(..) {
            match &reply {
                Value::Array(values) => found += values.iter().map(number).sum::<Result<u64, String>>()?,
                value => found += number(value)?,
            }
        }
        let range = self.added..=self.added + self.perhaps;
        if !range.contains(&found) {
            return Err(format!("{found} are here or have arrived, of {range:?} that were added"));
        }
        drop(self.clients);
        Ok(())
    }
}

fn send(random: &mut fastrand::Rng, client: &mut Client, sent: &mut std::collections::VecDeque<(Command, u64)>) {
    let pipeline = pipeline(random);
    let commands: Vec<Command> = pipeline.iter().map(|(command, _)| command.clone()).collect();
    sent.extend(pipeline);
    client.send(&commands);
}

fn plays(seed: u64) -> Result<(), String> {
    let mut play = Play::begin(seed);
    play.run()?;
    play.check()
}

#[test]
fn what_is_sent_is_neither_lost_nor_doubled() {
    seeds::each("what_is_sent_is_neither_lost_nor_doubled", 200, plays);
}

/// Who needs everything has its turn although somebody sends keys all the time.
fn flushes(seed: u64) -> Result<(), String> {
    let options = SimOptions { delay_us_max: 20, turn_us_max: 20, ..SimOptions::calm() };
    let mut world = World::new(seed, 1 + (seed % 4) as u16, options, Settings::default());
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let sends = |client: &mut Client, key: &str| client.send(&[command(["SET", key, "1"]), migrate(&[key])]);
    for (client, key) in clients.iter_mut().zip(KEYS).skip(1) {
        sends(client, key);
    }
    clients[0].send(&[command(["FLUSHALL"])]);
    // Each goes on sending until the flush is over.
    let (mut flushed, mut others) = (false, BTreeMap::new());
    settle(&mut world, &mut clients, |_, index, client, _| {
        client.replies.clear();
        flushed |= index == 0;
        let rounds: &mut u32 = others.entry(index).or_default();
        if index > 0 && client.owed == 0 && !flushed && *rounds < 2_000 {
            *rounds += 1;
            sends(client, KEYS[index]);
        }
    })?;
    let most = others.values().max().copied().unwrap_or_default();
    (most < 200).then_some(()).ok_or_else(|| format!("the flush waited for {most} rounds of others"))
}

#[test]
fn who_needs_everything_has_its_turn_among_senders() {
    seeds::each("who_needs_everything_has_its_turn_among_senders", 40, flushes);
}
