//! The settings of a server: one table, and everything that is derived from it.
//!
//! `table` lists every setting once. The typed struct [`Settings`], CONFIG GET and CONFIG SET, the flags, the TOML file, `--help` and the
//! sample file all come from that list, so adding a setting is adding a row. Each core holds an `Arc<Settings>` and reads plain
//! fields; CONFIG SET makes a changed copy and the `Arc` is replaced whole, so a reader never sees half a change.
//!
//! What it does not do: read files or flags (`server/src/config`), or apply a change to a running server (who calls
//! [`config_set`] compares the old with the new settings).

mod access;
mod choices;
mod cluster;
mod data;
mod events;
mod limits;
mod memory;
mod number;
mod row;
mod table;
mod value;

pub use access::{ConfigSetError, config_get, config_set};
pub use choices::{ContractMode, DebugAccess, LogFormat, LogLevel, PipelineOrder, PubsubDefault, Supervised};
pub use cluster::{AnnouncedHostname, AnnouncedNodename};
pub use limits::{OutputLimit, OutputLimits};
pub use row::{Change, Group, Kind, Row, find, nearest};
pub use table::{QUERY_BYTES_MAX, ROWS, Settings};
pub use value::Secret;

#[cfg(test)]
mod tests;
