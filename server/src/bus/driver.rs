//! The bus: it drives the state machine and does what that says.
//!
//! Everything happens in *rounds*: frames, ticks, mail and saves are handed to the machine as they come; the turn of the mail task ends
//! the round, has the machine decide what it left to the end, and carries its effects out in order. All of it is on one thread, in short
//! borrows of this struct; no task waits while it has one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;

use clusterbus::address::{Address as NodeAddress, Host};
use clusterbus::cluster::{Cluster, LinkSide};
use clusterbus::effect::{self, Effect, LinkId};
use clusterbus::slot_set::SlotSet;
use clusterbus::time::Millis;
use clusterbus::topics::Topic;
use clusterbus::wire::{Body, Frame, FrameError, Health, StreamError};
use shard::ring::clock::monotonic_ns;
use shard::settings::Settings;

use super::alarms;
use super::announce::cluster_settings;
use super::asking::Asking;
use super::clock::Clock;
use super::connect::{self, Hosts, Manner};
use super::forming::Forming;
use super::held::Held;
use super::link::{End, Kept, Whose};
use super::outgoing::{Opened, Outgoing};
use super::publications::Publications;
use super::routes::Routes;
use super::saver::Saver;
use super::tasks;
use crate::alarm::Alarm;
use crate::audit;
use crate::post::{Arrival, Post};

/// Most links that others opened: two for each node that the table has room for.
const INBOUND_LINKS_MAX: usize = 2 * clusterbus::nodes::NODES_MAX;

/// Most bytes that have arrived on all links of members together and are not read yet.
const ARRIVED_BYTES_MAX: usize = 256 << 20;

/// And on those of strangers, apart from them: however many there are, they end no member's link.
const STRANGERS_BYTES_MAX: usize = 64 << 20;

/// Ticks between looks at what is rarely to be done.
const SWEEP_TICKS: u64 = 10;

/// The least time for a handshake (§14.1).
const HANDSHAKE_TIME_MIN: Millis = Millis(1000);

/// The state of the bus thread.
pub(super) struct Bus {
    me: Weak<RefCell<Bus>>,
    /// The state machine.
    pub(super) cluster: Cluster,
    /// This thread's mail.
    pub(super) post: Rc<RefCell<Post>>,
    /// The settings in force.
    pub(super) settings: Arc<Settings>,
    /// What time it is.
    pub(super) clock: Clock,
    /// What waits on each link, and the word that it is over.
    pub(super) links: BTreeMap<LinkId, Rc<RefCell<Outgoing>>>,
    /// Answers that wait for the disk and the cores.
    pub(super) held: Held,
    /// Commands that wait for what cores know.
    pub(super) asking: Vec<Asking>,
    /// Messages for this node's clients.
    pub(super) publications: Publications,
    /// The cluster that the configuration describes, if it does.
    pub(super) forming: Option<Forming>,
    /// Links that were closed because too much waited on them.
    pub(super) links_over_limit: u64,
    routes: Routes,
    alarm: Arc<Alarm>,
    manner: Manner,
    /// There until the end.
    saver: Option<Saver>,
    /// What the log says of the cluster's state.
    health_told: Health,
    /// It has been at work since cores were told so.
    beat_is_due: bool,
    /// Links that others opened.
    inbound: usize,
    /// Bytes that have arrived on all links of members and are not read yet.
    arrived_bytes: usize,
    /// On those of strangers.
    strangers_bytes: usize,
    /// What arrived and was no frame.
    nonsense: u64,
    ticks: u64,
}

/// What the bus is made from.
pub(super) struct Parts {
    /// The state machine.
    pub(super) cluster: Cluster,
    /// The thread's mail.
    pub(super) post: Rc<RefCell<Post>>,
    /// The settings at start.
    pub(super) settings: Arc<Settings>,
    /// The clock with which the state machine was made.
    pub(super) clock: Clock,
    /// The cluster that the configuration describes, if it does.
    pub(super) forming: Option<Forming>,
    /// What has the mail task run.
    pub(super) alarm: Arc<Alarm>,
    /// How connections are made.
    pub(super) manner: Manner,
    /// The thread that writes `nodes.conf`.
    pub(super) saver: Saver,
}

