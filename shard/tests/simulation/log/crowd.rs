//! Clients at once on one core and on several, over a network that breaks: what the cores have recorded is each change once, in order, with
//! whole units, and gives the same data.

use std::collections::BTreeSet;

use shard::ring::sim::SimOptions;

use super::super::client::{Client, Command, command, rest, settle};
use super::super::exact::settings;
use super::super::seeds;
use super::super::world::World;
use super::check;
use super::random::{Known, any};
use super::reader::Reader;

/// Pipelines per seed.
const PIPELINES: usize = 250;

/// A pipeline of commands of all families; now and then one that waits for long, or wakes who does.
fn pipeline(world: &mut World) -> Vec<Command> {
    let known = Known { now: (world.net.now().wall_us / 1000) as i64, payload: b"none".to_vec() };
    let random = &mut world.random;
    let mut commands: Vec<Command> = (0..random.usize(1..8)).map(|_| any(random, &known)).collect();
    match random.u8(..6) {
        0 => commands.push(command(["BLPOP", "w", "a", "x", "0.2"])),
        1 => commands.push(command(["BLMOVE", "w", "x", "LEFT", "RIGHT", "0.2"])),
        2 => commands.push(command(["RPUSH", "w", "1", "2", "3"])),
        3 => commands.extend([
            command(["MULTI"]),
            command(["RPUSH", "w", "4"]),
            command(["INCR", "n"]),
            command(["EXEC"]),
        ]),
        4 => commands.push(command(["XREADGROUP", "GROUP", "g", "c", "BLOCK", "100", "STREAMS", "s", "t", ">", ">"])),
        _ => commands.push(command(["XADD", "s", "*", "a", "1"])),
    }
    commands
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    const CLIENTS: usize = 6;
    let cores = [4, 1, 2, 3][seed as usize % 4];
    let mut world = World::new(seed, cores, SimOptions::calm(), settings(seed));
    world.pauses = true;
    let hostile = SimOptions { accept_error: 0, ..SimOptions::hostile() };
    world.net.set_options(if seed.is_multiple_of(3) { SimOptions::calm() } else { hostile });
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let mut left = PIPELINES;
    while left > 0 {
        for client in &mut clients {
            if client.is_ended() {
                *client = Client::connect(&mut world);
            }
            if client.owed == 0 {
                client.send(&pipeline(&mut world));
            }
        }
        settle(&mut world, &mut clients, |world, _, client, _| {
            client.replies.clear();
            if world.random.u8(..) == 0 {
                return client.reset();
            }
            if world.random.u8(..4) == 0 {
                world.net.advance(world.random.u64(..3_000));
            }
            if client.owed == 0 && left > 0 {
                left -= 1;
                client.send(&pipeline(world));
            }
        })?;
    }
    world.net.set_options(SimOptions::calm());
    drop(clients);
    rest(&mut world, &mut [])?;
    // Who still waits for an element was cut off.
    world.pass_time();
    rest(&mut world, &mut [])?;
    let mut reader = Reader::new(cores);
    reader.read(&world)?;
    check(&world, &reader)?;
    // Otherwise nothing was tested.
    let units: BTreeSet<u64> = reader.records.iter().map(|record| record.header.unit).collect();
    let shared = reader.records.iter().any(|record| record.header.logs > 1);
    let enough = reader.records.len() > 200 && units.len() > 20 && (shared || cores == 1);
    enough.then_some(()).ok_or_else(|| format!("{} records, {} units", reader.records.len(), units.len()))
}

#[test]
fn FR_P2C_008_U012_clients_at_once_leave_a_log_that_gives_the_same_data() {
    seeds::each("FR_P2C_008_U012_clients_at_once_leave_a_log_that_gives_the_same_data", 40, run);
}
