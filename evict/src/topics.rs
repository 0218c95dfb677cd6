//! What the running server has to say about the packet: one row for each thing that it detects, rejects or recovers from.
//!
//! `spec/packets.md`.

use audit::topic::{CLAMP, DIAGNOSE, SANITISE, UNLISTED};

use crate::reason::ExpireEvictError as Error;

/// Defences of each category per window and core.
const BUDGETS: [u32; 3] = [64; 3];

audit::topics! {
    Error, "fr_expire_evict_phase2c_packet_008_runtime", BUDGETS;
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
#[allow(non_snake_case)]
mod tests {
    use super::*;
    use audit::contract::Contract;
    use audit::digest::Digest;
    use audit::loss::{Beliefs, State};
    use audit::mode::{Category, Deviation, Mode};
    use audit::time::{Monotonic, UnixMillis};
    use audit::topic::AuditTopic;
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
    fn FR_P2C_008_STRICT_U013_each_topic_makes_a_record_of_the_packet() {
        let mut auditor = Auditor::new(Mode::Strict);
        for &topic in Topic::ALL {
            auditor.note(topic, Digest::default());
        }
        let events = auditor.take(UnixMillis(1), Monotonic(1));
        assert_eq!(events.len(), Topic::ALL.len());
        for (event, topic) in events.iter().zip(Topic::ALL) {
            let line = event.record().to_json_line();
            for part in [topic.name(), topic.row().code(), "\"FR-P2C-008\"", "\"strict\"", Topic::SUITE] {
                assert!(line.contains(part), "{part} in {line}");
            }
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
