//! Counts steps over nodes and reports, for tests that show how the work of a frame and of a tick grows with the cluster.
//!
//! In a build that is no test of this crate nothing of it is left.

/// So many nodes or reports were looked at.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn counted(_steps: usize) {}

#[cfg(test)]
pub(crate) use counter::{counted, of};

#[cfg(test)]
mod counter {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// So many nodes or reports were looked at on this thread.
    pub(crate) fn counted(steps: usize) {
        STEPS.set(STEPS.get() + steps);
    }

    /// How many `what` looks at.
    pub(crate) fn of(what: impl FnOnce()) -> usize {
        let before = STEPS.get();
        what();
        STEPS.get() - before
    }
}
