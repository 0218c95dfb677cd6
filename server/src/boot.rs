//! Start: from settings to running core loops.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use keyspace::hash::{KeyHasher, Random};
use keyspace::store::Keyspace;
use shard::acl::{Secrets, Users};
use shard::command;
use shard::commands::ServerInfo;
use shard::core::{Core, CoreParts, ListenerKind, Park};
use shard::mail::Mail;
use shard::memory;
use shard::mesh::baton::Owner;
use shard::mesh::budget::Budget;
use shard::mesh::mailbox::{Address, Ends, MAILBOX_MESSAGES, mailboxes};
use shard::mesh::{CoreId, Mesh, MeshParts};
use shard::pubsub::notice::STREAM_BYTES_MAX;
use shard::ring::clock;
use shard::ring::uring::{RingTable, Unusable, Uring, UringConfig};
use shard::route::SlotMap;
use shard::settings::Settings;
use shard::shard::{Shard, ShardParts};

use crate::alarm::Alarm;
use crate::listen::{ListenError, Listeners};
use crate::post::{Rouser, Seat};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A core has no ring.
    #[error("core {core}: {cause}")]
    Ring {
        /// The core.
        core: u16,
        /// What is missing and its cure.
        cause: Unusable,
    },
    /// `maxmemory` leaves the cores too little.
    #[error("maxmemory: {0}")]
    TooLittleMemory(String),
    /// The operating system refused something else.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: std::io::Error,
    },
}

/// The socket type of the cores' rings.
pub(crate) type Socket = <Uring as shard::ring::Ring>::Socket;

/// A running server, as the service thread sees it.
pub(crate) struct Running {
    /// The service thread's place.
    pub(crate) service: Seat,
    /// Facts about the process.
    pub(crate) server: Arc<ServerInfo>,
    /// The settings at start.
    pub(crate) settings: Arc<Settings>,
}

/// Number of core loops that the settings ask for: by default one per CPU that this process may use.
pub(crate) fn core_count(settings: &Settings) -> u16 {
    match settings.cores {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()).min(u16::MAX as usize) as u16,
        n => n as u16,
    }
}

/// What wakes the service threads.
#[derive(Default)]
pub(crate) struct Alarms {
    /// The service thread.
    pub(crate) service: Arc<Alarm>,
    /// The bus thread, if there is a cluster.
    pub(crate) bus: Option<Arc<Alarm>>,
}

/// What runs: what the service thread sees of it, the bus thread's place if there is a cluster, and the threads of the cores.
pub(crate) type Started = (Running, Option<Seat>, Vec<JoinHandle<()>>);

/// Starts the cores and returns once every one of them listens, with their threads, which end when the service thread says so.
///
/// # Errors
///
/// What is missing, with its cure. Nothing runs then.
pub(crate) fn start(
    settings: Arc<Settings>,
    users: Users,
    config_file: Option<PathBuf>,
    alarms: &Alarms,
) -> Result<Started, BootError> {
    let system = |what| move |error| BootError::System { what, error };
    let cores = core_count(&settings);
    if let Some(reason) = memory::too_little(&settings, cores) {
        return Err(BootError::TooLittleMemory(reason));
    }
    let listeners = crate::listen::open(&settings, cores)?;
    clock::calibrate();
    let (hasher, mut random, secrets) = seeds()?;
    let server = Arc::new(server_info(&settings, config_file, &mut random));
    let slow_ids = Arc::new(AtomicU64::new(0));
    let budget = Arc::new(Budget::new(settings.maxmemory, usize::from(cores)));
    let shards = (0..cores).map(|core| {
        let limits = settings.data_limits();
        let keyspace = Keyspace::new(settings.databases as u16, hasher.clone(), Random::new(random.draw()), limits);
        let (settings, slow_ids, table) = (settings.clone(), slow_ids.clone(), command::table());
        let (map, budget, log) = (SlotMap::striped(cores), budget.clone(), None);
        Shard::new(ShardParts { core: CoreId(core), keyspace, settings, slow_ids, table, map, budget, log })
    });
    let threads = std::iter::once(&alarms.service).chain(&alarms.bus);
    let MeshParts { mesh, cores: owners, services } = MeshParts::new(shards.collect(), threads.clone().count());
    let mut ends = mailboxes(mesh.addresses(), MAILBOX_MESSAGES);
    let service_ends = ends.split_off(usize::from(cores));
    let table = RingTable::new(cores).map_err(system("making eventfds"))?;
    let core_rousers = (0..cores).map(|core| Rouser::Core(table.waker(core)));
    let rousers: Vec<Rouser> = core_rousers.chain(threads.map(|alarm| Rouser::Thread(alarm.clone()))).collect();
    let waking = |alarm: Arc<Alarm>| -> Arc<dyn Fn() + Send + Sync> { Arc::new(move || alarm.ring()) };
    let start = CoreStart {
        mesh: mesh.clone(),
        table,
        hasher,
        settings: settings.clone(),
        users: Arc::new(users),
        server: server.clone(),
        client_ids: Arc::new(AtomicU64::new(1)),
        wake_service: waking(alarms.service.clone()),
        // The last address.
        bus: alarms.bus.as_ref().map(|_| Address(cores + 1)),
        wake_bus: waking(alarms.bus.clone().unwrap_or_default()),
    };
    let threads = start.spawn(owners, ends, listeners, secrets)?;
    let mut seats = services.into_iter().zip(service_ends).map(|(owner, ends)| {
        let (mesh, rousers) = (mesh.clone(), rousers.clone());
        Seat { mesh, owner, ends, rousers }
    });
    let service = seats.next().expect("a service thread was asked for");
    Ok((Running { service, server, settings }, seats.next(), threads))
}

