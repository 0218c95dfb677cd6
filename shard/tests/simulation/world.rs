//! Some cores around one simulated network, stepped one turn at a time in an order that a seed decides.
//!
//! A core whose turn ended without work lies down at some later step, and from then on its shard is open to visitors. It is
//! stepped again only when its ring has something for it or its wait is over: a core that nobody wakes stays asleep, so a
//! wake-up that was owed and not sent shows as a stall.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use keyspace::hash::{KeyHasher, Random};
use keyspace::store::Keyspace;
use shard::acl::Users;
use shard::command;
use shard::commands::ServerInfo;
use shard::core::{Core, CoreParts, ListenerKind, Park};
use shard::log::{LogBytes, Taken};
use shard::mail::Mail;
use shard::mesh::baton::{Errand, Owner, Post};
use shard::mesh::budget::Budget;
use shard::mesh::mailbox::{Address, Ends, MAILBOX_MESSAGES, Received, mailboxes};
use shard::mesh::{CoreId, Mesh, MeshParts};
use shard::pubsub::notice::STREAM_BYTES_MAX;
use shard::ring::sim::{SimNet, SimOptions, SimRing, SimSocket};
use shard::ring::{Wake, clock};
use shard::route::SlotMap;
use shard::settings::Settings;
use shard::shard::{Shard, ShardParts};

use super::service::Service;

thread_local! {
    /// A sum of which core did its steps when, in the worlds of this thread: two runs that differ anywhere differ in it.
    pub(crate) static TRACE: Cell<u64> = const { Cell::new(0) };
}

/// Room for a core's log: no test leaves as much.
const LOG_BYTES: LogBytes = LogBytes(256 << 20);

/// What a core does next.
enum State {
    /// A turn.
    Turn(Park),
    /// It lies down, if no mail comes first.
    Tired(Park),
    /// It sleeps until something happens, or until this time.
    Asleep(u64),
}

struct Place {
    core: Core<SimRing>,
    state: State,
}

/// A core with no more clients has their bytes summed after each of its turns, and one with more the less often the more it has.
const FEW_CLIENTS: u64 = 64;

/// What a step did.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A core did something, or time passed.
    Went,
    /// All cores sleep and nothing is under way: only timers can wake them.
    Quiet,
}

/// The cores and their network.
pub(crate) struct World {
    /// The network.
    pub(crate) net: SimNet,
    /// What the driver decides by.
    pub(crate) random: fastrand::Rng,
    /// Clients may be made to wait by `CLIENT PAUSE`: what waits for a timer is then no stall.
    pub(crate) pauses: bool,
    /// A core that takes no turns.
    pub(crate) stopped: Option<usize>,
    /// Turns so far.
    steps: u64,
    places: Vec<Place>,
    mesh: Arc<Mesh<Shard>>,
    budget: Arc<Budget>,
    /// The service thread.
    pub(crate) service: Service,
    /// What plays the bus thread, if the cores are a node of a cluster.
    pub(crate) control: Option<Box<dyn Control>>,
    bus: Option<(Owner<()>, Ends<Mail<SimSocket>>)>,
}

/// Somebody who has a turn before each step.
pub(crate) trait Control {
    /// Its turn.
    fn turn(&mut self, world: &mut World);
}

impl World {
    /// Cores that have not begun, as `server` boots them.
    pub(crate) fn new(seed: u64, cores: u16, options: SimOptions, settings: Settings) -> World {
        World::with_hasher(seed, seed, cores, options, settings)
    }

    /// Likewise, with a seed of its own for what the data depend on.
    pub(crate) fn with_hasher(seed: u64, data_seed: u64, cores: u16, options: SimOptions, settings: Settings) -> World {
        World::build([seed, data_seed], cores, options, settings, STREAM_BYTES_MAX)
    }

    /// The cores of a node of a cluster, that know nothing of it yet.
    pub(crate) fn clustered(seed: u64, cores: u16, options: SimOptions, settings: Settings) -> World {
        let settings = Settings { cluster_enabled: true, ..settings };
        World::build([seed; 2], cores, options, settings, STREAM_BYTES_MAX)
    }

    /// Likewise, with room for messages of so many bytes from each core to each other.
    pub(crate) fn with_room(seed: u64, cores: u16, options: SimOptions, settings: Settings, room: usize) -> World {
        World::build([seed; 2], cores, options, settings, room)
    }

