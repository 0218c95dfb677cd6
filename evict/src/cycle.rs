//! The active-expire cycle of one core: which database is served next, for how long, and when to stop.
//!
//! C01 and C02, `spec/expire-evict.md` §7. What differs from the reference is how due keys are met: an index per slot *finds* them,
//! nothing is sampled. So a loop takes up to `keys_per_loop` keys that are due, a database is done when nothing in it is due, and
//! the stale share is a count, not an estimate. Cadence, limits, order of databases and counters are the contract's.
//!
//! A call runs in slices, so that no turn is longer by more than [`SLICE_MICROS`]: `begin_slow` or `begin_fast` opens it, `slice`
//! works on it until the slice is over, and its place is kept between slices. The more a core has to do beside it, the longer it is
//! between slices and the longer are these, so that the call is spread over its period. Within a database, fields and keys take turns
//! (§16.8): neither can use up what the other needs. A slow call that is still under way when the next is due ends as one that
//! ran out of time, so that the cycle's share of the core stays what the effort allows. Fast calls come out of the same share (§16.1):
//! they may take what the slow call of the period has left.
//!
//! The deletions are the data's (`Deadlines`): it removes, counts, notifies and logs each key in the same step (§6).

use crate::budget::{DATABASES_PER_CALL, Effort};
use crate::faults::{Fault, planted};
use crate::fields::{FieldQuotas, Kind, Left};
use crate::gate::{DataSet, Expiry, Role};
use crate::time::{Monotonic, UnixMillis};
use crate::ttl::{Live, MeanTtl};

/// Longest slice of a call. One check period of work may come on top, which leaves it below half a millisecond.
pub const SLICE_MICROS: u64 = 400;

/// Shortest slice, in microseconds: a turn of an idle core costs some 3.
pub const SLICE_MICROS_MIN: u64 = 25;

/// The part of its period over which a slow call is spread, in percent. Over less of it more requests wait long, as a core at half of its
/// peak needs more than half of its time for them; over all of it some of the call would be left when the next is due.
const SPREAD_PERCENT: u32 = 90;

/// Loops after which the clock is read at the latest.
pub const CHECK_LOOPS: u32 = 16;

/// Keys and fields after which it is read at the latest, which bounds what a slice takes at high efforts.
pub const CHECK_KEYS: u32 = 64;

/// What the cycle asks of the data of a core.
pub trait Deadlines {
    /// Number of databases, at least 1.
    fn databases(&self) -> u16;

    /// Keys with a deadline in `db`. O(1).
    fn volatile(&self, db: u16) -> u64;

    /// Hashes with a field that has a deadline in `db`. O(1).
    fn hashes(&self, db: u16) -> u64;

    /// Keys with a deadline, of all databases, that are known to be due at `now` and still there; asked once at the end of a
    /// call. 0 says that none is. An index that does not count them may tell what a fair sample of the keys comes to.
    fn due(&mut self, now: UnixMillis) -> u64;

    /// Removes up to `max` keys of `db` that are due at `now`, from the next slot on that has some; slots take turns. A key is due as
    /// [`crate::gate::due_in_cycle`] says. It may take none and say that there are more: the index had to look.
    fn take_due(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken;

    /// Removes up to `max` hash fields of `db` that are due at `now`, and the hashes that this empties.
    fn take_due_fields(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken;
}

/// What one step took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Keys or fields removed.
    pub removed: u32,
    /// What it saw of keys that live on, chosen without regard to their deadlines; of fields nothing.
    pub live: Live,
    /// Whether the database is known to have more that is due.
    pub left: Left,
}

/// What may forbid the cycle.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// A replica waits for its master's deletions.
    pub role: Role,
    /// Nothing expires while loading.
    pub data_set: DataSet,
    /// Expiry may be paused.
    pub expiry: Expiry,
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub switch: Switch,
}

/// Whether the cycle is switched on at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The usual.
    On,
    /// By `DEBUG SET-ACTIVE-EXPIRE 0`.
    Off,
}

