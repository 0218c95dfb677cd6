//! Who of the masters finds a node failing.
//!
//! §9.2, §9.4. A report holds for twice the node timeout. There is at most one per reporter, so a node has at most as many as there are
//! nodes.

use std::collections::BTreeMap;

use crate::faults::{Fault, planted};
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::work::counted;

/// Reports about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    of: BTreeMap<NodeIndex, UnixMillis>,
    /// None of them is older.
    oldest: UnixMillis,
}

impl Reports {
    /// Notes a report, or that it was made again. Returns whether it is a new one. O(log reports).
    pub fn add(&mut self, reporter: NodeIndex, now: UnixMillis) -> bool {
        counted(1);
        self.oldest = if self.of.is_empty() { now } else { self.oldest.min(now) };
        match self.of.get_mut(&reporter) {
            Some(time) => {
                *time = now.max(*time);
                false
            }
            None => {
                self.of.insert(reporter, now);
                true
            }
        }
    }

    /// Takes a report back. Returns whether there was one.
    pub fn remove(&mut self, reporter: NodeIndex) -> bool {
        self.of.remove(&reporter).is_some()
    }

    /// Drops those that are too old. Looks at them only if one may be.
    pub fn expire(&mut self, node_timeout: Millis, now: UnixMillis) {
        let limit = node_timeout * REPORT_TIMEOUTS;
        if self.of.is_empty() || now.since(self.oldest) <= limit {
            return;
        }
        counted(self.of.len());
        self.of.retain(|_, time| planted(Fault::ReportsLast) || now.since(*time) <= limit);
        self.oldest = self.of.values().min().copied().unwrap_or_default();
    }

    /// The clock was set back by so much.
    pub fn set_back(&mut self, by: Millis) {
        self.of.values_mut().for_each(|time| *time = time.set_back(by));
        self.oldest = self.oldest.set_back(by);
    }

    /// Who reports.
    pub fn reporters(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        counted(self.of.len());
        self.of.keys().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether nobody does.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

/// For how many node timeouts a report holds.
const REPORT_TIMEOUTS: u64 = 2;

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U011_one_report_per_reporter_for_two_timeouts() {
        let (mut reports, timeout) = (Reports::default(), Millis(1_000));
        let (one, two) = (NodeIndex(1), NodeIndex(2));
        assert!(reports.add(one, UnixMillis(5_000)) && reports.add(two, UnixMillis(6_000)));
        assert!(!reports.add(one, UnixMillis(5_500)), "the same again");
        assert!(!reports.add(one, UnixMillis(5_100)), "a clock that was set back makes it no older");
        reports.expire(timeout, UnixMillis(7_500));
        assert_eq!(reports.reporters().collect::<Vec<_>>(), [one, two]);
        reports.expire(timeout, UnixMillis(7_501));
        assert_eq!(reports.reporters().collect::<Vec<_>>(), [two]);
        assert!(reports.remove(two) && !reports.remove(two) && reports.is_empty());
    }
}
