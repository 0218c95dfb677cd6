//! What a command answers, without a protocol: whoever talks to the client encodes it.

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterReply {
    /// It is done.
    Ok,
    /// A status in words.
    Status(String),
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Text for people.
    Verbatim(String),
    /// Nothing.
    Null,
    /// Several.
    Array(Vec<ClusterReply>),
    /// Several by their names.
    Map(Vec<(ClusterReply, ClusterReply)>),
}
