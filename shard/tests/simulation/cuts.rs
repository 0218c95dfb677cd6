//! One core may keep so many bytes of messages for another. Above that they are dropped, and whoever misses one is ended: in silence
//! nobody misses anything.
//!
//! The room is made small, and one script makes more events than it holds before any can be posted. They leave the core of the client
//! that runs it. If that is not the channel's core, what is dropped was to be ordered there, for clients of all cores; otherwise it
//! was for the clients of the other core.

use keyspace::signals::EventClasses;
use keyspace::slot::Slot;
use shard::mesh::CoreId;
use shard::ring::sim::SimOptions;
use shard::route::SlotMap;
use shard::settings::Settings;

use super::pubsub::{Client, ask};
use super::resp::Value;
use super::seeds;
use super::world::{Step, World};

/// Where it is heard.
const CHANNEL: &str = "__keyevent@0__:set";

/// Bytes of messages that one core keeps for another.
const ROOM: usize = 4 << 10;

/// Bytes of the key, which is in each event.
const KEY: usize = 200;

/// Events of one script: with their keys alone they pass the room five times.
const EVENTS: usize = 5 * ROOM / KEY;

const CORES: u16 = 2;

/// A client that listens, and what it heard.
struct Subscriber {
    client: Client,
    heard: Vec<Value>,
}

impl Subscriber {
    fn read(&mut self) -> Result<(), String> {
        self.heard.extend(self.client.read()?);
        Ok(())
    }

    /// Whether it is ended; otherwise it has heard everything.
    fn is_cut(&self, all: &[Value]) -> Result<bool, String> {
        match self.client.end.is_ended() {
            true => Ok(true),
            false if self.heard == all => Ok(false),
            false => Err(format!("a subscriber heard {} of {} and is not cut", self.heard.len(), all.len())),
        }
    }
}

/// Lets the cores work until they sleep.
fn settle(world: &mut World, subscribers: &mut [Subscriber]) -> Result<(), String> {
    for _ in 0..200_000 {
        let quiet = world.step() == Step::Quiet;
        subscribers.iter_mut().try_for_each(Subscriber::read)?;
        if quiet && world.step() == Step::Quiet {
            return Ok(());
        }
    }
    Err("the cores come to no rest".into())
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

/// How many of so many subscribers are cut. A client goes to the core that has the fewest, the first of two equals: so whoever comes
/// after an even number is on the first core, and the channel is the second's.
fn cut(seed: u64, subscribers: usize) -> Result<usize, String> {
    let options = if seed.is_multiple_of(3) { SimOptions::calm() } else { SimOptions::rough() };
    let options = SimOptions { accept_error: 0, ..options };
    let notify_keyspace_events = EventClasses::KEYEVENT.and(EventClasses::STRING);
    let settings = Settings { notify_keyspace_events, ..Settings::default() };
    let mut world = World::with_room(seed, CORES, options, settings, ROOM);
    assert_eq!(SlotMap::striped(CORES).owner(Slot::of(CHANNEL.as_bytes())), CoreId(1));
    let subscriber = |world: &mut World| Subscriber { client: Client::connect(world), heard: Vec::new() };
    let mut subscribers: Vec<Subscriber> = (0..subscribers).map(|_| subscriber(&mut world)).collect();
    subscribers.iter().for_each(|subscriber| subscriber.client.send(&["SUBSCRIBE", CHANNEL]));
    settle(&mut world, &mut subscribers)?;
    if !subscribers.iter_mut().all(|subscriber| std::mem::take(&mut subscriber.heard).len() == 1) {
        return Err("not all subscribe".into());
    }
    let key = "k".repeat(KEY);
    let script = format!("for i = 1, {EVENTS} do redis.call('set', KEYS[1], i) end");
    let did = ask(&mut world, &[&["EVAL", &script, "1", &key], &["PUBLISH", CHANNEL, "last"]])?;
    if did[0] != Value::Nil {
        return Err(format!("the script answers {:?}", did[0]));
    }
    settle(&mut world, &mut subscribers)?;
    let message = |text: &str| Value::Array(["message", CHANNEL, text].map(bulk).to_vec());
    let mut all = vec![message(&key); EVENTS];
    all.push(message("last"));
    let cut: Vec<bool> = subscribers.iter().map(|subscriber| subscriber.is_cut(&all)).collect::<Result<_, _>>()?;
    Ok(cut.into_iter().filter(|cut| *cut).count())
}

fn check(name: &str, subscribers: usize, expected: usize) {
    seeds::each(name, 20, |seed| match cut(seed, subscribers)? {
        count if count == expected => Ok(()),
        count => Err(format!("{count} of {subscribers} are cut, and not {expected}")),
    });
}

#[test]
fn a_dropped_publication_ends_the_subscribers_of_all_cores() {
    check("a_dropped_publication_ends_the_subscribers_of_all_cores", 8, 8);
}

#[test]
fn a_dropped_delivery_ends_the_subscribers_of_its_core() {
    // The writer is the second core's, and so are four of these.
    check("a_dropped_delivery_ends_the_subscribers_of_its_core", 9, 5);
}
