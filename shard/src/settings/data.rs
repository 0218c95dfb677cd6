//! What of the settings the data commands go by.

use keyspace::limits::{DataLimits, LazyFree, PackedLimits, Reach};

use super::table::Settings;

impl Settings {
    /// The limits of data commands. What a machine's words cannot hold is as good as no limit.
    pub fn data_limits(&self) -> DataLimits {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let packed = |entries, value_bytes| PackedLimits { entries: size(entries), value_bytes: size(value_bytes) };
        DataLimits {
            string_bytes_max: size(self.proto_max_bulk_len),
            reply_bytes_max: match self.client_output_buffer_limit.normal.hard_bytes {
                0 => usize::MAX,
                bytes => size(bytes),
            },
            hash: packed(self.hash_max_listpack_entries, self.hash_max_listpack_value),
            set: packed(self.set_max_listpack_entries, self.set_max_listpack_value),
            intset_entries: size(self.set_max_intset_entries),
            sorted_set: packed(self.zset_max_listpack_entries, self.zset_max_listpack_value),
            list_node: self.list_max_listpack_size,
            hll_sparse_bytes: size(self.hll_sparse_max_bytes),
            stream_node_bytes: size(self.stream_node_max_bytes),
            stream_node_entries: size(self.stream_node_max_entries),
            reach: if self.cluster_enabled { Reach::Slot } else { Reach::Everything },
            lazy_free: LazyFree {
                eviction: self.lazyfree_lazy_eviction,
                expire: self.lazyfree_lazy_expire,
                server_del: self.lazyfree_lazy_server_del,
                user_del: self.lazyfree_lazy_user_del,
                user_flush: self.lazyfree_lazy_user_flush,
            },
        }
    }
}

#[test]
fn the_defaults_are_the_same() {
    assert_eq!(Settings::default().data_limits(), DataLimits::default());
}
