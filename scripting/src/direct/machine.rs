//! Carries a program out, from one command to the next.

use super::answer::{self, Shape};
use super::program::{Builtin, Comparison, Count, Op, Operand, Program, Range, Sum, Text, Value};
use crate::api::push_number;
use crate::decimal::push_lua;
use keyspace::args::{Args, OwnedArgs};
use keyspace::reply::{Reply, Resp};
use std::cell::Cell;

/// Most bytes of answers in one run: what Lua is told again when it takes over.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Most bytes of strings that one run makes.
const MADE_BYTES_MAX: usize = 64 << 10;

/// Most bytes that are compared, or passed on the way to an element, in one run: about a tenth of a millisecond.
const LOOKED_AT_MAX: usize = 256 << 10;

/// Bytes of a reply beyond which no further value of it is written here.
const REPLY_BYTES_MAX: usize = 128 << 10;

/// Most bytes of a command that is called from here.
const COMMAND_BYTES_MAX: usize = 1 << 20;

/// Why the machine stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The script calls a command; its answer comes.
    Call,
    /// The reply is written.
    Returned,
    /// What comes next only Lua can do.
    Lua,
}

/// What a program runs with.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) program: &'a Program,
    pub(crate) keys: Args<'a>,
    pub(crate) argv: Args<'a>,
    /// Protocol of the client.
    pub(crate) client: Resp,
}

/// A call whose answer is awaited: where it goes, and whether anywhere.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    base: u8,
    results: Option<u8>,
}

/// The state of a run.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    registers: Vec<Value>,
    /// The next instruction.
    at: usize,
    /// One behind the last register that the call before left, if all of its results were wanted.
    top: usize,
    awaited: Option<Awaited>,
    /// The answers so far, one behind the other.
    answers: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    made: Vec<u8>,
    lists: Vec<Value>,
    /// Bytes that were compared or passed.
    looked_at: Cell<usize>,
}

impl Machine {
    /// Begins a run.
    pub(crate) fn begin(&mut self, program: &Program) {
        self.registers.clear();
        self.registers.resize(program.registers as usize, Value::Nil);
        (self.at, self.top, self.awaited) = (0, 0, None);
        self.answers.clear();
        self.ends.clear();
        self.made.clear();
        self.lists.clear();
        self.looked_at.set(0);
    }

    /// Whether anything was carried out.
    pub(crate) fn has_begun(&self) -> bool {
        self.at > 0
    }

    /// Takes the answer to a call.
    pub(crate) fn answer(&mut self, reply: &[u8]) {
        self.answers.extend_from_slice(reply);
        self.ends.push(self.answers.len());
    }

    /// Frees the answers of a run that Lua took over: a large one is why.
    pub(crate) fn forget_answers(&mut self) {
        self.answers = Vec::new();
    }

