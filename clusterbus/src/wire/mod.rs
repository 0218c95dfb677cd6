//! The bus protocol: bytes of peers to frames and back, and nothing in between.
//!
//! C10, §7. A frame is checked whole before anybody acts on it: what [`Frame::decode`] returns has every length in place and every
//! text fit to be stored. What a frame means is not decided here.

mod bytes;
mod extension;
mod frame;
mod gossip;
mod header;
mod kind;
pub(crate) mod stream;

pub use extension::{Extension, ForgetTtl};
pub use frame::{Body, Claim, Frame, FrameError, ModuleId, Publication, Pulse};
pub use gossip::{GossipEntry, Seconds};
pub use header::{HEADER_BYTES, Header, Health, Marks};
pub use kind::{Kind, PulseKind};
pub use stream::{Arrived, FRAME_BYTES_MAX, FrameLimits, FrameStream, StreamError};

#[cfg(test)]
pub(crate) mod captured_tests;
#[cfg(test)]
pub(crate) mod frame_tests;
#[cfg(test)]
pub(crate) mod generated;
