//! The table of settings: what is taken, what is refused, what is printed.

use super::row::NAME_BYTES_MAX;
use super::*;

fn set(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config_set(&Settings::default(), &pairs).map_err(|error| error.to_string())
}

fn get(settings: &Settings, patterns: &[&str]) -> Vec<(String, String)> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    let found = config_get(settings, &patterns);
    found.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

#[test]
fn names_are_unique_lower_case_and_short() {
    let mut names: Vec<&str> =
        ROWS.iter().flat_map(|row| std::iter::once(&row.name).chain(row.aliases)).copied().collect();
    for name in &names {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        assert!(name.len() <= NAME_BYTES_MAX, "{name}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_default_reads_back_as_itself_and_is_admitted() {
    for row in ROWS {
        let mut settings = Settings::default();
        let printed = row.get(&settings);
        row.set(&mut settings, &printed).unwrap_or_else(|reason| panic!("{}: {reason}", row.name));
        assert_eq!(settings, Settings::default(), "{}", row.name);
        if let Some(only) = row.only {
            assert_eq!(printed, only.as_bytes(), "{}", row.name);
        }
    }
}

#[test]
fn every_range_fits_its_field() {
    for row in ROWS.iter().filter(|row| row.only.is_none()) {
        let ends: [i128; 2] = match row.kind {
            Kind::Integer { min, max } | Kind::PowerOfTwo { min, max } => [min.into(), max.into()],
            Kind::Bytes { min, max } => [min.into(), max.into()],
            Kind::Clamped { low, high } => [low.into(), high.into()],
            _ => continue,
        };
        for end in ends.map(|end| end.to_string()) {
            let mut settings = Settings::default();
            row.set(&mut settings, end.as_bytes()).unwrap_or_else(|reason| panic!("{} {end}: {reason}", row.name));
            assert_eq!(row.get(&settings), end.as_bytes(), "{}", row.name);
        }
    }
}

const INTEGER: &str = "argument couldn't be parsed into an integer";
const SIZE: &str = "argument must be a memory value";
const BYTES_OR_PERCENT: &str = "argument must be a memory or percent value";
const YES_NO: &str = "argument must be 'yes' or 'no'";
const LIMIT_COUNT: &str = "Wrong number of arguments in buffer limit configuration.";
const LIMIT_VALUE: &str = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
const PERCENTILES: &str = "Invalid latency-tracking-info-percentiles parameters";
const HOSTNAME: &str = "Hostnames may only contain alphanumeric characters, hyphens or dots";
const INT_RANGE: &str = "argument must be between 0 and 2147483647 inclusive";

/// Name, value, and why redis-server 7.0.15 refuses it. The list of policies goes on with those it does not have.
const REFUSED: &[(&str, &str, &str)] = &[
    ("maxclients", "x", INTEGER),
    ("maxclients", "", INTEGER),
    ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
    ("maxclients", "99999999999", "argument must be between 1 and 4294967295 inclusive"),
    ("LUA-time-limit", "x", INTEGER),
    ("maxmemory", "abc", SIZE),
    ("maxmemory", "1 mb", SIZE),
    ("maxmemory", "-1", SIZE),
    ("maxmemory", "+5", SIZE),
    ("maxmemory", "1.5mb", SIZE),
    ("maxmemory", "100%", SIZE),
    ("appendonly", "maybe", YES_NO),
    ("appendonly", "", YES_NO),
    ("lazyfree-lazy-eviction", "1", YES_NO),
    ("protected-mode", "yes ", YES_NO),
    ("loglevel", "foo", "argument(s) must be one of the following: debug, verbose, notice, warning"),
    ("loglevel", "", "argument(s) must be one of the following: debug, verbose, notice, warning"),
    (
        "maxmemory-policy",
        "foo",
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, \
         volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction, volatile-lrm, allkeys-lrm, allkeys-s3fifo",
    ),
    ("maxmemory-eviction-tenacity", "101", "argument must be between 0 and 100 inclusive"),
    ("maxmemory-samples", "x", INTEGER),
    ("maxmemory-clients", "-5", BYTES_OR_PERCENT),
    ("maxmemory-clients", "abc", BYTES_OR_PERCENT),
    ("maxmemory-clients", "5.5%", BYTES_OR_PERCENT),
    ("maxmemory-clients", "-0%", BYTES_OR_PERCENT),
    ("maxmemory-clients", "%", BYTES_OR_PERCENT),
    ("maxmemory-clients", "010%", BYTES_OR_PERCENT),
    ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
    ("lfu-log-factor", "-1", INT_RANGE),
    ("lfu-decay-time", "2147483648", INT_RANGE),
    ("hz", "-5", INT_RANGE),
    ("hz", "9223372036854775807", INT_RANGE),
    ("hz", "9223372036854775808", INTEGER),
    ("hz", "+1", INTEGER),
    ("hz", "010", INTEGER),
    ("hz", "-0", INTEGER),
    ("hz", " 10", INTEGER),
    ("hz", "1\u{0}2", INTEGER),
    ("timeout", "2147483648", INT_RANGE),
    ("slowlog-log-slower-than", "-5", "argument must be between -1 and 9223372036854775807 inclusive"),
    ("slowlog-max-len", "9999999999999999999", INTEGER),
    ("slowlog-max-len", "1k", INTEGER),
    ("active-expire-effort", "11", "argument must be between 1 and 10 inclusive"),
    ("client-output-buffer-limit", "normal 0 0", LIMIT_COUNT),
    ("client-output-buffer-limit", "normal 0 0 0 ", LIMIT_COUNT),
    ("client-output-buffer-limit", " normal 0 0 0", LIMIT_COUNT),
    (
        "client-output-buffer-limit",
        "normal 1 2 3 foo 0 0 0",
        "Invalid client class specified in buffer limit configuration.",
    ),
    ("client-output-buffer-limit", "normal -1 0 0", LIMIT_VALUE),
    ("client-output-buffer-limit", "normal 1 x 0", LIMIT_VALUE),
    ("client-output-buffer-limit", "normal 1 1 -1", LIMIT_VALUE),
    ("client-output-buffer-limit", "normal 0 0 1kb", LIMIT_VALUE),
    ("client-output-buffer-limit", "normal 0 0 99999999999999999999", LIMIT_VALUE),
    (
        "latency-tracking-info-percentiles",
        "101",
        "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
    ),
    ("latency-tracking-info-percentiles", "50 abc", PERCENTILES),
    ("latency-tracking-info-percentiles", "nan", PERCENTILES),
    ("latency-tracking-info-percentiles", "50  99", PERCENTILES),
    ("latency-tracking-info-percentiles", "50 ", PERCENTILES),
    ("cluster-node-timeout", "-1", "argument must be between 0 and 9223372036854775807 inclusive"),
    ("cluster-node-timeout", "", INTEGER),
    ("cluster-announce-port", "65536", "argument must be between 0 and 65535 inclusive"),
    ("cluster-announce-bus-port", "-1", "argument must be between 0 and 65535 inclusive"),
    ("cluster-announce-tls-port", "x", INTEGER),
    ("cluster-announce-hostname", "bad_host", HOSTNAME),
    ("cluster-announce-hostname", "a b", HOSTNAME),
    (
        "cluster-preferred-endpoint-type",
        "foo",
        "argument(s) must be one of the following: ip, hostname, unknown-endpoint",
    ),
    ("cluster-replica-validity-factor", "2147483648", INT_RANGE),
    ("cluster-slave-validity-factor", "-1", INT_RANGE),
    ("cluster-migration-barrier", "-1", INT_RANGE),
    ("cluster-slave-no-failover", "maybe", YES_NO),
    ("cluster-require-full-coverage", "maybe", YES_NO),
    ("cluster-link-sendbuf-limit", "-1", SIZE),
    ("cluster-link-sendbuf-limit", "5%", SIZE),
];

#[test]
fn what_a_node_announces_cannot_forge_lines() {
    let long = "a".repeat(256);
    let rows = [
        ("cluster-announce-hostname", long.as_str(), "Hostnames must be less than 256 characters"),
        ("cluster-announce-human-nodename", "a b", "Announced human node name contained invalid character"),
        ("cluster-announce-human-nodename", "a,b", "Announced human node name contained invalid character"),
        ("cluster-announce-ip", "1.2.3.4 5", "argument must be an IP address or a host name of at most 45 bytes"),
        ("cluster-announce-ip", &long, "argument must be an IP address or a host name of at most 45 bytes"),
    ];
    for (name, value, reason) in rows {
        let error = set(&[(name, value)]).expect_err("the value forges");
        assert!(error.ends_with(&format!("'{name}') - {reason}")), "{error}");
    }
}

#[test]
fn config_set_refuses_values_as_redis_does() {
    for (name, value, reason) in REFUSED {
        let name_shown = name.to_lowercase();
        let expected = format!("ERR CONFIG SET failed (possibly related to argument '{name_shown}') - {reason}");
        assert_eq!(set(&[(name, value)]).unwrap_err(), expected, "{name} {value}");
    }
}

/// Names in this order; which of them redis-server 7.0.15 objects to, and why (`None`: unknown).
const NAMES: &[(&[&str], &str, Option<&str>)] = &[
    (&["nosuch"], "nosuch", None),
    (&["Nosuch"], "Nosuch", None),
    (&[""], "", None),
    (&["nosuch\nfoo"], "nosuch foo", None),
    (&["databases"], "databases", Some("can't set immutable config")),
    (&["hz", "databases"], "databases", Some("can't set immutable config")),
    (&["databases", "nosuch"], "databases", Some("can't set immutable config")),
    (&["databases", "hz", "hz"], "databases", Some("can't set immutable config")),
    (&["nosuch", "databases"], "nosuch", None),
    (&["dir", "nosuch"], "dir", Some("can't set protected config")),
    (&["HZ", "hz"], "hz", Some("duplicate parameter")),
    (&["hz", "hz", "nosuch"], "hz", Some("duplicate parameter")),
    (&["maxmemory", "nosuch"], "nosuch", None),
    (&["cluster-config-file"], "cluster-config-file", Some("can't set immutable config")),
    (&["cluster-port"], "cluster-port", Some("can't set immutable config")),
    (&["cluster-enabled"], "cluster-enabled", Some("can't set immutable config")),
];

#[test]
fn config_set_refuses_names_as_redis_does() {
    for (names, objected, reason) in NAMES {
        // Names are judged before values: these are all wrong.
        let pairs: Vec<_> = names.iter().map(|name| (*name, "wrong")).collect();
        let expected = match reason {
            Some(reason) => {
                format!("ERR CONFIG SET failed (possibly related to argument '{objected}') - {reason}")
            }
            None => {
                format!("ERR Unknown option or number of arguments for CONFIG SET - '{objected}'")
            }
        };
        assert_eq!(set(&pairs).unwrap_err(), expected, "{names:?}");
    }
}

/// Name, value, and what CONFIG GET prints then.
const PRINTED: &[(&str, &str, &str)] = &[
    ("hz", "0", "1"),
    ("hz", "1000", "500"),
    ("protected-mode", "No", "no"),
    ("loglevel", "DEBUG", "debug"),
    ("proto-max-bulk-len", "1mb", "1048576"),
    ("proto-max-bulk-len", "2M", "2000000"),
    ("proto-max-bulk-len", "0100000000b", "100000000"),
    ("client-query-buffer-limit", "2GB", "2147483648"),
    ("maxmemory", "", "0"),
    ("maxmemory", "k", "0"),
    ("maxmemory", "18446744073709551615", "18446744073709551615"),
    ("maxmemory-policy", "NOEVICTION", "noeviction"),
    ("maxmemory-policy", "Allkeys-LFU", "allkeys-lfu"),
    ("maxmemory-clients", "5%", "5%"),
    ("maxmemory-clients", "0%", "0"),
    ("maxmemory-clients", "10mb", "10485760"),
    ("latency-tracking-info-percentiles", "", ""),
    ("latency-tracking-info-percentiles", "50 99.99 99.12345678", "50 99.99 99.123457"),
    ("latency-tracking-info-percentiles", "-0", "-0"),
    ("latency-tracking-info-percentiles", "1e-9", "0"),
    ("latency-tracking-info-percentiles", ".5", "0.5"),
    ("latency-tracking-info-percentiles", "5.", "5"),
    ("latency-tracking-info-percentiles", "100", "100"),
    ("latency-tracking-info-percentiles", "1e1 +5", "10 5"),
    ("slowlog-log-slower-than", "-1", "-1"),
    ("requirepass", "a b\nc", "a b\nc"),
    ("cluster-node-timeout", "0", "0"),
    ("cluster-announce-ip", "::1", "::1"),
    ("cluster-announce-hostname", "-", "-"),
    ("cluster-announce-hostname", "", ""),
    ("cluster-announce-human-nodename", "db/1", "db/1"),
    ("cluster-preferred-endpoint-type", "UNKNOWN-endpoint", "unknown-endpoint"),
    ("cluster-slave-validity-factor", "0", "0"),
    ("cluster-link-sendbuf-limit", "18446744073709551615", "18446744073709551615"),
    ("cluster-link-sendbuf-limit", "1kb", "1024"),
    (
        "client-output-buffer-limit",
        "replica 1 2kb 3",
        "normal 1073741824 268435456 60 slave 1 2048 3 pubsub 33554432 8388608 60",
    ),
    (
        "client-output-buffer-limit",
        "PUBSUB 10 20 30 normal 0 0 0",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 10 20 30",
    ),
    (
        "client-output-buffer-limit",
        "normal 18446744073709551615 0 0 normal 1m 0 0",
        "normal 1000000 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    ),
    (
        "client-output-buffer-limit",
        "",
        "normal 1073741824 268435456 60 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    ),
];

#[test]
fn values_print_as_redis_prints_them() {
    for (name, value, expected) in PRINTED {
        let settings = set(&[(name, value)]).unwrap_or_else(|error| panic!("{name} {value}: {error}"));
        assert_eq!(get(&settings, &[name]), [((*name).to_owned(), (*expected).to_owned())], "{value}");
    }
}

/// Name, value, and what becomes of it in a file or flag.
const AT_START: &[(&str, &str, Result<&str, &str>)] = &[
    ("unixsocketperm", "0755", Ok("755")),
    ("unixsocketperm", "777", Ok("777")),
    ("unixsocketperm", "999", Err("argument couldn't be parsed as an octal number")),
    ("unixsocketperm", "1000", Err("argument must be between 0 and 777 inclusive")),
    ("unixsocketperm", "-1", Err("argument must be between 0 and 777 inclusive")),
    ("port", "70000", Err("argument must be between 0 and 65535 inclusive")),
    ("bind", "127.0.0.1 -::1", Ok("127.0.0.1 -::1")),
    ("bind", "", Ok("")),
    ("bind", "127.0.0.1  ::1", Err("argument must be words with one space between them")),
    ("bind", "a a a a a a a a a a a a a a a a a", Err("argument must be at most 16 words")),
    ("supervised", "x", Err("argument(s) must be one of the following: upstart, systemd, auto, no")),
    ("supervised", "systemd", Err("this server supports only 'no' here")),
    ("enable-debug-command", "local", Ok("local")),
    ("ring-buffers", "8", Ok("8")),
    ("ring-buffers", "9", Err("argument must be a power of two")),
    ("cluster-port", "65536", Err("argument must be between 0 and 65535 inclusive")),
    ("cluster-config-file", "/var/lib/a b.conf", Ok("/var/lib/a b.conf")),
    ("cluster-enabled", "yes", Ok("yes")),
    ("logfile", "a\0b", Err("argument must not contain a zero byte")),
];

#[test]
fn start_time_values() {
    for (name, value, expected) in AT_START {
        let mut settings = Settings::default();
        let row = find(name.as_bytes()).unwrap();
        let outcome = row.set(&mut settings, value.as_bytes()).map(|()| String::from_utf8(row.get(&settings)).unwrap());
        assert_eq!(outcome, expected.map(str::to_owned).map_err(str::to_owned), "{name} {value}");
        if expected.is_err() {
            assert_eq!(settings, Settings::default());
        }
    }
}

#[test]
fn config_set_is_all_or_nothing() {
    let before = Settings::default();
    let pairs: [(&[u8], &[u8]); 2] = [(b"maxclients", b"100"), (b"loglevel", b"bad")];
    assert!(config_set(&before, &pairs).is_err());
    let after = set(&[("maxclients", "100"), ("HZ", "20")]).unwrap();
    assert_eq!((after.maxclients, after.hz), (100, 20));
    assert_eq!(Settings { maxclients: before.maxclients, hz: before.hz, ..after }, before);
}

#[test]
fn an_alias_and_its_name_are_two_parameters() {
    let settings = set(&[("lua-time-limit", "1"), ("busy-reply-threshold", "2")]).unwrap();
    assert_eq!(settings.busy_reply_threshold, 2);
}

#[test]
fn config_get_matches_patterns_and_echoes_names() {
    let settings = Settings::default();
    let names = |patterns: &[&str]| get(&settings, patterns).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&["hz"]), ["hz"]);
    assert_eq!(names(&["HZ", "*hz", "hz"]), ["HZ", "dynamic-hz"]);
    assert_eq!(names(&["maxclients", "port", "MAXCLIENTS"]), ["maxclients", "port"]);
    assert_eq!(names(&["B*"]), ["bind", "busy-reply-threshold"]);
    assert_eq!(names(&["p[no]rt"]), ["port"]);
    assert_eq!(names(&["\\port", "nosuch", ""]), [""; 0]);
    assert_eq!(names(&["lua-*", "busy-reply-threshold"]), ["lua-time-limit", "busy-reply-threshold"]);
    let all = names(&["*"]);
    assert_eq!(all.len(), ROWS.iter().map(|row| 1 + row.aliases.len()).sum::<usize>());
}

#[test]
fn a_wrong_name_has_a_nearest_right_one() {
    let rows = [
        ("maxclient", Some("maxclients")),
        ("max_clients", Some("maxclients")),
        ("PROT", Some("port")),
        ("portt", Some("port")),
        ("requirepas", Some("requirepass")),
        ("client-output-buffer-limits", Some("client-output-buffer-limit")),
        ("save-points", None),
        ("", None),
        ("zzzzzzzzzz", None),
    ];
    for (wrong, right) in rows {
        assert_eq!(nearest(wrong), right, "{wrong}");
    }
    assert_eq!(nearest(&"x".repeat(1 << 20)), None);
}

#[test]
fn a_secret_hides_in_debug_output() {
    let settings = set(&[("requirepass", "hunter2")]).unwrap();
    assert_eq!(settings.requirepass.reveal(), b"hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

proptest::proptest! {
    /// Whatever CONFIG SET accepts is read back as itself, so that CONFIG REWRITE loses nothing.
    #[test]
    fn accepted_values_read_back(index in 0..ROWS.len(), value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..12), number in proptest::prelude::any::<u64>()) {
        let row = &ROWS[index];
        for text in [value, number.to_string().into_bytes(), (number % 12).to_string().into_bytes()] {
            let mut settings = Settings::default();
            if row.set(&mut settings, &text).is_ok() {
                let mut again = Settings::default();
                row.set(&mut again, &row.get(&settings)).unwrap();
                proptest::prop_assert_eq!(again, settings);
            } else {
                proptest::prop_assert_eq!(settings, Settings::default());
            }
        }
    }
}
