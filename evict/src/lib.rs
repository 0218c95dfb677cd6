//! What to remove and when: expiry, eviction and the decisions around them. Pure.
//!
//! Time, randomness and sizes are arguments; nothing here reads a clock, holds a key or deletes anything. The data is reached
//! through small traits that its owner implements. `C01` to `C16` are the rows of the contract in `spec/expire-evict.md` §1.
#![forbid(unsafe_code)]

// The clocks are those of records.
pub use audit::time;

// Expiry: on access, by command, by the cycle.
pub mod budget;
pub mod cycle;
pub mod deadline;
pub mod fields;
pub mod gate;
pub mod options;
pub mod ttl;

// Eviction: which key.
pub mod access;
mod fifo;
mod ghosts;
pub mod policy;
pub mod pool;
pub mod s3fifo;
pub mod victim;
pub mod weights;

// Eviction: how much, when, and who.
pub mod barren;
pub mod clients;
pub mod decision;
pub mod evictions;
pub mod pressure;
pub mod quota;
pub mod safety;
pub mod tenacity;

// Where in the turn.
pub mod hooks;
pub mod oom;

// What others are told of it.
pub mod order;
pub mod record;

// What the packet brings to its audit: what a broken row is called, and what there is to say.
pub mod reason;
pub mod topics;

mod faults;

// Tests of all of it together.
#[cfg(test)]
mod adversarial_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod packet_tests;
