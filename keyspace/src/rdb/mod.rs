//! Redis's object encoding: what DUMP writes and RESTORE reads, one value at a time.
//!
//! A payload comes from anybody, so every reader here checks everything: lengths against the bytes that are there, decompressed
//! sizes against what the codec can reach, every packed form to its last byte. What is wrong is a [`Corrupt`], never a panic.
//! Readers hand elements to a closure or sink of the family as they find them, so nothing but one inflated string, and of a list
//! the node that it becomes, is held at a time. What the family alone can see (a member that stands there twice) its closure refuses. Writers take iterators.
//!
//! The formats: the file format's description at rdb.fnordig.de, `listpack.md` by S. Sanfilippo, LZF by M. Lehmann; details were
//! confirmed with payloads of redis-server.

// The frame of a payload or a file, and what stands in it.
pub mod file;
pub mod functions;
pub mod object_type;
pub mod payload;

// Integers, strings and numbers.
mod crc64;
mod lzf;
pub mod reader;
pub mod writer;

// Packed forms: one string that holds many elements.
pub mod element;
mod intset;
pub mod listpack;
mod ziplist;
mod zipmap;

// One family each.
pub mod hash;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod stream;
mod stream_node;
pub mod timed_hash;

/// Bytes that are not what they should be, with the reason for whoever debugs; clients see one text for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);
#[cfg(test)]
pub(crate) mod captured_tests;
#[cfg(test)]
pub(crate) mod mutation_tests;
#[cfg(test)]
mod round_trip_tests;
