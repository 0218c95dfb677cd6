//! What to remove and when: the expiry gate and the access clocks. Pure decisions.
//!
//! Time and randomness are arguments; nothing here reads a clock, holds a key or deletes anything.
#![forbid(unsafe_code)]

pub mod access;
pub mod gate;
pub mod time;
