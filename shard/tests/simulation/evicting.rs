//! Clients that together use more memory than they may: the largest are closed, on whatever core they are, until it is enough; small
//! ones stay, and so do those that are exempt.
//!
//! Whenever the cores sleep the bound holds, and nobody had to be asked for it: a core whose own clients are small wakes the one that
//! has the largest.

use std::ops::ControlFlow;

use evict::clients::ClientsLimit;
use shard::ring::ListenerId;
use shard::ring::sim::{SimClient, SimOptions};
use shard::settings::Settings;

use super::client::{command, encode};
use super::seeds;
use super::world::{Step, World};

/// What all clients may use.
const LIMIT: u64 = 256 << 10;

/// Clients that use almost nothing.
const SMALL: usize = 10;

/// Clients that take what they can.
const LARGE: usize = 12;

/// Bytes of one argument, at most.
const ARG_MAX: usize = 60_000;

/// One connection, whose replies may be left unread.
struct Far {
    end: SimClient,
    reads: bool,
}

impl Far {
    fn connect(world: &mut World, reads: bool) -> Far {
        let core = world.random.u16(..world.cores());
        Far { end: world.net.connect(core, ListenerId(0)), reads }
    }

    fn send<T: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = T>) {
        let mut bytes = Vec::new();
        encode(&command(words), &mut bytes);
        self.end.write(&bytes);
    }

    /// Makes the server hold more for it.
    fn grow(&self, random: &mut fastrand::Rng, number: usize) {
        let long = "x".repeat(random.usize(..ARG_MAX));
        match random.u8(..8) {
            0 => self.send(["ECHO", &long]),
            1 => self.end.write(format!("*2\r\n$4\r\nECHO\r\n${ARG_MAX}\r\n{long}").as_bytes()),
            2 => {
                self.send(["MULTI"]);
                (0..random.usize(..6)).for_each(|_| self.send(["SET", &format!("k{number}"), &long]));
            }
            3 => self.send(["SUBSCRIBE", &long, &format!("{long}y")]),
            4 => self.send(["WATCH", &long, "k"]),
            5 => self.send(["BLPOP", &long, &format!("{number}{long}"), "0"]),
            6 => (0..8).for_each(|_| self.send(["MGET", "k1", "k2", "k3", "k4"])),
            _ => self.send(["EVAL", "return redis.call('echo', ARGV[1])", "0", &long]),
        }
    }
}

/// Lets the cores work until they sleep, and no timer helps.
fn settle(world: &mut World, clients: &[Far]) -> Result<(), String> {
    for _ in 0..300_000 {
        let quiet = world.step() == Step::Quiet;
        clients.iter().filter(|far| far.reads).for_each(|far| drop(far.end.read()));
        if quiet && world.step() == Step::Quiet {
            return Ok(());
        }
    }
    Err("the cores come to no rest".into())
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    let options = if seed.is_multiple_of(2) { SimOptions::calm() } else { SimOptions::rough() };
    let options = SimOptions { accept_error: 0, reset: 0, window_bytes: 2048, ..options };
    let settings = Settings { maxmemory_clients: ClientsLimit::Bytes(LIMIT), ..Settings::default() };
    let mut world = World::new(seed, cores, options, settings);
    let mut clients: Vec<Far> = (0..SMALL).map(|_| Far::connect(&mut world, true)).collect();
    clients.iter().for_each(|small| small.send(["PING"]));
    let exempt = Far::connect(&mut world, false);
    exempt.send(["CLIENT", "NO-EVICT", "on"]);
    settle(&mut world, &clients)?;
    exempt.send(["ECHO", &"x".repeat(2 * LIMIT as usize)]);
    let mut closed = 0;
    for round in 0..6 {
        while clients.len() < SMALL + LARGE {
            let reads = world.random.bool();
            clients.push(Far::connect(&mut world, reads));
        }
        for (number, large) in clients.iter().enumerate().skip(SMALL) {
            large.grow(&mut world.random, number);
            // Now and then before the others have moved.
            let steps = world.random.usize(..30);
            let _ = (0..steps).try_for_each(|_| match world.step() {
                Step::Went => ControlFlow::Continue(()),
                Step::Quiet => ControlFlow::Break(()),
            });
        }
        settle(&mut world, &clients)?;
        let used = world.closable_client_bytes();
        if used > LIMIT {
            return Err(format!("round {round}: {used} bytes are used"));
        }
        if let Some(number) = clients[..SMALL].iter().position(|small| small.end.is_ended()) {
            return Err(format!("round {round}: small client {number} was closed"));
        }
        if exempt.end.is_ended() {
            return Err(format!("round {round}: an exempt client was closed"));
        }
        let before = clients.len();
        clients.retain(|far| !far.end.is_ended());
        closed += before - clients.len();
    }
    match closed {
        0 => Err("nobody was closed".into()),
        _ => Ok(()),
    }
}

#[test]
#[allow(non_snake_case)]
fn FR_P2C_008_U012_the_largest_clients_are_closed_until_it_is_enough() {
    seeds::each("FR_P2C_008_U012_the_largest_clients_are_closed_until_it_is_enough", 120, run);
}
