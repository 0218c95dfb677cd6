//! Hostile scripts by a grammar: whatever they do, the engine answers or can end them, keeps within its memory, and is as new for the
//! next.
//!
//! `SCRIPT_FUZZ_CASES` sets the number of scripts, `SCRIPT_FUZZ_SEED` the seed of the first, which is printed; each has the seed after
//! the one before.
#![forbid(unsafe_code)]

mod author;
#[path = "../fake/mod.rs"]
mod fake;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use author::Author;
use fake::Fake;
use keyspace::reply::Resp;
use scripting::{Limits, Outcome};

/// Scripts of a run that says nothing else: a few seconds.
const CASES: u64 = 300;

/// Bytes that the Lua state may hold beside what an engine begins with.
const MEMORY_BYTES_MAX: usize = 16 << 20;

/// Bytes of the process when all is done: the state, and beside it replies, arguments and what libraries encode, each of which has the
/// bound of a reply, here as large.
const PROCESS_BYTES_MAX: u64 = 400 << 20;

/// Slices after which a script is ended: some never would.
const SLICES_MAX: usize = 40;

/// How long one script may take at the most, in spite of a crowded machine. Slices that do not end are what this finds.
const TIME_MAX: Duration = Duration::from_secs(30);

/// A script that uses what others may have spoilt, and what it returns.
const WELL: &str = "local t = {} for i = 1, 100 do t[i] = ('x'):rep(10) end
    table.sort(t)
    local packed = cmsgpack.unpack(cmsgpack.pack({1, 'a'}))
    local ok, text = pcall(error, 'e')
    return {#t, cjson.encode(cjson.decode('[1.5,[[]]]')), packed[2], struct.unpack('>I2', struct.pack('>I2', 513)), bit.band(7, 5),
        string.gsub('abc', '(%w)', '<%1>'), tostring(rawget(_G, 'evil')), text, redis.call('ping').ok, #KEYS, tostring(1/3)}";

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// The bytes behind one reply; `None` if this is none.
fn after_reply(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let (kind, text) = line.split_first()?;
    let length = || std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let items = |count: i64| (0..count).try_fold(rest, |rest, _| after_reply(rest));
    match kind {
        b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => Some(rest),
        b'$' | b'=' if length()? < 0 => Some(rest),
        b'$' | b'=' => rest.split_at_checked(usize::try_from(length()?).ok()?)?.1.strip_prefix(b"\r\n"),
        b'*' | b'~' => items(length()?),
        b'%' => items(length()?.checked_mul(2)?),
        _ => None,
    }
}

/// The most memory that this process ever had.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells the peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn engine() -> Fake {
    let limits = Limits { memory_bytes_max: MEMORY_BYTES_MAX, reply_bytes_max: MEMORY_BYTES_MAX, ..Limits::default() };
    Fake { rests_max: SLICES_MAX, ..Fake::with(limits) }
}

#[test]
fn whatever_a_script_does_the_engine_serves_on() {
    let cases = number("SCRIPT_FUZZ_CASES").unwrap_or(CASES);
    let first = number("SCRIPT_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SCRIPT_FUZZ_SEED={first} SCRIPT_FUZZ_CASES={cases}");
    let mut fake = engine();
    let well = fake.eval(WELL, &[], &[]);
    let bytes_max = fake.engine.memory_bytes() + MEMORY_BYTES_MAX;
    assert!(well.starts_with('*'), "{well}");
    let mut endings: BTreeMap<String, usize> = BTreeMap::new();
    for case in 0..cases {
        let seed = first.wrapping_add(case);
        let source = Author::new(seed).script();
        let shown = || format!("SCRIPT_FUZZ_SEED={seed} SCRIPT_FUZZ_CASES=1\n{}", String::from_utf8_lossy(&source));
        let resp = if seed.is_multiple_of(2) { Resp::V2 } else { Resp::V3 };
        let begun = Instant::now();
        fake.last = None;
        let reply = fake.eval_bytes(&source, &["k"], &["v"], resp);
        let took = begun.elapsed();
        let ending = fake.last.map_or_else(|| "NotCompiled".to_owned(), |outcome| format!("{outcome:?}"));
        *endings.entry(ending).or_default() += 1;
        assert!(took < TIME_MAX, "{took:?}: {}", shown());
        if fake.last != Some(Outcome::Aborted) {
            assert!(after_reply(&reply) == Some(&[]), "no reply: {}\n{}", String::from_utf8_lossy(&reply), shown());
        }
        let bytes = fake.engine.memory_bytes();
        assert!(bytes <= bytes_max, "{bytes} bytes: {}", shown());
        fake.log.clear();
        fake.values.clear();
        let now = fake.eval(WELL, &[], &[]);
        assert!(now == well, "{now}\nafter {}", shown());
    }
    println!("{endings:?}");
    let peak = peak_bytes();
    assert!(peak <= PROCESS_BYTES_MAX, "{peak} bytes");
}
