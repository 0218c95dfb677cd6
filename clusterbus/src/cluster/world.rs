//! A world of nodes in virtual time, from a seed: what the tests of the state machine run in.
//!
//! Links are reliable and ordered, as TCP's are, while nothing is between two nodes; what is sent across a partition is lost with the
//! link's patience, as far as nodes can tell. A file is written after a while; a crash loses what was not.

use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;
use keyspace::slot::Slot;

use super::Cluster;
use crate::address::{Address, Host, Ports};
use crate::conf::{NodesConf, PrimaryPort};
use crate::effect::{Alarm, Effect, LinkId, SaveSeq};
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::settings::ClusterSettings;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Frame, Health, Kind};

/// Milliseconds of a tick.
const TICK: u64 = 100;

#[derive(Debug)]
enum Event {
    Tick(usize),
    Arrive(usize, LinkId, Vec<u8>),
    Connect(usize, LinkId, usize),
    Break(usize, LinkId),
    Saved(usize, SaveSeq, String),
}

impl Event {
    /// Whose it is.
    fn of(&self) -> usize {
        match self {
            Event::Tick(member) | Event::Arrive(member, ..) | Event::Connect(member, ..) => *member,
            Event::Break(member, _) | Event::Saved(member, ..) => *member,
        }
    }
}

pub(super) struct Member {
    pub(super) cluster: Cluster,
    /// The other end of each link.
    links: HashMap<LinkId, (usize, LinkId)>,
    pub(super) alarms: Vec<Alarm>,
    /// Epochs in which it voted or asked for votes, as frames told.
    pub(super) acks: Vec<(u64, NodeId)>,
    incarnation: u64,
    /// The offset at which writes stand still.
    pub(super) paused: Option<u64>,
}

pub(super) struct World {
    pub(super) members: Vec<Option<Member>>,
    /// What is on disk.
    disks: Vec<Option<String>>,
    /// Pairs that cannot reach each other.
    cut: HashSet<(usize, usize)>,
    pub(super) now: u64,
    events: BTreeMap<(u64, u64), (u64, Event)>,
    incarnations: Vec<u64>,
    order: u64,
    pub(super) rng: Rng,
    node_timeout: u64,
    /// How long a save takes at most.
    pub(super) disk_millis: u64,
    /// Nodes that stand still, and until when.
    frozen: HashMap<usize, u64>,
    pub(super) frames: u64,
    pub(super) dials: u64,
    /// What arrives, and where, if it is wanted.
    pub(super) record: Option<Vec<(usize, Vec<u8>)>>,
}

impl World {
    pub(super) fn new(count: usize, node_timeout: u64, seed: u64) -> Self {
        let mut world = Self {
            members: Vec::new(),
            disks: vec![None; count],
            cut: HashSet::new(),
            now: 1_700_000_000_000,
            events: BTreeMap::new(),
            incarnations: vec![0; count],
            order: 0,
            rng: Rng::with_seed(seed),
            node_timeout,
            disk_millis: 10,
            frozen: HashMap::new(),
            frames: 0,
            dials: 0,
            record: None,
        };
        world.members.resize_with(count, || None);
        (0..count).for_each(|member| world.start(member));
        world
    }

    pub(super) fn id(member: usize) -> NodeId {
        NodeId::from_entropy([member as u8; 20])
    }

    pub(super) fn address(member: usize) -> Address {
        let host = Host::new(&format!("10.0.0.{member}")).expect("an address");
        Address { host, ports: Ports { client: 6379, other: 0, bus: 16379 } }
    }

    fn settings(&self) -> ClusterSettings {
        let ports = Self::address(0).ports;
        ClusterSettings { node_timeout: Millis(self.node_timeout), ..ClusterSettings::new(ports) }
    }

