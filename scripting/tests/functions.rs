//! Libraries: what FUNCTION LOAD takes and refuses, in redis-server 7.0.15's words, and how their functions run.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;
use keyspace::reply::Resp;
use scripting::{Replace, Target};

fn load(fake: &mut Fake, code: &str, replace: Replace) -> Result<String, String> {
    fake.engine.start_load(code.as_bytes(), replace)?;
    fake.drive();
    fake.engine.loaded().clone().map(|name| String::from_utf8_lossy(&name).into_owned())
}

fn call(fake: &mut Fake, name: &str, keys: &[&str], args: &[&str]) -> String {
    let reply = fake.run(Target::Function(name.as_bytes()), keys, args, Resp::V2);
    String::from_utf8_lossy(&reply).into_owned()
}

const NAMES: &str =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
const FUNCTION_NAMES: &str = "ERR Error registering functions: ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Libraries that are refused for their header or their syntax.
const WRONG_SOURCES: &[(&str, &str)] = &[
    ("return 1", "ERR Missing library metadata"),
    ("#!lua", "ERR Invalid library metadata"),
    ("#!lua\nreturn 1", "ERR Library name was not given"),
    ("#!lua name=a-b\nreturn 1", NAMES),
    ("#!foo name=a\nreturn 1", "ERR Engine 'foo' not found"),
    ("#!lua name=a name=b\nreturn 1", "ERR Invalid metadata value, name argument was given multiple times"),
    ("#!lua foo=a\nreturn 1", "ERR Invalid metadata value given: foo=a"),
    ("#!lua name=\nreturn 1", NAMES),
    ("#!lua name=a\nreturn 1", "ERR No functions registered"),
    ("#!lua name=a\nif", "ERR Error compiling function: user_function:2: unexpected symbol near '<eof>'"),
];

/// Libraries whose body is refused.
const WRONG_BODIES: &[(&str, &str)] = &[
    (
        "#!lua name=a\nredis.call('get','x')",
        "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'call'",
    ),
    (
        "#!lua name=a\nredis.register_function('f')",
        "ERR Error registering functions: ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
    ),
    (
        "#!lua name=a\nredis.register_function()",
        "ERR Error registering functions: ERR wrong number of arguments to redis.register_function",
    ),
    (
        "#!lua name=a\nredis.register_function(1,2)",
        "ERR Error registering functions: ERR second argument to redis.register_function must be a function",
    ),
    (
        "#!lua name=a\nredis.register_function({},2)",
        "ERR Error registering functions: ERR first argument to redis.register_function must be a string",
    ),
    ("#!lua name=a\nredis.register_function('f-x',function() end)", FUNCTION_NAMES),
    (
        "#!lua name=a\nredis.register_function('f',function() end) redis.register_function('f',function() end)",
        "ERR Error registering functions: ERR Function already exists in the library",
    ),
    (
        "#!lua name=a\nredis.register_function{callback=function() end}",
        "ERR Error registering functions: ERR redis.register_function must get a function name argument",
    ),
    (
        "#!lua name=a\nredis.register_function{function_name='x'}",
        "ERR Error registering functions: ERR redis.register_function must get a callback argument",
    ),
    (
        "#!lua name=a\nredis.register_function{function_name='x',callback=function() end,foo=1}",
        "ERR Error registering functions: ERR unknown argument given to redis.register_function",
    ),
    (
        "#!lua name=a\nredis.register_function{function_name='x',callback=function() end,flags=1}",
        "ERR Error registering functions: ERR flags argument to redis.register_function must be a table representing function flags",
    ),
    (
        "#!lua name=a\nredis.register_function{function_name='x',callback=function() end,flags={'bad'}}",
        "ERR Error registering functions: ERR unknown flag given",
    ),
    (
        "#!lua name=a\nredis.register_function('f','g','h')",
        "ERR Error registering functions: ERR wrong number of arguments to redis.register_function",
    ),
    ("#!lua name=a\nx=1", "ERR Error registering functions: ERR user_function:2: Attempt to modify a readonly table"),
    (
        "#!lua name=a\nreturn x",
        "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'x'",
    ),
    (
        "#!lua name=a\nreturn KEYS[1]",
        "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'KEYS'",
    ),
    (
        "#!lua name=a\nlocal insert = table.insert",
        "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'table'",
    ),
];

#[test]
fn wrong_libraries_are_refused_in_redis_s_words() {
    let mut fake = Fake::new();
    fake.eval("return KEYS[1]", &["secret"], &[]);
    for (code, text) in WRONG_SOURCES.iter().chain(WRONG_BODIES) {
        assert_eq!(load(&mut fake, code, Replace::No), Err(text.to_string()), "{code}");
    }
    assert_eq!(fake.engine.libraries().count(), 0);
}

