//! The tick: every 100 ms links are opened, nodes are asked, and those that do not answer are suspected.
//!
//! C12, §14.1. Each node is asked at least every half node timeout, and at most one link per node is opened in a tick.

use super::Cluster;
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Health, PulseKind};

/// The least time for a handshake.
const HANDSHAKE_TIMEOUT_MIN: Millis = Millis(1_000);
/// Every so many ticks one node is asked out of turn: the one that was silent longest of some.
const EXTRA_PING_TICKS: u64 = 10;
const EXTRA_PING_DRAWS: usize = 5;

impl Cluster {
    /// Does what time asks for. To be called every 100 ms.
    pub fn tick(&mut self, now: UnixMillis) {
        self.note_time(now);
        self.last_tick = Some(now);
        self.forgotten.expire(now);
        self.tend_links(now);
        if self.ticks.is_multiple_of(EXTRA_PING_TICKS) {
            self.ask_the_most_silent(now);
        }
        self.ticks += 1;
        let mut suspected = false;
        for index in self.nodes.indices() {
            let skipped = NodeFlags::NOADDR.and(NodeFlags::HANDSHAKE);
            if index != self.me && !self.nodes[index].flags.has_any(skipped) {
                self.ask_or_drop(index, now);
                suspected |= self.suspect(index, now);
            }
        }
        if suspected {
            self.ask_masters(now);
        }
        if let Some(link) = self.waiting_replica().and_then(|replica| self.nodes[replica].outbound) {
            self.send_pulse(link, PulseKind::Ping, now);
        }
        self.run_manual(now);
        self.run_election(now);
        self.run_migration(now);
        if suspected || self.health() == Health::Fail {
            self.due.judge = true;
        }
    }

    /// Ends handshakes that take too long, and opens links that are missing.
    fn tend_links(&mut self, now: UnixMillis) {
        let limit = self.settings.node_timeout.max(HANDSHAKE_TIMEOUT_MIN);
        for index in self.nodes.indices() {
            let node = &self.nodes[index];
            if index == self.me || node.flags.has(NodeFlags::NOADDR) {
                continue;
            }
            if node.in_handshake() && now.since(node.created) > limit {
                self.delete_node(index);
            } else if node.outbound.is_none() {
                self.dial(index, now);
            }
        }
    }

    fn ask_the_most_silent(&mut self, now: UnixMillis) {
        let mut oldest: Option<NodeIndex> = None;
        for _ in 0..EXTRA_PING_DRAWS {
            let Some(index) = self.nodes.draw(&mut self.dice) else { break };
            let node = &self.nodes[index];
            let asked = node.outbound.is_none() || node.ping_sent != UnixMillis::NEVER;
            if index == self.me || node.in_handshake() || asked {
                continue;
            }
            let before = oldest.map(|oldest| self.nodes[oldest].pong_received);
            if before.is_none_or(|before| node.pong_received < before) {
                oldest = Some(index);
            }
        }
        if let Some(link) = oldest.and_then(|oldest| self.nodes[oldest].outbound) {
            self.send_pulse(link, PulseKind::Ping, now);
        }
    }

    /// Asks a node whose last answer is half a node timeout old; drops a link on which a question is unanswered for so long.
    fn ask_or_drop(&mut self, index: NodeIndex, now: UnixMillis) {
        let half = Millis(self.settings.node_timeout.0 / 2);
        let node = &self.nodes[index];
        let Some(link) = node.outbound else { return };
        let asked = node.ping_sent != UnixMillis::NEVER;
        let old = now.since(self.links[&link].created) > self.settings.node_timeout;
        let silent = asked && now.since(node.ping_sent) > half && now.since(node.data_received) > half;
        if old && silent {
            self.close(link);
        } else if self.links[&link].up && !asked && now.since(node.pong_received) > half {
            self.send_pulse(link, PulseKind::Ping, now);
        }
    }
}
