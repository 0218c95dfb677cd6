//! Compiled chunks of Lua 5.1, as far as they are read here: instructions and the constants that they name.

/// Version 5.1, format 0, little endian, and the sizes of int, pointers, instructions and numbers on x86-64 and AArch64.
const HEADER: &[u8] = &[0x1b, b'L', b'u', b'a', 0x51, 0, 1, 4, 8, 4, 8, 0];

pub(crate) const GETGLOBAL: u32 = 5;
pub(crate) const GETTABLE: u32 = 6;
pub(crate) const SETGLOBAL: u32 = 7;
pub(crate) const LEN: u32 = 20;
pub(crate) const CALL: u32 = 28;
pub(crate) const TAILCALL: u32 = 29;
/// Instructions whose first field is no register that they write.
const WRITE_NOTHING: &[u32] = &[SETGLOBAL, 8, 9, 22, 23, 24, 25, 26, 30, 34, 35];

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction(u32);

impl Instruction {
    pub(crate) fn operation(self) -> u32 {
        self.0 & 63
    }

    /// The first register.
    pub(crate) fn a(self) -> u32 {
        self.0 >> 6 & 255
    }

    pub(crate) fn b(self) -> u32 {
        self.0 >> 23
    }

    pub(crate) fn c(self) -> u32 {
        self.0 >> 14 & 511
    }

    /// The constant that stands where `b` and `c` do in others.
    pub(crate) fn bx(self) -> usize {
        (self.0 >> 14) as usize
    }
}

/// How what is called came into its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee<'a> {
    /// As the global of this name.
    Global(&'a [u8]),
    /// As the field of this name of some table.
    Field(&'a [u8]),
    /// In another way.
    Other,
}

/// What an instruction may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Constant<'a> {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(&'a [u8]),
}

/// One function of a chunk.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    /// Where its first instruction stands in the code, four bytes each.
    pub(crate) at: usize,
    pub(crate) code: Vec<Instruction>,
    pub(crate) constants: Vec<Constant<'a>>,
    /// Number of registers.
    pub(crate) registers: u8,
}

impl<'a> Function<'a> {
    /// Its strings.
    pub(crate) fn strings(&self) -> impl Iterator<Item = &'a [u8]> {
        self.constants.iter().filter_map(|constant| text_of(*constant))
    }

    fn text(&self, index: usize) -> Option<&'a [u8]> {
        text_of(*self.constants.get(index)?)
    }

    /// The name of the global that an instruction reads, if it reads one.
    pub(crate) fn global_read(&self, instruction: Instruction) -> Option<&'a [u8]> {
        (instruction.operation() == GETGLOBAL).then(|| self.text(instruction.bx()))?
    }

    /// What the call at `index` calls, as the last instruction before it that writes its register tells.
    pub(crate) fn callee(&self, index: usize) -> Callee<'a> {
        let register = self.code[index].a();
        let writes = |earlier: &&Instruction| earlier.a() == register && !WRITE_NOTHING.contains(&earlier.operation());
        let Some(&loaded) = self.code[..index].iter().rev().find(writes) else { return Callee::Other };
        if let Some(name) = self.global_read(loaded) {
            return Callee::Global(name);
        }
        // A key of 256 and more is a constant.
        let constant = loaded.c().checked_sub(256).filter(|_| loaded.operation() == GETTABLE);
        let name = constant.and_then(|constant| self.text(constant as usize));
        name.map_or(Callee::Other, Callee::Field)
    }
}

fn text_of(constant: Constant<'_>) -> Option<&[u8]> {
    match constant {
        Constant::Text(text) => Some(text),
        _ => None,
    }
}

/// All functions of compiled code, the chunk first; `None` if the code has another form than expected.
pub(crate) fn functions(code: &[u8]) -> Option<Vec<Function<'_>>> {
    code.starts_with(HEADER).then_some(())?;
    let mut reader = Reader { code, at: HEADER.len(), functions: Vec::new() };
    reader.function()?;
    Some(reader.functions)
}

struct Reader<'a> {
    code: &'a [u8],
    at: usize,
    functions: Vec<Function<'a>>,
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
        // The lines it stands on; then the numbers of its upvalues and parameters, a flag and the number of its registers.
        let numbers = self.bytes(4 + 4 + 4)?;
        let registers = numbers[11];
        let instructions = self.int()?;
        let at = self.at;
        let words = self.bytes(instructions.checked_mul(4)?)?.chunks_exact(4);
        let code = words.map(|word| Instruction(u32::from_le_bytes(word.try_into().expect("four bytes")))).collect();
        let mut constants = Vec::new();
        for _ in 0..self.int()? {
            constants.push(match self.bytes(1)?[0] {
                0 => Constant::Nil,
                1 => Constant::Boolean(self.bytes(1)?[0] != 0),
                3 => Constant::Number(f64::from_le_bytes(self.bytes(8)?.try_into().ok()?)),
                4 => Constant::Text(self.text()?),
                _ => return None,
            });
        }
        self.functions.push(Function { at, code, constants, registers });
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
}
