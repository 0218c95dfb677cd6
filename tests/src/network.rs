//! A small network of its own for the nodes of a cluster under test: a bridge, and a network namespace for each host on it.
//!
//! What hosts send each other can be lost: from then on packets to a host carry a hardware address that nobody has. The test itself sits
//! at the bridge and reaches every host whatever is lost between them.

use std::net::Ipv4Addr;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Hosts of one network at most.
const HOSTS_MAX: u32 = 14;

/// The device of each host.
const DEVICE: &str = "e0";

/// A hardware address that nobody has.
const NOBODY: &str = "02:00:00:00:00:99";

/// A bridge with its hosts; taken down when dropped.
pub struct Network {
    name: String,
    first: u32,
    hosts: usize,
}

/// One host of a network.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its namespace.
    pub namespace: String,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Network {
    /// A network of so many hosts; `None`, with a line that says why, where this machine does not allow it.
    pub fn new(hosts: usize) -> Option<Network> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(hosts as u32 <= HOSTS_MAX, "a network has {HOSTS_MAX} hosts at most");
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % 16;
        let process = std::process::id();
        // 10.64.0.0/10, by the process and the number of the network in it.
        let first = u32::from(Ipv4Addr::new(10, 64, 0, 0)) + ((process % (1 << 14)) << 8) + (number << 4);
        let network = Network { name: format!("ash{process}n{number}"), first, hosts };
        if let Err(reason) = network.build() {
            eprintln!("skipped: this machine does not allow network namespaces: {reason}");
            return None;
        }
        Some(network)
    }

    fn build(&self) -> Result<(), String> {
        ip(&["link", "add", &self.name, "type", "bridge"])?;
        ip(&["addr", "add", &format!("{}/28", Ipv4Addr::from(self.first + HOSTS_MAX)), "dev", &self.name])?;
        ip(&["link", "set", &self.name, "up"])?;
        for number in 0..self.hosts {
            let Host { namespace, address } = self.host(number);
            let port = format!("{}h{number}", self.name);
            ip(&["netns", "add", &namespace])?;
            ip(&["link", "add", &port, "type", "veth", "peer", "name", DEVICE, "netns", &namespace])?;
            ip(&["link", "set", &port, "master", &self.name, "up"])?;
            ip(&["-n", &namespace, "addr", "add", &format!("{address}/28"), "dev", DEVICE])?;
            ip(&["-n", &namespace, "link", "set", DEVICE, "up"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        }
        Ok(())
    }

    /// One of its hosts.
    pub fn host(&self, number: usize) -> Host {
        let address = Ipv4Addr::from(self.first + 1 + number as u32);
        Host { namespace: format!("{}h{number}", self.name), address }
    }

    /// From now on nothing that one host sends reaches another.
    #[track_caller]
    pub fn lose(&self, from: usize, to: usize) {
        let (from, to) = (self.host(from), self.host(to).address.to_string());
        let neighbour = ["neigh", "replace", &to, "lladdr", NOBODY, "dev", DEVICE, "nud", "permanent"];
        done(ip(&[&["-n", &from.namespace], &neighbour[..]].concat()));
    }

    /// From now on nothing passes between these hosts and the others.
    #[track_caller]
    pub fn part(&self, side: &[usize]) {
        for here in 0..self.hosts {
            for there in (0..self.hosts).filter(|there| side.contains(&here) != side.contains(there)) {
                self.lose(here, there);
            }
        }
    }

    /// From now on everything passes.
    #[track_caller]
    pub fn heal(&self) {
        for number in 0..self.hosts {
            done(ip(&["-n", &self.host(number).namespace, "neigh", "flush", "all", "nud", "permanent"]));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Whatever was built; the rest is not there.
        for number in 0..self.hosts {
            let _ = ip(&["netns", "del", &self.host(number).namespace]);
        }
        let _ = ip(&["link", "del", &self.name]);
    }
}

/// Runs ip(8).
fn ip(arguments: &[&str]) -> Result<(), String> {
    let Output { status, stderr, .. } =
        Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&stderr).trim()))
}

#[track_caller]
fn done(result: Result<(), String>) {
    if let Err(reason) = result {
        panic!("{reason}");
    }
}
