//! The slot: the unit of ownership, tables, deadlines, scans, leases and accounting.
//!
//! The slot of a key is CRC16/XMODEM of the key, or of its hash tag, modulo 16,384: Redis Cluster's rule, used in standalone
//! mode as well. Checksum and search for a tag take eight bytes a step, since every command pays for them.

/// Number of slots: fixed by the cluster protocol.
pub const SLOTS: usize = 16_384;

/// A hash slot, `0..16384`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, if it is below 16,384.
    pub fn new(number: u16) -> Option<Slot> {
        ((number as usize) < SLOTS).then_some(Slot(number))
    }

    /// The slot that `key` belongs to. Cost: about 3 ns for eight bytes.
    #[inline]
    pub fn of(key: &[u8]) -> Slot {
        let (head, rest) = key.split_at(key.len() % 8);
        let first = short_word(head);
        let (mut crc, mut braces) = (extend(0, first), has_brace(first));
        for word in rest.as_chunks::<8>().0 {
            let word = u64::from_be_bytes(*word);
            crc = extend(crc, word);
            braces |= has_brace(word);
        }
        if braces {
            let part = hashed_part(key);
            if part.len() < key.len() {
                return Slot::of_untagged(part);
            }
        }
        Slot(crc & (SLOTS as u16 - 1))
    }

    /// The one slot of all names that a glob-style pattern matches; `None` if they may be of several. A pattern with a hash tag before
    /// its first mark has that tag's.
    pub fn of_pattern(pattern: &[u8]) -> Option<Slot> {
        let part = hashed_part(pattern);
        let open = pattern.iter().position(|&b| b == b'{').filter(|_| part.len() < pattern.len());
        let read = open.map_or(pattern.len(), |open| open + 1 + part.len());
        let is_plain = !pattern[..read].iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'\\'));
        is_plain.then(|| Slot::of_untagged(part))
    }

    /// The slot of a key whose braces mean nothing.
    #[cold]
    fn of_untagged(part: &[u8]) -> Slot {
        Slot(crc16(part) & (SLOTS as u16 - 1))
    }

    /// The first one.
    pub const FIRST: Slot = Slot(0);

    /// Its number.
    #[inline]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its number as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The one after it; after the last one the first.
    pub fn next(self) -> Slot {
        Slot((self.0 + 1) % SLOTS as u16)
    }

    /// All slots in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> {
        (0..SLOTS as u16).map(Slot)
    }
}

/// What of `key` is hashed: what stands between the first `{` and the next `}`, unless that is nothing.
#[inline]
fn hashed_part(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else {
        return key;
    };
    let tail = &key[open + 1..];
    match tail.iter().position(|&b| b == b'}') {
        Some(len) if len > 0 => &tail[..len],
        _ => key,
    }
}

/// Up to seven bytes as the last ones of a word whose others are zero. Zeros in front do not change a checksum that begins at 0.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two halves overlap in equal bytes.
        (Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << (8 * (bytes.len() - 4)) | u64::from(u32::from_be_bytes(*last))
        }
        _ => bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// True if a byte of the word is `{`: one byte of the difference is zero (Mycroft 1987).
#[inline]
fn has_brace(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let difference = word ^ (ONES * b'{' as u64);
    difference.wrapping_sub(ONES) & !difference & (ONES << 7) != 0
}

/// The checksum of what `crc` is the checksum of, followed by the eight bytes of a word.
#[inline]
fn extend(crc: u16, word: u64) -> u16 {
    let bytes = (word ^ u64::from(crc) << 48).to_be_bytes();
    (0..8).fold(0, |sum, n| sum ^ TABLES[7 - n][bytes[n] as usize])
}

/// CRC16/XMODEM (polynomial 0x1021, initial value 0).
fn crc16(bytes: &[u8]) -> u16 {
    let (head, rest) = bytes.split_at(bytes.len() % 8);
    let words = rest.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    words.fold(extend(0, short_word(head)), extend)
}

/// `TABLES[n][b]`: the checksum of byte `b` followed by `n` zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[n - 1][byte];
            tables[n][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bitwise(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0u16, |crc, &byte| {
            (0..8).fold(
                crc ^ ((byte as u16) << 8),
                |crc, _| {
                    if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 }
                },
            )
        })
    }

    #[test]
    fn known_slots() {
        // The check value of the catalogue of CRCs, and slots that a real cluster reports.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("hello", 866), ("", 0), ("{user1000}.following", 3443)] {
            assert_eq!(Slot::of(key.as_bytes()).number(), slot, "{key}");
        }
    }

    #[test]
    fn tags() {
        for (key, part) in
            [("a{b}c", "b"), ("a{}c", "a{}c"), ("{}{b}", "{}{b}"), ("a{b", "a{b"), ("{{b}}", "{b"), ("}{b}", "b")]
        {
            assert_eq!(hashed_part(key.as_bytes()), part.as_bytes(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn eight_at_a_time_is_one_at_a_time(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(crc16(&bytes), bitwise(&bytes));
        }

        #[test]
        fn the_slot_is_that_of_the_hashed_part(key in proptest::collection::vec(prop::sample::select(&b"{}ab\x7a\x7c\xfb\0"[..]), 0..40)) {
            prop_assert_eq!(Slot::of(&key).number(), bitwise(hashed_part(&key)) % SLOTS as u16);
        }
    }
}
