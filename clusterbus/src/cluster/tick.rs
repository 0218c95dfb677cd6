//! What time asks for: one list of timers, and a tick every 100 ms that goes through it.
//!
//! C12, §14.1. Each node is asked at least every half node timeout, and at most one link per node is opened in a tick. Timers count ticks
//! and not moments: whoever calls counts evenly, whatever the clock on the wall says.

use super::Cluster;
use super::failure::Majority;
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Health, PulseKind};

/// How often [`Cluster::tick`] wants to be called.
pub const TICK: Millis = Millis(100);
/// The least time for a handshake.
const HANDSHAKE_TIMEOUT_MIN: Millis = Millis(1_000);
/// Of how many nodes, drawn at random, the one that was silent longest is asked out of turn.
const EXTRA_PING_DRAWS: usize = 5;

/// Something that time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Nodes that were to be forgotten for a while may come back.
    Forgotten,
    /// Handshakes that take too long end, and links that are missing are opened.
    Links,
    /// One node is asked out of turn.
    ExtraPing,
    /// Nodes that were silent for a while are asked, and those that do not answer are suspected.
    Nodes,
    /// A failover by request goes on, or is called off.
    ManualFailover,
    /// A node that started from a file may vote again.
    Doubt,
    /// This replica's election begins, goes on or is lost.
    Election,
    /// This replica moves to a master that needs it more.
    Migration,
    /// A cluster that does not serve may serve again.
    Health,
}

/// All timers in their order in a tick (§14.1), with the number of ticks from one time to the next.
const TIMERS: [(Timer, u64); 9] = [
    (Timer::Forgotten, 1),
    (Timer::Links, 1),
    (Timer::ExtraPing, 10),
    (Timer::Nodes, 1),
    (Timer::ManualFailover, 1),
    (Timer::Doubt, 1),
    (Timer::Election, 1),
    (Timer::Migration, 1),
    (Timer::Health, 1),
];

impl Cluster {
    /// Does what time asks for. To be called every [`TICK`].
    pub fn tick(&mut self, now: UnixMillis) {
        self.note_time(now);
        self.last_tick = Some(now);
        let tick = self.ticks;
        self.ticks += 1;
        for (timer, _) in TIMERS.iter().filter(|(_, ticks)| tick.is_multiple_of(*ticks)) {
            self.fire(*timer, now);
        }
    }

    fn fire(&mut self, timer: Timer, now: UnixMillis) {
        match timer {
            Timer::Forgotten => self.forgotten.expire(now),
            Timer::Links => self.tend_links(now),
            Timer::ExtraPing => self.ask_the_most_silent(now),
            Timer::Nodes => self.watch_nodes(now),
            Timer::ManualFailover => self.tend_manual(now),
            Timer::Doubt => self.tend_doubt(now),
            Timer::Election => self.run_election(now),
            Timer::Migration => self.run_migration(now),
            Timer::Health => self.due.judge |= self.health() == Health::Fail,
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

    fn watch_nodes(&mut self, now: UnixMillis) {
        let skipped = NodeFlags::NOADDR.and(NodeFlags::HANDSHAKE);
        let (mut suspected, mut majority) = (false, Majority::default());
        for index in self.nodes.indices() {
            if index != self.me && !self.nodes[index].flags.has_any(skipped) {
                self.ask_or_drop(index, now);
                suspected |= self.suspect(index, &mut majority, now);
            }
        }
        if suspected {
            self.ask_masters(now);
        }
    }

    /// A replica that waits for us to stand still hears from us in every tick.
    fn tend_manual(&mut self, now: UnixMillis) {
        if let Some(link) = self.waiting_replica().and_then(|replica| self.nodes[replica].outbound) {
            self.send_pulse(link, PulseKind::Ping, now);
        }
        self.run_manual(now);
    }

    /// Asks a node whose last answer is old; drops a link on which a question is unanswered for half a node timeout.
    fn ask_or_drop(&mut self, index: NodeIndex, now: UnixMillis) {
        let half = Millis(self.settings.node_timeout.0 / 2);
        let node = &self.nodes[index];
        let Some(link) = node.outbound else { return };
        let asked = node.ping_sent != UnixMillis::NEVER;
        let old = now.since(self.links[&link].created) > self.settings.node_timeout;
        let silent = asked && now.since(node.ping_sent) > half && now.since(node.data_received) > half;
        if old && silent {
            self.close(link);
        } else if self.links[&link].up && !asked && now.since(node.pong_received) > self.settings.asks_after() {
            self.send_pulse(link, PulseKind::Ping, now);
        }
    }
}