/// Whether the bus goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    On,
    Stop,
}

impl Bus {
    /// The bus, with nothing under way.
    pub(super) fn new(parts: Parts) -> Rc<RefCell<Bus>> {
        let cores = parts.post.borrow().cores();
        Rc::new_cyclic(|me| {
            RefCell::new(Bus {
                me: me.clone(),
                cluster: parts.cluster,
                post: parts.post,
                settings: parts.settings,
                clock: parts.clock,
                links: BTreeMap::new(),
                routes: Routes::new(cores),
                held: Held::default(),
                asking: Vec::new(),
                publications: Publications::new(cores),
                forming: parts.forming,
                links_over_limit: 0,
                alarm: parts.alarm,
                manner: parts.manner,
                saver: Some(parts.saver),
                health_told: Health::Fail,
                beat_is_due: false,
                inbound: 0,
                arrived_bytes: 0,
                strangers_bytes: 0,
                nonsense: 0,
                ticks: 0,
            })
        })
    }

    /// This bus, for a task.
    pub(super) fn shared(&self) -> Rc<RefCell<Bus>> {
        self.me.upgrade().expect("whoever borrows it keeps it")
    }

    /// Has a turn end the round.
    pub(super) fn end_soon(&self) {
        self.alarm.ring();
    }

    /// How connections are made.
    pub(super) fn manner(&self) -> &Manner {
        &self.manner
    }

    /// Compares what is stored with what `nodes.conf` says, before anybody is served.
    pub(super) fn reconcile(&mut self, stored: &SlotSet) {
        let found = self.cluster.reconcile(stored);
        if !found.claimed.is_empty() {
            tracing::warn!("Slots without owner that have keys here are claimed: {:?}", found.claimed);
        }
        if !found.foreign.is_empty() {
            tracing::warn!("Keys are deleted whose slots another node owns: {:?}", found.foreign);
        }
        self.end_soon();
    }

    /// A frame arrived.
    pub(super) fn heard(&mut self, link: LinkId, frame: &Frame<'_>) {
        self.cluster.handle_frame(link, frame, self.clock.now());
        if let Body::Publish(said) | Body::PublishShard(said) = &frame.body
            && self.cluster.knows_sender(link, &frame.header)
        {
            self.publications.heard(frame.body.kind(), said);
        }
        self.end_soon();
    }

    /// Something arrived that is no frame: it is dropped, and the link stays (§7.7).
    pub(super) fn heard_nonsense(&mut self, link: LinkId, error: FrameError) {
        self.nonsense += 1;
        self.cluster.note_frame(error);
        tracing::debug!("a frame on link {} of the cluster bus is dropped ({} so far): {error}", link.0, self.nonsense);
    }

    /// A frame that arrives is longer than any that says something: it is dropped, and the link stays.
    pub(super) fn heard_too_much(&mut self, link: LinkId) {
        self.nonsense += 1;
        self.cluster.note(Topic::FrameTooLong, &[]);
        tracing::debug!(
            "a frame on link {} of the cluster bus is too long and dropped ({} so far)",
            link.0,
            self.nonsense
        );
    }

    /// What arrives on a link is not of the bus: its task closes it.
    pub(super) fn heard_noise(&mut self, error: StreamError) {
        self.cluster.note(Topic::StreamRefused, error.to_string().as_bytes());
    }

    /// Whose link this is.
    pub(super) fn whose(&self, link: LinkId) -> Whose {
        if self.cluster.is_of_member(link) { Whose::Member } else { Whose::Stranger }
    }

    /// Notes what a link keeps of what arrived, where it kept `before`.
    pub(super) fn account(&mut self, before: Kept, now: Kept) {
        *self.kept_by(before.whose) -= before.bytes;
        *self.kept_by(now.whose) += now.bytes;
    }

    /// Whether all links of members, or of strangers, keep more than there is room for: then the link that brought it has to go.
    pub(super) fn is_overfull(&mut self, whose: Whose) -> bool {
        let room = match whose {
            Whose::Member => ARRIVED_BYTES_MAX,
            Whose::Stranger => STRANGERS_BYTES_MAX,
        };
        let overfull = *self.kept_by(whose) > room;
        if overfull {
            self.cluster.note(Topic::ArrivalsFull, &[]);
        }
        overfull
    }

