//! Where the settings of a server come from, and where CONFIG REWRITE writes them.
//!
//! Later sources win: defaults, the TOML file of the command line, its overrides file, flags. The TOML file belongs to its author and
//! is never written; what was changed at run time goes to the overrides file beside it. Flags win over both, since they are what
//! whoever starts the process asks for now.
//!
//! Every setting, its type and its text come from `shard::settings`; here are only the forms around them. Nothing here applies a
//! setting to the process.

mod cluster_nodes;
mod described;
mod error;
mod file;
mod flags;
mod load;
mod overrides;
mod syntax;
mod usage;
mod user_lines;

pub(crate) use described::Described;
pub(crate) use load::{Origin, Start, load};
pub(crate) use overrides::{replace as replace_file, rewrite};
pub(crate) use usage::REDIS_VERSION;
