//! How long things would be in Redis's listpack.
//!
//! When a node is full, and with that what `XTRIM ~` removes, is decided in Redis by the bytes of the node's listpack. Nodes are
//! kept in a shorter form here, and count these bytes beside it.

use crate::packed::Element;

/// Bytes of a listpack without elements: its head and its end.
pub const EMPTY: usize = 7;

/// Bytes of an integer.
pub fn integer(value: i64) -> usize {
    match value {
        0..=127 => 2,
        -4096..=4095 => 3,
        -0x8000..=0x7fff => 4,
        -0x80_0000..=0x7f_ffff => 5,
        -0x8000_0000..=0x7fff_ffff => 6,
        _ => 10,
    }
}

/// Bytes of an element.
pub fn element(element: Element) -> usize {
    let len = match element {
        Element::Int(value) => return integer(value),
        Element::Bytes(bytes) => bytes.len(),
    };
    let len = len
        + match len {
            0..64 => 1,
            64..4096 => 2,
            _ => 5,
        };
    len + match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}
