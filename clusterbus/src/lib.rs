//! The cluster as a state machine: what nodes tell each other, what a node concludes, and who serves a key. Pure.
//!
//! Time, randomness and received bytes are arguments, decisions are values; nothing here opens a socket, writes a file or reads a
//! clock. `C01` to `C16` are the rows of the contract FR-P2C-007 in `spec/cluster.md` §1, and `§` alone refers to that file.
#![forbid(unsafe_code)]

// What things are called.
pub mod address;
pub mod epoch;
pub mod flags;
pub mod id;
pub mod reason;
pub mod settings;
pub mod slot_set;
pub mod time;
pub mod topics;

// What nodes tell each other.
pub mod wire;

// What a node knows.
pub mod conf;
pub mod forgotten;
pub mod nodes;
pub mod reports;
pub mod slot_table;

// What it concludes.
pub mod cluster;
pub mod command;
pub mod dice;
pub mod effect;
pub mod health;
pub mod quorum;

// Who serves a key.
pub mod gate;
pub mod modes;
pub mod redirect;
pub mod snapshot;

mod faults;
mod observed;
mod work;

// The simulator (`tests/simulator/`) is part of our own tests as well: there guards can be switched off under it.
#[cfg(test)]
extern crate self as clusterbus;

#[cfg(test)]
mod adversarial_tests;
#[cfg(test)]
pub(crate) mod gate_captured_tests;
#[cfg(test)]
pub(crate) mod gate_tests;
#[cfg(test)]
mod packet_tests;
