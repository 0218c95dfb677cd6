//! A machine of several cores in which all decisions of this crate work together: the order of calls in a turn, as a test.
//!
//! Clients write more than the budget holds, in random order on random cores; keys expire, pauses come and go. What must hold: memory stays
//! within the budget and its tolerance, nothing is removed in a pause, and the logs of the cores, checked for their order and replayed
//! elsewhere, give the same data.
#![allow(non_snake_case)]

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::access::LfuSettings;
use crate::barren::{EpochStep, Word, elsewhere, found_nothing, found_something};
use crate::budget::Effort;
use crate::cycle::{Cycle, Deadlines, Progress, Standing, Switch, Taken};
use crate::decision::{Memo, PolicyEpoch, Question, TtlBucket};
use crate::evictions::{Evictable, Evictions, Freeing, Outcome, Pending, Rules};
use crate::fields::Left;
use crate::gate::{DataSet, Expiry, Role, due_in_cycle};
use crate::model::{At, Model};
use crate::oom::{Need, Subject, refused};
use crate::order::OrderCheck;
use crate::policy::{Class, Policy, Use};
use crate::pressure::fair_share;
use crate::quota::tests::Pot;
use crate::quota::{Balance, Quota, Terms};
use crate::record::{Cause, Form, Header, Kind, Place, decode, encode};
use crate::s3fifo::{S3Fifo, Search};
use crate::safety::{Circumstances, Eviction, tests::FREE};
use crate::tenacity::Tenacity;
use crate::time::{Monotonic, UnixMillis};
use crate::ttl::Live;
use crate::victim::{Candidates, Choice, Chooser};

const CORES: usize = 4;
const BUDGET: u64 = 4_000_000;
const VALUE_MAX: u64 = 5_000;
const START: i64 = 1_700_000_000_000;

/// A core's data and its log: what it removes it logs in the same step.
struct Data {
    id: u16,
    model: Model,
    log: Vec<u8>,
    sequence: u64,
    /// Keys that no command removed.
    implicit: u64,
    now: UnixMillis,
}

impl Data {
    fn append(&mut self, at: At, kind: Kind, parts: &[&[u8]]) {
        self.sequence += 1;
        let header = Header {
            sequence: self.sequence,
            unit: 0,
            order: self.sequence,
            index: 0,
            logs: 1,
            time: self.now,
            core: self.id,
            db: at.db,
            slot: Some(at.slot),
            kind,
            place: Place::Alone,
        };
        encode(&header, parts.iter().copied(), &mut self.log).expect("small parts make a record");
    }

    fn remove(&mut self, at: At, kind: Kind) -> u64 {
        self.implicit += 1;
        let key = self.model.remove(at).expect("what is removed is there");
        self.append(at, kind, &[&at.hash.to_le_bytes()]);
        key.bytes
    }

    fn evictable(&self, class: Option<Class>) -> u64 {
        class.map_or(0, |class| (0..self.model.databases()).map(|db| Candidates::keys(&self.model, db, class)).sum())
    }
}

impl Deadlines for Data {
    fn databases(&self) -> u16 {
        self.model.databases()
    }

    fn volatile(&self, db: u16) -> u64 {
        Candidates::keys(&self.model, db, Class::Volatile)
    }

    fn hashes(&self, _: u16) -> u64 {
        0
    }

    fn due(&mut self, now: UnixMillis) -> u64 {
        self.model.keys.values().filter(|key| key.when.is_some_and(|when| due_in_cycle(now, when))).count() as u64
    }

    fn take_due(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        let due = |(at, key): (&At, &crate::model::Key)| {
            (at.db == db && key.when.is_some_and(|when| due_in_cycle(now, when))).then_some(*at)
        };
        let mut found: Vec<At> = self.model.keys.iter().filter_map(due).collect();
        found.sort_unstable();
        let left = if found.len() > max as usize { Left::More } else { Left::Nothing };
        found.truncate(max as usize);
        for &at in &found {
            self.remove(at, Kind::Keys(Cause::Expired, Form::Del));
        }
        Taken { removed: found.len() as u32, live: Live::default(), left }
    }

