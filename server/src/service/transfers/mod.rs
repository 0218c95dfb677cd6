//! MIGRATE's way to the other server: keys that cores have copied and hold go out, the replies come back. No core waits for it.
//!
//! - [`wire`]: commands and replies as bytes, made and read piece by piece.
//! - [`sockets`]: connections to other servers, kept for a while.
//!
//! Every step has the client's time limit, so each transfer ends: connecting, each piece that is written, each reply that is read. What a
//! transfer holds is the copies that it was given and one piece of the request; as many run at a time as [`TRANSFERS_MAX`] says, others wait
//! for their turn within their time limit.

mod sockets;
mod wire;

use std::rc::Rc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use glommio::GlommioError;
use glommio::sync::Semaphore;
use glommio::timer::timeout;
use shard::migration::{SentKey, Target, Transfer, Transferred};

use sockets::{Link, Sockets, UNKNOWN_DB, Unreachable};
use wire::{Line, PIECE_BYTES};

/// Transfers at a time, each of which has a connection.
const TRANSFERS_MAX: u64 = 64;

/// What the client reads that has no connection to the target.
const NOT_CONNECTED: &str = "IOERR error or timeout connecting to the client";
/// What it reads if the target does not take what is written, or there is none.
const NOT_WRITTEN: &str = "IOERR error or timeout writing to target instance";
/// What it reads if the target does not reply.
const NOT_READ: &str = "IOERR error or timeout reading to target instance";

/// What sends keys to other servers.
pub(super) struct Transfers {
    sockets: Rc<Sockets>,
    turns: Semaphore,
}

/// Why a transfer did not come to its end.
struct Failure {
    text: &'static str,
    /// Whether a new connection may do better: nothing was answered, and nobody took too long.
    again: bool,
    /// What the target has taken before.
    taken: Vec<bool>,
}

impl Failure {
    fn new(text: &'static str, error: &GlommioError<()>) -> Failure {
        Failure { text, again: !matches!(error, GlommioError::TimedOut(_)), taken: Vec::new() }
    }

    fn final_one(text: &'static str) -> Failure {
        Failure { text, again: false, taken: Vec::new() }
    }
}

/// What the target said.
struct Said {
    taken: Vec<bool>,
    /// The first error reply, without its `-`.
    error: Option<Vec<u8>>,
    /// It stopped in the middle.
    stopped: Option<Failure>,
}

impl Transfers {
    /// Nothing is sent.
    pub(super) fn new() -> Transfers {
        Transfers { sockets: Rc::new(Sockets::default()), turns: Semaphore::new(TRANSFERS_MAX) }
    }

    /// Sends keys, and says what became of them.
    pub(super) async fn send(&self, transfer: &Transfer) -> Transferred {
        let limit = Duration::from_millis(transfer.target.timeout_ms);
        let Ok(_turn) = timeout(limit, self.turns.acquire_permit(1)).await else {
            return Transferred { taken: Vec::new(), error: Some(NOT_CONNECTED.into()) };
        };
        let mut outcome = self.attempt(transfer, limit).await;
        if outcome.as_ref().is_err_and(|failure| failure.again) {
            // A connection that was kept may be gone by now.
            outcome = self.attempt(transfer, limit).await;
        }
        outcome.unwrap_or_else(|Failure { text, taken, .. }| Transferred { taken, error: Some(text.into()) })
    }

    /// Sends keys over one connection.
    async fn attempt(&self, transfer: &Transfer, limit: Duration) -> Result<Transferred, Failure> {
        let Transfer { target, keys } = transfer;
        let mut link = self.sockets.get(target, limit).await.map_err(|unreachable| match unreachable {
            Unreachable::Refused => Failure { again: true, ..Failure::final_one(NOT_WRITTEN) },
            Unreachable::Other => Failure::final_one(NOT_CONNECTED),
        })?;
        let selects = link.db != target.db;
        write(&mut link, target, selects, keys, limit).await.map_err(|error| Failure::new(NOT_WRITTEN, &error))?;
        let Said { taken, error, stopped } = read(&mut link, target, selects, keys.len(), limit).await?;
        if let Some(failure) = stopped {
            // An error that the target told comes first.
            return match error {
                Some(_) => Ok(Transferred { taken, error: told(error) }),
                None => Err(Failure { taken, ..failure }),
            };
        }
        // After an error nobody knows which database is selected.
        link.db = if error.is_none() { target.db } else { UNKNOWN_DB };
        self.sockets.keep(target, link);
        Ok(Transferred { taken, error: told(error) })
    }
}

fn told(error: Option<Vec<u8>>) -> Option<Vec<u8>> {
    error.map(|text| [b"ERR Target instance replied with error: ", &text[..]].concat())
}

/// Writes the request in pieces.
async fn write(
    link: &mut Link,
    target: &Target,
    selects: bool,
    keys: &[SentKey],
    limit: Duration,
) -> Result<(), GlommioError<()>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    wire::begin(target, selects, &mut piece);
    for sent in keys {
        wire::restore(target, sent, &mut piece);
        let mut payload = &sent.copy.payload[..];
        while !payload.is_empty() {
            let (now, later) = payload.split_at(payload.len().min(PIECE_BYTES.saturating_sub(piece.len())));
            piece.extend_from_slice(now);
            payload = later;
            if piece.len() >= PIECE_BYTES {
                write_piece(link, &mut piece, limit).await?;
            }
        }
        wire::end_restore(target, &mut piece);
        if piece.len() >= PIECE_BYTES {
            write_piece(link, &mut piece, limit).await?;
        }
    }
    write_piece(link, &mut piece, limit).await
}

async fn write_piece(link: &mut Link, piece: &mut Vec<u8>, limit: Duration) -> Result<(), GlommioError<()>> {
    // A key or a password may be long.
    for part in piece.chunks(PIECE_BYTES) {
        timeout(limit, async { Ok(link.stream.write_all(part).await?) }).await?;
    }
    piece.clear();
    Ok(())
}

/// Reads the replies: of AUTH and SELECT if they were sent, then one for each key.
async fn read(link: &mut Link, target: &Target, selects: bool, keys: usize, limit: Duration) -> Result<Said, Failure> {
    let mut refused = None;
    for _ in 0..usize::from(target.login.is_some()) + usize::from(selects) {
        let line = link.line(limit).await.map_err(|error| Failure::new(NOT_READ, &error))?;
        if let Line::Error(text) = line {
            refused.get_or_insert(text);
        }
    }
    let mut said = Said { taken: Vec::new(), error: None, stopped: None };
    for _ in 0..keys {
        let line = match link.line(limit).await {
            Ok(line) => line,
            Err(error) => {
                let failure = Failure::new(NOT_READ, &error);
                // Once one was answered, all may have been carried out.
                let again = failure.again && said.taken.is_empty();
                said.stopped = Some(Failure { again, ..failure });
                break;
            }
        };
        let error = match (&refused, line) {
            (Some(text), _) => Some(text.clone()),
            (None, Line::Error(text)) => Some(text),
            (None, Line::Other) => None,
        };
        said.taken.push(error.is_none());
        if let Some(text) = error {
            said.error.get_or_insert(text);
        }
    }
    Ok(said)
}
