//! A shard by itself: what becomes of a hop that reaches it at an odd time.

use evict::policy::Policy;
use keyspace::args::OwnedArgs;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;

use super::*;
use crate::command::table;

/// A shard with every slot, and the hasher of its keys.
fn shard() -> (Shard, KeyHasher) {
    shard_with(Settings::default())
}

/// The same with these settings.
fn shard_with(settings: Settings) -> (Shard, KeyHasher) {
    let budget = Arc::new(Budget::new(settings.maxmemory, 1));
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let keyspace = Keyspace::new(
        16,
        hasher.clone(),
        Random::new(5),
        DataLimits { string_bytes_max: 1 << 20, ..DataLimits::default() },
    );
    let (settings, slow_ids) = (Arc::new(settings), Arc::new(AtomicU64::new(0)));
    (
        Shard::new(ShardParts {
            core: CoreId(0),
            keyspace,
            settings,
            slow_ids,
            table: table(),
            map: SlotMap::striped(1),
            budget,
            log: None,
        }),
        hasher,
    )
}

/// Carries out one command as a hop and returns its reply.
fn run(shard: &mut Shard, hasher: &KeyHasher, words: &str) -> String {
    let args: OwnedArgs = words.split(' ').collect();
    let command = table().resolve(args.args()).expect("a command");
    let key = args.args().at(1);
    let (slot, hash) = (Slot::of(key), hasher.hash(key));
    let call = Call { command: command.id, first: 0, count: args.args().len() as u32, slot, hash, muted: false };
    let mut hop = Box::new(Hop::default());
    hop.push(call, args.args());
    match shard.carry_out_or_park(hop) {
        Carried::Done(mut hop) => String::from_utf8_lossy(hop.take_reply()).into_owned(),
        Carried::More(_) | Carried::Parked => panic!("{words} is not done"),
    }
}

#[test]
fn a_write_under_way_when_a_pause_begins_leaves_one_entry() {
    for write in ["SET k w", "SETNX k w", "APPEND k w", "MSET k w", "GETSET k w", "SETEX k 9 w", "SETRANGE k 0 w"] {
        let (mut shard, hasher) = shard();
        shard.advance(UnixMillis(1000));
        run(&mut shard, &hasher, "SET k v PXAT 1001");
        shard.advance(UnixMillis(1002));
        shard.paused = true;
        assert_eq!(run(&mut shard, &hasher, "GET k"), "$-1\r\n");
        run(&mut shard, &hasher, write);
        let db = shard.keyspace.db(0).expect("there is a first database");
        assert_eq!(shard.keyspace.totals(db).keys, 1, "{write}");
        assert_eq!(run(&mut shard, &hasher, "GET k"), "$1\r\nw\r\n", "{write}");
    }
}

/// The names of the latency events so far.
fn events(shard: &Shard) -> Vec<&'static str> {
    shard.latency.events().iter().map(|event| event.kind.name()).collect()
}

/// The events of a shard that writes more than it may hold, and has dropped a list before, while the monitor takes what lasts so long.
fn events_of_evicting(policy: Policy, event_ns: u64) -> Vec<&'static str> {
    let (mut shard, hasher) =
        shard_with(Settings { maxmemory: 8 << 20, maxmemory_policy: policy, ..Settings::default() });
    shard.event_ns = event_ns;
    shard.long_ns = u64::MAX;
    let items = "item ".repeat(100_000);
    run(&mut shard, &hasher, &format!("RPUSH list {}", items.trim_end()));
    run(&mut shard, &hasher, "DEL list");
    let value = "v".repeat(100 << 10);
    (0..100).for_each(|number| drop(run(&mut shard, &hasher, &format!("SET k{number} {value}"))));
    events(&shard)
}

#[test]
fn evicting_is_a_latency_event_if_somebody_wants_to_know() {
    assert_eq!(events_of_evicting(Policy::AllKeysRandom, 0), ["evict-del", "eviction-cycle"]);
    assert_eq!(events_of_evicting(Policy::VolatileLru, 0), ["eviction-lazyfree"]);
    assert!(events_of_evicting(Policy::AllKeysRandom, u64::MAX).is_empty());
}

#[test]
fn the_removal_of_an_expired_key_is_a_latency_event_if_somebody_wants_to_know() {
    for (event_ns, expected) in [(0, &["expire-del"][..]), (u64::MAX, &[])] {
        let (mut shard, hasher) = shard();
        (shard.event_ns, shard.long_ns) = (event_ns, u64::MAX);
        run(&mut shard, &hasher, "SET k v PXAT 1000");
        let db = shard.keyspace.db(0).expect("there is a first database");
        let expired = shard.expire_in(db, Slot::of(b"k"), UnixMillis(2000), 4, 4);
        assert_eq!((expired.keys, expired.looks()), (1, 1));
        assert_eq!(events(&shard), expected);
    }
}
