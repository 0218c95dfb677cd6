//! A snapshot of all cores on its way to a client: what the service thread is asked, which keeps its file.
//!
//! SYNC has everything for a moment, in which it begins a snapshot of every core's keyspace (`keyspace::store`, `saving`). Each core then
//! writes its own, piece by piece at the end of its turns (`core/saving.rs`), and gives the pieces to the service thread, which appends them
//! to a file that has no name. The client is told the file's length once it is whole, and then is given it in pieces.

/// What the service thread is asked about one snapshot. It does what it is asked of one in the order of arrival.
#[derive(Clone, Debug)]
pub struct SaveAsk {
    /// The snapshot's number, the same on all cores.
    pub number: u64,
    /// What.
    pub what: SaveStep,
}

/// One step.
#[derive(Clone, Debug)]
pub enum SaveStep {
    /// Keeps these bytes: [`SaveAnswer::Kept`].
    Keep(Vec<u8>),
    /// Keeps a core's last bytes, or notes why there are none: [`SaveAnswer::Kept`].
    End(Result<Vec<u8>, String>),
    /// Says when all cores have come to their end: [`SaveAnswer::Whole`].
    Await,
    /// Reads a piece, from this byte on: [`SaveAnswer::Piece`].
    Read(u64),
    /// Drops the file: [`SaveAnswer::Kept`].
    Forget,
}

/// What the service thread says.
#[derive(Debug)]
pub enum SaveAnswer {
    /// It is done.
    Kept,
    /// The file is whole and has so many bytes.
    Whole(u64),
    /// The next bytes of the file, at least one.
    Piece(Vec<u8>),
    /// There is no file, and why.
    Failed(String),
}
