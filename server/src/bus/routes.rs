//! Snapshots for the cores: which version is the newest, who has it, and who is to be told.
//!
//! §18.3. A core says when no command runs under an older snapshot any more; what the whole node has taken is the least of these.

use std::sync::Arc;

use clusterbus::snapshot::{Snapshot, SnapshotVersion};
use shard::mail::Mail;
use shard::mesh::mailbox::Address;

use crate::post::Post;

/// The snapshots of this node.
pub(super) struct Routes {
    newest: Option<Arc<Snapshot>>,
    /// What every core has to have taken before it may think the bus thread at work.
    heeded: SnapshotVersion,
    /// By core: what it has taken, and what it was sent.
    cores: Vec<CoreRoutes>,
}

#[derive(Clone, Copy, Default)]
struct CoreRoutes {
    taken: SnapshotVersion,
    sent: SnapshotVersion,
}

impl Routes {
    /// No snapshot, for so many cores.
    pub(super) fn new(cores: usize) -> Routes {
        Routes { newest: None, heeded: SnapshotVersion::default(), cores: vec![CoreRoutes::default(); cores] }
    }

    /// What cores route by from now on.
    pub(super) fn changed(&mut self, snapshot: Snapshot) {
        self.newest = Some(Arc::new(snapshot));
    }

    /// The process stood still: cores are to take what was concluded from that before they serve again.
    pub(super) fn heed(&mut self) {
        self.heeded = self.newest.as_ref().map_or(self.heeded, |newest| newest.version);
    }

    /// Whether they have.
    pub(super) fn is_heeded(&self) -> bool {
        self.taken_by_all() >= self.heeded
    }

    /// A core takes a version.
    pub(super) fn taken(&mut self, core: Address, version: SnapshotVersion) {
        let taken = &mut self.cores[usize::from(core.0)].taken;
        *taken = version.max(*taken);
    }

    /// The version that every core has taken, or a newer one.
    pub(super) fn taken_by_all(&self) -> SnapshotVersion {
        self.cores.iter().map(|core| core.taken).min().unwrap_or_default()
    }

    /// Sends the newest snapshot to the cores that were not sent it. Whose lane is full gets it, or a newer one, next time.
    pub(super) fn mail(&mut self, post: &mut Post) {
        let Some(newest) = &self.newest else { return };
        for (core, index) in self.cores.iter_mut().zip(0..).filter(|(core, _)| core.sent < newest.version) {
            if post.tell(Address(index), Mail::Routes(newest.clone())).is_ok() {
                core.sent = newest.version;
            }
        }
    }
}
