//! Inputs that broke Lua, its libraries or their sandboxes: an error, bounded memory, and the engine serves on.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;
use scripting::{Limits, Outcome};

/// Each script, and what its reply contains.
const ROWS: &[(&str, &str)] = &[
    // Memory.
    ("local t = {} for i = 1, 1e9 do t[i] = {i} end", "not enough memory"),
    ("local s = 'x' while true do s = s .. s end", "not enough memory"),
    ("return string.rep('x', 1e9)", "not enough memory"),
    ("return string.rep('', 1e9)", "$0"),
    (
        "local s = string.rep('x', 1000000) local t = {} for i = 1, 1e6 do t[i] = s end return table.concat(t)",
        "not enough memory",
    ),
    ("local s = string.rep('a', 10000) return #s:gsub('a', s)", "too large"),
    ("local s = string.rep('a', 10000) return #s:gsub('a', function() return s end)", "not enough memory"),
    ("return string.gsub(string.rep('a', 1e6), '^.*$', string.rep('%0', 1e6))", "too large"),
    ("return string.gsub(string.rep('a', 1e6), '^(.*)$', string.rep('%1', 1e6))", "too large"),
    (
        "local t = {} while true do t[#t + 1] = pcall(string.rep, 'x', 1e6) and string.rep(tostring(#t), 1e6) end",
        "not enough memory",
    ),
    ("pcall(function() local t = {} for i = 1, 1e9 do t[i] = {i} end end) return 'fine'", "fine"),
    // CVE-2025-46817: ranges of unpack.
    ("return unpack({}, 0, 2147483647)", "too many results"),
    ("return unpack({1}, -2147483648, 2147483647)", "too many results"),
    ("return unpack({}, -1e300, 1e300)", "too many results"),
    ("return unpack({}, 0/0, 5)", ""),
    // CVE-2024-31449.
    ("return bit.tohex(65535, -2147483648)", "0000FFFF"),
    // CVE-2025-46819: delimiters of long strings.
    ("return loadstring('return [' .. string.rep('=', 1e6) .. '[x')", "$-1"),
    // CVE-2025-49844: the collector while a chunk is parsed.
    ("for i = 1, 2000 do loadstring('return ' .. i, string.rep('n', 1000) .. i) end return 'fine'", "fine"),
    (
        "for i = 1, 300 do pcall(loadstring, 'local a = ' .. string.rep('{', 150) .. string.rep('}', 150)) end return 'fine'",
        "fine",
    ),
    // Nesting.
    ("return loadstring(string.rep('(', 1e5))", "$-1"),
    ("return loadstring(string.rep('{', 1e5))", "$-1"),
    ("return loadstring(string.rep('function() ', 1e5))", "$-1"),
    ("return loadstring('return ' .. string.rep('-', 2e5) .. '1')", "$-1"),
    ("return loadstring('return ' .. string.rep('not ', 1e5) .. '1')", "$-1"),
    ("return string.find(string.rep('a', 3e5), string.rep('a?', 3e5))", "too complex"),
    ("return string.find('a', string.rep('(', 1e5))", "too many captures"),
    ("return string.format('%99999d', 1)", "invalid format"),
    ("local function f() return pcall(f) end return tostring(f())", ""),
    ("local function f() return 1 + f() end f()", "stack overflow"),
    ("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x", "loop"),
    ("local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x", "stack overflow"),
    ("local co co = function() return coroutine.wrap(co)() end co()", "C stack overflow"),
    ("local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)", "excessive nesting"),
    (
        "cjson.encode_max_depth(2147483647) local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)",
        "excessive nesting",
    ),
    ("cjson.decode_max_depth(2147483647) return cjson.decode(string.rep('[', 1e5))", "too many nested"),
    ("return cmsgpack.unpack(string.rep('\\145', 1e5))", "Bad data format"),
    ("return cmsgpack.unpack('\\221\\255\\255\\255\\255')", "Missing bytes"),
    ("return struct.pack('i99999999999', 1)", "overflow"),
    ("return struct.unpack('c2147483647', 'x')", "too short"),
    ("return struct.unpack('Lc0', string.rep('\\255', 8))", "too short"),
    ("return struct.pack('>I2c0', 5, string.rep('a', 10))", "aaaaaaaaaa"),
    ("local t = {} for i = 1, 1e5 do t = {t} end return t", "reached lua stack limit"),
    (
        "local s = string.rep('a', 2e6) local t = {} for i = 1, 90 do t[i] = s end return #struct.pack(string.rep('s', 90), unpack(t))",
        "packed data too large",
    ),
    ("local s = string.rep('x', 5e6) return #(struct.pack('s', s) .. struct.pack('s', s))", ":10000002"),
    ("return #cjson.encode(string.rep('\\1', 6e6))", "too many bytes"),
    ("return #cjson.encode({[string.rep('\\1', 6e6)] = 1})", "too many bytes"),
    // More arguments than the engine may refer to.
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return bit.band(unpack(t))", "too many arguments"),
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return #redis.call('mget', unpack(t))", ":7990"),
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return #cmsgpack.pack(unpack(t))", ":"),
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return #struct.pack('s', unpack(t))", "too many arguments"),
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return redis.sha1hex(unpack(t))", "wrong number"),
    ("local t = {} for i = 1, 7990 do t[i] = 'k' .. i end redis.log(1, unpack(t))", "too many arguments"),
    (
        "local t = {} for i = 1, 7990 do t[i] = 'k' .. i end return redis.register_function(unpack(t))",
        "register_function",
    ),
    (
        "local function more(n, ...) if n == 0 then return redis.call('mget', ...) end return more(n - 1, 'x', ...) end return #more(12000)",
        "",
    ),
    (
        "local function more(n, ...) if n == 0 then return redis.error_reply(...) end return more(n - 1, 'x', ...) end return more(12000)",
        "",
    ),
    ("local s = string.rep('\\161x', 5000) return cmsgpack.unpack(s)", "too many return values"),
    ("local s = string.rep('x', 5000) return struct.unpack(string.rep('c1', 5000), s)", "too many results"),
    (
        "local s = string.rep('x', 1e7) local t = {} for i = 1, 60 do t[i] = s end return redis.call('mget', unpack(t))",
        "too many bytes",
    ),
    // Replies: too large, and small ones that become much.
    (
        "redis.call('set', 'k', string.rep('x', 1e6)) local t = {} for i = 1, 40 do t[i] = 'k' end return redis.call('mget', unpack(t))",
        "too large for a script",
    ),
    ("local t = {} for i = 1, 20 do t[i] = 'k' end return #redis.call('mget', unpack(t))", ":20"),
    ("return #redis.call('debug', 'protocol', 'many')", "not enough memory"),
    ("local ok, e = pcall(redis.call, 'debug', 'protocol', 'many') return tostring(e)", "not enough memory"),
    ("local e = redis.pcall('debug', 'protocol', 'many') return tostring(e)", "not enough memory"),
    ("local t = {} for i = 1, 1e5 do t[i] = {i} end return #redis.call('mget', 'k', 'none')", ":2"),
    // Loops inside C.
    ("table.insert({}, -2147483648, 1)", "out of bounds"),
    ("table.insert({}, 0/0, 1)", "out of bounds"),
    ("table.insert({}, 2147483648, 1)", "out of bounds"),
    // The sandbox.
    ("getmetatable('').__index = function() return 'evil' end", "readonly"),
    ("setmetatable(getmetatable(''), {})", "readonly"),
    ("rawset(getmetatable(''), '__index', 1)", "readonly"),
    ("rawset(getmetatable(_G), '__index', 1)", "readonly"),
    ("getmetatable(_G).__index = nil", "readonly"),
    (
        "for _, name in ipairs{'string', 'table', 'math', 'redis', 'cjson', 'bit', 'struct', 'cmsgpack', 'coroutine'} do local ok, e = pcall(function() _G[name].evil = 1 end) if ok then return 'hole' end local ok = pcall(rawset, _G[name], 'evil', 1) if ok then return 'hole' end local ok = pcall(table.insert, _G[name], 1) if ok then return 'hole' end end return 'closed'",
        "closed",
    ),
    (
        "for k, v in pairs(_G) do if type(v) == 'table' and v ~= KEYS and v ~= ARGV and pcall(rawset, v, 'evil', 1) then return k end end return 'closed'",
        "closed",
    ),
    ("local f, s = pairs(redis) return tostring(pcall(rawset, s, 'evil', 1))", "false"),
    ("return tostring(string.evil) .. tostring(rawget(_G, 'evil'))", "nilnil"),
    ("local c = cjson.new() c.evil = 1 return tostring(cjson.evil)", "nil"),
    ("return loadstring(string.dump(function() return 1 end)) and 'hole' or 'closed'", "closed"),
    ("return load(function() return nil end) and 'fine'", "fine"),
    ("return #tostring(coroutine.running)", ":"),
];

