//! What one request may ask for.

/// Whether the peer still has to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A password is set and the connection has not given it: the small limits hold as well.
    Needed,
    /// No password is needed or it was given.
    Done,
}

/// Bounds of one request, as the settings and the connection's state give them.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: u32,
    /// Most arguments of a command, its name included.
    pub args_max: u32,
    /// Longest inline line and longest length line in bytes, without its end.
    pub inline_bytes_max: u32,
    /// Whether [`Limits::UNAUTHENTICATED_ARGS_MAX`] and [`Limits::UNAUTHENTICATED_BULK_BYTES_MAX`] hold too.
    pub auth: Auth,
}

impl Limits {
    /// Default of `bulk_bytes_max`: 512 MiB, redis-server's `proto-max-bulk-len`.
    pub const BULK_BYTES_MAX: u32 = 512 << 20;
    /// 1,048,576 arguments: what redis-server allowed until 7.0, which takes 2^31 - 1 but could never hold them.
    pub const ARGS_MAX: u32 = 1 << 20;
    /// 64 KiB, redis-server's fixed bound.
    pub const INLINE_BYTES_MAX: u32 = 64 << 10;
    /// Most arguments before authentication: enough for `HELLO 3 AUTH user password SETNAME name`.
    pub const UNAUTHENTICATED_ARGS_MAX: u32 = 10;
    /// Longest argument before authentication: 16 KiB.
    pub const UNAUTHENTICATED_BULK_BYTES_MAX: u32 = 16 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_bytes_max: Self::BULK_BYTES_MAX,
            args_max: Self::ARGS_MAX,
            inline_bytes_max: Self::INLINE_BYTES_MAX,
            auth: Auth::Done,
        }
    }
}
