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

impl ClusterReply {
    /// Text as bytes.
    pub(super) fn bulk(text: &str) -> ClusterReply {
        ClusterReply::Bulk(text.as_bytes().to_vec())
    }

    /// A number that is not negative; what is greater than a reply can say is its greatest.
    pub(super) fn count(number: u64) -> ClusterReply {
        ClusterReply::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Values by their names.
    pub(super) fn map<const ENTRIES: usize>(entries: [(&str, ClusterReply); ENTRIES]) -> ClusterReply {
        ClusterReply::Map(entries.into_iter().map(|(name, value)| (Self::bulk(name), value)).collect())
    }
}
