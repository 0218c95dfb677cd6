//! Slots on loan and what meets them: hops that wait for one slot, units whose own core lent everything, scans.

use keyspace::slot::Slot;
use shard::mesh::CoreId;
use shard::ring::sim::SimOptions;
use shard::route::SlotMap;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Cores of every world here: more would only make it rarer that two get into each other's way.
const CORES: u16 = 2;

/// Clients of every world here, the same number on each core.
const CLIENTS: usize = 6;

/// Pipelines that each client sends.
const ROUNDS: usize = 30;

/// The first `count` keys of one core, each with a slot of its own.
pub(crate) fn keys_of(core: u16, count: usize) -> Vec<String> {
    let map = SlotMap::striped(CORES);
    let mut slots = Vec::new();
    let of_core = (0..).map(|n| format!("key:{n}")).filter(|key| {
        let slot = Slot::of(key.as_bytes());
        let new = map.owner(slot) == CoreId(core) && !slots.contains(&slot);
        slots.extend(new.then_some(slot));
        new
    });
    of_core.take(count).collect()
}

fn with_keys(name: &str, keys: &[String]) -> Command {
    command(std::iter::once(name).chain(keys.iter().map(String::as_str)))
}

/// Writes `value` to all keys.
fn write_all(keys: &[String], value: &str) -> Command {
    command(std::iter::once("MSET").chain(keys.iter().flat_map(|key| [key.as_str(), value])))
}

/// A world where wake-ups are all that cores wait for, and its clients.
fn world(seed: u64, settings: Settings) -> (World, Vec<Client>) {
    let mut world =
        World::new(seed, CORES, SimOptions { delay_us_max: 20, turn_us_max: 20, ..SimOptions::calm() }, settings);
    let clients = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    (world, clients)
}

/// Sends commands and waits for the last reply.
fn ask(world: &mut World, client: &mut [Client; 1], commands: &[Command]) -> Result<Vec<Value>, String> {
    client[0].send(commands);
    settle(world, client, |_, _, _, _| {})?;
    Ok(client[0].replies.drain(..).collect())
}

/// Lets all clients send pipelines made by `pipeline`, each after the last is answered, and has `heard` judge the replies.
fn load(
    world: &mut World,
    clients: &mut [Client],
    pipeline: impl Fn(usize) -> Vec<Command>,
    mut heard: impl FnMut(usize, Value) -> Result<(), String>,
) -> Result<(), String> {
    let mut left = [ROUNDS; CLIENTS];
    clients.iter_mut().enumerate().for_each(|(index, client)| client.send(&pipeline(index)));
    let mut wrong = Ok(());
    settle(world, clients, |_, index, client, _| {
        for reply in client.replies.drain(..) {
            wrong = wrong.clone().and_then(|()| heard(index, reply));
        }
        if client.owed == 0 && left[index] > 1 {
            left[index] -= 1;
            client.send(&pipeline(index));
        }
    })?;
    wrong?;
    rest(world, clients)
}

/// Hops wait for a slot that is lent to one unit after the other. What is handed out has its turn although others claim the slot:
/// otherwise each would be put behind the others for ever.
fn hops_behind_a_slot(seed: u64) -> Result<(), String> {
    let (mut world, mut clients) = world(seed, Settings { visits: seed.is_multiple_of(2), ..Settings::default() });
    let keys: Vec<String> = [keys_of(0, 1), keys_of(1, 1)].concat();
    let pipeline = |index: usize| match index < 2 {
        true => vec![with_keys("EXISTS", &keys); 3],
        false => (0..6).map(|n| command(["INCR", &keys[n % 2]])).collect(),
    };
    load(&mut world, &mut clients, pipeline, |_, _| Ok(()))?;
    let mut last = [Client::connect(&mut world)];
    let replies = ask(&mut world, &mut last, &[with_keys("MGET", &keys)])?;
    let each = Value::bulk(((CLIENTS - 2) * ROUNDS * 3).to_string());
    (replies == [Value::Array(vec![each.clone(), each])]).then_some(()).ok_or_else(|| format!("{replies:?}"))
}

#[test]
fn hops_behind_a_slot_that_is_lent_again_and_again_are_carried_out() {
    seeds::each("hops_behind_a_slot_that_is_lent_again_and_again_are_carried_out", 40, hops_behind_a_slot);
}

/// A unit needs nothing of its own core, which has lent everything to an exchange of databases. It waits: on the stand-in it would
/// not see the exchange. One client exchanges, then writes the number of its exchange to database 0. So database 1 has that number
/// once the next exchange was sent, and not before.
fn exchanges_of_databases(seed: u64) -> Result<(), String> {
    let (mut world, mut clients) = world(seed, Settings::default());
    let pair = keys_of(1 - seed as u16 % CORES, 2);
    let exchanges = std::cell::Cell::new(0);
    let pipeline = |index: usize| match index {
        0 => {
            exchanges.set(exchanges.get() + 1);
            vec![command(["SWAPDB", "0", "1"]), write_all(&pair, &exchanges.get().to_string())]
        }
        _ => vec![command(["SELECT", "1"]), with_keys("MGET", &pair)],
    };
    load(&mut world, &mut clients, pipeline, |_, reply| {
        let Value::Array(values) = &reply else { return Ok(()) };
        let Value::Bulk(number) = &values[0] else { return Ok(()) };
        let number: u64 = String::from_utf8_lossy(number).parse().expect("a number was written");
        let right = values[0] == values[1] && number < exchanges.get();
        right.then_some(()).ok_or_else(|| format!("{} exchanges were sent, a client reads {reply:?}", exchanges.get()))
    })
}

#[test]
fn a_unit_waits_while_its_own_core_has_lent_everything() {
    seeds::each("a_unit_waits_while_its_own_core_has_lent_everything", 150, exchanges_of_databases);
}

/// Slots on loan are not in their owner's tables: a scan waits until they are back, and skips no key.
fn scans(seed: u64) -> Result<(), String> {
    let (mut world, mut clients) = world(seed, Settings { visits: seed.is_multiple_of(2), ..Settings::default() });
    let keys = [keys_of(0, 5), keys_of(1, 5)].concat();
    let mut first = [Client::connect(&mut world)];
    ask(&mut world, &mut first, &[write_all(&keys, "value")])?;
    let scans = |index: usize| index.is_multiple_of(3);
    let pipeline = |index: usize| match scans(index) {
        true => vec![command(["SCAN", "0", "COUNT", "100000"])],
        false => vec![with_keys("TOUCH", &keys); 4],
    };
    load(&mut world, &mut clients, pipeline, |index, reply| match &reply {
        Value::Array(parts) if scans(index) => {
            let found = if let [_, Value::Array(found)] = &parts[..] { found.len() } else { 0 };
            (found == keys.len()).then_some(()).ok_or_else(|| format!("a scan found {found} keys: {reply:?}"))
        }
        _ => (reply == Value::Int(keys.len() as i64)).then_some(()).ok_or_else(|| format!("{reply:?}")),
    })
}

#[test]
fn a_scan_misses_no_key_whose_slot_is_on_loan() {
    seeds::each("a_scan_misses_no_key_whose_slot_is_on_loan", 40, scans);
}
