//! Time of routing one parsed command: its row, the slots of its keys, the hash of the first and the owner, as far as the `Call` that
//! travels. A command whose keys span cores gets the plan of its unit instead.
//!
//! `cargo bench -p shard --bench router`; the time is per command. These are the steps of `core/batch.rs` and `core/barrier.rs` without
//! a connection's own state.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use keyspace::args::{Args, OwnedArgs};
use keyspace::hash::KeyHasher;
use keyspace::slot::Slot;
use shard::command::{Command, table};
use shard::hop::Call;
use shard::mesh::CoreId;
use shard::route::SlotMap;
use shard::unit::{self, Plan};

/// Where a command goes.
enum Route {
    /// To one core.
    One(Call, CoreId),
    /// Its keys have several slots: what it needs of which core.
    Several(Plan),
}

/// The slot of all keys and the first key; `None` if they have several slots.
fn only_slot<'a>(command: &Command, args: Args<'a>, map: &SlotMap) -> Option<(Slot, &'a [u8])> {
    if let Some(index) = command.only_key {
        let key = args.at(index as usize);
        return Some((Slot::of(key), key));
    }
    let mut keys = unit::keys_of(command, args);
    let key = keys.next().expect("every command here has keys");
    let slot = Slot::of(key);
    // One core owns every slot: which ones they are decides nothing.
    (map.cores() == 1 || keys.all(|other| Slot::of(other) == slot)).then_some((slot, key))
}

fn route(args: Args, map: &SlotMap, hasher: &KeyHasher) -> Route {
    let command = table().resolve(args).expect("only commands are routed here");
    let Some((slot, key)) = only_slot(command, args, map) else {
        return Route::Several(unit::plan_for_keys(unit::keys_of(command, args), map, CoreId(0)));
    };
    let count = args.len() as u32;
    let call = Call { command: command.id, first: 0, count, slot, hash: hasher.hash(key), muted: false };
    Route::One(call, map.owner(slot))
}

fn routes(c: &mut Criterion) {
    let many = |name: &str, tag: &str, words: &[&str]| -> OwnedArgs {
        let keys = (0..8).map(|n| format!("{tag}key:{n:012}"));
        std::iter::once(name.to_owned())
            .chain(keys.flat_map(|key| std::iter::once(key).chain(words.iter().map(|&word| word.to_owned()))))
            .collect()
    };
    let one = |words: &[&str]| words.iter().collect::<OwnedArgs>();
    let rows = [
        ("GET", one(&["GET", "key:000000000042"])),
        ("SET", one(&["SET", "key:000000000042", "value", "EX", "100"])),
        ("RENAME", one(&["RENAME", "key:000000000042", "key:000000000043"])),
        ("MGET 8, one slot", many("MGET", "{t}", &[])),
        ("MGET 8", many("MGET", "", &[])),
        ("MSET 8", many("MSET", "", &["value"])),
    ];
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let mut group = c.benchmark_group("router");
    for (name, args) in &rows {
        for cores in [1, 64] {
            let map = SlotMap::striped(cores);
            group.bench_function(BenchmarkId::new(*name, format!("cores={cores}")), |b| {
                b.iter(|| match route(black_box(args.args()), &map, &hasher) {
                    Route::One(call, owner) => (call.hash, owner.0 as usize),
                    Route::Several(plan) => (0, black_box(plan).len()),
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, routes);
criterion_main!(benches);
