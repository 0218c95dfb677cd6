//! Faults that adversarial suites plant: one switch for each, and none of them outside the tests of the crate that has it.
//!
//! Where a decision could go wrong in the way a threat wants it to, it asks `planted`. In a build that is no test of its crate the answer is
//! the constant "no", so nothing of it is left. A suite plants every fault in turn and shows that a check notices. Those below are of the
//! threat T11 of both packets: what is hardened is used to get around the contract.

/// Declares the faults of a crate, for a module of its own: `Fault`, `planted`, and `notices` for the suite.
#[macro_export]
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident,)+) => {
        /// A way to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($(#[$doc])* $fault,)+ }

        #[cfg(test)]
        impl Fault {
            /// All of them.
            pub(crate) const ALL: &[Fault] = &[$(Fault::$fault,)+];
        }

        /// Whether this fault is to be made.
        #[cfg(not(test))]
        #[inline(always)]
        pub(crate) const fn planted(_fault: Fault) -> bool {
            false
        }

        #[cfg(test)]
        thread_local! {
            static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
        }

        /// Whether this fault is to be made on this thread.
        #[cfg(test)]
        pub(crate) fn planted(fault: Fault) -> bool {
            PLANTED.get() == Some(fault)
        }

        /// Runs `check` with the fault planted, or with none; whether it noticed, which a check does by panicking.
        #[cfg(test)]
        pub(crate) fn notices(check: fn(), fault: Option<Fault>) -> bool {
            PLANTED.set(fault);
            let noticed = std::panic::catch_unwind(check).is_err();
            PLANTED.set(None);
            noticed
        }
    };
}

faults! {
    /// The budget of a hardened category is never spent.
    BudgetNeverSpent,
    /// A category that is not allow-listed is let through.
    AllowListIgnored,
    /// Drift on a critical row changes nothing.
    DriftIgnored,
    /// Probable harm is answered by going on.
    UnsafeGoesOn,
}
