//! Clients that stop sending: what they are owed still reaches them, and only then they are closed.

use shard::ring::sim::SimOptions;

use super::client::{Client, command, rest, settle};
use super::exact::settings;
use super::program;
use super::seeds;
use super::world::World;

/// Pipelines whose last byte is followed by the end of the stream, on few and slow buffers, longer than one batch now and then.
fn run(seed: u64) -> Result<(), String> {
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
