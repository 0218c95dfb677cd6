//! The service thread: everything of the process that is not on the path of a request, on one glommio executor that no CPU is
//! reserved for.
//!
//! It is one more address of the mesh. It parks and is woken like a core, asks cores questions (metrics, health), answers theirs
//! (CONFIG REWRITE, SHUTDOWN), takes on settings that concern the process (the log level), and ends the server. Reading order:
//!
//! - [`duties`]: what it does about mail.
//! - [`transfers`]: keys on their way to another server.
//! - [`saves`]: snapshots on their way to clients.
//! - [`http`]: requests and responses of the endpoint, as bytes.
//! - [`endpoint`]: the endpoint's connections.
//! - [`metrics`]: what `/metrics` says.
//!
//! It never waits for a core without a limit of time, and no core ever waits for it: writing the overrides file blocks this thread only.

mod duties;
mod endpoint;
mod http;
mod metrics;
mod saves;
mod transfers;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use glommio::{LocalExecutorBuilder, Placement};

use crate::alarm::Alarm;
use crate::boot::Running;
use crate::config::Origin;
use crate::log::Log;

pub(crate) use endpoint::{EndpointError, address};

/// Memory that glommio registers for direct file access with each of its three rings, in bytes: its least. It is locked, and nothing here
/// uses it yet.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// What the service thread is made from.
pub(crate) struct ServiceParts {
    /// The cores, and its own address among them.
    pub(crate) running: Running,
    /// What wakes it.
    pub(crate) alarm: Arc<Alarm>,
    /// The log, to change its level.
    pub(crate) log: Arc<Log>,
    /// Where the settings came from.
    pub(crate) origin: Origin,
    /// Where to serve metrics.
    pub(crate) metrics: Option<SocketAddr>,
}

/// Why the service thread did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// No thread.
    #[error("starting the service thread: {0}")]
    Thread(#[from] io::Error),
    /// No executor.
    #[error("the service thread's executor: {0}")]
    Executor(String),
    /// No endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// Starts the thread and returns once it runs. It ends after it told every core to stop.
///
/// # Errors
///
/// See [`ServiceError`]. Nothing of it runs then.
pub(crate) fn start(parts: ServiceParts) -> Result<JoinHandle<()>, ServiceError> {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::Builder::new().name("service".into()).spawn(move || run(parts, tell))?;
    match told.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ServiceError::Executor("it ended before it began".into())),
    }
}

fn run(parts: ServiceParts, tell: mpsc::Sender<Result<(), ServiceError>>) {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).name("service").io_memory(IO_MEMORY_BYTES).make();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => return tell.send(Err(ServiceError::Executor(error.to_string()))).unwrap_or(()),
    };
    executor.run(async move {
        let duties = Rc::new(duties::Duties::new(parts.running, parts.alarm, parts.log, parts.origin));
        let endpoint = match parts.metrics.map(|address| endpoint::open(address, duties.clone())).transpose() {
            Ok(endpoint) => endpoint,
            Err(error) => return tell.send(Err(error.into())).unwrap_or(()),
        };
        // Whoever started the thread waits for this word.
        let _ = tell.send(Ok(()));
        duties.serve().await;
        if let Some(endpoint) = endpoint {
            endpoint.cancel().await;
        }
    });
}
