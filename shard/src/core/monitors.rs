//! MONITOR at one core: what its clients send goes to the monitors of all cores.

use keyspace::args::Args;

use crate::command::Command;
use crate::conn::{Closing, Conn};
use crate::mesh::CoreId;
use crate::monitor::{Sender, UNREAD_BYTES_MAX, is_shown};
use crate::pubsub::notice::Notice;
use crate::ring::{ConnId, Ring};

use super::Inner;
use super::drive::is_over_limit;
use super::notices::append_push;

impl<R: Ring> Inner<R> {
    /// Tells the monitors, if there are any, of a command that a client, or the script that it stands for, has carried out now.
    #[inline]
    pub(super) fn show(&mut self, conn: &Conn, command: &Command, args: Args) {
        if self.monitors.any() {
            self.show_to_monitors(conn, command, args);
        }
    }

    #[cold]
    fn show_to_monitors(&mut self, conn: &Conn, command: &Command, args: Args) {
        if !is_shown(command) {
            return;
        }
        let session = &conn.session;
        let sender = match () {
            () if conn.script_of.is_some() => Sender::Script,
            () if session.unix => Sender::Unix(&self.settings.unixsocket),
            () => Sender::Tcp(&session.peer),
        };
        if self.monitors.write(self.now.wall_us, sender, session.db, command, args) {
            self.send_lines();
        }
    }

    /// A core has one monitor more. It does not hear of what was before.
    pub(super) fn begin_monitoring(&mut self, core: CoreId) {
        self.send_lines();
        self.monitors.count(core, 1);
    }

    /// Sends the lines that were written to the cores of the monitors.
    fn send_lines(&mut self) {
        let Some((lines, cores)) = self.monitors.take(self.now.wall_us) else { return };
        for core in cores {
            match core == self.id {
                true => self.monitors.receive(lines.clone()),
                false => self.outboxes.tell(core.into(), Notice::Monitored(lines.clone())),
            }
        }
    }

    /// At the end of a turn: sends what this core's clients did, and gives this core's monitors what all did. One that does not read
    /// is ended. Every connection is in its place.
    pub(super) fn tell_monitors(&mut self) {
        if self.monitors.any() {
            self.send_lines();
        }
        let own = self.monitors.own();
        let Some(arrived) = self.monitors.arrived() else { return self.cut_monitors(own) };
        if arrived.is_empty() {
            return;
        }
        let limits = &self.settings.client_output_buffer_limit;
        let mut slow = Vec::new();
        for id in own {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            for text in arrived.iter().filter_map(|lines| lines.text.as_deref()) {
                append_push(conn, text, &mut self.spares, &mut self.dirty);
                let full = conn.output_bytes() > UNREAD_BYTES_MAX;
                if full || is_over_limit(conn, limits, self.now.monotonic_us) {
                    slow.push(id);
                    break;
                }
            }
            self.conns.renew(id);
        }
        self.cut_monitors(slow);
    }

    /// Ends monitors that miss something.
    pub(super) fn cut_monitors(&mut self, ids: Vec<ConnId>) {
        for id in ids {
            let Some(mut conn) = self.conns.take(id) else { continue };
            tracing::debug!(client = conn.session.id, "closed: a monitor that does not keep up");
            self.cron.traffic.output_limit_closed += 1;
            conn.closing = Closing::Now;
            self.settle(conn);
        }
    }

    /// A client is no monitor any more: by RESET, or as its connection ends. A core that is still to hear that it is one hears both.
    pub(super) fn stop_monitoring(&mut self, conn: &mut Conn) {
        if !std::mem::take(&mut conn.session.monitors) {
            return;
        }
        self.monitors.remove(conn.id);
        self.monitors.count(self.id, -1);
        for core in (0..self.map.cores()).map(CoreId).filter(|core| *core != self.id) {
            self.outboxes.tell(core.into(), Notice::MonitorGone);
        }
    }
}
