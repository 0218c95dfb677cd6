//! Elections: whom this node votes for, and how it asks for votes itself.
//!
//! C11, §12.1 to §12.4. A vote and an epoch are on disk before anybody hears of them, so that no crash makes two of one. Votes are
//! kept as a set of names, from masters with slots, for one epoch.

use super::Cluster;
use crate::effect::{Durability, LinkId, SaveSeq};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::nodes::Node;
use crate::quorum::quorum;
use crate::slot_table::NodeIndex;
use crate::snapshot::Permission;
use crate::time::{Millis, UnixMillis};
use crate::topics::Topic;
use crate::wire::{Body, Header, Marks, PulseKind};

/// How an election waits for a FAIL to be known everywhere, fixed and at random, and per replica with newer data.
const BASE_DELAY: Millis = Millis(500);
const RANDOM_DELAY_MILLIS: u64 = 500;
const RANK_DELAY: Millis = Millis(1_000);
/// How it waits for that of another failed master, whose turn comes first: one is over by then as a rule.
const TURN_DELAY: Millis = Millis(500);
/// An election is over after so many node timeouts, at least so long; and tried again after twice that.
const AUTH_TIMEOUTS: u64 = 2;
const AUTH_TIMEOUT_MIN: Millis = Millis(2_000);
const RETRY_TIMEOUTS: u64 = 2;
/// For how many node timeouts there is no second vote about one master.
const VOTE_TIMEOUTS: u64 = 2;

/// What replication tells of this node's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicationFacts {
    /// The offset: produced by a master, processed by a replica.
    pub offset: u64,
    /// When the master was last heard on a link that is up, or when the link went down.
    pub heard: UnixMillis,
}

/// This node's own election.
#[derive(Clone, Debug, Default)]
pub struct Election {
    /// When votes are, or were, asked for.
    starts: UnixMillis,
    /// How many replicas had newer data when that was set.
    rank: u64,
    /// How many failed masters had their turn before ours.
    turn: u64,
    /// The epoch, once votes were asked for.
    epoch: Option<Epoch>,
    /// The size of the electorate at that time.
    size: usize,
    /// Who voted.
    votes: Vec<NodeIndex>,
}

impl Election {
    /// Nothing is going on.
    pub(super) fn reset(&mut self) {
        *self = Election::default();
    }

    /// The clock was set back by so much.
    pub(super) fn set_back(&mut self, by: Millis) {
        self.starts = self.starts.set_back(by);
    }

    /// A node is gone.
    pub(super) fn forget(&mut self, node: NodeIndex) {
        self.votes.retain(|voter| *voter != node);
    }
}

/// Why a vote is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteRefusal {
    /// This node is no master with slots.
    NoVoter,
    /// The request is of an earlier epoch.
    Stale,
    /// This node has voted in this epoch.
    Voted,
    /// The one who asks is no replica of a known master.
    NoReplica,
    /// Its master has not failed.
    MasterAlive,
    /// A vote about this master was given a short time ago.
    TooSoon,
    /// It claims a slot that has an owner with a later epoch.
    StaleSlots,
    /// This node started a short time ago, and may have given a vote that it does not know of.
    Doubtful,
}

/// How long an election lasts at most.
pub(super) fn auth_timeout(node_timeout: Millis) -> Millis {
    (node_timeout * AUTH_TIMEOUTS).max(AUTH_TIMEOUT_MIN)
}

impl Cluster {
    /// Whether a request for a vote may be granted; the master whose place is asked for.
    pub fn may_vote(&self, sender: NodeIndex, header: &Header, now: UnixMillis) -> Result<NodeIndex, VoteRefusal> {
        let me = &self.nodes[self.me];
        if !me.is_master() || self.slots.count_of(self.me) == 0 {
            return Err(VoteRefusal::NoVoter);
        }
        if header.current_epoch < self.current_epoch {
            return Err(VoteRefusal::Stale);
        }
        if self.last_vote_epoch == self.current_epoch && !planted(Fault::VotesTwice) {
            return Err(VoteRefusal::Voted);
        }
        let replica = &self.nodes[sender];
        let master = replica.master.filter(|_| !replica.is_master()).ok_or(VoteRefusal::NoReplica)?;
        let failed = self.nodes[master].flags.has(NodeFlags::FAIL);
        if !failed && !header.marks.has(Marks::FORCE_ACK) && !planted(Fault::LivingMasterReplaced) {
            return Err(VoteRefusal::MasterAlive);
        }
        let voted = self.nodes[master].voted;
        if voted != UnixMillis::NEVER && now.since(voted) < self.settings.node_timeout * VOTE_TIMEOUTS {
            return Err(VoteRefusal::TooSoon);
        }
        let later = |owner: NodeIndex| self.nodes[owner].config_epoch > header.config_epoch;
        let mut claimed = header.slots.iter().filter(|slot| !self.slots.unclaimed(*slot));
        if claimed.any(|slot| self.slots.owner(slot).is_some_and(later)) {
            return Err(VoteRefusal::StaleSlots);
        }
        if let Some(refusal) = self.doubts().filter(|_| !planted(Fault::OldFileTrusted)) {
            return Err(refusal);
        }
        Ok(master)
    }

