//! Failure: suspected by one (PFAIL), agreed by a majority (FAIL), and over.
//!
//! §9.3 to §9.5. Only masters with slots count, in size and among those who report: one set for both.

use super::{Cluster, LinkSide};
use crate::effect::{Durability, SaveSeq};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::quorum::quorum;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::topics::Topic;
use crate::wire::{Body, Marks, PulseKind};

/// For how many node timeouts a failed master with slots stays failed though it answers: until a replica could have replaced it.
const FAIL_TIMEOUTS: u64 = 2;

/// How many masters are a majority: counted once for a frame or a tick, in which it does not change, and only if it is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Majority(Option<usize>);

impl Majority {
    fn of(&mut self, cluster: &Cluster) -> usize {
        *self.0.get_or_insert_with(|| quorum(cluster.voters().count()))
    }
}

impl Cluster {
    /// Suspects nodes that do not answer. Returns whether one became suspect.
    pub(super) fn suspect(&mut self, index: NodeIndex, majority: &mut Majority, now: UnixMillis) -> bool {
        let node = &self.nodes[index];
        let asked = now.since(node.ping_sent);
        let heard = now.since(node.data_received);
        let silent = node.ping_sent != UnixMillis::NEVER && asked.min(heard) > self.settings.node_timeout;
        if !silent || node.is_failing() || planted(Fault::NobodySuspected) {
            return false;
        }
        self.nodes[index].flags.set(NodeFlags::PFAIL);
        self.due.judge = true;
        self.fail_if_agreed(index, majority, now);
        true
    }

    /// Asks all masters at once, so that reports meet within a round trip of the last suspicion that a majority needs.
    pub(super) fn ask_masters(&mut self, now: UnixMillis) {
        let masters = self.nodes.iter().filter(|(index, node)| node.is_master() && *index != self.me);
        let links: Vec<_> = masters.filter_map(|(_, node)| node.outbound).collect();
        for link in links {
            let LinkSide::Outbound(node) = self.links[&link].side else { continue };
            let before = self.nodes[node].ping_sent;
            self.send_pulse(link, PulseKind::Ping, now);
            // Asking again does not make an older question younger.
            if before != UnixMillis::NEVER {
                self.nodes[node].ping_sent = before;
            }
        }
    }

    /// Finds a suspected node failed if a majority does, and tells all. Replicas tell as well, as Redis's do: it only spreads what
    /// masters reported.
    pub(super) fn fail_if_agreed(&mut self, index: NodeIndex, majority: &mut Majority, now: UnixMillis) {
        let node = &self.nodes[index];
        if !node.flags.has(NodeFlags::PFAIL) || node.flags.has(NodeFlags::FAIL) {
            return;
        }
        let majority = majority.of(self);
        let timeout = self.settings.node_timeout;
        let reports = &mut self.nodes[index].reports;
        reports.expire(timeout, now);
        if reports.len() + 1 < majority {
            return;
        }
        let voter = |index: NodeIndex| self.nodes[index].is_master() && self.slots.count_of(index) > 0;
        let others = self.nodes[index].reports.reporters().filter(|reporter| *reporter != self.me);
        let agreed = others.filter(|reporter| voter(*reporter)).count() + usize::from(voter(self.me));
        if agreed >= majority {
            self.set_failed(index, now);
            let failed = self.id_of(index);
            self.broadcast(Marks::NONE, Body::Fail(failed), SaveSeq::default());
        }
    }

    /// How many masters find a node failing (CLUSTER COUNT-FAILURE-REPORTS).
    pub(crate) fn failure_reports(&mut self, index: NodeIndex, now: UnixMillis) -> usize {
        let timeout = self.settings.node_timeout;
        let reports = &mut self.nodes[index].reports;
        reports.expire(timeout, now);
        reports.reporters().count()
    }

    /// Another found a node failed (FAIL).
    pub(super) fn hear_fail(&mut self, index: NodeIndex, now: UnixMillis) {
        if index != self.me && !self.nodes[index].flags.has(NodeFlags::FAIL) {
            self.set_failed(index, now);
        }
    }

    fn set_failed(&mut self, index: NodeIndex, now: UnixMillis) {
        let node = &mut self.nodes[index];
        node.flags.clear(NodeFlags::PFAIL);
        node.flags.set(NodeFlags::FAIL);
        node.fail_time = now;
        let failed = node.id;
        self.note(Topic::NodeFailed, failed.bytes());
        self.changed(Durability::Written);
    }

    /// A node answered: it is not suspected any more, and perhaps not failed.
    pub(super) fn answered(&mut self, index: NodeIndex, now: UnixMillis) {
        let slots = self.slots.count_of(index);
        let timeout = self.settings.node_timeout;
        let node = &mut self.nodes[index];
        node.pong_received = now;
        node.ping_sent = UnixMillis::NEVER;
        if node.flags.has(NodeFlags::PFAIL) {
            node.flags.clear(NodeFlags::PFAIL);
            self.changed(Durability::Written);
        } else if node.flags.has(NodeFlags::FAIL) {
            let replaceable = node.is_master() && slots > 0;
            if !replaceable || now.since(node.fail_time) > timeout * FAIL_TIMEOUTS {
                node.flags.clear(NodeFlags::FAIL);
                self.changed(Durability::Written);
            }
        }
    }
}
