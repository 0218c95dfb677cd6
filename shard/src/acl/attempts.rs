//! A limit on guessing: an address that gave wrong passwords for a user too often must wait before it may try that user again.
//!
//! After `failures_max` wrong passwords without a right one between them, the next attempts are refused unread: for a second at
//! first, and for twice as long with every further wrong password, up to a minute. A right password clears the failures of that
//! address with that user alone: who has a user of its own cannot try for others without end, and who shares an address with
//! somebody who guesses can still come in as another user. Nothing is delayed, so nobody else waits, and nothing is shared: every
//! core has a table of its own, of bounded size, and counts what its own connections try. With N cores an address has at most N
//! times the attempts.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

use crate::heap::table_bytes;

use super::password::hash;

/// Where attempts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A machine. Of an IPv6 address the first 64 bits: a machine may have all the others.
    Machine(IpAddr),
    /// A UNIX socket, or an address that cannot be told.
    Local,
}

impl Address {
    /// The address of a client by its end of the connection, with its port.
    pub fn of(peer: &str) -> Address {
        match peer.parse::<SocketAddr>().map(|peer| peer.ip().to_canonical()) {
            Ok(IpAddr::V6(ip)) => Address::Machine(IpAddr::V6((u128::from(ip) >> 64 << 64).into())),
            Ok(ip) => Address::Machine(ip),
            Err(_) => Address::Local,
        }
    }
}

/// Who tries: an address, for a user. Of the name there is only a hash, for it may be long and need not be anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    address: Address,
    name: [u8; 16],
}

impl Claim {
    /// An address that says it is this user.
    pub fn new(address: Address, name: &[u8]) -> Claim {
        Claim { address, name: hash(name).half() }
    }
}

/// Claims that a table holds: 16 K of them are about a mebibyte. Above, those that failed least often are forgotten first, then
/// those that failed longest ago: who makes up names cannot have its failures with a real one forgotten.
const CLAIMS_MAX: usize = 16_384;

/// The first wait, in milliseconds.
const WAIT_MS: u64 = 1_000;

/// The longest wait, in milliseconds.
const WAIT_MS_MAX: u64 = 60_000;

/// After this time without a failure a claim is as good as new.
const FORGOTTEN_MS: u64 = 10 * WAIT_MS_MAX;

/// What is known of a claim.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u64,
    last_ms: u64,
}

impl Failures {
    /// What is kept longer has a higher one.
    fn rank(&self) -> (u64, u64) {
        (self.count, self.last_ms)
    }
}

/// The failures of one core's clients.
#[derive(Debug, Default)]
pub struct Attempts {
    failures: HashMap<Claim, Failures>,
}

impl Attempts {
    /// For how long nobody may try this, in milliseconds; 0 if they may. `failures_max` 0 is no limit.
    pub fn wait_ms(&self, claim: Claim, now_ms: u64, failures_max: u64) -> u64 {
        let Some(failures) = self.failures.get(&claim).filter(|_| failures_max > 0) else { return 0 };
        let Some(above) = failures.count.checked_sub(failures_max) else { return 0 };
        let wait = WAIT_MS.checked_shl(above.min(16) as u32).unwrap_or(WAIT_MS_MAX).min(WAIT_MS_MAX);
        (failures.last_ms + wait).saturating_sub(now_ms)
    }

    /// Notes a wrong password.
    pub fn failed(&mut self, claim: Claim, now_ms: u64) {
        if self.failures.len() >= CLAIMS_MAX && !self.failures.contains_key(&claim) {
            self.make_room(now_ms);
        }
        let failures = self.failures.entry(claim).or_insert(Failures { count: 0, last_ms: now_ms });
        if now_ms.saturating_sub(failures.last_ms) > FORGOTTEN_MS {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last_ms: now_ms };
    }

    /// Bytes that it holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        table_bytes::<(Claim, Failures)>(self.failures.capacity())
    }

    /// Number of claims in the table.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.failures.len()
    }

    /// Notes a right password.
    pub fn succeeded(&mut self, claim: Claim) {
        self.failures.remove(&claim);
    }

    /// Forgets the lesser half, so that this is rare however many there are.
    fn make_room(&mut self, now_ms: u64) {
        self.failures.retain(|_, failures| now_ms.saturating_sub(failures.last_ms) <= FORGOTTEN_MS);
        if self.failures.len() < CLAIMS_MAX {
            return;
        }
        let mut ranks: Vec<_> = self.failures.values().map(Failures::rank).collect();
        let (_, middle, _) = ranks.select_nth_unstable(CLAIMS_MAX / 2);
        let middle = *middle;
        self.failures.retain(|_, failures| failures.rank() > middle);
    }
}
