//! The active-expire cycle of a core (`evict::cycle`): when it works, and on what.
//!
//! Its slow calls begin with the cron, its fast ones before sleep; both work in slices of a turn. Slots on loan to other cores are not here, and
//! those that a unit of this core has stand still: time does not pass for them.
//!
//! One index finds keys and hashes with fields that are due, so a step removes what it finds of either kind, and both kinds of steps are the
//! same but for their names. The quota of fields bounds the steps that are made for fields; slots take turns, so a large hash holds up
//! only the keys of its own slot, and those a command does not see meanwhile.

use evict::budget::{Effort, dynamic_hz};
use evict::cycle::{Cycle, Deadlines, Progress, Report, Standing, Switch, Taken};
use evict::fields::Left;
use evict::gate::{DataSet, Expiry as Pause, Role};
use evict::time::{Monotonic, UnixMillis};
use evict::ttl::Live;
use keyspace::slot::Slot;
use keyspace::store::{Db, Expired, Keyspace};

use crate::latency::EventKind;
use crate::mesh::loans::Need;
use crate::report::ExpiryTotals;
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::shard::Shard;

use super::Inner;

/// Due slots that units have and that one step passes over in search of another.
const BARRED_MAX: usize = 16;

/// Keys of a slot that are removed before the next step is made ahead, into the slot that comes next.
const AT_ONCE: u32 = 3;
const _: () = assert!(AT_ONCE as usize * Keyspace::STEPS_AHEAD <= Effort::LEAST.keys_per_loop() as usize);

/// Keys that are drawn to tell how many are due.
const DRAWS: u64 = 16;

/// The cycle of one core.
pub(super) struct ActiveExpiry {
    cycle: Cycle,
    /// By place of the database, the slot that is looked at next.
    cursors: Vec<Slot>,
    switch: Switch,
    /// The tick at which the last slice ended, or the call under way was opened.
    rested: u64,
}

impl Default for ActiveExpiry {
    fn default() -> Self {
        ActiveExpiry { cycle: Cycle::default(), cursors: Vec::new(), switch: Switch::On, rested: 0 }
    }
}

impl ActiveExpiry {
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub(super) fn turn(&mut self, on: bool) {
        self.switch = if on { Switch::On } else { Switch::Off };
    }

    /// True if a call waits for its next slice.
    pub(super) fn is_under_way(&self) -> bool {
        self.cycle.under_way()
    }

    /// How often the cycle ran into its limit.
    pub(super) fn limits_reached(&self) -> u64 {
        self.cycle.stats().time_cap_reached
    }

    /// Sets the counters to zero.
    pub(super) fn reset_stats(&mut self) {
        self.cycle.reset_stats();
    }
}

/// What the cycle sees of a shard.
struct Data<'a> {
    shard: &'a mut Shard,
    cursors: &'a mut Vec<Slot>,
}

impl Data<'_> {
    /// The next slot in which something is due and that no unit has.
    fn next_slot(&self, db: Db, now: UnixMillis) -> Option<Slot> {
        let mut from = self.cursors[db.place() as usize];
        for _ in 0..BARRED_MAX {
            let slot = self.shard.keyspace.due_slot(db, from, now)?;
            if self.shard.loans.is_free(Need::One(slot.number())) {
                return Some(slot);
            }
            from = slot.next();
        }
        None
    }

    /// Removes up to `max` keys and fields that are due in the next slot that has some.
    fn take(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        self.cursors.resize(self.shard.keyspace.databases(), Slot::FIRST);
        let place = self.shard.keyspace.db_at(db);
        let mut taken = Taken { removed: 0, live: Live::default(), left: Left::Nothing };
        let Some(slot) = self.next_slot(place, now) else { return taken };
        self.cursors[db as usize] = slot.next();
        taken.left = Left::More;
        let ahead = self.next_slot(place, now);
        let mut looks = 0;
        for step in 0.. {
            if looks >= max {
                break;
            }
            ahead.into_iter().for_each(|ahead| self.shard.keyspace.prefetch_due(place, ahead, now, step));
            let expired = self.shard.expire_in(place, slot, now, AT_ONCE.min(max - looks), max - looks);
            taken.removed += expired.keys + expired.fields;
            looks += expired.looks();
            if expired.is_all {
                // Once per slot: where much is due, a draw for every few keys would cost as much as these.
                if let Some(at) = self.shard.keyspace.sample_deadline(place).filter(|at| *at > now) {
                    taken.live = Live { keys: 1, ttl_millis: at.0.saturating_sub(now.0) as u64 };
                }
                break;
            }
        }
        taken
    }
}

