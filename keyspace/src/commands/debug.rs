//! DEBUG OBJECT: how a key and its value are stored, on the line that redis-server prints.

use crate::args::Args;
use crate::entry::Entry;
use crate::exec::{DataRow, Exec};
use crate::limits::DataLimits;
use crate::payloads;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::Object;

use super::object::{encoding_name, references};

/// The row. DEBUG itself, and who may use it, is the server's matter.
pub static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "debug|object",
        arity: 3,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        keys: &[KeySpec { flags: KeyFlags::RO, first: 2, last: 0, step: 1 }],
        group: "server",
        summary: "Shows how a key and its value are stored.",
        syntax: "key",
        ..CommandSpec::NONE
    },
    run: object,
}];

fn object(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = exec.peek(&key).ok_or(Refusal::NoSuchKey)?;
    let entry = exec.entry(&key, place);
    reply.simple(&format!(
        "Value at:{:p} refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}{}",
        entry.key().as_ptr_range().end,
        references(entry),
        encoding_name(entry, &exec.keyspace.limits),
        serialized_bytes(entry, &exec.keyspace.limits),
        entry.access().bits(),
        exec.keyspace.idle_seconds(entry, exec.now).unwrap_or_else(|| entry.access().idle_seconds(exec.now)),
        about_nodes(entry),
    ));
    Ok(())
}

/// What redis-server tells of a quicklist: nodes, items per node, the limit of a node, whether any is compressed (none is here), and
/// the bytes of all as listpacks. Nothing of other values. O(nodes).
fn about_nodes(entry: &Entry) -> String {
    let Some(Object::List(nodes)) = entry.object() else { return String::new() };
    let count = nodes.node_count();
    format!(
        " ql_nodes:{count} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:0 ql_uncompressed_size:{}",
        nodes.len() as f64 / count as f64,
        nodes.limit().setting(),
        nodes.nodes().map(|node| node.listpack_bytes()).sum::<usize>(),
    )
}

/// Bytes of the value in a snapshot of Redis's format. O(N) for a value of N bytes.
fn serialized_bytes(entry: &Entry, limits: &DataLimits) -> usize {
    let mut bytes = Vec::new();
    payloads::write(entry, limits, &mut bytes);
    bytes.len()
}

#[cfg(test)]
mod tests {
    use evict::access::AccessBits;

    use super::*;
    use crate::limits::NodeLimit;
    use crate::packed::Encoded;
    use crate::types::nodes::{End, Nodes};

    #[test]
    fn what_nodes_of_a_list_tell() {
        let mut nodes = Nodes::new(NodeLimit::of(2));
        [&b"a"[..], b"7", b"200"].into_iter().for_each(|item| nodes.push(End::Tail, &Encoded::of(item)));
        let entry = Entry::large(b"l", Box::new(Object::List(nodes)), AccessBits::default());
        let expected = " ql_nodes:2 ql_avg_node:1.50 ql_listpack_max:2 ql_compressed:0 ql_uncompressed_size:22";
        assert_eq!(about_nodes(&entry), expected);
        assert_eq!(about_nodes(&crate::types::list::empty(b"l", AccessBits::default())), "");
    }

    #[test]
    fn serialized_lengths() {
        let rows: [(Vec<u8>, usize); 9] = [
            (b"v".to_vec(), 2),
            (b"123".to_vec(), 2),
            (b"-129".to_vec(), 3),
            (b"70000".to_vec(), 5),
            (b"3000000000".to_vec(), 11),
            (b"007".to_vec(), 4),
            (vec![b'a'; 20], 21),
            (vec![b'a'; 63], 12),
            (vec![b'a'; 64], 13),
        ];
        for (value, expected) in rows {
            let entry = Entry::new(b"k", &value, None, AccessBits::default());
            assert_eq!(serialized_bytes(&entry, &DataLimits::default()), expected, "{} bytes", value.len());
        }
    }
}
