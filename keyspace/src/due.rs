//! When something is due: the earliest deadline of each of several groups, and of all of them.
//!
//! Nothing is kept per key. A group (the entries of a line, the lines of a segment, the segments of a table, the slots of a core) has a bound:
//! nothing in it is due earlier. A new deadline lowers the bound; one that is changed, cleared or gone leaves it as it is, until its time
//! comes: then whoever looks into the group finds nothing and raises it. Each such look was paid for by the deadline that
//! lowered the bound. The bounds are the leaves of a tournament tree, so what is due is found, not searched: O(log groups) to find, and to
//! set most often O(1), as most new deadlines are later than some other in their group.
//!
//! For keys that is 16 bytes per line, some three bytes per key.

use evict::time::UnixMillis;

use crate::prefetch::prefetch;

/// The bound of a group in which nothing has a deadline; a deadline at this time never comes.
pub(crate) const NEVER: UnixMillis = UnixMillis(i64::MAX);

/// What looking for something that is due came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search<P> {
    /// This is due.
    Found(P),
    /// The group that was looked into has nothing that is; another may.
    Raised,
    /// Nothing is.
    Nothing,
}

/// The bounds of numbered groups. Empty, and without memory, until something has a deadline.
#[derive(Default)]
pub(crate) struct Due {
    /// Node `i` is the lower of nodes `2i` and `2i + 1`; the upper half are the groups' own.
    nodes: Box<[i64]>,
}

impl Due {
    /// How many groups there is room for.
    #[inline]
    pub(crate) fn groups(&self) -> usize {
        self.nodes.len() / 2
    }

    /// Nothing is due earlier.
    #[inline]
    pub(crate) fn earliest(&self) -> UnixMillis {
        self.nodes.get(1).map_or(NEVER, |&at| UnixMillis(at))
    }

