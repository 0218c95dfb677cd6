//! Who of the masters finds a node failing.
//!
//! §9.2, §9.4. A report holds for twice the node timeout. There is at most one per reporter, so a node has at most as many as there are
//! nodes.

use crate::faults::{Fault, planted};
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};

/// Reports about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports(Vec<(NodeIndex, UnixMillis)>);

impl Reports {
    /// Notes a report, or that it was made again. Returns whether it is a new one.
    pub fn add(&mut self, reporter: NodeIndex, now: UnixMillis) -> bool {
        match self.0.iter_mut().find(|(of, _)| *of == reporter) {
            Some((_, time)) => {
                *time = now.max(*time);
                false
            }
            None => {
                self.0.push((reporter, now));
                true
            }
        }
    }

    /// Takes a report back. Returns whether there was one.
    pub fn remove(&mut self, reporter: NodeIndex) -> bool {
        let before = self.0.len();
        self.0.retain(|(of, _)| *of != reporter);
        self.0.len() < before
    }

    /// Drops those that are too old.
    pub fn expire(&mut self, node_timeout: Millis, now: UnixMillis) {
        self.0.retain(|(_, time)| planted(Fault::ReportsLast) || now.since(*time) <= node_timeout * REPORT_TIMEOUTS);
    }

    /// The clock was set back by so much.
    pub fn set_back(&mut self, by: Millis) {
        self.0.iter_mut().for_each(|(_, time)| *time = time.set_back(by));
    }

    /// Who reports.
    pub fn reporters(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.0.iter().map(|(of, _)| *of)
    }

    /// Whether nobody does.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
