//! The cycle against a model of the data and a scripted clock: `expire-evict.md` §7, U001 to U003.
#![allow(non_snake_case)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::*;

const MASTER: Standing =
    Standing { role: Role::Master, data_set: DataSet::Ready, expiry: Expiry::Running, switch: Switch::On };

/// What a database holds: how many keys and fields have which deadline.
#[derive(Clone, Default)]
struct Database {
    keys: BTreeMap<i64, u64>,
    fields: BTreeMap<i64, u64>,
}

/// A step that the cycle asked for: fields (`'f'`) or keys (`'k'`), of which database, how many it might take and took.
type Step = (char, u16, u32, u32);

/// Data that takes time: each key and each loop moves the clock on.
struct Data {
    databases: Vec<Database>,
    clock: Rc<Cell<u64>>,
    micros_per_key: u64,
    micros_per_loop: u64,
    trace: Vec<Step>,
}

impl Data {
    fn new(databases: usize) -> Data {
        let databases = vec![Database::default(); databases];
        Data { databases, clock: Rc::default(), micros_per_key: 1, micros_per_loop: 0, trace: Vec::new() }
    }

    fn with_keys(mut self, db: usize, when: i64, count: u64) -> Data {
        *self.databases[db].keys.entry(when).or_default() += count;
        self
    }

    fn with_fields(mut self, db: usize, when: i64, count: u64) -> Data {
        *self.databases[db].fields.entry(when).or_default() += count;
        self
    }

    fn left(&self) -> u64 {
        self.databases.iter().map(|db| db.keys.values().sum::<u64>() + db.fields.values().sum::<u64>()).sum()
    }

    fn clock(&self) -> impl FnMut() -> Monotonic + use<> {
        let clock = self.clock.clone();
        move || Monotonic(clock.get())
    }

    fn work(&mut self, kind: char, db: u16, now: UnixMillis, max: u32) -> Taken {
        let database = &mut self.databases[usize::from(db)];
        let held = if kind == 'k' { &mut database.keys } else { &mut database.fields };
        let mut removed = 0;
        while removed < u64::from(max) {
            let Some((&when, count)) = held.range_mut(..=now.0).next() else { break };
            let part = (*count).min(u64::from(max) - removed);
            *count -= part;
            removed += part;
            if *count == 0 {
                held.remove(&when);
            }
        }
        let left = if held.range(..=now.0).next().is_some() { Left::More } else { Left::Nothing };
        let next = held.range(now.0 + 1..).next();
        let live = next.map_or(Live::default(), |(&when, _)| Live { keys: 1, ttl_millis: when.abs_diff(now.0) });
        self.clock.set(self.clock.get() + removed * self.micros_per_key + self.micros_per_loop);
        self.trace.push((kind, db, max, removed as u32));
        Taken { removed: removed as u32, live, left }
    }
}

impl Deadlines for Data {
    fn databases(&self) -> u16 {
        self.databases.len() as u16
    }

    fn volatile(&self, db: u16) -> u64 {
        self.databases[usize::from(db)].keys.values().sum()
    }

    fn hashes(&self, db: u16) -> u64 {
        self.databases[usize::from(db)].fields.len() as u64
    }

    fn due(&mut self, now: UnixMillis) -> u64 {
        self.databases.iter().flat_map(|db| db.keys.range(..=now.0)).map(|(_, count)| count).sum()
    }

    fn take_due(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        self.work('k', db, now, max)
    }

    fn take_due_fields(&mut self, db: u16, now: UnixMillis, max: u32) -> Taken {
        self.work('f', db, now, max)
    }
}

const NOW: UnixMillis = UnixMillis(1_000);

/// So long since the slice before that the next may be as long as any.
const LONG_SINCE: u64 = SLICE_MICROS * 4;

/// One slow call from beginning to end: its report and the length of its longest slice.
fn slow_call(cycle: &mut Cycle, data: &mut Data, effort: Effort, now: UnixMillis) -> (Report, u64) {
    cycle.begin_slow(&MASTER, effort, 10, data, now);
    finish(cycle, data, now)
}

fn finish(cycle: &mut Cycle, data: &mut Data, now: UnixMillis) -> (Report, u64) {
    let mut longest = 0;
    loop {
        let clock = data.clock();
        let before = data.clock.get();
        let progress = cycle.slice(&MASTER, data, now, LONG_SINCE, clock);
        longest = longest.max(data.clock.get() - before);
        match progress {
            Progress::Ended(report) => return (report, longest),
            Progress::Paused => assert!(cycle.under_way()),
            Progress::Idle => panic!("a call that was begun has to end"),
        }
    }
}