    fn take_due_fields(&mut self, _: u16, _: UnixMillis, _: u32) -> Taken {
        Taken { removed: 0, live: Live::default(), left: Left::Nothing }
    }
}

struct Core {
    data: Data,
    quota: Quota,
    evictions: Evictions,
    chooser: Chooser<At>,
    queues: S3Fifo<At>,
    cycle: Cycle,
    memo: Memo,
    word: Word,
    rng: fastrand::Rng,
}

/// What the loop of evictions works on: one core, for the bytes that it lacks or owes.
struct Work<'a> {
    data: &'a mut Data,
    quota: &'a mut Quota,
    chooser: &'a mut Chooser<At>,
    queues: &'a mut S3Fifo<At>,
    rng: &'a mut fastrand::Rng,
    pot: &'a Pot,
    terms: Terms,
    choice: Choice,
}

impl Evictable for Work<'_> {
    type Handle = At;

    fn excess(&mut self) -> u64 {
        self.quota.settle(self.data.model.bytes, &self.terms, self.pot)
    }

    fn choose(&mut self) -> Search<At> {
        if self.choice.policy == Policy::AllKeysS3Fifo {
            return self.queues.choose(&mut self.data.model);
        }
        let (now, rng) = (self.data.now, &mut *self.rng);
        let victim = self.chooser.choose(&mut self.data.model, &self.choice, now, &mut || rng.u64(..));
        victim.map_or(Search::Nothing, Search::Victim)
    }

    fn evict(&mut self, victim: At) -> u64 {
        self.data.remove(victim, Kind::Keys(Cause::Evicted, Form::Unlink))
    }

    fn flush_replicas(&mut self) {}

    fn free_a_piece(&mut self) -> Pending {
        Pending::Nothing
    }
}

struct Machine {
    cores: Vec<Core>,
    pot: Pot,
    terms: Terms,
    choice: Choice,
    epoch: u64,
    /// The monotonic clock: each reading takes time.
    micros: Cell<u64>,
    paused: bool,
    refused: u64,
    served: u64,
}

impl Machine {
    fn new(policy: Policy, seed: u64) -> Machine {
        let core = |id: usize| Core {
            data: Data {
                id: id as u16,
                model: Model::new(2),
                log: Vec::new(),
                sequence: 0,
                implicit: 0,
                now: UnixMillis(START),
            },
            quota: Quota::default(),
            evictions: Evictions::default(),
            chooser: Chooser::default(),
            queues: S3Fifo::default(),
            cycle: Cycle::default(),
            memo: Memo::default(),
            word: Word(0),
            rng: fastrand::Rng::with_seed(seed ^ id as u64),
        };
        Machine {
            cores: (0..CORES).map(core).collect(),
            pot: Pot(Cell::new(Balance::new(BUDGET))),
            terms: Terms::new(BUDGET, CORES as u16),
            choice: Choice { policy, samples: 5, lfu: LfuSettings::default() },
            epoch: 1,
            micros: Cell::new(0),
            paused: false,
            refused: 0,
            served: 0,
        }
    }

    fn implicit(&self) -> u64 {
        self.cores.iter().map(|core| core.data.implicit).sum()
    }

    fn used(&self) -> u64 {
        self.cores.iter().map(|core| core.data.model.bytes).sum()
    }

