//! Visits: hops to a parked core are carried out here, so that nobody is woken for them (`cores.md` §3).
//!
//! A visit is the last chance before mail: all hops that the turn made for one core are carried out in one go, with their entries
//! fetched ahead. The baton is held for nothing else: an owner that wakes meanwhile waits for it, and long if the visitor is
//! preempted with it in hand.
//!
//! An owner with completions of its own is not visited: it runs as soon as its CPU is free and needs no wake-up for mail. To go on
//! without it would keep a crowded machine's CPUs from it: its clients would wait for whole time slices of others.

use crate::mesh::baton::{Errand, Leave, Visit};
use crate::mesh::{CoreId, Mesh};
use crate::ring::Ring;
use crate::shard::Shard;

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Carries out the turn's hops to parked cores. True if some are back.
    pub(super) fn visit_parked(&mut self, mesh: &Mesh<Shard>) -> bool {
        // While the bus thread is late every core has to find that out for itself.
        if self.settings.visits && self.outboxes.is_ready() && !self.pauses.is_in_force(self.now) && !self.bus_is_late {
            (0..mesh.cores()).for_each(|core| self.visit(mesh, CoreId(core as u16)));
        }
        !self.returned.is_empty()
    }

    /// Carries out the hops to one core, if it is parked and nothing of ours is on its way there.
    fn visit(&mut self, mesh: &Mesh<Shard>, core: CoreId) {
        if !self.outboxes.has_hops_for(core.into()) || self.ends.has_unflushed(core.into()) || self.ring.is_due(core.0)
        {
            return;
        }
        let Some(mut visit) = mesh.baton(core).try_visit() else { return };
        // One that a client pause holds is not worked on, even if this core has not heard of the pause.
        if !visit.paused {
            visit.advance(self.owner.shard().now);
            let hops = self.outboxes.hops_for(core.into());
            self.cron.traffic.visits += visit.visited_by(hops, &mut self.returned);
        }
        leave(&mut self.ring, visit, core, Errand::None);
    }
}

/// Puts a baton back, and wakes the owner if the release owes it that, or effects wait for it.
pub(super) fn leave(ring: &mut impl Ring, visit: Visit<'_, Shard>, owner: CoreId, errand: Errand) {
    let errand = if visit.effects.is_empty() { errand } else { Errand::ForOwner };
    if visit.leave(errand) == Leave::WakeOwner {
        ring.wake_core(owner.0);
        ring.submit();
    }
}