#[test]
fn hostile_scripts_end_in_an_error_and_leave_the_engine_well() {
    let limits = Limits { memory_bytes_max: 32 << 20, reply_bytes_max: 32 << 20, ..Limits::default() };
    let mut fake = Fake::with(limits);
    for (source, expected) in ROWS {
        let reply = fake.eval(source, &[], &[]);
        let head: String = reply.chars().take(300).collect();
        assert!(reply.contains(expected), "{source}\n  {head}");
        let well = fake.eval(
            "local t = {} for i = 1, 100 do t[i] = ('x'):rep(100) end return cjson.encode({redis.call('ping').ok, #t})",
            &[],
            &[],
        );
        assert_eq!(well, "$12\r\n[\"PONG\",100]\r\n", "after {source}");
    }
}

#[test]
fn what_a_script_leaves_nobody_finds() {
    let mut fake = Fake::new();
    let rows = [
        ("cjson.encode_number_precision(3) cjson.decode_max_depth(1) return 1", ":1\r\n"),
        ("return cjson.encode({1/3, cjson.decode('[[[1]]]')})", "$30\r\n[0.33333333333333,[[[[1]]]]]\r\n"),
        ("redis.setresp(3) return 1", ":1\r\n"),
        ("return tostring(redis.call('get', 'none'))", "$5\r\nfalse\r\n"),
        ("collectgarbage('stop') return 1", ":1\r\n"),
        ("KEYS.secret = 'a' ARGV[1] = 'b' return 1", ":1\r\n"),
        ("return {tostring(KEYS.secret), #ARGV}", "*2\r\n$3\r\nnil\r\n:0\r\n"),
    ];
    for (source, expected) in rows {
        let reply = fake.eval(source, &[], &[]);
        if source.contains("1/3") {
            assert!(reply.contains("0.33333333333333,"), "{reply}");
        } else {
            assert_eq!(reply, expected, "{source}");
        }
    }
}

