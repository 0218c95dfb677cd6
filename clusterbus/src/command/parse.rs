//! From arguments to a command: one table of subcommands.
//!
//! §6.1, §6.2. Texts of errors are Redis's, without the `-` before them.

use core::net::IpAddr;

use keyspace::number::parse_i64;
use keyspace::slot::Slot;

use super::named::{NamedNode, NamedSlot, parse_slot};
use super::{ClusterCommand, LinksToKill, ResetKind, SlotAction, SlotList, SlotRange};
use crate::address::{Address, Host, Ports};
use crate::cluster::{Cluster, FailoverKind};
use crate::epoch::Epoch;

/// How many arguments a subcommand takes, CLUSTER and itself included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arity {
    /// So many.
    Exact(usize),
    /// So many or more.
    AtLeast(usize),
    /// From so many to so many. What is above fits the table of commands and no form of the subcommand, so the text is another.
    Between(usize, usize),
}

type Parse = fn(&[&[u8]]) -> Result<ClusterCommand, String>;

use Arity::{AtLeast, Between, Exact};
use ClusterCommand as Command;

/// All subcommands. `Parse` gets what is behind the subcommand's name.
const TABLE: [(&str, Arity, Parse); 24] = [
    ("addslots", AtLeast(3), |args| Ok(Command::AddSlots(slots(args)?))),
    ("addslotsrange", AtLeast(4), |args| Ok(Command::AddSlots(ranges("addslotsrange", args)?))),
    ("bumpepoch", Exact(2), |_| Ok(Command::BumpEpoch)),
    ("count-failure-reports", Exact(3), |args| Ok(Command::CountFailureReports(NamedNode::of(args[0])))),
    ("delslots", AtLeast(3), |args| Ok(Command::DeleteSlots(slots(args)?))),
    ("delslotsrange", AtLeast(4), |args| Ok(Command::DeleteSlots(ranges("delslotsrange", args)?))),
    ("failover", Between(2, 3), failover),
    ("flushslots", Exact(2), |_| Ok(Command::FlushSlots)),
    ("forget", Exact(3), |args| Ok(Command::Forget(NamedNode::of(args[0])))),
    ("info", Exact(2), |_| Ok(Command::Info)),
    ("links", Exact(2), |_| Ok(Command::Links)),
    ("meet", Between(4, 5), meet),
    ("myid", Exact(2), |_| Ok(Command::MyId)),
    ("myshardid", Exact(2), |_| Ok(Command::MyShardId)),
    ("nodes", Exact(2), |_| Ok(Command::Nodes)),
    ("replicas", Exact(3), |args| Ok(Command::Replicas(NamedNode::of(args[0])))),
    ("replicate", Exact(3), |args| Ok(Command::Replicate(NamedNode::of(args[0])))),
    ("reset", Between(2, 3), reset),
    ("saveconfig", Exact(2), |_| Ok(Command::SaveConfig)),
    ("set-config-epoch", Exact(3), set_config_epoch),
    ("setslot", AtLeast(4), set_slot),
    ("shards", Exact(2), |_| Ok(Command::Shards)),
    ("slaves", Exact(3), |args| Ok(Command::Replicas(NamedNode::of(args[0])))),
    ("slots", Exact(2), |_| Ok(Command::Slots)),
];

/// How much of a subcommand that nobody knows is told back.
const SHOWN_BYTES: usize = 128;

/// What clients read when something has to be an option and is none.
const SYNTAX: &str = "ERR syntax error";

impl ClusterCommand {
    /// The command in these arguments, `CLUSTER` or `DEBUG` being the first. All of them are looked at, whatever the table of commands
    /// checked.
    pub fn parse(args: &[&[u8]]) -> Result<ClusterCommand, String> {
        if let [debug, rest @ ..] = args
            && debug.eq_ignore_ascii_case(b"debug")
        {
            return debug_link(rest);
        }
        let Some((name, rest)) = args.get(1..).and_then(<[_]>::split_first) else {
            return Err("ERR wrong number of arguments for 'cluster' command".into());
        };
        let shown = || String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]);
        let row = TABLE.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known.as_bytes()));
        let Some((known, arity, parse)) = row else {
            return Err(format!("ERR unknown subcommand '{}'. Try CLUSTER HELP.", shown()));
        };
        let count = args.len();
        match arity {
            Between(_, most) if count > *most => {
                Err(format!("ERR unknown subcommand or wrong number of arguments for '{}'. Try CLUSTER HELP.", shown()))
            }
            Exact(wanted) if count != *wanted => Err(wrong_arity(known)),
            AtLeast(least) | Between(least, _) if count < *least => Err(wrong_arity(known)),
            _ => parse(rest),
        }
    }

    /// Whether [`super::CommandFacts::stored`] has to be asked of the cores first, as the cluster is now.
    pub fn asks_for_keys(&self, cluster: &Cluster) -> bool {
        match self {
            Command::FlushSlots | Command::Replicate(_) | Command::Reset(_) => true,
            Command::SetSlot(NamedSlot::Slot(slot), SlotAction::Node(_)) => cluster.keys_bind(*slot),
            Command::SetSlot(..) => false,
            Command::AddSlots(_) | Command::DeleteSlots(_) | Command::BumpEpoch | Command::SaveConfig => false,
            Command::CountFailureReports(_) | Command::Failover(_) | Command::Forget(_) | Command::Meet(_) => false,
            Command::Info | Command::Links | Command::MyId | Command::MyShardId | Command::Nodes => false,
            Command::Replicas(_) | Command::SetConfigEpoch(_) | Command::Shards | Command::Slots => false,
            Command::KillLinks(..) => false,
        }
    }
}

