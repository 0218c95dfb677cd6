//! Clients that wait for elements of keys on all cores, while others push, clients are unblocked, killed and go, and time runs out.
//!
//! Every element that is pushed has a number of its own. It is taken once or still there, or it went to a client that was gone by
//! then. Who began to wait on a key before is served from it before. Nobody waits whose key has an element, or whose time is long up; who
//! is told that it unblocked a client did. In the end nobody is waited for.

use std::collections::{BTreeMap, BTreeSet};

use shard::ring::sim::SimOptions;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::resp::Value;
use super::seeds;
use super::world::{Step, World};

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    SortedSet,
    /// With one group, whose consumers share its entries.
    Stream,
}

/// The keys.
const KEYS: [(&str, Kind); 9] = [
    ("list:0", Kind::List),
    ("list:1", Kind::List),
    ("list:2", Kind::List),
    ("list:3", Kind::List),
    ("sorted:0", Kind::SortedSet),
    ("sorted:1", Kind::SortedSet),
    ("sorted:2", Kind::SortedSet),
    ("stream:0", Kind::Stream),
    ("stream:1", Kind::Stream),
];

/// Lists to which elements are moved. Nobody takes them from there.
const SINKS: [&str; 3] = ["sink:0", "sink:1", "sink:2"];

/// How long after its time-out a client may wait at most, in microseconds of virtual time: the cores' own timers are far shorter.
const LATE_US: u64 = 500_000;

/// The place of a key, chosen among those of a kind.
fn any_key(random: &mut fastrand::Rng, kind: Kind) -> usize {
    let of_kind: Vec<usize> = (0..KEYS.len()).filter(|key| KEYS[*key].1 == kind).collect();
    of_kind[random.usize(..of_kind.len())]
}

/// What a client waits for.
struct Wait {
    /// The quiet moments before it was sent.
    epoch: usize,
    sent_us: u64,
    /// 0 for ever.
    timeout_ms: u64,
    keys: Vec<usize>,
    moves: bool,
    /// Elements that are lost at most if the client goes.
    at_risk: usize,
}

/// A client that was served.
struct Service {
    epoch: usize,
    /// The quiet moments before it was heard of.
    heard: usize,
    element: u64,
}

/// A client that waits again and again.
struct Waiter {
    client: Client,
    id: Option<u64>,
    wait: Option<Wait>,
    /// Times that somebody was told to have unblocked it, with an error or not, minus those that it noticed.
    unblocked: [i64; 2],
}

impl Waiter {
    fn connect(world: &mut World) -> Waiter {
        let mut client = Client::connect(world);
        client.send(&[command(["CLIENT", "ID"])]);
        Waiter { client, id: None, wait: None, unblocked: [0; 2] }
    }

    /// Sends a command that may wait, and another.
    fn act(&mut self, epoch: usize, now_us: u64, random: &mut fastrand::Rng) {
        let timeout_ms = [0, 30, 400, 2000][random.usize(..4)];
        let seconds = format!("{}.{:03}", timeout_ms / 1000, timeout_ms % 1000);
        let kind = [Kind::List, Kind::SortedSet, Kind::Stream][random.usize(..3)];
        let mut keys: Vec<usize> = (0..random.usize(1..4)).map(|_| any_key(random, kind)).collect();
        keys.sort_unstable();
        keys.dedup();
        let moves = kind == Kind::List && random.bool();
        keys.truncate(if moves { 1 } else { keys.len() });
        let names = || keys.iter().map(|key| KEYS[*key].0);
        let count = random.usize(1..4);
        let numbers = [count.to_string(), keys.len().to_string()];
        let several = random.bool();
        let words: Vec<&str> = match kind {
            Kind::List if moves => {
                vec!["BLMOVE", KEYS[keys[0]].0, SINKS[random.usize(..SINKS.len())], "LEFT", "RIGHT", &seconds]
            }
            Kind::List | Kind::SortedSet if several => {
                let (name, end) = if kind == Kind::List { ("BLMPOP", "LEFT") } else { ("BZMPOP", "MIN") };
                [name, &seconds, &numbers[1]].into_iter().chain(names()).chain([end, "COUNT", &numbers[0]]).collect()
            }
            Kind::List => ["BLPOP"].into_iter().chain(names()).chain([&*seconds]).collect(),
            Kind::SortedSet => ["BZPOPMIN"].into_iter().chain(names()).chain([&*seconds]).collect(),
            Kind::Stream => Vec::new(),
        };
        let sent = match kind {
            Kind::Stream => {
                let block = timeout_ms.to_string();
                let begin = ["XREADGROUP", "GROUP", "g", "c", "COUNT", &numbers[0], "BLOCK", &block, "STREAMS"];
                command(begin.into_iter().chain(names()).chain(keys.iter().map(|_| ">")))
            }
            _ => command(words),
        };
        let at_risk = match kind {
            _ if moves => 0,
            Kind::Stream => count * keys.len(),
            _ if several => count,
            _ => 1,
        };
        self.client.send(&[sent, command(["ECHO", "on"])]);
        self.wait = Some(Wait { epoch, sent_us: now_us, timeout_ms, keys, moves, at_risk });
    }
}

