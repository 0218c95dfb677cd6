//! What a client reads when its command is not served here.
//!
//! C04, §4.3 to §4.5: each text in one place. Texts are without the `-` before and the line end behind. A script gets another text,
//! for its client cannot follow a redirect in the middle of it.

use crate::address::{Host, Label, Ports};
use crate::conf::PrimaryPort;
use crate::faults::{Fault, planted};
use crate::gate::Decision;
use crate::snapshot::{Endpoint, EndpointIndex, PreferredEndpoint, Snapshot};

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TCP.
    Plain,
    /// TLS.
    Tls,
}

/// The error for a client; `None` for what is served here.
pub fn error(decision: Decision, snapshot: &Snapshot, security: Security) -> Option<String> {
    let fixed = |text: &str| Some(text.to_owned());
    let redirect = |word, slot: keyspace::slot::Slot, to: EndpointIndex| {
        let endpoint = snapshot.endpoint(to);
        let place = place(endpoint, snapshot.rules.preferred);
        Some(format!("{word} {} {place}:{}", slot.number(), port(endpoint, snapshot.rules.primary, security)))
    };
    match decision {
        Decision::Local => None,
        Decision::Moved(slot, to) => redirect("MOVED", slot, to),
        Decision::Ask(slot, to) => redirect("ASK", slot, to),
        Decision::CrossSlot => fixed("CROSSSLOT Keys in request don't hash to the same slot"),
        Decision::Unstable => fixed("TRYAGAIN Multiple keys request during rehashing of slot"),
        Decision::Unassigned => fixed("CLUSTERDOWN Hash slot not served"),
        Decision::Down => fixed("CLUSTERDOWN The cluster is down"),
        Decision::DownReadOnly => fixed("CLUSTERDOWN The cluster is down and only accepts read commands"),
    }
}

/// What clients are told of where a node is.
pub fn place(endpoint: &Endpoint, preferred: PreferredEndpoint) -> &str {
    place_of(&endpoint.host, endpoint.hostname.as_ref(), preferred)
}

/// The same of any node: IPv6 without brackets, nothing where it is not to be told, `?` for a missing name.
pub fn place_of<'a>(host: &'a Host, hostname: Option<&'a Label>, preferred: PreferredEndpoint) -> &'a str {
    match preferred {
        PreferredEndpoint::Ip => host.as_str(),
        PreferredEndpoint::Hostname => hostname.map_or("?", Label::as_str),
        PreferredEndpoint::Unknown => "",
    }
}

/// The port of a node for clients that are connected in this way.
pub fn port(endpoint: &Endpoint, primary: PrimaryPort, security: Security) -> u16 {
    port_of(endpoint.ports, primary, security)
}

/// The same of any node.
pub fn port_of(ports: Ports, primary: PrimaryPort, security: Security) -> u16 {
    match (primary, security) {
        (PrimaryPort::Tcp, Security::Plain) | (PrimaryPort::Tls, Security::Tls) => ports.client,
        _ if planted(Fault::WrongPort) => ports.client,
        _ => ports.other,
    }
}

/// The error for a script whose call of `command` is not served here; `None` for what is.
pub fn script_error(decision: Decision, command: &str) -> Option<String> {
    let fixed = |text: &str| Some(text.to_owned());
    match decision {
        Decision::Local => None,
        Decision::DownReadOnly => {
            fixed("Script attempted to execute a write command while the cluster is down and readonly")
        }
        Decision::Down => fixed("Script attempted to execute a command while the cluster is down"),
        Decision::CrossSlot => {
            Some(format!("Command '{command}' in script attempted to access keys that don't hash to the same slot"))
        }
        Decision::Unstable => Some(format!(
            "Unable to execute command '{command}' in script because undeclared keys were accessed during rehashing of the slot"
        )),
        Decision::Unassigned => fixed("Script attempted to access a slot not served"),
        Decision::Moved(..) | Decision::Ask(..) => {
            fixed("Script attempted to access a non local key in a cluster node")
        }
    }
}
