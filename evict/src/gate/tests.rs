//! The full matrix of the gate: `expire-evict.md` §5, U009.
#![allow(non_snake_case)]

use super::*;
use Verdict::{Delete, Expired, Valid};

const WHEN: UnixMillis = UnixMillis(1_000);
const AFTER: UnixMillis = UnixMillis(1_001);

/// The flags that a lookup can carry, in the columns of [`EXPIRED_KEY`]: a read, FORCE, AVOID, both.
const FLAGS: [GateFlags; 4] = [
    GateFlags::NONE,
    GateFlags::FORCE_DELETE,
    GateFlags::AVOID_DELETE,
    GateFlags::FORCE_DELETE.and(GateFlags::AVOID_DELETE),
];

type Row = (Role, Caller, [Verdict; 4], [Verdict; 4]);

/// Verdicts on an expired key in a loaded data set: per column of [`FLAGS`], while expiry runs and while it is paused.
/// A writable replica is the FORCE column of its role.
const EXPIRED_KEY: [Row; 10] = [
    (Role::Master, Caller::Client, [Delete, Delete, Expired, Expired], [Expired; 4]),
    (Role::Master, Caller::Script, [Delete, Delete, Expired, Expired], [Expired; 4]),
    // No master has a master link; what calls itself one gets no privilege.
    (Role::Master, Caller::MasterLink, [Delete, Delete, Expired, Expired], [Expired; 4]),
    (Role::Master, Caller::ImportLink, [Valid; 4], [Valid; 4]),
    (Role::Master, Caller::Nested, [Expired; 4], [Expired; 4]),
    (Role::Replica, Caller::Client, [Expired, Delete, Expired, Expired], [Expired; 4]),
    (Role::Replica, Caller::Script, [Expired, Delete, Expired, Expired], [Expired; 4]),
    (Role::Replica, Caller::MasterLink, [Valid; 4], [Valid; 4]),
    (Role::Replica, Caller::ImportLink, [Valid; 4], [Valid; 4]),
    (Role::Replica, Caller::Nested, [Expired; 4], [Expired; 4]),
];

#[test]
pub(crate) fn FR_P2C_008_U009_expired_keys() {
    for (role, caller, running, paused) in EXPIRED_KEY {
        for (expiry, verdicts) in [(Expiry::Running, running), (Expiry::Paused, paused)] {
            let context = GateContext { now: AFTER, role, caller, data_set: DataSet::Ready, expiry };
            for (flags, verdict) in FLAGS.into_iter().zip(verdicts) {
                assert_eq!(gate(&context, Some(WHEN), flags), verdict, "{context:?} {flags:?}");
                let allowed = flags.and(GateFlags::ALLOW_EXPIRED);
                assert_eq!(gate(&context, Some(WHEN), allowed), Valid, "{context:?} {allowed:?}");
            }
        }
    }
}

#[test]
pub(crate) fn FR_P2C_008_U009_valid_in_any_case_while_loading_or_live() {
    for (role, caller, ..) in EXPIRED_KEY {
        for expiry in [Expiry::Running, Expiry::Paused] {
            for flags in FLAGS {
                let ready = GateContext { now: WHEN, role, caller, data_set: DataSet::Ready, expiry };
                let loading = GateContext { now: AFTER, data_set: DataSet::Loading, ..ready };
                let late = GateContext { now: UnixMillis(i64::MAX), ..ready };
                assert_eq!(gate(&ready, Some(WHEN), flags), Valid, "at the deadline: {ready:?} {flags:?}");
                assert_eq!(gate(&loading, Some(WHEN), flags), Valid, "{loading:?} {flags:?}");
                assert_eq!(gate(&late, None, flags), Valid, "no deadline: {late:?} {flags:?}");
            }
        }
    }
}

#[test]
pub(crate) fn FR_P2C_008_U009_borders_differ_at_the_deadline_only() {
    let rows = [
        (UnixMillis(999), [false, false, false]),
        (WHEN, [false, true, true]),
        (AFTER, [true, true, true]),
        (UnixMillis(i64::MIN), [false, false, false]),
        (UnixMillis(i64::MAX), [true, true, true]),
    ];
    for (now, expected) in rows {
        let borders = [expired_on_access(now, WHEN), past_when_set(now, WHEN), due_in_cycle(now, WHEN)];
        assert_eq!(borders, expected, "{now:?}");
    }
}