impl Deadlines for Data<'_> {
    fn databases(&self) -> u16 {
        self.shard.keyspace.databases() as u16
    }

    fn volatile(&self, db: u16) -> u64 {
        self.shard.keyspace.totals(self.shard.keyspace.db_at(db)).volatile
    }

    fn hashes(&self, db: u16) -> u64 {
        self.shard.keyspace.totals(self.shard.keyspace.db_at(db)).timed_hashes
    }

    fn due(&mut self, now: UnixMillis) -> u64 {
        let mut due = 0;
        for place in 0..self.databases() {
            let (db, volatile) = (self.shard.keyspace.db_at(place), self.volatile(place));
            if self.shard.keyspace.next_due(db).is_none_or(|at| at > now) {
                continue;
            }
            let drawn: Vec<UnixMillis> = (0..DRAWS).filter_map(|_| self.shard.keyspace.sample_deadline(db)).collect();
            let past = drawn.iter().filter(|at| **at <= now).count() as u64;
            due += (volatile * past).div_ceil((drawn.len() as u64).max(1));
        }
        due
    }

    fn take_due(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        self.take(db, now, max)
    }

    fn take_due_fields(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        self.take(db, now, max)
    }
}

impl Shard {
    /// Removes some of what is due in a slot. One key at most if somebody wants to know how long a key takes: that is a latency event if
    /// it takes long.
    pub(crate) fn expire_in(&mut self, db: Db, slot: Slot, now: UnixMillis, keys_max: u32, looks_max: u32) -> Expired {
        let mut timing = self.timing();
        let keys_max = if timing.is_on() { 1 } else { keys_max };
        let expired = timing.time(|| self.keyspace.expire_in(db, slot, now, keys_max, looks_max));
        if let (1, Some(micros)) = (expired.keys, timing.total) {
            self.took(EventKind::ExpireDel, micros);
        }
        expired
    }
}

impl<R: Ring> Inner<R> {
    fn standing(&self) -> Standing {
        let paused = self.pauses.is_in_force(self.now);
        Standing {
            role: Role::Master,
            data_set: DataSet::Ready,
            expiry: if paused { Pause::Paused } else { Pause::Running },
            switch: self.expiry.switch,
        }
    }

    fn effort(&self) -> Effort {
        Effort::new(self.settings.active_expire_effort as u8).expect("the setting is bounded")
    }

    /// How often per second the cron works.
    pub(super) fn hz(&self) -> u32 {
        let hz = self.settings.hz.max(1);
        if self.settings.dynamic_hz { dynamic_hz(hz, self.conns.len() as u64) } else { hz }
    }

    /// Opens a slow call: part of the cron.
    pub(super) fn begin_slow_expiry(&mut self) {
        let (standing, effort, hz) = (self.standing(), self.effort(), self.hz());
        let Inner { owner, expiry: ActiveExpiry { cycle, cursors, .. }, .. } = self;
        let shard = owner.shard();
        let now = shard.now;
        cycle.begin_slow(&standing, effort, hz, &mut Data { shard, cursors }, now);
        self.expiry.rested = ticks();
    }

    /// Opens a fast call if one is needed: before sleep.
    pub(super) fn begin_fast_expiry(&mut self) {
        let (standing, effort, hz) = (self.standing(), self.effort(), self.hz());
        let now = Monotonic(self.now.monotonic_us);
        let Inner { owner, expiry: ActiveExpiry { cycle, cursors, .. }, .. } = self;
        let under_way = cycle.under_way();
        cycle.begin_fast(&standing, effort, hz, &Data { shard: owner.shard(), cursors }, now);
        if cycle.under_way() && !under_way {
            self.expiry.rested = ticks();
        }
    }

    /// Works on the call under way for a slice, and tells who wants to hear of it.
    pub(super) fn expire(&mut self) {
        if !self.expiry.cycle.under_way() {
            return;
        }
        let (standing, started) = (self.standing(), ticks());
        let since = ticks_to_ns(started.wrapping_sub(self.expiry.rested)) / 1000;
        let clock = || Monotonic(ticks_to_ns(ticks().wrapping_sub(started)) / 1000);
        let Inner { owner, expiry: ActiveExpiry { cycle, cursors, .. }, .. } = self;
        let shard = owner.shard();
        let now = shard.now;
        let progress = cycle.slice(&standing, &mut Data { shard: &mut *shard, cursors }, now, since, clock);
        shard.acting = 0;
        shard.seal_removed();
        shard.hear();
        shard.serve_ready();
        if let Progress::Ended(Report { micros, .. }) = progress {
            shard.took(EventKind::ExpireCycle, micros);
        }
        self.expiry.rested = ticks();
    }

    /// What INFO tells of it.
    pub(super) fn expiry_totals(&mut self) -> ExpiryTotals {
        let (stats, (due, volatile)) = (self.expiry.cycle.stats(), self.expiry.cycle.stale());
        let keyspace = &self.owner.shard().keyspace;
        let weights = (0..keyspace.databases()).map(|number| {
            let db = keyspace.db(number).expect("numbers are below their count");
            (self.expiry.cycle.mean_ttl(db.place()), keyspace.totals(db).volatile)
        });
        let ttl_sums = weights.map(|(mean, keys)| u128::from(mean) * u128::from(keys)).collect();
        ExpiryTotals { time_cap_reached: stats.time_cap_reached, micros: stats.micros, due, volatile, ttl_sums }
    }
}
