//! A packed collection in the making, element by element, where all of them are at hand.

use super::EMPTY;
use super::element::{Element, Encoded};
use super::reader::{COUNT_BYTES, COUNT_UNKNOWN};

/// A packed collection that only grows at its end.
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Builder { bytes: EMPTY.to_vec(), count: 0 }
    }
}

impl Builder {
    /// Elements so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Puts an element behind the last.
    pub fn push(&mut self, element: Element<'_>) {
        let encoded = Encoded::element(element);
        self.bytes.extend_from_slice(encoded.head());
        self.bytes.extend_from_slice(encoded.data());
        self.bytes.extend_from_slice(encoded.back().bytes());
        self.count += 1;
    }

    /// Puts all elements of another one behind the last.
    pub fn append(&mut self, other: &Builder) {
        self.bytes.extend_from_slice(&other.bytes[COUNT_BYTES..]);
        self.count += other.count;
    }

    /// The collection, without room to grow in.
    pub fn finish(mut self) -> Vec<u8> {
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[..COUNT_BYTES].copy_from_slice(&count.to_le_bytes());
        self.bytes.shrink_to_fit();
        self.bytes
    }
}
