//! What scripts do and get, through the driver's interface.
#![forbid(unsafe_code)]

mod fake;

use fake::Fake;

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
