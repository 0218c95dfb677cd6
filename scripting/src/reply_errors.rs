//! Errors in the reply of a run, for the server's statistics.
//!
//! What a call answered was counted when it was made, and its table says so; what the script made up was not.

use std::collections::BTreeMap;

use keyspace::refusal::error_code;

/// The most codes that are told apart. What a script invents beyond that counts as the general one.
const CODES_MAX: usize = 128;

/// Errors in a reply.
#[derive(Debug, Default)]
pub struct ReplyErrors {
    count: u64,
    uncounted: BTreeMap<Box<[u8]>, u64>,
}

impl ReplyErrors {
    /// Notes one, and whether the server counted it already.
    pub(crate) fn note(&mut self, text: &[u8], counted: bool) {
        self.count += 1;
        if counted {
            return;
        }
        let code = error_code(text);
        match self.uncounted.get_mut(code) {
            Some(count) => *count += 1,
            None => {
                let code = if self.uncounted.len() < CODES_MAX { code } else { b"ERR" };
                *self.uncounted.entry(code.into()).or_default() += 1;
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The codes of those that the server has not counted, with how many there are of each.
    pub fn uncounted(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.uncounted.iter().map(|(code, count)| (&**code, *count))
    }
}