#[test]
fn functions_run_and_keep_their_library_s_state() {
    let mut fake = Fake::new();
    let code = "#!lua name=lib\nlocal n = 0\nlocal register = redis.register_function\n\
        register('count', function() n = n + 1 return n end)\n\
        register('pair', function(keys, args) return {keys[1], args[1]} end)\n\
        register('none', function() return KEYS end)\n\
        register('late', function() register('q', function() end) end)\n\
        register('absent', function() return type(redis.register_function) .. type(redis.breakpoint) .. type(redis.call) end)\n\
        register('wrong', function() local reply = redis.call('nosuch') return reply end)\n\
        register{function_name='told', callback=function() return redis.pcall('nosuch') end, description='d', flags={'no-writes', 'allow-oom'}}";
    assert_eq!(load(&mut fake, code, Replace::No), Ok("lib".to_string()));
    let rows = [
        ("count", ":1\r\n"),
        ("count", ":2\r\n"),
        ("pair", "*2\r\n$1\r\nk\r\n$1\r\nv\r\n"),
        (
            "none",
            "-ERR user_function:6: Script attempted to access nonexistent global variable 'KEYS' script: none, on @user_function:6.\r\n",
        ),
        (
            "late",
            "-ERR redis.register_function can only be called on FUNCTION LOAD command script: late, on @user_function:7.\r\n",
        ),
        ("absent", "$14\r\nnilnilfunction\r\n"),
        ("wrong", "-ERR Unknown Redis command called from script script: wrong, on @user_function:9.\r\n"),
        ("told", "-ERR Unknown Redis command called from script\r\n"),
    ];
    for (name, reply) in rows {
        assert_eq!(call(&mut fake, name, &["k"], &["v"]), reply, "{name}");
    }
    let told = fake.engine.function(b"told").expect("it is registered");
    assert_eq!(told.description.as_deref(), Some(b"d".as_slice()));
    assert_eq!(told.flags.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
    let listed = fake.engine.libraries().next().expect("one library");
    assert_eq!((listed.functions.len(), listed.code.as_slice()), (7, code.as_bytes()));
}

#[test]
fn a_library_stays_when_its_successor_is_refused() {
    let mut fake = Fake::new();
    let one = "#!lua name=a\nredis.register_function('f', function() return 1 end)";
    assert_eq!(load(&mut fake, one, Replace::No), Ok("a".to_string()));
    assert_eq!(load(&mut fake, one, Replace::No), Err("ERR Library 'a' already exists".to_string()));
    let other = "#!lua name=b\nredis.register_function('f', function() return 1 end)";
    assert_eq!(load(&mut fake, other, Replace::Yes), Err("ERR Function f already exists".to_string()));
    for broken in [
        "#!lua name=a\nerror('x')",
        "#!lua name=a\nif",
        "#!lua name=a\nredis.register_function('g', function() end) x = 1",
    ] {
        assert!(load(&mut fake, broken, Replace::Yes).is_err());
        assert_eq!(call(&mut fake, "f", &[], &[]), ":1\r\n", "{broken}");
        assert!(fake.engine.function(b"g").is_none());
    }
    let two = "#!lua name=a\nredis.register_function('g', function() return 2 end)";
    assert_eq!(load(&mut fake, two, Replace::Yes), Ok("a".to_string()));
    assert!(fake.engine.function(b"f").is_none());
    assert_eq!(call(&mut fake, "g", &[], &[]), ":2\r\n");
    fake.rests_max = 5;
    let endless = load(&mut fake, "#!lua name=a\nwhile true do end", Replace::Yes);
    assert_eq!(endless, Err("ERR FUNCTION LOAD timeout".to_string()));
    assert_eq!(call(&mut fake, "g", &[], &[]), ":2\r\n");
    assert!(fake.engine.delete_library(b"a"));
    assert!(!fake.engine.delete_library(b"a"));
    assert!(fake.engine.function(b"g").is_none());
}

#[test]
fn a_change_of_several_libraries_stays_or_was_not() {
    let mut fake = Fake::new();
    let counter = "#!lua name=a\nlocal n = 0\nredis.register_function('f', function() n = n + 1 return n end)";
    let other = "#!lua name=a\nredis.register_function('g', function() return 'g' end)";
    assert_eq!(load(&mut fake, counter, Replace::No), Ok("a".to_string()));
    assert_eq!(call(&mut fake, "f", &[], &[]), ":1\r\n");
    for round in 0..3 {
        fake.engine.keep_libraries();
        if round == 1 {
            fake.engine.forget_libraries();
        }
        assert_eq!(load(&mut fake, other, Replace::Yes), Ok("a".to_string()));
        assert_eq!(load(&mut fake, other, Replace::Yes), Ok("a".to_string()));
        assert!(fake.engine.function(b"f").is_none());
        fake.engine.restore_libraries();
        assert!(fake.engine.function(b"g").is_none());
        assert_eq!(call(&mut fake, "f", &[], &[]), format!(":{}\r\n", round + 2));
    }
    fake.engine.keep_libraries();
    assert_eq!(load(&mut fake, other, Replace::Yes), Ok("a".to_string()));
    fake.engine.commit_libraries();
    assert_eq!(call(&mut fake, "g", &[], &[]), "$1\r\ng\r\n");
    assert_eq!(fake.engine.libraries().count(), 1);
}

#[test]
fn scripts_of_eval_are_evicted_and_loaded_ones_stay() {
    let mut fake = Fake::new();
    let kept = fake.engine.load(b"return 'kept'", true).expect("it compiles").sha;
    let first = fake.engine.load(b"return 'first'", false).expect("it compiles").sha;
    let later = fake.engine.load(b"return 'later'", false).expect("it compiles").sha;
    fake.engine.load(b"return 'later'", true).expect("it compiles");
    for number in 0..10_000 {
        fake.engine.load(format!("return {number}").as_bytes(), false).expect("it compiles");
    }
    assert_eq!(fake.engine.script_count(), 502);
    assert!(fake.engine.find(&first).is_none());
    assert!(fake.engine.find(&kept).is_some() && fake.engine.find(&later).is_some());
    assert_eq!(fake.eval("return 'first'", &[], &[]), "$5\r\nfirst\r\n");
    fake.engine.forget_scripts();
    assert_eq!(fake.engine.script_count(), 0);
    assert_eq!(fake.eval("return 'kept'", &[], &[]), "$4\r\nkept\r\n");
}
