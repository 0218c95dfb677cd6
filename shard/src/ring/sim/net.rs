//! The world of a simulation: clock, randomness, links, and who waits for what.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::link::{Link, SimClient};
use super::random::Random;
use super::ring::SimRing;
use crate::ring::{ListenerId, Now, Wake};

/// Wall time at the start of every simulation, in microseconds since the Unix epoch.
const WALL_START_US: u64 = 1_700_000_000_000_000;

/// First port of the clients.
const PORT_START: u64 = 40_000;

/// How rough the simulated kernel is. Chances are per million.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Receive buffers per ring.
    pub buffers: u16,
    /// Bytes per receive buffer.
    pub buffer_bytes: usize,
    /// Bytes that may be under way to a client, or unread by it, before sends wait.
    pub window_bytes: usize,
    /// Longest time that bytes, ends and connects are under way.
    pub delay_us_max: u64,
    /// Longest time that an enter with events takes.
    pub turn_us_max: u64,
    /// A receive takes less than there is.
    pub short_receive: u32,
    /// A send takes less than fits.
    pub short_send: u32,
    /// A connection that could go on is passed over for an enter.
    pub skip: u32,
    /// A ring has no buffers for a few enters.
    pub starvation: u32,
    /// An accept fails for lack of descriptors.
    pub accept_error: u32,
    /// A connection is reset, per enter.
    pub reset: u32,
    /// A wake-up between cores is lost. No kernel does that: it shows that a test notices.
    pub lost_wake: u32,
}

impl SimOptions {
    /// Nothing goes wrong and everything arrives at once.
    pub fn calm() -> Self {
        Self {
            buffers: 128,
            buffer_bytes: 4096,
            window_bytes: 1 << 20,
            delay_us_max: 0,
            turn_us_max: 0,
            short_receive: 0,
            short_send: 0,
            skip: 0,
            starvation: 0,
            accept_error: 0,
            reset: 0,
            lost_wake: 0,
        }
    }

    /// Everything that loses no connection: what clients are served in spite of.
    pub fn rough() -> Self {
        Self {
            buffers: 8,
            buffer_bytes: 256,
            window_bytes: 16 << 10,
            delay_us_max: 200,
            turn_us_max: 20,
            short_receive: 300_000,
            short_send: 300_000,
            skip: 200_000,
            starvation: 20_000,
            accept_error: 20_000,
            reset: 0,
            lost_wake: 0,
        }
    }

    /// [`SimOptions::rough`], and connections are reset now and then.
    pub fn hostile() -> Self {
        Self { reset: 2_000, ..Self::rough() }
    }
}

/// One core as the world sees it.
pub(super) struct Core {
    pub(super) woken: Arc<AtomicBool>,
    pub(super) listeners: Vec<Listener>,
    /// It has a ring.
    pub(super) present: bool,
    /// The end of its wait, if it found nothing to do since anything last changed; `u64::MAX` for no end.
    pub(super) parked_until: Option<u64>,
    /// Places of its ring whose connections may go on, now or when something arrives: an enter looks only at these, so that it costs
    /// little however many are idle.
    pub(super) stirred: BTreeSet<u32>,
}

/// A listener of a core.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) armed: bool,
    /// Connects with their times of arrival.
    pub(super) backlog: VecDeque<(u64, usize)>,
}

/// The state behind [`SimNet`].
pub(super) struct Net {
    pub(super) random: Random,
    pub(super) options: SimOptions,
    pub(super) now_us: u64,
    /// By how much the wall clock was set since the start.
    pub(super) wall_set_us: i64,
    pub(super) cores: Vec<Core>,
    pub(super) links: Vec<Link>,
}

impl Net {
    /// When something that leaves now arrives.
    pub(super) fn arrival(&mut self) -> u64 {
        let delay = self.options.delay_us_max;
        self.now_us + self.random.up_to(delay)
    }

    /// Something changed: no core may be taken for idle before it has looked.
    pub(super) fn disturb(&mut self) {
        for core in &mut self.cores {
            core.parked_until = None;
        }
    }

    /// Something happened to a connection: its ring looks at it.
    pub(super) fn stir(&mut self, link: usize) {
        if let Some((core, place)) = self.links[link].place {
            self.cores[usize::from(core)].stirred.insert(place);
        }
        self.disturb();
    }

