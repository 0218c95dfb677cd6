//! The atomics and the cell of the baton and the ticket, named in one place.
//!
//! `baton.rs` and `ticket.rs` take them from `super::sync`, so that the models (`tests/tests/model_baton.rs`, `model_ticket.rs`) compile the
//! same files against loom's types.

pub(super) use core::cell::UnsafeCell;
pub(super) use core::hint::spin_loop;
pub(super) use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
pub(super) use std::sync::Arc;

/// Most looks at the word of a visited shard before [`super::baton::Owner::wake`] gives up: with `pause` (up to 45 ns each) under 1 µs,
/// the longest spin that `spec/cores.md` §2.4 allows.
pub(super) const WAKE_SPINS: u32 = 16;
