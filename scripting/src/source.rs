//! What the parser of Lua 5.1 must not see.

/// Longest run of `=`: the level of a long bracket is counted in an `int` (CVE-2025-46819), and none has a use for so many.
const EQUALS_MAX: usize = 4096;

/// The first byte of compiled code, which nothing verifies: such a source is not code to us but text that begins with this letter.
pub(crate) const BYTECODE: u8 = 0x1b;

/// Why a source is not parsed, if it is not.
pub(crate) fn fault(source: &[u8], bytes_max: usize) -> Option<&'static str> {
    if source.len() > bytes_max {
        return Some("script too large");
    }
    let mut run = 0;
    for byte in source {
        run = if *byte == b'=' { run + 1 } else { 0 };
        if run > EQUALS_MAX {
            return Some("invalid long string delimiter");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_brackets_and_sources_are_refused() {
        let bracket = [b"return [".as_slice(), &[b'='; 5000], b"[x"].concat();
        assert!(fault(&bracket, 1 << 20).is_some());
        assert!(fault(&[b' '; 100], 99).is_some());
        assert!(fault(b"return [==[x]==]", 99).is_none());
    }
}
