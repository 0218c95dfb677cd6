//! What the network does to frames: it loses, doubles, delays and overtakes them.
//!
//! Links of the bus are TCP's, which do none of this but delay; the state machine is asked to bear it all the same, as frames are lost with
//! the links that carry them and nodes come back to links of others.

use fastrand::Rng;

/// Milliseconds that a frame is under way in fair weather. All take the same, so a link keeps its order.
const FAIR_MILLIS: u64 = 2;

/// The state of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Frames of a thousand that are lost.
    pub(crate) lost: u32,
    /// Frames of a thousand that arrive twice.
    pub(crate) doubled: u32,
    /// Frames of a thousand that are late, and so overtaken by others.
    pub(crate) late: u32,
    /// How late at most, in milliseconds.
    pub(crate) late_millis: u64,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) const FAIR: Weather = Weather { lost: 0, doubled: 0, late: 0, late_millis: 0 };

    /// Some weather, in the ranges of the design.
    pub(crate) fn any(rng: &mut Rng) -> Weather {
        let late_millis = [50, 300, 2_000, 5_000][rng.usize(..4)];
        Weather { lost: rng.u32(..300), doubled: rng.u32(..200), late: rng.u32(..500), late_millis }
    }

    /// After how many milliseconds each copy of a frame arrives: none if it is lost.
    pub(crate) fn arrivals(&self, rng: &mut Rng) -> [Option<u64>; 2] {
        if *self == Weather::FAIR {
            return [Some(FAIR_MILLIS), None];
        }
        let happens = |rng: &mut Rng, of_thousand: u32| rng.u32(..1_000) < of_thousand;
        let mut once = || {
            let late = if happens(rng, self.late) { rng.u64(..=self.late_millis) } else { 0 };
            (!happens(rng, self.lost)).then_some(FAIR_MILLIS + late)
        };
        let first = once();
        let second = once();
        let doubled = happens(rng, self.doubled);
        [first, second.filter(|_| doubled)]
    }
}
