//! The structures of collections, one module per structure.

pub mod sorted_set;
