//! Writes hostile scripts: every library with arguments of every kind and size, odd control flow, nesting, and broken text.

use std::fmt::Write as _;

/// Functions of the sandbox, and how many arguments make sense: they get fewer and more as well.
const FUNCTIONS: &[(&str, usize)] = &[
    ("assert", 2),
    ("bit.arshift", 2),
    ("bit.band", 3),
    ("bit.bnot", 1),
    ("bit.bor", 3),
    ("bit.bswap", 1),
    ("bit.bxor", 3),
    ("bit.lshift", 2),
    ("bit.rol", 2),
    ("bit.ror", 2),
    ("bit.rshift", 2),
    ("bit.tobit", 1),
    ("bit.tohex", 2),
    ("cjson.decode", 1),
    ("cjson.decode_array_with_array_mt", 1),
    ("cjson.decode_invalid_numbers", 1),
    ("cjson.decode_max_depth", 1),
    ("cjson.encode", 1),
    ("cjson.encode_invalid_numbers", 1),
    ("cjson.encode_keep_buffer", 1),
    ("cjson.encode_max_depth", 1),
    ("cjson.encode_number_precision", 1),
    ("cjson.encode_sparse_array", 3),
    ("cjson.new", 0),
    ("cmsgpack.pack", 3),
    ("cmsgpack.unpack", 1),
    ("cmsgpack.unpack_limit", 3),
    ("cmsgpack.unpack_one", 2),
    ("collectgarbage", 2),
    ("coroutine.create", 1),
    ("coroutine.resume", 2),
    ("coroutine.running", 0),
    ("coroutine.status", 1),
    ("coroutine.wrap", 1),
    ("coroutine.yield", 2),
    ("error", 2),
    ("getmetatable", 1),
    ("ipairs", 1),
    ("load", 1),
    ("loadstring", 2),
    ("math.floor", 1),
    ("math.fmod", 2),
    ("math.frexp", 1),
    ("math.huge", 0),
    ("math.ldexp", 2),
    ("math.max", 3),
    ("math.modf", 1),
    ("math.random", 2),
    ("math.randomseed", 1),
    ("next", 2),
    ("os.clock", 0),
    ("pairs", 1),
    ("pcall", 3),
    ("rawequal", 2),
    ("rawget", 2),
    ("rawset", 3),
    ("redis.acl_check_cmd", 2),
    ("redis.breakpoint", 0),
    ("redis.call", 3),
    ("redis.debug", 1),
    ("redis.error_reply", 1),
    ("redis.log", 2),
    ("redis.pcall", 3),
    ("redis.register_function", 2),
    ("redis.replicate_commands", 0),
    ("redis.set_repl", 1),
    ("redis.setresp", 1),
    ("redis.sha1hex", 1),
    ("redis.status_reply", 1),
    ("select", 3),
    ("setmetatable", 2),
    ("string.byte", 3),
    ("string.char", 3),
    ("string.dump", 1),
    ("string.find", 4),
    ("string.format", 4),
    ("string.gmatch", 2),
    ("string.gsub", 4),
    ("string.len", 1),
    ("string.lower", 1),
    ("string.match", 3),
    ("string.rep", 2),
    ("string.reverse", 1),
    ("string.sub", 3),
    ("string.upper", 1),
    ("struct.pack", 4),
    ("struct.size", 1),
    ("struct.unpack", 3),
    ("table.concat", 4),
    ("table.foreach", 2),
    ("table.foreachi", 2),
    ("table.getn", 1),
    ("table.insert", 3),
    ("table.maxn", 1),
    ("table.remove", 2),
    ("table.setn", 2),
    ("table.sort", 2),
    ("tonumber", 2),
    ("tostring", 1),
    ("type", 1),
    ("unpack", 3),
    ("xpcall", 2),
];

/// Numbers at the edges of what conversions can take.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "3.5",
    "255",
    "1e3",
    "1e5",
    "1e7",
    "1e9",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967296",
    "2^53",
    "2^63",
    "-2^63",
    "2^64",
    "1e300",
    "-1e300",
    "5e-324",
    "1/0",
    "-1/0",
    "0/0",
];

