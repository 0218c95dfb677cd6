//! From which buffers a connection receives.
//!
//! Nearly all connections are on the *light* lane: multishot receives into small buffers. The kernel lets one multishot take dozens of
//! buffers before the next connection has any, so that a few connections that send much use up the ring, and everybody else waits for
//! several turns. Who fills one buffer after the other when they run out therefore moves to the *bulk* lane: single receives into a few
//! large buffers, one per connection and turn, first come, first served. It comes back when it has sent little for a while.

use std::io;

use super::buffers::Buffers;
use super::kernel::Kernel;
use super::setup::UringConfig;
use super::starved::Starved;
use crate::ring::BufferId;

/// A lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// Small buffers, multishot.
    Light,
    /// Large buffers, one at a time.
    Bulk,
}

impl Lane {
    /// The lane that a buffer belongs to: buffers of the bulk lane have the highest bit.
    pub(super) fn of(buffer: BufferId) -> Self {
        if buffer.0 & BULK_BIT == 0 { Lane::Light } else { Lane::Bulk }
    }
}

/// Marks the numbers of buffers of the bulk lane.
const BULK_BIT: u16 = 1 << 15;

/// Full buffers in a row that show a connection to send much, and other receives in a row that show that it does no longer.
const STREAK: u8 = 8;

/// How a connection has sent of late, and on which lane that puts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Habit {
    lane: Lane,
    /// Full buffers in a row on the light lane, others in a row on the bulk lane: at most [`STREAK`].
    streak: u8,
}

impl Habit {
    /// A connection that has sent nothing.
    pub(super) const NEW: Habit = Habit { lane: Lane::Light, streak: 0 };

    /// On which lane its next receive is.
    pub(super) fn lane(self) -> Lane {
        self.lane
    }

    /// Notes a receive that filled its buffer or did not.
    pub(super) fn received(&mut self, filled: bool) {
        let goes_on = filled == (self.lane == Lane::Light);
        self.streak = if goes_on { (self.streak + 1).min(STREAK) } else { 0 };
        if self.lane == Lane::Bulk && self.streak == STREAK {
            *self = Self::NEW;
        }
    }

    /// Notes that there was no buffer. True if the next receive is on another lane.
    pub(super) fn starved(&mut self) -> bool {
        let moves = self.lane == Lane::Light && self.streak == STREAK;
        if moves {
            *self = Habit { lane: Lane::Bulk, streak: 0 };
        }
        moves
    }
}

/// Buffers, and who waits for them.
pub(super) struct Pool {
    pub(super) buffers: Buffers,
    pub(super) starved: Starved,
}

/// The pools of both lanes.
pub(super) struct Pools {
    light: Pool,
    bulk: Pool,
}

impl Pools {
    /// Maps and registers the buffers of both lanes.
    pub(super) fn new(kernel: &Kernel, config: &UringConfig) -> io::Result<Self> {
        let pool = |group, first, count, bytes| {
            Ok::<_, io::Error>(Pool {
                buffers: Buffers::new(kernel, group, first, count, bytes)?,
                starved: Starved::new(),
            })
        };
        Ok(Self {
            light: pool(0, 0, config.buffers, config.buffer_bytes)?,
            bulk: pool(1, BULK_BIT, config.bulk_buffers, config.bulk_buffer_bytes)?,
        })
    }

    /// The pool of a lane.
    pub(super) fn of(&self, lane: Lane) -> &Pool {
        match lane {
            Lane::Light => &self.light,
            Lane::Bulk => &self.bulk,
        }
    }

    /// See [`Pools::of`].
    pub(super) fn of_mut(&mut self, lane: Lane) -> &mut Pool {
        match lane {
            Lane::Light => &mut self.light,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// The buffers that one belongs to.
    pub(super) fn buffers_with(&mut self, buffer: BufferId) -> &mut Buffers {
        &mut self.of_mut(Lane::of(buffer)).buffers
    }

    /// True if somebody waits although there are buffers.
    pub(super) fn is_owing(&self) -> bool {
        [&self.light, &self.bulk].iter().any(|pool| !pool.starved.is_empty() && pool.buffers.available() > 0)
    }

    /// True if somebody waits for whom there are enough buffers.
    pub(super) fn is_due(&self) -> bool {
        [&self.light, &self.bulk]
            .iter()
            .any(|pool| !pool.starved.is_empty() && pool.buffers.available() >= pool.feed_at())
    }
}

impl Pool {
    /// Free buffers that make it worth arming the starved again: fewer would mostly end in starving again.
    pub(super) fn feed_at(&self) -> u16 {
        (self.buffers.count() / 4).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fills_buffers_when_they_run_out_is_on_the_bulk_lane_until_it_is_calm() {
        let mut habit = Habit::NEW;
        let mut receive = |filled, times| (0..times).for_each(|_| habit.received(filled));
        receive(true, 3 * STREAK);
        receive(false, 1);
        assert!(!habit.starved(), "it has stopped");
        (0..STREAK).for_each(|_| habit.received(true));
        assert_eq!(habit.lane(), Lane::Light, "there are buffers");
        assert!(habit.starved() && habit.lane() == Lane::Bulk);
        (1..STREAK).for_each(|_| habit.received(false));
        habit.received(true);
        (1..STREAK).for_each(|_| habit.received(false));
        assert!(!habit.starved() && habit.lane() == Lane::Bulk);
        habit.received(false);
        assert_eq!(habit, Habit::NEW);
    }
}
