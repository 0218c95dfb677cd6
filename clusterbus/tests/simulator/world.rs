//! The world: nodes, what is between them, and time.
//!
//! Links are ordered while the weather is fair, as TCP's are; what is sent across a partition is lost with the link's patience, as far as
//! nodes can tell. A file is written after a while; a crash loses what was not. Every node has a clock of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusterbus::address::{Address, Host, Ports};
use clusterbus::cluster::{Cluster, ReplicationFacts, Stored};
use clusterbus::conf::{NodesConf, PrimaryPort};
use clusterbus::effect::{Alarm, Effect, LinkId};
use clusterbus::flags::NodeFlags;
use clusterbus::id::{NodeId, ShardId};
use clusterbus::settings::ClusterSettings;
use clusterbus::snapshot::{Snapshot, SnapshotVersion};
use clusterbus::time::{Millis, UnixMillis};
use clusterbus::wire::{Frame, Health, Kind};
use fastrand::Rng;
use keyspace::slot::Slot;

use super::checks::Checks;
use super::disk::{Crash, Disk, Step};
use super::versions::without_extensions;
use super::weather::Weather;

/// Milliseconds of a tick.
pub(crate) const TICK: u64 = 100;
/// Milliseconds until all cores of a node run under a snapshot.
const CORES_MILLIS: u64 = 2;

#[derive(Debug)]
enum Event {
    Tick,
    Arrive(LinkId, Arc<[u8]>),
    Connect(LinkId, usize),
    Break(LinkId),
    Disk,
    Routes(SnapshotVersion, Box<Snapshot>),
}

/// A node that runs.
pub(crate) struct Member {
    pub(crate) cluster: Cluster,
    /// The other end of each link.
    links: BTreeMap<LinkId, (usize, LinkId)>,
    pub(crate) alarms: Vec<Alarm>,
    /// Epochs in which it voted, and for whom, as frames told.
    pub(crate) acks: Vec<(u64, NodeId)>,
    /// The offset at which writes stand still.
    pub(crate) paused: Option<u64>,
    /// What its cores route by.
    pub(crate) routes: Option<Box<Snapshot>>,
}

/// A node at a step of a save: where it is to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrashPoint {
    pub(crate) member: usize,
    /// Which of the node's saves, counted from the first of all.
    pub(crate) save: u64,
    pub(crate) step: Step,
    pub(crate) how: Crash,
}

pub(crate) struct World {
    pub(crate) members: Vec<Option<Member>>,
    pub(crate) disks: Vec<Disk>,
    /// The names that nodes have now. A node that lost its file has another.
    ids: Vec<NodeId>,
    by_id: BTreeMap<NodeId, usize>,
    /// The number of the address at which each lives.
    homes: Vec<usize>,
    /// Nodes whose disks are full: they cannot save, and end.
    pub(crate) full: BTreeSet<usize>,
    /// Nodes of a version that knows no extensions.
    pub(crate) old: BTreeSet<usize>,
    /// Replicas that get nothing of their master's data.
    pub(crate) starved: BTreeSet<usize>,
    /// What their clocks are ahead of the world's, in milliseconds.
    ahead: Vec<i64>,
    /// Ways that nothing passes.
    cut: BTreeSet<(usize, usize)>,
    pub(crate) weather: Weather,
    pub(crate) now: u64,
    events: BTreeMap<(u64, u64), (usize, u64, Event)>,
    incarnations: Vec<u64>,
    order: u64,
    pub(crate) rng: Rng,
    pub(crate) node_timeout: u64,
    /// How long a step of a save takes at most.
    pub(crate) disk_millis: u64,
    /// Nodes that stand still, and until when.
    frozen: BTreeMap<usize, u64>,
    pub(crate) frames: u64,
    pub(crate) dials: u64,
    pub(crate) crash_point: Option<CrashPoint>,
    /// What arrives, and where, if it is wanted: everywhere, or at one node.
    pub(crate) record: Option<Vec<(usize, Arc<[u8]>)>>,
    pub(crate) record_at: Option<usize>,
    /// What has to hold, if it is looked at.
    pub(crate) checks: Option<Checks>,
}