    /// FAILOVER_AUTH_REQUEST: votes, and tells so when the vote is on disk; a refusal is silent.
    pub(super) fn hear_vote_request(&mut self, sender: NodeIndex, header: &Header, now: UnixMillis) {
        let master = match self.may_vote(sender, header, now) {
            Ok(master) => master,
            Err(VoteRefusal::Doubtful) => return self.keep_request(sender, header),
            // All nodes are asked, and most have no vote.
            Err(VoteRefusal::NoVoter) => return,
            Err(_) => return self.note(Topic::VoteRefused, header.sender.bytes()),
        };
        self.nodes[master].voted = now;
        self.last_vote_epoch = self.current_epoch;
        let after = if planted(Fault::VoteNotDurable) { SaveSeq::default() } else { self.synced_next() };
        self.send_to(sender, Marks::NONE, Body::AuthAck, after);
    }

    /// FAILOVER_AUTH_ACK: counts a vote for us.
    pub(super) fn hear_vote(&mut self, sender: NodeIndex, header: &Header) {
        let voter = self.nodes[sender].is_master() && self.slots.count_of(sender) > 0;
        let ours = self.election.epoch == Some(header.current_epoch);
        if !voter || !ours {
            return;
        }
        if self.election.votes.contains(&sender) {
            return self.note(Topic::VotedTwice, header.sender.bytes());
        }
        self.election.votes.push(sender);
        self.due.failover = true;
    }

    /// Asks for a durable save at the end of this round. Returns which.
    pub(super) fn synced_next(&mut self) -> SaveSeq {
        self.due.save(Durability::Synced);
        self.outbox.next_save()
    }

    /// Replication tells of this node's data.
    pub fn set_replication(&mut self, facts: ReplicationFacts) {
        self.replication = facts;
    }

    /// Goes on with our own election, or begins one (§12.1, §12.2).
    pub(super) fn run_election(&mut self, now: UnixMillis) {
        let Some(master) = self.master_to_replace(now) else { return };
        let timeout = auth_timeout(self.settings.node_timeout);
        let age = now.since(self.election.starts);
        let again = age > timeout * RETRY_TIMEOUTS && !planted(Fault::ElectionOnce);
        if self.election.starts == UnixMillis::NEVER || again {
            self.schedule_election(master, now);
        } else if self.election.epoch.is_none() {
            if !self.manual.can_start {
                self.wait_longer(master, now);
            }
            if now >= self.election.starts && age <= timeout {
                self.ask_for_votes();
            }
        } else if age <= timeout {
            self.count_votes();
        }
    }

    /// The master whose place this replica may take now.
    fn master_to_replace(&self, now: UnixMillis) -> Option<NodeIndex> {
        let me = &self.nodes[self.me];
        let master = me.master.filter(|_| !me.is_master())?;
        let failed = self.nodes[master].flags.has(NodeFlags::FAIL);
        let allowed = self.settings.failover == Permission::Allowed;
        let may = self.manual.can_start || failed && allowed && !self.data_too_old(now);
        (may && self.slots.count_of(master) > 0).then_some(master)
    }

    fn data_too_old(&self, now: UnixMillis) -> bool {
        let timeout = self.settings.node_timeout;
        let age = now.since(self.replication.heard);
        let age = if age > timeout { Millis(age.0 - timeout.0) } else { age };
        self.validity().is_some_and(|validity| age > validity) && !planted(Fault::OldDataElected)
    }

