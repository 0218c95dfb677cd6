//! Deadlines of values: which lines have something that is due (`crate::due`), and fetching it ahead.

use evict::time::UnixMillis;

use crate::due::{NEVER, Search};
use crate::prefetch::prefetch;

use super::{Hashes, Lines, Place, SLOT_BITS};

/// Steps of `prefetch_due`: three for the bounds of the lines, of which there are fewer than 512; then the lines and their values.
pub(crate) const STEPS_AHEAD: usize = 5;

/// Lines whose values are fetched together. One more line gains nothing (`benches/expiry.rs`): a processor can only have so much on its way.
const LINES_AHEAD: usize = 2;

impl<V: Default, const N: usize, const W: usize> Lines<V, N, W> {
    /// Nothing here is due earlier.
    #[inline]
    pub(crate) fn earliest(&self) -> UnixMillis {
        self.due.earliest()
    }

    /// The value at a place got this deadline.
    #[inline]
    pub(crate) fn set_deadline(&mut self, place: Place, deadline: UnixMillis) {
        self.due.lower((place >> SLOT_BITS) as usize, self.lines.len(), deadline);
    }

    /// Looks for a value that is due. Reads the values of one line.
    pub(crate) fn next_due(&mut self, now: UnixMillis, hashes: &impl Hashes<V>) -> Search<Place> {
        let Some(at) = self.due.first(now) else { return Search::Nothing };
        let line = &self.lines[at];
        self.prefetch_values(at, hashes);
        let mut earliest = NEVER;
        for slot in line.used() {
            let deadline = hashes.deadline_of(&line.values[slot]).unwrap_or(NEVER);
            if deadline <= now && deadline != NEVER {
                return Search::Found((at as u32) << SLOT_BITS | slot as u32);
            }
            earliest = earliest.min(deadline);
        }
        self.due.set(at, self.lines.len(), earliest);
        Search::Raised
    }

    /// Where much is due, the next line is due next: fetches the values of this one and that, which must be there themselves, and the lines
    /// behind them.
    #[inline]
    fn prefetch_values(&self, at: usize, hashes: &impl Hashes<V>) {
        let ahead = &self.lines[at..];
        ahead.iter().skip(LINES_AHEAD).take(LINES_AHEAD).for_each(|line| prefetch(line));
        for line in ahead.iter().take(LINES_AHEAD) {
            line.used().for_each(|slot| hashes.prefetch(&line.values[slot]));
        }
    }

    /// Fetches what `next_due` will read, in [`STEPS_AHEAD`] steps, each of which reads what the one before it fetched.
    pub(crate) fn prefetch_due(&self, now: UnixMillis, step: usize, hashes: &impl Hashes<V>) {
        const LINES: usize = STEPS_AHEAD - 2;
        const VALUES: usize = STEPS_AHEAD - 1;
        match step {
            0..LINES => self.due.prefetch(now, step),
            LINES => {
                let ahead = self.due.first(now).map_or(&[][..], |at| &self.lines[at..]);
                ahead.iter().take(2 * LINES_AHEAD).for_each(|line| prefetch(line));
            }
            VALUES => self.due.first(now).into_iter().for_each(|at| self.prefetch_values(at, hashes)),
            _ => {}
        }
    }

    /// The lines in which something may have a deadline, in order.
    pub(crate) fn timed(&self) -> impl Iterator<Item = u32> {
        self.due.bounded().map(|line| line as u32)
    }

    /// Whether something in the line of this number may have a deadline. There may be no such line.
    #[inline]
    pub(crate) fn is_timed(&self, line: usize) -> bool {
        self.due.of(line) != NEVER
    }

    /// The places of a line's values.
    pub(crate) fn places(&self, line: u32) -> impl Iterator<Item = Place> {
        (0..N).filter_map(move |slot| self.draw(line as usize * N + slot))
    }

    /// Sets the bound of a line to what its values say.
    pub(crate) fn correct(&mut self, line: u32, hashes: &impl Hashes<V>) {
        let at = &self.lines[line as usize];
        let earliest = at.used().filter_map(|slot| hashes.deadline_of(&at.values[slot])).min();
        self.due.set(line as usize, self.lines.len(), earliest.unwrap_or(NEVER));
    }
}