#[test]
fn no_reply_line_holds_a_line_end() {
    let mut fake = Fake::new();
    let text = "'a\\r\\n+INJECTED\\r\\n'";
    let rows = [
        format!("return {{ok={text}}}"),
        format!("return {{err={text}}}"),
        format!("error({text})"),
        format!("error({{err={text}}})"),
        format!("return redis.error_reply({text})"),
        format!("return redis.status_reply({text})"),
        format!("return loadstring({text})()"),
        format!("loadstring('error(1)', {text})()"),
        format!("redis.setresp(3) return {{big_number={text}}}"),
        format!("local t = {{}} t[{text}].x = 1"),
        format!("return _G[{text}]"),
    ];
    for source in rows {
        for resp in [keyspace::reply::Resp::V2, keyspace::reply::Resp::V3] {
            let reply = fake.eval_bytes(source.as_bytes(), &[], &[], resp);
            let lines = reply.windows(2).filter(|pair| pair == b"\r\n").count();
            let expected = if reply[0] == b'$' { 2 } else { 1 };
            assert_eq!(lines, expected, "{source}: {}", String::from_utf8_lossy(&reply));
            assert!(!reply.starts_with(b"+INJ"));
        }
    }
}

/// Work that is long in few instructions of Lua, and into how many slices it falls at least.
const LONG: &[(&str, usize)] = &[
    ("return #string.match(string.rep('a', 1e6), '[' .. string.rep('b', 1e6) .. 'a]*')", 9),
    ("return tostring(string.find(string.rep('a', 3e6), '^(a+)%1b'))", 200),
    ("return tostring(string.find(string.rep('a', 2e6), string.rep('a', 1e5) .. 'b', 1, true))", 2000),
    ("return #cjson.encode(string.rep('a', 8e6))", 4),
    ("return #string.gsub('a', 'a', string.rep('%0', 1e6))", 9),
    // Many short pieces are as long as a long one.
    ("for i = 1, 1e3 do coroutine.wrap(function() for j = 1, 1e4 do end end)() end", 200),
    ("for i = 1, 1e3 do coroutine.resume(coroutine.create(function() for j = 1, 1e4 do end end)) end", 200),
    (
        "local function inner() for i = 1, 1e3 do end end local function outer() for i = 1, 1e3 do coroutine.wrap(inner)() end end for i = 1, 1e3 do coroutine.wrap(outer)() end",
        2000,
    ),
    ("local function f(n) if n < 15000 then pcall(cmsgpack.unpack) return f(n + 1) + 1 end return 1 end f(1)", 1000),
    ("for i = 1, 100 do loadstring(string.rep('a', 1e5)) end", 90),
    ("for i = 1, 1e3 do string.rep('a', 1e5) end", 15),
    ("local s = string.rep('a', 1e5) for i = 1, 500 do s:upper() s:lower() s:reverse() end", 20),
    ("local s = string.rep('a', 1e5) for i = 1, 100 do redis.sha1hex(s) end", 20),
    ("local s = '[' .. string.rep('1,', 1000) .. '1]' for i = 1, 1e3 do cjson.decode(s) end", 9),
];