/// A client that pushes, one pipeline after the other.
struct Pusher {
    client: Client,
    /// What the reply to the last command says was pushed: all, or what was renamed if the number at its end is 1.
    pushes: Vec<(usize, u64)>,
    renames: bool,
}

/// A run.
struct Play {
    epoch: usize,
    next: u64,
    waiters: Vec<Waiter>,
    pushers: Vec<Pusher>,
    /// It unblocks and kills others, and counts.
    meddler: Client,
    /// Whom the meddler asked for to be unblocked, with an error or not.
    asked: Option<(u64, usize)>,
    pushed: BTreeSet<u64>,
    /// Elements of which a client was told that it has them, and those of them that it moved.
    taken: BTreeSet<u64>,
    moved: BTreeSet<u64>,
    services: BTreeMap<usize, Vec<Service>>,
    at_risk: usize,
    /// Clients that were served, timed out, unblocked, gone.
    ends: [usize; 4],
}

/// The elements in a reply, each with the key that it names before; without one, with `key`.
fn elements(value: &Value, key: &mut usize, found: &mut Vec<(usize, u64)>) {
    match value {
        Value::Bulk(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            if let Some(named) = KEYS.iter().position(|(name, _)| *name == text) {
                *key = named;
            }
            if let Some(number) = text.strip_prefix("e:") {
                found.push((*key, number.parse().expect("elements have numbers")));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| elements(item, key, found)),
        _ => {}
    }
}

impl Play {
    fn new(world: &mut World) -> Play {
        let waiters = (0..8).map(|_| Waiter::connect(world)).collect();
        let pusher = |world: &mut World| Pusher { client: Client::connect(world), pushes: Vec::new(), renames: false };
        let pushers = (0..3).map(|_| pusher(world)).collect();
        Play {
            epoch: 0,
            next: 0,
            waiters,
            pushers,
            meddler: Client::connect(world),
            asked: None,
            pushed: BTreeSet::new(),
            taken: BTreeSet::new(),
            moved: BTreeSet::new(),
            services: BTreeMap::new(),
            at_risk: 0,
            ends: [0; 4],
        }
    }

    /// Sends what idle clients think of.
    fn act(&mut self, world: &mut World) {
        let now_us = world.net.now().monotonic_us;
        for index in 0..self.waiters.len() {
            let waiter = &mut self.waiters[index];
            match world.random.u16(..2000) {
                0..60 if waiter.client.owed == 0 && waiter.id.is_some() => {
                    waiter.act(self.epoch, now_us, &mut world.random);
                }
                60..63 => waiter.client.reset(),
                63..65 => waiter.client.finish(),
                _ => {}
            }
        }
        for index in 0..self.pushers.len() {
            if self.pushers[index].client.owed == 0 && world.random.u8(..) < 6 {
                self.push(index, &mut world.random);
            }
        }
        if self.meddler.owed == 0 && world.random.u8(..) < 6 {
            let waiter = &self.waiters[world.random.usize(..self.waiters.len())];
            let Some(id) = waiter.id else { return };
            let number = id.to_string();
            let error = world.random.usize(..2);
            if world.random.u8(..8) == 0 {
                return self.meddler.send(&[command(["CLIENT", "KILL", "ID", &number])]);
            }
            self.asked = Some((id, error));
            self.meddler.send(&[command(["CLIENT", "UNBLOCK", &number, ["TIMEOUT", "ERROR"][error]])]);
        }
    }

    /// A command that pushes a new element, unless somebody else is about to push to the key.
    fn one(&mut self, random: &mut fastrand::Rng, pushes: &mut Vec<(usize, u64)>) -> Option<Command> {
        let key = random.usize(..KEYS.len());
        let busy = self.pushers.iter().flat_map(|pusher| &pusher.pushes).chain(pushes.iter()).any(|push| push.0 == key);
        if busy {
            return None;
        }
        self.next += 1;
        pushes.push((key, self.next));
        let (number, (name, kind)) = (self.next.to_string(), KEYS[key]);
        let element = format!("e:{number}");
        Some(match kind {
            Kind::List if random.bool() => {
                self.next += 1;
                pushes.push((key, self.next));
                command(["RPUSH", name, &element, &format!("e:{}", self.next)])
            }
            Kind::List => command(["RPUSH", name, &element]),
            Kind::SortedSet => command(["ZADD", name, &number, &element]),
            Kind::Stream => command(["XADD", name, &number, "field", &element]),
        })
    }

    fn push(&mut self, index: usize, random: &mut fastrand::Rng) {
        let mut pushes = Vec::new();
        let mut commands: Vec<Command> =
            (0..random.usize(1..4)).filter_map(|_| self.one(random, &mut pushes)).collect();
        if commands.is_empty() {
            return;
        }
        let (mut renames, temporary) = (false, format!("temporary:{index}"));
        match random.u8(..5) {
            // In one transaction, and something that is pushed and gone before anybody may see it.
            0 => {
                let ghost = KEYS[any_key(random, Kind::List)].0;
                commands.extend([command(["RPUSH", ghost, "ghost"]), command(["RPOP", ghost])]);
                commands.insert(0, command(["MULTI"]));
                commands.push(command(["EXEC"]));
            }
            // By a script that declares the key of the first command only.
            1 => {
                let ghost = format!("redis.call('rpush', '{}', 'ghost')", KEYS[any_key(random, Kind::List)].0);
                let calls = commands.iter().map(|command| {
                    let words: Vec<_> =
                        command.iter().map(|arg| format!("'{}'", String::from_utf8_lossy(arg))).collect();
                    format!("redis.call({}) ", words.join(","))
                });
                let pop = ghost.replace("rpush", "rpop").replace(", 'ghost'", "");
                let body = format!("{}{ghost} {pop}", calls.collect::<String>());
                let first = String::from_utf8_lossy(&commands[0][1]).into_owned();
                commands = vec![command(["EVAL", &body, "1", &first])];
            }
            // By renaming, if there is nothing in its place.
            2 if KEYS[pushes[0].0].1 == Kind::List => {
                renames = true;
                pushes.truncate(1);
                let name = KEYS[pushes[0].0].0;
                let element = format!("e:{}", pushes[0].1);
                commands = vec![
                    command(["DEL", &temporary]),
                    command(["RPUSH", &temporary, &element]),
                    command(["RENAMENX", &temporary, name]),
                ];
            }
            _ => {}
        }
        let pusher = &mut self.pushers[index];
        (pusher.pushes, pusher.renames) = (pushes, renames);
        pusher.client.send(&commands);
    }

    /// Reads what came.
    fn read(&mut self, world: &mut World) -> Result<(), String> {
        for pusher in &mut self.pushers {
            pusher.client.poll()?;
            if let Some(error) = pusher.client.replies.iter().find(|reply| matches!(reply, Value::Error(_))) {
                return Err(format!("a pusher reads {error:?}"));
            }
            if pusher.client.owed == 0 && !pusher.pushes.is_empty() {
                let in_vain = pusher.renames && pusher.client.replies.back() == Some(&Value::Int(0));
                let pushes = std::mem::take(&mut pusher.pushes);
                self.pushed.extend(pushes.iter().map(|push| push.1).filter(|_| !in_vain));
                pusher.client.replies.clear();
            }
        }
        self.meddler.poll()?;
        if let Some(reply) = self.meddler.replies.pop_front()
            && let Some((id, error)) = self.asked.take()
            && reply == Value::Int(1)
            && let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.id == Some(id))
        {
            waiter.unblocked[error] += 1;
        }
        for index in 0..self.waiters.len() {
            self.waiters[index].client.poll()?;
            while let Some(reply) = self.waiters[index].client.replies.pop_front() {
                self.heard(index, &reply, world)?;
            }
            if self.waiters[index].client.is_ended() {
                let gone = std::mem::replace(&mut self.waiters[index], Waiter::connect(world));
                self.at_risk += gone.wait.map_or(0, |wait| wait.at_risk);
                self.ends[3] += 1;
            }
        }
        Ok(())
    }

    fn heard(&mut self, index: usize, reply: &Value, world: &World) -> Result<(), String> {
        let waiter = &mut self.waiters[index];
        let Some(wait) = waiter.wait.take() else {
            return match reply {
                Value::Int(id) if waiter.id.is_none() => {
                    waiter.id = Some(*id as u64);
                    Ok(())
                }
                Value::Bulk(text) if text == b"on" => Ok(()),
                _ => Err(format!("waiter {index} reads {reply:?}")),
            };
        };
        match reply {
            Value::Nil => {
                let early = world.net.now().monotonic_us < wait.sent_us + wait.timeout_ms * 1000;
                // Who unblocked it hears so by another connection, sooner or later.
                waiter.unblocked[0] -= i64::from(early || wait.timeout_ms == 0);
                self.ends[1] += 1;
                return Ok(());
            }
            Value::Error(text) if text.starts_with("UNBLOCKED") => {
                waiter.unblocked[1] -= 1;
                self.ends[2] += 1;
                return Ok(());
            }
            _ => {}
        }
        let mut found = Vec::new();
        elements(reply, &mut wait.keys[0].clone(), &mut found);
        if found.is_empty() {
            return Err(format!("waiter {index} reads {reply:?}"));
        }
        self.ends[0] += 1;
        let mut last = None;
        for (key, element) in found {
            if !wait.keys.contains(&key) || !self.taken.insert(element) {
                return Err(format!("waiter {index}, that waits on {:?}, takes element {element} of {key}", wait.keys));
            }
            if wait.moves {
                self.moved.insert(element);
            }
            if last.replace(key) != Some(key) {
                let service = Service { epoch: wait.epoch, heard: self.epoch, element };
                self.services.entry(key).or_default().push(service);
            }
        }
        Ok(())
    }

    /// Lets the cores work until they sleep.
    fn calm(&mut self, world: &mut World) -> Result<(), String> {
        for _ in 0..200_000 {
            let quiet = world.step() == Step::Quiet;
            self.read(world)?;
            if quiet && world.step() == Step::Quiet {
                return Ok(());
            }
        }
        Err("the cores come to no rest".into())
    }

    /// A quiet moment: nothing is under way but time.
    fn quiet(&mut self, world: &mut World) -> Result<(), String> {
        self.calm(world)?;
        for _ in 0..[2, 2, 2, 30][world.random.usize(..4)] {
            world.pass_time();
            self.calm(world)?;
        }
        let pushing = self.pushers.iter().any(|pusher| pusher.client.owed > 0);
        if pushing || self.meddler.owed > 0 {
            return Err("STALL: a client waits that does not block, and every core sleeps".into());
        }
        let now_us = world.net.now().monotonic_us;
        for (index, waiter) in self.waiters.iter().enumerate() {
            // A client with a time-out may also have been unblocked when its time was up.
            let [silent, error] = waiter.unblocked;
            if error != 0 || silent < 0 {
                return Err(format!("waiter {index} was unblocked without a word: {silent}, with one: {error}"));
            }
            let Some(wait) = &waiter.wait else { continue };
            if wait.timeout_ms > 0 && now_us > wait.sent_us + wait.timeout_ms * 1000 + LATE_US {
                return Err(format!("STALL: waiter {index} waits since {} for {} ms", wait.sent_us, wait.timeout_ms));
            }
        }
        self.check_order()?;
        self.check_stuck(world)?;
        self.epoch += 1;
        Ok(())
    }

    /// First come, first served: of each key.
    fn check_order(&mut self) -> Result<(), String> {
        for (key, services) in &self.services {
            for service in services.iter().filter(|service| service.heard == self.epoch) {
                let passed_over = self.waiters.iter().filter_map(|waiter| waiter.wait.as_ref());
                let mut passed_over = passed_over.filter(|wait| wait.keys.contains(key));
                if let Some(wait) = passed_over.find(|wait| wait.epoch < service.epoch) {
                    let (element, sent_us) = (service.element, wait.sent_us);
                    return Err(format!("{element} of {key} went to another than who waits since {sent_us}"));
                }
                let later = |other: &&Service| other.epoch > service.epoch && other.element < service.element;
                if let Some(later) = services.iter().find(later) {
                    return Err(format!("{key}: {} went to a later client than {}", later.element, service.element));
                }
            }
        }
        Ok(())
    }

    /// Nobody waits for what is there.
    fn check_stuck(&mut self, world: &mut World) -> Result<(), String> {
        let waiting = |play: &Play, key: usize| {
            let waits = play.waiters.iter().filter_map(|waiter| waiter.wait.as_ref());
            waits.filter(|wait| wait.keys.contains(&key)).count()
        };
        let before: Vec<usize> = (0..KEYS.len()).map(|key| waiting(self, key)).collect();
        let questions = KEYS.map(|(name, kind)| match kind {
            Kind::List => command(["LLEN", name]),
            Kind::SortedSet => command(["ZCARD", name]),
            Kind::Stream => command(["XINFO", "GROUPS", name]),
        });
        let mut one = [Client::connect(world)];
        one[0].send(&questions);
        settle(world, &mut one, |_, _, _, _| {})?;
        for (key, reply) in one[0].replies.iter().enumerate() {
            let there = match reply {
                Value::Int(count) => *count,
                // The last of the only group's fields is how many entries it has not read.
                Value::Array(groups) => match &groups[0] {
                    Value::Array(fields) if matches!(fields.last(), Some(Value::Int(_))) => {
                        if let Some(Value::Int(lag)) = fields.last() { *lag } else { 0 }
                    }
                    other => return Err(format!("{other:?}")),
                },
                other => return Err(format!("{other:?}")),
            };
            if there > 0 && before[key] > 0 && waiting(self, key) > 0 {
                return Err(format!("STUCK: {} wait on {key}, which has {there} elements", before[key]));
            }
        }
        Ok(())
    }
}

