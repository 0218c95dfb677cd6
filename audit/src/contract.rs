//! A packet's contract: its rows, what a broken one is called, and which are critical.
//!
//! Audit events and tests name a broken row by its reason code.

use std::fmt::{Debug, Formatter, Result};

use crate::mode::{Criticality, Rejection};

/// The rows of a packet's contract. Each value is the error of one row.
pub trait Contract: Copy + Debug + PartialEq + 'static {
    /// The packet's name in log records.
    const PACKET: &'static str;

    /// Each row's error and reason codes, in the order of the rows. The first code is the row's own. The last row is that of hardened mode,
    /// with a code for each [`Rejection`] in their order.
    const ROWS: &'static [(Self, &'static [&'static str])];

    /// Numbers of the rows on which drift ends hardening.
    const CRITICAL: &'static [u8];

    /// The number of its row: 5 for C05.
    fn row(self) -> u8 {
        let at = Self::ROWS.iter().position(|row| row.0 == self).expect("each error has a row");
        at as u8 + 1
    }

    /// Its reason codes.
    fn codes(self) -> &'static [&'static str] {
        Self::ROWS[usize::from(self.row()) - 1].1
    }

    /// The reason code of the row itself.
    fn code(self) -> &'static str {
        self.codes()[0]
    }

    /// Whether drift on its row ends hardening.
    fn criticality(self) -> Criticality {
        if Self::CRITICAL.contains(&self.row()) { Criticality::Critical } else { Criticality::Ordinary }
    }

    /// The reason code of a deviation that was rejected.
    fn rejection_code(rejection: Rejection) -> &'static str {
        let (_, codes) = Self::ROWS.last().expect("a contract has rows");
        codes[rejection as usize]
    }

    /// Packet, row and code: for `Display`.
    fn describe(self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} C{:02}: {}", Self::PACKET, self.row(), self.code())
    }
}
