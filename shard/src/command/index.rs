//! The index of commands by name: one multiplication and, as a rule, one comparison of words per look-up.
//!
//! A name's first and last eight bytes are folded to lower case in registers, so names are compared by two words and their
//! length. Only names of commands and containers are entered; a subcommand is found in its container.

/// Buckets: a power of two, so that a quarter of them or less is in use.
const BUCKETS: usize = 1024;

/// Bytes of a name in one word.
const WORD_BYTES: usize = 8;

/// An odd number near 2^64 divided by the golden ratio: spreads heads over the buckets by their product's upper bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A name and its command's number. Empty if `len` is 0: no command has an empty name.
#[derive(Clone, Copy, Default)]
struct Bucket {
    head: u64,
    tail: u64,
    len: u32,
    number: u16,
}

/// Commands' numbers by name, whatever the case of its letters.
pub(super) struct NameIndex {
    buckets: Box<[Bucket; BUCKETS]>,
}

impl NameIndex {
    /// Without names.
    pub(super) fn new() -> Self {
        NameIndex { buckets: Box::new([Bucket::default(); BUCKETS]) }
    }

    /// Enters a name in lower case that is not in the index.
    pub(super) fn enter(&mut self, name: &str, number: u16) {
        let (head, tail) = (head(name.as_bytes()), tail(name.as_bytes()));
        let mut at = place(head);
        while self.buckets[at].len != 0 {
            at = (at + 1) % BUCKETS;
        }
        self.buckets[at] = Bucket { head, tail, len: name.len() as u32, number };
        let used = self.buckets.iter().filter(|bucket| bucket.len != 0).count();
        assert!(used * 4 <= BUCKETS, "the name index must stay sparse");
    }

    /// The number of the command with this name. `is_it` compares the names that are longer than two words.
    #[inline]
    pub(super) fn find(&self, name: &[u8], is_it: impl Fn(u16) -> bool) -> Option<u16> {
        let head = head(name);
        let mut at = place(head);
        loop {
            let bucket = &self.buckets[at];
            if bucket.len == 0 {
                return None;
            }
            let same = bucket.head == head && bucket.len as usize == name.len();
            let same = same && (name.len() <= WORD_BYTES || bucket.tail == tail(name));
            if same && (name.len() <= 2 * WORD_BYTES || is_it(bucket.number)) {
                return Some(bucket.number);
            }
            at = (at + 1) % BUCKETS;
        }
    }
}

/// Where the search for a name starts.
#[inline]
fn place(head: u64) -> usize {
    (head.wrapping_mul(SPREAD) >> (u64::BITS - BUCKETS.ilog2())) as usize
}

/// The first eight bytes of a name in lower case, zeros after its end.
#[inline]
fn head(name: &[u8]) -> u64 {
    let word = if let Some(head) = name.first_chunk() {
        u64::from_le_bytes(*head)
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        // The two overlap, and agree where they do.
        let (first, last) = (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64);
        first | (last << ((name.len() - 4) * 8))
    } else {
        let (middle, last) = (name.len() / 2, name.len().wrapping_sub(1));
        match (name.first(), name.get(middle), name.get(last)) {
            (Some(&a), Some(&b), Some(&c)) => a as u64 | (b as u64) << (middle * 8) | (c as u64) << (last * 8),
            _ => 0,
        }
    };
    to_lower(word)
}

/// The last eight bytes of a longer name in lower case.
#[inline]
fn tail(name: &[u8]) -> u64 {
    if name.len() <= WORD_BYTES {
        return 0;
    }
    name.last_chunk().map_or(0, |tail| to_lower(u64::from_le_bytes(*tail)))
}

/// `word` with every byte that is a capital letter made small.
#[inline]
fn to_lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    // In the top bit of each byte: whether its lower seven bits are at least 'A', and whether they are beyond 'Z'.
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let beyond_z = low + (0x7f - b'Z' as u64) * EACH;
    let capital = (from_a ^ beyond_z) & !word & (0x80 * EACH);
    word | (capital >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_ascii_lower_case() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = *b"aZ@[`{\x80\xff";
                bytes[place] = byte;
                assert_eq!(to_lower(u64::from_le_bytes(bytes)).to_le_bytes(), bytes.map(|b| b.to_ascii_lowercase()));
            }
        }
    }

    #[test]
    fn head_is_the_first_eight_bytes() {
        let name = b"GeoRadiusByMember";
        for len in 0..=name.len() {
            let mut bytes = [0; 8];
            bytes[..len.min(8)].copy_from_slice(&name[..len.min(8)]);
            assert_eq!(head(&name[..len]).to_le_bytes(), bytes.map(|b| b.to_ascii_lowercase()), "{len} bytes");
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_nothing_else_is() {
        let names =
            ["get", "set", "a", "hget", "georadius", "georadiusbymember", "georadiusbymember_ro", "restore-asking"];
        let mut index = NameIndex::new();
        names.iter().zip(0..).for_each(|(name, number)| index.enter(name, number));
        let find =
            |name: &[u8]| index.find(name, |number| names[number as usize].as_bytes().eq_ignore_ascii_case(name));
        for (name, number) in names.iter().zip(0..) {
            assert_eq!(find(name.as_bytes()), Some(number));
            assert_eq!(find(name.to_uppercase().as_bytes()), Some(number));
        }
        for other in [
            "",
            "ge",
            "gett",
            "georadiut",
            "georadiusbxmember",
            "georadiusbymembes",
            "get\0",
            "restore\rasking",
            "hge\u{7f}",
        ] {
            assert_eq!(find(other.as_bytes()), None, "{other:?}");
        }
    }
}