    fn build(seeds: [u64; 2], cores: u16, options: SimOptions, settings: Settings, stream_bytes_max: usize) -> World {
        let [seed, data_seed] = seeds;
        clock::simulate();
        let net = SimNet::new(seed, cores, 1, options);
        let settings = Arc::new(settings);
        let hasher = KeyHasher::new([data_seed, 1, 2, 3]);
        let slow_ids = Arc::new(AtomicU64::new(0));
        let budget = Arc::new(Budget::new(settings.maxmemory, usize::from(cores)));
        let shards = (0..cores).map(|core| {
            let limits = settings.data_limits();
            let random = Random::new(data_seed ^ u64::from(core));
            let keyspace = Keyspace::new(settings.databases as u16, hasher.clone(), random, limits);
            let (settings, slow_ids, table) = (settings.clone(), slow_ids.clone(), command::table());
            let (map, budget, log) = (SlotMap::striped(cores), budget.clone(), Some(LOG_BYTES));
            Shard::new(ShardParts { core: CoreId(core), keyspace, settings, slow_ids, table, map, budget, log })
        });
        let clustered = settings.cluster_enabled;
        let MeshParts { mesh, cores: owners, services } = MeshParts::new(shards.collect(), 1 + usize::from(clustered));
        let mut ends = mailboxes(mesh.addresses(), MAILBOX_MESSAGES);
        let bus_ends = clustered.then(|| ends.pop().expect("the last address is the bus thread's"));
        let service_ends = ends.pop().expect("the last address but that is the service thread's");
        let server = Arc::new(ServerInfo {
            run_id: "0".repeat(40),
            pid: 1,
            started_us: net.now().wall_us,
            executable: PathBuf::new(),
            config_file: None,
            default_bind: true,
        });
        let client_ids = Arc::new(AtomicU64::new(1));
        let places = owners.into_iter().zip(ends).enumerate().map(|(core, (owner, ends))| {
            let core = Core::new(CoreParts {
                id: CoreId(core as u16),
                ring: net.ring(core as u16),
                listeners: vec![ListenerKind::Tcp],
                owner,
                mesh: mesh.clone(),
                ends,
                map: SlotMap::striped(cores),
                hasher: hasher.clone(),
                settings: settings.clone(),
                users: Arc::new(Users::new(settings.requirepass.reveal(), settings.acl_pubsub_default)),
                stream_bytes_max,
                seed: [core as u8; 32],
                server: server.clone(),
                client_ids: client_ids.clone(),
                wake_service: Arc::new(|| {}),
                bus: clustered.then_some(Address(cores + 1)),
                wake_bus: Arc::new(|| {}),
            });
            Place { core, state: State::Turn(Park::Busy) }
        });
        let places = places.collect();
        let mut services = services.into_iter();
        let service = services.next().expect("one service was asked for");
        let bus = services.next().zip(bus_ends);
        let random = fastrand::Rng::with_seed(seed);
        let service = Service::new(service, service_ends, seed);
        let control = None;
        World { net, random, pauses: false, stopped: None, steps: 0, places, mesh, budget, service, control, bus }
    }

    /// Sends every core mail of the bus thread, as long as its lane has room.
    pub(crate) fn mail_from_bus(&mut self, mail: impl Fn() -> Mail<SimSocket>) {
        let (_, ends) = self.bus.as_mut().expect("only a node of a cluster has a bus thread");
        for core in 0..self.places.len() as u16 {
            // Who has no room for a notice has others before it: what is too much comes again.
            let _ = ends.send_notice(Address(core), mail());
        }
        let (mesh, net) = (&self.mesh, &self.net);
        ends.flush(|to| {
            if mesh.post(to) == Post::Wake {
                net.waker(to.0).wake();
            }
        });
    }

    /// Takes what cores sent to the bus thread.
    pub(crate) fn mail_to_bus(&mut self) -> Vec<(CoreId, Mail<SimSocket>)> {
        let (owner, ends) = self.bus.as_mut().expect("only a node of a cluster has a bus thread");
        let mut mail = Vec::new();
        owner.take_mail();
        while ends.receive(64, |from, message| mail.push((CoreId(from.0), message))) == Received::Left {}
        mail
    }

