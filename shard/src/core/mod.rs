//! The core loop: one pinned thread, one ring, one turn after the other.
//!
//! A turn has a fixed order: enter the ring; completions; connections that are due again; mail from other cores; timers; and
//! before it sleeps, one send per dirty connection and mail once per target. A core parks, which leaves its shard to visitors,
//! only when it owes nothing. The driver around it is `loop { park = core.turn(park) }`.
//!
//! Each file of this folder is one part of the turn.

mod access;
mod answers;
mod asks;
mod audit;
mod barrier;
mod batch;
mod blocked;
mod busy;
mod client_eviction;
mod clients;
mod cluster;
mod configure;
mod cron;
mod drive;
mod dropping;
mod emptied;
mod engine;
mod events;
mod exec;
mod expiry;
mod functions;
mod holdings;
mod holds;
mod jobs;
mod memory;
mod meters;
mod migrate;
mod migrate_within;
mod monitors;
mod notices;
mod outbox;
mod pause;
mod post;
mod pubsub;
mod routing;
mod saving;
mod script_replies;
mod script_routing;
mod scripts;
mod spares;
mod tracking;
mod turns;
mod units;
mod visits;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use evict::time::UnixMillis;
use keyspace::hash::KeyHasher;
use keyspace::signals::Changed;

use crate::acl::{Guard, Users};
use crate::busy::Busy;
use crate::command::{self, CommandTable};
use crate::commands::ServerInfo;
use crate::conn::{Conn, Conns, Waiting};
use crate::hop::Hop;
use crate::mail::{Mail, Question};
use crate::mesh::baton::{Owner, Wake as Woken};
use crate::mesh::loans::UnitId;
use crate::mesh::mailbox::{Address, Ends};
use crate::mesh::{CoreId, Mesh};
use crate::monitor::Monitors;
use crate::pubsub::audience::Audience;
use crate::pubsub::directory::Directory;
use crate::pubsub::notice::Notice;
use crate::ring::clock::ticks;
use crate::ring::{ConnId, Event, ListenerId, Now, Ring, Wait};
use crate::route::SlotMap;
use crate::session::Session;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::slowlog::{Slow, Slowlog};
use crate::unit::{Unit, UnitSeq};

use asks::Gathering;
use audit::Watch;
use batch::Batch;
use blocked::BlockedClients;
use cron::Cron;
use dropping::Droppings;
use emptied::{Emptying, Listening};
use engine::Scripts;
use expiry::ActiveExpiry;
use migrate::Migration;
use outbox::Outboxes;
use pause::PauseState;
use saving::{Saving, Syncing};
use spares::Spares;

/// How long a core may wait in its next enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Park {
    /// Something is owed: no wait, and the baton stays.
    Busy,
    /// Until something happens, at most this long.
    Until(Duration),
    /// The core was told to stop.
    Stopped,
}

/// One listener of a core, in the order given to its ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// TCP.
    Tcp,
    /// A UNIX socket.
    Unix,
}

/// What a core is made from.
pub struct CoreParts<R: Ring> {
    /// Its number.
    pub id: CoreId,
    /// Its ring, made on this thread.
    pub ring: R,
    /// What its listeners are.
    pub listeners: Vec<ListenerKind>,
    /// The owner's end of its baton.
    pub owner: Owner<Shard>,
    /// What all cores share.
    pub mesh: Arc<Mesh<Shard>>,
    /// Its mailboxes.
    pub ends: Ends<Mail<R::Socket>>,
    /// The slot map at start.
    pub map: SlotMap,
    /// The hasher of keys.
    pub hasher: KeyHasher,
    /// The settings at start.
    pub settings: Arc<Settings>,
    /// The users at start.
    pub users: Arc<Users>,
    /// Bytes of messages that may wait for each other core: `STREAM_BYTES_MAX`, and less where a simulation passes it.
    pub stream_bytes_max: usize,
    /// Entropy that no other core has.
    pub seed: [u8; 32],
    /// Facts about the process.
    pub server: Arc<ServerInfo>,
    /// Numbers of clients, one counter for the process.
    pub client_ids: Arc<AtomicU64>,
    /// Wakes the service thread.
    pub wake_service: Arc<dyn Fn() + Send + Sync>,
    /// The bus thread's address, if the cluster is on.
    pub bus: Option<Address>,
    /// Wakes the bus thread.
    pub wake_bus: Arc<dyn Fn() + Send + Sync>,
}

/// One core of the server.
pub struct Core<R: Ring> {
    mesh: Arc<Mesh<Shard>>,
    inner: Inner<R>,
}