impl Standing {
    /// Whether the cycle may remove anything (§7.2).
    pub fn may_expire(&self) -> bool {
        self.role == Role::Master
            && self.data_set == DataSet::Ready
            && (self.expiry == Expiry::Running || planted(Fault::CycleIgnoresPause))
            && self.switch == Switch::On
    }
}

/// How long a slice of a call with this effort may be after so long without one, in microseconds.
fn slice_micros(effort: Effort, since: u64) -> u64 {
    let share = u64::from(effort.slow_percent() * 100 / SPREAD_PERCENT);
    (since.saturating_mul(share) / (100 - share)).clamp(SLICE_MICROS_MIN, SLICE_MICROS)
}

/// What a slice left behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// No call is under way.
    Idle,
    /// The call goes on with the next slice.
    Paused,
    /// The call is over.
    Ended(Report),
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which it was.
    pub kind: Kind,
    /// How it ended.
    pub end: End,
    /// Its slices together: the sample of the latency event `expire-cycle`.
    pub micros: u64,
    /// Keys removed.
    pub keys: u64,
    /// Fields removed.
    pub fields: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It served all databases that it wanted to.
    Complete,
    /// It spent its time.
    TimedOut,
    /// It may not go on: paused, loading, no master any more.
    Suspended,
}

/// What INFO tells of the cycle; `CONFIG RESETSTAT` zeroes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleStats {
    /// `expired_time_cap_reached_count`.
    pub time_cap_reached: u64,
    /// `expire_cycle_cpu_milliseconds`, in microseconds.
    pub micros: u64,
    /// Calls begun.
    pub calls: u64,
}

/// The cycle of one core.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    /// The database that is looked at next.
    next_db: u16,
    /// Whether the last call ran out of time.
    hit_limit: bool,
    /// Keys past their deadline, and keys with one, at the end of the last call.
    stale: (u64, u64),
    last_fast: Option<Monotonic>,
    /// Microseconds of all calls since the last slow one was due, itself included.
    period_spent: u64,
    call: Option<Call>,
    quotas: FieldQuotas,
    means: Vec<MeanTtl>,
    stats: CycleStats,
}

/// A call under way.
#[derive(Clone, Debug)]
struct Call {
    kind: Kind,
    effort: Effort,
    hz: u32,
    limit: u64,
    spent: u64,
    /// Databases with deadlines that it still serves, and databases that it still looks at.
    serves: u16,
    looks: u16,
    /// Steps on all databases; the clock is read when they or the keys since the last reading are many.
    loops: u32,
    unchecked: u32,
    visit: Option<Visit>,
    keys: u64,
    fields: u64,
}

/// The database that a call is serving.
#[derive(Clone, Debug)]
struct Visit {
    db: u16,
    /// Fields that it may still lose, and those that it lost.
    quota: u32,
    removed: u32,
    fields: Left,
    keys: Left,
    /// What the next step takes, if both are left.
    fields_next: bool,
}

impl Cycle {
    /// Opens a slow call, as the cron does `hz` times per second. One that is still under way has run out of time.
    pub fn begin_slow(
        &mut self,
        standing: &Standing,
        effort: Effort,
        hz: u32,
        data: &mut impl Deadlines,
        now: UnixMillis,
    ) {
        if let Some(call) = self.call.take() {
            self.close(call, End::TimedOut, data, now);
        }
        self.period_spent = 0;
        if standing.may_expire() {
            self.open(Kind::Slow, effort, hz, effort.slow_micros(hz), data);
        }
    }

    /// Opens a fast call before the core sleeps, if one is needed: the last call ran out of time, or too much is stale; and no
    /// other call is under way, the last fast one began long enough ago, and the period's share is not used up.
    pub fn begin_fast(&mut self, standing: &Standing, effort: Effort, hz: u32, data: &impl Deadlines, now: Monotonic) {
        let (due, volatile) = self.stale;
        let acceptable =
            due.saturating_mul(100) < u64::from(effort.stale_percent()).saturating_mul(volatile) || due == 0;
        let soon = self.last_fast.is_some_and(|last| now.micros_since(last) < 2 * effort.fast_micros());
        let limit = effort.fast_micros().min(effort.slow_micros(hz).saturating_sub(self.period_spent));
        if self.call.is_some() || !standing.may_expire() || (!self.hit_limit && acceptable) || soon || limit == 0 {
            return;
        }
        self.last_fast = Some(now);
        self.open(Kind::Fast, effort, hz, limit, data);
    }

