//! The nodes of a whole cluster in a TOML file: `[[cluster.nodes]]` tables, each with an `address` and `slots`.
//!
//! Everything that can be wrong with one of them, and with all of them together, is found here; which of them this server is, is
//! [`super::described`]'s to find out.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use clusterbus::address::{Address, Host, Ports};
use clusterbus::slot_set::{SlotSet, span};
use keyspace::slot::Slot;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::described::DescribedNode;

/// How far the bus port is from the clients' where nothing else is said.
const BUS_PORT_DISTANCE: u16 = 10_000;

/// Something wrong: the key, its place in the file, and why.
pub(super) type Wrong = (String, usize, String);

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the nodes.
pub(super) fn read(key: &Key<'_>, value: &Value<'_>) -> Result<Vec<DescribedNode>, Vec<Wrong>> {
    let whole = |what: &str| vec![("nodes".to_owned(), key.span().start, what.to_owned())];
    let DeValue::Array(items) = value.get_ref() else {
        return Err(whole("expected [[cluster.nodes]] tables with address and slots"));
    };
    let mut reading = Reading::default();
    for item in items.iter() {
        match item.get_ref() {
            DeValue::Table(keys) => reading.node(item.span(), keys),
            _ => reading.wrong("nodes", item.span(), "expected a table with address and slots".into()),
        }
    }
    match reading.wrong.is_empty() {
        true if reading.nodes.is_empty() => Err(whole("a cluster has at least one node")),
        true => Ok(reading.nodes),
        false => Err(reading.wrong),
    }
}

/// The nodes so far, and what is wrong.
#[derive(Default)]
struct Reading {
    nodes: Vec<DescribedNode>,
    wrong: Vec<Wrong>,
}

impl Reading {
    fn wrong(&mut self, key: &str, at: Range<usize>, what: String) {
        self.wrong.push((key.to_owned(), at.start, what));
    }

    fn node(&mut self, at: Range<usize>, keys: &DeTable<'_>) {
        let (mut place, mut bus, mut slots) = (None, None, None);
        for (key, value) in keys {
            let outcome = match &**key.get_ref() {
                "address" => address(value.get_ref()).map(|found| place = Some((found, key.span()))),
                "bus-port" => port(value.get_ref()).map(|found| bus = Some(found)),
                "slots" => ranges(value.get_ref()).map(|found| slots = Some((found, key.span()))),
                "replica-of" => {
                    Err("replicas need replication of data, which this server does not have yet".to_owned())
                }
                _ => Err("a node has an address, slots and a bus-port, nothing else".to_owned()),
            };
            if let Err(what) = outcome {
                self.wrong(key.get_ref(), key.span(), what);
            }
        }
        let Some((place, address_at)) = place else {
            // An address that is wrong was told of.
            if !keys.iter().any(|(key, _)| &**key.get_ref() == "address") {
                self.wrong("nodes", at, "a node has an address".into());
            }
            return;
        };
        let Some(bus) = bus.or_else(|| place.port().checked_add(BUS_PORT_DISTANCE)) else {
            return self.wrong("address", address_at, "the port is above 55535, so a bus-port is needed".into());
        };
        let host = Host::new(&place.ip().to_string()).expect("an IP address is a text that nodes can have");
        let address = Address { host, ports: Ports { client: place.port(), other: 0, bus } };
        self.check_address(address, address_at);
        let mut node = DescribedNode { address, slots: SlotSet::EMPTY };
        if let Some((ranges, slots_at)) = slots {
            self.take_slots(&mut node, &ranges, slots_at);
        }
        self.nodes.push(node);
    }

    /// No two nodes can be at one place.
    fn check_address(&mut self, address: Address, at: Range<usize>) {
        let (Address { host, ports }, nodes) = (address, &self.nodes);
        let twin = nodes.iter().map(|node| node.address).find(|other| {
            let doors = [other.ports.client, other.ports.bus];
            other.host == host && (doors.contains(&ports.client) || doors.contains(&ports.bus))
        });
        if let Some(twin) = twin {
            self.wrong("address", at, format!("it shares a port with the node {}:{}", twin.host, twin.ports.client));
        }
    }

    /// Gives slots to a node, each of which nobody has.
    fn take_slots(&mut self, node: &mut DescribedNode, ranges: &[(Slot, Slot)], at: Range<usize>) {
        for slot in ranges.iter().flat_map(|(first, last)| span(*first, *last)) {
            let owner = self.nodes.iter().find(|other| other.slots.contains(slot)).map(|other| other.address);
            let what = match owner {
                Some(other) => format!("slot {} is also given to {}:{}", slot.number(), other.host, other.ports.client),
                None if !node.slots.insert(slot) => format!("slot {} is given twice", slot.number()),
                None => continue,
            };
            return self.wrong("slots", at, what);
        }
    }
}

fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let DeValue::String(text) = value else { return Err("expected a string such as \"10.0.0.1:7000\"".to_owned()) };
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an IP address with a port, such as \"10.0.0.1:7000\" or \"[::1]:7000\"")?;
    match (address.ip(), address.port()) {
        (_, 0) => Err("the port is 0, which is none".to_owned()),
        (IpAddr::V4(ip), _) if ip.is_unspecified() => {
            Err("others cannot reach 0.0.0.0: give the node's own address".to_owned())
        }
        (IpAddr::V6(ip), _) if ip.is_unspecified() => {
            Err("others cannot reach [::]: give the node's own address".to_owned())
        }
        _ => Ok(address),
    }
}

fn port(value: &DeValue<'_>) -> Result<u16, String> {
    let number = match value {
        DeValue::Integer(number) => number.as_str().parse().ok().filter(|port| *port != 0),
        _ => None,
    };
    number.ok_or_else(|| "expected a port from 1 to 65535".to_owned())
}

/// Ranges of slots: `"0-5460 6000"`, or an array of such texts.
fn ranges(value: &DeValue<'_>) -> Result<Vec<(Slot, Slot)>, String> {
    const EXPECTED: &str = "expected slots such as \"0-5460\", \"0-99 200\" or [\"0-99\", \"200\"]";
    let texts: Option<Vec<&str>> = match value {
        DeValue::String(text) => Some(vec![text.as_ref()]),
        DeValue::Array(items) => items.iter().map(|item| item.get_ref().as_str()).collect(),
        _ => None,
    };
    let texts = texts.ok_or(EXPECTED)?;
    texts.iter().flat_map(|text| text.split_ascii_whitespace()).map(range).collect()
}

fn range(word: &str) -> Result<(Slot, Slot), String> {
    let shown = word.replace(char::is_control, "?");
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let slot = |word: &str| word.parse().ok().and_then(Slot::new);
    match (slot(first), slot(last)) {
        (Some(first), Some(last)) if first.number() <= last.number() => Ok((first, last)),
        (Some(_), Some(_)) => Err(format!("'{shown}' ends before it begins")),
        _ => Err(format!("'{shown}' is no range of slots from 0 to 16383")),
    }
}