/// Everything of a core but what it shares, so that a part of the turn can hold a visit to another core and still work here.
struct Inner<R: Ring> {
    id: CoreId,
    ring: R,
    listeners: Vec<ListenerKind>,
    /// Listeners whose accepting stopped: armed again by the cron.
    deaf: Vec<ListenerId>,
    owner: Owner<Shard>,
    ends: Ends<Mail<R::Socket>>,
    outboxes: Outboxes<R::Socket>,
    map: SlotMap,
    hasher: KeyHasher,
    settings: Arc<Settings>,
    settings_version: u64,
    /// Bytes that the clients of all cores may use together, if there is a limit.
    clients_limit: Option<u64>,
    /// Who may do what.
    guard: Guard,
    server: Arc<ServerInfo>,
    client_ids: Arc<AtomicU64>,
    wake_service: Arc<dyn Fn() + Send + Sync>,
    /// The bus thread's address, if the cluster is on.
    bus: Option<Address>,
    wake_bus: Arc<dyn Fn() + Send + Sync>,
    /// The bus thread has not been at work for too long.
    bus_is_late: bool,
    /// Another snapshot came into force this turn: who waits or listens is to hear of it.
    routes_changed: bool,
    /// Keys of slots that are lost, which are dropped in pieces.
    dropping: Droppings,
    table: &'static CommandTable,
    now: Now,
    /// The number of this turn.
    turn: u64,
    conns: Conns,
    /// Connections with work left from an earlier turn.
    ready: Vec<ConnId>,
    /// Connections with replies to send at the end of the turn.
    dirty: Vec<ConnId>,
    /// Connections that wait for the end of a client pause.
    postponed: Vec<ConnId>,
    /// The client pause.
    pauses: PauseState,
    /// Clients that wait for an element.
    blocked_clients: BlockedClients,
    /// Keys of this core that are looked at again: somebody else was about to serve who waits on them.
    again: Vec<Changed>,
    /// Units of this core that a busy script keeps from slots: told at the end of the turn.
    own_refusals: Vec<(UnitId, Busy)>,
    /// The engine of Lua.
    scripts: Scripts,
    /// What removes keys whose time is over.
    expiry: ActiveExpiry,
    /// The queues of an eviction policy have keys to take in.
    adopting: bool,
    /// What is watched for the audit.
    watch: Watch,
    units: HashMap<UnitSeq, Unit>,
    /// Connections that are gone in the middle of a transaction, which goes on.
    ghosts: HashMap<ConnId, Box<Conn>>,
    next_unit: UnitSeq,
    gatherings: BTreeMap<u64, Gathering>,
    /// MIGRATEs of our own clients, by numbers of the same series.
    migrations: BTreeMap<u64, Migration>,
    /// Replies of our own clients that wait until memory is free, likewise.
    emptyings: BTreeMap<u64, Emptying>,
    /// Snapshots of this core that are being written.
    saving: Saving,
    /// Clients of ours that wait for a snapshot, by numbers of the same series.
    syncs: BTreeMap<u64, Syncing>,
    /// Who wants to hear when what was dropped here is free.
    listening: Vec<Listening>,
    /// Bytes of the copies of keys that MIGRATEs have sent.
    copying_bytes: usize,
    /// Pieces of work under way for connections that are gone.
    abandoned: usize,
    next_gathering: u64,
    batch: Batch,
    spares: Spares,
    events: Vec<Event<R::Socket>>,
    mail: Vec<(Address, Mail<R::Socket>)>,
    mail_left: bool,
    /// Hops of our own connections that are back.
    returned: Vec<Box<Hop>>,
    /// Hops that are carried out here and go on in the next turn.
    unfinished: Vec<Box<Hop>>,
    /// Questions of our own connections to this core.
    own_questions: Vec<Question>,
    /// Who listens to the channels of this core's slots, and to patterns.
    directory: Directory,
    /// Which of our own clients listen.
    audience: Audience,
    /// Who is told of every command.
    monitors: Monitors,
    /// What this core tells itself, in order.
    own_notices: Vec<Notice>,
    /// Slow commands of our own clients.
    slowlog: Slowlog,
    cron: Cron,
    stopping: bool,
}

