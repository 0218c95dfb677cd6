//! Making room: what a core does that is short of memory.

use evict::decision::{PressureBucket, Question, TtlBucket};
use evict::evictions::{Evictable, Outcome, Pending, Report, Rules};
use evict::gate::{Caller, DataSet, Role};
use evict::oom::{Need, Subject, refused};
use evict::policy::ReplicaIgnores;
use evict::pressure::fair_share;
use evict::quota::{Quota, Terms};
use evict::s3fifo::Search;
use evict::safety::{Circumstances, Eviction, Hindrances, Yielding};
use evict::time::UnixMillis;
use keyspace::slot::Slot;
use keyspace::store::{Keyspace, Victim};

use crate::latency::{EventKind, Timing};
use crate::mesh::budget::Budget;
use crate::mesh::loans::{Loans, Need as Needed};
use crate::shard::{Shard, Work};

use super::{Memory, Prepared, TURN_MICROS, Want, monotonic};

/// Victims in slots that a unit has, which one choice passes over.
const BARRED_MAX: u32 = 16;

/// What the loop of evictions works on.
struct Evicting<'a> {
    keyspace: &'a mut Keyspace,
    loans: &'a Loans<Work>,
    quota: &'a mut Quota,
    budget: &'a Budget,
    terms: Terms,
    beside: i64,
    now: UnixMillis,
    removals: Timing,
    freeing: Timing,
}

impl Evictable for Evicting<'_> {
    type Handle = Victim;

    /// What is dropped already is on its way: nothing more has to go for it.
    fn excess(&mut self) -> u64 {
        let used = self.keyspace.held_bytes().saturating_add_signed(self.beside);
        self.quota.settle(used, &self.terms, self.budget).saturating_sub(self.keyspace.dropped_bytes())
    }

    /// Slots that a unit of this core has stand still, though they are here.
    fn choose(&mut self) -> Search<Victim> {
        for _ in 0..BARRED_MAX {
            match self.keyspace.choose_victim(self.now) {
                Search::Victim(victim) if !self.is_free(victim.slot()) => self.keyspace.spare(victim),
                found => return found,
            }
        }
        Search::Again
    }

    fn evict(&mut self, victim: Victim) -> u64 {
        self.removals.time(|| self.keyspace.evict(victim))
    }

    // There are no replicas.
    fn flush_replicas(&mut self) {}

    fn free_a_piece(&mut self) -> Pending {
        if self.freeing.time(|| self.keyspace.free_dropped()) { Pending::Freed } else { Pending::Nothing }
    }
}

impl Evicting<'_> {
    fn is_free(&self, slot: Slot) -> bool {
        self.loans.is_quiet() || self.loans.is_free(Needed::One(slot.number()))
    }
}

impl Shard {
    /// Makes room for a command that needs memory.
    #[cold]
    pub(super) fn make_room(&mut self) -> Prepared {
        let outcome = self.relieve();
        match refused(outcome, Subject::Command(Need::Memory)) {
            Some(refusal) => Prepared::Refused(refusal),
            None if outcome == Outcome::Running && self.is_behind() => Prepared::Later,
            None => Prepared::Go,
        }
    }

    /// Makes room if the core is short, and says whether there is memory for what may change slots of several cores.
    pub fn memory_state(&mut self) -> Outcome {
        if self.memory.is_limited() && (self.is_short() || self.memory.outcome != Outcome::Ok) {
            self.relieve();
        }
        self.memory.outcome()
    }

    /// True if more is missing than the core may overdraw.
    fn is_behind(&self) -> bool {
        let missing = self.used_bytes().saturating_sub(self.memory.allowed);
        self.memory.terms.is_some_and(|terms| !self.memory.quota.may_overdraw(missing, &terms))
    }

    /// Borrows, then evicts, until the core fits its quota or its time is up.
    pub(super) fn relieve(&mut self) -> Outcome {
        let Some(terms) = self.memory.terms else { return Outcome::Ok };
        let hindrances = self.hindrances();
        let (used, keys, volatile) = (self.used_bytes(), self.keys(), self.volatile());
        let (here, dropped) = (self.evictable(), self.keyspace.dropped_bytes());
        let memory = &mut self.memory;
        let before = memory.quota.wanted();
        let pressure = memory.quota.pressure(used, Some(&terms), &*memory.budget);
        // What it owes to others it does not ask of them.
        let missing = used.saturating_sub(memory.quota.held()).saturating_sub(dropped);
        if missing > 0 {
            memory.quota.want(missing, fair_share(missing, here, memory.budget.evictable()));
        }
        memory.budget.want(before, memory.quota.wanted());
        let question =
            Question { pressure: PressureBucket::from(pressure), hindrances, ttl: TtlBucket::of(keys, volatile) };
        let rules = Rules {
            decision: memory.memo.decide(memory.epoch, memory.policy, question),
            tenacity: memory.tenacity,
            freeing: memory.freeing,
            turn_micros: TURN_MICROS.saturating_sub(memory.spent_micros),
            elsewhere: memory.budget.elsewhere(memory.core),
        };
        let report = self.perform(&rules, terms);
        self.after(report, hindrances)
    }

