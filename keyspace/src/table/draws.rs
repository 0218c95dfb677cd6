//! Fair draws among the entries of a table, for the choice of what to evict.
//!
//! An entry of any kind is drawn by drawing places until one is in use. For entries with deadlines that takes long where they are few: then
//! the bounds of lines and segments ([`crate::due`]) tell where to draw. A bound may be out of date; whoever found nothing by it corrects it.

use evict::policy::Class;
use smallvec::SmallVec;

use crate::directory::Directory;
use crate::entry::Entry;
use crate::hash::{KeyHasher, Random};

use super::{Entries, Place, Root, Table};

/// Places of entries.
pub(crate) type Places = SmallVec<[Place; 8]>;

/// Entries with deadlines are common where they are at least one in so many.
const COMMON: usize = 8;

/// Draws of a place before a draw goes another way: of common entries one in 5,000 does.
const TRIES_MAX: usize = 64;

/// Draws of a segment before a draw goes another way. Most look at one bound.
const SEGMENT_TRIES_MAX: usize = 1_024;

/// Segments that are searched when draws have found nothing.
const SEGMENTS_SEARCHED_MAX: usize = 64;

impl Table {
    /// Where an entry of a class stands, each drawn with the same probability. `None` if there is none. In a directory where few have
    /// deadlines, one of a segment that has fewer of them than others may be drawn somewhat more often.
    pub(crate) fn draw_place(&mut self, class: Class, random: &mut Random, hasher: &KeyHasher) -> Option<Place> {
        let (volatile, len) = (self.volatile(), self.len());
        if class == Class::All || volatile == len {
            return self.sample_place(random);
        }
        if volatile == 0 {
            return None;
        }
        let common = if volatile >= len.div_ceil(COMMON) { TRIES_MAX } else { 0 };
        let drawn = (0..common).find_map(|_| self.try_place(random).filter(|place| is_volatile(self.at(*place))));
        drawn.or_else(|| self.draw_by_bounds(random)).or_else(|| self.search_by_bounds(random, hasher))
    }

    /// Where up to `max` entries of a class stand: all of them if there are no more, else each drawn with about the same probability. One
    /// may be among them twice.
    pub(crate) fn draw_places(&mut self, class: Class, max: usize, random: &mut Random, hasher: &KeyHasher) -> Places {
        let len = self.len();
        let members = match class {
            Class::All => len,
            Class::Volatile => self.volatile(),
        };
        match &mut self.root {
            Root::One(lines) if members <= max && members < len => {
                volatile_places(lines, hasher).into_iter().map(|line| Place { segment: 0, line }).collect()
            }
            Root::One(lines) if members <= max => {
                let places = (0..lines.slots()).filter_map(|number| lines.draw(number));
                places.map(|line| Place { segment: 0, line }).collect()
            }
            _ if class == Class::Volatile && members < len => {
                let mut places = self.sample_timed(max, random);
                if places.is_empty() {
                    places.extend(self.draw_place(class, random, hasher));
                }
                places
            }
            _ => (0..max).filter_map(|_| self.draw_place(class, random, hasher)).collect(),
        }
    }

    /// Where up to `max` entries with deadlines stand, of as many lines that are drawn among those with bounds: all entries of these are
    /// fetched at once, so that their misses overlap. None where few lines have bounds, or none of those has such an entry.
    fn sample_timed(&self, max: usize, random: &mut Random) -> Places {
        let lines: SmallVec<[_; 8]> = (0..max).map_while(|_| self.draw_timed_line(random)).collect();
        let in_lines = || {
            lines.iter().flat_map(|&(segment, line)| {
                self.segment(segment).places(line).map(move |line| Place { segment, line })
            })
        };
        in_lines().for_each(|place| self.at(place).prefetch());
        let mut places: Places = in_lines().filter(|place| is_volatile(self.at(*place))).collect();
        // Some of all that were found, so that those of a full line have the chance of others.
        for chosen in 0..max.min(places.len()) {
            let other = chosen + random.below((places.len() - chosen) as u64) as usize;
            places.swap(chosen, other);
        }
        places.truncate(max);
        places
    }

    /// A line with a bound, each drawn with the same probability, and its segment. `None` if the draws met none.
    fn draw_timed_line(&self, random: &mut Random) -> Option<(u32, u32)> {
        (0..TRIES_MAX).find_map(|_| {
            let (segment, lines_max) = match &self.root {
                Root::One(lines) => (0, lines.slots() / Entries::WIDTH),
                Root::Many(directory) => {
                    let segment = random.below(directory.segments() as u64) as u32;
                    (segment, directory.segment_slots_max() / Entries::WIDTH)
                }
            };
            let line = random.below(lines_max as u64) as usize;
            self.segment(segment).is_timed(line).then_some((segment, line as u32))
        })
    }

