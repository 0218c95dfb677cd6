//! SCAN: what it accepts, and that a walk over several cores misses nothing that stays.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::args::OwnedArgs;
use crate::commands::scan_options::VISITS_MAX;
use crate::commands::testing::{Desk, START, stripe};
use crate::hash::Random;
use crate::reply::Resp;
use crate::signals::EventClasses;
use evict::access::AccessBits;

/// Keyspaces that share the slots, and the keys in them.
struct Cores {
    keyspaces: Vec<Keyspace>,
    now: UnixMillis,
}

impl Cores {
    fn new(cores: usize) -> Cores {
        Cores { keyspaces: (0..cores).map(|_| Desk::new().keyspace).collect(), now: START }
    }

    fn set(&mut self, key: &str, deadline: Option<i64>) {
        let owner = stripe(Slot::of(key.as_bytes()), self.keyspaces.len());
        let keyspace = &mut self.keyspaces[owner];
        let (db, key) = (keyspace.db(0).unwrap(), keyspace.key(key.as_bytes()));
        if keyspace.locate(db, &key).is_none() {
            let entry = Entry::new(key.bytes, b"v", deadline.map(UnixMillis), AccessBits::new(0));
            keyspace.insert(db, key.slot, key.hash, entry);
        }
    }

    fn cut(&mut self, key: &str) {
        let owner = stripe(Slot::of(key.as_bytes()), self.keyspaces.len());
        let keyspace = &mut self.keyspaces[owner];
        let (db, key) = (keyspace.db(0).unwrap(), keyspace.key(key.as_bytes()));
        if let Some(place) = keyspace.locate(db, &key) {
            keyspace.remove(db, key.slot, key.hash, place);
        }
    }

    /// One call: the next cursor and the keys.
    fn scan(&self, line: &str) -> Result<(String, Vec<String>), String> {
        let owned: OwnedArgs = line.split(' ').map(|word| word.replace("\"\"", "")).collect();
        let request = ScanRequest::parse(owned.args())
            .map_err(|refusal| String::from_utf8_lossy(&refusal.text()).into_owned())?;
        let parts = self.keyspaces.iter().map(|keyspace| request.part(keyspace, 0, self.now)).collect();
        let mut out = Vec::new();
        merge(&request, parts, &mut Reply::new(&mut out, Resp::V2));
        let text = String::from_utf8(out).unwrap();
        // `*2 $n cursor *m`, then `$n key` for each.
        let lines: Vec<&str> = text.split("\r\n").collect();
        let keys: Vec<String> = lines[4..].iter().skip(1).step_by(2).map(|key| key.to_string()).collect();
        assert_eq!((lines[0], lines[3]), ("*2", format!("*{}", keys.len()).as_str()));
        Ok((lines[2].to_string(), keys))
    }

    /// A whole walk: how often each key came, and the number of calls. `between` runs between calls.
    fn walk(&mut self, options: &str, mut between: impl FnMut(&mut Cores)) -> (HashMap<String, usize>, usize) {
        let (mut cursor, mut seen, mut calls) = ("0".to_string(), HashMap::new(), 0);
        loop {
            let (next, keys) = self.scan(&format!("scan {cursor}{options}")).unwrap();
            keys.into_iter().for_each(|key| *seen.entry(key).or_default() += 1);
            calls += 1;
            if next == "0" {
                return (seen, calls);
            }
            assert!(next.parse::<u64>().unwrap() > cursor.parse().unwrap());
            cursor = next;
            between(self);
        }
    }
}

#[test]
fn arguments() {
    const CURSOR: &str = "ERR invalid cursor";
    const SYNTAX: &str = "ERR syntax error";
    const INTEGER: &str = "ERR value is not an integer or out of range";
    let cores = Cores::new(1);
    for (line, expected) in [
        ("scan x", CURSOR),
        ("scan x foo", CURSOR),
        ("scan 1x", CURSOR),
        ("scan -", CURSOR),
        ("scan +", CURSOR),
        ("scan --1", CURSOR),
        ("scan \t1", CURSOR),
        ("scan 18446744073709551616", CURSOR),
        ("scan 99999999999999999999999", CURSOR),
        ("scan 0 foo", SYNTAX),
        ("scan 0 foo bar", SYNTAX),
        ("scan 0 count", SYNTAX),
        ("scan 0 match", SYNTAX),
        ("scan 0 type", SYNTAX),
        ("scan 0 count 0", SYNTAX),
        ("scan 0 count -1", SYNTAX),
        ("scan 0 count x", INTEGER),
        ("scan 0 count x foo", INTEGER),
        ("scan 0 count 0 foo", SYNTAX),
        ("scan 0 count 9223372036854775808", INTEGER),
        ("scan 0 match * foo", SYNTAX),
        ("scan \"\"", ""),
        ("scan +0", ""),
        ("scan 007", ""),
        ("scan -1", ""),
        ("scan 18446744073709551615", ""),
        ("scan -18446744073709551615", ""),
        ("scan 0 COUNT 9223372036854775807 count 1 MATCH a match b TYPE list type string", ""),
        ("scan 1\09", ""),
    ] {
        match cores.scan(line) {
            Ok(found) => assert_eq!((found, ""), (("0".into(), vec![]), expected), "{line}"),
            Err(text) => assert_eq!(text, expected, "{line}"),
        }
    }
}

