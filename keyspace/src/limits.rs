//! The limits that commands enforce, from the settings: how long a string may be, and until when a collection stays small.

/// Until when a collection is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimits {
    /// The most elements: pairs of a hash or a sorted set.
    pub entries: usize,
    /// The longest element, in bytes.
    pub value_bytes: usize,
}

impl PackedLimits {
    /// The most bytes that a packed collection may have, whatever the settings say: an edit moves what stands behind it.
    pub const BYTES_MAX: usize = 1 << 30;
}

/// How large a packed list may be, and a node of a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    /// The most bytes.
    pub bytes: usize,
    /// The most items.
    pub items: usize,
}

impl NodeLimit {
    /// The most items, whatever the settings say: so many a packed collection counts at its front.
    pub const ITEMS_MAX: usize = i16::MAX as usize;
    /// The most bytes where the setting counts items.
    const BYTES_BESIDE_ITEMS: usize = 8192;
    /// The most bytes for -1 to -5.
    const BYTES: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];

    /// What `list-max-listpack-size` says.
    #[inline]
    pub fn of(setting: i32) -> NodeLimit {
        match usize::try_from(setting) {
            Ok(items) => NodeLimit { bytes: Self::BYTES_BESIDE_ITEMS, items: items.clamp(1, Self::ITEMS_MAX) },
            Err(_) => {
                let level = Self::BYTES.len().min(setting.unsigned_abs() as usize);
                NodeLimit { bytes: Self::BYTES[level - 1], items: Self::ITEMS_MAX }
            }
        }
    }

    /// True if a list of so many bytes and items keeps to it.
    #[inline]
    pub fn allows(&self, bytes: usize, items: usize) -> bool {
        bytes <= self.bytes && items <= self.items
    }

    /// The limit below which a large list becomes packed again: half, so that a list at the limit does not go to and fro.
    pub fn halved(self) -> NodeLimit {
        NodeLimit { bytes: self.bytes / 2, items: self.items / 2 }
    }
}

/// All limits of data commands. The defaults are Redis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataLimits {
    /// `proto-max-bulk-len`: the longest string, in bytes.
    pub string_bytes_max: usize,
    /// The longest reply worth finishing, in bytes: a connection that holds more is closed. Only commands that may answer with
    /// any amount, whatever they read, ask for it.
    pub reply_bytes_max: usize,
    /// `hash-max-listpack-entries` and `-value`.
    pub hash: PackedLimits,
    /// `set-max-listpack-entries` and `-value`.
    pub set: PackedLimits,
    /// `set-max-intset-entries`: the most integers of a set of only integers that is kept as an intset.
    pub intset_entries: usize,
    /// `zset-max-listpack-entries` and `-value`.
    pub sorted_set: PackedLimits,
    /// `list-max-listpack-size`: the most items of a list's node, or with -1 to -5 its most bytes: 4, 8, 16, 32, 64 KiB.
    pub list_node: i32,
    /// `hll-sparse-max-bytes`: the longest HyperLogLog, header included, that is kept sparse.
    pub hll_sparse_bytes: usize,
    /// `stream-node-max-bytes`; 0 for no limit.
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`; 0 for no limit.
    pub stream_node_entries: usize,
}

impl Default for DataLimits {
    fn default() -> Self {
        DataLimits {
            string_bytes_max: 512 << 20,
            reply_bytes_max: 1 << 30,
            hash: PackedLimits { entries: 512, value_bytes: 64 },
            set: PackedLimits { entries: 128, value_bytes: 64 },
            intset_entries: 512,
            sorted_set: PackedLimits { entries: 128, value_bytes: 64 },
            list_node: -2,
            hll_sparse_bytes: 3000,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}
