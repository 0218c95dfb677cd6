//! Keeps the line of a call in `return redis.call(...)`.
//!
//! In Lua 5.1 a call that is returned takes the place of its caller, unless it calls a function in C. Many functions of scripts are C in
//! Redis and have a frame of Lua here, so the caller's line would be missing from errors. In compiled chunks, calls by the names of these
//! functions are made ordinary ones. Lua's own compiler puts a return after each, so nothing else changes. Other calls stay as they are:
//! scripts may count on them for recursion.

use crate::bytecode::{CALL, Callee, Function, TAILCALL};

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
    b"encode",
    b"decode",
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

/// Compiled code with those calls changed; `None` if there is none.
pub(crate) fn kept(code: &[u8], functions: &[Function<'_>]) -> Option<Vec<u8>> {
    let mut changed = None;
    for function in functions {
        let tails = function.code.iter().enumerate().filter(|(_, instruction)| instruction.operation() == TAILCALL);
        for (index, _) in tails {
            let named = match function.callee(index) {
                Callee::Global(name) => GLOBALS.contains(&name),
                Callee::Field(name) => FIELDS.contains(&name),
                Callee::Other => false,
            };
            if named {
                let changed = changed.get_or_insert_with(|| code.to_vec());
                // The operation is the low six bits of the first byte.
                let byte = &mut changed[function.at + index * 4];
                *byte = *byte & !63 | CALL as u8;
            }
        }
    }
    changed
}
