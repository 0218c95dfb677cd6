//! Time that the gate adds to a command with one key: the slot alone (which every command pays, cluster or not), with the plain gate, and
//! with what the snapshot knows ahead (LEV-007).
//!
//! `cargo bench -p clusterbus --bench gate`; the time is per command. The keys are of a thousand slots, as of a busy client, or of all.

use std::hint::black_box;

use clusterbus::address::{Host, Ports};
use clusterbus::gate::{Access, ClientModes, Decision, Presence, Request, Verb, decide_key};
use clusterbus::id::NodeId;
use clusterbus::snapshot::{Endpoint, Owner, RoutingRules, Snapshot, SnapshotVersion};
use clusterbus::wire::Health;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keyspace::slot::Slot;

/// A node that owns all slots.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new(SnapshotVersion(1), RoutingRules::DEFAULT);
    let ports = Ports { client: 6379, other: 0, bus: 16379 };
    let (id, host) = (NodeId::from_entropy([1; 20]), Host::UNKNOWN);
    snapshot.add_endpoint(Endpoint { id, host, hostname: None, ports });
    Slot::all().for_each(|slot| snapshot.set_owner(slot, Owner::Me));
    snapshot.health = Health::Ok;
    snapshot
}

fn gates(c: &mut Criterion) {
    let snapshot = snapshot();
    let modes = ClientModes::default();
    let requests = [Access::Read, Access::Write].map(|access| Request { access, verb: Verb::Ordinary, modes });
    let mut group = c.benchmark_group("gate");
    for (name, count) in [("1,000 keys", 1_000), ("200,000 keys", 200_000)] {
        let keys: Vec<String> =
            (0..count).map(|n: u64| format!("key:{:012}", n.wrapping_mul(7_919) % 1_000_000)).collect();
        let asked: Vec<(&[u8], Request)> =
            keys.iter().zip(requests.iter().cycle()).map(|(key, request)| (key.as_bytes(), *request)).collect();
        group.throughput(Throughput::Elements(asked.len() as u64));
        let mut row = |gate: &str, decide: &mut dyn FnMut(&[u8], &Request) -> Decision| {
            group.bench_function(BenchmarkId::new(gate, name), |b| {
                b.iter(|| {
                    for (key, request) in &asked {
                        black_box(decide(black_box(key), request));
                    }
                });
            });
        };
        let here = || Presence::Present;
        row("slot alone", &mut |key, _| {
            black_box(Slot::of(key));
            Decision::Local
        });
        row("plain", &mut |key, request| decide_key(&snapshot, key, request, here));
        row("memo", &mut |key, request| match snapshot.is_settled(Slot::of(key)) {
            true => Decision::Local,
            false => decide_key(&snapshot, key, request, here),
        });
    }
    group.finish();
}

criterion_group!(benches, gates);
criterion_main!(benches);
