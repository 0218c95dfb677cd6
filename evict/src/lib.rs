//! What to remove and when: expiry, eviction and the decisions around them. Pure.
//!
//! Time, randomness and sizes are arguments; nothing here reads a clock, holds a key or deletes anything. The data is reached
//! through small traits that its owner implements. `C01` to `C16` are the rows of the contract in `spec/expire-evict.md` §1.
#![forbid(unsafe_code)]

// Expiry.
pub mod access;
pub mod budget;
pub mod cycle;
pub mod deadline;
pub mod fields;
pub mod gate;
pub mod options;
pub mod time;
pub mod ttl;

mod faults;
