//! Flags of a node, as the bus carries them and `nodes.conf` names them.
//!
//! §7.5, §6.4. One table of bits and words serves the wire, the file and CLUSTER NODES.

/// A set of flags of a node. Bits that we do not know are kept, so that a frame can be told to others as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NodeFlags(u16);

impl NodeFlags {
    /// None.
    pub const NONE: NodeFlags = NodeFlags(0);
    /// Owns slots, or may.
    pub const MASTER: NodeFlags = NodeFlags(1);
    /// Follows a master.
    pub const REPLICA: NodeFlags = NodeFlags(1 << 1);
    /// This node thinks that it does not answer.
    pub const PFAIL: NodeFlags = NodeFlags(1 << 2);
    /// A majority thinks so.
    pub const FAIL: NodeFlags = NodeFlags(1 << 3);
    /// The node that says it.
    pub const MYSELF: NodeFlags = NodeFlags(1 << 4);
    /// Known by address only: its name is made up until it answers.
    pub const HANDSHAKE: NodeFlags = NodeFlags(1 << 5);
    /// Its address is not known.
    pub const NOADDR: NodeFlags = NodeFlags(1 << 6);
    /// Is to be sent a MEET.
    pub const MEET: NodeFlags = NodeFlags(1 << 7);
    /// Replicas of others may migrate to it.
    pub const MIGRATE_TO: NodeFlags = NodeFlags(1 << 8);
    /// Does not fail over.
    pub const NOFAILOVER: NodeFlags = NodeFlags(1 << 9);
    /// Understands extensions.
    pub const EXTENSIONS: NodeFlags = NodeFlags(1 << 10);

    /// The flags in these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Their bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: NodeFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is set.
    pub const fn has_any(self, other: NodeFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// What these say of a node's role: one of the two, or nothing.
    pub const fn role(self) -> Self {
        match (self.has(Self::MASTER), self.has(Self::REPLICA)) {
            (true, _) => Self::MASTER,
            (false, true) => Self::REPLICA,
            (false, false) => Self::NONE,
        }
    }

    /// These and those of `other`.
    pub const fn and(self, other: NodeFlags) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those of `other`.
    pub const fn without(self, other: NodeFlags) -> Self {
        Self(self.0 & !other.0)
    }

    /// Sets those of `other`.
    pub fn set(&mut self, other: NodeFlags) {
        *self = self.and(other);
    }

    /// Clears those of `other`.
    pub fn clear(&mut self, other: NodeFlags) {
        *self = self.without(other);
    }

    /// Their words with commas between them; `noflags` if there are none that have a word.
    pub fn words(self) -> String {
        let words: Vec<&str> = WORDS.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, word)| *word).collect();
        if words.is_empty() { NO_FLAGS.into() } else { words.join(",") }
    }

    /// The flag with this word; no flag for `noflags`.
    pub fn of_word(word: &str) -> Option<NodeFlags> {
        if word == NO_FLAGS {
            return Some(NodeFlags::NONE);
        }
        WORDS.iter().find(|(_, known)| *known == word).map(|(flag, _)| *flag)
    }
}

/// Flags that have a word, in the order in which they are printed.
const WORDS: [(NodeFlags, &str); 8] = [
    (NodeFlags::MYSELF, "myself"),
    (NodeFlags::MASTER, "master"),
    (NodeFlags::REPLICA, "slave"),
    (NodeFlags::PFAIL, "fail?"),
    (NodeFlags::FAIL, "fail"),
    (NodeFlags::HANDSHAKE, "handshake"),
    (NodeFlags::NOADDR, "noaddr"),
    (NodeFlags::NOFAILOVER, "nofailover"),
];

/// The word for none.
const NO_FLAGS: &str = "noflags";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bits() {
        let rows = [
            (0, "noflags"),
            (17, "myself,master"),
            (18, "myself,slave"),
            (5, "master,fail?"),
            (9, "master,fail"),
            (32, "handshake"),
            (1 | 64 | 512, "master,noaddr,nofailover"),
            // Flags without a word: MEET, MIGRATE_TO, extensions, and one that nobody knows.
            (128 | 256 | 1024 | 2048, "noflags"),
        ];
        for (bits, words) in rows {
            assert_eq!(NodeFlags::from_bits(bits).words(), words);
        }
        for (flag, word) in WORDS {
            assert_eq!(NodeFlags::of_word(word), Some(flag));
        }
        assert_eq!(NodeFlags::of_word("noflags"), Some(NodeFlags::NONE));
        assert_eq!([NodeFlags::of_word(""), NodeFlags::of_word("Master"), NodeFlags::of_word("replica")], [None; 3]);
    }
}
