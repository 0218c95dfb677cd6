//! A node of a cluster whose slots come and go at random under load (`cores.md` §7.9, `cluster.md` §18).
//!
//! What must hold: once a core has said that a snapshot is in force which takes a slot away, nothing changes in that slot until the core takes on
//! another one; every snapshot is said to be in force in the end; and a command that was answered was carried out once, one that was sent
//! elsewhere not at all.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use clusterbus::address::{Host, Ports};
use clusterbus::id::NodeId;
use clusterbus::snapshot::{Endpoint, Mark, Owner, RoutingRules, Snapshot, SnapshotVersion};
use clusterbus::wire::Health;
use keyspace::slot::Slot;
use shard::mail::Mail;
use shard::mesh::CoreId;
use shard::mesh::loans::UnitId;
use shard::ring::sim::SimOptions;
use shard::route::SlotMap;
use shard::settings::Settings;
use shard::shard::Shard;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::resp::Value;
use super::seeds;
use super::world::{Control, World};

/// Hash tags, nearly all of slots of their own.
const TAGS: usize = 12;

/// Pipelines of a run.
const PIPELINES: usize = 150;

/// Counters of a tag.
const COUNTERS: [&str; 2] = ["a", "b"];

fn key(tag: usize, name: &str) -> String {
    format!("{{tag:{tag}}}{name}")
}

fn slot(tag: usize) -> Slot {
    Slot::of(key(tag, "").as_bytes())
}

/// Where clients are sent.
const ELSEWHERE: &str = "10.0.0.2:7001";

/// A snapshot in which this node has everything.
pub(crate) fn whole(version: u64) -> Snapshot {
    let mut snapshot = Snapshot::new(SnapshotVersion(version), RoutingRules::DEFAULT);
    snapshot.health = Health::Ok;
    Slot::all().for_each(|slot| snapshot.set_owner(slot, Owner::Me));
    snapshot
}

/// Another node, in a snapshot.
pub(crate) fn another() -> Endpoint {
    Endpoint {
        id: NodeId::new([b'b'; 40]).expect("forty hexadecimal digits"),
        host: Host::new("10.0.0.2").expect("an address"),
        hostname: None,
        ports: Ports { client: 7001, other: 0, bus: 17001 },
    }
}

/// A snapshot in which it has some of the tags' slots, others come or go, and now and then nothing is served.
fn some(version: u64, random: &mut fastrand::Rng) -> Snapshot {
    let mut snapshot = whole(version);
    let other = snapshot.add_endpoint(another());
    for slot in (0..TAGS).map(slot) {
        match random.u8(..10) {
            0..3 => snapshot.set_owner(slot, Owner::Other(other)),
            3 => snapshot.set_owner(slot, Owner::Nobody),
            4 => snapshot.set_migrating(slot, other),
            5 => {
                snapshot.set_owner(slot, Owner::Other(other));
                snapshot.set_importing(slot, other);
            }
            _ => {}
        }
    }
    if random.u8(..8) == 0 {
        snapshot.health = Health::Fail;
    }
    snapshot
}

/// Whether nobody may write to a slot under a snapshot.
fn is_lost(snapshot: &Snapshot, slot: Slot) -> bool {
    let may_come = snapshot.mark(slot) == Mark::Importing;
    snapshot.health == Health::Fail || (snapshot.owner(slot) != Owner::Me && !may_come)
}

/// What stands under a tag's keys, if its slot is here.
fn held(shard: &Shard, tag: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let db = shard.keyspace.db(0).expect("there is a first database");
    if !shard.is_free(slot(tag)) {
        return None;
    }
    let value = |name: &str| {
        let name = key(tag, name);
        let key = shard.keyspace.key(name.as_bytes());
        let place = shard.keyspace.locate(db, &key)?;
        Some(shard.keyspace.at(db, key.slot, place).value().to_vec())
    };
    Some(COUNTERS.into_iter().map(value).collect())
}

/// What a core has said, and what stood under the keys that it lost by that.
struct Said {
    version: SnapshotVersion,
    lost: Vec<(usize, Vec<Option<Vec<u8>>>)>,
}