/// Pieces of texts: of patterns, formats, JSON, MessagePack and plain bytes.
const PIECES: &[&str] = &[
    "a",
    "ab",
    " ",
    "%a",
    "%d",
    "%s",
    "%5.2f",
    "%99d",
    "%q",
    "%b()",
    "%f[a]",
    "%1",
    "%",
    "(",
    ")",
    "()",
    "[",
    "]",
    "[^a-z]",
    "*",
    "-",
    "+",
    "?",
    ".",
    "^",
    "$",
    "{",
    "}",
    "\\\"",
    "\\\"a\\\":",
    "[1,",
    "null",
    "1e999",
    "\\\\u12",
    ":",
    ",",
    "<i4",
    ">I8",
    "!16",
    "c0",
    "s",
    "d",
    "L",
    "x",
    "\\0",
    "\\127",
    "\\128",
    "\\144",
    "\\192",
    "\\196\\255",
    "\\202",
    "\\207",
    "\\218\\255\\255",
    "\\220",
    "\\221\\255",
    "\\223\\255\\255\\255\\255",
    "\\255",
    "\\r\\n",
    "get",
    "set",
    "k",
];

/// Metamethods, and keys that mean something in replies.
const FIELDS: &[&str] = &[
    "__index",
    "__newindex",
    "__call",
    "__concat",
    "__lt",
    "__le",
    "__eq",
    "__len",
    "__unm",
    "__add",
    "__tostring",
    "__gc",
    "__mode",
    "__metatable",
    "ok",
    "err",
    "double",
    "map",
    "set",
    "big_number",
    "verbatim_string",
    "a",
    "n",
];

const VARIABLES: &[&str] = &["a", "b", "c", "f", "g", "KEYS", "ARGV", "_G", "string", "redis"];

const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", "<=", "and", "or"];

/// Expressions and statements within each other.
const DEPTH_MAX: usize = 5;

/// Writes one script.
pub(crate) struct Author {
    random: fastrand::Rng,
    depth: usize,
}

impl Author {
    /// The author of the script that this seed stands for.
    pub(crate) fn new(seed: u64) -> Author {
        Author { random: fastrand::Rng::with_seed(seed), depth: 0 }
    }

    /// The script: mostly one that Lua can read.
    pub(crate) fn script(&mut self) -> Vec<u8> {
        let mut script = "local a, b, c, f, g = {}, 'k', 3\n".to_owned();
        for _ in 0..self.random.usize(1..8) {
            let statement = self.statement();
            // Most fail; those behind are to have their turn.
            let _ = match self.random.u8(..4) {
                0 => writeln!(script, "{statement}"),
                _ => writeln!(script, "pcall(function(...) {statement} end, c)"),
            };
        }
        let _ = write!(script, "return select(2, pcall(function(...) return {} end, a))", self.expression());
        let mut script = script.into_bytes();
        if self.random.u8(..8) == 0 {
            self.damage(&mut script);
        }
        script
    }

