//! Measures lever LEV-007: the gate with and without its memo, over one recording of a core's commands. `bench evidence` runs it.
//!
//! Prints one JSON object. `plain_ns` and `memo_ns` are of keys of few slots, the others of keys of all slots.

use std::hint::black_box;
use std::time::Instant;

use clusterbus::address::{Host, Ports};
use clusterbus::gate::{Access, ClientModes, Decision, Presence, Request, Verb, decide_key};
use clusterbus::id::NodeId;
use clusterbus::snapshot::{Endpoint, EndpointIndex, Owner, Permission, Role, RoutingRules, Snapshot, SnapshotVersion};
use clusterbus::wire::Health;
use fastrand::Rng;
use keyspace::slot::Slot;

const SEED: u64 = 7;
const COMMANDS: usize = 1_000_000;
const ROUNDS: usize = 15;
/// Commands between two snapshots: slots move seldom.
const SNAPSHOT_EVERY: usize = 100_000;

/// A command: the snapshot that it runs under, its key, and what else counts.
type Asked = (usize, usize, Request);

/// What a core may know of the cluster. Versions differ if anything does.
fn snapshot(version: u64, owner: impl Fn(Slot, EndpointIndex) -> Owner) -> Snapshot {
    let rules = RoutingRules { reads_when_down: Permission::Allowed, ..RoutingRules::DEFAULT };
    let mut snapshot = Snapshot::new(SnapshotVersion(version), rules);
    let ports = Ports { client: 6379, other: 0, bus: 16379 };
    let (id, host) = (NodeId::from_entropy([1; 20]), Host::UNKNOWN);
    let other = snapshot.add_endpoint(Endpoint { id, host, hostname: None, ports });
    Slot::all().for_each(|slot| snapshot.set_owner(slot, owner(slot, other)));
    snapshot.health = Health::Ok;
    snapshot
}

fn requests() -> Vec<Request> {
    let all = (0..8).map(|bits: u8| Request {
        access: if bits & 1 == 0 { Access::Read } else { Access::Write },
        verb: Verb::Ordinary,
        modes: ClientModes { asking: bits & 2 != 0, readonly: bits & 4 != 0 },
    });
    all.collect()
}

/// The gate with its memo.
fn memoised(snapshot: &Snapshot, key: &[u8], request: &Request) -> Decision {
    match snapshot.is_settled(Slot::of(key)) {
        true => Decision::Local,
        false => decide_key(snapshot, key, request, || Presence::Present),
    }
}

/// Asks every request under every state; how many pairs, and how many answers differed.
fn pairs() -> (u64, u64) {
    let mut states = Vec::new();
    for kind in 0..24_u64 {
        let mut state = snapshot(kind, |_, other| [Owner::Me, Owner::Other(other), Owner::Nobody][kind as usize % 3]);
        state.health = [Health::Ok, Health::Fail][kind as usize / 3 % 2];
        state.rules.reads_when_down = [Permission::Allowed, Permission::Refused][kind as usize / 6 % 2];
        if kind >= 12 {
            let probe = Request { access: Access::Read, verb: Verb::Ordinary, modes: ClientModes::default() };
            if let Decision::Moved(_, other) = decide_key(&state, b"k", &probe, || Presence::Present) {
                state.role = Role::Replica(Some(other));
            }
        }
        states.push(state);
    }
    let (mut pairs, mut differ) = (0, 0);
    for state in &states {
        for request in requests() {
            let plain = decide_key(state, b"k", &request, || Presence::Present);
            pairs += 1;
            differ += u64::from(memoised(state, b"k", &request) != plain);
        }
    }
    (pairs, differ)
}

/// Nanoseconds per answer of one round.
fn round(asked: &[Asked], mut answer: impl FnMut(&Asked) -> Decision) -> f64 {
    let begun = Instant::now();
    for one in asked {
        black_box(answer(black_box(one)));
    }
    begun.elapsed().as_nanos() as f64 / asked.len() as f64
}

/// FNV-1a, 64 bits.
fn digest(texts: impl Iterator<Item = String>) -> u64 {
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    texts.fold(0xcbf2_9ce4_8422_2325, |sum, text| text.bytes().fold(sum, step))
}

fn main() {
    let mut rng = Rng::with_seed(SEED);
    let snapshots: Vec<Snapshot> = (0..=COMMANDS / SNAPSHOT_EVERY)
        .map(|version| {
            // Clients know the slots of a node: all but a few requests are at home.
            let border = 16_300 + version as u16;
            snapshot(version as u64, |slot, other| if slot.number() < border { Owner::Me } else { Owner::Other(other) })
        })
        .collect();
    let keys: Vec<String> = (0..200_000).map(|n| format!("key:{n:012}")).collect();
    let requests = requests();
    let mut record = |keys: usize| -> Vec<Asked> {
        let one = |n: usize, rng: &mut Rng| {
            // Hardly anybody says ASKING or READONLY.
            let request = if rng.u8(..) == 0 { requests[rng.usize(..8)] } else { requests[rng.usize(..2)] };
            (n / SNAPSHOT_EVERY, rng.usize(..keys), request)
        };
        (0..COMMANDS).map(|n| one(n, &mut rng)).collect()
    };
    let (few, all) = (record(1_000), record(200_000));
    let plain =
        |(at, key, request): &Asked| decide_key(&snapshots[*at], keys[*key].as_bytes(), request, || Presence::Present);
    let memo = |(at, key, request): &Asked| memoised(&snapshots[*at], keys[*key].as_bytes(), request);
    let computed =
        all.iter().filter(|(at, key, _)| !snapshots[*at].is_settled(Slot::of(keys[*key].as_bytes()))).count();
    let memo_answers = digest(all.iter().map(|asked| format!("{:?}", memo(asked))));
    let answers = digest(all.iter().map(|asked| format!("{:?}", plain(asked))));
    let input = digest(all.iter().map(|asked| format!("{asked:?}")));
    let (pairs, differ) = pairs();
    let mut samples: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (at, asked) in [(0, &few), (2, &all)] {
            samples[at].push(round(asked, plain));
            samples[at + 1].push(round(asked, memo));
        }
    }
    let [plain_ns, memo_ns, plain_whole_ns, memo_whole_ns] = samples.map(|values| format!("{values:?}"));
    println!(
        "{{\"seed\":{SEED},\"questions\":{COMMANDS},\"computed\":{computed},\"input_digest\":\"{input:016x}\",\
         \"plain_digest\":\"{answers:016x}\",\"memo_digest\":\"{memo_answers:016x}\",\"pairs\":{pairs},\
         \"pairs_that_differ\":{differ},\"plain_ns\":{plain_ns},\"memo_ns\":{memo_ns},\
         \"plain_whole_ns\":{plain_whole_ns},\"memo_whole_ns\":{memo_whole_ns}}}",
    );
}