    fn kept_by(&mut self, whose: Whose) -> &mut usize {
        match whose {
            Whose::Member => &mut self.arrived_bytes,
            Whose::Stranger => &mut self.strangers_bytes,
        }
    }

    /// Somebody connected. `None` if there are too many links.
    pub(super) fn accepted(&mut self, hosts: Hosts) -> Option<(LinkId, Rc<RefCell<Outgoing>>)> {
        if self.inbound >= INBOUND_LINKS_MAX {
            tracing::debug!("a connection to the cluster bus was closed: there are {INBOUND_LINKS_MAX}");
            self.cluster.note(Topic::LinkRefused, hosts.peer.to_wire());
            return None;
        }
        let id = self.cluster.accepted(hosts.peer, hosts.local, self.clock.now());
        self.inbound += 1;
        Some((id, self.add_link(id, Opened::There)))
    }

    /// A link that we dial is open.
    pub(super) fn dialled(&mut self, id: LinkId, hosts: Hosts) {
        self.cluster.dialled(id, hosts.peer, hosts.local, self.clock.now());
        self.end_soon();
    }

    /// The task of a link ends.
    pub(super) fn link_ended(&mut self, id: LinkId, end: End) {
        // Who was dropped is out of the table, and the machine knows.
        if end == End::Broken && self.links.contains_key(&id) {
            self.forget_link(id);
            self.cluster.closed(id, self.clock.now());
            self.end_soon();
        }
    }

    fn add_link(&mut self, id: LinkId, opened: Opened) -> Rc<RefCell<Outgoing>> {
        let outgoing = Rc::new(RefCell::new(Outgoing::new(opened)));
        self.links.insert(id, outgoing.clone());
        outgoing
    }

    /// Ends a link, as far as the transport goes.
    fn forget_link(&mut self, id: LinkId) {
        if let Some(outgoing) = self.links.remove(&id) {
            let mut outgoing = outgoing.borrow_mut();
            self.inbound -= usize::from(outgoing.opened == Opened::There);
            outgoing.end();
        }
    }

    /// A tenth of a second is over.
    pub(super) fn tick(&mut self) {
        self.end_long_queues();
        if self.ticks.is_multiple_of(SWEEP_TICKS) {
            self.end_strangers();
            self.form();
        }
        self.ticks += 1;
        self.cluster.tick(self.clock.now());
        audit::log(None, &self.cluster.take_events(Clock::wall(), self.clock.now()));
        self.beat_is_due = true;
        self.end_soon();
    }