    /// When the next thing that is under way arrives, after now.
    pub(super) fn next_arrival(&self) -> Option<u64> {
        let backlogs = self.cores.iter().flat_map(|core| &core.listeners);
        let connects = backlogs.flat_map(|listener| listener.backlog.iter().map(|&(at, _)| at));
        connects.chain(self.links.iter().flat_map(Link::arrivals)).filter(|&at| at > self.now_us).min()
    }

    /// Moves the clock to the next thing that happens, if every ring waits for it. Tells whether it moved.
    pub(super) fn advance_if_all_park(&mut self) -> bool {
        let mut until = u64::MAX;
        for core in self.cores.iter().filter(|core| core.present) {
            match core.parked_until {
                Some(end) if !core.woken.load(Ordering::Acquire) => until = until.min(end),
                _ => return false,
            }
        }
        let now = self.now_us;
        let target = until.min(self.next_arrival().unwrap_or(u64::MAX));
        if target == u64::MAX || target <= now {
            return false;
        }
        self.now_us = target;
        self.disturb();
        true
    }
}

/// A handle to the world of a simulation; clones are the same world.
#[derive(Clone)]
pub struct SimNet(Rc<RefCell<Net>>);

impl SimNet {
    /// A world with `cores` cores and the given number of listeners on each, at time 0.
    pub fn new(seed: u64, cores: u16, listeners: u32, options: SimOptions) -> Self {
        let core = || Core {
            woken: Arc::new(AtomicBool::new(false)),
            listeners: (0..listeners).map(|_| Listener::default()).collect(),
            present: false,
            parked_until: None,
            stirred: BTreeSet::new(),
        };
        Self(Rc::new(RefCell::new(Net {
            random: Random::new(seed),
            options,
            now_us: 0,
            wall_set_us: 0,
            cores: (0..cores).map(|_| core()).collect(),
            links: Vec::new(),
        })))
    }

    /// Makes the ring of a core; once per core.
    pub fn ring(&self, core: u16) -> SimRing {
        SimRing::new(self.clone(), core)
    }

    /// Connects a client to a listener of a core.
    pub fn connect(&self, core: u16, listener: ListenerId) -> SimClient {
        let mut net = self.borrow();
        let link = net.links.len();
        net.links.push(Link::new(PORT_START + link as u64));
        let at = net.arrival();
        let backlog = &mut net.cores[usize::from(core)].listeners[listener.0 as usize].backlog;
        // Connects to one listener arrive in the order in which they were made.
        let at = backlog.back().map_or(at, |&(last, _)| at.max(last));
        backlog.push_back((at, link));
        net.disturb();
        drop(net);
        SimClient::new(self.clone(), link)
    }

    /// Wakes a core, as any thread may.
    pub fn waker(&self, core: u16) -> SimWaker {
        SimWaker { woken: Arc::clone(&self.borrow().cores[usize::from(core)].woken) }
    }

    /// The time now.
    pub fn now(&self) -> Now {
        let net = self.borrow();
        let wall_us = (WALL_START_US + net.now_us).saturating_add_signed(net.wall_set_us);
        Now { wall_us, monotonic_us: net.now_us }
    }

    /// Sets the wall clock forward, or back: the monotonic one goes on as if nothing was.
    pub fn set_wall(&self, by_us: i64) {
        let mut net = self.borrow();
        net.wall_set_us += by_us;
        net.disturb();
    }

    /// When the next thing that is under way arrives, on the monotonic clock; `None` with nothing under way.
    pub fn next_arrival_us(&self) -> Option<u64> {
        self.borrow().next_arrival()
    }

    /// Lets time pass whatever the rings do.
    pub fn advance(&self, us: u64) {
        let mut net = self.borrow();
        net.now_us += us;
        net.disturb();
    }

    /// Changes how rough the world is from now on. The buffers of existing rings stay.
    pub fn set_options(&self, options: SimOptions) {
        self.borrow().options = options;
    }

    pub(super) fn borrow(&self) -> RefMut<'_, Net> {
        self.0.borrow_mut()
    }
}

/// Wakes one simulated core.
#[derive(Clone)]
pub struct SimWaker {
    woken: Arc<AtomicBool>,
}

impl Wake for SimWaker {
    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
    }
}
