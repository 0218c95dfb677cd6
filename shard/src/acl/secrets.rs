//! Random bytes that nobody can guess, from a seed of the process's entropy: ACL GENPASS.
//!
//! A chain of SHA-256, as NIST SP 800-90A's Hash_DRBG in its simplest form: output is hashed from the state and a counter, then the
//! state is hashed itself, so what was given out cannot be found from what is in memory later.

use sha2::{Digest, Sha256};

/// A generator of one core.
pub struct Secrets {
    state: [u8; 32],
}

impl Secrets {
    /// A generator from 32 bytes that nobody else has.
    pub fn new(seed: [u8; 32]) -> Self {
        Secrets { state: seed }
    }

    /// Another 32 bytes that nobody else has: the seed of another generator.
    pub fn seed(&mut self) -> [u8; 32] {
        let drawn = self.block(0, b"seed");
        self.state = self.block(0, b"next");
        drawn
    }

    /// This many hexadecimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        let blocks = (0..count.div_ceil(64)).map(|counter| self.block(counter as u64, b"out"));
        let mut text: String = blocks.flatten().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(count);
        self.state = self.block(0, b"next");
        text
    }

    fn block(&self, counter: u64, purpose: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.state)
            .chain_update(counter.to_le_bytes())
            .chain_update(purpose)
            .finalize()
            .into()
    }
}