impl<R: Ring> Core<R> {
    /// A core that has not begun to accept.
    pub fn new(parts: CoreParts<R>) -> Self {
        let addresses = parts.mesh.addresses();
        let inner = Inner {
            id: parts.id,
            ring: parts.ring,
            listeners: parts.listeners,
            deaf: Vec::new(),
            owner: parts.owner,
            ends: parts.ends,
            outboxes: Outboxes::new(addresses, parts.stream_bytes_max),
            map: parts.map,
            hasher: parts.hasher,
            clients_limit: client_eviction::clients_limit(&parts.settings),
            settings: parts.settings,
            settings_version: 0,
            guard: Guard::new(parts.users, parts.seed),
            server: parts.server,
            client_ids: parts.client_ids,
            wake_service: parts.wake_service,
            bus: parts.bus,
            wake_bus: parts.wake_bus,
            bus_is_late: false,
            routes_changed: false,
            dropping: Droppings::new(),
            table: command::table(),
            now: Now::default(),
            turn: 0,
            conns: Conns::default(),
            ready: Vec::new(),
            dirty: Vec::new(),
            postponed: Vec::new(),
            pauses: PauseState::default(),
            blocked_clients: BlockedClients::default(),
            again: Vec::new(),
            own_refusals: Vec::new(),
            scripts: Scripts::default(),
            expiry: ActiveExpiry::default(),
            adopting: false,
            watch: Watch::default(),
            units: HashMap::new(),
            ghosts: HashMap::new(),
            next_unit: 0,
            gatherings: BTreeMap::new(),
            migrations: BTreeMap::new(),
            emptyings: BTreeMap::new(),
            saving: Saving::default(),
            syncs: BTreeMap::new(),
            listening: Vec::new(),
            copying_bytes: 0,
            next_gathering: 0,
            abandoned: 0,
            batch: Batch::default(),
            spares: Spares::default(),
            events: Vec::new(),
            mail: Vec::new(),
            mail_left: false,
            returned: Vec::new(),
            unfinished: Vec::new(),
            own_questions: Vec::new(),
            directory: Directory::default(),
            audience: Audience::default(),
            monitors: Monitors::default(),
            own_notices: Vec::new(),
            slowlog: Slowlog::default(),
            cron: Cron::default(),
            stopping: false,
        };
        let mut core = Core { mesh: parts.mesh, inner };
        core.inner.begin_cluster();
        core.inner.start();
        core
    }

    /// One turn. `park` is what the turn before returned; `Park::Busy` for the first.
    ///
    /// # Errors
    ///
    /// The ring is unusable: a broken invariant.
    pub fn turn(&mut self, park: Park) -> io::Result<Park> {
        let (mesh, inner) = (&*self.mesh, &mut self.inner);
        let wait = match park {
            Park::Until(_) if inner.owner.is_awake() && !inner.owner.park() => Wait::No,
            Park::Until(time) => Wait::Until(time),
            Park::Busy | Park::Stopped => Wait::No,
        };
        inner.ring.enter(wait, &mut inner.events)?;
        if inner.owner.wake() == Woken::Visited {
            // The visitor's leaving wakes this ring; until then there is nothing to do that needs no shard.
            return Ok(Park::Until(VISIT_WAIT));
        }
        let begun = ticks();
        inner.turn += 1;
        inner.clock();
        if inner.is_clustered() {
            inner.heed_bus(mesh);
        }
        inner.completions(mesh);
        inner.due(mesh);
        inner.receive_mail(mesh);
        inner.scripts_due(mesh);
        inner.timers(mesh);
        inner.begin_fast_expiry();
        inner.expire();
        inner.loose_ends(mesh);
        inner.before_sleep(mesh);
        inner.cron.turns.end(begun);
        Ok(inner.park())
    }

    /// Puts the baton down now and hands over what is queued, if the next turn with this `park` would: for a simulation, in
    /// which others run during the wait. True if the shard is open to visitors; that turn follows once the ring has something
    /// or the time is up.
    pub fn rest(&mut self, park: Park) -> bool {
        let Inner { owner, ring, .. } = &mut self.inner;
        let rests = matches!(park, Park::Until(_)) && (!owner.is_awake() || owner.park());
        if rests {
            ring.submit();
        }
        rests
    }

    /// True if the core knows of a client, of its own or of another core, that listens to something: for a simulation to look at.
    pub fn has_listeners(&self) -> bool {
        !self.inner.directory.is_empty() || !self.inner.audience.is_empty()
    }

    /// Units, transactions of clients that are gone, questions, scripts and blocked clients of the core: for a simulation to look at.
    pub fn under_way(&self) -> usize {
        let Inner { units, ghosts, gatherings, migrations, emptyings, syncs, scripts, blocked_clients, again, .. } =
            &self.inner;
        let questions = gatherings.len() + migrations.len() + emptyings.len() + syncs.len();
        let scripts = usize::from(scripts.running().is_some()) + scripts.waiting.len();
        let blocked = blocked_clients.count() + blocked_clients.timed();
        units.len() + ghosts.len() + questions + scripts + blocked + again.len()
    }

    /// Connections that were gone through to find those whom something concerns: for a simulation to look at.
    pub fn looks(&self) -> u64 {
        self.inner.conns.looks()
    }

