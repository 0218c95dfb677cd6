//! A client's transaction: the commands that it queued, and the keys that it watches.

use std::collections::HashSet;

use clusterbus::gate::ClientModes;
use keyspace::args::{Args, OwnedArgs, Span};

use crate::command::{CommandId, CommandTable};
use crate::heap::table_bytes;
use crate::mesh::ticket::Ticket;
use crate::script::Script;

/// The command that walks over all slots though its row belongs to the session.
pub const SCAN: &str = "scan";

/// The group of the commands that run scripts.
const SCRIPTS: &str = "scripting";

/// The commands queued since MULTI.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    body: Vec<u8>,
    spans: Vec<Span>,
    queued: Vec<Queued>,
    /// A command could not be queued: EXEC will refuse.
    pub failed: bool,
    /// A queued command writes.
    pub writes: bool,
    /// A queued command may need memory.
    pub needs_memory: bool,
}

/// One queued command.
#[derive(Clone, Copy, Debug)]
struct Queued {
    command: CommandId,
    first: u32,
    count: u32,
}

impl Transaction {
    /// Queues a command.
    pub fn push(&mut self, command: CommandId, args: Args) {
        self.queued.push(Queued { command, first: self.spans.len() as u32, count: args.len() as u32 });
        for arg in args.iter() {
            self.spans.push(Span { start: self.body.len() as u32, len: arg.len() as u32 });
            self.body.extend_from_slice(arg);
        }
    }

    /// True if what the queued commands touch is everything, or not known before.
    pub fn touches_all(&self, table: &'static CommandTable) -> bool {
        self.iter().any(|(id, args)| {
            let command = table.get(id);
            command.whole(args).is_some() || command.spec.name == SCAN || command.spec.group == SCRIPTS
        })
    }

    /// How many commands are queued.
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// A queued command.
    pub fn get(&self, index: usize) -> Option<(CommandId, Args<'_>)> {
        let Queued { command, first, count } = *self.queued.get(index)?;
        Some((command, Args::new(&self.body, &self.spans[first as usize..(first + count) as usize])))
    }

    /// All queued commands in order.
    pub fn iter(&self) -> impl Iterator<Item = (CommandId, Args<'_>)> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Bytes of the arguments of the queued commands.
    pub fn args_bytes(&self) -> usize {
        self.body.len()
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.body.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.queued.capacity() * size_of::<Queued>()
            + size_of::<Transaction>()
    }
}

/// A watched key.
#[derive(Clone, Debug)]
pub struct WatchedKey {
    /// Number of its database.
    pub db: u16,
    /// The key.
    pub key: Box<[u8]>,
    /// It had expired already: that it is found so at EXEC is no change.
    pub expired: bool,
}

/// The keys that a client watches. They share one ticket, which the first change of any of them ends.
#[derive(Clone, Debug, Default)]
pub struct Watching {
    /// Open as long as no key was changed.
    pub ticket: Ticket,
    /// The keys.
    pub keys: Vec<WatchedKey>,
    names: HashSet<(u16, Box<[u8]>)>,
    /// Bytes of the keys, here and in `names`.
    key_bytes: usize,
}

impl Watching {
    /// Notes that a key is watched from now on. False if it was already.
    pub fn add(&mut self, db: u16, key: &[u8]) -> bool {
        let is_new = self.names.insert((db, key.into()));
        self.key_bytes += if is_new { 2 * key.len() } else { 0 };
        is_new
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Watching>()
            + self.key_bytes
            + self.keys.capacity() * size_of::<WatchedKey>()
            + table_bytes::<(u16, Box<[u8]>)>(self.names.capacity())
    }
}

impl Drop for Watching {
    /// The owners of the keys see that nobody watches any more.
    fn drop(&mut self) {
        self.ticket.end();
    }
}

/// An EXEC under way.
pub struct Execution {
    /// The commands.
    pub transaction: Transaction,
    /// What must not have changed.
    pub watching: Option<Box<Watching>>,
    /// The next command to carry out.
    pub next: usize,
    /// The EXEC itself, for the books.
    pub args: OwnedArgs,
    /// It has begun.
    pub begun: bool,
    /// Its reply so far.
    pub reply: Vec<u8>,
    /// The script that one of its commands runs.
    pub script: Option<Box<Script>>,
    /// What its client had said of itself to a cluster's node.
    pub modes: ClientModes,
}

impl Execution {
    /// Bytes that it holds on the heap: what was queued and watched, and the reply so far.
    pub fn heap_bytes(&self) -> usize {
        let watching = self.watching.as_ref().map_or(0, |watching| watching.heap_bytes());
        let script = self.script.as_ref().map_or(0, |script| script.heap_bytes());
        size_of::<Execution>()
            + self.transaction.heap_bytes()
            + watching
            + self.args.room()
            + self.reply.capacity()
            + script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_out_as_they_were_queued() {
        let mut transaction = Transaction::default();
        let queued: Vec<OwnedArgs> = ["SET a 1", "PING", "MGET a b c"].map(|text| text.split(' ').collect()).into();
        queued.iter().zip(0..).for_each(|(args, id)| transaction.push(CommandId(id), args.args()));
        assert_eq!(transaction.len(), 3);
        for ((id, args), (expected, number)) in transaction.iter().zip(queued.iter().zip(0..)) {
            assert_eq!(id, CommandId(number));
            assert!(args.iter().eq(expected.args().iter()));
        }
        assert!(transaction.get(3).is_none());
    }

    #[test]
    fn a_watched_key_counts_once() {
        let mut watching = Watching::default();
        let key = [b'k'; 1000];
        assert!(watching.add(0, &key));
        let once = watching.heap_bytes();
        assert!(once > 2 * key.len() && !watching.add(0, &key) && watching.heap_bytes() == once);
        assert!(watching.add(1, &key) && watching.heap_bytes() >= once + 2 * key.len());
    }

    #[test]
    fn who_stops_watching_ends_the_ticket() {
        let watching = Watching::default();
        let ticket = watching.ticket.clone();
        drop(watching);
        assert!(ticket.has_ended());
    }
}
