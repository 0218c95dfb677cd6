//! Which scripts are plain: most are. Their code shows that they change neither globals nor KEYS and ARGV and that they call nothing with more
//! arguments than its text has. So they get the globals themselves and not a guard before them, the tables KEYS and ARGV of the script
//! before them with other elements, and functions that take as many arguments as a function in Rust can.

use crate::bytecode::{CALL, Callee, Function, GETTABLE, LEN, SETGLOBAL, TAILCALL};

/// Words that a plain script does not have: by these it could reach globals that its code does not show.
const HIDDEN_WAYS: &[&[u8]] = &[b"_G", b"load", b"loadstring"];

/// Functions that call none of their arguments, however many: `tonumber(redis.call(...))` is plain.
const CALL_NOTHING: &[&[u8]] =
    &[b"assert", b"error", b"ipairs", b"next", b"pairs", b"select", b"tonumber", b"tostring", b"type"];

/// True if a chunk of these functions is plain. When in doubt it is not.
pub(crate) fn is_plain(functions: &[Function<'_>]) -> bool {
    functions.iter().all(|function| {
        function.strings().all(|text| !HIDDEN_WAYS.contains(&text))
            && (0..function.code.len()).all(|index| is_plain_at(function, index))
    })
}

fn is_plain_at(function: &Function<'_>, index: usize) -> bool {
    let instruction = function.code[index];
    match instruction.operation() {
        SETGLOBAL => false,
        // Without a number its arguments are all that the call before it returned, or all of `...`.
        CALL | TAILCALL if instruction.b() == 0 => {
            matches!(function.callee(index), Callee::Global(name) if CALL_NOTHING.contains(&name))
        }
        _ => match function.global_read(instruction) {
            // The element, or the number of them, must take the table's place in the register at once: nothing else can use it then.
            Some(b"KEYS" | b"ARGV") => function.code.get(index + 1).is_some_and(|next| {
                let register = instruction.a();
                matches!(next.operation(), GETTABLE | LEN) && next.a() == register && next.b() == register
            }),
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode;
    use mlua::Lua;

    fn plain(source: &str) -> bool {
        let code = Lua::new().load(source).into_function().expect("it compiles").dump(false);
        is_plain(&bytecode::functions(&code).expect("this is the form"))
    }

    #[test]
    fn what_only_reads_its_world_is_plain() {
        for source in [
            "return 1",
            "redis.call('GET', KEYS[1]); return redis.call('SET', KEYS[1], ARGV[1])",
            "local n = tonumber(redis.call('GET', KEYS[1]) or 0) if n > tonumber(ARGV[1]) then return n end return #ARGV",
            "for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end",
            "local function twice(x) return x .. x end return twice(ARGV[1])",
            "local t = {} t.x = KEYS[1] return t",
        ] {
            assert!(plain(source), "{source}");
        }
    }

    #[test]
    fn what_may_change_its_world_or_pass_many_arguments_is_not() {
        for source in [
            "x = 1",
            "local t = KEYS t[1] = 'x'",
            "local t = KEYS local y = t[1] t[1] = y .. y",
            "KEYS[1] = 'x'",
            "table.insert(ARGV, 'x')",
            "return KEYS",
            "return (KEYS or ARGV)[1]",
            "return {KEYS, ARGV}",
            "return _G.KEYS",
            "local name = '_G' return name",
            "return loadstring('return KEYS')()",
            "return redis.call(unpack(ARGV))",
            "local t = {} return redis.call('DEL', unpack(t))",
            "return pcall(redis.call, unpack({}))",
            "local f = redis.call return f('DEL', ...)",
            "local f = function(...) return redis.call(...) end",
            "return (function() y = 1 end)()",
            "local setmetatable = setmetatable return setmetatable(KEYS, {})",
        ] {
            assert!(!plain(source), "{source}");
        }
    }
}