    /// Whether a call waits for its next slice. The core does not sleep while one does.
    pub fn under_way(&self) -> bool {
        self.call.is_some()
    }

    /// Works on the call under way for a slice. `now` is the wall clock at its start; `since` is how long ago the slice before it ended
    /// or the call was opened, in microseconds; `clock` is read at each check.
    pub fn slice(
        &mut self,
        standing: &Standing,
        data: &mut impl Deadlines,
        now: UnixMillis,
        since: u64,
        mut clock: impl FnMut() -> Monotonic,
    ) -> Progress {
        let Some(mut call) = self.call.take() else {
            return Progress::Idle;
        };
        if !standing.may_expire() {
            return Progress::Ended(self.close(call, End::Suspended, data, now));
        }
        let start = clock();
        let (before, longest) = (call.spent, slice_micros(call.effort, since));
        loop {
            let complete = !self.step(&mut call, data, now);
            let check = call.loops.is_multiple_of(CHECK_LOOPS) || call.unchecked >= CHECK_KEYS;
            if !complete && !check {
                continue;
            }
            call.unchecked = 0;
            let slice = if planted(Fault::CycleIgnoresLimit) { 0 } else { clock().micros_since(start) };
            call.spent = before.saturating_add(slice);
            if complete {
                return Progress::Ended(self.close(call, End::Complete, data, now));
            }
            if call.spent >= call.limit {
                return Progress::Ended(self.close(call, End::TimedOut, data, now));
            }
            if slice >= longest {
                self.call = Some(call);
                return Progress::Paused;
            }
        }
    }

    /// Keys past their deadline per 100 keys with one, as known at the end of the last call: `expired_stale_perc`.
    pub fn stale_percent(&self) -> f64 {
        let (due, volatile) = self.stale;
        if volatile == 0 { 0.0 } else { 100.0 * due as f64 / volatile as f64 }
    }

    /// Keys past their deadline, and keys with one, as known at the end of the last call.
    pub fn stale(&self) -> (u64, u64) {
        self.stale
    }

    /// `avg_ttl` of a database, in milliseconds.
    pub fn mean_ttl(&self, db: u16) -> u64 {
        self.means.get(usize::from(db)).map_or(0, MeanTtl::millis)
    }

    /// The counters.
    pub fn stats(&self) -> CycleStats {
        self.stats
    }

    /// Zeroes the counters.
    pub fn reset_stats(&mut self) {
        self.stats = CycleStats::default();
    }

    /// SWAPDB: the databases' averages go with their data.
    pub fn swap_databases(&mut self, a: u16, b: u16) {
        self.mean(a.max(b));
        self.means.swap(usize::from(a), usize::from(b));
    }

    fn open(&mut self, kind: Kind, effort: Effort, hz: u32, limit: u64, data: &impl Deadlines) {
        let databases = data.databases().max(1);
        let serves = if self.hit_limit { databases } else { databases.min(DATABASES_PER_CALL) };
        self.stats.calls += 1;
        if planted(Fault::CycleStarvesDatabases) {
            self.next_db = 0;
        }
        self.call = Some(Call {
            kind,
            effort,
            hz,
            limit,
            spent: 0,
            serves,
            looks: databases,
            loops: 0,
            unchecked: 0,
            visit: None,
            keys: 0,
            fields: 0,
        });
    }

