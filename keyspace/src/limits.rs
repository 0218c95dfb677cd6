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
    /// The most bytes that a packed collection may have as a listpack, whatever the settings say: an edit moves what stands behind
    /// it.
    pub const BYTES_MAX: usize = 1 << 30;
}

/// How large a packed list may be, and a node of a large one: what `list-max-listpack-size` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLimit(i16);

impl NodeLimit {
    /// The most bytes that any setting allows.
    pub const BYTES_MAX: usize = Self::BYTES[4];
    /// The most bytes where the setting counts items.
    const BYTES_BESIDE_ITEMS: usize = 8192;
    /// The most bytes for -1 to -5.
    const BYTES: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];

    /// The limit of a setting, of which as much is kept as makes a difference.
    #[inline]
    pub fn of(setting: i32) -> NodeLimit {
        NodeLimit(setting.clamp(-5, i16::MAX as i32) as i16)
    }

    /// The setting.
    pub fn setting(self) -> i16 {
        self.0
    }

    /// The most bytes, if the setting states that.
    #[inline]
    fn bytes(self) -> Option<usize> {
        (self.0 < 0).then(|| Self::BYTES[self.0.unsigned_abs() as usize - 1])
    }

    /// The most items otherwise.
    #[inline]
    fn items(self) -> usize {
        self.0.max(1) as usize
    }

    /// True if what would be a listpack of so many bytes and items keeps to the limit.
    #[inline]
    pub fn allows(self, bytes: usize, items: usize) -> bool {
        match self.bytes() {
            Some(most) => bytes <= most,
            None => bytes <= Self::BYTES_BESIDE_ITEMS && items <= self.items(),
        }
    }

    /// True if a large list whose only node is this becomes packed when it was made at once. Only what the setting states counts.
    pub fn allows_packed(self, bytes: usize, items: usize) -> bool {
        match self.bytes() {
            Some(most) => bytes <= most,
            None => items <= self.items(),
        }
    }

    /// True if a large list whose only node is this becomes packed when items are gone: at half the limit, so that a list at the
    /// limit does not go to and fro.
    #[inline]
    pub fn allows_packed_again(self, bytes: usize, items: usize) -> bool {
        match self.bytes() {
            Some(most) => bytes <= most / 2,
            None => items <= self.items() / 2,
        }
    }
}

/// Why a value goes, by which a setting says how it is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A command puts something else in its place, or has no more use for it.
    Server,
    /// A command has taken all its elements.
    Emptied,
    /// DEL and its kin.
    Del,
    /// UNLINK.
    Unlink,
    /// Its deadline has passed.
    Expiry,
    /// There is no room for it.
    Eviction,
}

/// When what is gone for commands is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Before anything that is freed lazily. Not counted.
    Prompt,
    /// When there is nothing else to free. Counted as lazily freed objects.
    Lazy,
}

/// What is freed lazily: the settings `lazyfree-lazy-*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LazyFree {
    /// Evicted keys.
    pub eviction: bool,
    /// Expired keys.
    pub expire: bool,
    /// What commands replace or empty.
    pub server_del: bool,
    /// What DEL deletes.
    pub user_del: bool,
    /// What FLUSHALL and FLUSHDB without an option delete.
    pub user_flush: bool,
}

impl LazyFree {
    /// How a value that goes for this reason is freed, if it is large.
    pub fn pace(&self, removal: Removal) -> Pace {
        let lazy = match removal {
            Removal::Server => self.server_del,
            Removal::Emptied => false,
            Removal::Del => self.user_del,
            Removal::Unlink => true,
            Removal::Expiry => self.expire,
            Removal::Eviction => self.eviction,
        };
        if lazy { Pace::Lazy } else { Pace::Prompt }
    }

    /// How a flushed database is freed when the command does not say it.
    pub fn pace_of_flush(&self) -> Pace {
        if self.user_flush { Pace::Lazy } else { Pace::Prompt }
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
    /// `lazyfree-lazy-*`.
    pub lazy_free: LazyFree,
    /// What a command may reach beside its keys.
    pub reach: Reach,
}

/// What a command may reach beside the keys by which it was routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reach {
    /// All data.
    #[default]
    Everything,
    /// Keys of the same slot and database: of a cluster, in which others are elsewhere or do not exist.
    Slot,
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
            lazy_free: LazyFree::default(),
            reach: Reach::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_setting_of_lists_says() {
        // The setting, the most bytes, the most items.
        for (setting, kept, bytes, items) in [
            (-1, -1, 4096, usize::MAX),
            (-2, -2, 8192, usize::MAX),
            (-3, -3, 16_384, usize::MAX),
            (-4, -4, 32_768, usize::MAX),
            (-5, -5, 65_536, usize::MAX),
            (-6, -5, 65_536, usize::MAX),
            (i32::MIN, -5, 65_536, usize::MAX),
            (0, 0, 8192, 1),
            (1, 1, 8192, 1),
            (128, 128, 8192, 128),
            (i32::MAX, i16::MAX, 8192, i16::MAX as usize),
        ] {
            let limit = NodeLimit::of(setting);
            assert_eq!(limit.setting(), kept, "{setting}");
            assert_eq!((limit.allows(bytes, items), limit.allows(bytes + 1, 1)), (true, false), "{setting}");
            assert!(items == usize::MAX || !limit.allows(1, items + 1), "{setting}");
            let (more_bytes, more_items) = if items == usize::MAX { (bytes + 1, 1) } else { (1, items + 1) };
            assert!(limit.allows_packed(bytes, items) && !limit.allows_packed(more_bytes, more_items), "{setting}");
            let (half, more) = match items {
                usize::MAX => ((bytes / 2, items), (bytes / 2 + 1, 1)),
                _ => ((usize::MAX, items / 2), (1, items / 2 + 1)),
            };
            assert!(
                limit.allows_packed_again(half.0, half.1) && !limit.allows_packed_again(more.0, more.1),
                "{setting}"
            );
        }
    }
}
