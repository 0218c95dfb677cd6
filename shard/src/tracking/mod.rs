//! Client-side caching: which clients hear that keys changed.
//!
//! A client that tracks is told of every change of a key that it has read: the shard that carries a read out notes the client
//! beside the key (`listeners`), and whoever changes the key leaves an effect for each. A client that tracks by prefixes is told of
//! all keys that begin so, once a turn: every core knows the prefixes ([`prefixes`]) and gathers the keys ([`batch`]). The client's
//! home core decides in which form it is told, or another client for it ([`session`]).

pub mod batch;
pub mod options;
pub mod prefixes;
pub mod session;

use std::sync::Arc;

use keyspace::reply::{Reply, Resp};

use crate::mesh::CoreId;
use crate::ring::ConnId;

/// The channel by which clients with RESP2 are told.
const CHANNEL: &str = "__redis__:invalidate";

/// A client that is told of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tracker {
    /// The core of its connection.
    pub home: CoreId,
    /// Its connection there.
    pub conn: ConnId,
}

/// A key that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedKey {
    /// The key.
    pub key: Arc<[u8]>,
    /// The number of the client that changed it; 0 for nobody's doing.
    pub by: u64,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// These keys, at least one.
    Keys(Arc<[ChangedKey]>),
    /// All keys.
    Everything,
}

/// How a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By a push of its own kind.
    Push,
    /// As by a message of a channel that it has subscribed to.
    Message,
}

impl Invalid {
    /// One key.
    pub fn key(key: &[u8], by: u64) -> Invalid {
        Invalid::Keys([ChangedKey { key: key.into(), by }].into())
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Invalid::Keys(keys) => keys.iter().map(|changed| size_of::<ChangedKey>() + changed.key.len()).sum(),
            Invalid::Everything => 0,
        }
    }

    /// What a client reads.
    pub fn encode(&self, form: Form, out: &mut Vec<u8>) {
        let resp = if form == Form::Push { Resp::V3 } else { Resp::V2 };
        let mut reply = Reply::new(out, resp);
        match form {
            Form::Push => {
                reply.push(2);
                reply.text("invalidate");
            }
            Form::Message => {
                reply.push(3);
                reply.text("message");
                reply.text(CHANNEL);
            }
        }
        match self {
            Invalid::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|changed| reply.bulk(&changed.key));
            }
            Invalid::Everything => reply.null(),
        }
    }
}

/// What a client reads whose invalidations went to a client that is gone.
pub fn encode_broken_redirect(client: u64, out: &mut Vec<u8>) {
    let mut reply = Reply::new(out, Resp::V3);
    reply.push(2);
    reply.text("tracking-redir-broken");
    reply.int(client as i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let encoded = |invalid: &Invalid, form| {
            let mut out = Vec::new();
            invalid.encode(form, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        let key = Invalid::key(b"k", 1);
        assert_eq!(encoded(&key, Form::Push), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
        assert_eq!(encoded(&Invalid::Everything, Form::Push), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
        let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
        assert_eq!(encoded(&key, Form::Message), format!("{message}*1\r\n$1\r\nk\r\n"));
        assert_eq!(encoded(&Invalid::Everything, Form::Message), format!("{message}$-1\r\n"));
        let mut out = Vec::new();
        encode_broken_redirect(7, &mut out);
        assert_eq!(out, b">2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n");
    }
}