    /// Bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.nodes)
    }

    /// Something in a group, one of `groups`, is due at `at`.
    #[inline]
    pub(crate) fn lower(&mut self, group: usize, groups: usize, at: UnixMillis) {
        if self.groups() < groups {
            self.make_room(groups);
        }
        let mut node = self.groups() + group;
        while node > 0 && self.nodes[node] > at.0 {
            self.nodes[node] = at.0;
            node /= 2;
        }
    }

    /// Sets a group's bound.
    pub(crate) fn set(&mut self, group: usize, groups: usize, at: UnixMillis) {
        if self.groups() < groups {
            if at == NEVER {
                return;
            }
            self.make_room(groups);
        }
        let mut node = self.groups() + group;
        self.nodes[node] = at.0;
        while node > 1 {
            node /= 2;
            let lower = self.nodes[2 * node].min(self.nodes[2 * node + 1]);
            if self.nodes[node] == lower {
                return;
            }
            self.nodes[node] = lower;
        }
    }

    /// The groups that have bounds, in order.
    pub(crate) fn bounded(&self) -> impl Iterator<Item = usize> {
        let bounds = &self.nodes[self.groups()..];
        bounds.iter().enumerate().filter(|(_, at)| **at != NEVER.0).map(|(group, _)| group)
    }

    /// Nothing in a group is due earlier.
    #[inline]
    pub(crate) fn of(&self, group: usize) -> UnixMillis {
        self.nodes.get(self.groups() + group).map_or(NEVER, |&at| UnixMillis(at))
    }

    /// A group whose bound has come.
    #[inline]
    pub(crate) fn first(&self, now: UnixMillis) -> Option<usize> {
        let groups = self.groups();
        let now = now.0.min(NEVER.0 - 1);
        if self.earliest().0 > now {
            return None;
        }
        let mut node = 1;
        while node < groups {
            node *= 2;
            node += usize::from(self.nodes[node] > now);
        }
        Some(node - groups)
    }

    /// Fetches what `first` reads of three levels of the tree, below `times` three levels that are there already. Three levels below a node
    /// are three cache lines at most, as its children's children stand side by side.
    #[inline]
    pub(crate) fn prefetch(&self, now: UnixMillis, times: usize) {
        let (groups, mut node) = (self.groups(), 1);
        for _ in 0..3 * times {
            if node >= groups {
                return;
            }
            node *= 2;
            node += usize::from(self.nodes[node] > now.0);
        }
        [2 * node, 4 * node, 8 * node]
            .iter()
            .filter_map(|&below| self.nodes.get(below))
            .for_each(|below| prefetch(below));
    }

    /// The first group from `from` on whose bound has come, or else of those before it. The number of groups is a power of two, so that
    /// they stand in their order.
    pub(crate) fn next(&self, from: usize, now: UnixMillis) -> Option<usize> {
        let first = self.first(now)?;
        let (groups, now) = (self.groups(), now.0.min(NEVER.0 - 1));
        debug_assert!(groups.is_power_of_two());
        let mut node = groups + from;
        if self.nodes[node] <= now {
            return Some(from);
        }
        // Up to where something to the right has come, and down again to the first of it.
        while node % 2 == 1 || self.nodes[node + 1] > now {
            node /= 2;
            if node <= 1 {
                return Some(first);
            }
        }
        node += 1;
        while node < groups {
            node *= 2;
            node += usize::from(self.nodes[node] > now);
        }
        Some(node - groups)
    }

    #[cold]
    fn make_room(&mut self, groups: usize) {
        let before = self.groups();
        let mut nodes = vec![NEVER.0; 2 * groups].into_boxed_slice();
        nodes[groups..groups + before].copy_from_slice(&self.nodes[before..]);
        for node in (1..groups).rev() {
            nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]);
        }
        self.nodes = nodes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_are_those_of_a_list(
            steps in proptest::collection::vec((0..3u8, 0..40usize, 0..50i64), 0..300),
        ) {
            let (mut dues, mut model) = (Due::default(), vec![NEVER.0; 40]);
            for (what, group, at) in steps {
                // Groups are added as a directory adds segments.
                let groups = dues.groups().max((group + 1).next_power_of_two());
                match what {
                    0 => {
                        dues.lower(group, groups, UnixMillis(at));
                        model[group] = model[group].min(at);
                    }
                    1 => {
                        dues.set(group, groups, UnixMillis(at));
                        model[group] = at;
                    }
                    _ => {
                        dues.set(group, groups, NEVER);
                        model[group] = NEVER.0;
                    }
                }
                let earliest = *model.iter().min().expect("there are groups");
                prop_assert_eq!(dues.earliest(), UnixMillis(earliest));
                for moment in [at - 1, at, at + 1, i64::MAX - 1, i64::MAX] {
                    let found = dues.first(UnixMillis(moment));
                    prop_assert_eq!(found.is_some(), earliest <= moment && earliest != NEVER.0);
                    prop_assert!(found.is_none_or(|group| model[group] <= moment));
                    let from = group.min(dues.groups().saturating_sub(1));
                    let due = |group: &usize| model.get(*group).is_some_and(|at| *at <= moment && *at != NEVER.0);
                    let expected = (from..groups).find(due).or_else(|| (0..from).find(due));
                    prop_assert_eq!(dues.next(from, UnixMillis(moment)), expected);
                }
            }
        }
    }

    #[test]
    fn any_number_of_groups_has_a_root() {
        for groups in 1..70 {
            for group in 0..groups {
                let mut due = Due::default();
                due.lower(group, groups, UnixMillis(5));
                assert_eq!((due.earliest(), due.first(UnixMillis(4))), (UnixMillis(5), None));
                assert_eq!(due.first(UnixMillis(5)), Some(group), "{group} of {groups}");
                due.set(group, groups, NEVER);
                assert_eq!((due.earliest(), due.first(UnixMillis(9))), (NEVER, None));
            }
        }
    }
}