    /// Looks at a core's shard, whatever the core does.
    pub(crate) fn peek<T>(&mut self, core: usize, look: impl Fn(&mut Shard) -> T) -> Option<T> {
        if let Some(seen) = self.places[core].core.look(&look) {
            return Some(seen);
        }
        let mut visit = self.mesh.baton(CoreId(core as u16)).try_visit()?;
        let seen = look(&mut visit);
        // Nobody waits for this visit.
        let _ = visit.leave(Errand::None);
        Some(seen)
    }

    /// Number of cores.
    pub(crate) fn cores(&self) -> u16 {
        self.places.len() as u16
    }

    /// One step of one core.
    pub(crate) fn step(&mut self) -> Step {
        if let Some(mut control) = self.control.take() {
            control.turn(self);
            self.control = Some(control);
        }
        let now = self.net.now().monotonic_us;
        let stopped = self.stopped;
        let places = self.places.iter_mut().enumerate().filter(|(index, _)| Some(*index) != stopped);
        let able = places.filter_map(|(index, place)| match place.state {
            State::Asleep(until) => (now >= until || place.core.ring_mut().is_ready()).then_some(index),
            State::Turn(_) | State::Tired(_) => Some(index),
        });
        let able: Vec<usize> = able.collect();
        // Mail to the service thread wakes nobody here: it looks now and then, and before all rest.
        if (able.is_empty() || self.service.has_its_turn()) && self.service.step(&self.mesh, &self.net) {
            return Step::Went;
        }
        if able.is_empty() {
            let next = [self.net.next_arrival_us(), self.service.next_us()].into_iter().flatten().min();
            let Some(next) = next else { return Step::Quiet };
            self.net.advance(next.saturating_sub(now));
            return Step::Went;
        }
        // The first of the list is favoured for a while now and then, so that others fall behind.
        let index = if now & 64 == 0 { able[0] } else { able[self.random.usize(..able.len())] };
        let index = if self.random.u8(..) < 64 { able[self.random.usize(..able.len())] } else { index };
        self.step_core(index, now);
        if self.random.u8(..) < 16 {
            let us = self.random.u64(1..20);
            self.net.advance(us);
        }
        Step::Went
    }

