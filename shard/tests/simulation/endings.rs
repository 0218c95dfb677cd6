//! Clients that stop sending or go: what they are owed still reaches them, and what they asked for keeps its place among the clients.

use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::loans::keys_of;
use super::program;
use super::resp::Value;
use super::seeds;
use super::world::{Step, World};

/// Pipelines whose last byte is followed by the end of the stream, on few and slow buffers, longer than one batch now and then.
pub(super) fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    let options = SimOptions { accept_error: 0, ..SimOptions::rough() };
    let mut world = World::new(seed, cores, options, settings(seed));
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(&mut world)).collect();
    for client in &mut clients {
        let length = if world.random.u8(..) < 32 { 700 } else { world.random.usize(1..30) };
        let mut sent: Vec<_> = (0..length).map(|_| program::any(&mut world.random)).collect();
        // What all cores are asked, and what the connection itself answers.
        sent.push(command(["SCAN", "0"]));
        sent.push(command(["PING"]));
        client.send(&sent);
        client.finish();
    }
    settle(&mut world, &mut clients, |_, _, _, _| {})?;
    rest(&mut world, &mut clients)?;
    for (index, client) in clients.iter_mut().enumerate() {
        client.poll()?;
        if client.owed > 0 || !client.is_ended() {
            return Err(format!("client {index} is owed {} replies, closed: {}", client.owed, client.is_ended()));
        }
    }
    match world.connections() {
        0 => Ok(()),
        left => Err(format!("{left} connections are left")),
    }
}

#[test]
fn a_half_closed_client_is_answered_and_then_closed() {
    seeds::each("a_half_closed_client_is_answered_and_then_closed", 100, run);
}

/// Clients that send something for a core that takes no turns, and go: at `maxclients` of them others are refused, and once the core
/// goes on everything is done.
fn coming_and_going(seed: u64) -> Result<(), String> {
    const CLIENTS: u32 = 20;
    let settings = Settings { maxclients: CLIENTS, ..Settings::default() };
    let mut world = World::new(seed, 2, SimOptions::calm(), settings);
    world.stopped = Some(1);
    let (here, there) = (&keys_of(0, 1)[0], &keys_of(1, 1)[0]);
    let commands: [Command; 4] =
        [command(["INCR", there]), command(["MGET", here, there]), command(["SCAN", "0"]), command(["CLIENT", "LIST"])];
    let mut refused = 0;
    for number in 0..5 * CLIENTS as usize {
        let mut client = Client::connect_at(&world, 0);
        client.send(&[commands[number % commands.len()].clone()]);
        while world.step() == Step::Went {}
        client.poll()?;
        refused += usize::from(client.replies.pop_front().is_some_and(|reply| matches!(reply, Value::Error(_))));
        client.reset();
        while world.step() == Step::Went {}
    }
    if refused == 0 || world.abandoned() > u64::from(CLIENTS) {
        return Err(format!("{refused} were refused with {} commands of clients that are gone", world.abandoned()));
    }
    world.stopped = None;
    rest(&mut world, &mut [])?;
    match (world.connections(), world.abandoned()) {
        (0, 0) => {}
        left => return Err(format!("{left:?} connections and commands are left")),
    }
    let mut last = [Client::connect_at(&world, 0)];
    last[0].send(&[command(["GET", there])]);
    settle(&mut world, &mut last, |_, _, _, _| {})?;
    match last[0].replies.pop_front() {
        Some(Value::Bulk(_)) => Ok(()),
        other => Err(format!("a client that comes later reads {other:?}")),
    }
}

#[test]
fn commands_of_clients_that_are_gone_count_as_clients() {
    seeds::each("commands_of_clients_that_are_gone_count_as_clients", 20, coming_and_going);
}
