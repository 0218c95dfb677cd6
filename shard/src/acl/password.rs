//! Passwords: kept and compared as SHA-256, as aclfiles have them.

use std::hint::black_box;

use sha2::{Digest, Sha256};

/// The hash of a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// Hashes a password.
pub fn hash(password: &[u8]) -> Hash {
    Hash(Sha256::digest(password).into())
}

impl Hash {
    /// Reads 64 hexadecimal digits in lower case.
    pub fn parse(text: &[u8]) -> Option<Hash> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Some(Hash(bytes))
    }

    /// The first half: as good to tell texts apart that nobody keeps.
    pub fn half(&self) -> [u8; 16] {
        *self.0.first_chunk().expect("it is longer")
    }

    /// The same as text.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares in a time that depends on neither.
    pub fn is(&self, other: &Hash) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| black_box(differ | (a ^ b))) == 0
    }
}

/// A hash is as good as its password to whoever can try many: it is never printed by accident.
impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(..)")
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