fn wrong_arity(subcommand: &str) -> String {
    format!("ERR wrong number of arguments for 'cluster|{subcommand}' command")
}

/// What clients read when something has to be a slot and is none.
pub(super) const INVALID_SLOT: &str = "ERR Invalid or out of range slot";

fn slot(argument: &[u8]) -> Result<Slot, String> {
    parse_slot(argument).ok_or_else(|| INVALID_SLOT.into())
}

/// Slots one by one. All are looked at before the first is asked for.
fn slots(args: &[&[u8]]) -> Result<SlotList, String> {
    let single = |argument: &&[u8]| slot(argument).map(|slot| SlotRange { first: slot, last: slot });
    Ok(SlotList { ranges: args.iter().map(single).collect::<Result<_, _>>()?, fault: None })
}

/// Slots as pairs of first and last. Each pair is asked for before the next is looked at.
fn ranges(subcommand: &str, args: &[&[u8]]) -> Result<SlotList, String> {
    let (pairs, []) = args.as_chunks::<2>() else { return Err(wrong_arity(subcommand)) };
    let mut list = SlotList { ranges: Vec::with_capacity(pairs.len()), fault: None };
    for pair in pairs {
        match range(pair) {
            Ok(range) => list.ranges.push(range),
            Err(fault) => {
                list.fault = Some(fault);
                break;
            }
        }
    }
    Ok(list)
}

fn range(pair: &[&[u8]; 2]) -> Result<SlotRange, String> {
    let (first, last) = (slot(pair[0])?, slot(pair[1])?);
    if first > last {
        let (first, last) = (first.number(), last.number());
        return Err(format!("ERR start slot number {first} is greater than end slot number {last}"));
    }
    Ok(SlotRange { first, last })
}

fn failover(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    let kind = match args.first() {
        None => FailoverKind::Agreed,
        Some(option) if option.eq_ignore_ascii_case(b"force") => FailoverKind::Forced,
        Some(option) if option.eq_ignore_ascii_case(b"takeover") => FailoverKind::Takeover,
        Some(_) => return Err(SYNTAX.into()),
    };
    Ok(Command::Failover(kind))
}

fn reset(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    let kind = match args.first() {
        None => ResetKind::Soft,
        Some(option) if option.eq_ignore_ascii_case(b"soft") => ResetKind::Soft,
        Some(option) if option.eq_ignore_ascii_case(b"hard") => ResetKind::Hard,
        Some(_) => return Err(SYNTAX.into()),
    };
    Ok(Command::Reset(kind))
}

/// How far above the port of clients the bus listens, if nobody says otherwise.
const BUS_PORT_DISTANCE: i64 = 10_000;

fn meet(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    let shown = |argument: &[u8]| String::from_utf8_lossy(argument).into_owned();
    let port = parse_i64(args[1]).ok_or_else(|| format!("ERR Invalid base port specified: {}", shown(args[1])))?;
    let bus = match args.get(2) {
        None => port.saturating_add(BUS_PORT_DISTANCE),
        Some(bus) => parse_i64(bus).ok_or_else(|| format!("ERR Invalid bus port specified: {}", shown(bus)))?,
    };
    let door = |port: i64| u16::try_from(port).ok().filter(|port| *port > 0);
    let host = std::str::from_utf8(args[0]).ok().and_then(|text| text.parse::<IpAddr>().ok());
    // As the address is written by everybody, whatever the client wrote.
    let host = host.and_then(|host| Host::new(&host.to_string()));
    match (host, door(port), door(bus)) {
        (Some(host), Some(client), Some(bus)) => {
            Ok(Command::Meet(Address { host, ports: Ports { client, other: 0, bus } }))
        }
        _ => Err(format!("ERR Invalid node address specified: {}:{}", shown(args[0]), shown(args[1]))),
    }
}

/// DEBUG CLUSTERLINK KILL, for tests.
fn debug_link(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    match args {
        [_, kill, links, node] if kill.eq_ignore_ascii_case(b"kill") => {
            let known = [(b"to".as_slice(), LinksToKill::To), (b"from", LinksToKill::From), (b"all", LinksToKill::All)];
            let found = known.into_iter().find(|(word, _)| links.eq_ignore_ascii_case(word));
            let unknown = || LinksToKill::Unknown(String::from_utf8_lossy(links).into_owned());
            Ok(Command::KillLinks(found.map_or_else(unknown, |(_, links)| links), NamedNode::of(node)))
        }
        _ => {
            let name = args.first().map_or(b"".as_slice(), |name| &name[..name.len().min(SHOWN_BYTES)]);
            let name = String::from_utf8_lossy(name);
            Err(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."))
        }
    }
}

fn set_config_epoch(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    let number = parse_i64(args[0]).ok_or("ERR value is not an integer or out of range")?;
    let epoch = u64::try_from(number).ok().and_then(Epoch::taken);
    epoch.map(Command::SetConfigEpoch).ok_or_else(|| format!("ERR Invalid config epoch specified: {number}"))
}

fn set_slot(args: &[&[u8]]) -> Result<ClusterCommand, String> {
    let action = match args[1..] {
        [word, node] if word.eq_ignore_ascii_case(b"migrating") => SlotAction::Migrating(NamedNode::of(node)),
        [word, node] if word.eq_ignore_ascii_case(b"importing") => SlotAction::Importing(NamedNode::of(node)),
        [word, node] if word.eq_ignore_ascii_case(b"node") => SlotAction::Node(NamedNode::of(node)),
        [word] if word.eq_ignore_ascii_case(b"stable") => SlotAction::Stable,
        _ => SlotAction::Unknown,
    };
    Ok(Command::SetSlot(NamedSlot::of(args[0]), action))
}
