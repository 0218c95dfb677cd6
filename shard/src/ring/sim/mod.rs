//! The simulated ring: the contract of the trait, at its meanest, from a seed and in virtual time.
//!
//! Any number of rings and clients live in one thread around one [`SimNet`], which holds the bytes under way, the clock and the
//! only source of randomness: the same seed and the same calls give the same run. A test steps the cores; `enter` never blocks.
//!
//! What it does to the loop above, within what the real ring may do: short receives, short sends, delays and reordering
//! between connections (never within one), lack of receive buffers, slow readers (a bounded window), resets at any moment,
//! failing accepts, late releases, enters that return nothing.
//!
//! Time advances by a little per busy enter, and otherwise only when *every* ring waits with nothing to do: then it jumps to
//! the next delivery or the end of the shortest wait. A core that the test does not step therefore stops the clock; use
//! [`SimNet::advance`] to let it fall behind.

mod link;
mod net;
mod random;
mod ring;
#[cfg(test)]
mod tests;

pub use link::{SimClient, SimSocket};
pub use net::{SimNet, SimOptions, SimWaker};
pub use ring::SimRing;
