//! The circumstances in which nothing is evicted, whatever the pressure.
//!
//! C13, `spec/expire-evict.md` §12.1. While any of them holds, evicting would break what somebody else relies on: a script's view
//! of its keys, the master's stream, or an offset that was announced for a data set that stands still.

use crate::faults::{Fault, planted};
use crate::gate::{Caller, DataSet, Role};
use crate::policy::{ReplicaIgnores, evicts};

/// What stands against evicting: a set, which is usually empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hindrances(u8);

impl Hindrances {
    /// Nothing does.
    pub const NONE: Self = Self(0);
    /// A script that gave way to others is under way.
    pub const YIELDING: Self = Self(1);
    /// The data set is being loaded.
    pub const LOADING: Self = Self(2);
    /// A replica leaves it to its master.
    pub const REPLICA: Self = Self(4);
    /// The command comes from the master, or from the source of an import.
    pub const UPSTREAM: Self = Self(8);
    /// Eviction is paused.
    pub const PAUSED: Self = Self(16);

    /// Number of different sets.
    pub const SETS: usize = 32;

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The set as a number below [`Self::SETS`].
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

/// Whether eviction may run, as far as pauses go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// The usual.
    Running,
    /// CLIENT PAUSE, fail-over or hand-over of slots: the data set stands still.
    Paused,
}

/// Whether a script has given way to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielding {
    /// No.
    No,
    /// It is under way and will go on.
    Yes,
}

/// The circumstances of a command, or of the timer, which has [`Caller::Client`].
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Whether a script gave way.
    pub yielding: Yielding,
    /// How far loading is.
    pub data_set: DataSet,
    /// What we are.
    pub role: Role,
    /// `replica-ignore-maxmemory`.
    pub replica_ignores: ReplicaIgnores,
    /// Who asks.
    pub caller: Caller,
    /// Whether eviction is paused.
    pub eviction: Eviction,
}

impl Circumstances {
    /// What stands against evicting now.
    pub fn hindrances(&self) -> Hindrances {
        let upstream = matches!(self.caller, Caller::MasterLink | Caller::ImportLink);
        let rows = [
            (self.yielding == Yielding::Yes, Hindrances::YIELDING),
            (self.data_set == DataSet::Loading, Hindrances::LOADING),
            (!evicts(self.role, self.replica_ignores), Hindrances::REPLICA),
            (upstream && !planted(Fault::MasterLinkEvicts), Hindrances::UPSTREAM),
            (self.eviction == Eviction::Paused, Hindrances::PAUSED),
        ];
        rows.into_iter().filter(|row| row.0).fold(Hindrances::NONE, |set, row| set.and(row.1))
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const FREE: Circumstances = Circumstances {
        yielding: Yielding::No,
        data_set: DataSet::Ready,
        role: Role::Master,
        replica_ignores: ReplicaIgnores::Yes,
        caller: Caller::Client,
        eviction: Eviction::Running,
    };

    #[test]
    pub(crate) fn FR_P2C_008_U013_each_circumstance_alone_and_together() {
        let rows = [
            (FREE, Hindrances::NONE),
            (Circumstances { replica_ignores: ReplicaIgnores::No, ..FREE }, Hindrances::NONE),
            (Circumstances { caller: Caller::Script, ..FREE }, Hindrances::NONE),
            (Circumstances { caller: Caller::Nested, ..FREE }, Hindrances::NONE),
            (Circumstances { yielding: Yielding::Yes, ..FREE }, Hindrances::YIELDING),
            (Circumstances { data_set: DataSet::Loading, ..FREE }, Hindrances::LOADING),
            (Circumstances { role: Role::Replica, ..FREE }, Hindrances::REPLICA),
            (Circumstances { role: Role::Replica, replica_ignores: ReplicaIgnores::No, ..FREE }, Hindrances::NONE),
            (Circumstances { caller: Caller::MasterLink, ..FREE }, Hindrances::UPSTREAM),
            (Circumstances { caller: Caller::ImportLink, ..FREE }, Hindrances::UPSTREAM),
            (Circumstances { eviction: Eviction::Paused, ..FREE }, Hindrances::PAUSED),
        ];
        for (circumstances, expected) in rows {
            assert_eq!(circumstances.hindrances(), expected, "{circumstances:?}");
        }
        let all = Circumstances {
            yielding: Yielding::Yes,
            data_set: DataSet::Loading,
            role: Role::Replica,
            replica_ignores: ReplicaIgnores::Yes,
            caller: Caller::MasterLink,
            eviction: Eviction::Paused,
        };
        assert_eq!(all.hindrances().number(), Hindrances::SETS - 1);
        assert!(Hindrances::NONE.is_none() && !all.hindrances().is_none());
    }
}
