//! RESP requests: from received bytes to commands.
//!
//! The parser reads the caller's buffer and hands out positions in it; it copies and keeps no request bytes. Replies are
//! encoded by `keyspace`, which writes them where the commands run.

mod error;
mod inline;
mod limits;
mod parser;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use error::ProtocolError;
pub use keyspace::args::Span;
use keyspace::args::spells;
pub use limits::{Auth, Limits};
pub use parser::{Parser, Step};

/// Whether a first argument is the start of an HTTP request that a browser was tricked into sending to this port.
///
/// `POST` and `Host:` in any case, as redis-server 7.0.15 has it: the connection is then closed without a reply, before a
/// line of the request's body is taken for a command.
pub fn is_cross_protocol(first_arg: &[u8]) -> bool {
    spells(first_arg, "post") || spells(first_arg, "host:")
}
