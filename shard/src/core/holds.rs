//! What the owner of keys does for a MIGRATE of any core: it copies and holds them, and deletes what was sent. See `mesh/holds.rs`.

use std::sync::Arc;

use keyspace::slot::Slot;

use crate::ask::{Answer, Ask};
use crate::mail::Question;
use crate::mesh::loans::NeedOwned;
use crate::mesh::mailbox::Address;
use crate::migration::{HoldAsk, HoldEnd};
use crate::ring::Ring;
use crate::shard::Work;

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Copies and holds keys for a MIGRATE, once their slots are here.
    pub(super) fn hold(&mut self, from: Address, id: u64, ask: Arc<HoldAsk>) -> Option<Answer> {
        let shard = self.owner.shard();
        if let Some(busy) = shard.busy_with(ask.need.as_need()) {
            return Some(Answer::Busy(busy));
        }
        if !shard.loans.is_free(ask.need.as_need()) {
            self.park_question(from, id, Ask::Hold(ask.clone()), &ask.need);
            return None;
        }
        self.hold_now(from, id, ask)
    }

    /// Likewise, once it has its turn for them: it may have to wait for other holds.
    pub(super) fn hold_now(&mut self, from: Address, id: u64, ask: Arc<HoldAsk>) -> Option<Answer> {
        let shard = self.owner.shard();
        let need = ask.need.as_need();
        if ask.keys.iter().any(|(_, key)| shard.has_lost(Slot::of(key))) {
            // Decided at home by an older snapshot: nothing of such a slot is there any more.
            return Some(Answer::Copies(Vec::new()));
        }
        let gives_way = !ask.has_holds && shard.holds.is_wished(need);
        if gives_way || ask.keys.iter().any(|(_, key)| shard.holds.is_held(key)) {
            let question = Work::Question(from, Box::new(Question { id, ask: Ask::Hold(ask.clone()) }));
            let parked = shard.holds.park(need, question);
            assert!(parked.is_ok(), "questions are bounded by credits and connections");
            return None;
        }
        Some(Answer::Copies(shard.hold_keys(&ask)))
    }

    /// Ends a hold, once its slots are here: a unit that only reads may have them.
    pub(super) fn end_hold(&mut self, from: Address, id: u64, end: Arc<HoldEnd>) -> Option<Answer> {
        let shard = self.owner.shard();
        if !shard.loans.is_free(end.need.as_need()) {
            self.park_question(from, id, Ask::EndHold(end.clone()), &end.need);
            return None;
        }
        shard.end_hold(&end);
        Some(Answer::Done)
    }

    /// Parks a question until slots are here.
    pub(super) fn park_question(&mut self, from: Address, id: u64, ask: Ask, need: &NeedOwned) {
        let question = Work::Question(from, Box::new(Question { id, ask }));
        let parked = self.owner.shard().loans.park(need.as_need(), question);
        assert!(parked.is_ok(), "questions are bounded by credits and connections");
    }
}