/// What the bus thread saw, for the test.
#[derive(Default)]
struct Seen {
    /// Losses that were looked at.
    looked: usize,
    /// A slot that was written to.
    fault: Option<String>,
    /// The last snapshot is in force everywhere.
    is_over: bool,
}

/// The bus thread: makes snapshots, and looks whether what was lost is left alone.
pub(crate) struct Bus {
    random: fastrand::Rng,
    map: SlotMap,
    sent: VecDeque<Arc<Snapshot>>,
    said: Vec<Option<Said>>,
    /// Loans of tags' slots, each with what was in force when it was first seen.
    loans: BTreeMap<(usize, UnitId), SnapshotVersion>,
    /// Snapshots that it still makes.
    left: usize,
    seen: Rc<RefCell<Seen>>,
}

impl Bus {
    fn new(seed: u64, cores: u16, seen: Rc<RefCell<Seen>>) -> Bus {
        let said = (0..cores).map(|_| None).collect();
        let random = fastrand::Rng::with_seed(seed);
        Bus {
            random,
            map: SlotMap::striped(cores),
            sent: VecDeque::new(),
            said,
            loans: BTreeMap::new(),
            left: 60,
            seen,
        }
    }

    fn send(&mut self, world: &mut World, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.sent.push_back(snapshot.clone());
        world.mail_from_bus(|| Mail::Routes(snapshot.clone()));
    }

    /// A core says that nothing works under anything older.
    fn acknowledged(&mut self, world: &mut World, core: CoreId, version: SnapshotVersion) {
        let snapshot = self.sent.iter().find(|sent| sent.version == version).expect("it was sent").clone();
        let of_core = (0..TAGS).filter(|tag| self.map.owner(slot(*tag)) == core && is_lost(&snapshot, slot(*tag)));
        let lost: Vec<usize> = of_core.collect();
        let old = self.loans.iter().find(|((tag, _), since)| lost.contains(tag) && **since < version);
        if let Some(((tag, unit), since)) = old {
            let text = format!("tag {tag} is on loan to {unit:?} since {since:?}, and core {core:?} says {version:?}");
            self.seen.borrow_mut().fault.get_or_insert(text);
        }
        let stands = |shard: &mut Shard| lost.iter().filter_map(|tag| Some((*tag, held(shard, *tag)?))).collect();
        let lost = world.peek(core.0 as usize, stands).unwrap_or_default();
        self.said[core.0 as usize] = Some(Said { version, lost });
    }

    /// Looks at what a core has lost.
    fn look(&mut self, world: &mut World, core: usize) {
        let Some(said) = &self.said[core] else { return };
        let changed = world.peek(core, |shard| {
            let in_force = shard.routes.as_ref().expect("a node's core has routes").snapshot.version;
            let changed = |(tag, stood): &&(usize, Vec<Option<Vec<u8>>>)| {
                held(shard, *tag).is_some_and(|stands| stands != *stood)
            };
            (in_force == said.version).then(|| said.lost.iter().find(changed).map(|(tag, _)| *tag))
        });
        let mut seen = self.seen.borrow_mut();
        match changed {
            Some(Some(Some(tag))) => {
                let text =
                    format!("tag {tag} was written to after core {core} had said that it is lost: {:?}", said.version);
                seen.fault.get_or_insert(text);
            }
            Some(Some(None)) => seen.looked += said.lost.len(),
            Some(None) | None => {}
        }
    }

    /// Looks at what is on loan.
    fn look_at_loans(&mut self, world: &mut World) {
        let mut now = BTreeMap::new();
        for tag in 0..TAGS {
            let core = usize::from(self.map.owner(slot(tag)).0);
            let loan = world.peek(core, |shard| {
                let in_force = shard.routes.as_ref().expect("a node's core has routes").snapshot.version;
                Some((shard.loans.lent_to(slot(tag).number())?, in_force))
            });
            if let Some(Some((unit, in_force))) = loan {
                let since = self.loans.get(&(tag, unit)).copied().unwrap_or(in_force);
                now.insert((tag, unit), since);
            }
        }
        self.loans = now;
    }

    fn is_over(&self) -> bool {
        let last = self.sent.back().map(|sent| sent.version);
        self.left == 0 && self.said.iter().all(|said| said.as_ref().map(|said| said.version) == last)
    }
}

