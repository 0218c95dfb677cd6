//! `nodes.conf` read: a text that is one, whole, or nothing.
//!
//! §13.2. The file may be damaged or edited, and what it says decides who writes where. So nothing is guessed: what does not parse
//! is a fault with its line. Redis 7.0's form (no host name, no names of shards) and older ones (no bus port) are read as well.
//!
//! An edited file may give a slot to two nodes. Redis starts with that, and the first line has it until the nodes have heard each other;
//! here who would have it then has it at once, the one with the greater config epoch (§10.5): nobody serves what is not his (C08).

use std::sync::Arc;

use keyspace::slot::{SLOTS, Slot};

use super::line::{OpenSlot, SlotWord};
use super::record::{LinkState, NodeRecord, NodesConf, PrimaryPort};
use crate::address::{Address, Host, Label, Ports};
use crate::epoch::Epoch;
use crate::faults::{Fault as Guard, planted};
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::slot_set::span;
use crate::time::UnixMillis;

/// A file that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ConfError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not UTF-8.
    #[error("not text")]
    Text,
    /// The last line is not the one of the epochs, with its end: the rest is missing.
    #[error("the file ends too early")]
    Cut,
    /// Something follows the line of the epochs.
    #[error("lines behind the last one")]
    Behind,
    /// It has fewer fields than a node.
    #[error("too few fields")]
    Fields,
    /// Not a node's name.
    #[error("not the name of a node")]
    Name,
    /// A node that was there before.
    #[error("a node that is there twice")]
    Twice,
    /// Not an address with ports.
    #[error("not an address")]
    Address,
    /// Not a host name.
    #[error("not a host name")]
    Hostname,
    /// A named value behind the address that is unknown or wrong.
    #[error("unknown or wrong value behind the address")]
    Named,
    /// A word that is no flag.
    #[error("unknown flag")]
    Flag,
    /// A time or an epoch that is no number, or out of range.
    #[error("not a number in range")]
    Number,
    /// Not a state of a link.
    #[error("not the state of a link")]
    Link,
    /// Not slots.
    #[error("not slots")]
    Slot,
    /// A slot that is marked twice.
    #[error("a slot that is being moved twice")]
    MarkedTwice,
    /// Far more slots than there are.
    #[error("slots named too often")]
    TooManySlots,
    /// Slots of a node that is no master, or marks at another node than this one.
    #[error("slots of a node that cannot have them")]
    SlotsOfOther,
    /// None or several lines of this node.
    #[error("not exactly one line of this node")]
    Myself,
}

impl NodesConf {
    /// Reads the file. `primary` is the port that is the clients' first in this process, whatever it was when the file was written.
    pub fn parse(bytes: &[u8], primary: PrimaryPort) -> Result<NodesConf, ConfError> {
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        let text = std::str::from_utf8(bytes).map_err(|error| ConfError {
            line: 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count(),
            fault: Fault::Text,
        })?;
        let whole = text.strip_suffix('\n').ok_or(ConfError { line: lines + 1, fault: Fault::Cut })?;
        let mut reading = Reading::default();
        for (line, number) in whole.split('\n').zip(1..) {
            reading.line(line, primary).map_err(|fault| ConfError { line: number, fault })?;
        }
        reading.end().map_err(|fault| ConfError { line: lines, fault })
    }
}

/// The most slots that the lines of a file may name together: reading it takes bounded work.
const NAMED_MAX: usize = 64 * SLOTS;

/// What was read so far.
#[derive(Default)]
struct Reading {
    nodes: Vec<NodeRecord>,
    names: std::collections::HashSet<NodeId>,
    myself: Option<NodeId>,
    open: Vec<OpenSlot>,
    /// Slots that were named.
    named: usize,
    epochs: Option<(Epoch, Epoch)>,
}

