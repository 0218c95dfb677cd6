//! A limit on guessing: an address whose passwords were wrong too often must wait before it may try again.
//!
//! After `failures_max` wrong passwords without a right one between them, the next attempts of the address are refused unread: for a
//! second at first, and for twice as long with every further wrong password, up to a minute. A right password clears the
//! address. Nothing is delayed, so nobody else waits, and nothing is shared: every core has a table of its own, of bounded size,
//! and counts what its own connections try. With N cores an address has at most N times the attempts.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

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

/// Addresses that a table holds: 16 K of them are less than a mebibyte. Above, those that failed longest ago are forgotten first.
const ADDRESSES_MAX: usize = 16_384;

/// The first wait, in milliseconds.
const WAIT_MS: u64 = 1_000;

/// The longest wait, in milliseconds.
const WAIT_MS_MAX: u64 = 60_000;

/// After this time without a failure an address is as good as new.
const FORGOTTEN_MS: u64 = 10 * WAIT_MS_MAX;

/// What is known of an address.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u64,
    last_ms: u64,
}

/// The failures of one core's clients.
#[derive(Debug, Default)]
pub struct Attempts {
    failures: HashMap<Address, Failures>,
}

impl Attempts {
    /// For how long an address may not try, in milliseconds; 0 if it may. `failures_max` 0 is no limit.
    pub fn wait_ms(&self, address: Address, now_ms: u64, failures_max: u64) -> u64 {
        let Some(failures) = self.failures.get(&address).filter(|_| failures_max > 0) else { return 0 };
        let Some(above) = failures.count.checked_sub(failures_max) else { return 0 };
        let wait = WAIT_MS.checked_shl(above.min(16) as u32).unwrap_or(WAIT_MS_MAX).min(WAIT_MS_MAX);
        (failures.last_ms + wait).saturating_sub(now_ms)
    }

    /// Notes a wrong password.
    pub fn failed(&mut self, address: Address, now_ms: u64) {
        if self.failures.len() >= ADDRESSES_MAX && !self.failures.contains_key(&address) {
            self.make_room(now_ms);
        }
        let failures = self.failures.entry(address).or_insert(Failures { count: 0, last_ms: now_ms });
        if now_ms.saturating_sub(failures.last_ms) > FORGOTTEN_MS {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last_ms: now_ms };
    }

    /// Number of addresses in the table.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.failures.len()
    }

    /// Notes a right password.
    pub fn succeeded(&mut self, address: Address) {
        self.failures.remove(&address);
    }

    /// Forgets the older half, so that this is rare however many addresses there are.
    fn make_room(&mut self, now_ms: u64) {
        self.failures.retain(|_, failures| now_ms.saturating_sub(failures.last_ms) <= FORGOTTEN_MS);
        if self.failures.len() < ADDRESSES_MAX {
            return;
        }
        let mut times: Vec<u64> = self.failures.values().map(|failures| failures.last_ms).collect();
        let (_, middle, _) = times.select_nth_unstable(ADDRESSES_MAX / 2);
        let middle = *middle;
        self.failures.retain(|_, failures| failures.last_ms > middle);
    }
}