#[test]
fn filters() {
    let mut cores = Cores::new(2);
    for key in ["a", "ab", "b", "A"] {
        cores.set(key, None);
    }
    cores.set("dead", Some(START.0 - 1));
    cores.set("dying", Some(START.0));
    for (options, expected) in [
        ("", "A a ab b dying"),
        (" match *", "A a ab b dying"),
        (" match a*", "a ab"),
        (" match d*", "dying"),
        (" match a* match b", "b"),
        (" type string", "A a ab b dying"),
        (" TYPE STRING", "A a ab b dying"),
        (" type list", ""),
        (" type nonsense", ""),
        (" count 1 match ?", "A a b"),
    ] {
        let (seen, _) = cores.walk(options, |_| {});
        let mut keys: Vec<&str> = seen.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys.join(" "), expected, "{options}");
    }
}

#[test]
fn what_has_expired_and_matches_is_removed() {
    let mut cores = Cores::new(1);
    for key in ["dead", "gone"] {
        cores.set(key, Some(START.0 - 1));
    }
    let keyspace = &mut cores.keyspaces[0];
    keyspace.listen(Slot::of(b"dead"), true);
    keyspace.signals.classes = EventClasses::EXPIRED;
    let db = keyspace.db(0).unwrap();
    for (line, left) in [("scan 0 match g*", 1), ("scan 0 type list", 1), ("scan 0", 0)] {
        let owned: OwnedArgs = line.split(' ').collect();
        let request = ScanRequest::parse(owned.args()).unwrap();
        let mut part = request.part(keyspace, 0, START);
        assert!(part.keys.is_empty());
        part.remove_expired(keyspace, 0, START);
        assert_eq!(keyspace.totals(db).keys, left, "{line}");
    }
    assert_eq!(keyspace.stats.expired_keys, 2);
    let events: Vec<_> = keyspace.signals.events.iter().map(|event| (event.name, &event.key[..])).collect();
    assert_eq!(events, [("expired", &b"gone"[..]), ("expired", b"dead")]);
    let changed: Vec<_> = keyspace.signals.changed.iter().map(|changed| &changed.key[..]).collect();
    assert_eq!(changed, [b"dead"]);
}

#[test]
fn calls_are_few() {
    for cores in [1, 2, 4] {
        for (keys, count, most) in [(0, 10, 1), (10, 10, 1), (100, 10, 10), (1000, 10, 100), (1000, 100_000, 1)] {
            let mut cores = Cores::new(cores);
            (0..keys).for_each(|key| cores.set(&key.to_string(), None));
            let (seen, calls) = cores.walk(&format!(" count {count}"), |_| {});
            assert!(seen.len() == keys && seen.values().all(|&n| n == 1), "each of {keys} once");
            assert!(calls <= most, "{calls} calls for {keys} keys by {count}");
        }
    }
}

#[test]
fn a_call_is_bounded_whatever_count_says() {
    let mut cores = Cores::new(1);
    (0..20_000).for_each(|key| cores.set(&format!("{{tag}}{key}"), None));
    let (cursor, keys) = cores.scan("scan 0 count 9223372036854775807").unwrap();
    assert!(cursor != "0" && keys.len() == VISITS_MAX);
    let (seen, calls) = cores.walk(" count 9223372036854775807", |_| {});
    assert_eq!((seen.len(), calls), (20_000, 5));

    let mut cores = Cores::new(1);
    (0..2_000).for_each(|key| cores.set(&format!("{key}{}", "k".repeat(30_000)), None));
    let (cursor, keys) = cores.scan("scan 0 count 1000000").unwrap();
    let bytes: usize = keys.iter().map(String::len).sum();
    assert!(cursor != "0" && bytes <= VISITS_MAX * BYTES_PER_VISIT + 30_010, "{bytes} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Keys come and go between calls, in one slot and in all; those that stay are found, and none that never was.
    #[test]
    fn what_stays_is_found(
        cores in 1usize..=4,
        stay in 0u64..600,
        come in 1u64..4_000,
        count in prop::sample::select(vec![1usize, 3, 10, 100, 5_000]),
        churn in 0u64..300,
        seed: u64,
    ) {
        let mut cores = Cores::new(cores);
        let mut random = Random::new(seed);
        // Half of the keys share a slot, so that its table splits and joins.
        let name = |kind: &str, key: u64| if key.is_multiple_of(2) { format!("{{tag}}{kind}{key}") } else { format!("{kind}{key}") };
        (0..stay).for_each(|key| cores.set(&name("stay", key), None));
        let mut growing = true;
        let (seen, calls) = cores.walk(&format!(" count {count}"), |cores| {
            if random.below(20) == 0 {
                growing = !growing;
            }
            for _ in 0..random.below(churn + 1) {
                let key = name("come", random.below(come));
                if growing { cores.set(&key, None) } else { cores.cut(&key) }
            }
        });
        for key in 0..stay {
            prop_assert!(seen.contains_key(&name("stay", key)), "key {} missing", key);
        }
        let known: HashSet<String> =
            (0..stay).map(|key| name("stay", key)).chain((0..come).map(|key| name("come", key))).collect();
        prop_assert!(seen.keys().all(|key| known.contains(key)));
        prop_assert!(calls <= 3 + (stay + come) as usize / count);
    }
}
