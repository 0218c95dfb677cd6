//! The longest that a single operation on one large stream holds its core: none may take 1 ms of CPU time.
//!
//! Builds a stream entry by entry with two groups in which all entries are pending, in one of them with one consumer and in the
//! other with two; then trims it in three ways, deletes consumers and a group, and frees what is left in pieces. `longest` tells
//! how it is timed.
//!
//! `ENTRIES` sets the number of entries, 10 million by default.

mod longest;

use std::hint::black_box;

use keyspace::args::OwnedArgs;
use keyspace::limits::DataLimits;
use keyspace::types::Object;
use keyspace::types::stream::{By, Deleted, Group, Pending, Stays, Stream, StreamId, Trim};

use longest::{Times, measure, start};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time of the first entry; one follows each millisecond.
const FIRST_MS: u64 = 1_700_000_000_000;

/// What is measured.
const KINDS: [&str; 10] =
    ["nothing", "add", "count", "maxlen", "minid", "exactly", "delete one", "delete all", "the rest", "free"];

fn id(number: u64) -> StreamId {
    StreamId { ms: FIRST_MS + number, seq: 0 }
}

/// Makes all entries pending ones of a group, of its consumers in turn.
fn deliver(stream: &mut Stream, name: &[u8], consumers: &[&[u8]], entries: u64) {
    stream.create_group(name, Group::default());
    stream.edit_group(name, |_, group| {
        let ids: Vec<_> = consumers.iter().map(|consumer| group.find_or_create(consumer, 0).0).collect();
        for number in 0..entries {
            let consumer = ids[number as usize % ids.len()];
            group.set_pending(id(number), Pending { consumer, delivered: 0, deliveries: 1 });
        }
    });
}

fn delete_consumer(stream: &mut Stream, group: &[u8], consumer: &[u8]) -> Deleted {
    let deleted = stream.edit_group(group, |_, group| {
        let consumer = group.find(consumer).expect("it was made");
        group.delete_consumer(consumer)
    });
    deleted.expect("the group was made")
}

/// Frees what was put aside, as a core does between turns.
fn free(times: &mut Times, object: Object) {
    let mut object = object;
    while times.time(|| object.free_piece(1792)) >= 1792 {}
}

fn run(times: &mut [Times; 10], entries: u64) {
    let [nothing, add, count, maxlen, minid, exactly, delete_one, delete_all, delete_rest, freeing] = times;
    let limits = DataLimits::default();
    let pairs: OwnedArgs = [&b"field"[..], b"value"].iter().collect();
    let mut stream = Stream::default();
    (0..1_000_000).for_each(|_| nothing.time(|| ()));
    (0..entries).for_each(|number| add.time(|| stream.log_mut().append(id(number), pairs.args(), &limits)));
    deliver(&mut stream, b"one", &[b"alice"], entries);
    deliver(&mut stream, b"two", &[b"alice", b"bob"], entries);
    for _ in 0..10 {
        count.time(|| black_box(stream.log().radix_nodes()));
    }
    let trims = [
        (maxlen, Stays::Newest(entries / 2), By::Nodes { limit: 0 }),
        (minid, Stays::From(id(entries * 3 / 4)), By::Nodes { limit: 0 }),
        (exactly, Stays::Newest(entries / 10 + 7), By::Entries),
    ];
    for (times, stays, by) in trims {
        let trimmed = times.time(|| stream.log_mut().trim(Trim { stays, by }));
        assert!(trimmed.entries > entries / 10);
        trimmed.retired.into_iter().for_each(|nodes| free(freeing, Object::Stream(nodes)));
    }
    let consumers = [
        (delete_one, &b"two"[..], &b"bob"[..], entries / 2),
        (delete_all, b"one", b"alice", entries),
        (delete_rest, b"two", b"alice", entries - entries / 2),
    ];
    for (times, group, consumer, pending) in consumers {
        let deleted = times.time(|| delete_consumer(&mut stream, group, consumer));
        assert_eq!(deleted.pending as u64, pending);
        deleted.retired.into_iter().for_each(|pending| free(freeing, Object::Stream(pending)));
    }
    free(freeing, Object::Stream(Box::new(stream)));
}

fn main() {
    start("ENTRIES", |entries| {
        measure(&format!("{entries} entries in one stream"), KINDS, |times| run(times, entries));
    });
}