impl Control for Bus {
    fn turn(&mut self, world: &mut World) {
        self.look_at_loans(world);
        for (core, mail) in world.mail_to_bus() {
            match mail {
                Mail::RoutesTaken(version) => self.acknowledged(world, core, version),
                Mail::BusPublish(_) => {}
                _ => panic!("cores tell the bus thread nothing else"),
            }
        }
        let core = self.random.usize(..self.said.len());
        self.look(world, core);
        if self.left > 0 && self.random.u8(..) == 0 {
            self.left -= 1;
            let version = self.sent.back().map_or(1, |sent| sent.version.0 + 1);
            let snapshot = if self.left == 0 { whole(version) } else { some(version, &mut self.random) };
            self.send(world, snapshot);
        }
        self.seen.borrow_mut().is_over = self.is_over();
    }
}

/// What a reply tells of counters that were raised.
#[derive(Clone, Debug)]
enum Check {
    /// A number or a redirect; if a number, this was raised.
    Raised(usize, usize),
    /// A transaction or a script that raises both counters of a tag, or none.
    Both(usize),
    /// A script that raises the first counters of two tags, each if it may.
    Each(usize, usize),
    /// It raises nothing.
    Other,
}

/// What was raised for sure.
type Tally = [[i64; COUNTERS.len()]; TAGS];

const BOTH: &str = "redis.call('incr', KEYS[1]) redis.call('incr', KEYS[2]) return 1";
const EACH: &str = "local a = redis.pcall('incr', ARGV[1]) local b = redis.pcall('incr', ARGV[2]) \
    return {type(a) == 'number' and 1 or 0, type(b) == 'number' and 1 or 0}";

/// Some commands that belong together.
fn any(random: &mut fastrand::Rng) -> Vec<(Command, Check)> {
    let (tag, other, counter) = (random.usize(..TAGS), random.usize(..TAGS), random.usize(..COUNTERS.len()));
    let [a, b] = COUNTERS.map(|name| key(tag, name));
    let raise = || (command(["INCR", &key(tag, COUNTERS[counter])]), Check::Raised(tag, counter));
    let both = |first: Option<Command>| {
        let queued = ["INCR", "INCR"].iter().zip([&a, &b]).map(|(name, key)| (command([*name, key]), Check::Other));
        let watched = first.map(|first| (first, Check::Other)).into_iter();
        let begun = watched.chain([(command(["MULTI"]), Check::Other)]);
        begun.chain(queued).chain([(command(["EXEC"]), Check::Both(tag))]).collect()
    };
    match random.u8(..16) {
        0..6 => vec![raise()],
        6 => both(None),
        7 => both(Some(command(["WATCH", &a, &b]))),
        8 => vec![(command(["EVAL", BOTH, "2", &a, &b]), Check::Both(tag))],
        9 => vec![(command(["EVAL", EACH, "0", &key(tag, "a"), &key(other, "a")]), Check::Each(tag, other))],
        10 => vec![(command(["ASKING"]), Check::Other), raise(), raise()],
        11 => vec![(command(["MGET", &a, &key(other, "b")]), Check::Other)],
        12 => vec![(command(["BLPOP", &key(tag, "list"), "0.002"]), Check::Other)],
        13 => vec![(command(["RPUSH", &key(tag, "list"), "x"]), Check::Other)],
        14 => vec![(command(["READONLY"]), Check::Other), (command(["MGET", &a, &b]), Check::Other)],
        _ => {
            let asked = [(command(["ASKING"]), Check::Other)];
            asked.into_iter().chain(both(None)).collect()
        }
    }
}

/// Whether an error is one that a node gives who does not serve a command.
fn is_redirect(text: &str) -> bool {
    let to = |word| text.strip_prefix(word).is_some_and(|rest: &str| rest.ends_with(ELSEWHERE));
    let others =
        ["TRYAGAIN ", "CLUSTERDOWN ", "CROSSSLOT ", "EXECABORT ", "ERR Script attempted ", "ERR Unable to execute "];
    to("MOVED ") || to("ASK ") || others.iter().any(|other| text.starts_with(other))
}

