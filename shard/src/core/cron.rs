//! Timers: what a core does `hz` times a second.

use std::time::Duration;

use crate::conn::{Closing, Waiting};
use crate::mesh::Mesh;
use crate::report::Traffic;
use crate::ring::{Now, Ring};
use crate::shard::Shard;

use super::Inner;
use super::meters::Meters;
use super::turns::Turns;

/// How often all connections are looked at for time-outs, in microseconds.
const CLIENTS_CRON_US: u64 = 1_000_000;

/// Timers and what is counted of connections on one core.
#[derive(Default)]
pub(super) struct Cron {
    next_us: u64,
    clients_next_us: u64,
    /// Counters of connections and traffic.
    pub traffic: Traffic,
    /// Its turns.
    pub turns: Turns,
    /// What is measured from time to time.
    pub meters: Meters,
}

impl Cron {
    /// How long a core without work may rest, if nothing else is due before `other_us` of the monotonic clock.
    pub(super) fn rest(&self, now: Now, other_us: u64) -> Duration {
        Duration::from_micros(self.next_us.min(other_us).saturating_sub(now.monotonic_us))
    }
}

impl<R: Ring> Inner<R> {
    /// Does what is due.
    pub(super) fn timers(&mut self, mesh: &Mesh<Shard>) {
        let now_us = self.now.monotonic_us;
        self.end_pause(mesh);
        self.time_out(mesh);
        self.serve_again();
        if now_us < self.cron.next_us {
            return;
        }
        self.cron.next_us = now_us + 1_000_000 / u64::from(self.hz());
        for listener in std::mem::take(&mut self.deaf) {
            self.ring.accept(listener);
        }
        self.measure(mesh);
        self.begin_slow_expiry();
        self.audit(mesh);
        if now_us >= self.cron.clients_next_us {
            self.cron.clients_next_us = now_us + CLIENTS_CRON_US;
            self.clients_cron();
            self.sweep_routes(mesh);
            self.look_at_tables();
            self.look_at_holdings();
            self.audit_expiry();
        }
    }

    /// Ends clients that were idle for too long or above their soft output limit.
    fn clients_cron(&mut self) {
        let conns = &self.conns;
        self.postponed.retain(|&id| conns.get(id).is_some());
        let idle_us = self.settings.timeout as u64 * 1_000_000;
        self.cron.meters.begin_clients();
        for id in self.conns.ids() {
            let Some(mut conn) = self.conns.take(id) else { continue };
            self.cron.meters.client(&conn);
            let idle = self.now.monotonic_us.saturating_sub(conn.session.active_us);
            // Who listens has nothing to send.
            let listens = conn.session.is_subscribed() || conn.session.monitors;
            let must_speak = conn.waiting == Waiting::No && !listens;
            if idle_us > 0 && idle > idle_us && must_speak {
                tracing::debug!(client = conn.session.id, "closed: idle");
                conn.closing = Closing::Now;
            }
            self.settle(conn);
        }
    }
}
