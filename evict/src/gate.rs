//! The expiry gate: what becomes of a key whose deadline is met on access.
//!
//! C09: one function over all circumstances (`spec/expire-evict.md` §5), so that the order of its rules stands in one place and
//! the whole matrix can be tested. The gate only decides; deleting, counting and propagating is the keyspace's.

use crate::faults::{Fault, planted};
use crate::time::UnixMillis;

/// Whether a lookup finds the key expired: strictly after its deadline.
///
/// The three borders differ in the millisecond of the deadline itself, on purpose (§3.2).
pub const fn expired_on_access(now: UnixMillis, when: UnixMillis) -> bool {
    now.0 > when.0
}

/// Whether a deadline given by the EXPIRE family is already past, which deletes the key: at the deadline itself too.
pub const fn past_when_set(now: UnixMillis, when: UnixMillis) -> bool {
    when.0 <= now.0
}

/// Whether the active cycle removes the key: it keeps only what has time left.
pub const fn due_in_cycle(now: UnixMillis, when: UnixMillis) -> bool {
    now.0 >= when.0
}

/// What the server is to its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Decides by itself.
    Master,
    /// Follows a master, read-only or writable: write lookups of a writable one carry [`GateFlags::FORCE_DELETE`].
    Replica,
}

/// On whose behalf a key is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client's command.
    Client,
    /// A script's command. Its time is that of the script's start.
    Script,
    /// The stream from our master.
    MasterLink,
    /// The stream that imports slots.
    ImportLink,
    /// A lookup of a key that the command did not name (a module's, SORT's BY and GET) while such keys are not to be
    /// expired. While they are, it counts as its command's caller.
    Nested,
}

/// How far the data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSet {
    /// Being loaded: nothing is expired.
    Loading,
    /// Loaded.
    Ready,
}

/// Whether keys may be deleted for being expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The usual.
    Running,
    /// The data set has to stand still (CLIENT PAUSE, fail-over, hand-over of slots).
    Paused,
}

/// What a lookup asks of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateFlags(u8);

impl GateFlags {
    /// A read.
    pub const NONE: Self = Self(0);
    /// A write on anything but a read-only replica: a replica deletes as well.
    pub const FORCE_DELETE: Self = Self(1);
    /// Hide an expired key, but leave it.
    pub const AVOID_DELETE: Self = Self(2);
    /// Take an expired key as it is (modules).
    pub const ALLOW_EXPIRED: Self = Self(4);

    /// Both what `self` and what `other` asks.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

/// The circumstances of a command, the same for all its lookups.
#[derive(Clone, Copy, Debug)]
pub struct GateContext {
    /// The command's time (§3.1): frozen at its start, or at the start of its script or transaction.
    pub now: UnixMillis,
    /// What we are.
    pub role: Role,
    /// Who asks.
    pub caller: Caller,
    /// How far loading is.
    pub data_set: DataSet,
    /// Whether expiry is paused.
    pub expiry: Expiry,
}

/// What the lookup does with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Use it.
    Valid,
    /// Hide it: missing to the command, but kept.
    Expired,
    /// Delete it (counted, propagated, notified): missing to the command.
    Delete,
}

/// Decides on a key with the deadline `when`; a key without one is always valid.
#[inline]
pub fn gate(context: &GateContext, when: Option<UnixMillis>, flags: GateFlags) -> Verdict {
    match when {
        Some(when) if expired_on_access(context.now, when) => gate_expired(context, flags),
        Some(when) if planted(Fault::AccessBorderOff) && when == context.now => gate_expired(context, flags),
        _ => Verdict::Valid,
    }
}

/// The rules for a key past its deadline; the first that applies decides.
fn gate_expired(context: &GateContext, flags: GateFlags) -> Verdict {
    if context.data_set == DataSet::Loading || flags.has(GateFlags::ALLOW_EXPIRED) {
        return Verdict::Valid;
    }
    match (context.role, context.caller) {
        // Upstream decides, and sends the deletion.
        (Role::Replica, Caller::MasterLink) | (_, Caller::ImportLink) => return Verdict::Valid,
        (Role::Replica, _) if !flags.has(GateFlags::FORCE_DELETE) && !planted(Fault::ReplicaDeletes) => {
            return Verdict::Expired;
        }
        (_, Caller::Nested) => return Verdict::Expired,
        _ => {}
    }
    let paused = context.expiry == Expiry::Paused && !planted(Fault::PauseIgnoredByGate);
    if flags.has(GateFlags::AVOID_DELETE) || paused {
        return Verdict::Expired;
    }
    Verdict::Delete
}

#[cfg(test)]
pub(crate) mod tests;