impl World {
    pub(crate) fn new(count: usize, node_timeout: u64, seed: u64) -> Self {
        let ids: Vec<NodeId> = (0..count).map(Self::id).collect();
        let mut world = Self {
            members: Vec::new(),
            disks: Vec::new(),
            by_id: ids.iter().copied().zip(0..).collect(),
            ids,
            homes: (0..count).collect(),
            full: BTreeSet::new(),
            old: BTreeSet::new(),
            starved: BTreeSet::new(),
            ahead: vec![0; count],
            cut: BTreeSet::new(),
            weather: Weather::FAIR,
            now: 1_700_000_000_000,
            events: BTreeMap::new(),
            incarnations: vec![0; count],
            order: 0,
            rng: Rng::with_seed(seed),
            node_timeout,
            disk_millis: 4,
            frozen: BTreeMap::new(),
            frames: 0,
            dials: 0,
            crash_point: None,
            record: None,
            record_at: None,
            checks: None,
        };
        world.members.resize_with(count, || None);
        world.disks.resize_with(count, Disk::default);
        (0..count).for_each(|member| world.start(member));
        world
    }

    /// The first name of a node. Names are ordered as nodes are.
    pub(crate) fn id(member: usize) -> NodeId {
        Self::entropy(member, 0).0
    }

    fn entropy(member: usize, generation: u8) -> (NodeId, ShardId) {
        let [.., high, low] = member.to_be_bytes();
        let mut entropy = [low; 20];
        (entropy[0], entropy[1], entropy[19]) = (high, low, low.wrapping_add(generation));
        (NodeId::from_entropy(entropy), ShardId::from_entropy(entropy))
    }

    /// The name that a node has now.
    pub(crate) fn id_of(&self, member: usize) -> NodeId {
        self.ids[member]
    }

