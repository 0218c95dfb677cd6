//! Replicas that leave a master with several for one that has lost its own.
//!
//! §12.7. Which masters may be helped at all (`MIGRATE_TO`) is noted here and nowhere else: those that have, or had and lost, replicas. A
//! master that never had one is left alone by those who set it up.

use super::Cluster;
use crate::flags::NodeFlags;
use crate::nodes::Node;
use crate::slot_table::NodeIndex;
use crate::snapshot::Permission;
use crate::time::{Millis, UnixMillis};
use crate::wire::Health;

/// How long a master has to be without replicas: its own may come back, and all are to see the same.
const ORPHANED_FOR: Millis = Millis(5_000);

/// What a replica sees of masters and their replicas.
struct Survey {
    /// Working replicas of each node that is a working master, by its place.
    working: Vec<Option<usize>>,
    /// The most that one has.
    most: usize,
    /// The first, by name, that has slots and has lost its replicas.
    orphan: Option<NodeIndex>,
}

impl Survey {
    fn working(&self, master: NodeIndex) -> Option<usize> {
        self.working.get(master.index()).copied().flatten()
    }
}

impl Cluster {
    /// Makes a node the replica of a master, or of nobody.
    pub(super) fn attach(&mut self, replica: NodeIndex, master: Option<NodeIndex>) {
        let before = std::mem::replace(&mut self.nodes[replica].master, master);
        if let Some(left) = before.filter(|left| self.nodes.replicas_of(*left).next().is_none()) {
            self.nodes[left].flags.clear(NodeFlags::MIGRATE_TO);
        }
        if let Some(master) = master {
            self.nodes[master].flags.set(NodeFlags::MIGRATE_TO);
        }
    }

    /// A node that had no slot may have got some: where masters have replicas it is to have some too.
    pub(super) fn note_first_slots(&mut self, node: NodeIndex, before: usize) {
        let first = before == 0 && self.slots.count_of(node) > 0;
        if first && self.nodes.iter().any(|(_, node)| node.master.is_some()) {
            self.nodes[node].flags.set(NodeFlags::MIGRATE_TO);
        }
    }

    /// Moves this replica to a master that has lost its own, if it is the one to go.
    pub(super) fn run_migration(&mut self, now: UnixMillis) {
        let me = &self.nodes[self.me];
        let Some(mine) = me.master.filter(|_| !me.is_master()) else { return };
        let survey = self.survey(now);
        let Some(orphan) = survey.orphan else { return };
        let rich = survey.most >= 2 && survey.working(mine) == Some(survey.most);
        let allowed = self.settings.replica_migration == Permission::Allowed && self.health() == Health::Ok;
        let patient = now.since(self.nodes[orphan].orphaned) > ORPHANED_FOR;
        if rich && allowed && patient && self.can_be_spared(mine) && self.is_candidate(&survey) {
            self.follow(orphan);
        }
    }

    /// Counts replicas, and notes since when masters have none.
    fn survey(&mut self, now: UnixMillis) -> Survey {
        let mut survey = Survey { working: Vec::new(), most: 0, orphan: None };
        let works = |node: &Node| !node.flags.has(NodeFlags::FAIL);
        for (index, _) in self.nodes.iter().filter(|(_, node)| node.is_master() && works(node)) {
            survey.working.resize(survey.working.len().max(index.index() + 1), None);
            survey.working[index.index()] = Some(0);
        }
        for master in self.nodes.iter().filter(|(_, node)| works(node)).filter_map(|(_, node)| node.master) {
            if let Some(Some(count)) = survey.working.get_mut(master.index()) {
                *count += 1;
                survey.most = survey.most.max(*count);
            }
        }
        for index in self.nodes.indices() {
            let slots = self.slots.count_of(index);
            let node = &mut self.nodes[index];
            if survey.working(index) != Some(0) || !node.flags.has(NodeFlags::MIGRATE_TO) {
                node.orphaned = UnixMillis::NEVER;
                continue;
            }
            if node.orphaned == UnixMillis::NEVER {
                node.orphaned = now;
            }
            if slots > 0 && survey.orphan.is_none() {
                survey.orphan = Some(index);
            }
        }
        survey
    }

    /// Whether our master keeps enough replicas that answer: more than `cluster-migration-barrier` with us.
    fn can_be_spared(&self, mine: NodeIndex) -> bool {
        let answering = self.nodes.replicas_of(mine).filter(|replica| !self.nodes[*replica].is_failing());
        answering.count() as u64 > self.settings.migration_barrier
    }

    /// Whether this node has the smallest name among the replicas of those masters that have most: one goes at a time.
    fn is_candidate(&self, survey: &Survey) -> bool {
        let rich = |master: NodeIndex| survey.working(master) == Some(survey.most);
        let mut replicas = self.nodes.iter().filter(|(_, node)| node.master.is_some_and(rich));
        replicas.next().is_some_and(|(first, _)| first == self.me)
    }
}
