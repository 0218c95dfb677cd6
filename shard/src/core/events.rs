//! Completions: accepted connections, received bytes, finished sends, ends.

use std::io;

use crate::conn::{CONNECTIONS_PER_CORE_MAX, Closing, Conn};
use crate::mail::{Accepted, Mail};
use crate::mesh::{CoreId, Mesh};
use crate::resp::Auth;
use crate::ring::{ConnId, Event, ListenerId, Ring};
use crate::session::Session;
use crate::settings::QUERY_BYTES_MAX;
use crate::shard::Shard;

use super::{Inner, ListenerKind};

/// What a client beyond `maxclients` reads.
const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

/// What a client of another machine reads in protected mode.
const PROTECTED: &[u8] = b"-DENIED Ashlar runs in protected mode: protected mode is enabled, no password is set for the default \
user, and connections are only accepted from the loopback interface. To connect from other machines, set a password with \
requirepass, or turn protected mode off with CONFIG SET protected-mode no from this machine, or with protected-mode = false \
in the configuration file.\r\n";

impl<R: Ring> Inner<R> {
    /// Handles everything that the ring reported.
    pub(super) fn completions(&mut self, mesh: &Mesh<Shard>) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                Event::Received { conn, buffer, len } => self.received(mesh, conn, buffer, len),
                Event::Sent { conn, buffer, result } => self.sent(conn, buffer, result),
                Event::Ended { conn, error } => self.ended(conn, error),
                Event::Accepted { listener, socket } => self.accepted(mesh, listener, socket),
                Event::AcceptFailed { listener, error } => {
                    tracing::warn!(%error, "accepting stopped; it is tried again ten times a second");
                    self.deaf.push(listener);
                }
                Event::Released { .. } => mesh.published(self.id).connections.sub(1),
                Event::Woken => {}
            }
        }
        self.events = events;
    }

    fn received(&mut self, mesh: &Mesh<Shard>, id: ConnId, buffer: crate::ring::BufferId, len: usize) {
        let Some(mut conn) = self.conns.take(id) else { return self.ring.recycle(buffer) };
        if conn.input.capacity() == 0 {
            conn.input = self.buffer();
        }
        let wanted = conn.parser.wanted();
        if wanted > conn.input.capacity() - conn.input.len() {
            conn.input.reserve(wanted);
        }
        conn.input.extend_from_slice(self.ring.bytes(buffer, len));
        self.ring.recycle(buffer);
        self.cron.traffic.bytes_in += len as u64;
        self.cron.traffic.reads += 1;
        conn.session.active_us = self.now.monotonic_us;
        let limit = self.settings.client_query_buffer_limit.min(QUERY_BYTES_MAX) as usize;
        if conn.unread_bytes() > limit {
            tracing::debug!(client = conn.session.id, "closed: query buffer limit");
            self.cron.traffic.query_limit_closed += 1;
            conn.closing = Closing::Now;
        }
        self.drive(mesh, conn);
    }

    fn sent(&mut self, id: ConnId, buffer: Vec<u8>, result: io::Result<()>) {
        self.cron.traffic.bytes_out += buffer.len() as u64;
        self.cron.traffic.writes += 1;
        self.spare(buffer);
        let Some(mut conn) = self.conns.take(id) else { return };
        (conn.sending, conn.sending_room) = (0, 0);
        if result.is_err() {
            conn.closing = Closing::Now;
        }
        self.continue_sync(&mut conn);
        self.settle_sent(conn);
    }

    /// A send is done: what came together meanwhile goes next.
    fn settle_sent(&mut self, mut conn: Box<Conn>) {
        if !conn.out.is_empty() && conn.closing != Closing::Now && !conn.dirty {
            conn.dirty = true;
            self.dirty.push(conn.id);
        }
        self.settle(conn);
    }

    fn ended(&mut self, id: ConnId, error: Option<io::Error>) {
        let Some(mut conn) = self.conns.take(id) else { return };
        match error {
            Some(error) => {
                tracing::debug!(client = conn.session.id, %error, "client connection failed");
                conn.closing = Closing::Now;
            }
            None => conn.ended = true,
        }
        self.settle(conn);
    }

    fn accepted(&mut self, mesh: &Mesh<Shard>, listener: ListenerId, socket: R::Socket) {
        let unix = self.listeners[listener.0 as usize] == ListenerKind::Unix;
        let target = mesh.least_connected();
        mesh.published(target).connections.add(1);
        let accepted = Accepted { socket, unix };
        if target == self.id {
            return self.welcome(mesh, accepted);
        }
        match self.ends.send_notice(target.into(), Mail::Accepted(Box::new(accepted))) {
            Ok(()) => {}
            Err(Mail::Accepted(accepted)) => {
                mesh.published(target).connections.sub(1);
                mesh.published(self.id).connections.add(1);
                self.welcome(mesh, *accepted);
            }
            Err(_) => unreachable!("a refused notice is given back"),
        }
    }

    /// True if there are more clients than there may be, the one that just came included.
    fn is_full(&self, mesh: &Mesh<Shard>) -> bool {
        let published = (0..mesh.cores()).map(|core| mesh.published(CoreId(core as u16)));
        let clients: u64 = published.map(|core| core.connections.get() + core.abandoned.get()).sum();
        clients > self.settings.maxclients as u64 || self.conns.len() + self.abandoned >= CONNECTIONS_PER_CORE_MAX
    }

    /// Takes on a connection that is counted as this core's already.
    pub(super) fn welcome(&mut self, mesh: &Mesh<Shard>, accepted: Accepted<R::Socket>) {
        let id = self.ring.adopt(accepted.socket);
        let mut addresses = self.ring.addresses(id);
        if accepted.unix {
            // The client's end has no name: it goes by ours, as in Redis.
            addresses.peer.clone_from(&addresses.local);
        }
        let number = self.client_ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now_us = self.now.monotonic_us;
        let mut session = Session::new(number, Auth::Needed, now_us, addresses.peer, addresses.local, accepted.unix);
        session.sign_out(&self.guard.users);
        let refusal = if self.is_full(mesh) {
            self.cron.traffic.rejected += 1;
            Some(TOO_MANY_CLIENTS)
        } else if self.settings.protected_mode
            && self.guard.users.default_user().nopass
            && !session.is_local()
            && self.server.default_bind
        {
            Some(PROTECTED)
        } else {
            None
        };
        let mut conn = Box::new(Conn::new(id, session));
        self.cron.traffic.accepted += 1;
        match refusal {
            None => self.ring.receive(id),
            Some(text) => {
                conn.out.extend_from_slice(text);
                conn.closing = Closing::AfterReplies;
            }
        }
        self.conns.add(conn);
        if let Some(conn) = self.conns.take(id) {
            self.settle(conn);
        }
    }
}
