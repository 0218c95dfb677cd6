//! What lies between the cores, and nothing else is shared by them: `spec/cores.md`.
//!
//! - [`budget`]: the process's memory budget as cores share it.
//! - [`baton`]: the right to touch a core's shard, one atomic word; the only `unsafe` here.
//! - [`mailbox`]: bounded lanes between addresses, and the credits that keep them from filling.
//! - [`loans`]: what one owner has lent and what waits for it.
//! - [`holds`]: keys of one owner that are being sent to another server, and what waits for them.
//! - [`published`]: numbers that any thread may read.
//! - [`ticket`]: what a waiting client's home core and the owners of its keys agree by.
//!
//! [`Mesh`] holds what all threads share: the batons and the published numbers. Mailbox ends and loans belong to one core each.

pub mod baton;
pub mod budget;
pub mod holds;
pub mod loans;
pub mod mailbox;
pub mod published;
mod sync;
#[cfg(test)]
mod tests;
pub mod ticket;

use baton::{Baton, Owner, Post};
use mailbox::Address;
use published::{Number, Published, PublishedClients};
use std::sync::Arc;

/// The number of a core loop, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

impl From<CoreId> for Address {
    /// Cores are the first addresses.
    fn from(core: CoreId) -> Address {
        Address(core.0)
    }
}

/// The batons of all cores and service threads and the published numbers of the cores; `S` is a core's shard.
pub struct Mesh<S> {
    cores: Vec<Arc<Baton<S>>>,
    /// A service thread has no shard, but parks and is woken like a core.
    services: Vec<Arc<Baton<()>>>,
    published: Vec<Published>,
    clients: Vec<PublishedClients>,
    /// See [`Mesh::bus_beat_us`].
    bus_beat_us: Number,
}

/// A mesh as it is made: the shared part, and the owners' ends to give to their threads.
pub struct MeshParts<S> {
    /// For every thread.
    pub mesh: Arc<Mesh<S>>,
    /// By core.
    pub cores: Vec<Owner<S>>,
    /// By service thread; its address is the number of cores plus its index.
    pub services: Vec<Owner<()>>,
}

impl<S> MeshParts<S> {
    /// Puts each shard behind a baton, and adds `services` addresses without one.
    pub fn new(shards: Vec<S>, services: usize) -> MeshParts<S> {
        let published = shards.iter().map(|_| Published::default()).collect();
        let clients = shards.iter().map(|_| PublishedClients::default()).collect();
        let (batons, cores) = shards.into_iter().map(Baton::new).unzip();
        let (service_batons, services) = (0..services).map(|_| Baton::new(())).unzip();
        MeshParts {
            mesh: Arc::new(Mesh {
                cores: batons,
                services: service_batons,
                published,
                clients,
                bus_beat_us: Number::default(),
            }),
            cores,
            services,
        }
    }
}

impl<S> Mesh<S> {
    /// Number of cores.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Number of addresses: cores and service threads.
    pub fn addresses(&self) -> usize {
        self.cores.len() + self.services.len()
    }

    /// The baton of a core, to visit it.
    pub fn baton(&self, core: CoreId) -> &Baton<S> {
        &self.cores[usize::from(core.0)]
    }

    /// Tells an address of mail that was pushed to it.
    pub fn post(&self, to: Address) -> Post {
        let to = usize::from(to.0);
        match self.cores.get(to) {
            Some(core) => core.post(),
            None => self.services[to - self.cores.len()].post(),
        }
    }

    /// The published numbers of a core.
    pub fn published(&self, core: CoreId) -> &Published {
        &self.published[usize::from(core.0)]
    }

    /// What a core has published of the memory of its clients.
    pub fn clients(&self, core: CoreId) -> &PublishedClients {
        &self.clients[usize::from(core.0)]
    }

    /// When the bus thread was last at work, in microseconds of the monotonic clock, as far as every core knows what it concluded; 0 before
    /// it was, or without a cluster.
    pub fn bus_beat_us(&self) -> &Number {
        &self.bus_beat_us
    }

    /// The core with the fewest connections, the lowest of several: where the next accepted one goes. O(cores).
    pub fn least_connected(&self) -> CoreId {
        let fewest = (0..self.published.len()).min_by_key(|&core| self.published[core].connections.get());
        CoreId(fewest.expect("there is at least one core") as u16)
    }
}
