//! A shard by itself: what becomes of a hop that reaches it at an odd time.

use keyspace::args::OwnedArgs;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;

use super::*;
use crate::command::table;

/// A shard with every slot, and the hasher of its keys.
fn shard() -> (Shard, KeyHasher) {
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let keyspace = Keyspace::new(
        16,
        hasher.clone(),
        Random::new(5),
        DataLimits { string_bytes_max: 1 << 20, ..DataLimits::default() },
    );
    let (settings, slow_ids) = (Arc::new(Settings::default()), Arc::new(AtomicU64::new(0)));
    (
        Shard::new(ShardParts {
            core: CoreId(0),
            keyspace,
            settings,
            slow_ids,
            table: table(),
            map: SlotMap::striped(1),
            budget: Arc::new(Budget::new(0, 1)),
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
