//! Nodes of clusters under test: started, stopped at once and started again on the same file; and what they know of each other.

use crate::client::Client;
use crate::frame::Frame;
use crate::network::Host;
use crate::server::{Kind, Server, free_port, start_in, start_on};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(20);
/// Longest wait for a cluster to be whole.
const JOIN_WAIT: Duration = Duration::from_secs(40);

/// Waits until something holds; panics if it does not within the limit. Returns how long it took.
#[track_caller]
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    let (_open, never) = channel::<()>();
    while !holds() {
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        let _ = never.recv_timeout(PACE);
    }
    begin.elapsed()
}

/// A node, which may be stopped, with its file.
pub struct Node {
    kind: Kind,
    folder: tempfile::TempDir,
    /// Where it runs, if not on the test's own host.
    host: Option<Host>,
    arguments: Vec<String>,
    /// The port of its clients.
    pub port: u16,
    /// The port of its bus.
    pub bus: u16,
    server: Option<Server>,
}

/// A line of CLUSTER NODES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its flags.
    pub flags: Vec<String>,
    /// Its config epoch.
    pub epoch: u64,
    /// Its slots.
    pub slots: Vec<String>,
}

impl Known {
    /// Whether it has a flag.
    pub fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

impl Node {
    /// A node on free ports that knows nobody, running.
    #[track_caller]
    pub fn start(kind: Kind, node_timeout_ms: u64) -> Node {
        Node::start_with(kind, node_timeout_ms, &[])
    }

    /// Likewise, with more arguments.
    #[track_caller]
    pub fn start_with(kind: Kind, node_timeout_ms: u64, more: &[&str]) -> Node {
        let (port, bus) = (free_port(), free_port());
        let [port_text, bus_text, timeout] =
            [port.into(), bus.into(), node_timeout_ms].map(|number: u64| number.to_string());
        let mut arguments = vec!["--port", &port_text, "--cluster-port", &bus_text, "--cluster-node-timeout", &timeout];
        arguments.extend(["--cluster-enabled", "yes", "--save", "", "--bind", "127.0.0.1"]);
        arguments.extend(more);
        Node::with(kind, port, bus, &arguments)
    }

    /// A node with exactly these arguments, running.
    #[track_caller]
    pub fn with(kind: Kind, port: u16, bus: u16, arguments: &[&str]) -> Node {
        let mut arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        if let Kind::Ashlar { cores } = kind {
            arguments.extend(["--cores".to_owned(), cores.to_string()]);
        }
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let mut node = Node { kind, folder, host: None, arguments, port, bus, server: None };
        node.launch();
        node.wait_ready();
        node
    }

    /// A node of ours on a host of a network, which knows nobody and serves its slots whatever becomes of others, running. `more` are
    /// further arguments.
    #[track_caller]
    pub fn on(host: Host, cores: usize, node_timeout_ms: u64, more: &[&str]) -> Node {
        let (address, timeout) = (host.address.to_string(), node_timeout_ms.to_string());
        let arguments = ["--port", "6379", "--bind", &address, "--cluster-enabled", "yes", "--cluster-bus-open", "yes"];
        let rules =
            ["--cluster-node-timeout", &timeout, "--cluster-require-full-coverage", "no", "--protected-mode", "no"];
        let cores_text = cores.to_string();
        let arguments = [&arguments[..], &rules, &["--cores", &cores_text, "--save", ""], more].concat();
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let (kind, port, bus) = (Kind::Ashlar { cores }, 6379, 16379);
        let mut node = Node { kind, folder, host: Some(host), arguments, port, bus, server: None };
        node.launch();
        node.wait_ready();
        node
    }

    /// Starts the process.
    pub fn launch(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.server = Some(match &self.host {
            None => start_in(self.kind, self.port, self.folder.path(), &arguments),
            Some(host) => start_on(host, self.kind, self.port, self.folder.path(), &arguments),
        });
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.as_ref().map_or(Ipv4Addr::LOCALHOST, |host| host.address)
    }

    /// Waits until it serves.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let server = self.server();
        if let Err(what) = server.wait_ready() {
            panic!("{what}\n{}", server.log_text());
        }
    }

