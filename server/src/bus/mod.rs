//! The bus thread: the transport of the cluster, on a glommio executor of its own, which is never niced: cores that are busy must not
//! make this node look dead.
//!
//! `clusterbus` decides; this carries messages, files and snapshots. It is one more address of the mesh, behind the service thread.
//! Reading order:
//!
//! - [`place`], [`announce`], [`clock`]: where the bus is, what the machine is told of the settings, what time it is.
//! - [`nodes_file`], [`saver`]: `nodes.conf`, and the thread that writes it.
//! - [`driver`], [`tasks`]: rounds, and what is done of what the machine says.
//! - [`connect`], [`link`], [`outgoing`]: connections, and what goes over them.
//! - [`routes`], [`losses`]: what cores are told, and what they drop.
//! - [`commands`], [`asking`], [`held`], [`questions`]: CLUSTER commands.
//! - [`publications`]: messages of clients.
//! - [`forming`]: a cluster that a file describes.
//! - [`alarms`]: what a human should hear of.

mod alarms;
mod announce;
mod asking;
mod clock;
mod commands;
mod connect;
mod driver;
mod forming;
mod held;
mod link;
mod losses;
mod nodes_file;
mod outgoing;
mod place;
mod publications;
mod questions;
mod routes;
mod saver;
mod tasks;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clusterbus::cluster::Cluster;
use clusterbus::conf::{NodesConf, PrimaryPort};
use clusterbus::flags::NodeFlags;
use clusterbus::id::{ID_BYTES, NodeId, ShardId};
use clusterbus::slot_set::SlotSet;
use clusterbus::time::Millis;
use glommio::net::TcpListener;
use glommio::timer::sleep;
use glommio::{LocalExecutorBuilder, Placement};
use shard::ask::Ask;
use shard::settings::Settings;

use crate::alarm::Alarm;
use crate::config::Described;
use crate::post::{Post, Seat};
use clock::Clock;
use connect::Manner;
use driver::{Bus, Parts};
use forming::Forming;
use nodes_file::NodesFile;
use place::Place;
use saver::Saver;

pub(crate) use nodes_file::NodesFileError;
pub(crate) use place::PlaceError;

/// How often the machine is told that time goes on (§14.1).
const TICK: Duration = Duration::from_millis(100);

/// Memory that glommio registers for direct file access with each of its three rings, in bytes: its least. Nothing here uses it.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// How long cores may take to say what they store, at start.
const STORED_TIME_MAX: Duration = Duration::from_secs(60);

/// Why this node does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// It cannot be where it should.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] NodesFileError),
    /// There is no entropy for its name.
    #[error("reading entropy: {0}")]
    Entropy(getrandom::Error),
    /// The system refused something else.
    #[error("starting the bus thread: {0}")]
    System(#[from] io::Error),
    /// No executor.
    #[error("the bus thread's executor: {0}")]
    Executor(String),
    /// The cores do not say what they store.
    #[error("the cores do not say in which slots they have keys")]
    Silence,
    /// It was a replica.
    #[error(
        "the node of {0} is a replica, and this server has no replication of data yet: make it a master where it ran before, or \
         move the file away to start as a new node"
    )]
    Replica(String),
    /// Keys that no node of a cluster may have.
    #[error("{0} keys are in databases other than 0, which a node of a cluster does not have")]
    OtherDatabases(u64),
}

/// A node that knows who it is, before anything runs.
pub(crate) struct Prepared {
    cluster: Cluster,
    clock: Clock,
    place: Place,
    file: NodesFile,
    forming: Option<Forming>,
}

/// Finds out where the bus is, locks and reads `nodes.conf`, and makes a new node if there is none, which is on disk at once.
///
/// # Errors
///
/// See [`BusError`]. Nothing was changed then, but for a lock that ends with the process.
pub(crate) fn prepare(settings: &Settings, described: Option<Described>) -> Result<Prepared, BusError> {
    let place = Place::find(settings)?;
    let file = NodesFile::lock(&settings.cluster_config_file)?;
    let conf = file.load()?;
    if let Some(disputed) = conf.as_ref().map(|conf| &conf.disputed).filter(|disputed| !disputed.is_empty()) {
        let slots: SlotSet = disputed.iter().copied().collect();
        tracing::warn!(
            "{} gives these slots to more than one node; who has the greatest config epoch has them: {slots:?}",
            settings.cluster_config_file
        );
    }
    let forming = described.map(|described| Forming::new(described, conf.as_ref()));
    let (clock, entropy) = (Clock::start(), entropy().map_err(BusError::Entropy)?);
    let cluster_settings = announce::cluster_settings(settings, place.port, forming.as_ref());
    let now = clock.now();
    let mut cluster = match &conf {
        Some(conf) if is_replica(conf) => return Err(BusError::Replica(settings.cluster_config_file.clone())),
        Some(conf) => Cluster::restore(cluster_settings, conf, entropy.seed, now),
        None => {
            tracing::info!("No cluster configuration found, I'm {}", entropy.node);
            Cluster::create(cluster_settings, entropy.node, entropy.shard, entropy.seed, now)
        }
    };
    if let (None, Some(forming)) = (&conf, &forming) {
        cluster.set_config_epoch(forming.my_epoch()).expect("a new node knows nobody and has no epoch");
    }
    if conf.is_none() {
        nodes_file::replace(file.path(), &cluster.conf().print(PrimaryPort::Tcp))?;
    }
    cluster.set_mode(settings.cluster_bus_mode.mode());
    Ok(Prepared { cluster, clock, place, file, forming })
}

