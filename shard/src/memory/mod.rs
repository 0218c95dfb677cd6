//! A core's part of the process's memory budget: how much it may use, what it does when that is not enough, and what it gives to others.
//!
//! What counts as used: tables and entries of the core's slots, what was dropped and is not freed yet, and what stands beside the data
//! (clients with their buffers, scripts, what the core has from its start). It has to fit the core's quota (`evict::quota`), so that
//! the sum over all cores fits `maxmemory` though nobody adds it up. A command that needs memory pays one comparison for this; when
//! its core does not fit, room is made first ([`Shard::prepare`]). At the end of each turn the core gives others what they lack
//! ([`Shard::share_memory`]).
//!
//! Slots on loan are charged to their owner, and their growth to whoever has them until they are back.

mod relief;

use std::sync::Arc;

use evict::decision::{Memo, PolicyEpoch};
use evict::evictions::{Evictions, Freeing, Outcome};
use evict::oom::OomRefusal;
use evict::policy::Policy;
use evict::quota::{Quota, Terms, least_maxmemory};
use evict::tenacity::Tenacity;
use evict::time::Monotonic;
use keyspace::spec::Flags;

use crate::command::Command;
use crate::mesh::CoreId;
use crate::mesh::budget::Budget;
use crate::report::EvictionTotals;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::ring::{BULK_BUFFER_BYTES, BULK_BUFFERS};
use crate::settings::Settings;
use crate::shard::Shard;

/// Time of a turn that evictions may take together, in microseconds.
const TURN_MICROS: u64 = 1_000;

/// What a command that needs memory finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// There is room.
    Go,
    /// Room is being made: try again in the next turn.
    Later,
    /// There is none.
    Refused(OomRefusal),
}

/// Whether the other cores have to look at their memory because of this one: those that are parked take no turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// No, or they have been told.
    Told,
    /// It wants something of them, or has something again.
    Tell,
}

/// The memory of one core.
pub struct Memory {
    core: CoreId,
    budget: Arc<Budget>,
    terms: Option<Terms>,
    quota: Quota,
    /// What stands beside the keyspace; slots of this core that are elsewhere, with what they had when they left; less those of others
    /// that are here, with what they had.
    beside: i64,
    /// Of `beside`, what the core's turn told.
    others: u64,
    /// Bytes that may be used before anything has to be done.
    allowed: u64,
    policy: Policy,
    tenacity: Tenacity,
    freeing: Freeing,
    epoch: PolicyEpoch,
    memo: Memo,
    evictions: Evictions,
    /// How the last look ended.
    outcome: Outcome,
    /// It found nothing to evict.
    barren: bool,
    /// Others have to look again: it failed and no longer does, or it was the last to keep to a limit.
    has_news: bool,
    /// Time of this turn that evictions have taken.
    spent_micros: u64,
    /// The greatest want that others were told of since there was none.
    told: u64,
}

impl Memory {
    /// The memory of a core that uses nothing yet.
    pub(crate) fn new(core: CoreId, budget: Arc<Budget>) -> Memory {
        Memory {
            core,
            budget,
            terms: None,
            quota: Quota::default(),
            beside: 0,
            others: 0,
            allowed: u64::MAX,
            policy: Policy::default(),
            tenacity: Tenacity::default(),
            freeing: Freeing::AtOnce,
            epoch: PolicyEpoch::default(),
            memo: Memo::default(),
            evictions: Evictions::default(),
            outcome: Outcome::Ok,
            barren: false,
            has_news: false,
            spent_micros: 0,
            told: 0,
        }
    }