fn efforts() -> impl Iterator<Item = Effort> {
    (1..=10).filter_map(Effort::new)
}

#[test]
pub(crate) fn FR_P2C_008_U002_golden_trace_of_one_call() {
    let mut data = Data::new(4).with_keys(0, 500, 50).with_keys(2, 1_000, 5).with_fields(2, 900, 30);
    let mut data = {
        data.databases[3].keys.insert(1_001, 7);
        data
    };
    let mut cycle = Cycle::default();
    let (report, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
    let golden = [
        ('k', 0, 20, 20),
        ('k', 0, 20, 20),
        ('k', 0, 10, 10),
        // Database 1 is empty. In database 2 fields begin, and take turns with keys.
        ('f', 2, 20, 20),
        ('k', 2, 5, 5),
        ('f', 2, 20, 10),
        // Due in a millisecond, so not now.
        ('k', 3, 7, 0),
    ];
    assert_eq!(data.trace, golden);
    assert_eq!(report, Report { kind: Kind::Slow, end: End::Complete, micros: 85, keys: 55, fields: 30 });
    assert_eq!(cycle.mean_ttl(3), 1);
    assert_eq!(cycle.slice(&MASTER, &mut data, NOW, 0, || Monotonic(0)), Progress::Idle);
}

#[test]
pub(crate) fn FR_P2C_008_U002_golden_trace_of_all_efforts() {
    for effort in efforts() {
        let per_loop = effort.keys_per_loop();
        let mut data = Data::new(1).with_keys(0, 1, 200);
        slow_call(&mut Cycle::default(), &mut data, effort, NOW);
        let mut left = 200;
        for &(kind, db, max, took) in &data.trace {
            assert_eq!((kind, db, max, took), ('k', 0, per_loop.min(left), per_loop.min(left)), "{effort:?}");
            left -= took;
        }
        assert_eq!(left, 0, "{effort:?}");
    }
}

#[test]
pub(crate) fn FR_P2C_008_U002_a_million_keys_of_one_millisecond() {
    const KEYS: u64 = 1_000_000;
    for effort in efforts() {
        let mut data = Data::new(1).with_keys(0, 1_000, KEYS);
        let mut cycle = Cycle::default();
        let (mut keys, mut calls, mut spent) = (0, 0, 0);
        while data.left() > 0 {
            let (report, longest) = slow_call(&mut cycle, &mut data, effort, NOW);
            // What is taken between two readings of the clock comes on top of a limit.
            let period = u64::from(CHECK_KEYS + effort.keys_per_loop());
            let limit = effort.slow_micros(10);
            assert!(report.micros <= limit + period, "{effort:?}: {report:?}");
            assert!(longest <= SLICE_MICROS + period, "{effort:?}: {longest} µs in one slice");
            keys += report.keys;
            calls += 1;
            spent += report.micros;
            let timed_out = report.end == End::TimedOut;
            assert_eq!(timed_out, data.left() > 0, "{effort:?}: {report:?}");
            assert_eq!(cycle.stale_percent() > 0.0, data.left() > 0);
        }
        assert_eq!(keys, KEYS, "each is removed once");
        assert_eq!(calls, KEYS.div_ceil(effort.slow_micros(10) / 1_000 * 1_000), "{effort:?}");
        assert_eq!(cycle.stats(), CycleStats { time_cap_reached: calls - 1, micros: spent, calls });
    }
}

#[test]
pub(crate) fn FR_P2C_008_U002_every_database_has_its_turn() {
    for databases in [1, 16, 17, 256] {
        for effort in efforts() {
            let mut data = Data::new(databases);
            for db in 0..databases {
                data = data.with_keys(db, 1, 3).with_keys(db, i64::MAX, 1);
            }
            let mut cycle = Cycle::default();
            let calls = databases.div_ceil(16);
            for _ in 0..calls {
                let served = data.trace.len();
                let (report, _) = slow_call(&mut cycle, &mut data, effort, NOW);
                assert_eq!(report.end, End::Complete);
                assert_eq!(data.trace.len() - served, databases.min(16), "as many databases as a call may serve");
            }
            assert_eq!(data.left(), databases as u64, "{databases} databases, {effort:?}: all that was due is gone");
            // The calls go round, each from where the one before stopped.
            let order = data.trace.iter().map(|step| usize::from(step.1));
            assert!(order.eq((0..calls * databases.min(16)).map(|step| step % databases)), "{:?}", data.trace);
        }
    }
}

#[test]
pub(crate) fn FR_P2C_008_U002_a_database_without_end_starves_no_other() {
    for databases in [2, 16, 17, 256] {
        let mut data = Data::new(databases).with_keys(0, 1, 10_000_000);
        for db in 1..databases {
            data = data.with_keys(db, 1, 2);
        }
        let mut cycle = Cycle::default();
        let (first, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
        assert_eq!((first.end, first.keys / 1_000), (End::TimedOut, 25));
        let (_, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
        // It ran out of time, so the next call may serve all, and begins behind the one that held it up.
        let others: u64 = (1..databases).map(|db| data.volatile(db as u16)).sum();
        assert_eq!(others, 0, "{databases}");
        assert!(data.volatile(0) > 0);
    }
}

#[test]
fn FR_P2C_008_U002_nothing_due_costs_a_look_per_database() {
    let mut data = Data::new(20);
    for db in 0..20 {
        data = data.with_keys(db, 5_000, 1_000);
    }
    let mut cycle = Cycle::default();
    let (report, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
    assert_eq!((report.end, report.keys, data.trace.len()), (End::Complete, 0, 16));
    assert_eq!(cycle.stale_percent(), 0.0);
    assert_eq!(cycle.mean_ttl(0), 4_000);
    data.databases[16].keys.clear();
    let (_, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
    assert_eq!(cycle.mean_ttl(16), 0);
}

#[test]
pub(crate) fn FR_P2C_008_U002_clock_jumps() {
    let mut data = Data::new(1).with_keys(0, 1_000, 10);
    let mut cycle = Cycle::default();
    for (now, left) in [(i64::MIN, 10), (-5, 10), (999, 10), (1_000, 0), (0, 0)] {
        slow_call(&mut cycle, &mut data, Effort::LEAST, UnixMillis(now));
        assert_eq!(data.left(), left, "{now}");
    }
    // The monotonic clock stands still, or is read in the wrong order: the work is done all the same.
    let mut data = data.with_keys(0, 1_000, 100_000);
    cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
    let mut readings = (0..u64::MAX).rev();
    let clock = || Monotonic(readings.next().expect("there are enough"));
    assert!(matches!(
        cycle.slice(&MASTER, &mut data, NOW, LONG_SINCE, clock),
        Progress::Ended(Report { keys: 100_000, .. })
    ));
    // It leaps: the slice and the call are over.
    let mut data = data.with_keys(0, 1_000, 100_000);
    cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
    let mut readings = [0, u64::MAX].into_iter();
    let clock = || Monotonic(readings.next().expect("it ends at the second reading"));
    let progress = cycle.slice(&MASTER, &mut data, NOW, LONG_SINCE, clock);
    assert!(matches!(progress, Progress::Ended(Report { end: End::TimedOut, .. })), "{progress:?}");
}

#[test]
fn FR_P2C_008_U002_a_call_of_a_busy_core_is_spread_over_its_period() {
    const PERIOD: u64 = 100_000;
    for (effort, work) in efforts().flat_map(|effort| [0, 30, 100, 200, 400].map(|work| (effort, work))) {
        let mut data = Data::new(1).with_keys(0, 1, 1_000_000);
        let mut cycle = Cycle::default();
        cycle.begin_slow(&MASTER, effort, 10, &mut data, NOW);
        let (mut spent, mut turns) = (0, 0);
        while cycle.under_way() {
            data.clock.set(data.clock.get() + work);
            let begun = data.clock.get();
            let clock = data.clock();
            cycle.slice(&MASTER, &mut data, NOW, work, clock);
            let slice = data.clock.get() - begun;
            let period = u64::from(CHECK_KEYS + effort.keys_per_loop());
            assert!(
                slice <= slice_micros(effort, work) + period,
                "{effort:?}: {slice} µs after {work} µs of other work"
            );
            (spent, turns) = (spent + slice, turns + 1);
        }
        let took = data.clock.get();
        assert!(spent >= effort.slow_micros(10), "{effort:?}: it has its share, {spent} µs");
        assert!(took <= PERIOD * 95 / 100, "{effort:?}, {work} µs: {turns} turns, {took} µs");
        assert!(work < 200 || took >= PERIOD * 60 / 100, "{effort:?}, {work} µs: in {took} µs it is not spread");
        let [least, most] = [0, u64::MAX].map(|since| slice_micros(effort, since));
        assert_eq!([least, most], [SLICE_MICROS_MIN, SLICE_MICROS]);
    }
}

#[test]
fn FR_P2C_008_U002_loops_that_find_little_are_checked_too() {
    // 300 µs for each loop that takes a single key: the clock is read after 16 of them.
    let mut data = Data::new(256);
    for db in 0..256 {
        data = data.with_keys(db, 1, 1);
    }
    data.micros_per_loop = 300;
    let mut cycle = Cycle { hit_limit: true, ..Cycle::default() };
    cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
    let clock = data.clock();
    assert_eq!(cycle.slice(&MASTER, &mut data, NOW, LONG_SINCE, clock), Progress::Paused);
    assert_eq!(data.trace.len(), 16);
    let (report, _) = finish(&mut cycle, &mut data, NOW);
    assert_eq!((report.end, data.trace.len()), (End::TimedOut, 96));
}

#[test]
pub(crate) fn FR_P2C_008_U002_when_a_fast_call_begins() {
    let begins = |stale, hit_limit, last: Option<u64>, effort, standing: &Standing| {
        let last_fast = last.map(Monotonic);
        let mut cycle = Cycle { stale, hit_limit, last_fast, ..Cycle::default() };
        let effort = Effort::new(effort).expect("an effort of the table");
        cycle.begin_fast(standing, effort, 10, &Data::new(1), Monotonic(10_000));
        cycle.under_way()
    };
    let rows = [
        // stale keys, hit the limit, last fast call, effort, begins
        ((0, 0), false, None, 1, false),
        ((0, 0), true, None, 1, true),
        ((9, 100), false, None, 1, false),
        ((10, 100), false, None, 1, true),
        ((99, 1_000), false, None, 1, false),
        ((0, 100), false, None, 10, false),
        ((1, 100), false, None, 10, true),
        ((1, 101), false, None, 10, false),
        ((100, 100), true, Some(8_001), 1, false),
        ((100, 100), true, Some(8_000), 1, true),
        ((100, 100), true, Some(3_501), 10, false),
        ((100, 100), true, Some(3_500), 10, true),
        ((100, 100), true, Some(20_000), 1, false),
    ];
    for (stale, hit_limit, last, effort, expected) in rows {
        assert_eq!(
            begins(stale, hit_limit, last, effort, &MASTER),
            expected,
            "{stale:?} {hit_limit} {last:?} {effort}"
        );
    }
    for standing in forbidding() {
        assert!(!begins((100, 100), true, None, 1, &standing), "{standing:?}");
    }
}

fn forbidding() -> [Standing; 4] {
    [
        Standing { role: Role::Replica, ..MASTER },
        Standing { data_set: DataSet::Loading, ..MASTER },
        Standing { expiry: Expiry::Paused, ..MASTER },
        Standing { switch: Switch::Off, ..MASTER },
    ]
}

#[test]
pub(crate) fn FR_P2C_008_U002_fast_calls_have_their_own_limit_and_keep_to_the_share() {
    for effort in efforts() {
        let mut data = Data::new(1).with_keys(0, 1, 1_000_000);
        let mut cycle = Cycle { hit_limit: true, ..Cycle::default() };
        let period = u64::from(CHECK_KEYS + effort.keys_per_loop());
        let (share, fast) = (effort.slow_micros(10), effort.fast_micros());
        let mut spent = 0;
        for _ in 0..1_000 {
            cycle.begin_fast(&MASTER, effort, 10, &data, Monotonic(data.clock.get()));
            if cycle.under_way() {
                let limit = fast.min(share - spent);
                let (report, longest) = finish(&mut cycle, &mut data, NOW);
                assert_eq!((report.kind, report.end), (Kind::Fast, End::TimedOut));
                assert!((limit..=limit + period).contains(&report.micros), "{report:?}");
                assert!(longest <= SLICE_MICROS + period);
                spent += report.micros;
            }
            data.clock.set(data.clock.get() + 2 * fast);
        }
        assert!((share..=share + period).contains(&spent), "{effort:?}: {spent} of {share} µs");
        // A slow call begins a new period, and uses all of it.
        slow_call(&mut cycle, &mut data, effort, NOW);
        cycle.begin_fast(&MASTER, effort, 10, &data, Monotonic(data.clock.get()));
        assert!(!cycle.under_way(), "{effort:?}");
    }
}

#[test]
pub(crate) fn FR_P2C_008_U013_a_pause_between_slices_ends_the_call() {
    for standing in forbidding() {
        let mut data = Data::new(1).with_keys(0, 1, 5_000);
        let mut cycle = Cycle::default();
        cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
        let clock = data.clock();
        assert_eq!(cycle.slice(&MASTER, &mut data, NOW, LONG_SINCE, clock), Progress::Paused);
        let (left, clock) = (data.left(), data.clock());
        let progress = cycle.slice(&standing, &mut data, NOW, LONG_SINCE, clock);
        assert!(matches!(progress, Progress::Ended(Report { end: End::Suspended, .. })), "{progress:?}");
        assert_eq!(data.left(), left, "nothing went after the pause: {standing:?}");
        cycle.begin_slow(&standing, Effort::LEAST, 10, &mut data, NOW);
        assert!(!cycle.under_way(), "{standing:?}");
        assert_eq!(cycle.stats().time_cap_reached, 0);
    }
}

#[test]
fn FR_P2C_008_U002_a_call_that_is_late_makes_room_for_the_next() {
    let mut data = Data::new(3).with_keys(0, 1, 100_000).with_keys(1, 1, 10);
    let mut cycle = Cycle::default();
    cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
    let clock = data.clock();
    assert_eq!(cycle.slice(&MASTER, &mut data, NOW, LONG_SINCE, clock), Progress::Paused);
    cycle.begin_slow(&MASTER, Effort::LEAST, 10, &mut data, NOW);
    assert_eq!((cycle.stats().time_cap_reached, cycle.stats().calls), (1, 2));
    let (report, _) = finish(&mut cycle, &mut data, NOW);
    assert_eq!(data.volatile(1), 0, "it begins at the next database");
    assert!(report.micros <= 25_000 + 84);
    assert!(cycle.stale_percent() > 99.0 && cycle.stale_percent() <= 100.0);
}

#[test]
pub(crate) fn FR_P2C_008_U003_fields_have_a_quota_and_take_turns_with_keys() {
    let mut data = Data::new(1).with_keys(0, 1, 1_000_000).with_fields(0, 1, 1_000_000);
    let mut cycle = Cycle::default();
    let (report, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
    assert_eq!((report.end, report.fields), (End::TimedOut, 1_000));
    assert!(report.keys >= 24_000, "the rest is for the keys: {report:?}");
    let turns: Vec<char> = data.trace.iter().take(6).map(|step| step.0).collect();
    assert_eq!(turns, ['f', 'k', 'f', 'k', 'f', 'k']);
    // No keys are left, and a backlog is: its factor, and the limit of the call, hold all the same.
    data.databases[0].keys.clear();
    let mut removed = report.fields;
    while data.left() > 0 {
        let factor = cycle.quotas.factor(0);
        let (report, longest) = slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
        assert!(report.fields <= 1_000 * factor && longest <= SLICE_MICROS + 84, "{report:?}");
        removed += report.fields;
    }
    assert_eq!(removed, 1_000_000);
}

#[test]
pub(crate) fn FR_P2C_008_U001_fields_and_keys_that_expire_together_go_once() {
    let mut data = Data::new(3);
    for db in 0..3 {
        data = data.with_keys(db, 1_000, 500).with_fields(db, 1_000, 500).with_keys(db, 1_001, 40);
    }
    let mut cycle = Cycle::default();
    let (mut keys, mut fields) = (0, 0);
    for moment in [999, 1_000, 1_001] {
        let (report, _) = slow_call(&mut cycle, &mut data, Effort::LEAST, UnixMillis(moment));
        keys += report.keys;
        fields += report.fields;
        assert_eq!((keys, fields), [(0, 0), (1_500, 1_500), (1_620, 1_500)][(moment - 999) as usize], "{moment}");
    }
    assert_eq!(data.left(), 0);
}

#[test]
fn FR_P2C_008_U002_swapped_databases_keep_their_averages() {
    let mut data = Data::new(2).with_keys(0, 3_000, 10);
    let mut cycle = Cycle::default();
    slow_call(&mut cycle, &mut data, Effort::LEAST, NOW);
    cycle.swap_databases(0, 9);
    assert_eq!((cycle.mean_ttl(0), cycle.mean_ttl(9)), (0, 2_000));
    cycle.reset_stats();
    assert_eq!(cycle.stats(), CycleStats::default());
}
