//! What a node that starts from a file may have promised and does not know any more.
//!
//! L-V01, §12.3. A file that was put back is older than the last vote, and nothing in it says so; so every file is doubted. A vote that
//! is not in it was given in an epoch that whoever asked for it had on its own disk. Hence:
//!
//! - What each node says first is taken as an epoch in which this one voted. Once all nodes of the table have been heard, whoever
//!   asked is among them, and votes may be given.
//! - Nodes that are found failing cannot be heard, and an election may be about one of them: then the masters that were heard have to
//!   be a majority, and nothing is voted for until every election that this node may have voted in is over where it was held. Who asks
//!   meanwhile gets its vote then, which is in time: its election is as long, and begins later.
//!
//! So a second vote in an epoch needs that all who know of the first are out of reach, and that election is over. Both can have won only
//! if this node was the one voter they had in common; then they took different masters' places, and part by §10.3.
//!
//! A cluster that starts anew with all of its nodes waits for nothing but their first words, and ticks are counted, not the clock.

use std::collections::BTreeSet;

use super::election::auth_timeout;
use super::tick::TICK;
use super::{Cluster, VoteRefusal};
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::nodes::Node;
use crate::quorum::quorum;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::wire::Header;

/// What is still to be heard, and for how long nothing is promised.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    /// Who was heard since the start.
    heard: BTreeSet<NodeId>,
    /// Ticks until every election is over that this node may have voted in.
    ticks_left: u64,
    stage: Stage,
    /// The latest request for a vote that has to wait.
    request: Option<(NodeId, Box<Header>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Too few nodes were heard: what is the current epoch is not known.
    Asking,
    /// All were heard that can be.
    Waiting,
}

/// How many of the nodes were heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    TooFew,
    /// All but those that are found failing, and a majority of the masters.
    AllThatAnswer,
    All,
}

impl Doubt {
    /// Of a node that starts.
    pub(super) fn new(node_timeout: Millis) -> Self {
        // One more: the first tick may come at once.
        let ticks_left = auth_timeout(node_timeout).0.div_ceil(TICK.0) + 1;
        Self { heard: BTreeSet::new(), ticks_left, stage: Stage::Asking, request: None }
    }
}

impl Cluster {
    /// A known node says something, of this current epoch.
    pub(super) fn hear_first(&mut self, sender: NodeIndex, epoch: Epoch) {
        let Some(doubt) = &mut self.doubt else { return };
        if doubt.heard.insert(self.nodes[sender].id) && doubt.stage == Stage::Waiting {
            self.last_vote_epoch.raise(epoch);
        }
    }

    /// Why this node votes for nobody yet, if it does not.
    pub(super) fn doubts(&self) -> Option<VoteRefusal> {
        self.doubt.is_some().then_some(VoteRefusal::Doubtful)
    }

    /// Somebody asks for a vote that this node would give if it knew what it has promised.
    pub(super) fn keep_request(&mut self, sender: NodeIndex, header: &Header) {
        let Some(doubt) = self.doubt.as_mut().filter(|doubt| doubt.stage == Stage::Waiting) else { return };
        let newer = |(_, kept): &(NodeId, Box<Header>)| kept.current_epoch < header.current_epoch;
        if doubt.request.as_ref().is_none_or(newer) {
            doubt.request = Some((self.nodes[sender].id, Box::new(header.clone())));
        }
    }

    /// A node is gone.
    pub(super) fn forget_heard(&mut self, node: NodeIndex) {
        let id = self.nodes[node].id;
        self.doubt.iter_mut().for_each(|doubt| {
            doubt.heard.remove(&id);
        });
    }

    /// A tick is over.
    pub(super) fn tend_doubt(&mut self, now: UnixMillis) {
        let heard = self.heard();
        let Some(doubt) = &mut self.doubt else { return };
        doubt.ticks_left = doubt.ticks_left.saturating_sub(1);
        let stage = doubt.stage;
        if heard != Heard::TooFew {
            doubt.stage = Stage::Waiting;
        }
        let over = heard == Heard::All || doubt.stage == Stage::Waiting && doubt.ticks_left == 0;
        let request = if over { doubt.request.take() } else { None };
        if stage == Stage::Asking && heard != Heard::TooFew {
            self.last_vote_epoch.raise(self.current_epoch);
        }
        if over {
            self.doubt = None;
        }
        if let Some((asker, header)) = request
            && let Some(asker) = self.nodes.find(&asker)
        {
            self.hear_vote_request(asker, &header, now);
        }
    }

    fn heard(&self) -> Heard {
        let Some(doubt) = &self.doubt else { return Heard::All };
        let silent = |node: &Node| !doubt.heard.contains(&node.id);
        let passed_over = NodeFlags::HANDSHAKE.and(NodeFlags::MYSELF);
        let (mut alone, mut all) = (true, true);
        for (_, node) in self.nodes.iter().filter(|(_, node)| !node.flags.has_any(passed_over)) {
            alone = false;
            if silent(node) {
                all = false;
                if !node.is_failing() && !node.flags.has(NodeFlags::NOADDR) {
                    return Heard::TooFew;
                }
            }
        }
        let (mut size, mut reached) = (0, 0);
        for (index, node) in self.voters() {
            size += 1;
            reached += usize::from(index == self.me || !silent(node));
        }
        match all {
            // Who knows nobody knows nothing.
            _ if alone || reached < quorum(size) => Heard::TooFew,
            true => Heard::All,
            false => Heard::AllThatAnswer,
        }
    }
}
