//! Keeps the line of a call in `return redis.call(...)`.
//!
//! In Lua 5.1 a call that is returned takes the place of its caller, unless it calls a function in C. Many functions of scripts are C in
//! Redis and have a frame of Lua here, so the caller's line would be missing from errors. In compiled chunks, calls by the names of these
//! functions are made ordinary ones. Lua's own compiler puts a return after each, so nothing else changes. Other calls stay as they are:
//! scripts may count on them for recursion.

/// Functions of libraries that are called as `library.name(...)`.
const FIELDS: &[&[u8]] = &[
    b"call",
    b"pcall",
    b"acl_check_cmd",
    b"log",
    b"band",
    b"bor",
    b"bxor",
    b"pack",
    b"insert",
    b"remove",
    b"sort",
    b"gsub",
    b"gmatch",
    b"foreach",
    b"resume",
    b"create",
    b"wrap",
];

/// Functions that are called by their global name.
const GLOBALS: &[&[u8]] = &[
    b"pcall",
    b"xpcall",
    b"unpack",
    b"loadstring",
    b"load",
    b"rawget",
    b"rawset",
    b"setmetatable",
    b"getmetatable",
    b"next",
    b"pairs",
    b"collectgarbage",
];

/// Version 5.1, format 0, little endian, and the sizes of int, pointers, instructions and numbers on x86-64 and AArch64.
const HEADER: &[u8] = &[0x1b, b'L', b'u', b'a', 0x51, 0, 1, 4, 8, 4, 8, 0];

const GETGLOBAL: u32 = 5;
const GETTABLE: u32 = 6;
const CALL: u32 = 28;
const TAILCALL: u32 = 29;
/// Instructions whose first field is no register that they write.
const WRITE_NOTHING: &[u32] = &[7, 8, 9, 22, 23, 24, 25, 26, 30, 34, 35];

/// Compiled code with those calls changed; `None` if there is none, or if the code has another form than expected.
pub(crate) fn kept(code: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { code, at: HEADER.len(), changes: Vec::new() };
    code.starts_with(HEADER).then_some(())?;
    reader.function()?;
    if reader.changes.is_empty() {
        return None;
    }
    let mut changed = code.to_vec();
    for at in reader.changes {
        // The operation is the low six bits of the first byte.
        changed[at] = changed[at] & !63 | CALL as u8;
    }
    Some(changed)
}

struct Reader<'a> {
    code: &'a [u8],
    at: usize,
    changes: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.code.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(bytes)
    }

    fn int(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?) as usize)
    }

    /// A string without the zero byte at its end.
    fn text(&mut self) -> Option<&'a [u8]> {
        let len = u64::from_le_bytes(self.bytes(8)?.try_into().ok()?);
        let bytes = self.bytes(usize::try_from(len).ok()?)?;
        Some(bytes.strip_suffix(&[0]).unwrap_or(bytes))
    }

    fn function(&mut self) -> Option<()> {
        self.text()?;
        self.bytes(4 + 4 + 4)?;
        let instructions = self.int()?;
        let first = self.at;
        let code = self.bytes(instructions.checked_mul(4)?)?;
        let mut constants = Vec::new();
        for _ in 0..self.int()? {
            constants.push(match self.bytes(1)?[0] {
                0 => None,
                1 => self.bytes(1).map(|_| None)?,
                3 => self.bytes(8).map(|_| None)?,
                4 => Some(self.text()?),
                _ => return None,
            });
        }
        self.note(code, first, &constants);
        for _ in 0..self.int()? {
            self.function()?;
        }
        let lines = self.int()?;
        self.bytes(lines.checked_mul(4)?)?;
        for _ in 0..self.int()? {
            self.text()?;
            self.bytes(8)?;
        }
        for _ in 0..self.int()? {
            self.text()?;
        }
        Some(())
    }

    /// Notes the calls to change.
    fn note(&mut self, code: &[u8], first: usize, constants: &[Option<&[u8]>]) {
        let words: Vec<u32> =
            code.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect();
        let operation = |word: u32| word & 63;
        let register = |word: u32| word >> 6 & 255;
        for (index, word) in words.iter().enumerate().filter(|(_, word)| operation(**word) == TAILCALL) {
            let writes = |earlier: &&u32| {
                register(**earlier) == register(*word) && !WRITE_NOTHING.contains(&operation(**earlier))
            };
            let Some(loaded) = words[..index].iter().rev().find(writes) else { continue };
            let (constant, names) = match operation(*loaded) {
                GETGLOBAL => ((loaded >> 14) as usize, GLOBALS),
                // A key of 256 and more is a constant.
                GETTABLE if loaded >> 14 & 511 >= 256 => ((loaded >> 14 & 255) as usize, FIELDS),
                _ => continue,
            };
            if constants.get(constant).copied().flatten().is_some_and(|name| names.contains(&name)) {
                self.changes.push(first + index * 4);
            }
        }
    }
}
