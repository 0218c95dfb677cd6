//! The rules of STYLE.md and of the design, as checks over source text.
//!
//! Each check is a pure function from a file to its faults, so that a unit test beside it shows that it can fail.
//! `tests/tests/tidy.rs` runs them all over the tree.

pub mod arrows;
pub mod hosts;
pub mod names;
pub mod purity;
pub mod size;
pub mod source;
pub mod unsafety;
