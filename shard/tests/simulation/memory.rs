//! Clients that write more than the memory budget holds: what all cores use stays within it, nobody waits for ever, and the quotas of the
//! cores and the reserve are the budget at any moment.
#![allow(non_snake_case)]

use evict::policy::Policy;
use shard::memory::startup_bytes;
use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::log::check_all;
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Room for data.
const ROOM: u64 = 2_500_000;

const CLIENTS: usize = 5;

/// Different keys.
const KEYS: u32 = 3_000;

/// Greatest value.
const VALUE_MAX: usize = 3_000;

/// Greatest number of commands in a pipeline.
const PIPELINE_MAX: usize = 5;

/// What clients may have sent, in their buffers and on the way to another core: nobody can evict that.
const UNDER_WAY_MAX: usize = CLIENTS * PIPELINE_MAX * 2 * VALUE_MAX * 2;

const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

fn key(random: &mut fastrand::Rng) -> String {
    format!("key:{}", random.u32(..KEYS))
}

fn pipeline(random: &mut fastrand::Rng) -> Vec<Command> {
    let mut made = Vec::new();
    for _ in 0..random.usize(1..=PIPELINE_MAX) {
        let (first, second, value) = (key(random), key(random), "v".repeat(random.usize(1..VALUE_MAX)));
        match random.u8(..16) {
            0..7 => made.push(command(["SET", &first, &value])),
            7 => made.push(command(["SET", &first, &value, "EX", "1000"])),
            8..10 => made.push(command(["GET", &first])),
            10 => made.push(command(["DEL", &first, &second])),
            11..13 => made.push(command(["MSET", &first, &value, &second, &value])),
            13 => made.push(command(["APPEND", &first, "more"])),
            14 => {
                made.push(command(["MULTI"]));
                made.push(command(["SET", &first, &value]));
                made.push(command(["SET", &second, &value]));
                made.push(command(["EXEC"]));
            }
            _ => {
                let script = "return redis.call('SET', KEYS[1], ARGV[1])";
                made.push(command(["EVAL", script, "1", &first, &value]));
            }
        }
    }
    made
}

/// What went wrong, if anything did.
fn check(world: &mut World, maxmemory: u64) -> Result<(), String> {
    let Some((used, budget)) = world.memory() else { return Ok(()) };
    let most = maxmemory + maxmemory / 100 + UNDER_WAY_MAX as u64;
    if budget != maxmemory as i64 {
        return Err(format!("quotas and reserve are {budget}, not {maxmemory}"));
    }
    match used <= most {
        true => Ok(()),
        false => Err(format!("{used} bytes are used of {maxmemory}")),
    }
}

fn run(seed: u64) -> Result<(), String> {
    let policies: Vec<Policy> = Policy::all().collect();
    let policy = policies[seed as usize % policies.len()];
    let cores = [1, 4, 2, 3][seed as usize / policies.len() % 4];
    let fixed = startup_bytes(&Settings::default()) * u64::from(cores);
    let maxmemory = fixed + ROOM;
    let settings = Settings { maxmemory, maxmemory_policy: policy, ..settings(seed) };
    let mut world = World::new(seed, cores, SimOptions { accept_error: 0, ..SimOptions::rough() }, settings);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let (mut pipelines, mut refused, mut wrong) = (1_500, 0, Ok(()));
    let mut send = |world: &mut World, client: &mut Client| {
        pipelines -= 1;
        client.send(&pipeline(&mut world.random));
        pipelines > 0
    };
    let mut more = true;
    clients.iter_mut().for_each(|client| more &= send(&mut world, client));
    settle(&mut world, &mut clients, |world, _, client, _| {
        for reply in client.replies.drain(..) {
            if let Value::Error(text) = &reply {
                let known = text.starts_with(OOM) || text.starts_with("EXECABORT");
                refused += usize::from(known);
                if !known {
                    wrong = Err(format!("{reply:?}"));
                }
            }
        }
        wrong = wrong.clone().and_then(|()| check(world, maxmemory));
        if client.owed == 0 && more && wrong.is_ok() {
            more = send(world, client);
        }
    })?;
    wrong?;
    rest(&mut world, &mut clients)?;
    check(&mut world, maxmemory)?;
    let mut last = [Client::connect(&mut world)];
    last[0].send(&[command(["INFO", "stats"]), command(["DBSIZE"])]);
    settle(&mut world, &mut last, |_, _, _, _| {})?;
    let (Some(Value::Bulk(info)), Some(Value::Int(keys))) = (last[0].replies.pop_front(), last[0].replies.pop_front())
    else {
        return Err("INFO and DBSIZE answer".into());
    };
    let info = String::from_utf8_lossy(&info).into_owned();
    let evicted = info.lines().find_map(|line| line.strip_prefix("evicted_keys:")).ok_or("a counter of keys")?;
    let evicts = policy != Policy::NoEviction;
    if (evicted != "0") != evicts
        || (!evicts && refused == 0)
        || (policy.class() == Some(evict::policy::Class::All) && refused > 0)
    {
        return Err(format!("{}: {evicted} evicted, {refused} refused", policy.name()));
    }
    if keys == 0 {
        return Err("nothing is left".into());
    }
    rest(&mut world, &mut last)?;
    check_all(&world)
}

#[test]
fn FR_P2C_008_U010_memory_stays_within_the_budget_of_all_cores() {
    seeds::each("FR_P2C_008_U010_memory_stays_within_the_budget_of_all_cores", 44, run);
}