    /// The answer to the call number `index` of the run, from 0.
    pub(crate) fn answer_to(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.answers[start..end])
    }

    /// Goes on to the next call, which it writes to `command`, or to the end, whose reply it writes to `reply`.
    pub(crate) fn run(&mut self, world: World<'_>, command: &mut OwnedArgs, reply: &mut Vec<u8>) -> Stop {
        self.proceed(world, command, reply).unwrap_or(Stop::Lua)
    }

    fn proceed(&mut self, world: World<'_>, command: &mut OwnedArgs, reply: &mut Vec<u8>) -> Option<Stop> {
        if let Some(awaited) = self.awaited.take() {
            let value = self.last_answer()?;
            self.leave(awaited, value);
        }
        // Jumps lead forward, so this ends.
        loop {
            let op = world.program.ops[self.at];
            self.at += 1;
            match op {
                Op::Call { base, arguments, results } => {
                    let Value::Function(function) = self.registers[base as usize] else { return None };
                    let first = base as usize + 1;
                    let last = self.end_of(first, arguments)?;
                    if function == Builtin::Call {
                        self.write_command(world, command, first, last)?;
                        self.awaited = Some(Awaited { base, results });
                        return Some(Stop::Call);
                    }
                    let value = self.call(world, function, first, last)?;
                    self.leave(Awaited { base, results }, value);
                }
                Op::Return { from, count } => {
                    let from = from as usize;
                    let value = if self.end_of(from, count)? > from { self.registers[from] } else { Value::Nil };
                    reply.clear();
                    self.write_reply(world, reply, value)?;
                    return Some(Stop::Returned);
                }
                _ => self.carry_out(world, op)?,
            }
        }
    }

    /// The value of the answer that came last. Errors are for Lua: it knows the line.
    fn last_answer(&self) -> Option<Value> {
        let start = self.ends.len().checked_sub(2).map_or(0, |before| self.ends[before]);
        if self.answers.len() > ANSWER_BYTES_MAX || self.answers[start..].first() == Some(&b'-') {
            return None;
        }
        Some(answer::read(&self.answers, start)?.value)
    }

    fn leave(&mut self, awaited: Awaited, value: Value) {
        let base = awaited.base as usize;
        if awaited.results != Some(0) {
            self.registers[base] = value;
        }
        self.top = base + 1;
    }

    /// One behind the last of the registers from `first` on.
    fn end_of(&self, first: usize, count: Count) -> Option<usize> {
        match count {
            Count::Of(count) => Some(first + count as usize),
            Count::All => (self.top >= first).then_some(self.top),
        }
    }

    fn carry_out(&mut self, world: World<'_>, op: Op) -> Option<()> {
        match op {
            Op::Move { to, from } => self.set(to, self.registers[from as usize]),
            Op::Load { to, value } => self.set(to, value),
            Op::LoadAndSkip { to, value } => {
                self.set(to, value);
                self.at += 1;
            }
            Op::Nil { from, last } => (from..=last).for_each(|to| self.set(to, Value::Nil)),
            Op::Index { to, table, key } => {
                let value = self.index(world, self.registers[table as usize], self.get(key))?;
                self.set(to, value);
            }
            Op::NewTable { to } => self.set(to, Value::List(Range { start: 0, len: 0 })),
            Op::Fill { table, count } => {
                let (first, start) = (table as usize + 1, self.lists.len());
                let last = self.end_of(first, count)?;
                self.lists.extend_from_slice(&self.registers[first..last]);
                self.set(table, Value::List(Range::since(start, &self.lists)));
            }
            Op::Sum { sum, to, left, right } => {
                let (left, right) = (self.number(world, self.get(left))?, self.number(world, self.get(right))?);
                self.set(to, Value::Number(calculate(sum, left, right)));
            }
            Op::Negate { to, from } => {
                let value = self.number(world, self.registers[from as usize])?;
                self.set(to, Value::Number(-value));
            }
            Op::Not { to, from } => self.set(to, Value::Boolean(!self.is_true(from))),
            Op::Len { to, from } => {
                let len = self.len(world, self.registers[from as usize])?;
                self.set(to, Value::Number(len as f64));
            }
            Op::Concat { to, from, last } => {
                let start = self.made.len();
                (from..=last).try_for_each(|register| self.make(world, self.registers[register as usize]))?;
                self.set(to, Value::Text(Text::Made(Range::since(start, &self.made))));
            }
            Op::Jump(to) => self.at = to as usize,
            Op::Compare { comparison, wanted, left, right } => {
                let holds = self.compare(world, comparison, self.get(left), self.get(right))?;
                self.at += usize::from(holds != wanted);
            }
            Op::Test { register, wanted } => self.at += usize::from(self.is_true(register) != wanted),
            Op::TestSet { to, from, wanted } => match self.is_true(from) == wanted {
                true => self.set(to, self.registers[from as usize]),
                false => self.at += 1,
            },
            Op::Call { .. } | Op::Return { .. } => unreachable!("the loop carries these out"),
        }
        Some(())
    }

    fn set(&mut self, register: u8, value: Value) {
        self.registers[register as usize] = value;
    }

    fn get(&self, operand: Operand) -> Value {
        match operand {
            Operand::Register(register) => self.registers[register as usize],
            Operand::Constant(value) => value,
        }
    }

    fn is_true(&self, register: u8) -> bool {
        !matches!(self.registers[register as usize], Value::Nil | Value::Boolean(false))
    }

    fn bytes<'a>(&'a self, world: World<'a>, text: Text) -> &'a [u8] {
        match text {
            Text::Constant(range) => range.of(&world.program.text),
            Text::Key(index) => world.keys.at(index as usize),
            Text::Argument(index) => world.argv.at(index as usize),
            Text::Answer(range) => range.of(&self.answers),
            Text::Made(range) => range.of(&self.made),
        }
    }

    /// A number, or a string that is plainly one.
    fn number(&self, world: World<'_>, value: Value) -> Option<f64> {
        match value {
            Value::Number(value) => Some(value),
            Value::Text(text) => plain_number(self.bytes(world, text)),
            _ => None,
        }
    }

    fn look_at(&self, bytes: usize) -> Option<()> {
        self.looked_at.set(self.looked_at.get().saturating_add(bytes));
        (self.looked_at.get() <= LOOKED_AT_MAX).then_some(())
    }

    fn index(&self, world: World<'_>, table: Value, key: Value) -> Option<Value> {
        match (table, key) {
            (Value::Redis, Value::Text(name)) => {
                matches!(self.bytes(world, name), b"call" | b"pcall").then_some(Value::Function(Builtin::Call))
            }
            (Value::Answer(range), Value::Text(name)) if self.bytes(world, name) == b"ok" => {
                answer::status(&self.answers, range)
            }
            (_, Value::Number(number)) => {
                let place = (number >= 1.0 && number.fract() == 0.0).then_some(number as usize - 1);
                let within = |len: usize| place.filter(|place| *place < len);
                match table {
                    Value::Keys => Some(within(world.keys.len()).map_or(Value::Nil, |at| key_text(Text::Key, at))),
                    Value::Argv => Some(within(world.argv.len()).map_or(Value::Nil, |at| key_text(Text::Argument, at))),
                    Value::List(range) => {
                        Some(within(range.len as usize).map_or(Value::Nil, |at| range.of(&self.lists)[at]))
                    }
                    Value::Answer(range) => {
                        self.look_at(range.len as usize)?;
                        answer::element(&self.answers, range, place)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn len(&self, world: World<'_>, value: Value) -> Option<usize> {
        match value {
            Value::Keys => Some(world.keys.len()),
            Value::Argv => Some(world.argv.len()),
            Value::Text(text) => Some(self.bytes(world, text).len()),
            Value::Answer(range) => match answer::shape(&self.answers, range)? {
                Shape::Array { len, .. } => Some(len),
                Shape::Status(_) => None,
            },
            _ => None,
        }
    }

    fn compare(&self, world: World<'_>, comparison: Comparison, left: Value, right: Value) -> Option<bool> {
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => Some(match comparison {
                Comparison::Equal => left == right,
                Comparison::Less => left < right,
                Comparison::LessOrEqual => left <= right,
            }),
            _ if comparison != Comparison::Equal => None,
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (self.bytes(world, left), self.bytes(world, right));
                self.look_at(left.len().min(right.len()))?;
                Some(left == right)
            }
            (Value::Boolean(left), Value::Boolean(right)) => Some(left == right),
            (Value::Nil, Value::Nil) => Some(true),
            // A nil, boolean, number or string equals nothing of another kind.
            (Value::Nil | Value::Boolean(_) | Value::Number(_) | Value::Text(_), _)
            | (_, Value::Nil | Value::Boolean(_) | Value::Number(_) | Value::Text(_)) => Some(false),
            _ => None,
        }
    }

    /// Appends a string or number to what is made.
    fn make(&mut self, world: World<'_>, value: Value) -> Option<()> {
        match value {
            Value::Number(value) => push_lua(&mut self.made, value),
            Value::Text(Text::Made(range)) => {
                let start = range.start as usize;
                self.made.extend_from_within(start..start + range.len as usize);
            }
            Value::Text(Text::Answer(range)) => self.made.extend_from_slice(range.of(&self.answers)),
            Value::Text(Text::Constant(range)) => self.made.extend_from_slice(range.of(&world.program.text)),
            Value::Text(Text::Key(index)) => self.made.extend_from_slice(world.keys.at(index as usize)),
            Value::Text(Text::Argument(index)) => self.made.extend_from_slice(world.argv.at(index as usize)),
            _ => return None,
        }
        (self.made.len() <= MADE_BYTES_MAX).then_some(())
    }

    fn call(&mut self, world: World<'_>, function: Builtin, first: usize, last: usize) -> Option<Value> {
        let &[value] = &self.registers[first..last] else { return None };
        match (function, value) {
            (Builtin::ToNumber, Value::Nil | Value::Boolean(_)) => Some(Value::Nil),
            (Builtin::ToNumber, value) => self.number(world, value).map(Value::Number),
            (Builtin::ToString, Value::Text(_)) => Some(value),
            (Builtin::ToString, Value::Number(_)) => {
                let start = self.made.len();
                self.make(world, value)?;
                Some(Value::Text(Text::Made(Range::since(start, &self.made))))
            }
            _ => None,
        }
    }

    /// The command that a call names.
    fn write_command(&self, world: World<'_>, command: &mut OwnedArgs, first: usize, last: usize) -> Option<()> {
        command.clear();
        let values = self.registers.get(first..last).filter(|values| !values.is_empty())?;
        let mut bytes = 0;
        for value in values {
            match *value {
                Value::Text(text) => {
                    let text = self.bytes(world, text);
                    bytes += text.len();
                    if bytes > COMMAND_BYTES_MAX {
                        return None;
                    }
                    command.push(text);
                }
                Value::Number(value) => push_number(command, value),
                _ => return None,
            }
        }
        Some(())
    }

    /// Appends a value to the reply. Lists within lists may be long though the script is short.
    fn write_reply(&self, world: World<'_>, out: &mut Vec<u8>, value: Value) -> Option<()> {
        if out.len() > REPLY_BYTES_MAX {
            return None;
        }
        let mut reply = Reply::new(out, world.client);
        match value {
            Value::Nil | Value::Boolean(false) => reply.null(),
            Value::Boolean(true) => reply.int(1),
            Value::Number(value) => reply.int(crate::outward::truncated(value)),
            Value::Text(text) => reply.bulk(self.bytes(world, text)),
            Value::Answer(range) => match answer::shape(&self.answers, range)? {
                Shape::Status(text) => crate::outward::status(out, text.of(&self.answers)),
                Shape::Array { len, mut at } => {
                    reply.array(len);
                    for _ in 0..len {
                        let read = answer::read(&self.answers, at)?;
                        self.write_reply(world, out, read.value)?;
                        at = read.end;
                    }
                }
            },
            Value::List(range) => {
                let values = range.of(&self.lists);
                let len = values.iter().position(|value| *value == Value::Nil).unwrap_or(values.len());
                reply.array(len);
                values[..len].iter().try_for_each(|value| self.write_reply(world, out, *value))?;
            }
            Value::Keys | Value::Argv | Value::Redis | Value::Function(_) => return None,
        }
        Some(())
    }
}

fn key_text(of: impl Fn(u32) -> Text, at: usize) -> Value {
    Value::Text(of(at as u32))
}

fn calculate(sum: Sum, left: f64, right: f64) -> f64 {
    match sum {
        Sum::Add => left + right,
        Sum::Subtract => left - right,
        Sum::Multiply => left * right,
        Sum::Divide => left / right,
        Sum::Modulo => left - (left / right).floor() * right,
    }
}

/// Most letters of a number in a string that is read here.
const NUMBER_LETTERS_MAX: usize = 32;

/// The number in digits, perhaps with a sign before and a fraction behind them. How Lua reads other forms depends on C's library.
fn plain_number(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, b"0".as_slice()),
    };
    if text.len() > NUMBER_LETTERS_MAX || !plain(whole) || !plain(fraction) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
