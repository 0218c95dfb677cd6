//! A wall clock that is set forward and back: what is due then is gone at once, what is gone stays gone, and a core's time never goes back.
//!
//! What a core takes for the time lies between the wall clock now and the latest that it ever showed, which a core that slept may have
//! missed. So every key has a first and a last moment at which it may go, and what is left of it lies between two bounds.

use shard::ring::sim::SimOptions;

use super::client::{Client, command, rest, settle};
use super::exact::settings;
use super::resp::Value;
use super::seeds;
use super::world::World;

const KEYS: usize = 12;
const STEPS: usize = 80;
/// Longest life of a key, and the greatest step of the clock, in milliseconds.
const LIFE_MAX: i64 = 4_000;

/// A key that was set and not seen to be gone: the bounds of its deadline, and what was left of it when it was last looked at.
#[derive(Clone, Copy)]
struct Timed {
    first: i64,
    last: i64,
    left: i64,
}

struct Play {
    world: World,
    clients: Vec<Client>,
    keys: [Option<Timed>; KEYS],
    /// The latest time that the wall clock has shown.
    latest: i64,
}

impl Play {
    /// The wall clock, in milliseconds.
    fn wall(&mut self) -> i64 {
        let wall = (self.world.net.now().wall_us / 1000) as i64;
        self.latest = self.latest.max(wall);
        wall
    }

    /// Asks, and returns the reply with the wall clock as it was before.
    fn ask(&mut self, words: &[&str]) -> Result<(i64, Value), String> {
        let before = self.wall();
        let client = self.world.random.usize(..self.clients.len());
        self.clients[client].send(&[command(words)]);
        settle(&mut self.world, &mut self.clients, |_, _, _, _| {})?;
        self.wall();
        let reply = self.clients[client].replies.pop_front().ok_or("no reply")?;
        Ok((before, reply))
    }

    fn set(&mut self, key: usize) -> Result<(), String> {
        let life = self.world.random.i64(1..LIFE_MAX);
        let (before, reply) = self.ask(&["SET", &format!("key:{key}"), "v", "PX", &life.to_string()])?;
        if reply != Value::Simple("OK".into()) {
            return Err(format!("{reply:?}"));
        }
        self.keys[key] = Some(Timed { first: before + life, last: self.latest + life, left: i64::MAX });
        Ok(())
    }

    /// Looks at a key, and judges what is told of it.
    fn look(&mut self, key: usize) -> Result<(), String> {
        let (before, reply) = self.ask(&["PTTL", &format!("key:{key}")])?;
        let Value::Int(left) = reply else { return Err(format!("{reply:?}")) };
        let latest = self.latest;
        match self.keys[key] {
            None if left == -2 => Ok(()),
            None => Err(format!("key {key} is back with {left} ms")),
            Some(timed) if left == -2 && latest > timed.first => {
                self.keys[key] = None;
                Ok(())
            }
            Some(timed) if left == -2 => Err(format!("key {key} is gone {} ms early", timed.first - latest)),
            Some(timed) => {
                let (least, most) = ((timed.first - latest).max(0), (timed.last - before).min(timed.left));
                self.keys[key] = Some(Timed { left, ..timed });
                let fits = (least..=most).contains(&left);
                fits.then_some(()).ok_or_else(|| format!("key {key} has {left} ms left, not {least} to {most}"))
            }
        }
    }
}

fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    let options = if seed.is_multiple_of(2) { SimOptions::calm() } else { SimOptions::rough() };
    let mut world = World::new(seed, cores, SimOptions { accept_error: 0, ..options }, settings(seed));
    let clients = (0..3).map(|_| Client::connect(&mut world)).collect();
    let mut play = Play { world, clients, keys: [None; KEYS], latest: 0 };
    for _ in 0..STEPS {
        let key = play.world.random.usize(..KEYS);
        match play.world.random.u8(..8) {
            0..3 => play.set(key)?,
            3 => {
                let by = play.world.random.i64(-LIFE_MAX..LIFE_MAX);
                play.wall();
                play.world.net.set_wall(by * 1000);
                play.wall();
            }
            4 => {
                let by = play.world.random.u64(..500_000);
                play.world.net.advance(by);
                play.world.pass_time();
            }
            _ => play.look(key)?,
        }
    }
    // Nobody asks for them: the cycle finds what a step forward made due.
    play.wall();
    let ahead = play.latest - play.wall() + 3 * LIFE_MAX;
    play.world.net.set_wall(ahead * 1000);
    for _ in 0..400 {
        let mut clients = std::mem::take(&mut play.clients);
        rest(&mut play.world, &mut clients)?;
        play.clients = clients;
        play.world.pass_time();
    }
    let (_, left) = play.ask(&["DBSIZE"])?;
    (left == Value::Int(0)).then_some(()).ok_or_else(|| format!("{left:?} keys stay"))
}

#[test]
#[allow(non_snake_case)]
fn FR_P2C_008_U002_a_wall_clock_that_is_set() {
    seeds::each("FR_P2C_008_U002_a_wall_clock_that_is_set", 90, run);
}