fn note(tally: &mut Tally, check: &Check, reply: &Value) -> Result<(), String> {
    match (check, reply) {
        (_, Value::Error(text)) if is_redirect(text) => {}
        (Check::Raised(tag, counter), Value::Int(_)) => tally[*tag][*counter] += 1,
        // A transaction whose keys were changed.
        (Check::Both(_), Value::Nil) => {}
        (Check::Both(tag), Value::Int(1) | Value::Array(_)) => tally[*tag].iter_mut().for_each(|count| *count += 1),
        (Check::Each(one, other), Value::Array(raised)) => {
            for (tag, raised) in [one, other].into_iter().zip(raised) {
                tally[*tag][0] += i64::from(*raised == Value::Int(1));
            }
        }
        (Check::Other, reply) if !matches!(reply, Value::Error(_)) => {}
        (check, reply) => return Err(format!("{check:?} was answered with {reply:?}")),
    }
    Ok(())
}

/// The world of a seed, told of a whole cluster.
fn world(seed: u64, settings: Settings) -> World {
    let cores = [2, 4, 1, 3][seed as usize % 4];
    let options = SimOptions { delay_us_max: 20, turn_us_max: 20, ..SimOptions::calm() };
    let mut world = World::clustered(seed, cores, options, settings);
    // Who waits for an element waits for a timer.
    world.pauses = true;
    world
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let mut world = world(seed, settings(seed));
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut bus = Bus::new(seed ^ 0x5107, world.cores(), seen.clone());
    bus.send(&mut world, whole(1));
    world.control = Some(Box::new(bus));
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(&mut world)).collect();
    let mut pending: Vec<VecDeque<Check>> = clients.iter().map(|_| VecDeque::new()).collect();
    let (mut tally, mut left, mut wrong) = (Tally::default(), 0, Ok(()));
    let send = |random: &mut fastrand::Rng, client: &mut Client, pending: &mut VecDeque<Check>| {
        let made: Vec<_> = (0..random.usize(1..12)).flat_map(|_| any(random)).collect();
        let (commands, checks): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        client.send(&commands);
        pending.extend(checks);
    };
    for (client, pending) in clients.iter_mut().zip(&mut pending) {
        send(&mut world.random, client, pending);
    }
    settle(&mut world, &mut clients, |world, index, client, _| {
        for reply in client.replies.drain(..) {
            let check = pending[index].pop_front().expect("a reply has a command");
            let noted = note(&mut tally, &check, &reply);
            wrong = std::mem::replace(&mut wrong, Ok(())).and(noted);
        }
        if client.owed == 0 && left < PIPELINES {
            left += 1;
            send(&mut world.random, client, &mut pending[index]);
        }
    })?;
    wrong?;
    finish(&mut world, &mut clients, &seen, &tally)
}

/// Waits until the last snapshot is in force, then compares what was raised with what the replies said.
fn finish(world: &mut World, clients: &mut [Client], seen: &RefCell<Seen>, tally: &Tally) -> Result<(), String> {
    let mut steps = 0;
    while !seen.borrow().is_over {
        steps += 1;
        if steps > 100_000 {
            return Err("the last snapshot is not in force everywhere".into());
        }
        if world.step() == super::world::Step::Quiet {
            world.pass_time();
        }
    }
    world.control = None;
    rest(world, clients)?;
    if let Some(fault) = &seen.borrow().fault {
        return Err(fault.clone());
    }
    if seen.borrow().looked == 0 {
        return Err("nothing was lost: nothing was tested".into());
    }
    let mut last = [Client::connect(world)];
    for (tag, counts) in tally.iter().enumerate() {
        last[0].send(&[command(["MGET", &key(tag, "a"), &key(tag, "b")])]);
        settle(world, &mut last, |_, _, _, _| {})?;
        let reply = last[0].replies.pop_front();
        let expected = counts.map(|count| if count == 0 { Value::Nil } else { Value::bulk(count.to_string()) });
        if reply != Some(Value::Array(expected.to_vec())) {
            return Err(format!("tag {tag}: {reply:?}, and the replies said {counts:?}"));
        }
    }
    Ok(())
}

#[test]
fn nothing_is_written_where_the_right_was_said_to_be_lost() {
    seeds::each("nothing_is_written_where_the_right_was_said_to_be_lost", 100, run);
}
