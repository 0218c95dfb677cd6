//! Clocks that jump.
//!
//! Times are read from the wall clock, as they stand in gossip and in `nodes.conf`, and it can be set. A jump ahead is as if the process had
//! stood still. When it is set back, all that was noted by it moves along: ages stay what they were, and nothing waits for the clock
//! to catch up.

use super::Cluster;
use crate::effect::{Alarm, Effect};
use crate::faults::{Fault, planted};
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::topics::Topic;

impl Cluster {
    /// Time goes on. Whoever stood still for longer than the node timeout may have been replaced: it does not serve until a majority
    /// has answered it since (§18.11). Answers that lie in the buffers of its links are old, so it opens new ones.
    pub(super) fn note_time(&mut self, now: UnixMillis) {
        if now < self.clock && !planted(Fault::ClockTrusted) {
            let by = self.clock.since(now);
            self.set_back(by);
            self.note(Topic::ClockBack, &by.0.to_le_bytes());
        }
        self.clock = now;
        if self.last_tick.is_none_or(|last| now.since(last) <= self.settings.node_timeout) {
            return;
        }
        self.last_tick = Some(now);
        self.outbox.push(Effect::Alarm(Alarm::Stalled));
        self.note(Topic::Stalled, &[]);
        if planted(Fault::StallIgnored) {
            return;
        }
        self.stalled = now;
        for node in self.nodes.indices() {
            self.close_outbound(node);
            self.nodes[node].ping_sent = UnixMillis::NEVER;
        }
        if self.judgement.stalled(now) {
            self.health_changed();
        }
    }

    /// The clock was set back by so much.
    fn set_back(&mut self, by: Millis) {
        let indices: Vec<NodeIndex> = self.nodes.indices();
        for index in indices {
            let node = &mut self.nodes[index];
            let stamps = [
                &mut node.created,
                &mut node.ping_sent,
                &mut node.pong_received,
                &mut node.data_received,
                &mut node.fail_time,
                &mut node.voted,
                &mut node.denies,
                &mut node.orphaned,
            ];
            stamps.into_iter().for_each(|stamp| *stamp = stamp.set_back(by));
            node.reports.set_back(by);
        }
        self.links.values_mut().for_each(|link| link.created = link.created.set_back(by));
        self.forgotten.set_back(by);
        self.election.set_back(by);
        self.set_manual_back(by);
        self.judgement.set_back(by);
        self.stalled = self.stalled.set_back(by);
        self.last_tick = self.last_tick.map(|last| last.set_back(by));
        self.replication.heard = self.replication.heard.set_back(by);
    }
}