    /// Adds to the script or cuts it in a few places.
    fn damage(&mut self, script: &mut Vec<u8>) {
        for _ in 0..self.random.usize(1..5) {
            let at = self.random.usize(..=script.len());
            match self.random.u8(..4) {
                0 => script.insert(at, self.random.u8(..)),
                1 => script.insert(at, self.of(b"()[]{}=~'\"\\-")),
                2 => drop(script.drain(at..(at + 3).min(script.len()))),
                _ => script.truncate(at),
            }
        }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.usize(..all.len())]
    }

    /// Something one level deeper, or something flat at the bottom.
    fn within(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        if self.depth >= DEPTH_MAX {
            return self.flat();
        }
        self.depth += 1;
        let text = write(self);
        self.depth -= 1;
        text
    }

    fn flat(&mut self) -> String {
        match self.random.u8(..8) {
            0..3 => self.of(NUMBERS).to_owned(),
            3..5 => self.text(),
            5 => self.of(&["nil", "true", "false", "{}", "..."]).to_owned(),
            _ => self.of(VARIABLES).to_owned(),
        }
    }

    fn text(&mut self) -> String {
        let pieces: String = (0..self.random.usize(..5)).map(|_| self.of(PIECES)).collect();
        format!("\"{pieces}\"")
    }

    fn number(&mut self) -> String {
        match self.random.u8(..3) {
            0 => self.of(NUMBERS).to_owned(),
            1 => self.random.i32(-20..20_000).to_string(),
            _ => self.within(Author::expression),
        }
    }

    fn expression(&mut self) -> String {
        match self.random.u8(..14) {
            0..3 => self.flat(),
            3..7 => self.within(Author::call),
            7 => self.within(|author| {
                let (left, operator, right) = (author.expression(), author.of(OPERATORS), author.expression());
                format!("({left} {operator} {right})")
            }),
            8 => self.within(|author| format!("{} {}", author.of(&["-", "not ", "#"]), author.expression())),
            9 => self.within(Author::table),
            10 => self.within(|author| format!("string.rep({}, {})", author.text(), author.number())),
            11 => self.within(Author::function),
            12 => self.within(Author::deep),
            _ => self.within(|author| {
                let (of, index) = (author.of(VARIABLES), author.expression());
                format!("{of}[{index}]")
            }),
        }
    }

    fn arguments(&mut self, count: usize) -> String {
        let count = if self.random.u8(..4) == 0 { self.random.usize(..count + 3) } else { count };
        let arguments: Vec<String> = (0..count).map(|_| self.expression()).collect();
        arguments.join(", ")
    }

    fn call(&mut self) -> String {
        let (name, count) = self.of(FUNCTIONS);
        match self.random.u8(..6) {
            0 => format!("{}({})", self.of(&["a", "f", "g"]), self.arguments(2)),
            1 => format!("pcall({})", behind(name, &self.arguments(count))),
            2 if name.starts_with("redis.") => {
                let command = self.of(&["'get'", "'set'", "'mget'", "'incr'", "'echo'", "'debug', 'protocol'"]);
                format!("redis.pcall({})", behind(command, &self.arguments(2)))
            }
            3 => format!("({}):{}({})", self.text(), name.rsplit('.').next().unwrap_or(name), self.arguments(2)),
            _ => format!("{name}({})", self.arguments(count)),
        }
    }

    fn table(&mut self) -> String {
        let entries = (0..self.random.usize(..5)).map(|_| match self.random.u8(..3) {
            0 => self.expression(),
            1 => format!("{} = {}", self.of(FIELDS), self.expression()),
            _ => format!("[{} or 1] = {}", self.flat(), self.expression()),
        });
        let table = format!("{{{}}}", entries.collect::<Vec<_>>().join(", "));
        match self.random.u8(..3) {
            0 => format!("setmetatable({table}, {})", self.table_of_methods()),
            _ => table,
        }
    }

    fn table_of_methods(&mut self) -> String {
        let methods = (0..self.random.usize(1..4)).map(|_| format!("{} = {}", self.of(FIELDS), self.function()));
        format!("{{{}}}", methods.collect::<Vec<_>>().join(", "))
    }

    fn function(&mut self) -> String {
        let body = if self.depth < DEPTH_MAX { self.within(Author::statement) } else { String::new() };
        format!("function(a, b, ...) {body} return {} end", self.flat())
    }

    /// The same thing within itself very often, as text, as a value or as calls.
    fn deep(&mut self) -> String {
        let times = self.of(&["10", "199", "201", "5000", "1e5"]);
        let (open, close) =
            self.of(&[("(", ")"), ("{", "}"), ("function() ", " end"), ("-", ""), ("a.", "b"), ("[", "]")]);
        match self.random.u8(..4) {
            0 => format!(
                "loadstring('return ' .. string.rep('{open}', {times}) .. '1' .. string.rep('{close}', {times}))"
            ),
            1 => format!("(function() local t = {{}} for i = 1, {times} do t = {{t}} end return t end)()"),
            2 => format!(
                "(function() local function r(n) if n == 0 then return 1 end return 1 + r(n - 1) end return r({times}) end)()"
            ),
            _ => format!("cjson.decode(string.rep('{open}', {times}) .. string.rep('{close}', {times}))"),
        }
    }

    fn statement(&mut self) -> String {
        if self.depth >= DEPTH_MAX {
            return format!("a = {}", self.flat());
        }
        self.depth += 1;
        let variable = self.of(&["a", "b", "c", "f", "g"]);
        let text = match self.random.u8(..16) {
            0..4 => format!("{variable} = {}", self.expression()),
            4 => format!("a[{} or 1] = {}", self.flat(), self.expression()),
            5 | 6 => format!("pcall(function(...) {} end, {})", self.statement(), self.flat()),
            7 => format!("if {} then {} else {} end", self.expression(), self.statement(), self.statement()),
            8 => format!("for i = {}, {} do {} end", self.number(), self.number(), self.statement()),
            9 => format!(
                "for k, v in {}({}) do {} end",
                self.of(&["pairs", "ipairs", "next,"]),
                self.expression(),
                self.statement()
            ),
            10 => format!("while {} do {} end", self.expression(), self.statement()),
            11 => format!("repeat {} until {}", self.statement(), self.expression()),
            12 => format!("local function f(a, b, ...) {} return f({}) end f()", self.statement(), self.flat()),
            13 => format!(
                "local {variable} = coroutine.wrap(function(...) {} coroutine.yield({}) {} end) {variable}() {variable}()",
                self.statement(),
                self.flat(),
                self.statement()
            ),
            14 => format!(
                "local ok, {variable} = pcall({}) if type({variable}) == 'string' then error({variable}) end",
                self.function()
            ),
            _ => format!("local _ = {}", self.call()),
        };
        self.depth -= 1;
        text
    }
}

/// A list of arguments with one before it.
fn behind(first: &str, others: &str) -> String {
    if others.is_empty() { first.to_owned() } else { format!("{first}, {others}") }
}