#[test]
fn long_work_gives_way() {
    for (source, slices) in LONG {
        let mut fake = Fake::new();
        let started = std::time::Instant::now();
        fake.rests_max = *slices;
        fake.eval(source, &[], &[]);
        assert!(fake.rests >= *slices, "{source}: {} slices", fake.rests);
        // Few slices take little time; the bound is wide for a crowded machine.
        assert!(started.elapsed().as_secs() < 10, "{source}");
    }
}

#[test]
fn many_large_replies_leave_room_for_the_next() {
    let limits = Limits { memory_bytes_max: 32 << 20, ..Limits::default() };
    let mut fake = Fake::with(limits);
    let source = "redis.call('set', 'k', string.rep('x', 3000000)) local n = 0 for i = 1, 200 do n = n + #redis.call('get', 'k') end return n";
    assert_eq!(fake.eval(source, &[], &[]), ":600000000\r\n");
}

#[test]
fn lines_of_the_log_are_short_and_lines() {
    let mut fake = Fake::new();
    fake.eval(r"redis.log(3, 'a\r\n\27[2J', 'b', 1.5, {}, '\0\194\155')", &[], &[]);
    fake.eval("local s = string.rep('x', 1e7) redis.log(2, s, s, s, s, s, s, s, s, s, s)", &[], &[]);
    let long = [b'x'; 1024];
    let expected: [(u8, &[u8]); 2] = [(3, br"a\r\n\u{1b}[2J b 1.5 \u{0}\u{9b}"), (2, &long)];
    assert_eq!(fake.log.len(), expected.len());
    for ((level, line), (expected_level, expected)) in fake.log.iter().zip(expected) {
        assert_eq!((*level, &**line), (expected_level, expected), "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn memory_stays_flat_over_many_runs() {
    let mut fake = Fake::new();
    let source =
        "redis.call('set', KEYS[1], ARGV[1]) pcall(redis.call, 'nosuch') return cjson.decode(cjson.encode({1, 'a'}))";
    let mut before = 0;
    for round in 0..200_000 {
        fake.eval(source, &["k"], &["v"]);
        assert_eq!(fake.last, Some(Outcome::Returned));
        if round == 20_000 {
            before = fake.engine.memory_bytes();
        }
    }
    let after = fake.engine.memory_bytes();
    assert!(after < before * 2, "{before} bytes became {after}");
}