    /// Bytes that the core uses and may use, if its shard is not open to visitors: for a simulation to look at.
    pub fn memory(&mut self) -> Option<(u64, u64)> {
        let Inner { owner, .. } = &mut self.inner;
        owner.is_awake().then(|| (owner.shard().used_bytes(), owner.shard().memory.held()))
    }

    /// Looks at the core's shard, if that is not open to visitors: for a simulation.
    pub fn look<T>(&mut self, look: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let Inner { owner, .. } = &mut self.inner;
        owner.is_awake().then(|| look(owner.shard()))
    }

    /// How many clients the core has: for a simulation to look at.
    pub fn clients(&self) -> usize {
        self.inner.conns.len()
    }

    /// Bytes of the core's clients, as they stand in its books and as they are: for a simulation to compare.
    pub fn client_bytes(&self) -> [u64; 2] {
        let inner = &self.inner;
        let real = inner.conns.in_place().map(|conn| {
            let away = if conn.waiting == Waiting::No { 0 } else { inner.away_bytes(conn) };
            conn.heap_bytes() - conn.away_bytes + away
        });
        [inner.conns.books().bytes(), real.sum::<usize>() as u64]
    }

    /// Bytes of the core's clients that may be closed for them: for a simulation to look at.
    pub fn closable_client_bytes(&self) -> u64 {
        self.inner.conns.books().counted().total()
    }

    /// The core's ring, for a simulation to drive.
    pub fn ring_mut(&mut self) -> &mut R {
        &mut self.inner.ring
    }
}

/// After how long a key is looked at again, in microseconds: whoever was about to serve a client is done long before.
const AGAIN_US: u64 = 1_000;

/// How long an owner waits at most for a visitor that was preempted. The wake-up comes long before.
const VISIT_WAIT: Duration = Duration::from_millis(100);

impl<R: Ring> Inner<R> {
    fn start(&mut self) {
        self.clock();
        self.audit_settings(&self.settings.clone());
        for listener in 0..self.listeners.len() {
            self.ring.accept(ListenerId(listener as u32));
        }
    }

    /// Reads the clock, once per turn.
    fn clock(&mut self) {
        self.now = self.ring.now();
        let now = UnixMillis((self.now.wall_us / 1000) as i64);
        self.owner.shard().advance(now);
    }

    /// Before sleep: memory, sends, then mail, then the freeing of what was dropped, then the end of clients that use too much.
    fn before_sleep(&mut self, mesh: &Mesh<Shard>) {
        self.share_memory();
        self.send_dirty();
        self.post_mail(mesh);
        mesh.published(self.id).abandoned.set(self.abandoned as u64);
        let keyspace = &mut self.owner.shard().keyspace;
        keyspace.free_dropped();
        self.adopting = keyspace.adopt_some();
        self.tell_freed(mesh);
        self.save_some();
        self.evict_clients(mesh);
    }

    /// What the next enter may do. A core that owes anything does not park.
    fn park(&mut self) -> Park {
        if self.stopping {
            self.ring.submit();
            return Park::Stopped;
        }
        let owes = self.mail_left
            || !self.ready.is_empty()
            || !self.dirty.is_empty()
            || !self.unfinished.is_empty()
            || !self.own_questions.is_empty()
            || self.ring.owes()
            || self.outboxes.is_ready()
            || !self.own_notices.is_empty()
            || self.pauses.is_released()
            || !self.owner.shard().effects.is_empty()
            || self.scripts.is_due()
            || self.expiry.is_under_way()
            || self.owner.shard().memory.is_under_way()
            || self.adopting
            || !self.own_refusals.is_empty()
            || self.drops_next()
            || self.saves_next()
            || self.owner.shard().keyspace.dropped() > 0;
        match owes {
            true => Park::Busy,
            false => Park::Until(self.cron.rest(self.now, self.next_due_us())),
        }
    }

    /// When something is due beside what the cron does, in microseconds of the monotonic clock.
    fn next_due_us(&self) -> u64 {
        let again_us = if self.again.is_empty() { u64::MAX } else { self.now.monotonic_us + AGAIN_US };
        self.pauses.ends_us().min(self.blocked_clients.next_us()).min(again_us)
    }

    /// An empty buffer with some room.
    fn buffer(&mut self) -> Vec<u8> {
        self.spares.buffer()
    }

    /// Keeps a buffer for reuse.
    fn spare(&mut self, buffer: Vec<u8>) {
        self.spares.keep_buffer(buffer);
    }

    /// Takes slow commands of one of our clients into the slow log.
    #[inline]
    fn log_slow(&mut self, session: &Session, slow: &mut Vec<Slow>) {
        for entry in slow.drain(..) {
            let entry = Slow { peer: session.peer.clone(), name: session.name.clone(), ..entry };
            self.slowlog.push(entry, self.settings.slowlog_max_len as usize);
        }
    }
}
