//! What CLIENT asks of one core about its connections: lines about them, and their end.

use keyspace::args::Args;

use crate::commands::client_filter::ClientFilter;
use crate::commands::client_line::{ClientLine, ConnFacts, line};
use crate::conn::{Closing, Conn, Waiting};
use crate::ring::{ConnId, Ring};

use super::Inner;

impl<R: Ring> Inner<R> {
    /// A line about each of this core's clients that pass.
    pub(super) fn clients(&self, filter: &ClientFilter) -> Vec<ClientLine> {
        let passing = self.conns.iter().filter(|conn| filter.passes(&conn.session, self.now.monotonic_us));
        passing.map(|conn| self.describe(conn)).collect()
    }

    fn describe(&self, conn: &Conn) -> ClientLine {
        let waiting = self.waiting_args(conn);
        let args_bytes = waiting.map_or(0, |args| args.bytes());
        // A client that asks has its question in its query buffer, as in Redis: it is not done.
        let asking = if let Waiting::Answers(_) = conn.waiting { waiting.map_or(0, request_bytes) } else { 0 };
        let facts = ConnFacts {
            fd: conn.id.index,
            query_bytes: conn.unread_bytes() + asking,
            query_free_bytes: conn.input.capacity() - conn.input.len(),
            args_bytes,
            reply_capacity: conn.out.capacity().max(conn.sending_room),
            reply_bytes: conn.out.len(),
            sending_bytes: conn.sending,
            held_bytes: conn.held.len(),
            output_bytes: conn.output_room(),
            total_bytes: conn.entered_bytes() as usize,
            blocked: matches!(conn.waiting, Waiting::Pause | Waiting::Blocked),
            closing: conn.closing != Closing::No,
            deaf: conn.paused,
        };
        let command = conn.session.last_command.map(|id| self.table.get(id).spec.name);
        line(&conn.session, &facts, command, self.now.monotonic_us)
    }

    /// The arguments of the command that a connection waits for.
    fn waiting_args<'a>(&'a self, conn: &'a Conn) -> Option<Args<'a>> {
        match conn.waiting {
            Waiting::Pause => conn.deferred.as_ref().map(|args| args.args()),
            Waiting::Unit(seq) => self.units.get(&seq).and_then(|unit| unit.args()),
            Waiting::Answers(id) => {
                let migration = self.migrations.get(&id).map(|migration| migration.args());
                migration.or_else(|| self.gatherings.get(&id).map(|gathering| gathering.args()))
            }
            Waiting::Blocked => conn.blocked.as_ref().map(|blocked| blocked.args.args()),
            Waiting::No | Waiting::Hops | Waiting::Snapshot(_) => None,
        }
    }

    /// Bytes that this core holds outside of a connection for the command that it waits for.
    pub(super) fn away_bytes(&self, conn: &Conn) -> usize {
        let of_unit = |seq| self.units.get(&seq).map_or(0, |unit| unit.job.heap_bytes());
        let waits_for = match conn.waiting {
            Waiting::Unit(seq) if conn.executing != Some(seq) => of_unit(seq),
            Waiting::Answers(id) => {
                let migration = self.migrations.get(&id).map_or(0, |migration| migration.heap_bytes());
                migration + self.gatherings.get(&id).map_or(0, |gathering| gathering.heap_bytes())
            }
            Waiting::Unit(_)
            | Waiting::No
            | Waiting::Hops
            | Waiting::Pause
            | Waiting::Blocked
            | Waiting::Snapshot(_) => 0,
        };
        waits_for + conn.executing.map_or(0, of_unit)
    }

    /// Ends this core's clients that pass, at once; says how many. What they waited for finds them gone.
    pub(super) fn kill_clients(&mut self, filter: &ClientFilter) -> u64 {
        let now_us = self.now.monotonic_us;
        let passing = self.conns.iter().filter(|conn| filter.passes(&conn.session, now_us));
        let ids: Vec<ConnId> = passing.map(|conn| conn.id).collect();
        for id in &ids {
            let mut conn = self.conns.take(*id).expect("it was just there");
            tracing::debug!(client = conn.session.id, "closed: killed by another client");
            conn.closing = Closing::Now;
            self.settle(conn);
        }
        ids.len() as u64
    }
}

/// Bytes of a command as a client sends it.
fn request_bytes(args: Args) -> usize {
    let head = |number: usize| "*\r\n".len() + number.max(1).ilog10() as usize + 1;
    head(args.len()) + args.iter().map(|arg| head(arg.len()) + arg.len() + "\r\n".len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    #[test]
    fn a_request_is_as_long_as_it_was_sent() {
        for (words, sent) in [
            ("CLIENT LIST", "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n"),
            ("a  bcdefghijkl", "*3\r\n$1\r\na\r\n$0\r\n\r\n$11\r\nbcdefghijkl\r\n"),
            ("1 2 3 4 5 6 7 8 9 10", ""),
        ] {
            let args: OwnedArgs = words.split(' ').collect();
            let expected = if sent.is_empty() { 5 + 9 * 7 + 8 } else { sent.len() };
            assert_eq!(request_bytes(args.args()), expected, "{words}");
        }
    }
}
