//! Answers to commands that changed something: held until what they changed is on disk and every core goes by it.
//!
//! So a client that reads its OK finds the change at every core, and after a crash (C13: clients are answered behind the save).

use std::collections::VecDeque;

use clusterbus::cluster::Cluster;
use clusterbus::effect::Until;
use clusterbus::time::{Millis, UnixMillis};
use shard::ask::Answer;
use shard::mesh::mailbox::Address;

use crate::post::Post;

/// How long cores are waited for: one that is in a long script goes by the change when that is over, and the change is made in any case.
const CORES_TIME_MAX: Millis = Millis(1000);

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    /// The core.
    pub(super) core: Address,
    /// Its number for the question.
    pub(super) id: u64,
}

/// An answer that waits.
struct Waiting {
    asker: Asker,
    answer: Answer,
    /// For this; it is known when the round of the command is over.
    until: Option<Until>,
    since: UnixMillis,
}

/// Answers that wait, in the order in which they were given.
#[derive(Default)]
pub(super) struct Held {
    waiting: VecDeque<Waiting>,
}

impl Held {
    /// Holds an answer.
    pub(super) fn hold(&mut self, asker: Asker, answer: Answer, now: UnixMillis) {
        self.waiting.push_back(Waiting { asker, answer, until: None, since: now });
    }

    /// A round is over: gives the answers that wait for nothing more.
    pub(super) fn answer(&mut self, post: &mut Post, cluster: &Cluster, now: UnixMillis) {
        for mut held in std::mem::take(&mut self.waiting) {
            let until = *held.until.get_or_insert_with(|| cluster.decided());
            match cluster.is_done(until) || now.since(held.since) > CORES_TIME_MAX {
                true => post.answer(held.asker.core, held.asker.id, held.answer),
                false => self.waiting.push_back(held),
            }
        }
    }
}
