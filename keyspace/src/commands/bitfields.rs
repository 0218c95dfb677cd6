//! Integers of any width in a string: BITFIELD and BITFIELD_RO.
//!
//! All operations of a command are read before the first is carried out, so that a mistake in any changes nothing, and the string
//! is made long enough for all of them at once.

use smallvec::SmallVec;

use crate::args::Args;
use crate::bitmap;
use crate::exec::{DataRow, Exec};
use crate::number::parse_i64;
use crate::packed::ByteStore;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::types::kind::Kind;

use super::bitmaps::bit_offset;
use super::stretch::stretch;

/// What the rows of this family share.
const FIELDS: CommandSpec = CommandSpec {
    arity: -2,
    categories: Categories::BITMAP,
    group: "bitmap",
    complexity: "O(1) for each operation",
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "bitfield",
            // Not a visit: a large offset makes up to the longest string.
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE).and(KeyFlags::VARIABLE_FLAGS),
                first: 1,
                last: 0,
                step: 1,
            }],
            since: "3.2.0",
            summary: "Reads, sets and increments integers of any width in a string.",
            syntax: "key operation=[GET {encoding offset:integer} | \
                     write={[OVERFLOW <WRAP | SAT | FAIL>] \
                     write_operation=<SET {encoding offset:integer value:integer} | \
                     INCRBY {encoding offset:integer increment:integer}>}] [operation ...]",
            key_note: "This command allows both access and modification of the key",
            ..FIELDS
        },
        run: bitfield,
    },
    DataRow {
        spec: CommandSpec {
            name: "bitfield_ro",
            flags: Flags::READONLY.and(Flags::FAST),
            keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }],
            since: "6.0.0",
            summary: "Reads integers of any width in a string.",
            syntax: "key [GET {encoding offset:integer} [GET encoding_offset ...]]",
            ..FIELDS
        },
        run: bitfield_ro,
    },
];

/// An integer's form.
#[derive(Clone, Copy)]
struct Encoding {
    signed: bool,
    /// Bits: 1 to 64, 63 without a sign.
    width: u32,
}

impl Encoding {
    /// The least and the greatest value.
    fn range(self) -> (i128, i128) {
        match self.signed {
            true => (-1 << (self.width - 1), (1 << (self.width - 1)) - 1),
            false => (0, (1 << self.width) - 1),
        }
    }

    /// The value that these bits stand for.
    fn value(self, bits: u64) -> i128 {
        let unused = 64 - self.width;
        match self.signed {
            true => ((bits << unused) as i64 >> unused) as i128,
            false => (bits << unused >> unused) as i128,
        }
    }
}

/// What happens to a value that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Its lower bits are taken.
    Wrap,
    /// The nearest value that fits is taken.
    Saturate,
    /// Nothing is written.
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

struct Operation {
    action: Action,
    overflow: Overflow,
    encoding: Encoding,
    offset: u64,
}

/// Most commands have few operations: they are kept on the stack.
type Operations = SmallVec<[Operation; 4]>;

fn bitfield(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let operations = parse(exec, args)?;
    let key = exec.first_key(args, 1);
    match bytes_written(&operations) {
        None => read_all(exec, &key, &operations, reply),
        Some(bytes) => carry_out(exec, &key, &operations, bytes, reply),
    }
}

