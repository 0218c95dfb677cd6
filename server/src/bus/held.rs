//! Answers to commands that changed something: held until what they changed is on disk and every core goes by it.
//!
//! So a client that reads its OK finds the change at every core, and after a crash (C13: clients are answered behind the save).

use std::collections::VecDeque;

use clusterbus::effect::SaveSeq;
use clusterbus::snapshot::SnapshotVersion;
use clusterbus::time::{Millis, UnixMillis};
use shard::ask::Answer;
use shard::mesh::mailbox::Address;

use super::routes::Routes;
use crate::post::Post;

/// How long cores are waited for: one that is in a long script answers when that is over, and the change is made in any case.
const CORES_TIME_MAX: Millis = Millis(1000);

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    /// The core.
    pub(super) core: Address,
    /// Its number for the question.
    pub(super) id: u64,
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// The end of the round: then it is known what the command had saved.
    RoundOver,
    /// The save.
    Saved(SaveSeq),
    /// The cores.
    Taken(SnapshotVersion),
}

/// Answers that wait, in the order in which they were given.
#[derive(Default)]
pub(super) struct Held {
    waiting: VecDeque<(Asker, Answer, Until, UnixMillis)>,
    saved: SaveSeq,
}

impl Held {
    /// Holds an answer.
    pub(super) fn hold(&mut self, asker: Asker, answer: Answer, now: UnixMillis) {
        self.waiting.push_back((asker, answer, Until::RoundOver, now));
    }

    /// A save is done, and all before it.
    pub(super) fn saved(&mut self, seq: SaveSeq) {
        self.saved = self.saved.max(seq);
    }

    /// A round is over, in which this save was the last, and cores were sent the newest routes.
    pub(super) fn round_over(&mut self, save: Option<SaveSeq>, routes: &Routes) {
        for (_, _, until, _) in &mut self.waiting {
            *until = match (*until, save) {
                (Until::RoundOver, Some(save)) => Until::Saved(save),
                (Until::RoundOver, None) => Until::Taken(routes.newest()),
                // What the save allowed is in this round's routes.
                (Until::Saved(save), _) if save <= self.saved => Until::Taken(routes.newest()),
                (other, _) => other,
            };
        }
    }

    /// Gives the answers that wait for nothing more.
    pub(super) fn answer(&mut self, post: &mut Post, routes: &Routes, now: UnixMillis) {
        let all = routes.taken_by_all();
        let waiting = std::mem::take(&mut self.waiting);
        for (asker, answer, until, since) in waiting {
            match until {
                Until::Taken(version) if version <= all || now.since(since) > CORES_TIME_MAX => {
                    post.answer(asker.core, asker.id, answer);
                }
                _ => self.waiting.push_back((asker, answer, until, since)),
            }
        }
    }
}
