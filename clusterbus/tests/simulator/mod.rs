//! The simulator: many nodes of the real state machine in virtual time, from one seed.
//!
//! Here is the world that they live in, what goes wrong in it, and what has to hold whatever goes wrong. The crate's own tests are played in
//! it (so that they can switch guards off), and so are `tests/simulation.rs` and the command `examples/simulate.rs`, which plays stories.
//! All of it is a function of the seed: the same seed is the same story to the last frame.

pub(crate) mod checks;
pub(crate) mod disk;
mod files;
pub(crate) mod hail;
pub(crate) mod story;
mod versions;
pub(crate) mod weather;
mod world;

#[allow(unused_imports, reason = "the command places no crash itself")]
pub(crate) use world::CrashPoint;
pub(crate) use world::World;
