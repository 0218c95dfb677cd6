//! One core: its ring, connections, dispatch, router, hops and leases. The data path.

// What a core stands on.
pub mod mesh;
pub mod resp;
pub mod ring;
pub mod settings;

// What a command is, and the part of a core that commands touch.
pub mod acl;
pub mod command;
pub mod commands;
pub mod latency;
pub mod report;
pub mod shard;
pub mod slowlog;
pub mod stats;

// How commands travel.
pub mod ask;
pub mod flight;
pub mod hop;
pub mod mail;
pub mod route;
pub mod unit;

// The loop.
pub mod conn;
pub mod core;
pub mod session;
