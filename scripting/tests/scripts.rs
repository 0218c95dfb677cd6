//! What scripts do and get, through the driver's interface.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;
use scripting::Limits;

#[test]
fn scripts_return_and_call() {
    let mut fake = Fake::new();
    let rows = [
        ("return 1", ":1\r\n"),
        ("return {1,2,{3,'x'}}", "*3\r\n:1\r\n:2\r\n*2\r\n:3\r\n$1\r\nx\r\n"),
        ("return redis.call('set',KEYS[1],ARGV[1])", "+OK\r\n"),
        ("return redis.call('get',KEYS[1])", "$1\r\nv\r\n"),
        ("return redis.call('get','none')", "$-1\r\n"),
        ("return {KEYS[1],ARGV[1],#KEYS,#ARGV}", "*4\r\n$1\r\nk\r\n$1\r\nv\r\n:1\r\n:1\r\n"),
    ];
    for (source, reply) in rows {
        assert_eq!(fake.eval(source, &["k"], &["v"]), reply, "{source}");
    }
}

#[test]
fn no_run_sees_keys_and_arguments_of_another() {
    let mut fake = Fake::new();
    let plain = "return {#KEYS, KEYS[1] or 'no', KEYS[2] or 'no', #ARGV, ARGV[1] or 'no'}";
    let other = "local keys = KEYS keys[1] = 'changed' keys.x = 'x' return {#keys, KEYS[1], KEYS[2] or 'no', #ARGV, ARGV[1] or 'no'}";
    let seen = "return {KEYS.x or 'no', ARGV.x or 'no'}";
    let many: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (keys, args) in
        [(&["a", "b"][..], &["x"][..]), (&["a"], &[]), (&many, &many), (&[], &["x"]), (&["c", "d"], &[])]
    {
        let part = |values: &[&str], at: usize| values.get(at).copied().unwrap_or("no").to_owned();
        let bulk = |text: String| format!("${}\r\n{text}\r\n", text.len());
        let (keys_seen, args_seen) = (bulk(part(keys, 0)) + &bulk(part(keys, 1)), bulk(part(args, 0)));
        let expected = format!("*5\r\n:{}\r\n{keys_seen}:{}\r\n{args_seen}", keys.len(), args.len());
        assert_eq!(fake.eval(plain, keys, args), expected);
        assert!(fake.eval(other, keys, args).contains("changed"));
        assert_eq!(fake.eval(plain, keys, args), expected);
        assert_eq!(fake.eval(seen, keys, args), "*2\r\n$2\r\nno\r\n$2\r\nno\r\n");
    }
}

#[test]
fn replies_of_every_kind_come_in() {
    let mut fake = Fake::new();
    let rows = [
        ("3 double", "return tostring(reply.double)", "$3\r\n2.5\r\n"),
        ("3 null", "return tostring(reply)", "$3\r\nnil\r\n"),
        ("2 null", "return tostring(reply)", "$5\r\nfalse\r\n"),
        ("3 true", "return tostring(reply)", "$4\r\ntrue\r\n"),
        ("2 true", "return reply", ":1\r\n"),
        ("3 bignum", "return reply.big_number", "$37\r\n1234567999999999999999999999999999999\r\n"),
        ("3 set", "return tostring(reply.set[2])", "$4\r\ntrue\r\n"),
        ("3 map", "return {tostring(reply.map[1]), tostring(reply.map[2])}", "*2\r\n$4\r\ntrue\r\n$5\r\nfalse\r\n"),
        ("2 map", "return #reply", ":6\r\n"),
        ("3 verbatim", "return reply.verbatim_string.format .. #reply.verbatim_string.string", "$5\r\ntxt25\r\n"),
    ];
    for (what, source, expected) in rows {
        let (resp, kind) = what.split_once(' ').expect("two words");
        let script = format!(
            "redis.setresp({resp}) local reply = redis.call('debug', 'protocol', '{kind}') redis.setresp(2) {source}"
        );
        assert_eq!(fake.eval(&script, &[], &[]), expected, "{what}");
    }
}

#[test]
fn lines_for_the_log_and_questions_about_access_reach_the_driver() {
    let mut fake = Fake::new();
    fake.eval("redis.log(redis.LOG_WARNING, 'a', 'b', 5)", &[], &[]);
    assert_eq!(fake.log, [(3, b"a b 5".to_vec())]);
    assert_eq!(fake.eval("return tostring(redis.acl_check_cmd('get', 'k'))", &[], &[]), "$4\r\ntrue\r\n");
    let reply = fake.eval("return redis.acl_check_cmd('nosuch')", &[], &[]);
    assert!(reply.starts_with("-ERR Invalid command passed to redis.acl_check_cmd()"), "{reply}");
}

#[test]
fn a_seed_holds_for_one_run() {
    let draw = "return math.random(1000000)";
    let drawn = |between: &[&str]| {
        let mut fake = Fake::new();
        between.iter().for_each(|source| drop(fake.eval(source, &[], &[])));
        fake.eval(draw, &[], &[])
    };
    let seeded = format!("math.randomseed(42) {draw}");
    assert_eq!(drawn(&[]), drawn(&[&seeded]), "what a script draws is not for another to choose");
    assert_ne!(drawn(&[]), drawn(&[draw]), "the engine's own sequence goes on");
}

#[test]
fn the_sources_of_cached_scripts_are_bounded_in_bytes() {
    let limits = Limits { cached_source_bytes_max: 10_000, ..Limits::default() };
    let mut fake = Fake::with(limits);
    let source = |number: usize, bytes: usize| format!("return {number} --{}", "x".repeat(bytes));
    for number in 0..100 {
        fake.engine.load(source(number, 3000).as_bytes(), false).expect("it compiles");
        assert!(fake.engine.source_bytes() <= 10_000);
    }
    assert_eq!(fake.engine.script_count(), 3);
    let large = source(1, 20_000);
    assert_eq!(fake.eval(&large, &[], &[]), ":1\r\n");
    assert_eq!(fake.engine.script_count(), 1);
    assert!(fake.engine.load(large.as_bytes(), true).is_err());
    for number in 0..100 {
        let loaded = fake.engine.load(source(number, 3000).as_bytes(), true);
        assert_eq!(loaded.is_ok(), number < 3, "{number}");
    }
    fake.engine.load(source(0, 3000).as_bytes(), true).expect("it is there already");
    fake.engine.forget_scripts();
    assert_eq!(fake.engine.source_bytes(), 0);
    fake.engine.load(source(0, 3000).as_bytes(), true).expect("there is room again");
}