    /// Ends links on which more waits than the settings allow (§7.8).
    fn end_long_queues(&mut self) {
        let limit = self.settings.cluster_link_sendbuf_limit;
        let long = |outgoing: &RefCell<Outgoing>| limit > 0 && outgoing.borrow().bytes() as u64 > limit;
        let over: Vec<LinkId> = self.links.iter().filter(|(_, link)| long(link)).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.end_over_limit(id));
    }

    fn end_over_limit(&mut self, id: LinkId) {
        tracing::warn!("A link of the cluster bus is closed: too much waits to be sent on it.");
        self.links_over_limit += 1;
        self.cluster.note(Topic::SendQueueFull, &[]);
        self.forget_link(id);
        self.cluster.closed(id, self.clock.now());
    }

    /// Ends links on which nobody made himself known for longer than a handshake takes, so that they cannot fill the table.
    fn end_strangers(&mut self) {
        let patience = Millis(self.settings.cluster_node_timeout).max(HANDSHAKE_TIME_MIN) * 2;
        let now = self.clock.now();
        let strange = |id: &&LinkId| {
            let link = self.cluster.link(**id);
            link.is_some_and(|link| link.side == LinkSide::Inbound(None) && now.since(link.created) > patience)
        };
        let strangers: Vec<LinkId> = self.links.keys().filter(strange).copied().collect();
        for id in strangers {
            let peer = self.cluster.link(id).map_or(Host::UNKNOWN, |link| link.peer);
            self.cluster.note(Topic::SilentStranger, peer.to_wire());
            self.forget_link(id);
            self.cluster.closed(id, now);
        }
    }

    /// One turn of the mail task. Ready when the process ends.
    pub(super) fn turn(&mut self) -> Poll<()> {
        self.post.borrow_mut().wake();
        let mut arrivals = Vec::new();
        loop {
            self.post.borrow_mut().receive(&mut arrivals);
            for arrival in arrivals.drain(..) {
                if self.arrived(arrival) == Going::Stop {
                    return Poll::Ready(());
                }
            }
            while let Some(seq) = self.saver.as_ref().and_then(Saver::done) {
                self.cluster.saved(seq);
            }
            self.end_round();
            if self.post.borrow_mut().park() {
                return Poll::Pending;
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) -> Going {
        match arrival {
            Arrival::Question(from, question) => self.asked(from, question),
            Arrival::Configured(settings) => self.configure(settings),
            Arrival::RoutesTaken(core, version) => self.routes.taken(core, version),
            Arrival::BusPublish(publication) => self.publish(&publication),
            Arrival::Stop => return Going::Stop,
            Arrival::Audit(..) => unreachable!("the audit is the service thread's"),
        }
        Going::On
    }

    fn configure(&mut self, settings: Arc<Settings>) {
        self.manner.node_timeout = Millis(settings.cluster_node_timeout);
        let before = cluster_settings(&self.settings, self.manner.place.port, self.forming.as_ref());
        let after = cluster_settings(&settings, self.manner.place.port, self.forming.as_ref());
        if settings.cluster_bus_mode != self.settings.cluster_bus_mode {
            self.cluster.set_mode(settings.cluster_bus_mode.mode());
        }
        self.settings = settings;
        if before != after {
            self.cluster.configure(after);
        }
    }

    /// Ends the round: the machine decides what it left to the end, and what it says is done in order.
    fn end_round(&mut self) {
        self.cluster.acknowledged(self.routes.taken_by_all());
        self.cluster.before_sleep(self.clock.now());
        let health = self.cluster.health();
        if std::mem::replace(&mut self.health_told, health) != health {
            alarms::report_health(health);
        }
        let mut stalled = false;
        while let Some(effect) = self.cluster.poll_effect() {
            stalled |= matches!(effect, Effect::Alarm(effect::Alarm::Stalled));
            self.carry_out(effect);
        }
        if stalled {
            self.routes.heed();
        }
        self.ask_what_is_due();
        let mut post = self.post.borrow_mut();
        self.routes.mail(&mut post);
        self.publications.mail(&mut post);
        self.held.answer(&mut post, &self.cluster, self.clock.now());
        if self.beat_is_due && self.routes.is_heeded() {
            self.beat_is_due = false;
            post.mesh().bus_beat_us().set(monotonic_ns() / 1_000);
        }
        post.flush();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Dial(id, address) => self.dial(id, address),
            Effect::Close(id) => self.forget_link(id),
            Effect::Send(id, frame) => {
                let fits = self.links.get(&id).is_none_or(|link| link.borrow_mut().push(frame));
                if !fits {
                    self.end_over_limit(id);
                }
            }
            Effect::Save(seq, _, conf) => {
                let text = conf.print(clusterbus::conf::PrimaryPort::Tcp);
                self.saver.as_ref().expect("it is there until the end").save(seq, text);
            }
            Effect::Routes(version) => self.routes.changed(self.cluster.snapshot(version)),
            Effect::Lost(slots) => self.drop_lost(&slots),
            Effect::Alarm(alarm) => alarms::report(alarm),
            Effect::Follow(Some((id, _))) => tracing::info!("This node is a replica of {id} now."),
            Effect::Follow(None) => tracing::info!("This node is a master now."),
            // Nothing follows this node, so nobody waits for its writes to stand still.
            Effect::Pause(_) | Effect::Resume => {}
        }
    }

    fn dial(&mut self, id: LinkId, address: NodeAddress) {
        let outgoing = self.add_link(id, Opened::Here);
        let task = connect::dial(self.shared(), self.manner.clone(), id, outgoing, address);
        tasks::spawn(task);
    }

    /// Waits until all is written: the end.
    pub(super) fn end(&mut self) {
        if let Some(saver) = self.saver.take() {
            saver.end();
        }
    }
}