    /// What is evicted before a command, or at the end of a turn.
    fn evict(&mut self, at: usize) -> Outcome {
        let class = self.choice.policy.class();
        let evictable: u64 = self.cores.iter().map(|core| core.data.evictable(class)).sum();
        let others = self.cores.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, core)| core.word);
        let elsewhere = elsewhere(self.epoch, others);
        let eviction = if self.paused { Eviction::Paused } else { Eviction::Running };
        let core = &mut self.cores[at];
        let used = core.data.model.bytes;
        let pressure = core.quota.pressure(used, Some(&self.terms), &self.pot);
        let share = fair_share(pressure.excess(), core.data.evictable(class), evictable);
        core.quota.want(pressure.excess(), share);
        let keys = core.data.model.keys.len() as u64;
        let question = Question {
            pressure: pressure.into(),
            hindrances: Circumstances { eviction, ..FREE }.hindrances(),
            ttl: TtlBucket::of(keys, core.data.evictable(Some(Class::Volatile))),
        };
        let rules = Rules {
            decision: core.memo.decide(PolicyEpoch(1), self.choice.policy, question),
            tenacity: Tenacity::default(),
            freeing: Freeing::AtOnce,
            turn_micros: 1_000,
            elsewhere,
        };
        let mut work = Work {
            data: &mut core.data,
            quota: &mut core.quota,
            chooser: &mut core.chooser,
            queues: &mut core.queues,
            rng: &mut core.rng,
            pot: &self.pot,
            terms: self.terms,
            choice: self.choice,
        };
        let report = core.evictions.perform(&rules, &mut work, || read(&self.micros));
        if report.barren {
            core.word = found_nothing(self.epoch);
        } else {
            let (word, step) = found_something(core.word);
            core.word = word;
            self.epoch += u64::from(step == EpochStep::Next);
        }
        report.outcome
    }

    fn set(&mut self, at: usize, key: At, bytes: u64, when: Option<UnixMillis>) {
        let outcome = self.evict(at);
        if refused(outcome, Subject::Command(Need::Memory)).is_some() {
            self.refused += 1;
            return;
        }
        let core = &mut self.cores[at];
        let missing = core.quota.settle(core.data.model.bytes, &self.terms, &self.pot);
        if !core.quota.may_overdraw(missing, &self.terms) {
            return;
        }
        self.served += 1;
        let known = core.data.model.keys.contains_key(&key);
        let made = self.choice.policy.made(core.data.now);
        let bits = core.data.model.keys.get(&key).map_or(made, |held| held.bits);
        core.data.model.insert(key, bits, when, bytes);
        if !known && self.choice.policy == Policy::AllKeysS3Fifo {
            core.queues.made(&mut core.data.model, key);
        }
        let when = when.map_or(i64::MAX, |when| when.0);
        core.data.append(
            key,
            Kind::Command,
            &[b"SET", &key.hash.to_le_bytes(), &bytes.to_le_bytes(), &when.to_le_bytes()],
        );
    }

    fn get(&mut self, at: usize, key: At) {
        let core = &mut self.cores[at];
        let (now, random) = (core.data.now, core.rng.u32(..));
        if let Some(held) = core.data.model.keys.get_mut(&key) {
            held.bits = self.choice.policy.used(held.bits, Use::Read, now, self.choice.lfu, random);
        }
    }

    /// A turn of one core: commands, then its cycle, then what others want.
    fn turn(&mut self, at: usize, rng: &mut fastrand::Rng) {
        for _ in 0..rng.usize(1..20) {
            let now = UnixMillis(START + (read(&self.micros).0 / 1_000) as i64);
            self.cores[at].data.now = now;
            let hash = rng.u64(..4_000) * CORES as u64 + at as u64;
            let key = At { db: (hash / 8 % 2) as u16, slot: (hash % 64) as u16, hash };
            match rng.u8(..8) {
                0..5 => {
                    let when = rng.bool().then(|| now.saturating_add(rng.i64(1..2_000)));
                    self.set(at, key, rng.u64(50..VALUE_MAX), when);
                }
                5..7 => self.get(at, key),
                _ if self.cores[at].data.model.keys.contains_key(&key) => {
                    self.cores[at].data.model.remove(key);
                    self.cores[at].data.append(key, Kind::Command, &[b"DEL", &key.hash.to_le_bytes()]);
                }
                _ => {}
            }
        }
        self.expire(at);
        let others = (0..CORES).filter(|&other| other != at);
        let wanted = others.map(|other| self.cores[other].quota.wanted()).sum();
        let wanted = self.pot.0.get().unmet(wanted);
        let class = self.choice.policy.class();
        let evictable: u64 = self.cores.iter().map(|core| core.data.evictable(class)).sum();
        let core = &mut self.cores[at];
        let still = core.quota.give(core.data.model.bytes, wanted, &self.pot);
        core.quota.owe(fair_share(still, core.data.evictable(class), evictable));
        self.evict(at);
        let core = &mut self.cores[at];
        core.quota.give(core.data.model.bytes, core.quota.owed(), &self.pot);
    }

    fn expire(&mut self, at: usize) {
        let expiry = if self.paused { Expiry::Paused } else { Expiry::Running };
        let standing = Standing { role: Role::Master, data_set: DataSet::Ready, expiry, switch: Switch::On };
        let Core { cycle, data, .. } = &mut self.cores[at];
        let now = data.now;
        if !cycle.under_way() {
            cycle.begin_slow(&standing, Effort::LEAST, 10, data, now);
        }
        let progress = cycle.slice(&standing, data, now, 50, || read(&self.micros));
        assert!(cycle.under_way() == (progress == Progress::Paused));
    }
}

