//! E005, C05: times that overflow and times that are past, alone, in MULTI and in scripts.

use crate::bed::{Bed, Beside, clock, event, listener};
use crate::rows;
use tests::frame::Frame;

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

/// Times at the borders of 64 bits, of seconds in milliseconds, and of what is past.
/// No short ones: what they leave depends on when it is looked at.
const TIMES: [i64; 15] = [
    MAX,
    MAX - 1,
    MAX / 1000 + 1,
    MAX / 1000,
    MAX / 1000 - 1,
    MIN,
    MIN + 1,
    MIN / 1000 - 1,
    MIN / 1000,
    MIN / 1000 + 1,
    -1,
    0,
    1_000_000,
    9_000_000_000_000_000,
    -9_000_000_000_000_000,
];

const COMMANDS: [&str; 4] = ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"];

rows! { "expire.command_semantics_violation":
    FR_P2C_008_STRICT_E005_overflow FR_P2C_008_HARDENED_E005_overflow overflow_table;
    FR_P2C_008_STRICT_E005_others FR_P2C_008_HARDENED_E005_others other_commands_with_times;
    FR_P2C_008_STRICT_E005_past FR_P2C_008_HARDENED_E005_past what_is_past_is_deleted;
    FR_P2C_008_STRICT_E005_border FR_P2C_008_HARDENED_E005_border borders_of_a_millisecond;
}

/// Times at the borders by themselves, in a transaction, and in a script.
fn overflow_table(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    // `PEXPIRE` near the end depends on the time of the command: 5,000 s before the last one fits no more, one hour after 1970 does.
    for command in COMMANDS {
        for time in TIMES {
            beside.same("SET key value");
            beside.same(&format!("{command} key {time}"));
            beside.same("EXISTS key");
            beside.same(&format!("{command} nokey {time}"));

            beside.same("SET key value");
            beside.same("MULTI");
            beside.same(&format!("{command} key {time}"));
            beside.same("EXISTS key");
            beside.same("EXEC");

            beside.same("SET key value");
            let script = "return {redis.pcall(ARGV[1], KEYS[1], ARGV[2]), redis.call('EXISTS', KEYS[1])}";
            beside.same_args(&["EVAL", script, "1", "key", command, &time.to_string()]);
        }
    }
    for time in TIMES.into_iter().filter(|time| *time > 2_000_000_000_000) {
        beside.same("SET key value");
        beside.same(&format!("PEXPIREAT key {time}"));
        for told in ["PEXPIRETIME", "EXPIRETIME"] {
            beside.same(&format!("{told} key"));
        }
    }
}

fn other_commands_with_times(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    for time in TIMES {
        for option in ["EX", "PX", "EXAT", "PXAT"] {
            for line in [format!("SET key value {option} {time}"), format!("GETEX key {option} {time}")] {
                beside.same("SET key before");
                beside.same(&line);
                beside.same("EXISTS key");
            }
        }
        for command in ["SETEX", "PSETEX"] {
            beside.same("SET key before");
            beside.same(&format!("{command} key {time} value"));
            beside.same("GET key");
        }
    }
    beside.same("SET key v");
    let Frame::Bulk(payload) = beside.same("DUMP key") else { panic!("DUMP is bytes") };
    for time in TIMES {
        for absolute in [&b""[..], b"ABSTTL"] {
            beside.same("DEL copy");
            let time = time.to_string();
            let mut words = vec![&b"RESTORE"[..], b"copy", time.as_bytes(), &payload];
            words.extend(Some(absolute).filter(|word| !word.is_empty()));
            beside.same_args(&words);
            beside.same("EXISTS copy");
        }
    }
}

fn what_is_past_is_deleted(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let (mut client, mut heard) = (server.client(), listener(&server, &["del", "expired", "expire"]));
    let mut tracker = server.client();
    tracker.ask("HELLO 3");
    tracker.ask("CLIENT TRACKING ON");
    for time in
        ["EXPIRE key 0", "EXPIRE key -1", "PEXPIRE key -1", "EXPIREAT key 1", "PEXPIREAT key 1", "PEXPIREAT key -5"]
    {
        client.ok("SET key value");
        tracker.ask("GET key");
        assert_eq!(client.ask(time), Frame::Int(1), "{time}");
        assert_eq!(event(&mut heard), ("del".into(), b"key".to_vec()), "{time}");
        let push = tracker.read().expect("an invalidation").raw;
        assert!(push.starts_with(b">2\r\n$10\r\ninvalidate"), "{time}");
        assert_eq!(client.ask(time), Frame::Int(0), "{time}: it is gone");
        assert_eq!(client.ask(&format!("{time} NX")), Frame::Int(0));
    }
    // A condition that does not hold keeps the key.
    client.ok("SET key value");
    assert_eq!((client.ask("EXPIRE key -1 XX"), client.ask("EXISTS key")), (Frame::Int(0), Frame::Int(1)));
    assert_eq!(client.ask("EXPIRE key 1000"), Frame::Int(1));
    assert_eq!(event(&mut heard).0, "expire");
    assert_eq!(client.ask("EXPIRE key -1 GT"), Frame::Int(0));
    assert_eq!(client.ask("EXPIRE key -1 LT"), Frame::Int(1));
    assert_eq!(event(&mut heard).0, "del");
    let expired = crate::bed::count(&mut client, "stats", "expired_keys");
    assert_eq!(expired, 0, "a deletion by command does not count as expiry");
}

/// A script's time stands still, so that a deadline can be exactly now.
fn borders_of_a_millisecond(bed: &mut Bed) {
    let server = bed.ours(&[]);
    let mut client = server.client();
    let script = "local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local at = string.format('%.0f', now + ARGV[1])
        redis.call('SET', KEYS[1], 'v')
        local set = redis.call('PEXPIREAT', KEYS[1], at)
        local after = redis.call('EXISTS', KEYS[1])
        redis.call('SET', KEYS[1], 'v', 'PXAT', at)
        return {set, after, redis.call('EXISTS', KEYS[1]), redis.call('PTTL', KEYS[1])}";
    let rows = [
        // Set by PEXPIREAT: past from now on. Looked up: gone only after it.
        ("-1", [1, 0, 0, -2]),
        ("0", [1, 0, 1, 0]),
        ("1", [1, 1, 1, 1]),
    ];
    for (apart, expected) in rows {
        let reply = client.call(&["EVAL", script, "1", "key", apart]).expect("a reply").frame;
        let seen: Vec<i64> = reply.items().expect("four numbers").iter().filter_map(Frame::int).collect();
        assert_eq!(seen, expected, "{apart}: {reply}");
        bed.sum(apart.as_bytes(), format!("{seen:?}").as_bytes());
    }
    // A relative time counts from the beginning of the transaction.
    let before = clock(&mut client);
    client.ok("MULTI");
    client.ask("SET a x PX 100000");
    client.ask("SET b x PX 100000");
    client.ask("PEXPIRETIME a");
    client.ask("PEXPIRETIME b");
    let reply = client.ask("EXEC");
    let at: Vec<i64> = reply.items().expect("four replies").iter().filter_map(Frame::int).collect();
    assert!(at.len() == 2 && at[0] == at[1] && at[0] >= before + 100_000, "{at:?}");
}