    /// The node with a name.
    pub(crate) fn member_of(&self, id: &NodeId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn address(member: usize) -> Address {
        let host = Host::new(&format!("10.0.{}.{}", member / 256, member % 256)).expect("an address");
        Address { host, ports: Ports { client: 6379, other: 0, bus: 16379 } }
    }

    /// Gives a node that does not run another address.
    pub(crate) fn move_to(&mut self, member: usize, home: usize) {
        assert!(self.members[member].is_none(), "it moves before it starts");
        self.homes[member] = home;
    }

    /// Who lives at an address.
    fn resident(&self, address: &Address) -> Option<usize> {
        let mut parts = address.host.as_str().rsplit('.').map(str::parse::<usize>);
        let (low, high) = (parts.next()?.ok()?, parts.next()?.ok()?);
        let lives = |member: &usize| self.homes[*member] == 256 * high + low;
        (0..self.homes.len()).filter(lives).find(|member| self.members[*member].is_some())
    }

    fn host(&self, member: usize) -> Host {
        self.homes.get(member).map_or(Host::UNKNOWN, |home| Self::address(*home).host)
    }

    fn settings(&self) -> ClusterSettings {
        let ports = Self::address(0).ports;
        ClusterSettings { node_timeout: Millis(self.node_timeout), ..ClusterSettings::new(ports) }
    }

    /// What a node's clock shows.
    pub(crate) fn clock(&self, member: usize) -> UnixMillis {
        UnixMillis(self.now.saturating_add_signed(self.ahead[member]))
    }

    /// Sets a node's clock forward or back.
    pub(crate) fn set_clock(&mut self, member: usize, by: i64) {
        self.ahead[member] += by;
    }

    /// Starts a node from what is on its disk.
    pub(crate) fn start(&mut self, member: usize) {
        let (seed, now) = (self.rng.u64(..), self.clock(member));
        let cluster = match self.disks[member].read() {
            Some(conf) => Cluster::restore(self.settings(), &conf, seed, now),
            None => {
                let generation = u8::try_from(self.incarnations[member]).unwrap_or(u8::MAX);
                let (id, shard) = Self::entropy(member, generation);
                self.ids[member] = id;
                self.by_id.insert(id, member);
                Cluster::create(self.settings(), id, shard, seed, now)
            }
        };
        self.incarnations[member] += 1;
        let (links, alarms, acks) = Default::default();
        let fresh = Member { cluster, links, alarms, acks, paused: None, routes: None };
        self.members[member] = Some(fresh);
        if let Some(checks) = self.checks.as_mut() {
            checks.started(member, &self.members[member].as_ref().expect("it runs").cluster);
        }
        let delay = self.rng.u64(1..TICK);
        self.at(delay, member, Event::Tick);
        self.carry_out(member);
    }

    /// Kills a node. Its peers' links break.
    pub(crate) fn crash(&mut self, member: usize) {
        self.crash_as(member, Crash::Kill);
    }

    /// Ends a node. Its peers' links break.
    pub(crate) fn crash_as(&mut self, member: usize, how: Crash) {
        let Some(dead) = self.members[member].take() else { return };
        self.disks[member].crash(how, &mut self.rng);
        for (peer, link) in dead.links.into_values() {
            self.at(1, peer, Event::Break(link));
        }
    }

    /// Cuts two groups off from each other.
    pub(crate) fn partition(&mut self, one: &[usize], two: &[usize]) {
        for a in one {
            for b in two {
                self.cut.extend([(*a, *b), (*b, *a)]);
            }
        }
    }

    /// Nothing passes from one node to another.
    pub(crate) fn cut_way(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// All can reach all again.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Stops a node for so long; what comes meanwhile it finds afterwards.
    pub(crate) fn freeze(&mut self, member: usize, millis: u64) {
        self.frozen.insert(member, self.now + millis);
    }

    /// Whether a node stands still.
    pub(crate) fn is_frozen(&self, member: usize) -> bool {
        self.frozen.get(&member).is_some_and(|until| *until > self.now)
    }

    /// Whether a node did anything since it stood still.
    pub(crate) fn stepped(&self, member: usize) -> bool {
        self.frozen.get(&member).is_none_or(|until| self.now > *until + TICK)
    }

    fn at(&mut self, delay: u64, of: usize, event: Event) {
        self.order += 1;
        self.events.insert((self.now + delay, self.order), (of, self.incarnations[of], event));
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((time, _), (of, incarnation, event)) = entry.remove_entry();
            self.now = time;
            match self.frozen.get(&of).copied().filter(|until| *until > time) {
                Some(until) => {
                    self.order += 1;
                    self.events.insert((until, self.order), (of, incarnation, event));
                }
                None if self.incarnations[of] == incarnation => self.happen(of, event),
                None => {}
            }
        }
        self.now = end;
    }

    /// Lets time pass until something holds, at most so long. Returns how long it took.
    pub(crate) fn run_until(&mut self, millis_max: u64, what: &str, holds: impl Fn(&World) -> bool) -> u64 {
        let begin = self.now;
        while !holds(self) {
            assert!(self.now - begin < millis_max, "{what}: not within {millis_max} ms\n{}", self.show());
            self.run(20);
        }
        self.now - begin
    }

    fn happen(&mut self, of: usize, event: Event) {
        let now = self.clock(of);
        if let Event::Tick = event {
            self.replicate(of);
        }
        let Some(member) = self.members[of].as_mut() else { return };
        match event {
            Event::Tick => {
                member.cluster.tick(now);
                self.at(TICK, of, Event::Tick);
            }
            Event::Arrive(link, bytes) => {
                self.frames += 1;
                let wanted = self.record_at.is_none_or(|at| at == of);
                self.record.iter_mut().filter(|_| wanted).for_each(|record| record.push((of, Arc::clone(&bytes))));
                let frame = Frame::decode(&bytes).expect("our own frames are well-formed");
                if member.links.contains_key(&link) {
                    member.cluster.handle_frame(link, &frame, now);
                }
            }
            Event::Connect(link, peer) => self.connect(of, link, peer),
            Event::Break(link) => {
                member.links.remove(&link);
                member.cluster.closed(link, now);
            }
            Event::Disk => self.step_disk(of),
            Event::Routes(version, routes) => {
                member.routes = Some(routes);
                member.cluster.acknowledged(version);
            }
        }
        let Some(member) = self.members[of].as_mut() else { return };
        member.cluster.before_sleep(now);
        self.carry_out(of);
        if let Some(mut checks) = self.checks.take() {
            checks.after(self, of);
            self.checks = Some(checks);
        }
    }

    /// The disk takes its next step; the node may crash in front of it.
    fn step_disk(&mut self, of: usize) {
        let step = self.disks[of].step();
        if self.full.contains(&of) {
            return self.crash_as(of, Crash::Kill);
        }
        if let Some(point) = self.crash_point.filter(|point| point.member == of)
            && self.disks[of].begun == point.save
            && step == Some(point.step)
        {
            self.crash_point = None;
            return self.crash_as(of, point.how);
        }
        let told = self.disks[of].advance();
        if let Some(checks) = self.checks.as_mut() {
            checks.saved(of, &self.disks[of]);
        }
        let more = if let Some(seq) = told {
            self.members[of].as_mut().expect("it runs").cluster.saved(seq);
            self.disks[of].begin()
        } else {
            true
        };
        if more {
            let delay = self.rng.u64(1..=self.disk_millis);
            self.at(delay, of, Event::Disk);
        }
    }

    /// A replica hears its master, if it is reached: what replication will tell.
    fn replicate(&mut self, of: usize) {
        let Some(member) = self.members[of].as_ref().filter(|_| !self.starved.contains(&of)) else { return };
        let cluster = &member.cluster;
        let Some(master) = cluster.nodes()[cluster.me()].master.map(|master| cluster.nodes()[master].id) else {
            return;
        };
        let runs = |at: &usize| self.members[*at].is_some() && self.ids[*at] == master && !self.is_frozen(*at);
        let heard = self.member_of(&master).filter(runs);
        if let Some(master) = heard.filter(|master| !self.cut.contains(&(*master, of))) {
            let paused = self.members[master].as_ref().and_then(|master| master.paused);
            let offset = paused.unwrap_or(self.now - self.rng.u64(..50));
            let facts = ReplicationFacts { offset, heard: self.clock(of) };
            self.members[of].as_mut().expect("it runs").cluster.set_replication(facts);
        }
    }

    fn connect(&mut self, of: usize, link: LinkId, peer: usize) {
        let now = self.clock(of);
        let (mine, theirs) = (self.host(of), self.host(peer));
        let passes = !self.cut.contains(&(of, peer)) && !self.cut.contains(&(peer, of)) && peer != of;
        let peer_now = if peer < self.ahead.len() { self.clock(peer) } else { now };
        let accepted = match self.members.get_mut(peer).and_then(Option::as_mut).filter(|_| passes) {
            Some(target) => {
                let id = target.cluster.accepted(mine, theirs, peer_now);
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
            let (now, clock) = (self.now, self.clock(of));
            let member = self.members[of].as_mut().expect("it has effects");
            match effect {
                Effect::Dial(link, address) => {
                    self.dials += 1;
                    let delay = self.rng.u64(1..4);
                    let peer = self.resident(&address).unwrap_or(usize::MAX);
                    self.at(delay, of, Event::Connect(link, peer));
                }
                Effect::Close(link) => {
                    if let Some((peer, id)) = member.links.remove(&link) {
                        self.at(2, peer, Event::Break(id));
                    }
                }
                Effect::Send(link, frame) => self.carry(of, link, &frame),
                Effect::Save(seq, durability, conf) => {
                    let begins = self.disks[of].save(seq, durability, *conf);
                    if begins {
                        let delay = self.rng.u64(1..=self.disk_millis);
                        self.at(delay, of, Event::Disk);
                    }
                }
                Effect::Alarm(alarm) => member.alarms.push(alarm),
                Effect::Pause(_) => {
                    member.paused = Some(now);
                    member.cluster.writes_paused(now, clock);
                }
                Effect::Resume => member.paused = None,
                // Nobody looks at what cores serve: they have it at once.
                Effect::Routes(version) if self.checks.is_none() => member.cluster.acknowledged(version),
                Effect::Routes(version) => {
                    let routes = Box::new(member.cluster.snapshot(version));
                    self.at(CORES_MILLIS, of, Event::Routes(version, routes));
                }
                _ => {}
            }
        }
    }

    fn carry(&mut self, of: usize, link: LinkId, frame: &Arc<[u8]>) {
        let frame = &if self.old.contains(&of) { without_extensions(frame) } else { Arc::clone(frame) };
        let member = self.members[of].as_mut().expect("it has effects");
        let Some((peer, id)) = member.links.get(&link).copied() else { return };
        let kind = Kind::of_number(u16::from_be_bytes([frame[12], frame[13]]));
        if kind == Some(Kind::AuthAck) {
            let header = Frame::decode(frame).expect("our own frames are well-formed").header;
            member.acks.push((header.current_epoch.number(), self.ids[peer]));
        }
        if let Some(mut checks) = self.checks.take() {
            checks.leaves(self, of, peer, frame);
            self.checks = Some(checks);
        }
        if !self.cut.contains(&(of, peer)) {
            for delay in self.weather.arrivals(&mut self.rng).into_iter().flatten() {
                self.at(delay, peer, Event::Arrive(id, Arc::clone(frame)));
            }
        }
    }

    /// What a node would read after a crash.
    pub(crate) fn on_disk(&self, member: usize) -> &NodesConf {
        self.disks[member].durable().expect("it wrote a file")
    }

    pub(crate) fn member(&self, member: usize) -> &Cluster {
        &self.members[member].as_ref().expect("it runs").cluster
    }

    /// The administrator does something at a node.
    pub(crate) fn at_node<R>(&mut self, member: usize, act: impl FnOnce(&mut Cluster, UnixMillis) -> R) -> R {
        let now = self.clock(member);
        let cluster = &mut self.members[member].as_mut().expect("it runs").cluster;
        let result = act(cluster, now);
        cluster.before_sleep(now);
        self.carry_out(member);
        result
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (usize, &Cluster)> + '_ {
        let members = self.members.iter().enumerate();
        members.filter_map(|(index, member)| member.as_ref().map(|member| (index, &member.cluster)))
    }

    /// What `at` thinks of `of`.
    pub(crate) fn flags(&self, at: usize, of: usize) -> NodeFlags {
        let nodes = self.member(at).nodes();
        nodes.find(&self.id_of(of)).map_or(NodeFlags::NONE, |index| nodes[index].flags)
    }

    /// The owner of each slot, as a node sees it.
    pub(crate) fn owner(&self, at: usize, slot: Slot) -> Option<NodeId> {
        let cluster = self.member(at);
        cluster.slots().owner(slot).map(|owner| cluster.nodes()[owner].id)
    }

    pub(crate) fn all_ok(&self) -> bool {
        self.running().all(|(_, cluster)| cluster.health() == Health::Ok)
    }

    /// A cluster of `masters` masters with equal shares; the others are their replicas, in turn.
    pub(crate) fn formed(count: usize, masters: usize, node_timeout: u64, seed: u64) -> World {
        let mut world = World::new(count, node_timeout, seed);
        world.form(masters);
        world
    }

    /// Makes a cluster of nodes that know nobody, as `redis-cli --cluster create` does but for the epochs.
    pub(crate) fn form(&mut self, masters: usize) {
        let count = self.members.len();
        let all: Vec<Slot> = Slot::all().collect();
        let share = all.len().div_ceil(masters);
        for (member, slots) in all.chunks(share).enumerate() {
            self.at_node(member, |cluster, _| cluster.add_slots(slots)).expect("they are free");
        }
        for member in 1..count {
            self.at_node(0, |cluster, now| cluster.meet(World::address(member), now));
        }
        let patience = 20_000 + 100 * count as u64;
        self.run_until(patience, "all know all", World::acquainted);
        for member in masters..count {
            let master = World::id(member % masters);
            self.at_node(member, |cluster, _| cluster.replicate(master, Stored::Nothing)).expect("it is empty");
        }
        self.run_until(30_000 + patience, "the cluster is formed", |world| {
            let follows = |cluster: &Cluster, replica| {
                let node = cluster.nodes().find(&World::id(replica)).expect("known");
                !cluster.nodes()[node].is_master()
            };
            let settled =
                || world.running().all(|(_, cluster)| (masters..count).all(|replica| follows(cluster, replica)));
            world.all_ok() && settled() && world.agreed()
        });
    }

    /// Whether every node knows every other by its name.
    pub(crate) fn acquainted(&self) -> bool {
        let count = self.members.len();
        self.running().all(|(_, cluster)| {
            cluster.nodes().len() == count && cluster.nodes().iter().all(|(_, node)| !node.in_handshake())
        })
    }

    /// Whether all nodes see the same owners, and all config epochs of masters with slots differ.
    pub(crate) fn agreed(&self) -> bool {
        let view = |member| Slot::all().step_by(61).map(move |slot| self.owner(member, slot));
        let mut running = self.running();
        let Some((first, cluster)) = running.next() else { return true };
        let of_first: Vec<Option<NodeId>> = view(first).collect();
        let voters = cluster.nodes().iter().filter(|(at, node)| node.is_master() && cluster.slots().count_of(*at) > 0);
        let mut epochs: Vec<u64> = voters.map(|(_, node)| node.config_epoch.number()).collect();
        epochs.sort_unstable();
        epochs.windows(2).all(|pair| pair[0] != pair[1])
            && running.all(|(member, _)| view(member).eq(of_first.iter().copied()))
    }

    pub(crate) fn show(&self) -> String {
        self.running()
            .map(|(member, cluster)| {
                let conf = cluster.conf().print(PrimaryPort::Tcp);
                format!("--- {member} {:?} {:?}\n{conf}", cluster.health(), self.clock(member))
            })
            .collect()
    }
}
