//! What a core stores: slots, tables, entries and the commands on them. Pure: no I/O, no clock, no entropy.

// What a command is.
pub mod args;
pub mod refusal;
pub mod reply;
pub mod spec;

// What is stored.
mod ahead;
mod dense;
mod directory;
mod due;
pub mod entry;
pub mod hash;
pub mod intset;
pub mod limits;
mod lines;
pub mod packed;
mod prefetch;
pub mod slot;
pub mod store;
pub mod table;
pub mod types;

// What a stored value is to the outside.
pub mod digest;
pub mod payloads;
pub mod rdb;

// What commands do.
pub mod commands;
pub mod exec;
pub mod log;
pub mod signals;
pub mod whole;

mod bitmap;
pub mod double;
mod geo;
pub mod glob;
mod hyperloglog;
mod long_double;
mod natural;
pub mod number;
mod partial_sort;
