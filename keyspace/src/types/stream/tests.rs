//! Streams against models: entries, nodes and trimming, groups, and what all of them say they hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::args::OwnedArgs;
use crate::limits::DataLimits;
use crate::types::Object;

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

/// The entry as text.
fn pairs(entry: &EntryRef) -> Vec<Vec<u8>> {
    entry.pairs().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect()
}

/// Fields and values of some lengths, with and without the fields of others.
fn words(shape: u8, n: u64) -> Vec<Vec<u8>> {
    let text = |text: &str| text.as_bytes().to_vec();
    match shape % 5 {
        0 => vec![text("a"), n.to_string().into_bytes()],
        1 => vec![text("a"), text("b")],
        2 => vec![text("a"), text("1"), text("b"), vec![b'x'; (n % 300) as usize]],
        3 => vec![text("7"), text("-1"), text("7"), text("")],
        _ => vec![text(""), vec![b'y'; 5000]],
    }
}

fn append(log: &mut Log, id: StreamId, words: &[Vec<u8>], limits: &DataLimits) {
    let owned: OwnedArgs = words.iter().collect();
    log.append(id, owned.args(), limits);
}

fn counted_bytes(stream: &Stream) -> usize {
    let log = stream.log();
    let nodes: usize = log.nodes.iter().map(|(_, node)| node.heap_bytes()).sum();
    let groups: usize = stream.groups.iter().map(|(name, group)| name.len() + group.heap_bytes()).sum();
    log.nodes.heap_bytes() + nodes + stream.groups.heap_bytes() + groups
}

fn free(mut stream: Stream) -> usize {
    let mut pieces = 1;
    while stream.free_piece(100) >= 100 {
        pieces += 1;
        assert_eq!(stream.heap_bytes(), counted_bytes(&stream), "after {pieces} pieces");
    }
    assert!(stream.log.nodes.is_empty() && stream.groups.is_empty());
    assert_eq!((stream.log.node_bytes, stream.group_bytes), (0, 0), "what is gone has no bytes");
    pieces
}

