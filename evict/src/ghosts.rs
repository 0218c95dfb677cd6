//! Which keys were evicted lately: fingerprints only, in a table of fixed places.
//!
//! S3-FIFO's ghost queue (see [`crate::s3fifo`]). A fingerprint lives for as many later evictions as the queue is to be long; how long
//! ago it came tells its number. So nothing is ever moved or swept: what is too old counts as absent, and is overwritten.

/// Places that a fingerprint may stand in.
const WAYS: usize = 4;

/// Fewest places.
const PLACES_MIN: usize = 1_024;

/// Fingerprints in the order of their coming. 8 bytes for each that is remembered, and up to as many again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ghosts {
    places: Vec<u64>,
    /// The table before it grew, for as long as something in it may be young enough.
    former: Vec<u64>,
    /// Number of the next one; wraps.
    next: u32,
    grown_at: u32,
}

impl Ghosts {
    /// Remembers a key by 32 bits of its hash, while the last `capacity` are to be remembered.
    pub(crate) fn insert(&mut self, fingerprint: u32, capacity: usize) {
        if self.places.len() < capacity.max(PLACES_MIN) {
            let places = capacity.max(PLACES_MIN).next_power_of_two();
            // Zeroed pages: nothing is touched before it is used.
            self.former = std::mem::replace(&mut self.places, vec![0; places]);
            self.grown_at = self.next;
        } else if !self.former.is_empty() && self.age(self.grown_at) as usize > capacity {
            self.former = Vec::new();
        }
        self.next = self.next.wrapping_add(1);
        let next = self.next;
        let ways = ways(&mut self.places, fingerprint).expect("the table has places");
        let age = |place: &u64| if *place == 0 { u32::MAX } else { next.wrapping_sub(*place as u32) };
        let oldest = ways.iter_mut().max_by_key(|place| age(place)).expect("there are ways");
        *oldest = u64::from(fingerprint | 1) << 32 | u64::from(next);
    }

    /// Whether a key is among the last `capacity`; it is forgotten.
    pub(crate) fn take(&mut self, fingerprint: u32, capacity: usize) -> bool {
        let next = self.next;
        let is_it = |place: &u64| {
            let young = (next.wrapping_sub(*place as u32) as usize) < capacity;
            *place >> 32 == u64::from(fingerprint | 1) && young
        };
        for table in [&mut self.places, &mut self.former] {
            let place = ways(table, fingerprint).and_then(|ways| ways.iter_mut().find(|place| is_it(place)));
            if let Some(place) = place {
                *place = 0;
                return true;
            }
        }
        false
    }

    /// Bytes on the heap. O(1).
    pub(crate) fn heap_bytes(&self) -> usize {
        (self.places.capacity() + self.former.capacity()) * size_of::<u64>()
    }

    fn age(&self, number: u32) -> u32 {
        self.next.wrapping_sub(number)
    }
}

/// The places of a table, whose number is a power of two, where a fingerprint may stand.
fn ways(table: &mut [u64], fingerprint: u32) -> Option<&mut [u64]> {
    let sets = table.len() / WAYS;
    let set = (fingerprint >> 1) as usize & sets.checked_sub(1)?;
    table.get_mut(set * WAYS..(set + 1) * WAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(number: u32) -> u32 {
        number.wrapping_mul(0x9e37_79b1)
    }

    #[test]
    fn remembers_the_last_ones() {
        for capacity in [10usize, 1_000, 5_000] {
            let mut ghosts = Ghosts::default();
            assert!(!ghosts.take(7, capacity));
            for number in 0..20_000 {
                ghosts.insert(fingerprint(number), capacity);
            }
            let first = 20_000 - capacity as u32;
            let known = (first..20_000).filter(|&number| ghosts.take(fingerprint(number), capacity)).count();
            // Some lose their place to others of their set.
            assert!(known * 100 >= capacity * 90, "{known} of {capacity}");
            let old = (0..first).filter(|&number| ghosts.take(fingerprint(number), capacity)).count();
            assert!(old < 5, "{old} that are too old");
            let again = (0..20_000).filter(|&number| ghosts.take(fingerprint(number), capacity)).count();
            assert_eq!(again, 0, "taken once");
        }
    }

    #[test]
    fn growing_forgets_nothing_young() {
        let mut ghosts = Ghosts::default();
        let mut lost = 0;
        for number in 0..100_000u32 {
            let capacity = number as usize / 2 + 10;
            ghosts.insert(fingerprint(number), capacity);
            let earlier = number - number.min(8);
            lost += u32::from(!ghosts.take(fingerprint(earlier), capacity));
            ghosts.insert(fingerprint(earlier), capacity);
        }
        assert!(lost < 200, "{lost}");
        assert!(ghosts.places.len() <= 65_536);
    }
}