fn read(clock: &Cell<u64>) -> Monotonic {
    clock.set(clock.get() + 20);
    Monotonic(clock.get())
}

/// Replays a core's log on empty data: keys, with what they take and their deadlines.
fn replay(data: &Data) -> BTreeMap<At, (u64, Option<UnixMillis>)> {
    let mut replica = BTreeMap::new();
    let mut check = OrderCheck::new(data.id, 0);
    let mut rest = data.log.as_slice();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("numbers have eight bytes"));
    while !rest.is_empty() {
        let (record, length) = decode(rest).expect("the log is whole");
        rest = &rest[length..];
        check.next(&record.header).expect("the log is in order");
        let words: Vec<&[u8]> = record.words().collect();
        let at =
            At { db: record.header.db, slot: record.header.slot.expect("keys have slots"), hash: number(words[1]) };
        match words[0] {
            b"SET" => {
                let when = number(words[3]) as i64;
                replica.insert(at, (number(words[2]), (when != i64::MAX).then_some(UnixMillis(when))));
            }
            _ => assert!(replica.remove(&at).is_some(), "a deletion of what is not there: {at:?}"),
        }
    }
    assert!(check.complete() && check.last() == data.sequence);
    replica
}

#[test]
pub(crate) fn FR_P2C_008_U012_a_machine_of_several_cores() {
    for policy in Policy::all() {
        let mut rng = fastrand::Rng::with_seed(policy as u64);
        let mut machine = Machine::new(policy, 5);
        for turn in 0..6_000 {
            if turn % 500 == 0 {
                machine.paused = rng.u8(..4) == 0 && policy != Policy::NoEviction;
            }
            if machine.paused {
                // Nothing but the clients' own commands while it lasts, so the budget is not kept: a short while.
                let before = machine.implicit();
                machine.turn(rng.usize(..CORES), &mut rng);
                assert_eq!(machine.implicit(), before, "{}: removed in a pause", policy.name());
                machine.paused = turn % 500 < 20;
                continue;
            }
            machine.turn(rng.usize(..CORES), &mut rng);
            let used = machine.used();
            let most = BUDGET + BUDGET / 100 + CORES as u64 * VALUE_MAX;
            assert!(used <= most || turn % 500 < 60, "{}: {used} at turn {turn}", policy.name());
        }
        let evicted: u64 = machine.cores.iter().map(|core| core.evictions.evicted()).sum();
        assert_eq!(evicted > 0, policy != Policy::NoEviction, "{}", policy.name());
        assert_eq!(machine.refused > 0, policy.class() != Some(Class::All), "{}: {}", policy.name(), machine.refused);
        assert!(machine.served > 2_000, "{}: {} served", policy.name(), machine.served);
        assert!(machine.implicit() > evicted, "{}: keys expire", policy.name());
        for core in &machine.cores {
            let held = core.data.model.keys.iter().map(|(&at, key)| (at, (key.bytes, key.when)));
            assert_eq!(replay(&core.data), held.collect(), "{}: log and data differ", policy.name());
        }
    }
}
