//! What is carried out without Lua: a chunk of a few kinds of instructions, read once from what Lua compiled.

use crate::bytecode::{Constant, Function, Instruction};
use std::cell::Cell;

/// Keys and arguments of instructions from this on name constants.
const CONSTANTS_FROM: u32 = 256;

/// What stands for no jump in the field of one.
const JUMP_ORIGIN: i64 = 131_071;

/// The value of a register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(Text),
    /// The table KEYS.
    Keys,
    /// The table ARGV.
    Argv,
    /// The table `redis`.
    Redis,
    Function(Builtin),
    /// A table that a command replied with: where its encoded form stands among the answers.
    Answer(Range),
    /// A table of the script: where its elements stand.
    List(Range),
}

/// Where the bytes of a string stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Constant(Range),
    Key(u32),
    Argument(u32),
    Answer(Range),
    Made(Range),
}

/// A part of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Range {
    /// That part of `buffer`.
    pub(super) fn of<T>(self, buffer: &[T]) -> &[T] {
        &buffer[self.start as usize..][..self.len as usize]
    }

    /// What was appended to a buffer since it had `start` elements. Buffers are bounded far below 4 Gi.
    pub(super) fn since<T>(start: usize, buffer: &[T]) -> Range {
        Range { start: start as u32, len: (buffer.len() - start) as u32 }
    }
}

/// A function that may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// `redis.call` or `redis.pcall`: they differ in what they do with errors, and with an error Lua goes on.
    Call,
    ToNumber,
    ToString,
}

/// A register or a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operand {
    Register(u8),
    Constant(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
}

/// How many values: of arguments, or of what a chunk returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Of(u8),
    /// As many as the call before left.
    All,
}

/// An instruction. Registers are below the program's number of them, jumps lead forward and to an instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Move {
        to: u8,
        from: u8,
    },
    Load {
        to: u8,
        value: Value,
    },
    /// Loads and passes over the next instruction.
    LoadAndSkip {
        to: u8,
        value: Value,
    },
    Nil {
        from: u8,
        last: u8,
    },
    Index {
        to: u8,
        table: u8,
        key: Operand,
    },
    NewTable {
        to: u8,
    },
    /// Makes the table of so many elements, which stand behind it.
    Fill {
        table: u8,
        count: Count,
    },
    Sum {
        sum: Sum,
        to: u8,
        left: Operand,
        right: Operand,
    },
    Negate {
        to: u8,
        from: u8,
    },
    Not {
        to: u8,
        from: u8,
    },
    Len {
        to: u8,
        from: u8,
    },
    Concat {
        to: u8,
        from: u8,
        last: u8,
    },
    /// Goes on at this instruction.
    Jump(u32),
    /// Passes over the next instruction unless the comparison has the wanted outcome.
    Compare {
        comparison: Comparison,
        wanted: bool,
        left: Operand,
        right: Operand,
    },
    /// Passes over the next instruction unless the register is as true as wanted.
    Test {
        register: u8,
        wanted: bool,
    },
    /// The same, and copies the register if it is.
    TestSet {
        to: u8,
        from: u8,
        wanted: bool,
    },
    /// Calls the function in `base` with the arguments behind it; `None` results mean that all stay.
    Call {
        base: u8,
        arguments: Count,
        results: Option<u8>,
    },
    Return {
        from: u8,
        count: Count,
    },
}

/// A chunk.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) registers: u8,
    /// The bytes of all constants.
    pub(super) text: Vec<u8>,
    /// Runs that Lua may still take over.
    credit: Cell<u32>,
}

/// Most instructions of a program: it does not give way between two commands.
const OPS_MAX: usize = 2000;

/// Credit of a new program, and the most that it may have.
const CREDIT: u32 = 16;

/// What it costs when Lua takes a run over: most of the run is done twice. A run that ends here earns 1.
const COST: u32 = 4;

impl Program {
    /// False when Lua had to take over too many of its runs.
    pub(crate) fn has_credit(&self) -> bool {
        self.credit.get() >= COST
    }

    /// A run ended here.
    pub(crate) fn ended(&self) {
        self.credit.set(CREDIT.min(self.credit.get() + 1));
    }

    /// Lua took a run over.
    pub(crate) fn given_over(&self) {
        self.credit.set(self.credit.get().saturating_sub(COST));
    }

    /// The program of a compiled chunk, `None` if it has anything that only Lua can do.
    pub(crate) fn of(functions: &[Function<'_>]) -> Option<Program> {
        let [function] = functions else { return None };
        if function.code.len() > OPS_MAX {
            return None;
        }
        let mut reader = Reader { function, text: Vec::new(), constants: Vec::new() };
        reader.read_constants();
        // The chunk ends with a return, so nothing runs beyond its end.
        let ops = (0..function.code.len()).map(|at| reader.op(at)).collect::<Option<Vec<Op>>>()?;
        Some(Program { ops, registers: function.registers, text: reader.text, credit: Cell::new(CREDIT) })
    }
}

struct Reader<'a> {
    function: &'a Function<'a>,
    text: Vec<u8>,
    constants: Vec<Value>,
}