    fn close(&mut self, mut call: Call, end: End, data: &mut impl Deadlines, now: UnixMillis) -> Report {
        if let Some(visit) = call.visit.take() {
            self.leave(&call, &visit);
        }
        self.hit_limit = end == End::TimedOut;
        if self.hit_limit && !planted(Fault::CycleCapNotCounted) {
            self.stats.time_cap_reached += 1;
        }
        let volatile = (0..data.databases()).map(|db| data.volatile(db)).sum();
        self.stale = (data.due(now).min(volatile), volatile);
        self.stats.micros = self.stats.micros.saturating_add(call.spent);
        self.period_spent = self.period_spent.saturating_add(call.spent);
        Report { kind: call.kind, end, micros: call.spent, keys: call.keys, fields: call.fields }
    }

    /// One loop of work; `false` when the call has nothing left to do.
    fn step(&mut self, call: &mut Call, data: &mut impl Deadlines, now: UnixMillis) -> bool {
        let mut visit = match call.visit.take().or_else(|| self.next_visit(call, data)) {
            Some(visit) => visit,
            None => return false,
        };
        call.loops += 1;
        if visit.fields == Left::More && (visit.fields_next || visit.keys == Left::Nothing) {
            let max = call.effort.keys_per_loop().min(visit.quota - visit.removed);
            let taken = data.take_due_fields(visit.db, now, max);
            visit.removed = visit.removed.saturating_add(taken.removed);
            visit.fields = taken.left;
            call.fields += u64::from(taken.removed);
            call.unchecked += taken.removed;
        } else {
            self.take_keys(call, &mut visit, data, now);
        }
        visit.fields_next = !visit.fields_next;
        let fields = visit.fields == Left::More && visit.removed < visit.quota;
        if fields || visit.keys == Left::More {
            if !fields {
                // The quota is spent: the rest of the visit is for the keys.
                visit.fields_next = false;
            }
            call.visit = Some(visit);
        } else {
            self.leave(call, &visit);
        }
        true
    }

    /// The loop of §7.3 on keys.
    fn take_keys(&mut self, call: &mut Call, visit: &mut Visit, data: &mut impl Deadlines, now: UnixMillis) {
        let volatile = data.volatile(visit.db);
        if volatile == 0 {
            visit.keys = Left::Nothing;
            *self.mean(visit.db) = MeanTtl::default();
            return;
        }
        let max = volatile.min(u64::from(call.effort.keys_per_loop())) as u32;
        let taken = data.take_due(visit.db, now, max);
        visit.keys = taken.left;
        call.keys += u64::from(taken.removed);
        call.unchecked += taken.removed;
        let update = visit.keys == Left::Nothing || call.loops.is_multiple_of(CHECK_LOOPS);
        let mean = self.mean(visit.db);
        mean.saw(taken.live);
        if update {
            mean.update();
        }
    }

    /// The next database that has deadlines. The index moves on first, so that a call that runs out of time here is followed by
    /// one that begins at the database after it.
    fn next_visit(&mut self, call: &mut Call, data: &impl Deadlines) -> Option<Visit> {
        let databases = data.databases().max(1);
        while call.serves > 0 && call.looks > 0 {
            call.looks -= 1;
            let db = self.next_db % databases;
            self.next_db = (db + 1) % databases;
            let (keys, hashes) = (data.volatile(db), data.hashes(db));
            if keys == 0 {
                *self.mean(db) = MeanTtl::default();
            }
            if keys == 0 && hashes == 0 {
                continue;
            }
            call.serves -= 1;
            let some = |count| if count == 0 { Left::Nothing } else { Left::More };
            let quota = self.quotas.quota(db, call.kind, call.hz);
            return Some(Visit { db, quota, removed: 0, fields: some(hashes), keys: some(keys), fields_next: true });
        }
        None
    }

    fn leave(&mut self, call: &Call, visit: &Visit) {
        self.quotas.finish(visit.db, call.kind, visit.removed, visit.fields);
    }

    fn mean(&mut self, db: u16) -> &mut MeanTtl {
        let db = usize::from(db);
        if self.means.len() <= db {
            self.means.resize(db + 1, MeanTtl::default());
        }
        &mut self.means[db]
    }
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
pub(crate) mod tests;
