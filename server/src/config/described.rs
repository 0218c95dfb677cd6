//! A cluster that the configuration describes, and which of its nodes this server is.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;

use clusterbus::address::Address;
use clusterbus::slot_set::SlotSet;
use keyspace::slot::Slot;
use shard::settings::Settings;

use super::error::{Place, Problem};
use crate::listen;

/// A node of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedNode {
    /// Where it is.
    pub(crate) address: Address,
    /// The slots that are its at first.
    pub(crate) slots: SlotSet,
}

/// A described cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// Its nodes, in the order of the file.
    pub(crate) nodes: Vec<DescribedNode>,
    /// This server's place among them.
    pub(crate) me: usize,
}

/// The nodes of a file, with their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodesSection {
    pub(super) nodes: Vec<DescribedNode>,
    pub(super) path: PathBuf,
    /// The line of the first.
    pub(super) line: usize,
}

impl NodesSection {
    /// What tells this server from the other nodes in names of files; none if it is none of them.
    pub(super) fn own_name(&self, settings: &Settings) -> Option<String> {
        let Address { host, ports } = self.nodes[find(&self.nodes, settings).ok()?].address;
        Some(format!("{host}-{}", ports.client))
    }

    /// Finds this server among the nodes, and has the settings say what its entry says.
    ///
    /// # Errors
    ///
    /// What does not fit, with the place of the nodes.
    pub(super) fn settle(self, settings: &mut Settings) -> Result<Described, Problem> {
        let NodesSection { nodes, path, line } = self;
        let me = check(&nodes, settings).and_then(|()| find(&nodes, settings)).and_then(|me| {
            adapt(nodes[me].address, settings)?;
            Ok(me)
        });
        match me {
            Ok(me) => Ok(Described { nodes, me }),
            Err(what) => Err(Problem { place: Place::Key(path, line, "nodes".to_owned()), what }),
        }
    }
}

/// Whether the description and the settings go together.
fn check(nodes: &[DescribedNode], settings: &Settings) -> Result<(), String> {
    if !settings.cluster_enabled {
        return Err("they describe a cluster, but cluster-enabled is no".to_owned());
    }
    let nobodys: SlotSet = Slot::all().filter(|slot| !nodes.iter().any(|node| node.slots.contains(*slot))).collect();
    if settings.cluster_require_full_coverage && !nobodys.is_empty() {
        return Err(format!(
            "nobody has the slots {nobodys:?}, and without them the cluster does not serve: give them to a node, or set \
             cluster-require-full-coverage to no"
        ));
    }
    Ok(())
}

/// The place of this server: the node that `cluster-node` names, or the only one with its port on an address of this machine that it
/// listens on.
fn find(nodes: &[DescribedNode], settings: &Settings) -> Result<usize, String> {
    let named = settings.cluster_node.as_str();
    let all = || nodes.iter().map(|node| shown(node.address)).collect::<Vec<_>>().join(", ");
    if !named.is_empty() {
        let place = nodes.iter().position(|node| shown(node.address) == named);
        return place.ok_or_else(|| format!("cluster-node is {named}, which is none of them: {}", all()));
    }
    let mine: Vec<usize> = (0..nodes.len()).filter(|index| is_here(nodes[*index].address, settings)).collect();
    match mine[..] {
        [me] => Ok(me),
        [] => Err(format!(
            "none of them is this server, which has port {} and listens on {}: set these, or cluster-node to one of {}",
            settings.port,
            settings.bind.join(" "),
            all()
        )),
        _ => Err(format!("several of them can be this server: set cluster-node to one of {}", all())),
    }
}

/// An address as the file has it.
fn shown(address: Address) -> String {
    let (host, port) = (address.host, address.ports.client);
    if host.as_str().contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether this server listens there.
fn is_here(address: Address, settings: &Settings) -> bool {
    let Ok(ip) = address.host.as_str().parse::<IpAddr>() else { return false };
    let listens = |name: &String| {
        let name = name.strip_prefix('-').unwrap_or(name);
        listen::address(name, 0).is_ok_and(|bound| {
            bound.ip() == ip || bound.ip().is_unspecified() && bound.is_ipv4() == ip.is_ipv4() && is_of_this_machine(ip)
        })
    };
    address.ports.client == settings.port && settings.bind.iter().any(listens)
}

/// Whether an address can be bound here, which it can only where it belongs.
fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// Has the settings say what the entry says. What they say already has to agree.
fn adapt(address: Address, settings: &mut Settings) -> Result<(), String> {
    let (usual, ports) = (Settings::default(), address.ports);
    if settings.port != ports.client && settings.port != usual.port {
        return Err(format!("the entry of this server has port {}, but port is {}", ports.client, settings.port));
    }
    if settings.cluster_port != ports.bus && settings.cluster_port != 0 {
        return Err(format!(
            "the entry of this server has bus port {}, but cluster-port is {}",
            ports.bus, settings.cluster_port
        ));
    }
    (settings.port, settings.cluster_port) = (ports.client, ports.bus);
    if settings.cluster_config_file == usual.cluster_config_file {
        // Several nodes may share a folder.
        settings.cluster_config_file = format!("nodes-{}.conf", ports.client);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