impl Reading {
    fn line(&mut self, line: &str, primary: PrimaryPort) -> Result<(), Fault> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        if self.epochs.is_some() {
            return Err(Fault::Behind);
        }
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        if let Some((&"vars", vars)) = words.split_first() {
            self.epochs = Some(parse_vars(vars)?);
            return Ok(());
        }
        let (fields, slots) = words.split_first_chunk::<8>().ok_or(Fault::Fields)?;
        let mut node = parse_fields(fields, primary)?;
        if !self.names.insert(node.id) {
            return Err(Fault::Twice);
        }
        if node.flags.has(NodeFlags::MYSELF) && self.myself.replace(node.id).is_some() {
            return Err(Fault::Myself);
        }
        for word in slots {
            self.slots(&mut node, SlotWord::parse(word).ok_or(Fault::Slot)?)?;
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Gives slots to a node, or notes that one is being moved.
    fn slots(&mut self, node: &mut NodeRecord, word: SlotWord) -> Result<(), Fault> {
        match word {
            SlotWord::Owned(first, last) => {
                if !node.flags.has(NodeFlags::MASTER) {
                    return Err(Fault::SlotsOfOther);
                }
                let slots = Arc::make_mut(&mut node.slots);
                for slot in span(first, last) {
                    slots.insert(slot);
                    self.named += 1;
                }
                if self.named > NAMED_MAX {
                    return Err(Fault::TooManySlots);
                }
            }
            SlotWord::Open(open) => {
                if !node.flags.has(NodeFlags::MYSELF) {
                    return Err(Fault::SlotsOfOther);
                }
                self.open.push(open);
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<NodesConf, Fault> {
        let lenient = planted(Guard::CutFileTaken).then_some((Epoch::ZERO, Epoch::ZERO));
        let (current, last_vote_epoch) = self.epochs.or(lenient).ok_or(Fault::Cut)?;
        let myself = self.myself.ok_or(Fault::Myself)?;
        self.open.sort_by_key(OpenSlot::slot);
        if self.open.windows(2).any(|pair| pair[0].slot() == pair[1].slot()) {
            return Err(Fault::MarkedTwice);
        }
        let disputed = settle(&mut self.nodes);
        let greatest = self.nodes.iter().map(|node| node.config_epoch).max().unwrap_or(Epoch::ZERO);
        let current_epoch = current.max(greatest).max(last_vote_epoch);
        Ok(NodesConf { myself, nodes: self.nodes, open: self.open, current_epoch, last_vote_epoch, disputed })
    }
}

/// Gives each slot that several nodes have to the one with the greatest config epoch, the first of them if these are equal. Returns those
/// slots.
fn settle(nodes: &mut [NodeRecord]) -> Vec<Slot> {
    let mut owners: Vec<Option<usize>> = vec![None; SLOTS];
    let mut lost: Vec<(usize, Slot)> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        for slot in node.slots.iter() {
            let owner = &mut owners[slot.index()];
            match *owner {
                Some(before) if nodes[before].config_epoch >= node.config_epoch => lost.push((at, slot)),
                before => {
                    lost.extend(before.map(|before| (before, slot)));
                    *owner = Some(at);
                }
            }
        }
    }
    for (at, slot) in &lost {
        Arc::make_mut(&mut nodes[*at].slots).remove(*slot);
    }
    let mut disputed: Vec<Slot> = lost.into_iter().map(|(_, slot)| slot).collect();
    disputed.sort_unstable();
    disputed.dedup();
    disputed
}

fn parse_fields(fields: &[&str; 8], primary: PrimaryPort) -> Result<NodeRecord, Fault> {
    let [id, address, flags, master, ping, pong, epoch, link] = fields;
    let id = parse_id(id)?;
    let flags = flags.split(',').try_fold(NodeFlags::NONE, |flags, word| {
        NodeFlags::of_word(word).map(|flag| flags.and(flag)).ok_or(Fault::Flag)
    })?;
    let master = if *master == "-" { None } else { Some(parse_id(master)?) };
    let time = |word: &str| word.parse().map(UnixMillis).map_err(|_| Fault::Number);
    let config_epoch = parse_epoch(epoch)?;
    let link = match *link {
        "connected" => LinkState::Connected,
        "disconnected" => LinkState::Disconnected,
        _ => return Err(Fault::Link),
    };
    let node = NodeRecord {
        id,
        address: Address::default(),
        hostname: None,
        nodename: None,
        shard: None,
        flags,
        master,
        ping_sent: time(ping)?,
        pong_received: time(pong)?,
        // What stands there is the master's, which has a line of its own.
        config_epoch: if flags.has(NodeFlags::REPLICA) { Epoch::ZERO } else { config_epoch },
        link,
        slots: Arc::default(),
    };
    parse_address(address, primary, node)
}

/// Reads `ip:port@cport,hostname,name=value,…` into a node.
fn parse_address(field: &str, primary: PrimaryPort, mut node: NodeRecord) -> Result<NodeRecord, Fault> {
    let port = |word: &str| word.parse::<u16>().map_err(|_| Fault::Address);
    let mut parts = field.split(',');
    let place = parts.next().ok_or(Fault::Address)?;
    let (host, ports) = place.rsplit_once(':').ok_or(Fault::Address)?;
    let (client, bus) = match ports.split_once('@') {
        Some((client, bus)) => (port(client)?, port(bus)?),
        None => {
            let client = port(ports)?;
            (client, client.checked_add(BUS_PORT_DISTANCE).ok_or(Fault::Address)?)
        }
    };
    let mut ports = Ports { client, other: 0, bus };
    if let Some(name) = parts.next().filter(|name| !name.is_empty()) {
        node.hostname = Some(Label::hostname(name).ok_or(Fault::Hostname)?);
    }
    for part in parts {
        let (name, value) = part.split_once('=').ok_or(Fault::Named)?;
        match (name, primary) {
            ("tls-port", PrimaryPort::Tcp) | ("tcp-port", PrimaryPort::Tls) => {
                ports.other = value.parse().map_err(|_| Fault::Named)?;
            }
            // It was written by a process whose first port was the other one.
            ("tls-port", PrimaryPort::Tls) | ("tcp-port", PrimaryPort::Tcp) => {
                match value.parse().map_err(|_| Fault::Named)? {
                    0 => {}
                    named => (ports.client, ports.other) = (named, client),
                }
            }
            ("nodename", _) => node.nodename = Some(Label::nodename(value).ok_or(Fault::Named)?),
            ("shard-id", _) => node.shard = Some(ShardId::parse(value.as_bytes()).ok_or(Fault::Named)?),
            _ => return Err(Fault::Named),
        }
    }
    node.address = Address { host: Host::new(host).ok_or(Fault::Address)?, ports };
    Ok(node)
}

/// How far the bus port is from the clients' where nothing else is said.
const BUS_PORT_DISTANCE: u16 = 10_000;

fn parse_id(word: &str) -> Result<NodeId, Fault> {
    NodeId::parse(word.as_bytes()).ok_or(Fault::Name)
}

fn parse_epoch(word: &str) -> Result<Epoch, Fault> {
    word.parse().ok().and_then(Epoch::stored).ok_or(Fault::Number)
}

/// Reads `currentEpoch n lastVoteEpoch n`. Other names are of other versions.
fn parse_vars(words: &[&str]) -> Result<(Epoch, Epoch), Fault> {
    let (pairs, []) = words.as_chunks::<2>() else {
        return Err(Fault::Fields);
    };
    let (mut current, mut vote) = (Epoch::ZERO, Epoch::ZERO);
    for [name, value] in pairs {
        match *name {
            "currentEpoch" => current = parse_epoch(value)?,
            "lastVoteEpoch" => vote = parse_epoch(value)?,
            _ => {}
        }
    }
    Ok((current, vote))
}