fn bitfield_ro(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let operations = parse(exec, args)?;
    if bytes_written(&operations).is_some() {
        return Err(Refusal::Text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    let key = exec.first_key(args, 1);
    read_all(exec, &key, &operations, reply)
}

/// The operations of a command, in order.
fn parse(exec: &Exec, args: Args) -> Result<Operations, Refusal> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while index < args.len() {
        let following = args.len() - index - 1;
        if args.is(index, "overflow") && following >= 1 {
            overflow = overflow_named(args, index + 1)?;
            index += 2;
            continue;
        }
        let reads = args.is(index, "get") && following >= 2;
        let sets = args.is(index, "set") && following >= 3;
        let increments = args.is(index, "incrby") && following >= 3;
        if !(reads || sets || increments) {
            return Err(Refusal::Syntax);
        }
        let encoding = encoding_named(args.at(index + 1))?;
        let offset = field_offset(exec, args.at(index + 2), encoding)?;
        let mut action = Action::Get;
        if !reads {
            let value = parse_i64(args.at(index + 3)).ok_or(Refusal::NotInteger)?;
            action = if sets { Action::Set(value) } else { Action::Increment(value) };
        }
        operations.push(Operation { action, overflow, encoding, offset });
        index += if reads { 3 } else { 4 };
    }
    Ok(operations)
}

fn overflow_named(args: Args, index: usize) -> Result<Overflow, Refusal> {
    let known = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
    let found = known.iter().find(|(name, _)| args.is(index, name));
    found.map(|(_, overflow)| *overflow).ok_or(Refusal::Text("ERR Invalid OVERFLOW type specified"))
}

/// Reads `i16`, `u8` and the like. What follows a zero byte does not count, as in Redis.
fn encoding_named(word: &[u8]) -> Result<Encoding, Refusal> {
    const BAD: Refusal = Refusal::Text(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    );
    let word = word.split(|&byte| byte == 0).next().unwrap_or(word);
    let (signed, digits, widest) = match word {
        [b'i', digits @ ..] => (true, digits, 64),
        [b'u', digits @ ..] => (false, digits, 63),
        _ => return Err(BAD),
    };
    let width = parse_i64(digits).filter(|width| (1..=widest).contains(width)).ok_or(BAD)?;
    Ok(Encoding { signed, width: width as u32 })
}

/// The offset of a field: in bits, or as `#N` the one of the N-th field of this width.
fn field_offset(exec: &Exec, word: &[u8], encoding: Encoding) -> Result<u64, Refusal> {
    let offset = match word {
        // The product wraps around, and may even come out as a good offset: so it does in Redis.
        [b'#', number @ ..] => parse_i64(number).map(|number| number.wrapping_mul(encoding.width as i64)),
        number => parse_i64(number),
    };
    bit_offset(exec, offset)
}

/// How long the string has to be for what is written. `None` if nothing is.
fn bytes_written(operations: &Operations) -> Option<usize> {
    let writes = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    let last_bit = writes.map(|operation| operation.offset + operation.encoding.width as u64 - 1).max()?;
    Some((last_bit / 8) as usize + 1)
}

fn read_all(exec: &mut Exec, key: &Key, operations: &Operations, reply: &mut Reply) -> Outcome {
    let value = match exec.read_as(key, Kind::String)? {
        Some(place) => exec.entry(key, place).value(),
        None => b"",
    };
    reply.array(operations.len());
    for operation in operations {
        let bits = bitmap::read(value, operation.offset, operation.encoding.width);
        reply.int(operation.encoding.value(bits) as i64);
    }
    Ok(())
}

fn carry_out(exec: &mut Exec, key: &Key, operations: &Operations, bytes: usize, reply: &mut Reply) -> Outcome {
    let string = stretch(exec, key, bytes)?;
    reply.array(operations.len());
    let changes = exec.edit(key, string.place, |entry| {
        let value = entry.bytes_mut();
        let mut changes = 0;
        for operation in operations {
            let Encoding { width, .. } = operation.encoding;
            let old = operation.encoding.value(bitmap::read(value, operation.offset, width));
            let Some((new, answer)) = result(operation, old) else {
                reply.null();
                continue;
            };
            reply.int(answer as i64);
            if let Some(new) = new {
                bitmap::write(value, operation.offset, width, new as u64);
                changes += (string.grew || new != old) as u64;
            }
        }
        changes
    });
    exec.happened(key, changes, EventClasses::STRING, "setbit");
    Ok(())
}

/// What an operation makes of a field that holds `old`: what is written if anything is, and what is answered. `None` if it fails.
fn result(operation: &Operation, old: i128) -> Option<(Option<i128>, i128)> {
    let wanted = match operation.action {
        Action::Get => return Some((None, old)),
        // Without a sign, a negative value is a very large one.
        Action::Set(value) if !operation.encoding.signed => value as u64 as i128,
        Action::Set(value) => value as i128,
        Action::Increment(by) => old + by as i128,
    };
    let is_set = matches!(operation.action, Action::Set(_));
    let (least, greatest) = operation.encoding.range();
    let new = match operation.overflow {
        _ if (least..=greatest).contains(&wanted) => wanted,
        Overflow::Wrap => operation.encoding.value(wanted as u64),
        // Redis measures how far a value to set lies below the greatest one in 64 bits, and takes an overflow there for a value
        // that is too large.
        Overflow::Saturate if is_set && greatest - wanted > i64::MAX as i128 => greatest,
        Overflow::Saturate => wanted.clamp(least, greatest),
        Overflow::Fail => return None,
    };
    Some((Some(new), if is_set { old } else { new }))
}

#[cfg(test)]
#[path = "bitfields_tests.rs"]
mod tests;