    fn perform(&mut self, rules: &Rules, terms: Terms) -> Report {
        let timing = self.timing();
        let Shard { keyspace, loans, memory, now, .. } = self;
        let Memory { quota, budget, evictions, beside, .. } = memory;
        let before = quota.wanted();
        let (removals, freeing) = (timing, timing);
        let mut data =
            Evicting { keyspace, loans, quota, budget, terms, beside: *beside, now: *now, removals, freeing };
        let report = evictions.perform(rules, &mut data, monotonic);
        let Evicting { removals, freeing, .. } = data;
        budget.want(before, quota.wanted());
        removals.longest.into_iter().for_each(|micros| self.took(EventKind::EvictDel, micros));
        freeing.total.into_iter().for_each(|micros| self.took(EventKind::EvictionLazyfree, micros));
        report
    }

    /// Notes how it ended, and tells who wants to hear of the keys that are gone.
    fn after(&mut self, report: Report, hindrances: Hindrances) -> Outcome {
        let Report { outcome, keys, micros, barren } = report;
        self.memory.refit();
        self.memory.spent_micros += micros;
        self.memory.barren = barren;
        if keys > 0 || barren {
            self.memory.budget.looked(self.memory.core, !barren);
        }
        if keys > 0 {
            self.took(EventKind::EvictionCycle, micros);
            self.acting = 0;
            self.seal_removed();
            self.hear();
        }
        // What was dropped is freed in pieces, and until then it is not there for others.
        let waits = outcome == Outcome::Ok && hindrances.is_none() && self.is_short();
        let outcome = if waits { Outcome::Running } else { outcome };
        self.memory.note(outcome);
        outcome
    }

    /// What stands against evicting now.
    fn hindrances(&self) -> Hindrances {
        let held = self.loans.all_are_lent();
        let circumstances = Circumstances {
            yielding: if held { Yielding::Yes } else { Yielding::No },
            data_set: DataSet::Ready,
            role: Role::Master,
            replica_ignores: ReplicaIgnores::Yes,
            caller: Caller::Client,
            eviction: if self.paused { Eviction::Paused } else { Eviction::Running },
        };
        circumstances.hindrances()
    }

    fn keys(&self) -> u64 {
        self.keyspace.all_totals().map(|totals| totals.keys).sum()
    }

    fn volatile(&self) -> u64 {
        self.keyspace.all_totals().map(|totals| totals.volatile).sum()
    }

    /// What this core can contribute: keys that the policy may take; its bytes, where that takes none.
    pub(super) fn evictable(&self) -> u64 {
        if self.memory.policy.class().is_some() { self.keyspace.evictable() } else { self.used_bytes() }
    }

    /// The end of a turn: `others` bytes stand beside the data now. Gives other cores what they lack and this one does not use, owes them
    /// its share of the rest, and makes room if it is short itself.
    pub fn share_memory(&mut self, others: u64) -> Want {
        self.memory.stand_beside(others);
        self.memory.spent_micros = 0;
        let Some(terms) = self.memory.terms else { return Want::Told };
        let (here, used) = (self.evictable(), self.used_bytes());
        let Memory { quota, budget, core, .. } = &mut self.memory;
        budget.set_evictable(*core, here);
        let before = quota.wanted();
        quota.settle(used, &terms, &**budget);
        budget.want(before, quota.wanted());
        let still = quota.give(used, budget.unmet(quota.wanted()), &**budget);
        // Until all have said what they could evict, nobody knows what its share is.
        let owes = still > 0 && budget.is_joined_by_all();
        quota.owe(if owes { fair_share(still, here, budget.evictable()) } else { 0 });
        if still > 0 {
            // Who is not short itself does not look.
            budget.looked(*core, here > 0);
        }
        self.memory.refit();
        if self.is_short() || self.memory.outcome != Outcome::Ok {
            self.relieve();
            let used = self.used_bytes();
            let Memory { quota, budget, .. } = &mut self.memory;
            quota.give(used, quota.owed(), &**budget);
            self.memory.refit();
        }
        self.memory.tell()
    }
}

impl Memory {
    /// Whether others have to hear of what the core wants.
    fn tell(&mut self) -> Want {
        let wanted = self.quota.wanted();
        let news = wanted > self.told || std::mem::take(&mut self.has_news);
        self.told = if wanted == 0 { 0 } else { self.told.max(wanted) };
        if news { Want::Tell } else { Want::Told }
    }
}