    /// What the process shares.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// True while there is a limit.
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.terms.is_some()
    }

    /// How the last look for memory ended, for what may change slots of several cores: it fails where one of them does.
    pub fn outcome(&self) -> Outcome {
        let all_fail = self.terms.is_some() && self.budget.refuses() && self.budget.balance().0 <= 0;
        if all_fail { Outcome::Fail } else { self.outcome }
    }

    /// True if the core has to go on making room in its next turn.
    pub fn is_under_way(&self) -> bool {
        self.outcome == Outcome::Running && !self.barren
    }

    /// Bytes of the budget that the core holds.
    pub fn held(&self) -> u64 {
        self.quota.held()
    }

    /// What its evictions came to.
    pub fn totals(&self) -> EvictionTotals {
        let (now, evictions) = (monotonic(), &self.evictions);
        EvictionTotals {
            keys: evictions.evicted(),
            exceeded_now_us: evictions.exceeded_now(now),
            exceeded_us: evictions.exceeded_in_all(now),
        }
    }

    /// Sets the counters to zero.
    pub fn reset_stats(&mut self) {
        self.evictions.reset_stats();
    }

    /// A slot of this core leaves on loan, or comes back, with so many bytes when it left.
    pub(crate) fn lent(&mut self, bytes: u64) {
        self.shift(bytes as i64);
    }

    /// See [`Memory::lent`].
    pub(crate) fn returned(&mut self, bytes: u64) {
        self.shift(-(bytes as i64));
    }

    /// A slot of another core is here for a command, or leaves again: it had so many bytes when it left its owner.
    pub(crate) fn guest(&mut self, bytes: u64) {
        self.shift(-(bytes as i64));
    }

    /// See [`Memory::guest`].
    pub(crate) fn guest_left(&mut self, bytes: u64) {
        self.shift(bytes as i64);
    }

    /// So many bytes stand beside the data now.
    pub(crate) fn stand_beside(&mut self, others: u64) {
        self.shift(others as i64 - self.others as i64);
        self.others = others;
    }

    fn shift(&mut self, bytes: i64) {
        self.beside += bytes;
    }

    /// What the quota allows has changed.
    fn refit(&mut self) {
        self.allowed = match self.terms {
            None => u64::MAX,
            Some(_) => self.quota.held() - self.quota.owed(),
        };
    }

    fn note(&mut self, outcome: Outcome) {
        self.budget.outcome(self.outcome, outcome);
        self.has_news |= self.outcome == Outcome::Fail && outcome != Outcome::Fail;
        self.outcome = outcome;
    }
}

/// The monotonic clock of the cycle counter.
fn monotonic() -> Monotonic {
    Monotonic(ticks_to_ns(ticks()) / 1_000)
}

/// What a core has from its start, in bytes: slots and receive buffers. Nobody can evict it.
pub fn startup_bytes(settings: &Settings) -> u64 {
    let slots = keyspace::slot::SLOTS * size_of::<keyspace::store::SlotTables>();
    let bulk = u64::from(BULK_BUFFERS) * u64::from(BULK_BUFFER_BYTES);
    slots as u64 + u64::from(settings.ring_buffers) * u64::from(settings.ring_buffer_bytes) + bulk
}

/// What a core comes to hold beside that before it has anything to do, in bytes: counters, tables of connections, a few clients.
const IDLE_BYTES: u64 = 128 << 10;

/// Why a `maxmemory` is refused: it leaves so many cores too little to work with.
pub fn too_little(settings: &Settings, cores: u16) -> Option<String> {
    let least = least_maxmemory((startup_bytes(settings) + IDLE_BYTES) * u64::from(cores), cores);
    let too_little = settings.maxmemory > 0 && settings.maxmemory < least;
    too_little.then(|| format!("{cores} core loops need at least {least} bytes"))
}

impl Shard {
    /// Bytes that count against the core's quota.
    #[inline]
    pub fn used_bytes(&self) -> u64 {
        self.keyspace.held_bytes().saturating_add_signed(self.memory.beside)
    }

    /// True if the core uses more than its quota.
    #[inline]
    pub fn is_short(&self) -> bool {
        self.memory.is_limited() && self.used_bytes() > self.memory.allowed
    }

    /// Before a command that is not part of a transaction or a script: makes room if it needs memory and its core is short of it.
    #[inline]
    pub fn prepare(&mut self, command: &Command) -> Prepared {
        match command.is(Flags::DENYOOM) && self.is_short() {
            true => self.make_room(),
            false => Prepared::Go,
        }
    }

    /// Takes on the settings of memory.
    pub(crate) fn configure_memory(&mut self, settings: &Settings) {
        let used = self.used_bytes();
        let memory = &mut self.memory;
        let terms = (settings.maxmemory > 0).then(|| Terms::new(settings.maxmemory, self.map.cores()));
        let budget = &*memory.budget;
        match (memory.terms, terms) {
            (None, Some(_)) => memory.quota = Quota::begin(used, budget),
            (Some(_), None) => {
                budget.leave();
                budget.want(memory.quota.wanted(), 0);
                memory.quota.release(budget);
            }
            _ => {}
        }
        let joins = memory.terms.is_none() && terms.is_some();
        memory.terms = terms;
        memory.policy = settings.maxmemory_policy;
        memory.tenacity = settings.tenacity();
        memory.freeing = if settings.lazyfree_lazy_eviction { Freeing::Later } else { Freeing::AtOnce };
        memory.epoch.0 += 1;
        memory.note(Outcome::Ok);
        memory.refit();
        self.keyspace.set_choice(settings.choice(), terms.is_some());
        if joins {
            let evictable = self.evictable();
            let memory = &mut self.memory;
            memory.budget.join(memory.core, evictable);
            memory.has_news |= memory.budget.is_joined_by_all();
        }
    }
}