    /// How long a replica's data is good enough for an election, if there is an end to that.
    fn validity(&self) -> Option<Millis> {
        let (timeout, factor) = (self.settings.node_timeout, self.settings.validity_factor);
        (factor > 0).then(|| self.settings.replication_ping_period + timeout * factor)
    }

    /// Replicas of this master that have more of its data than we.
    fn rank(&self, master: NodeIndex) -> u64 {
        let ahead = |index: &NodeIndex| {
            let node = &self.nodes[*index];
            *index != self.me && node.offset > self.replication.offset && !node.flags.has(NodeFlags::NOFAILOVER)
        };
        self.nodes.replicas_of(master).filter(ahead).count() as u64
    }

    /// How many failed masters are to be replaced before this one. Where several are at once, each of their replicas takes an epoch of
    /// its own and votes are given once in an epoch: were they not in turn, none would have a majority when nearly half have failed.
    /// More than fit between two elections of one replica begin again at the front.
    pub(super) fn turn(&self, master: NodeIndex, now: UnixMillis) -> u64 {
        if planted(Fault::TurnsIgnored) {
            return 0;
        }
        let order = |node: &Node| (node.config_epoch, node.id);
        let mine = order(&self.nodes[master]);
        let electable =
            |node: &Node| !node.is_master() && !node.flags.has_any(NodeFlags::FAIL.and(NodeFlags::NOFAILOVER));
        let replicas = self.nodes.iter().filter(|(_, node)| electable(node));
        let mut masters: Vec<NodeIndex> = replicas.filter_map(|(_, replica)| replica.master).collect();
        masters.sort_unstable();
        masters.dedup();
        let first = |index: &NodeIndex| {
            let node = &self.nodes[*index];
            let waits = node.flags.has(NodeFlags::FAIL) && self.slots.count_of(*index) > 0;
            let too_late = self.validity().is_some_and(|validity| now.since(node.fail_time) > validity);
            waits && !too_late && order(node) < mine
        };
        let turns = auth_timeout(self.settings.node_timeout).0 * RETRY_TIMEOUTS / TURN_DELAY.0;
        masters.iter().filter(|index| first(index)).count() as u64 % turns
    }

    /// More replicas have newer data, or more masters have failed, than when the beginning was set.
    fn wait_longer(&mut self, master: NodeIndex, now: UnixMillis) {
        let (rank, turn) = (self.rank(master), self.turn(master, now));
        let election = &mut self.election;
        let delay = RANK_DELAY * rank.saturating_sub(election.rank) + TURN_DELAY * turn.saturating_sub(election.turn);
        election.starts = election.starts + delay;
        (election.rank, election.turn) = (election.rank.max(rank), election.turn.max(turn));
    }

    fn schedule_election(&mut self, master: NodeIndex, now: UnixMillis) {
        if self.manual.can_start {
            self.election = Election { starts: now, ..Election::default() };
            self.due.failover = true;
            return;
        }
        let (rank, turn) = (self.rank(master), self.turn(master, now));
        let random = Millis(self.dice.below(RANDOM_DELAY_MILLIS));
        let delay = BASE_DELAY + random + RANK_DELAY * rank + TURN_DELAY * turn;
        self.election = Election { starts: now + delay, rank, turn, ..Election::default() };
        // Siblings learn how much of the data we have.
        let siblings = self.nodes.replicas_of(master).filter(|index| *index != self.me);
        let links: Vec<LinkId> = siblings.filter_map(|index| self.nodes[index].outbound).collect();
        for link in links {
            self.send_pulse(link, PulseKind::Pong, now);
        }
    }

    fn ask_for_votes(&mut self) {
        self.current_epoch = self.current_epoch.next();
        self.election.epoch = Some(self.current_epoch);
        self.election.size = self.voters().count();
        let after = self.synced_next();
        let marks = if self.manual.can_start { Marks::FORCE_ACK } else { Marks::NONE };
        self.broadcast(marks, Body::AuthRequest, after);
    }

    /// Takes over if a majority voted: of those who could when votes were asked for, and of those who can now.
    fn count_votes(&mut self) {
        let Some(epoch) = self.election.epoch else { return };
        let size = self.election.size.max(self.voters().count());
        let voter = |index: &&NodeIndex| self.nodes[**index].is_master() && self.slots.count_of(**index) > 0;
        let votes = self.election.votes.iter().filter(voter).count();
        if votes >= quorum(size) {
            self.nodes[self.me].config_epoch.raise(epoch);
            self.take_over();
        }
    }
}