/// Whether the node that wrote this followed another.
fn is_replica(conf: &NodesConf) -> bool {
    conf.nodes.iter().any(|node| node.id == conf.myself && node.flags.has(NodeFlags::REPLICA))
}

/// What chance gives a new node.
struct Entropy {
    node: NodeId,
    shard: ShardId,
    seed: u64,
}

fn entropy() -> Result<Entropy, getrandom::Error> {
    let (mut node, mut shard, mut seed) = ([0; ID_BYTES / 2], [0; ID_BYTES / 2], [0; 8]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut shard)?;
    getrandom::fill(&mut seed)?;
    let (node, shard) = (NodeId::from_entropy(node), ShardId::from_entropy(shard));
    Ok(Entropy { node, shard, seed: u64::from_ne_bytes(seed) })
}

/// Starts the thread, and returns once it has made what is stored and what the file says agree, and listens. It ends when the service
/// thread tells it to.
///
/// # Errors
///
/// See [`BusError`].
pub(crate) fn start(
    prepared: Prepared,
    seat: Seat,
    settings: Arc<Settings>,
    alarm: Arc<Alarm>,
) -> Result<JoinHandle<()>, BusError> {
    let (tell, told) = mpsc::channel();
    let body = move || run(prepared, seat, settings, alarm, tell);
    let thread = std::thread::Builder::new().name("bus".into()).spawn(body)?;
    match told.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(BusError::Executor("it ended before it began".into())),
    }
}

fn run(
    prepared: Prepared,
    seat: Seat,
    settings: Arc<Settings>,
    alarm: Arc<Alarm>,
    tell: mpsc::Sender<Result<(), BusError>>,
) {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).name("bus").io_memory(IO_MEMORY_BYTES).make();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => return tell.send(Err(BusError::Executor(error.to_string()))).unwrap_or(()),
    };
    executor.run(async move {
        let Prepared { cluster, clock, place, file, forming } = prepared;
        let saver = match Saver::start(file.path().to_owned(), alarm.clone()) {
            Ok(saver) => saver,
            Err(error) => return tell.send(Err(error.into())).unwrap_or(()),
        };
        let place = Rc::new(place);
        let manner = Manner { place: place.clone(), node_timeout: Millis(settings.cluster_node_timeout) };
        let post = Rc::new(RefCell::new(Post::new(seat)));
        let parts = Parts { cluster, post, settings, clock, forming, alarm: alarm.clone(), manner, saver };
        let bus = Bus::new(parts);
        let turns = glommio::spawn_local(serve(bus.clone(), alarm));
        let begun = begin(&bus, &place).await;
        // Whoever started the thread waits for this word, and ends the process if it is bad.
        let _ = tell.send(begun);
        tasks::spawn(keep_time(bus.clone()));
        turns.await;
        bus.borrow_mut().end();
        // The file is locked until here.
        drop(file);
    });
}

/// Takes turns until the process ends.
async fn serve(bus: Rc<RefCell<Bus>>, alarm: Arc<Alarm>) {
    std::future::poll_fn(|context| {
        alarm.arm(context.waker());
        bus.borrow_mut().turn()
    })
    .await;
}

/// C08, §13.5: what is stored and what the file says are made to agree, then other nodes may come.
async fn begin(bus: &Rc<RefCell<Bus>>, place: &Place) -> Result<(), BusError> {
    let post = bus.borrow().post.clone();
    let answers = questions::ask_cores(&post, Ask::SlotKeys, STORED_TIME_MAX).await;
    let (slots, elsewhere) = answers.and_then(commands::stored).ok_or(BusError::Silence)?;
    if elsewhere > 0 {
        return Err(BusError::OtherDatabases(elsewhere));
    }
    bus.borrow_mut().reconcile(&slots);
    for address in &place.listens {
        let listener = TcpListener::bind(address).map_err(|error| PlaceError::Listen {
            port: place.port,
            address: address.ip().to_string(),
            error: error.into(),
        })?;
        tasks::spawn(connect::accept(bus.clone(), listener));
    }
    Ok(())
}

/// Ticks for as long as the process lives. Ticks that were missed are not made up for.
async fn keep_time(bus: Rc<RefCell<Bus>>) {
    let mut next = Instant::now();
    loop {
        next = (next + TICK).max(Instant::now());
        sleep(next.saturating_duration_since(Instant::now())).await;
        bus.borrow_mut().tick();
    }
}
