//! Names of nodes and shards: forty letters and digits.
//!
//! §7.2, §13.2. A name is checked once, where it comes in, so that one that exists can be printed into `nodes.conf`, a redirect or a
//! reply without a second look.

use crate::faults::{Fault, planted};
use std::fmt;

/// Bytes of a name.
pub const ID_BYTES: usize = 40;

/// Whether the bytes may be in a name: `[a-z0-9]`.
fn is_name(bytes: &[u8; ID_BYTES]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || planted(Fault::NamesUnchecked))
}

/// Entropy as forty hexadecimal digits.
const fn hexadecimal(entropy: [u8; ID_BYTES / 2]) -> [u8; ID_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut name = [0; ID_BYTES];
    let mut at = 0;
    while at < entropy.len() {
        name[2 * at] = DIGITS[(entropy[at] >> 4) as usize];
        name[2 * at + 1] = DIGITS[(entropy[at] & 15) as usize];
        at += 1;
    }
    name
}

macro_rules! name {
    ($(#[$doc:meta])* $Name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name([u8; ID_BYTES]);

        impl $Name {
            /// The name in these bytes, if each is one of `[a-z0-9]`.
            pub fn new(bytes: [u8; ID_BYTES]) -> Option<Self> {
                is_name(&bytes).then_some(Self(bytes))
            }

            /// The name in these bytes, if there are forty and each is one of `[a-z0-9]`.
            pub fn parse(bytes: &[u8]) -> Option<Self> {
                Self::new(bytes.try_into().ok()?)
            }

            /// A name of 160 random bits.
            pub const fn from_entropy(entropy: [u8; ID_BYTES / 2]) -> Self {
                Self(hexadecimal(entropy))
            }

            /// Its bytes.
            pub const fn bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("letters and digits are text")
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

name! {
    /// The name of a node. Names are ordered as their bytes are: the smaller of two colliding masters acts (§10.3).
    NodeId
}

name! {
    /// The name of a shard: a master and its replicas.
    ShardId
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U010_names_are_forty_letters_and_digits() {
        let good = b"02ce5efbf1b93ddc860490fbc8ca26b3d332b390";
        assert_eq!(NodeId::parse(good).expect("a name").as_str().as_bytes(), good);
        // Redis takes all letters, not only those of hexadecimal.
        assert!(NodeId::parse(&[b'z'; 40]).is_some());
        for length in [0, 39, 41] {
            assert!(NodeId::parse(&vec![b'a'; length]).is_none(), "{length}");
        }
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_lowercase() && !byte.is_ascii_digit()) {
            for at in [0, 20, 39] {
                let mut bad = *good;
                bad[at] = byte;
                assert!(ShardId::new(bad).is_none(), "byte {byte} at {at}");
            }
        }
    }

    #[test]
    pub(crate) fn entropy_is_printed_in_order() {
        let name = NodeId::from_entropy(std::array::from_fn(|n| (n * 13) as u8));
        assert_eq!(name.as_str(), "000d1a2734414e5b6875828f9ca9b6c3d0ddeaf7");
    }
}