proptest! {
    #[test]
    fn entries_are_a_sorted_map(
        edits in proptest::collection::vec((0..10u8, any::<u8>(), 0..400u64), 0..200),
        node_entries in prop_oneof![Just(0usize), 1..5usize, Just(100)],
        node_bytes in prop_oneof![Just(0usize), 40..300usize, Just(4096)],
    ) {
        let limits = DataLimits { stream_node_entries: node_entries, stream_node_bytes: node_bytes, ..DataLimits::default() };
        let (mut stream, mut model, mut last) = (Stream::default(), BTreeMap::new(), id(1, 0));
        for (edit, shape, n) in edits {
            let log = stream.log_mut();
            let some = id(last.ms.saturating_sub(n / 8), n % 3);
            match edit {
                0..6 => {
                    last = if n % 3 == 0 { id(last.ms, last.seq + 1) } else { id(last.ms + n, n % 3) };
                    prop_assert_eq!(log.next_id(AskedId::Exactly(last), 0), Ok(last));
                    append(log, last, &words(shape, n), &limits);
                    model.insert(last, words(shape, n));
                }
                6 => prop_assert_eq!(log.delete(some), model.remove(&some).is_some()),
                7 => {
                    let trimmed = log.trim(Trim { stays: Stays::From(some), by: By::Entries }).entries;
                    let kept = model.split_off(&some);
                    prop_assert_eq!(trimmed as usize, model.len());
                    model = kept;
                }
                8 => {
                    let trimmed = log.trim(Trim { stays: Stays::Newest(n / 10), by: By::Entries }).entries;
                    prop_assert_eq!(trimmed as usize, model.len().saturating_sub(n as usize / 10));
                    (0..trimmed).for_each(|_| drop(model.pop_first()));
                }
                _ => {
                    let by = By::Nodes { limit: n % 20 };
                    let trimmed = log.trim(Trim { stays: Stays::Newest(n / 20), by }).entries;
                    prop_assert!(trimmed == 0 || model.len() as u64 - trimmed >= n / 20);
                    prop_assert!(n % 20 == 0 || trimmed <= n % 20);
                    (0..trimmed).for_each(|_| drop(model.pop_first()));
                }
            }
            let log = stream.log();
            prop_assert_eq!((log.len() as usize, log.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(log.first_id, model.keys().next().copied().unwrap_or_default());
            prop_assert_eq!(log.last_live(), model.keys().next_back().copied());
            let found: Vec<_> = log.range(some, last).map(|entry| (entry.id, pairs(&entry))).collect();
            let wanted: Vec<_> = model.range(some..).map(|(id, words)| (*id, words.clone())).collect();
            prop_assert_eq!(&found, &wanted);
            let back = log.range_back(some, last).map(|entry| (entry.id, pairs(&entry)));
            prop_assert!(back.eq(wanted.into_iter().rev()));
            prop_assert_eq!(log.get(some).is_some(), model.contains_key(&some));
            prop_assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
        }
        let copy = stream.clone();
        prop_assert_eq!(copy.heap_bytes(), counted_bytes(&copy));
        prop_assert_eq!(copy.log().range(StreamId::MIN, StreamId::MAX).count(), model.len());
        free(copy);
    }

    #[test]
    fn pending_entries_have_one_owner(edits in proptest::collection::vec((0..6u8, 0..40u64, 0..4u8), 0..300)) {
        let mut stream = Stream::default();
        assert!(stream.create_group(b"g", Group::default()) && !stream.create_group(b"g", Group::default()));
        let mut model: BTreeMap<StreamId, (u8, i64)> = BTreeMap::new();
        for (edit, entry, who) in edits {
            let (entry, name) = (id(entry, 0), [b'a' + who]);
            stream.edit_group(b"g", |_, group| match edit {
                0..3 => {
                    let (consumer, _) = group.find_or_create(&name, 5);
                    group.set_pending(entry, Pending { consumer, delivered: 5, deliveries: 1 });
                    model.insert(entry, (who, 1));
                }
                3 => assert_eq!(group.remove_pending(entry), model.remove(&entry).is_some()),
                4 => {
                    group.redeliver(entry, 6);
                    model.entry(entry).and_modify(|pending| pending.1 += 1);
                }
                _ => {
                    let own = model.values().filter(|(owner, _)| *owner == who).count();
                    assert_eq!(group.find(&name).map_or(0, |consumer| group.delete_consumer(consumer).pending), own);
                    model.retain(|_, (owner, _)| *owner != who);
                }
            });
            let group = stream.group(b"g").expect("the group was made above");
            let all = group.pending().iter().map(|(id, pending)| {
                (*id, (group.consumer(pending.consumer).name()[0] - b'a', pending.deliveries))
            });
            prop_assert!(all.eq(model.iter().map(|(id, pending)| (*id, *pending))));
            for consumer in group.iter() {
                let own = model.iter().filter(|(_, (owner, _))| *owner == consumer.name()[0] - b'a');
                prop_assert!(consumer.pending().iter().map(|(id, ())| *id).eq(own.map(|(id, _)| *id)));
            }
            prop_assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
        }
        let copy = stream.clone();
        prop_assert_eq!(copy.heap_bytes(), counted_bytes(&copy));
        free(copy);
        let holder = *stream.destroy_group(b"g").expect("the group was made above");
        prop_assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
        prop_assert!(stream.group(b"g").is_none());
        free(holder);
    }
}

#[test]
fn ids_that_the_server_makes() {
    let mut log = Log::default();
    assert_eq!(log.next_id(AskedId::Automatic, 7), Ok(id(7, 0)));
    log.last_id = id(9, u64::MAX);
    assert_eq!(log.next_id(AskedId::Automatic, 7), Ok(id(10, 0)));
    assert_eq!(log.next_id(AskedId::NextOf(9), 7), Err(Unfit::TooLarge));
    assert_eq!(log.next_id(AskedId::NextOf(8), 7), Err(Unfit::NotGreater));
    assert_eq!(log.next_id(AskedId::NextOf(10), 7), Ok(id(10, 0)));
    assert_eq!(log.next_id(AskedId::Exactly(id(9, 3)), 7), Err(Unfit::NotGreater));
    log.last_id = StreamId::MAX;
    assert_eq!(log.next_id(AskedId::Automatic, 7), Err(Unfit::Exhausted));
}

/// XSETID may take the last id back below deleted entries: then ids in a node are out of order, or a node is replaced.
#[test]
fn ids_that_go_back() {
    let limits = DataLimits { stream_node_entries: 3, ..DataLimits::default() };
    let mut stream = Stream::default();
    let log = stream.log_mut();
    (1..=3).for_each(|ms| append(log, id(ms, 0), &words(0, ms), &limits));
    assert!(log.delete(id(3, 0)));
    assert_eq!(log.trim(Trim { stays: Stays::From(id(3, 0)), by: By::Entries }).entries, 2);
    assert_eq!((log.nodes(), log.len()), (1, 0));
    log.last_id = id(0, 1);
    append(log, id(0, 2), &words(0, 0), &limits);
    append(log, id(1, 0), &words(0, 0), &limits);
    let ids: Vec<StreamId> = log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    assert_eq!(ids, [id(0, 2), id(1, 0)]);
    assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
}

#[test]
fn large_streams_are_small_and_freed_in_pieces() {
    let (limits, entries) = (DataLimits::default(), 200_000);
    let mut stream = Stream::default();
    let owned: OwnedArgs = [&b"field"[..], b"value"].iter().collect();
    (0..entries).for_each(|n| stream.log_mut().append(id(1_700_000_000_000 + n, 0), owned.args(), &limits));
    let bytes = stream.heap_bytes() / entries as usize;
    assert!(bytes <= 13, "{bytes} bytes per entry");
    stream.create_group(b"g", Group::default());
    stream.edit_group(b"g", |log, group| {
        let (consumer, _) = group.find_or_create(b"c", 0);
        for entry in log.range(StreamId::MIN, StreamId::MAX) {
            group.advance(log, entry.id);
            group.set_pending(entry.id, Pending { consumer, delivered: 0, deliveries: 1 });
        }
        assert_eq!((group.entries_read, group.lag(log)), (Some(entries as i64), Some(0)));
    });
    let trimmed = stream.log_mut().trim(Trim { stays: Stays::Newest(1), by: By::Entries });
    assert_eq!(trimmed.entries, entries - 1);
    assert_eq!(trimmed.retired.map(|nodes| nodes.log().nodes()), Some(1999));
    assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
    assert!(free(stream) > 1000);
}

/// Whether a consumer had all pending entries of its group, many or few, only its own go, and they are freed in pieces if many.
#[test]
fn pending_entries_go_with_their_consumer() {
    let entries = 200_000;
    for (every, pieces) in [(1, true), (2, true), (20, true), (1000, false)] {
        let mut stream = Stream::default();
        stream.create_group(b"g", Group::default());
        let deleted = stream.edit_group(b"g", |_, group| {
            let (going, staying) = (group.find_or_create(b"going", 0).0, group.find_or_create(b"staying", 0).0);
            for n in 0..entries {
                let consumer = if n % every == 0 { going } else { staying };
                group.set_pending(id(n, 0), Pending { consumer, delivered: 0, deliveries: 1 });
            }
            group.delete_consumer(going)
        });
        let deleted = deleted.expect("the consumer was made above");
        assert_eq!((deleted.pending as u64, deleted.retired.is_some()), (entries / every, pieces));
        let group = stream.group(b"g").expect("the group was made above");
        assert!(group.find(b"going").is_none() && group.consumers() == 1);
        let left: Vec<StreamId> = (0..entries).filter(|n| n % every > 0).map(|n| id(n, 0)).collect();
        assert!(group.pending().iter().map(|(id, _)| *id).eq(left.iter().copied()));
        assert!(group.iter().all(|consumer| consumer.pending().iter().map(|(id, ())| *id).eq(left.iter().copied())));
        assert_eq!(stream.heap_bytes(), counted_bytes(&stream));
        deleted.retired.into_iter().for_each(|holder| assert!(free(*holder) > 50));
    }
}

#[test]
fn an_object_like_any_other() {
    let mut stream = Stream::default();
    append(stream.log_mut(), id(1, 1), &words(0, 1), &DataLimits::default());
    let mut object = Object::Stream(Box::new(stream));
    assert_eq!((object.kind().name(), object.encoding_name()), ("stream", "stream"));
    let copy = object.duplicate(&crate::hash::KeyHasher::new([1, 2, 3, 4]));
    assert!(copy.heap_bytes() > size_of::<Stream>());
    assert!(object.free_piece(10) < 10);
}
