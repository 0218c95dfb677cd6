//! A packet that is made up, for the tests of what every packet uses.

use crate::contract::Contract;
use crate::topic::{CLAMP, DIAGNOSE, UNLISTED};

/// Its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleError {
    /// C01.
    Ordinary,
    /// C02.
    Critical,
    /// C03.
    Hardened,
}

impl Contract for SampleError {
    const PACKET: &'static str = "SAMPLE";
    const ROWS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Ordinary, &["sample.ordinary"]),
        (Self::Critical, &["sample.critical", "sample.critical_too"]),
        (Self::Hardened, &["sample.not_listed", "sample.policy", "sample.exhausted"]),
    ];
    const CRITICAL: &'static [u8] = &[2, 3];
}

crate::topics! {
    SampleError, "sample_suite", [64; 3];
    /// Of which a defence is listed.
    Malformed "malformed" Ordinary Parser DIAGNOSE;
    /// Another.
    Clamped "clamped" Ordinary Metadata CLAMP;
    /// Of which one is not.
    Unlisted "unlisted" Ordinary Metadata UNLISTED;
    /// Of which none is wanted.
    Refused "refused" Critical Transport None;
    /// A sign of harm on an ordinary row.
    HarmElsewhere "harm_elsewhere" Ordinary Accounting None;
    /// A sign of harm on a critical one.
    Harm "harm" Critical Order None;
    /// That begins and ends.
    Failing "failing" Ordinary Transport None;
    /// Another mode is in force.
    ModeChanged "mode_changed" Hardened Metadata None;
}

mod tests {
    use super::SampleError as Error;
    use crate::contract::Contract;
    use crate::mode::{Criticality, Rejection};

    #[test]
    fn a_row_has_a_number_and_codes() {
        let rows = [
            (Error::Ordinary, 1, "sample.ordinary", Criticality::Ordinary),
            (Error::Critical, 2, "sample.critical", Criticality::Critical),
            (Error::Hardened, 3, "sample.not_listed", Criticality::Critical),
        ];
        for (error, row, code, criticality) in rows {
            assert_eq!((error.row(), error.code(), error.criticality()), (row, code, criticality));
        }
        assert_eq!(Error::Critical.codes(), ["sample.critical", "sample.critical_too"]);
        let rejected = [Rejection::NotListed, Rejection::Strict, Rejection::Exhausted].map(Error::rejection_code);
        assert_eq!(rejected, Error::Hardened.codes());
    }
}