/// Takes all that is left, and compares it with what was pushed.
fn finish(world: &mut World, play: &Play) -> Result<(), String> {
    let mut one = [Client::connect(world)];
    let mut left = BTreeSet::new();
    let mut sent: Vec<Command> = Vec::new();
    for (name, kind) in KEYS {
        sent.push(match kind {
            Kind::List => command(["LRANGE", name, "0", "-1"]),
            Kind::SortedSet => command(["ZRANGE", name, "0", "-1"]),
            Kind::Stream => command(["XREADGROUP", "GROUP", "g", "c", "STREAMS", name, ">"]),
        });
    }
    sent.extend(SINKS.map(|name| command(["LRANGE", name, "0", "-1"])));
    one[0].send(&sent);
    settle(world, &mut one, |_, _, _, _| {})?;
    let mut in_sinks = BTreeSet::new();
    for (place, reply) in one[0].replies.iter().enumerate() {
        let mut found = Vec::new();
        elements(reply, &mut 0, &mut found);
        for (_, element) in found {
            let sunk = place >= KEYS.len();
            in_sinks.extend(sunk.then_some(element));
            if !left.insert(element) || play.taken.contains(&element) != (sunk && play.moved.contains(&element)) {
                return Err(format!("element {element} was taken, and is there"));
            }
        }
    }
    if let Some(lost) = play.moved.difference(&in_sinks).next() {
        return Err(format!("element {lost} was moved, and is not there"));
    }
    let known: BTreeSet<u64> = play.taken.union(&left).copied().collect();
    let (lost, made) = (play.pushed.difference(&known).count(), known.difference(&play.pushed).count());
    if lost > play.at_risk || made > 0 {
        return Err(format!("{lost} elements are lost with {} at risk, {made} were never pushed", play.at_risk));
    }
    Ok(())
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    const ROUNDS: usize = 20;
    const STEPS: usize = 400;
    let cores = [2, 4, 3, 1][seed as usize % 4];
    let options = if seed.is_multiple_of(3) { SimOptions::calm() } else { SimOptions::rough() };
    let mut world = World::new(seed, cores, SimOptions { accept_error: 0, ..options }, settings(seed));
    let mut first = [Client::connect(&mut world)];
    let streams = KEYS.iter().filter(|(_, kind)| *kind == Kind::Stream);
    let groups: Vec<Command> =
        streams.map(|(name, _)| command(["XGROUP", "CREATE", name, "g", "0", "MKSTREAM"])).collect();
    first[0].send(&groups);
    settle(&mut world, &mut first, |_, _, _, _| {})?;
    let mut play = Play::new(&mut world);
    for _ in 0..ROUNDS {
        for _ in 0..STEPS {
            world.step();
            play.act(&mut world);
            play.read(&mut world)?;
        }
        play.quiet(&mut world)?;
    }
    // Whoever still waits goes.
    play.at_risk +=
        play.waiters.iter().filter_map(|waiter| waiter.wait.as_ref()).map(|wait| wait.at_risk).sum::<usize>();
    play.waiters.clear();
    rest(&mut world, &mut [])?;
    finish(&mut world, &play)?;
    drop(first);
    let ends = play.ends;
    drop(play);
    rest(&mut world, &mut [])?;
    world.check_over()?;
    super::log::check_all(&world)?;
    // Otherwise nothing was tested.
    ends.iter()
        .all(|end| *end > 0)
        .then_some(())
        .ok_or_else(|| format!("{ends:?} were served, timed out, unblocked, gone"))
}

#[test]
fn every_element_is_taken_once_and_first_come_is_first_served() {
    seeds::each("every_element_is_taken_once_and_first_come_is_first_served", 100, run);
}
