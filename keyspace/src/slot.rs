//! The slot: the unit of ownership, tables, deadlines, scans, leases and accounting.
//!
//! The slot of a key is CRC16/XMODEM of the key, or of its hash tag, modulo 16,384: Redis Cluster's rule, used in standalone
//! mode as well. The checksum takes eight bytes a step, since every command pays for it.

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

    /// The slot that `key` belongs to. Cost: about 1 ns per byte.
    #[inline]
    pub fn of(key: &[u8]) -> Slot {
        Slot(crc16(hashed_part(key)) & (SLOTS as u16 - 1))
    }

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

/// CRC16/XMODEM (polynomial 0x1021, initial value 0).
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut chunks = bytes.chunks_exact(8);
    for c in &mut chunks {
        let first = (crc ^ u16::from_be_bytes([c[0], c[1]])).to_be_bytes();
        crc = TABLES[7][first[0] as usize]
            ^ TABLES[6][first[1] as usize]
            ^ TABLES[5][c[2] as usize]
            ^ TABLES[4][c[3] as usize]
            ^ TABLES[3][c[4] as usize]
            ^ TABLES[2][c[5] as usize]
            ^ TABLES[1][c[6] as usize]
            ^ TABLES[0][c[7] as usize];
    }
    for &byte in chunks.remainder() {
        crc = (crc << 8) ^ TABLES[0][((crc >> 8) as u8 ^ byte) as usize];
    }
    crc
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
    }
}
