//! What the process needs of its machine, checked before anything starts: kernel, io_uring, lockable memory, descriptors.
//!
//! Limits that the process may raise itself are raised. A missing need is named with its cure. Too few descriptors for
//! `maxclients` lower it, as Redis does, since a server with fewer clients is better than none.

use std::io;
use std::sync::Arc;

use rlimit::Resource;
use shard::ring::uring::{self, Unusable};
use shard::settings::Settings;

/// Lockable memory that glommio insists on, in bytes.
const MEMLOCK_BYTES_MIN: u64 = 512 << 10;

/// Lockable memory to ask for where the hard limit must be raised, in bytes: a common default of distributions, and enough for 64 rings.
const MEMLOCK_BYTES_WANTED: u64 = 8 << 20;

/// Descriptors besides those of clients that do not grow with the cores: standard streams, log, the service thread's rings and
/// timers, files that are written, connections to the metrics endpoint, and as many again that commands such as CONFIG REWRITE need for
/// a moment.
const DESCRIPTORS_RESERVED: u64 = 128;

/// Descriptors of the cluster bus: two links to each node of a large cluster, its rings and its listeners.
const DESCRIPTORS_OF_BUS: u64 = 512;

/// Descriptors of a core besides its listeners: ring and eventfd, and one to refuse a client with.
const DESCRIPTORS_PER_CORE: u64 = 3;

/// A need that is not met.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Need {
    /// io_uring, as the core loops use it.
    #[error(transparent)]
    Ring(#[from] Unusable),
    /// Lockable memory for the service thread.
    #[error(
        "RLIMIT_MEMLOCK is {bytes} bytes, but the service thread needs {MEMLOCK_BYTES_MIN}: raise it to 8 MiB or more \
         (`ulimit -l 8192`; systemd: LimitMEMLOCK=8M; Docker: --ulimit memlock=8388608)"
    )]
    Memlock {
        /// The limit.
        bytes: u64,
    },
    /// Not even descriptors for one client.
    #[error(
        "the limit of {available} open files is too low to start: raise it to {wanted} or more (`ulimit -n {wanted}`; \
         systemd: LimitNOFILE={wanted}; Docker: --ulimit nofile={wanted})"
    )]
    Descriptors {
        /// The limit.
        available: u64,
        /// What serves `maxclients`.
        wanted: u64,
    },
    /// A limit cannot be read.
    #[error("can't read the limits of this process: {0}")]
    Limits(#[from] io::Error),
}

/// Checks everything, raises what can be raised, and lowers `maxclients` to what the descriptors allow.
///
/// # Errors
///
/// Every need that is not met.
pub(crate) fn check(settings: &mut Arc<Settings>, cores: u16) -> Result<(), Vec<Need>> {
    // Limits first: making a ring may need them raised.
    let limits = [raise_memlock(), fit_clients(settings, cores)];
    let mut missing: Vec<Need> = limits.into_iter().filter_map(Result::err).collect();
    missing.extend(uring::probe().err().map(Need::Ring));
    warn_of_short_backlog(settings.tcp_backlog);
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// Raises the soft limit of lockable memory to the hard one, and both if they are too low and the process may.
fn raise_memlock() -> Result<(), Need> {
    let (soft, hard) = Resource::MEMLOCK.get()?;
    if soft < hard && Resource::MEMLOCK.set(hard, hard).is_ok() && hard >= MEMLOCK_BYTES_MIN {
        return Ok(());
    }
    let (soft, hard) = Resource::MEMLOCK.get()?;
    let wanted = hard.max(MEMLOCK_BYTES_WANTED);
    match soft >= MEMLOCK_BYTES_MIN || Resource::MEMLOCK.set(wanted, wanted).is_ok() {
        true => Ok(()),
        false => Err(Need::Memlock { bytes: soft }),
    }
}

/// Raises the limit of descriptors to what `maxclients` needs, or lowers `maxclients` to what there is.
fn fit_clients(settings: &mut Arc<Settings>, cores: u16) -> Result<(), Need> {
    let reserved = descriptors_reserved(settings, cores);
    let wanted = u64::from(settings.maxclients) + reserved;
    let (soft, hard) = Resource::NOFILE.get()?;
    if soft >= wanted {
        return Ok(());
    }
    // A privileged process may raise the hard limit as well.
    let refusal = match Resource::NOFILE.set(wanted, hard.max(wanted)) {
        Ok(()) => {
            tracing::info!("Increased maximum number of open files to {wanted} (it was originally set to {soft}).");
            return Ok(());
        }
        Err(refusal) => refusal,
    };
    let available = if Resource::NOFILE.set(hard, hard).is_ok() { hard } else { soft };
    if available >= wanted {
        return Ok(());
    }
    let Some(clients) = available.checked_sub(reserved).filter(|clients| *clients > 0) else {
        return Err(Need::Descriptors { available, wanted });
    };
    let asked = settings.maxclients;
    Arc::make_mut(settings).maxclients = clients as u32;
    tracing::warn!("{asked} clients (maxclients) need {wanted} open files, and the limit can't be raised: {refusal}.");
    tracing::warn!(
        "Current maximum open files is {available}. maxclients has been reduced to {clients} to compensate for low ulimit. \
         If you need higher maxclients increase 'ulimit -n'."
    );
    Ok(())
}

/// Descriptors that are not for clients.
fn descriptors_reserved(settings: &Settings, cores: u16) -> u64 {
    let listeners = settings.bind.len() as u64;
    let bus = if settings.cluster_enabled { DESCRIPTORS_OF_BUS } else { 0 };
    DESCRIPTORS_RESERVED + bus + u64::from(cores) * (DESCRIPTORS_PER_CORE + listeners)
}

fn warn_of_short_backlog(backlog: u32) {
    let path = "/proc/sys/net/core/somaxconn";
    let Some(max) = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u32>().ok()) else { return };
    if max < backlog {
        tracing::warn!(
            "The TCP backlog setting of {backlog} cannot be enforced because {path} is set to the lower value of {max}."
        );
    }
}
