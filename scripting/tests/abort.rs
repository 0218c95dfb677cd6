//! An aborted script ends, whatever it does to stay; and the engine serves on.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;
use scripting::{Answer, Env, Outcome, Step, Target};

/// Scripts that would run for ever.
const ENDLESS: &[&str] = &[
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "local function f() pcall(f) while true do end end while true do pcall(f) end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do pcall(coroutine.wrap(function() while true do pcall(function() while true do end end) end end)) end",
    "local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return t.x end) end",
    "while true do pcall(table.sort, {3,2,1}, function() while true do end end) end",
    "while true do pcall(string.gsub, 'aaa', 'a', function() while true do end end) end",
    "while true do load(function() while true do end end) end",
    "while true do pcall(redis.call, 'get', 'x') end",
    "while true do redis.pcall('get', 'x') end",
    "string.find(string.rep('a', 100000), '.-.-.-.-.-b')",
    "while true do pcall(string.find, string.rep('a', 100000), '.-.-.-.-.-b') end",
    "local s = string.rep('a', 1000000) while true do string.gsub(s, 'a', 'b') end",
    "local t = {} for i = 1, 60 do t = {t, t} end return t",
    "local t = {} for i = 1, 60 do t = {t, t} end return cjson.encode(t)",
    "local t = {} for i = 1, 15 do t = {t, t, t, t, t, t, t, t, t} end return cmsgpack.pack(t)",
    "local t = {} for i = 1, 200000 do t[i] = i % 7 end while true do table.sort(t) end",
    "local function f(n) return f(n + 1) end f(1)",
    "for _ in function() return 1 end do end",
    "repeat until pcall(error)",
    "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
];

#[test]
fn no_script_survives_an_abort() {
    let mut fake = Fake::new();
    fake.rests_max = 20;
    for source in ENDLESS {
        let calls = source.contains("redis.");
        let reply = match calls {
            true => aborted_at_a_call(&mut fake, source),
            false => fake.eval(source, &[], &[]),
        };
        assert_eq!(fake.last, Some(Outcome::Aborted), "{source}: {reply}");
        assert_eq!(fake.eval("return {pcall(function() return 'fine' end)}", &[], &[]), "*2\r\n:1\r\n$4\r\nfine\r\n");
    }
}

#[test]
fn an_abort_tells_the_line_that_it_reached() {
    let rows = [
        ("local x = 1\nwhile true do end", 2),
        ("local x = 1\n\nlocal function f()\n  while true do end\nend\npcall(f)", 4),
        ("\ncoroutine.wrap(function()\n  while true do end\nend)()", 3),
        ("\n\nstring.find(string.rep('a', 100000), '.-.-.-.-.-b')", 3),
    ];
    let mut fake = Fake::new();
    fake.rests_max = 5;
    for (source, line) in rows {
        fake.eval(source, &[], &[]);
        assert_eq!(
            (fake.last, fake.engine.place()),
            (Some(Outcome::Aborted), (b"@user_script".as_slice(), line)),
            "{source}"
        );
    }
    aborted_at_a_call(&mut fake, "\nwhile true do\n redis.call('get', 'x') end");
    assert_eq!(fake.engine.place(), (b"@user_script".as_slice(), 3));
    let loaded = fake.engine.load(b"return 1", false).expect("the script compiles");
    let env = Env { resp: keyspace::reply::Resp::V2 };
    fake.engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), env);
    fake.engine.abort();
    assert_eq!(fake.engine.place(), (b"@user_script".as_slice(), 1));
}

/// Runs until the hundredth command, which is answered with an abort.
fn aborted_at_a_call(fake: &mut Fake, source: &str) -> String {
    let loaded = fake.engine.load(source.as_bytes(), false).expect("the script compiles");
    let env = Env { resp: keyspace::reply::Resp::V2 };
    fake.engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), env);
    let mut calls = 0;
    let mut answer = Answer::Go;
    loop {
        match fake.engine.resume(answer) {
            Step::Call(_) if calls == 100 => answer = Answer::Abort,
            Step::Call(_) => {
                calls += 1;
                answer = Answer::Reply(b"$-1\r\n");
            }
            Step::Done(outcome) => {
                fake.last = Some(outcome);
                return String::new();
            }
            _ => answer = Answer::Go,
        }
    }
}

#[test]
fn an_engine_may_go_while_its_script_waits() {
    for source in
        ["redis.call('get', 'x')", "pcall(redis.call, 'get', 'x') redis.call('get', 'x')", "while true do end"]
    {
        let mut fake = Fake::new();
        let loaded = fake.engine.load(source.as_bytes(), false).expect("the script compiles");
        let env = Env { resp: keyspace::reply::Resp::V2 };
        fake.engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), env);
        let step = fake.engine.resume(Answer::Go);
        assert!(matches!(step, Step::Call(_) | Step::Rest), "{step:?}");
    }
    let mut fake = Fake::new();
    let loaded = fake.engine.load(b"return 1", false).expect("the script compiles");
    let env = Env { resp: keyspace::reply::Resp::V2 };
    fake.engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), env);
    fake.engine.abort();
    (0..20_000).for_each(|number| drop(fake.engine.load(format!("return {number}").as_bytes(), false)));
    fake.engine.start_load(b"#!lua name=a\nreturn 1", scripting::Replace::No).expect("the header is good");
}