    /// Starts a node from what is on its disk.
    pub(super) fn start(&mut self, member: usize) {
        let (seed, now) = (self.rng.u64(..), UnixMillis(self.now));
        let cluster = match &self.disks[member] {
            Some(text) => {
                let conf = NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp).expect("we wrote it");
                Cluster::restore(self.settings(), &conf, seed, now)
            }
            None => {
                let shard = ShardId::from_entropy([member as u8; 20]);
                Cluster::create(self.settings(), Self::id(member), shard, seed, now)
            }
        };
        self.incarnations[member] += 1;
        let incarnation = self.incarnations[member];
        let (links, alarms, acks) = Default::default();
        self.members[member] = Some(Member { cluster, links, alarms, acks, incarnation, paused: None });
        let delay = self.rng.u64(1..TICK);
        self.at(delay, member, Event::Tick(member));
    }

    /// Stops a node at once. Its peers' links break.
    pub(super) fn crash(&mut self, member: usize) {
        let Some(dead) = self.members[member].take() else { return };
        for (peer, link) in dead.links.into_values() {
            self.at(1, peer, Event::Break(peer, link));
        }
    }

    /// Cuts two groups off from each other.
    pub(super) fn partition(&mut self, one: &[usize], two: &[usize]) {
        for a in one {
            for b in two {
                self.cut.extend([(*a, *b), (*b, *a)]);
            }
        }
    }

    /// Stops a node for so long; what comes meanwhile it finds afterwards.
    pub(super) fn freeze(&mut self, member: usize, millis: u64) {
        self.frozen.insert(member, self.now + millis);
    }

    /// Whether a node stands still.
    pub(super) fn is_frozen(&self, member: usize) -> bool {
        self.frozen.get(&member).is_some_and(|until| *until > self.now)
    }

    /// Whether a node did anything since it stood still.
    pub(super) fn stepped(&self, member: usize) -> bool {
        self.frozen.get(&member).is_none_or(|until| self.member(member).last_tick.is_some_and(|tick| tick.0 >= *until))
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    fn at(&mut self, delay: u64, of: usize, event: Event) {
        self.order += 1;
        self.events.insert((self.now + delay, self.order), (self.incarnations[of], event));
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((time, _), (incarnation, event)) = entry.remove_entry();
            self.now = time;
            let frozen = self.frozen.get(&event.of()).copied().filter(|until| *until > time);
            match frozen {
                Some(until) => {
                    self.order += 1;
                    self.events.insert((until, self.order), (incarnation, event));
                }
                None => self.happen(incarnation, event),
            }
        }
        self.now = end;
    }

    /// Lets time pass until something holds, at most so long. Returns how long it took.
    pub(super) fn run_until(&mut self, millis_max: u64, what: &str, holds: impl Fn(&World) -> bool) -> u64 {
        let begin = self.now;
        while !holds(self) {
            assert!(self.now - begin < millis_max, "{what}: not within {millis_max} ms\n{}", self.show());
            self.run(20);
        }
        self.now - begin
    }

    fn happen(&mut self, incarnation: u64, event: Event) {
        let of = event.of();
        let now = UnixMillis(self.now);
        let Some(member) = self.members[of].as_mut().filter(|member| member.incarnation == incarnation) else { return };
        match event {
            Event::Tick(_) => {
                self.replicate(of);
                let member = self.members[of].as_mut().expect("it runs");
                member.cluster.tick(now);
                self.at(TICK, of, Event::Tick(of));
            }
            Event::Arrive(_, link, bytes) => {
                self.frames += 1;
                self.record.iter_mut().for_each(|record| record.push((of, bytes.clone())));
                let frame = Frame::decode(&bytes).expect("our own frames are well-formed");
                if member.links.contains_key(&link) {
                    member.cluster.handle_frame(link, &frame, now);
                }
            }
            Event::Connect(_, link, peer) => self.connect(of, link, peer),
            Event::Break(_, link) => {
                member.links.remove(&link);
                member.cluster.closed(link, now);
            }
            Event::Saved(_, seq, text) => {
                self.disks[of] = Some(text);
                member.cluster.saved(seq);
            }
        }
        if let Some(member) = self.members[of].as_mut() {
            member.cluster.before_sleep(now);
        }
        self.carry_out(of);
    }

    /// A replica hears its master, if it is reached: what replication will tell.
    fn replicate(&mut self, of: usize) {
        let cluster = self.member(of);
        let Some(master) = cluster.nodes()[cluster.me()].master.map(|master| cluster.nodes()[master].id) else {
            return;
        };
        let heard = self.running().find(|(_, cluster)| cluster.my_id() == master).map(|(master, _)| master);
        if let Some(master) = heard.filter(|master| !self.cut.contains(&(of, *master))) {
            let paused = self.members[master].as_ref().and_then(|master| master.paused);
            let offset = paused.unwrap_or(self.now - self.rng.u64(..50));
            let facts = super::ReplicationFacts { offset, heard: UnixMillis(self.now) };
            self.members[of].as_mut().expect("it runs").cluster.set_replication(facts);
        }
    }

    fn connect(&mut self, of: usize, link: LinkId, peer: usize) {
        let now = UnixMillis(self.now);
        let (mine, theirs) = (Self::address(of).host, Self::address(peer).host);
        let reachable = !self.cut.contains(&(of, peer)) && peer < self.members.len();
        let accepted = match self.members.get_mut(peer).and_then(Option::as_mut).filter(|_| reachable && peer != of) {
            Some(target) => {
                let id = target.cluster.accepted(mine, theirs, now);
                target.links.insert(id, (of, link));
                Some(id)
            }
            None => None,
        };
        let Some(member) = self.members[of].as_mut() else { return };
        match accepted {
            Some(id) => {
                member.links.insert(link, (peer, id));
                member.cluster.dialled(link, theirs, mine, now);
            }
            None => member.cluster.closed(link, now),
        }
    }

    fn carry_out(&mut self, of: usize) {
        while let Some(effect) = self.members[of].as_mut().and_then(|member| member.cluster.poll_effect()) {
            let delay = self.rng.u64(1..4);
            match effect {
                Effect::Dial(link, address) => {
                    self.dials += 1;
                    let peer = address.host.as_str().rsplit('.').next().and_then(|last| last.parse().ok());
                    self.at(delay, of, Event::Connect(of, link, peer.unwrap_or(usize::MAX)));
                }
                Effect::Close(link) => {
                    let member = self.members[of].as_mut().expect("it has effects");
                    if let Some((peer, id)) = member.links.remove(&link) {
                        self.at(delay, peer, Event::Break(peer, id));
                    }
                }
                Effect::Send(link, frame) => self.carry(of, link, &frame),
                Effect::Save(seq, _, conf) => {
                    let text = conf.print(PrimaryPort::Tcp);
                    let delay = self.rng.u64(1..=self.disk_millis);
                    self.at(delay, of, Event::Saved(of, seq, text));
                }
                Effect::Alarm(alarm) => self.members[of].as_mut().expect("it has effects").alarms.push(alarm),
                Effect::Pause(_) => {
                    let offset = self.now;
                    let member = self.members[of].as_mut().expect("it has effects");
                    member.paused = Some(offset);
                    member.cluster.writes_paused(offset, UnixMillis(self.now));
                }
                Effect::Resume => self.members[of].as_mut().expect("it has effects").paused = None,
                Effect::Routes(version) => {
                    self.members[of].as_mut().expect("it has effects").cluster.acknowledged(version);
                }
                Effect::Lost(_) | Effect::Follow(_) => {}
            }
        }
    }

    fn carry(&mut self, of: usize, link: LinkId, frame: &[u8]) {
        let member = self.members[of].as_mut().expect("it has effects");
        let Some((peer, id)) = member.links.get(&link).copied() else { return };
        let kind = u16::from_be_bytes([frame[12], frame[13]]);
        if Kind::of_number(kind) == Some(Kind::AuthAck) {
            let header = Frame::decode(frame).expect("our own frames are well-formed").header;
            member.acks.push((header.current_epoch.number(), Self::id(peer)));
        }
        if !self.cut.contains(&(of, peer)) {
            // A link keeps its order, so all that is sent takes the same time.
            self.at(2, peer, Event::Arrive(peer, id, frame.to_vec()));
        }
    }

    /// What a node would read after a crash.
    pub(super) fn on_disk(&self, member: usize) -> NodesConf {
        let text = self.disks[member].as_ref().expect("it wrote a file");
        NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp).expect("we wrote it")
    }

    pub(super) fn member(&self, member: usize) -> &Cluster {
        &self.members[member].as_ref().expect("it runs").cluster
    }

    /// The administrator does something at a node.
    pub(super) fn at_node<R>(&mut self, member: usize, act: impl FnOnce(&mut Cluster, UnixMillis) -> R) -> R {
        let now = UnixMillis(self.now);
        let cluster = &mut self.members[member].as_mut().expect("it runs").cluster;
        let result = act(cluster, now);
        cluster.before_sleep(now);
        self.carry_out(member);
        result
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (usize, &Cluster)> + '_ {
        let members = self.members.iter().enumerate();
        members.filter_map(|(index, member)| member.as_ref().map(|member| (index, &member.cluster)))
    }

    /// What `at` thinks of `of`.
    pub(super) fn flags(&self, at: usize, of: usize) -> NodeFlags {
        let nodes = self.member(at).nodes();
        nodes.find(&Self::id(of)).map_or(NodeFlags::NONE, |index| nodes[index].flags)
    }

    /// The owner of each slot, as a node sees it.
    pub(super) fn owner(&self, at: usize, slot: Slot) -> Option<NodeId> {
        let cluster = self.member(at);
        cluster.slots().owner(slot).map(|owner| cluster.nodes()[owner].id)
    }

    pub(super) fn all_ok(&self) -> bool {
        self.running().all(|(_, cluster)| cluster.health() == Health::Ok)
    }

    /// A cluster of `masters` masters with equal shares; the others are their replicas, in turn.
    pub(super) fn formed(count: usize, masters: usize, node_timeout: u64, seed: u64) -> World {
        let mut world = World::new(count, node_timeout, seed);
        let all: Vec<Slot> = Slot::all().collect();
        let share = all.len().div_ceil(masters);
        for (member, slots) in all.chunks(share).enumerate() {
            world.at_node(member, |cluster, _| cluster.add_slots(slots)).expect("they are free");
        }
        for member in 1..count {
            world.at_node(0, |cluster, now| cluster.meet(World::address(member), now));
        }
        world.run_until(20_000, "all know all", |world| {
            world.running().all(|(_, cluster)| {
                let introduced = cluster.nodes().iter().filter(|(_, node)| !node.in_handshake());
                introduced.count() == count
            })
        });
        for member in masters..count {
            let master = World::id(member % masters);
            world
                .at_node(member, |cluster, _| cluster.replicate(master, super::admin::Stored::Nothing))
                .expect("it is empty");
        }
        world.run_until(30_000, "the cluster is formed", |world| {
            let settled = (masters..count).all(|replica| {
                (0..count).all(|at| {
                    !world.member(at).nodes()[world.member(at).nodes().find(&World::id(replica)).expect("known")]
                        .is_master()
                })
            });
            settled && world.all_ok() && world.agreed()
        });
        world
    }

    /// Whether all nodes see the same owners, and all config epochs of masters with slots differ.
    pub(super) fn agreed(&self) -> bool {
        let views: Vec<Vec<Option<NodeId>>> = self
            .running()
            .map(|(member, _)| Slot::all().step_by(61).map(|slot| self.owner(member, slot)).collect())
            .collect();
        let mut epochs: Vec<u64> = Vec::new();
        if let Some((_, cluster)) = self.running().next() {
            epochs.extend(cluster.voters().map(|(_, node)| node.config_epoch.number()));
        }
        epochs.sort_unstable();
        let distinct = epochs.windows(2).all(|pair| pair[0] != pair[1]);
        distinct && views.windows(2).all(|pair| pair[0] == pair[1])
    }

    pub(super) fn show(&self) -> String {
        self.running()
            .map(|(member, cluster)| {
                let conf = cluster.conf().print(PrimaryPort::Tcp);
                format!("--- {member} {:?}\n{conf}", cluster.health())
            })
            .collect()
    }
}
