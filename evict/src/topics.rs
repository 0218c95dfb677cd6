//! What the running server has to say about the packet: one row for each thing that it detects, rejects or recovers from.
//!
//! `spec/packets.md`. A row names the contract's row that it is about, which is where its reason code comes from, and the deviation that
//! hardened mode would want because of it. In strict mode none is wanted.

use crate::loss::Sign;
use crate::mode::{Category, Deviation};
use crate::reason::ExpireEvictError as Error;

macro_rules! topics {
    ($($(#[$doc:meta])* $topic:ident $name:literal $error:ident $sign:ident $wanted:expr;)+) => {
        /// Something that is worth a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Topic { $($(#[$doc])* $topic,)+ }

        impl Topic {
            /// All of them.
            pub const ALL: &[Topic] = &[$(Topic::$topic,)+];

            /// Its name in log records.
            pub const fn name(self) -> &'static str {
                match self { $(Topic::$topic => $name,)+ }
            }

            /// The row of the contract that it is about.
            pub const fn error(self) -> Error {
                match self { $(Topic::$topic => Error::$error,)+ }
            }

            /// What it is a sign of.
            pub const fn sign(self) -> Sign {
                match self { $(Topic::$topic => Sign::$sign,)+ }
            }

            /// What hardened mode would want to do about it.
            pub const fn wanted(self) -> Option<Deviation> {
                match self { $(Topic::$topic => $wanted,)+ }
            }
        }
    };
}

const DIAGNOSE: Option<Deviation> = Some(Deviation::Listed(Category::BoundedParserDiagnostics));
const SANITISE: Option<Deviation> = Some(Deviation::Listed(Category::MetadataSanitization));
const CLAMP: Option<Deviation> = Some(Deviation::Listed(Category::ResourceClamp));
const UNLISTED: Option<Deviation> = Some(Deviation::Other);

topics! {
    /// A condition of the EXPIRE family that is unknown or contradicts another was refused.
    OptionRefused "option_refused" ExpireOptionParseViolation Parser DIAGNOSE;
    /// A time that is no number or overflows was refused.
    TimeRefused "expire_time_refused" ExpireCommandSemanticsViolation Parser DIAGNOSE;
    /// A setting of the limit of memory was refused.
    SettingRefused "memory_setting_refused" MaxmemoryStateViolation Parser DIAGNOSE;
    /// A value with its deadline was not restored: one of them cannot be.
    PayloadRefused "payload_refused" ExpireMetadataApiViolation Metadata SANITISE;
    /// The wall clock went back: what keys live by stands still until it has caught up.
    ClockBack "clock_back" ExpireLookupGuardViolation Metadata SANITISE;
    /// The wall clock leapt ahead: what is due then expires at once. Holding it back would be seen, so it is on no list.
    ClockAhead "clock_ahead" ExpireLookupGuardViolation Metadata UNLISTED;
    /// A setting was brought into its range.
    SettingClamped "setting_clamped" CycleBudgetViolation Metadata CLAMP;
    /// A limit of memory that is too small for the cores was refused.
    LimitTooSmall "maxmemory_too_small" MaxmemoryStateViolation Metadata None;
    /// A command was refused for want of memory.
    OutOfMemory "oom_refused" EvictionLoopContractViolation Transport None;
    /// A client was closed for the memory that it took.
    ClientEvicted "client_evicted" MaxmemoryStateViolation Transport None;
    /// Nothing could be evicted although memory was short: begins and ends.
    EvictionFailing "eviction_failing" EvictionLoopContractViolation Transport None;
    /// The active-expire cycle ran into its limit second after second: begins and ends.
    ExpiryBehind "expiry_behind" CycleBudgetViolation Transport None;
    /// Another mode is in force.
    ModeChanged "mode_changed" HardenedDeviationRejected Metadata None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Beliefs, State};
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_none_is_a_sign_of_harm() {
        let names: HashSet<&str> = Topic::ALL.iter().map(|topic| topic.name()).collect();
        assert_eq!(names.len(), Topic::ALL.len());
        for topic in Topic::ALL {
            // The server stops at what is unsafe: a broken invariant of our own asserts.
            assert_eq!(topic.sign().points_to(), State::Recoverable, "{topic:?}");
            assert!(Beliefs::after(&[topic.sign()]).of(State::Unsafe) < 0.3);
        }
    }

    #[test]
    fn every_category_is_wanted_by_some_topic() {
        for category in Category::ALL {
            let wanted = Some(Deviation::Listed(category));
            assert!(Topic::ALL.iter().any(|topic| topic.wanted() == wanted), "{}", category.name());
        }
        assert!(Topic::ALL.iter().any(|topic| topic.wanted() == UNLISTED));
    }
}
