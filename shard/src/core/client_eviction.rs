//! `maxmemory-clients`: when the clients of all cores together use too much, the largest are closed (`evict::clients`).
//!
//! It is looked at before a connection's next commands, and before sleep. A core knows what its own clients use to the byte. What those of
//! other cores use it reads from what they published at the end of their last turn, or when they last closed a client: so the sum lags
//! by what the other cores took on in the turn that they are in. If the largest are another core's, that is woken to look; should two
//! cores publish at the same moment and neither see the other, the next turn does, of which each core has `hz` a second. A core that
//! decides by numbers which change meanwhile may close one client that need not have gone.
//!
//! Without a limit all this is one test per batch, and nothing is published.

use evict::clients::{ClientMemory, closing_core};
use smallvec::SmallVec;

use crate::conn::{Closing, Conn};
use crate::mesh::baton::Post;
use crate::mesh::{CoreId, Mesh};
use crate::ring::{ConnId, Ring};
use crate::settings::Settings;
use crate::shard::Shard;

use super::Inner;

/// Bytes that all clients may use together.
pub(super) fn clients_limit(settings: &Settings) -> Option<u64> {
    settings.maxmemory_clients.bytes(settings.maxmemory)
}

impl<R: Ring> Inner<R> {
    /// Before a connection's next commands: closes clients if all use too much. True if the connection itself has to end.
    #[inline]
    pub(super) fn evicts(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn) -> bool {
        self.clients_limit.is_some() && self.evicts_beside(mesh, conn)
    }

    #[cold]
    fn evicts_beside(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn) -> bool {
        // It waits for nothing.
        conn.away_bytes = 0;
        self.conns.renew_taken(conn);
        while let Some(id) = self.next_evicted(mesh) {
            if id == conn.id {
                self.evict(conn);
                return true;
            }
            self.evict_in_place(id);
        }
        false
    }

    /// Before sleep: closes clients if all use too much.
    pub(super) fn evict_clients(&mut self, mesh: &Mesh<Shard>) {
        while let Some(id) = self.next_evicted(mesh) {
            self.evict_in_place(id);
        }
    }

    fn evict_in_place(&mut self, id: ConnId) {
        let mut conn =
            self.conns.take(id).expect("who is in the books is in its place, but for one that the caller has");
        self.evict(&mut conn);
        self.settle(conn);
    }

    fn evict(&mut self, conn: &mut Conn) {
        let (client, peer, bytes) = (conn.session.id, &conn.session.peer, conn.entered_bytes());
        tracing::info!(client, peer, bytes, "closed: all clients together use more than maxmemory-clients");
        self.cron.traffic.evicted += 1;
        conn.closing = Closing::Now;
    }

    /// The client of this core that has to go next. If another core's has to, that core is woken. Publishes what this core's clients
    /// use.
    fn next_evicted(&mut self, mesh: &Mesh<Shard>) -> Option<ConnId> {
        let limit = self.clients_limit?;
        self.publish_clients(mesh);
        let cores = || (0..mesh.cores() as u16).map(CoreId);
        if cores().map(|core| mesh.clients(core).total()).sum::<u64>() <= limit {
            return None;
        }
        let published: SmallVec<[ClientMemory; 8]> = cores().map(|core| mesh.clients(core).read()).collect();
        let mut all = ClientMemory::default();
        published.iter().for_each(|core| all.add(core));
        let bucket = all.close_from(Some(limit))?;
        let core = CoreId(closing_core(&published, bucket)? as u16);
        if core == self.id {
            return self.conns.books().one_of(bucket);
        }
        if mesh.post(core.into()) == Post::Wake {
            self.ring.wake_core(core.0);
        }
        None
    }

    fn publish_clients(&mut self, mesh: &Mesh<Shard>) {
        let books = self.conns.books_mut();
        let changed = books.take_changed();
        if changed != 0 {
            mesh.clients(self.id).publish(books.counted(), changed);
        }
    }
}
