//! The cluster as a core's commands meet it: which of them this node serves, and what is told to those that it does not (`cores.md` §9).
//!
//! The decision that counts is taken where a command is carried out, in the same turn, against the snapshot of the shard that has its
//! keys. A home core decides before only what it would have to fetch for nothing.
//!
//! - [`routes`]: the snapshot in force, and who still works under an older one.
//! - [`request`]: a command as the gate sees it.
//! - [`admission`]: the gate before a data command, for those that their keys alone route.
//! - [`waiting`]: clients that wait on keys.
//! - [`stats`]: how slots are used; [`usage`]: what their commands take.
//! - [`replies`]: what the bus thread answers, for a client.

pub mod admission;
pub mod replies;
pub mod request;
pub mod routes;
pub mod stats;
pub mod usage;
pub mod waiting;
