//! `nodes.conf`: what a node knows of the cluster, as a text that it reads again after a restart.
//!
//! §13. Redis's own form, so that a node can be taken over from Redis and given back. Writing the file so that a crash leaves the
//! old or the new one is the server's; here is only its text.

mod line;
mod parse;
mod print;
mod record;

pub use line::OpenSlot;
pub(crate) use line::SlotWords;
pub use parse::{ConfError, Fault};
pub use record::{LinkState, NodeRecord, NodesConf, PrimaryPort};

#[cfg(test)]
pub(crate) mod conf_tests;
