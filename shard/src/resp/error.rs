//! Requests that cannot be read: the client's fault, told in redis-server's words.

use thiserror::Error;

/// Why the bytes of a connection are no request. The connection answers with [`ProtocolError::append_reply`] and closes:
/// where the next request would start is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The number after `*` is no number, or above [`Limits::args_max`](super::Limits::args_max).
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The number after `$` is no number, negative, or above
    /// [`Limits::bulk_bytes_max`](super::Limits::bulk_bytes_max).
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An argument starts with this byte instead of `$`.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    ExpectedDollar(u8),
    /// A `*` line does not end within the bound.
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// A `$` line does not end within the bound.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// An inline line does not end within the bound.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// More arguments than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline line has a quote that is not closed, or one closed in the middle of a word.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
}

impl ProtocolError {
    /// Appends the error reply, byte for byte as redis-server 7.0.15 sends it.
    ///
    /// The client's own byte in it goes out raw, but for a line end: that becomes a space and cannot end the reply.
    pub fn append_reply(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR ");
        match self {
            Self::ExpectedDollar(got) => {
                let got = if matches!(got, b'\r' | b'\n') { b' ' } else { got };
                out.extend_from_slice(b"Protocol error: expected '$', got '");
                out.extend_from_slice(&[got, b'\'']);
            }
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }
}