impl Reader<'_> {
    fn read_constants(&mut self) {
        for constant in &self.function.constants {
            self.constants.push(match constant {
                Constant::Nil => Value::Nil,
                Constant::Boolean(value) => Value::Boolean(*value),
                Constant::Number(value) => Value::Number(*value),
                Constant::Text(text) => {
                    let start = self.text.len();
                    self.text.extend_from_slice(text);
                    Value::Text(Text::Constant(Range::since(start, &self.text)))
                }
            });
        }
    }

    fn register(&self, number: u32) -> Option<u8> {
        u8::try_from(number).ok().filter(|register| *register < self.function.registers)
    }

    fn constant(&self, number: u32) -> Option<Value> {
        self.constants.get(number as usize).copied()
    }

    fn operand(&self, field: u32) -> Option<Operand> {
        match field.checked_sub(CONSTANTS_FROM) {
            Some(number) => self.constant(number).map(Operand::Constant),
            None => self.register(field).map(Operand::Register),
        }
    }

    /// A jump from the instruction at `at`; loops are for Lua.
    fn jump(&self, at: usize, instruction: Instruction) -> Option<u32> {
        let by = instruction.bx() as i64 - JUMP_ORIGIN;
        let to = at.checked_add(1)?.checked_add(usize::try_from(by).ok()?)?;
        (to < self.function.code.len()).then_some(to as u32)
    }

    /// The global of this name.
    fn global(&self, instruction: Instruction) -> Option<Value> {
        match self.function.global_read(instruction)? {
            b"KEYS" => Some(Value::Keys),
            b"ARGV" => Some(Value::Argv),
            b"redis" => Some(Value::Redis),
            b"tonumber" => Some(Value::Function(Builtin::ToNumber)),
            b"tostring" => Some(Value::Function(Builtin::ToString)),
            _ => None,
        }
    }

    /// Registers from one on: those that `field` says, one less, or all if it is none. They end within the chunk's registers.
    fn count(&self, from: u8, field: u32) -> Option<Count> {
        let Some(count) = field.checked_sub(1) else { return Some(Count::All) };
        let count = u8::try_from(count).ok()?;
        (u32::from(from) + u32::from(count) <= u32::from(self.function.registers)).then_some(Count::Of(count))
    }

    fn op(&self, at: usize) -> Option<Op> {
        let instruction = self.function.code[at];
        let (a, b, c) = (instruction.a(), instruction.b(), instruction.c());
        // What may pass over the next instruction has one behind that.
        let skips = || at + 2 < self.function.code.len();
        // Each but for a jump names a register first, or what is tested.
        let to = self.register(a);
        Some(match instruction.operation() {
            0 => Op::Move { to: to?, from: self.register(b)? },
            1 => Op::Load { to: to?, value: self.constant(instruction.bx() as u32)? },
            2 if c == 0 => Op::Load { to: to?, value: Value::Boolean(b != 0) },
            2 if skips() => Op::LoadAndSkip { to: to?, value: Value::Boolean(b != 0) },
            3 => Op::Nil { from: to?, last: self.register(b)? },
            5 => Op::Load { to: to?, value: self.global(instruction)? },
            6 => Op::Index { to: to?, table: self.register(b)?, key: self.operand(c)? },
            10 => Op::NewTable { to: to? },
            operation @ 12..=16 => {
                let sum = [Sum::Add, Sum::Subtract, Sum::Multiply, Sum::Divide, Sum::Modulo][operation as usize - 12];
                Op::Sum { sum, to: to?, left: self.operand(b)?, right: self.operand(c)? }
            }
            18 => Op::Negate { to: to?, from: self.register(b)? },
            19 => Op::Not { to: to?, from: self.register(b)? },
            20 => Op::Len { to: to?, from: self.register(b)? },
            21 if b <= c => Op::Concat { to: to?, from: self.register(b)?, last: self.register(c)? },
            22 => Op::Jump(self.jump(at, instruction)?),
            operation @ 23..=25 if skips() => {
                let comparison =
                    [Comparison::Equal, Comparison::Less, Comparison::LessOrEqual][operation as usize - 23];
                Op::Compare { comparison, wanted: a != 0, left: self.operand(b)?, right: self.operand(c)? }
            }
            26 if skips() => Op::Test { register: to?, wanted: c != 0 },
            27 if skips() => Op::TestSet { to: to?, from: self.register(b)?, wanted: c != 0 },
            28 | 29 => self.call(to?, b, c)?,
            30 => Op::Return { from: a as u8, count: self.count(a as u8, b)? },
            // The only table that is filled more than once is long.
            34 if c == 1 => Op::Fill { table: to?, count: self.elements(to?, b)? },
            _ => return None,
        })
    }

    /// A call with no, one or all results: more of them come from functions that are not here.
    fn call(&self, base: u8, b: u32, c: u32) -> Option<Op> {
        let arguments = self.count(base.checked_add(1)?, b)?;
        let results = match c {
            0 => None,
            1 | 2 => Some(c as u8 - 1),
            _ => return None,
        };
        Some(Op::Call { base, arguments, results })
    }

    fn elements(&self, table: u8, b: u32) -> Option<Count> {
        match b {
            0 => Some(Count::All),
            count => self.count(table.checked_add(1)?, count + 1),
        }
    }
}
