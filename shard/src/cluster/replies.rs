//! What the bus thread answers to a CLUSTER command, in the client's protocol.

use clusterbus::command::ClusterReply;
use keyspace::reply::Reply;

/// Writes a reply.
pub fn write(tree: &ClusterReply, reply: &mut Reply) {
    match tree {
        ClusterReply::Ok => reply.ok(),
        ClusterReply::Status(text) => reply.simple(text),
        ClusterReply::Int(number) => reply.int(*number),
        ClusterReply::Bulk(bytes) => reply.bulk(bytes),
        ClusterReply::Verbatim(text) => reply.verbatim(*b"txt", text.as_bytes()),
        ClusterReply::Null => reply.null(),
        ClusterReply::Array(parts) => {
            reply.array(parts.len());
            parts.iter().for_each(|part| write(part, reply));
        }
        ClusterReply::Map(entries) => {
            reply.map(entries.len());
            for (name, value) in entries {
                write(name, reply);
                write(value, reply);
            }
        }
    }
}
