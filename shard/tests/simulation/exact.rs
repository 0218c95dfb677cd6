//! One client at a time, of several on all cores: every reply is the model's.

use shard::ring::sim::SimOptions;
use shard::settings::{PipelineOrder, Settings};

use super::client::{Client, Command, command, rest, settle};
use super::model::Model;
use super::program;
use super::seeds;
use super::world::World;

/// Settings that differ from seed to seed where that changes how commands travel.
pub(crate) fn settings(seed: u64) -> Settings {
    Settings {
        visits: seed % 4 != 3,
        pipeline_order: if seed % 5 == 4 { PipelineOrder::Strict } else { PipelineOrder::Relaxed },
        ..Settings::default()
    }
}

/// A pipeline; with each command, whether `CLIENT REPLY` drops its reply.
fn pipeline(random: &mut fastrand::Rng, length: usize) -> Vec<(Command, bool)> {
    let mut made = Vec::new();
    while made.len() < length {
        match random.u8(..60) {
            0 => {
                made.push((command(["CLIENT", "REPLY", "SKIP"]), true));
                made.push((program::any(random), true));
            }
            1 => {
                made.push((command(["CLIENT", "REPLY", "OFF"]), true));
                made.extend((0..random.usize(..8)).map(|_| (program::any(random), true)));
                made.push((command(["CLIENT", "REPLY", "ON"]), false));
            }
            _ => made.push((program::any(random), false)),
        }
    }
    // The last reply says that everything is done.
    made.push((command(["PING"]), false));
    made
}

/// Compares a pipeline's replies with the model's.
fn compare(model: &mut Model, index: usize, sent: &[(Command, bool)], client: &mut Client) -> Result<(), String> {
    for (command, muted) in sent {
        let expected = model.apply(index, command);
        if *muted {
            continue;
        }
        let reply = client.replies.pop_front().ok_or("a reply is missing")?;
        if !expected.accepts(&reply) {
            let words: Vec<_> = command.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
            return Err(format!("client {index}: {words:?} was answered {reply:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn run(seed: u64) -> Result<(), String> {
    const CLIENTS: usize = 4;
    const PIPELINES: usize = 30;
    let cores = [1, 2, 4][seed as usize % 3];
    let options = if seed.is_multiple_of(2) { SimOptions::rough() } else { SimOptions::calm() };
    let mut world = World::new(seed, cores, options, settings(seed));
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let mut model = Model::new(CLIENTS);
    for _ in 0..PIPELINES {
        let index = world.random.usize(..CLIENTS);
        let length = if world.random.u8(..) < 4 { 600 } else { world.random.usize(1..25) };
        let sent = pipeline(&mut world.random, length);
        let commands: Vec<Command> = sent.iter().map(|(command, _)| command.clone()).collect();
        clients[index].send(&commands);
        clients[index].owed -= sent.iter().filter(|(_, muted)| *muted).count();
        settle(&mut world, &mut clients, |_, _, _, _| {})?;
        compare(&mut model, index, &sent, &mut clients[index])?;
    }
    rest(&mut world, &mut clients)
}

#[test]
fn one_client_at_a_time_gets_the_models_replies() {
    seeds::each("one_client_at_a_time_gets_the_models_replies", 400, run);
}
