//! The Lua engine of a core: scripts of EVAL and functions of FCALL, as generators of commands.
//!
//! Pure of the server: it knows no keyspace, no socket and no clock. A script runs on a stack of its own and leaves it whenever it wants
//! something: a command, a line in the log, or to give way. The driver does that and enters the script again.

// What the driver sees.
mod engine;
mod header;
mod library;
mod scripts;
mod step;

// What runs on the fiber.
mod arguments;
mod bytecode;
mod direct;
mod fault;
mod fiber;
mod host;
mod plain;
mod registration;
mod reply_errors;
mod sandbox;
mod shown;
mod source;
mod strings;
mod tails;

// What passes in and out.
mod inward;
mod names;
mod outward;
mod shared;

// The libraries of scripts.
mod api;
mod bit;
mod byte_class;
mod cmsgpack;
mod decimal;
mod json;
mod matcher;
mod random;
mod structs;

pub use engine::{Engine, Replace};
pub use header::{Flags, HeaderError, library_name};
pub use library::{FunctionInfo, LibraryError, LibraryInfo};
pub use reply_errors::ReplyErrors;
pub use scripts::{Loaded, ScriptError, Sha, sha_of};
pub use step::{Answer, Env, Limits, Outcome, Step, Target};
