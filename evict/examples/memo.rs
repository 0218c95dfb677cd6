//! LEV-008 measured: the memoised pressure decision against the plain one. Prints one JSON object, which `bench evidence` reads.
//!
//! Questions are recorded from a core that writes, deletes, evicts and is paused as a full cache is; both sides then answer the same
//! recording in alternate rounds. Equality is shown twice: on the recording, and for every question after every other one, which is
//! all that a memo of one answer can depend on.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use audit::digest::Digest;
use evict::decision::{Decision, Memo, PolicyEpoch, PressureBucket, Question, TtlBucket, decide};
use evict::gate::{Caller, DataSet, Role};
use evict::policy::{Policy, ReplicaIgnores};
use evict::pressure::Pressure;
use evict::safety::{Circumstances, Eviction, Hindrances, Yielding};

const SEED: u64 = 8;
/// Commands that are recorded, and rounds in which each side answers them.
const COMMANDS: usize = 1_000_000;
const ROUNDS: usize = 101;
/// The limit of the recorded core, in bytes, and the size of a value.
const LIMIT: u64 = 64 << 20;
const VALUE_MAX: u64 = 2_048;

/// What a core knew before a command.
#[derive(Clone, Copy)]
struct Moment {
    epoch: PolicyEpoch,
    policy: Policy,
    used: u64,
    circumstances: Circumstances,
    keys: u64,
    volatile: u64,
}

impl Moment {
    fn question(&self) -> Question {
        Question {
            pressure: Pressure::of(self.used, LIMIT, Default::default).into(),
            hindrances: self.circumstances.hindrances(),
            ttl: TtlBucket::of(self.keys, self.volatile),
        }
    }
}

/// The recording: memory fills up to the limit, and eviction keeps it there; now and then a pause, a script or another policy.
fn record() -> Vec<Moment> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let policies: Vec<Policy> = Policy::all().collect();
    let free = Circumstances {
        yielding: Yielding::No,
        data_set: DataSet::Ready,
        role: Role::Master,
        replica_ignores: ReplicaIgnores::Yes,
        caller: Caller::Client,
        eviction: Eviction::Running,
    };
    let mut at = Moment {
        epoch: PolicyEpoch(0),
        policy: Policy::AllKeysLru,
        used: LIMIT * 9 / 10,
        circumstances: free,
        keys: 50_000,
        volatile: 10_000,
    };
    let mut recorded = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        match rng.u32(..1_000_000) {
            0..20 => {
                at.epoch.0 += 1;
                at.policy = policies[rng.usize(..policies.len())];
            }
            20..60 => at.circumstances.eviction = Eviction::Paused,
            60..400 => at.circumstances = free,
            400..450 => at.circumstances.yielding = Yielding::Yes,
            _ => {}
        }
        recorded.push(at);
        if rng.bool() {
            (at.used, at.keys) = (at.used + rng.u64(64..VALUE_MAX), at.keys + 1);
            at.volatile += u64::from(rng.u8(..5) == 0);
        }
        if let Decision::Evict(_) = decide(at.policy, at.question()) {
            while at.used > LIMIT && at.keys > 0 {
                at.used = at.used.saturating_sub(rng.u64(64..VALUE_MAX));
                at.keys -= 1;
                at.volatile = at.volatile.min(at.keys);
            }
        } else if at.used > LIMIT + (LIMIT >> 3) {
            // Somebody deletes: the policy removes nothing.
            (at.used, at.keys, at.volatile) = (LIMIT * 9 / 10, 50_000, 10_000);
        }
    }
    recorded
}

/// Every question that there is.
fn all_questions() -> Vec<(Policy, Question)> {
    let single =
        [Hindrances::YIELDING, Hindrances::LOADING, Hindrances::REPLICA, Hindrances::UPSTREAM, Hindrances::PAUSED];
    let set = |bits: usize| {
        let picked = single.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
        picked.fold(Hindrances::NONE, |set, (_, one)| set.and(*one))
    };
    let mut all = Vec::new();
    for policy in Policy::all() {
        for bits in 0..Hindrances::SETS {
            for pressure in [PressureBucket::Unlimited, PressureBucket::Within, PressureBucket::Over] {
                for ttl in [TtlBucket::Empty, TtlBucket::Lasting, TtlBucket::Volatile] {
                    all.push((policy, Question { pressure, hindrances: set(bits), ttl }));
                }
            }
        }
    }
    all
}

/// Asks every question after every other one; how many pairs, and how many answers differed.
fn pairs() -> (u64, u64) {
    let (all, mut pairs, mut differ) = (all_questions(), 0, 0);
    for &(first, asked) in &all {
        for &(policy, question) in &all {
            let mut memo = Memo::default();
            memo.decide(PolicyEpoch(1), first, asked);
            // The epoch is the policy's: another policy is another epoch.
            let epoch = PolicyEpoch(if policy == first { 1 } else { 2 });
            pairs += 1;
            differ += u64::from(memo.decide(epoch, policy, question) != decide(policy, question));
        }
    }
    (pairs, differ)
}

/// Nanoseconds per answer of one round.
fn round<T: Copy>(recorded: &[T], mut answer: impl FnMut(T) -> Decision) -> f64 {
    let begun = Instant::now();
    for &moment in recorded {
        black_box(answer(black_box(moment)));
    }
    begun.elapsed().as_nanos() as f64 / recorded.len() as f64
}

fn digest(answers: impl Iterator<Item = Decision>) -> Digest {
    answers.fold(Digest::default(), |sum, answer| sum.and(format!("{answer:?}").as_bytes()))
}

fn main() {
    let moments = record();
    let questions: Vec<(PolicyEpoch, Policy, Question)> =
        moments.iter().map(|moment| (moment.epoch, moment.policy, moment.question())).collect();
    let mut memo = Memo::default();
    let memoised = digest(questions.iter().map(|&(epoch, policy, question)| memo.decide(epoch, policy, question)));
    let plain = digest(questions.iter().map(|&(_, policy, question)| decide(policy, question)));
    let input = questions.iter().fold(Digest::default(), |sum, asked| sum.and(format!("{asked:?}").as_bytes()));
    let (pairs, differ) = pairs();
    let mut samples: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let mut memo = Memo::default();
        samples[0].push(round(&questions, |(_, policy, question)| decide(policy, question)));
        samples[1].push(round(&questions, |(epoch, policy, question)| memo.decide(epoch, policy, question)));
        samples[2].push(round(&moments, |at| decide(at.policy, at.question())));
        samples[3].push(round(&moments, |at| memo.decide(at.epoch, at.policy, at.question())));
    }
    let [plain_ns, memo_ns, plain_whole_ns, memo_whole_ns] = samples.map(|values| format!("{values:?}"));
    println!(
        "{{\"seed\":{SEED},\"questions\":{COMMANDS},\"computed\":{},\"input_digest\":\"{:016x}\",\
         \"plain_digest\":\"{:016x}\",\"memo_digest\":\"{:016x}\",\"pairs\":{pairs},\"pairs_that_differ\":{differ},\
         \"plain_ns\":{plain_ns},\"memo_ns\":{memo_ns},\"plain_whole_ns\":{plain_whole_ns},\
         \"memo_whole_ns\":{memo_whole_ns}}}",
        memo.computed(),
        input.sum(),
        plain.sum(),
        memoised.sum(),
    );
}
