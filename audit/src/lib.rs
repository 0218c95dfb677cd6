//! What every packet of contracts needs beside its rows (`spec/packets.md`). Pure.
//!
//! A packet is a set of promises with a table: FR-P2C-008 is `evict`'s, FR-P2C-007 is `clusterbus`'s. The packet brings its rows, its topics
//! and its faults; what is done with them is the same for all and stands here. Nothing here reads a clock or writes anything.
#![forbid(unsafe_code)]

// What a record is made of.
pub mod digest;
pub mod evidence;
pub mod record;
pub mod time;

// What a packet brings.
pub mod contract;
pub mod faults;
pub mod topic;

// What is done when something looks wrong, and who hears of it.
pub mod auditor;
pub mod loss;
pub mod mode;

#[cfg(test)]
mod adversarial_tests;
#[cfg(test)]
mod packet_tests;
#[cfg(test)]
pub mod sample;
