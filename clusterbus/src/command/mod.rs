//! CLUSTER: what operators ask a node and tell it.

mod reply;

pub use reply::ClusterReply;