    /// The running process.
    #[track_caller]
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the node runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        self.server.as_ref().expect("the node runs").signal(name);
    }

    /// Stops it at once, as by kill -9.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Where it keeps what it knows.
    pub fn file(&self) -> PathBuf {
        let files = fs::read_dir(self.folder.path()).expect("its folder is there");
        let mut names = files.map(|file| file.expect("the folder can be read").path());
        let is_conf = |path: &PathBuf| path.extension().is_some_and(|end| end == "conf");
        names.find(is_conf).expect("it has written a file")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        let (address, port) = (self.address(), self.port);
        Client::try_connect_to(address, port).unwrap_or_else(|error| panic!("connect to {address}:{port}: {error}"))
    }

    /// A reply as text.
    #[track_caller]
    pub fn text(&self, words: &str) -> String {
        let reply = self.client().ask(words);
        match reply.text() {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => panic!("{words}: {reply}"),
        }
    }

    /// A value of CLUSTER INFO.
    #[track_caller]
    pub fn info(&self, name: &str) -> String {
        let text = self.text("CLUSTER INFO");
        let value =
            text.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Whether it finds the cluster fit to serve.
    pub fn is_ok(&self) -> bool {
        self.info("cluster_state") == "ok"
    }

    /// Its name.
    pub fn id(&self) -> String {
        self.text("CLUSTER MYID")
    }

    /// The nodes that it knows, by name; itself without the flag that says so.
    #[track_caller]
    pub fn nodes(&self) -> BTreeMap<String, Known> {
        let text = self.text("CLUSTER NODES");
        text.lines().map(known).collect()
    }

    /// Whether it has a link to every node that it knows: it may know one for a tick before it opens the link, and publishes nothing to
    /// it until then.
    #[track_caller]
    pub fn is_linked(&self) -> bool {
        self.text("CLUSTER NODES").lines().all(|line| line.split(' ').nth(7) == Some("connected"))
    }

    /// Has it meet another.
    pub fn meet(&self, other: &Node) {
        self.client().ok(&format!("CLUSTER MEET {} {} {}", other.address(), other.port, other.bus));
    }

    /// Gives it slots.
    pub fn add_slots(&self, first: u16, last: u16) {
        self.client().ok(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
    }

    /// Publishes a message.
    pub fn publish(&self, channel: &str, message: &str) -> Frame {
        self.client().ask(&format!("PUBLISH {channel} {message}"))
    }
}

fn known(line: &str) -> (String, Known) {
    let words: Vec<&str> = line.split(' ').collect();
    let flags = words[2].split(',').filter(|flag| *flag != "myself").map(str::to_owned).collect();
    let epoch = words[6].parse().expect("an epoch is a number");
    let slots = words[8..].iter().map(|&word| word.to_owned()).collect();
    (words[0].to_owned(), Known { flags, epoch, slots })
}

/// Slots of all.
const SLOTS: usize = 16_384;

/// Slots of one of so many nodes with equal shares.
pub fn share(number: usize, nodes: usize) -> (u16, u16) {
    let at = |number: usize| (number * SLOTS / nodes) as u16;
    (at(number), at(number + 1) - 1)
}

/// The TOML of so many nodes on free ports with equal shares, and their ports and buses' ports.
pub fn description(count: usize) -> (String, Vec<(u16, u16)>) {
    let mut ports = BTreeSet::new();
    while ports.len() < 2 * count {
        ports.insert(free_port());
    }
    let ports: Vec<u16> = ports.into_iter().collect();
    let pairs: Vec<(u16, u16)> = ports.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let mut text = "[cluster]\ncluster-enabled = true\ncluster-node-timeout = 2000\n".to_owned();
    for (number, (port, bus)) in pairs.iter().enumerate() {
        let (first, last) = share(number, count);
        let address = format!("address = \"127.0.0.1:{port}\"\nbus-port = {bus}\n");
        text += &format!("[[cluster.nodes]]\n{address}slots = \"{first}-{last}\"\n");
    }
    (text, pairs)
}

/// Makes a cluster of nodes that know nobody: equal shares, epochs 1, 2 and so on. Each meets the next; all agree and serve in the end.
#[track_caller]
pub fn join(nodes: &[Node]) {
    for (number, node) in nodes.iter().enumerate() {
        let (first, last) = share(number, nodes.len());
        node.add_slots(first, last);
        node.client().ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1));
    }
    nodes.windows(2).for_each(|pair| pair[0].meet(&pair[1]));
    until_whole(nodes);
}

/// Waits until all agree about everything, hear each other and serve.
#[track_caller]
pub fn until_whole(nodes: &[Node]) {
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree and serve", JOIN_WAIT, || agreed(&all) && all.iter().all(|node| node.is_linked() && node.is_ok()));
}

/// What nodes agree on: their names, epochs and slots.
pub fn agreed(nodes: &[&Node]) -> bool {
    let first = nodes[0].nodes();
    first.len() == nodes.len() && nodes.iter().all(|node| node.nodes() == first)
}