/// The process's hash seed, the seed of what needs no secrecy, and a source of seeds for what does.
fn seeds() -> Result<(KeyHasher, Random, Secrets), BootError> {
    let mut bytes = [0u8; 40 + 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| BootError::System { what: "reading entropy", error: std::io::Error::other(error) })?;
    let (words, secret) = bytes.split_at(40);
    let secrets = Secrets::new(secret.try_into().expect("thirty-two bytes are left"));
    let mut words = words.chunks_exact(8).map(|c| u64::from_ne_bytes(c.try_into().expect("chunks of eight bytes")));
    let mut next = || words.next().expect("forty bytes are five words");
    Ok((KeyHasher::new([next(), next(), next(), next()]), Random::new(next()), secrets))
}

fn server_info(settings: &Settings, config_file: Option<PathBuf>, random: &mut Random) -> ServerInfo {
    let run_id: String = (0..40).map(|_| char::from_digit(random.below(16) as u32, 16).expect("below 16")).collect();
    ServerInfo {
        run_id,
        pid: std::process::id(),
        started_us: clock::now_us(),
        executable: std::env::current_exe().unwrap_or_default(),
        config_file,
        default_bind: settings.bind == Settings::default().bind,
    }
}

/// What every core starts from.
struct CoreStart {
    mesh: Arc<Mesh<Shard>>,
    table: Arc<RingTable>,
    hasher: KeyHasher,
    settings: Arc<Settings>,
    users: Arc<Users>,
    server: Arc<ServerInfo>,
    client_ids: Arc<AtomicU64>,
    wake_service: Arc<dyn Fn() + Send + Sync>,
    bus: Option<Address>,
    wake_bus: Arc<dyn Fn() + Send + Sync>,
}

impl CoreStart {
    /// Starts one pinned thread per core, each with a seed of its own, and waits until each has its ring and listens.
    fn spawn(
        self,
        owners: Vec<Owner<Shard>>,
        ends: Vec<Ends<Mail<Socket>>>,
        listeners: Listeners,
        mut secrets: Secrets,
    ) -> Result<Vec<JoinHandle<()>>, BootError> {
        let cpus = core_affinity::get_core_ids().unwrap_or_default();
        let shared = Arc::new(self);
        let (tell, told) = mpsc::channel();
        let mut threads = Vec::new();
        for (core, ((owner, ends), listeners)) in owners.into_iter().zip(ends).zip(listeners).enumerate() {
            let cpu = cpus.get(core % cpus.len().max(1)).copied();
            let (shared, tell, seed) = (shared.clone(), tell.clone(), secrets.seed());
            let body = move || {
                if let Some(cpu) = cpu {
                    core_affinity::set_for_current(cpu);
                }
                shared.run(core as u16, owner, ends, listeners, seed, tell);
            };
            let thread = std::thread::Builder::new().name(format!("core-{core}")).spawn(body);
            threads.push(thread.map_err(|error| BootError::System { what: "starting a core's thread", error })?);
        }
        drop(tell);
        // A thread that ends without a word panicked, and a panic ends the process.
        told.into_iter().collect::<Result<Vec<()>, BootError>>()?;
        Ok(threads)
    }

    /// One core's thread.
    fn run(
        &self,
        core: u16,
        owner: Owner<Shard>,
        ends: Ends<Mail<Socket>>,
        listeners: Vec<(std::os::fd::OwnedFd, ListenerKind)>,
        seed: [u8; 32],
        tell: mpsc::Sender<Result<(), BootError>>,
    ) {
        let config = UringConfig {
            buffers: self.settings.ring_buffers as u16,
            buffer_bytes: self.settings.ring_buffer_bytes,
            tcp_keepalive_s: self.settings.tcp_keepalive,
            ..UringConfig::default()
        };
        let (sockets, kinds) = listeners.into_iter().unzip();
        let ring = match Uring::new(&config, core, self.table.clone(), sockets) {
            Ok(ring) => ring,
            Err(cause) => return tell.send(Err(BootError::Ring { core, cause })).unwrap_or(()),
        };
        let mut core = Core::new(CoreParts {
            id: CoreId(core),
            ring,
            listeners: kinds,
            owner,
            mesh: self.mesh.clone(),
            ends,
            map: SlotMap::striped(self.mesh.cores() as u16),
            hasher: self.hasher.clone(),
            settings: self.settings.clone(),
            users: self.users.clone(),
            stream_bytes_max: STREAM_BYTES_MAX,
            seed,
            server: self.server.clone(),
            client_ids: self.client_ids.clone(),
            wake_service: self.wake_service.clone(),
            bus: self.bus,
            wake_bus: self.wake_bus.clone(),
        });
        // Boot may have given up on another core's account.
        if tell.send(Ok(())).is_err() {
            return;
        }
        drop(tell);
        let mut park = Park::Busy;
        while park != Park::Stopped {
            park = core.turn(park).expect("a ring whose errors are all handled stays usable");
        }
        // The process ends now, and the system takes the data back at once. The ring is closed in order: the kernel takes its
        // time with one that is not, and holds on to the port meanwhile.
        std::mem::forget(self.mesh.clone());
        drop(core);
    }
}
