//! Where Ashlar's replies differ from redis-server 7.0.15 on purpose: the one list.
//!
//! Clients are told `redis_version:7.2.4`, so what 7.2 added or changed is there. Under an exception the case states
//! ashlar's bytes itself. Fields and lines that are excepted inside a larger reply are lists of their own below.

/// One documented difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Exception {
    /// What cases call it.
    pub name: &'static str,
    /// Why replies differ.
    pub reason: &'static str,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception { name: "setinfo", reason: "CLIENT SETINFO and its fields lib-name and lib-ver came with 7.2" },
    Exception { name: "set-listpack", reason: "small sets of strings are packed from 7.2 on, with two settings" },
    Exception { name: "no-touch", reason: "CLIENT NO-TOUCH came with 7.2" },
    Exception { name: "stringmatch", reason: "DEBUG STRINGMATCH-LEN came after 7.0" },
    Exception {
        name: "http",
        reason: "a reply before an HTTP line is sent; 7.0.15 drops it, if both came with one read",
    },
    Exception { name: "withscore", reason: "WITHSCORE of ZRANK and ZREVRANK came with 7.2" },
    Exception { name: "at-start", reason: "port and bind change only at start: every core listens on its own" },
    Exception { name: "policies", reason: "there are eviction policies that 7.0 does not have" },
    Exception { name: "spans", reason: "lengths in a query buffer are 32 bits: the limits of 4 GiB are lower" },
    Exception { name: "sort-reads", reason: "SORT leaves a packed sorted set packed; 7.0.15 makes it a large one" },
    Exception {
        name: "arguments",
        reason: "a command has at most 1,048,576 arguments here; 7.0.15 would take 2,147,483,647 from anybody",
    },
    Exception {
        name: "query-buffer",
        reason: "all arguments of a command count towards client-query-buffer-limit; 7.0.15 counts the one that it reads",
    },
    Exception {
        name: "held-messages",
        reason: "a client that publishes to itself reads the number of receivers first: what is told to a client follows its reply",
    },
    Exception {
        name: "busy-slots",
        reason: "a long script keeps its slots only: what needs none of them is done, and what MULTI queues needs none until EXEC",
    },
];

/// Fields of INFO that 7.0.15 prints and Ashlar does not, each for a reason.
pub const INFO_FIELDS: &[(&str, &str)] = &[];

/// Heads of HELP lines that came with 7.2.
pub const HELP_LINES_OF_7_2: &[&str] =
    &["NO-TOUCH (ON|OFF)", "SETINFO <option> <value>", "STRINGMATCH-LEN <pattern> <string>"];

/// What COMMAND DOCS has that came after 7.0: subcommands, an argument of CLIENT KILL, and versions that histories name.
pub const DOCS_OF_LATER_VERSIONS: &[&str] =
    &["client|no-touch", "client|setinfo", "cluster|myshardid", "cluster|slot-stats", "maxage", "7.2.0", "7.4.0"];

/// Starts of INFO's fields that are named after what happened: compared by a normaliser of their own.
pub const INFO_DYNAMIC: &[&str] = &["cmdstat_", "errorstat_", "latency_percentiles_usec_", "db"];

/// Starts of the parts of such a field that are times.
pub const STATS_TIMES: &[&str] = &["usec=", "usec_per_call=", "p50=", "p99=", "p99.9=", "avg_ttl="];

/// Starts of the parts that came after 7.0.
pub const STATS_OF_LATER_VERSIONS: &[&str] = &["subexpiry="];

/// Fields of a CLIENT LIST line whose values belong to the process or the moment: presence only.
pub const CLIENT_FIELDS_OF_THE_MOMENT: &[&str] = &[
    "id",
    "addr",
    "laddr",
    "fd",
    "age",
    "idle",
    "qbuf",
    "qbuf-free",
    "argv-mem",
    "multi-mem",
    "rbs",
    "rbp",
    "obl",
    "oll",
    "omem",
    "tot-mem",
    "events",
];

/// Looks an exception up.
pub fn named(name: &str) -> Result<&'static Exception, String> {
    EXCEPTIONS.iter().find(|exception| exception.name == name).ok_or_else(|| format!("no exception is named {name}"))
}

/// Commands that 7.0.15 does not have: nothing can be compared. The tables beside them in `keyspace` play their arguments and events.
pub const COMMANDS_OF_LATER_VERSIONS: &[&str] = &[
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "hsetex",
    "httl",
];
