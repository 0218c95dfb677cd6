//! Harness of the black-box suites: contents, in reading order.
//!
//! The suites in `tests/tests` talk to the `ashlar` and `redis-server` binaries through sockets only; this crate
//! depends on no other crate of the workspace.
#![forbid(unsafe_code)]

pub mod binaries;
pub mod sequence;
pub mod server;

pub mod client;
pub mod cluster;
pub mod frame;
pub mod network;

pub mod script;
pub mod words;

pub mod grammar;

pub mod compare;
pub mod exceptions;
pub mod generated;
pub mod normalise;
pub mod replay;

pub mod boundaries;

pub mod evidence;
pub mod history;
pub mod process;

pub mod tidy;
pub mod turns;