    /// The lines of a segment; a small table has one.
    fn segment(&self, segment: u32) -> &Entries {
        match &self.root {
            Root::One(lines) => lines,
            Root::Many(directory) => directory.segment(segment),
        }
    }

    /// One draw among all places that entries may stand in.
    fn try_place(&self, random: &mut Random) -> Option<Place> {
        match &self.root {
            Root::One(lines) => {
                let line = lines.draw(random.below(lines.slots() as u64) as usize)?;
                Some(Place { segment: 0, line })
            }
            Root::Many(directory) => directory.draw(random),
        }
    }

    /// Draws among the places of lines that have bounds.
    fn draw_by_bounds(&self, random: &mut Random) -> Option<Place> {
        match &self.root {
            Root::One(lines) => {
                let timed: SmallVec<[u32; 64]> = lines.timed().collect();
                let line = (0..TRIES_MAX).find_map(|_| try_timed(lines, &timed, random))?;
                Some(Place { segment: 0, line })
            }
            Root::Many(directory) => {
                let segments = directory.segments() as u64;
                // Twice the lines with bounds that a segment has on average, and some: hardly any has more, and those that have fewer are
                // refused in proportion.
                let lines_max = 2 * self.volatile() as u64 / segments + 4;
                (0..SEGMENT_TRIES_MAX).find_map(|_| {
                    let segment = random.below(segments) as u32;
                    let lines = directory.timed_segment(segment)?;
                    let timed: SmallVec<[u32; 64]> = lines.timed().collect();
                    let taken = random.below(lines_max) < timed.len() as u64;
                    let line = if taken { try_timed(lines, &timed, random)? } else { return None };
                    Some(Place { segment, line })
                })
            }
        }
    }

    /// Looks through lines that have bounds, corrects these, and draws among what they have.
    #[cold]
    fn search_by_bounds(&mut self, random: &mut Random, hasher: &KeyHasher) -> Option<Place> {
        match &mut self.root {
            Root::One(lines) => {
                let found = volatile_places(lines, hasher);
                one_of(&found, random).map(|line| Place { segment: 0, line })
            }
            Root::Many(directory) => search_segments(directory, random, hasher),
        }
    }
}

fn search_segments(
    directory: &mut Directory<Option<Entry>, 7, 1>,
    random: &mut Random,
    hasher: &KeyHasher,
) -> Option<Place> {
    let mut from = random.below(directory.segments() as u64) as u32;
    for _ in 0..SEGMENTS_SEARCHED_MAX {
        let segment = directory.next_timed(from)?;
        let found = directory.correct(segment, |lines| volatile_places(lines, hasher));
        if let Some(line) = one_of(&found, random) {
            return Some(Place { segment, line });
        }
        from = segment + 1;
    }
    None
}

fn is_volatile(entry: &Entry) -> bool {
    entry.deadline().is_some()
}

fn one_of(found: &[u32], random: &mut Random) -> Option<u32> {
    if found.is_empty() { None } else { Some(found[random.below(found.len() as u64) as usize]) }
}

/// One draw among the places of some lines: of an entry with a deadline.
fn try_timed(lines: &Entries, timed: &[u32], random: &mut Random) -> Option<u32> {
    let line = one_of(timed, random)? as usize;
    let place = lines.draw(line * Entries::WIDTH + random.below(Entries::WIDTH as u64) as usize)?;
    lines.get(place)?.as_ref().filter(|entry| is_volatile(entry)).map(|_| place)
}

/// Where all entries with deadlines stand. Corrects the bounds of lines. O(lines, and entries of those that have bounds).
fn volatile_places(lines: &mut Entries, hasher: &KeyHasher) -> SmallVec<[u32; 8]> {
    let timed: SmallVec<[u32; 64]> = lines.timed().collect();
    let mut found = SmallVec::new();
    for line in timed {
        let entry = |place: &u32| lines.get(*place).and_then(Option::as_ref);
        lines.places(line).filter_map(|place| entry(&place)).for_each(Entry::prefetch);
        found.extend(lines.places(line).filter(|place| entry(place).is_some_and(is_volatile)));
        lines.correct(line, hasher);
    }
    found
}

#[cfg(test)]
#[path = "draws_tests.rs"]
mod tests;