    fn step_core(&mut self, index: usize, now: u64) {
        TRACE.set(TRACE.get().wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) ^ (now << 8 | index as u64));
        let Place { core, state } = &mut self.places[index];
        let park = match *state {
            State::Tired(park @ Park::Until(time)) if core.rest(park) => {
                *state = State::Asleep(now + time.as_micros() as u64);
                return;
            }
            // The wait is over: the ring does not wait in the enter.
            State::Asleep(_) => Park::Until(std::time::Duration::ZERO),
            State::Turn(park) | State::Tired(park) => park,
        };
        *state = match core.turn(park).expect("a simulated ring is always usable") {
            park @ Park::Until(_) => State::Tired(park),
            Park::Busy => State::Turn(Park::Busy),
            Park::Stopped => panic!("nobody stops a core"),
        };
        self.steps += 1;
        if self.steps.is_multiple_of(1 + core.clients() as u64 / FEW_CLIENTS) {
            let [entered, real] = core.client_bytes();
            assert_eq!(entered, real, "core {index} counts the bytes of its clients");
        }
    }

    /// Lets the next timer of any core fire.
    pub(crate) fn pass_time(&mut self) {
        let now = self.net.now().monotonic_us;
        let ends = self.places.iter().filter_map(|place| match place.state {
            State::Asleep(until) => Some(until),
            State::Turn(_) | State::Tired(_) => None,
        });
        if let Some(end) = ends.min() {
            self.net.advance(end.saturating_sub(now));
        }
    }

    /// What is wrong with a world that has come to rest: loans that are out, work that waits for them.
    pub(crate) fn check_rest(&self) -> Result<(), String> {
        for core in 0..self.mesh.cores() {
            let Some(visit) = self.mesh.baton(CoreId(core as u16)).try_visit() else {
                return Err(format!("core {core} does not rest"));
            };
            let (quiet, depth) = (visit.loans.is_quiet(), visit.loans.depth());
            let holds = visit.holds.is_empty();
            // Nobody waits for this visit.
            let _ = visit.leave(Errand::None);
            if !quiet {
                return Err(format!("core {core} has loans out or keeps work for them: {depth}"));
            }
            if !holds {
                return Err(format!("core {core} holds keys, or keeps work or wishes for what it held"));
            }
        }
        Ok(())
    }

    /// What is wrong with a world that is at rest and whose clients are gone: tickets that are open, work that is under way.
    pub(crate) fn check_over(&self) -> Result<(), String> {
        for core in 0..self.mesh.cores() {
            let Some(visit) = self.mesh.baton(CoreId(core as u16)).try_visit() else {
                return Err(format!("core {core} does not rest"));
            };
            let left = (
                visit.listeners.open_tickets(),
                usize::from(!visit.ready.is_empty()),
                visit.effects.len(),
                visit.busy.len(),
            );
            // Nobody waits for this visit.
            let _ = visit.leave(Errand::None);
            if left != (0, 0, 0, 0) {
                return Err(format!("core {core} has left {left:?} tickets, ready keys, effects, busy units"));
            }
            let under_way = self.places[core].core.under_way();
            if under_way > 0 {
                return Err(format!("core {core} has {under_way} pieces of work under way for nobody"));
            }
        }
        Ok(())
    }

    /// Entries of clients that the cores of a world at rest have gone through to find those whom something concerns.
    pub(crate) fn looks(&self) -> u64 {
        let listeners = |core: usize| {
            let visit = self.mesh.baton(CoreId(core as u16)).try_visit().expect("the world rests");
            let looks = visit.listeners.looks().count();
            // Nobody waits for this visit.
            let _ = visit.leave(Errand::None);
            looks
        };
        self.places.iter().enumerate().map(|(core, place)| place.core.looks() + listeners(core)).sum()
    }

    /// True if a core knows of a client that listens to something.
    pub(crate) fn has_listeners(&self) -> bool {
        self.places.iter().any(|place| place.core.has_listeners())
    }

    /// Bytes that all cores use, and that they and the reserve hold.
    pub(crate) fn memory(&mut self) -> Option<(u64, i64)> {
        let (mut used, mut held) = (0, 0);
        for core in 0..self.mesh.cores() {
            let (of_core, holds) = match self.places[core].core.memory() {
                Some(awake) => awake,
                None => {
                    // A core that is about to wake up does not tell.
                    let visit = self.mesh.baton(CoreId(core as u16)).try_visit()?;
                    let memory = (visit.used_bytes(), visit.memory.held());
                    // Nobody waits for this visit.
                    let _ = visit.leave(Errand::None);
                    memory
                }
            };
            (used, held) = (used + of_core, held + holds as i64);
        }
        Some((used, held + self.budget.balance().0))
    }

    /// Bytes of the clients of all cores that may be closed for them.
    pub(crate) fn closable_client_bytes(&self) -> u64 {
        self.places.iter().map(|place| place.core.closable_client_bytes()).sum()
    }

    /// Visits a core of a world at rest.
    pub(crate) fn visit<T>(&self, core: usize, look: impl FnOnce(&mut Shard) -> T) -> T {
        let mut visit = self.mesh.baton(CoreId(core as u16)).try_visit().expect("the world rests");
        let seen = look(&mut visit);
        // Nobody waits for this visit.
        let _ = visit.leave(Errand::None);
        seen
    }

    /// What a core of a world at rest has recorded since it was asked last.
    pub(crate) fn take_log(&self, core: usize) -> Taken {
        self.visit(core, |shard| shard.log.as_mut().expect("every world has a log").take())
    }

    /// Connections that the cores count.
    pub(crate) fn connections(&self) -> u64 {
        (0..self.mesh.cores()).map(|core| self.mesh.published(CoreId(core as u16)).connections.get()).sum()
    }

    /// Work that the cores count for clients that are gone.
    pub(crate) fn abandoned(&self) -> u64 {
        (0..self.mesh.cores()).map(|core| self.mesh.published(CoreId(core as u16)).abandoned.get()).sum()
    }

    /// Commands that went to another core by message, and commands that were carried out by visitors.
    pub(crate) fn traffic(&self) -> [u64; 2] {
        let cores = (0..self.mesh.cores()).map(|core| self.mesh.published(CoreId(core as u16)));
        cores.fold([0, 0], |[hops, visits], core| [hops + core.hops.get(), visits + core.visits.get()])
    }
}
