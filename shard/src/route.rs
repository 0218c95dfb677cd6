//! Which core serves a slot: a versioned map, the same on all cores (`cores.md` §10).

use keyspace::slot::{SLOTS, Slot};

use crate::mesh::CoreId;

/// Slots in one stripe. Stripes are dealt round-robin, so that any range that a node owns loads all its cores.
pub const STRIPE_SLOTS: usize = 16;

/// Slot to core.
#[derive(Clone)]
pub struct SlotMap {
    owner: Box<[CoreId]>,
    cores: u16,
}

impl SlotMap {
    /// The map of a process with this many cores.
    pub fn striped(cores: u16) -> Self {
        let owner = (0..SLOTS).map(|slot| CoreId((slot / STRIPE_SLOTS % cores as usize) as u16)).collect();
        SlotMap { owner, cores }
    }

    /// The core that owns a slot.
    #[inline]
    pub fn owner(&self, slot: Slot) -> CoreId {
        self.owner[slot.index()]
    }

    /// Number of cores.
    pub fn cores(&self) -> u16 {
        self.cores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_of_stripes_loads_all_cores() {
        for cores in [1, 2, 3, 4, 7, 64] {
            let map = SlotMap::striped(cores);
            let mut counts = vec![0; cores as usize];
            Slot::all().for_each(|slot| counts[map.owner(slot).0 as usize] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= STRIPE_SLOTS, "{cores} cores: {least}..{most}");
        }
    }
}
