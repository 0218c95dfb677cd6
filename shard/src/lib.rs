//! One core: its ring, connections, dispatch, router, hops and leases. The data path.

// What a core stands on.
pub mod mesh;
pub mod ready;
pub mod resp;
pub mod ring;
pub mod settings;

// What a command is, and the part of a core that commands touch.
pub mod acl;
pub mod audit;
pub mod busy;
pub mod cluster;
pub mod command;
pub mod commands;
pub mod effects;
pub mod heap;
pub mod held;
pub mod latency;
pub mod listeners;
pub mod log;
pub mod looks;
pub mod memory;
pub mod report;
pub mod script;
pub mod serve;
pub mod shard;
pub mod slowlog;
pub mod stage;
pub mod stats;

// How commands travel.
pub mod ask;
pub mod flight;
pub mod hop;
pub mod mail;
pub mod migration;
pub mod monitor;
pub mod pubsub;
pub mod route;
pub mod saving;
pub mod tracking;
pub mod transaction;
pub mod unit;

// The loop.
pub mod client_memory;
pub mod conn;
pub mod core;
pub mod session;
