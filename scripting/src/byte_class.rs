//! Which bytes an item of a pattern stands for: `.`, a letter, `%a`, `[a-z%d]`.
//!
//! A set is read once and becomes a map of 256 bits, so that looking at a byte costs the same whatever the set's length.

/// What one item matches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ByteClass {
    Any,
    Byte(u8),
    /// `%a` and its like, or a byte that is meant as itself.
    Letter(u8),
    Set(ByteSet),
}

impl ByteClass {
    #[inline]
    pub(crate) fn holds(&self, byte: u8) -> bool {
        match self {
            ByteClass::Any => true,
            ByteClass::Byte(letter) => *letter == byte,
            ByteClass::Letter(class) => is_of_class(byte, *class),
            ByteClass::Set(set) => set.holds(byte),
        }
    }
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    #[inline]
    pub(crate) fn holds(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    const fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    /// The set that is written within brackets, from after its `[` or `[^` to before its `]`.
    pub(crate) fn written(items: &[u8]) -> ByteSet {
        let mut set = ByteSet::default();
        let mut rest = items;
        loop {
            rest = match rest {
                [] => return set,
                [b'%', class, rest @ ..] => {
                    set.join(&OF_CLASS[usize::from(*class)]);
                    rest
                }
                [low, b'-', high, rest @ ..] => {
                    (*low..=*high).for_each(|byte| set.insert(byte));
                    rest
                }
                [byte, rest @ ..] => {
                    set.insert(*byte);
                    rest
                }
            };
        }
    }

    pub(crate) fn complement(self) -> ByteSet {
        ByteSet(self.0.map(|word| !word))
    }

    fn join(&mut self, other: &ByteSet) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }
}

/// The bytes of each letter's class.
static OF_CLASS: [ByteSet; 256] = {
    let mut sets = [ByteSet([0; 4]); 256];
    let mut class = 0;
    while class < 256 {
        let mut byte = 0;
        while byte < 256 {
            if is_of_class(byte as u8, class as u8) {
                sets[class].insert(byte as u8);
            }
            byte += 1;
        }
        class += 1;
    }
    sets
};

/// `%a` and its like, in the C locale; an upper-case letter is the complement.
const fn is_of_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_is_written() {
        let rows: &[(&str, &str)] = &[
            ("abc", "abc"),
            ("a-c", "abc"),
            ("c-a", ""),
            ("-a", "-a"),
            ("a-", "-a"),
            ("]", "]"),
            ("%d_", "0123456789_"),
            ("%]%%", "%]"),
            ("%d-x", "-0123456789x"),
            ("a-%d", "d"),
        ];
        for (items, expected) in rows {
            let set = ByteSet::written(items.as_bytes());
            let held: Vec<u8> = (0..=255).filter(|byte| set.holds(*byte)).collect();
            let mut expected = expected.as_bytes().to_vec();
            expected.sort_unstable();
            assert_eq!(held, expected, "{items}");
            assert!((0..=255).all(|byte| set.complement().holds(byte) != set.holds(byte)), "{items}");
        }
    }
}
