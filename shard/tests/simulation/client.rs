//! A client: sends pipelines, reads replies, and knows how many it is owed. And the driver that waits for them.

use std::collections::VecDeque;

use shard::ring::ListenerId;
use shard::ring::sim::SimClient;

use super::resp::{self, Value};
use super::world::{Step, World};

/// The arguments of a command.
pub(crate) type Command = Vec<Vec<u8>>;

/// A command from words.
pub(crate) fn command<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>) -> Command {
    words.into_iter().map(|word| word.as_ref().to_vec()).collect()
}

/// A command as it is sent.
pub(crate) fn encode(command: &Command, into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
    for arg in command {
        into.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        into.extend_from_slice(arg);
        into.extend_from_slice(b"\r\n");
    }
}

/// A client of the simulation.
pub(crate) struct Client {
    end: SimClient,
    unread: Vec<u8>,
    /// Replies that are owed.
    pub(crate) owed: usize,
    /// Replies that have come, in order.
    pub(crate) replies: VecDeque<Value>,
    /// Whether it was ever served.
    served: bool,
}

impl Client {
    /// A new connection.
    pub(crate) fn connect(world: &mut World) -> Client {
        let core = world.random.u16(..world.cores());
        Client::connect_at(world, core)
    }

    /// A new connection to a listener of this core.
    pub(crate) fn connect_at(world: &World, core: u16) -> Client {
        let end = world.net.connect(core, ListenerId(0));
        Client { end, unread: Vec::new(), owed: 0, replies: VecDeque::new(), served: false }
    }

    /// Sends a pipeline.
    pub(crate) fn send(&mut self, commands: &[Command]) {
        let mut bytes = Vec::new();
        commands.iter().for_each(|command| encode(command, &mut bytes));
        self.owed += commands.len();
        self.end.write(&bytes);
    }

    /// Reads what has come. Tells how many replies that were.
    pub(crate) fn poll(&mut self) -> Result<usize, String> {
        self.unread.extend(self.end.read());
        let (mut count, mut at) = (0, 0);
        while let Some((value, len)) = resp::read(&self.unread[at..])? {
            at += len;
            count += 1;
            self.owed = self.owed.checked_sub(1).ok_or_else(|| format!("a reply that nobody asked for: {value:?}"))?;
            self.replies.push_back(value);
        }
        self.unread.drain(..at);
        self.served |= count > 0;
        Ok(count)
    }

    /// Bytes that have come and are no whole reply.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Whether the connection broke or was closed.
    pub(crate) fn is_ended(&self) -> bool {
        self.end.is_ended()
    }

    /// Sends the end of the stream, and goes on reading.
    pub(crate) fn finish(&self) {
        self.end.shutdown();
    }

    /// Breaks the connection.
    pub(crate) fn reset(&self) {
        self.end.reset();
    }
}

/// Steps in which nobody makes progress before a run counts as hung: far above what any pipeline needs.
const STEPS_MAX: u32 = 300_000;

/// Timers that may pass without a reply while a connection is not accepted (accepting that failed is tried again ten times a
/// second) or clients are paused.
const TIMERS_MAX: u32 = 200;

/// Runs until every client has what it is owed or is gone. `heard` is told of the replies of each poll: client and number.
pub(crate) fn settle(
    world: &mut World,
    clients: &mut [Client],
    mut heard: impl FnMut(&mut World, usize, &mut Client, usize),
) -> Result<(), String> {
    let (mut steps, mut timers) = (0, 0);
    while clients.iter().any(|client| client.owed > 0 && !client.is_ended()) {
        let quiet = world.step() == Step::Quiet;
        let mut came = 0;
        for (index, client) in clients.iter_mut().enumerate() {
            if quiet || world.random.u8(..) < 32 {
                let count = client.poll()?;
                came += count;
                if count > 0 {
                    heard(world, index, client, count);
                }
            }
        }
        steps = if came > 0 { 0 } else { steps + 1 };
        if steps > STEPS_MAX {
            return Err(format!("hangs: {}", owed(clients)));
        }
        timers = if came > 0 { 0 } else { timers };
        if quiet && came == 0 && world.step() == Step::Quiet {
            if !clients.iter().any(|client| client.owed > 0 && !client.is_ended()) {
                break;
            }
            let unaccepted = clients.iter().any(|client| client.owed > 0 && !client.is_ended() && !client.served);
            timers += 1;
            if !(unaccepted || world.pauses) || timers > TIMERS_MAX {
                return Err(format!("STALL: every core sleeps, nothing is under way: {}", owed(clients)));
            }
            world.pass_time();
        }
    }
    Ok(())
}

fn owed(clients: &[Client]) -> String {
    let owed = clients.iter().enumerate().filter(|(_, client)| client.owed > 0 && !client.is_ended());
    owed.map(|(index, client)| format!("client {index} waits for {} replies ", client.owed)).collect()
}

/// Runs until every core sleeps and nothing is under way, then checks that nothing is left over.
pub(crate) fn rest(world: &mut World, clients: &mut [Client]) -> Result<(), String> {
    for _ in 0..STEPS_MAX {
        if world.step() == Step::Quiet {
            return world.check_rest();
        }
        for client in clients.iter_mut() {
            client.poll()?;
        }
    }
    Err("the cores come to no rest".into())
}
