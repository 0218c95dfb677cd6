//! MIGRATE under way: what a client wants sent, what cores and the service thread are asked for it, and what they answer.
//!
//! The home core of the client drives it (`core/migrate.rs`): the owners of the keys copy and hold them, in ascending order of cores as units
//! ask for slots, so that no two wait for each other; the service thread sends the copies; the owners delete what the other server has taken,
//! and end their holds. In a transaction or a script the slots are on loan already, and nothing need be held.

use std::ops::Range;

use keyspace::args::OwnedArgs;
use keyspace::commands::dump::KeyCopy;

use crate::hop::Context;
use crate::mesh::holds::HoldId;
use crate::mesh::loans::NeedOwned;

/// What a client wants sent, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub target: Target,
    /// The keys among the arguments.
    pub keys: Range<usize>,
    /// The keys stay.
    pub copies: bool,
}

/// Where keys are sent, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub host: Box<[u8]>,
    /// A port, as the client wrote it.
    pub port: Box<[u8]>,
    /// The database there.
    pub db: i64,
    /// How long each step may take, in milliseconds; more than 0.
    pub timeout_ms: u64,
    /// Who is to be signed in there.
    pub login: Option<Login>,
    /// Keys of the same names are replaced.
    pub replaces: bool,
    /// The target is a node of a cluster that may only be importing the slot.
    pub asking: bool,
}

/// A user's name, if it is not the default user, and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: Option<Box<[u8]>>,
    /// The password.
    pub password: Box<[u8]>,
}

impl std::fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

/// Asks an owner to copy keys and to hold them.
#[derive(Clone, Debug)]
pub struct HoldAsk {
    /// The hold.
    pub id: HoldId,
    /// The client's part.
    pub context: Context,
    /// The keys, with their numbers among those of the request.
    pub keys: Vec<(u32, Box<[u8]>)>,
    /// Their slots.
    pub need: NeedOwned,
    /// Keys of other owners are held already: it does not give way to units that were turned away.
    pub has_holds: bool,
}

/// Asks an owner to end a hold.
#[derive(Clone, Debug)]
pub struct HoldEnd {
    /// The hold.
    pub id: HoldId,
    /// The client's part.
    pub context: Context,
    /// Keys that are deleted first: they were sent.
    pub sent: Vec<Box<[u8]>>,
    /// The slots of the hold.
    pub need: NeedOwned,
}

/// A key that is sent.
#[derive(Clone, Debug)]
pub struct SentKey {
    /// Its name.
    pub key: Box<[u8]>,
    /// Its value, and for how long.
    pub copy: KeyCopy,
}

/// Asks the service thread to send keys.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Where to.
    pub target: Target,
    /// The keys, in the order of the request. Their values are all that the service thread holds of them: what goes over the wire is made of
    /// them piece by piece.
    pub keys: Vec<SentKey>,
}

/// What became of a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// For each key whether the target has taken it.
    pub taken: Vec<bool>,
    /// The error reply without its `-`; none if all went well.
    pub error: Option<Vec<u8>>,
}

/// A MIGRATE in a transaction or a script, with what of it comes next.
#[derive(Debug)]
pub struct Within {
    /// What the client wants.
    pub request: Request,
    /// The command.
    pub args: OwnedArgs,
    /// Its reply is dropped.
    pub muted: bool,
    /// The keys that were sent, by their places among the arguments, and what became of them; nothing before they are sent.
    pub sent: Option<(Vec<usize>, Transferred)>,
}
