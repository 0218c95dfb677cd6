//! Keys of slots that are another node's now, dropped in pieces: there may be any number, and others have their turns meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use clusterbus::slot_set::SlotSet;
use clusterbus::snapshot::{Mark, Owner};
use keyspace::limits::Removal;
use keyspace::signals::EventClasses;
use keyspace::slot::Slot;

use crate::ask::Answer;
use crate::mail::Reply;
use crate::mesh::Mesh;
use crate::mesh::mailbox::Address;
use crate::ring::Ring;
use crate::shard::Shard;

use super::Inner;
use super::cluster::first;

/// Keys that are dropped in one turn: as many as a segment of a table has.
const KEYS_PER_TURN_MAX: usize = 1_792;

/// A question that is answered once its slots are empty.
pub(super) struct Dropping {
    from: Address,
    id: u64,
    /// Slots that may have keys, the next one last.
    left: Vec<Slot>,
    dropped: u64,
}

impl<R: Ring> Inner<R> {
    /// Drops the keys of these slots of this core in the turns to come.
    pub(super) fn begin_dropping(&mut self, from: Address, id: u64, slots: &Arc<SlotSet>) {
        let left = slots.iter().filter(|slot| self.map.owner(*slot) == self.id).collect();
        self.dropping.push_back(Dropping { from, id, left, dropped: 0 });
    }

    /// True if there is something to drop in the next turn. A slot on loan is waited for.
    pub(super) fn drops_next(&mut self) -> bool {
        let Some(dropping) = self.dropping.front() else { return false };
        dropping.left.last().is_none_or(|slot| self.owner.shard().is_free(*slot))
    }

    /// Drops a piece. A slot that has come back to this node meanwhile keeps what it has.
    pub(super) fn drop_some(&mut self, mesh: &Mesh<Shard>) {
        let Some(mut dropping) = self.dropping.pop_front() else { return };
        let shard = self.owner.shard();
        let mut room = KEYS_PER_TURN_MAX;
        while let Some(&slot) = dropping.left.last() {
            if room == 0 || !shard.is_free(slot) {
                break;
            }
            let dropped = if is_ours(shard, slot) { 0 } else { drop_keys(shard, slot, room) };
            dropping.dropped += dropped as u64;
            room -= dropped;
            if room > 0 {
                dropping.left.pop();
            }
        }
        if room < KEYS_PER_TURN_MAX {
            shard.acting = 0;
            shard.hear();
            shard.serve_ready();
        }
        match dropping.left.is_empty() {
            true => {
                let reply = Reply { id: dropping.id, answer: Answer::Count(dropping.dropped) };
                self.answer_later(mesh, dropping.from, reply);
            }
            false => self.dropping.push_front(dropping),
        }
    }
}

/// What is being dropped, first come first served.
pub(super) type Droppings = VecDeque<Dropping>;

/// Whether keys of a slot may be stored here.
fn is_ours(shard: &Shard, slot: Slot) -> bool {
    let routes = shard.routes.as_ref().expect("only a node of a cluster drops slots");
    routes.snapshot.owner(slot) == Owner::Me || routes.snapshot.mark(slot) == Mark::Importing
}

/// Deletes up to `max` keys of a slot, and tells of each as if a client had deleted it. Says how many.
fn drop_keys(shard: &mut Shard, slot: Slot, max: usize) -> usize {
    let keyspace = &mut shard.keyspace;
    let db = first(keyspace);
    let entries = keyspace.table(db, slot).into_iter().flat_map(|table| table.iter());
    let keys: Vec<Box<[u8]>> = entries.take(max).map(|entry| entry.key().into()).collect();
    for bytes in &keys {
        let key = keyspace.key(bytes);
        let place = keyspace.locate(db, &key).expect("it was just there");
        keyspace.discard(db, slot, key.hash, place, Removal::Server);
        keyspace.stats.changes += 1;
        keyspace.modified(db, &key);
        keyspace.notify(db, EventClasses::GENERIC, "del", &key);
    }
    if shard.log.is_some() {
        keys.iter().for_each(|key| shard.log_apart(vec![[&b"DEL"[..], key].into_iter().collect()]));
    }
    keys.len()
}
