//! What the pure crates and the data path never do (design §2, rules 1, 4 and 5).

use super::source::{Source, line_of, words};

/// A ban: where it holds, where inside that it does not, the words, and why.
struct Ban {
    under: &'static [&'static str],
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        under: &["audit/src/", "keyspace/src/", "evict/src/", "clusterbus/src/", "scripting/src/"],
        except: &[],
        words: &[
            "Instant::now",
            "SystemTime::now",
            "std::net",
            "std::fs",
            "std::thread",
            "std::process",
            "std::env",
            "getrandom",
            "thread_rng",
            "tracing",
            "println!",
            "eprintln!",
            "libc",
            "io_uring",
        ],
        why: "a pure crate has no I/O, clock, entropy, thread or log",
    },
    Ban {
        under: &["audit/src/", "keyspace/src/", "evict/src/", "clusterbus/src/", "scripting/src/", "shard/src/"],
        except: &[],
        words: &["Mutex", "RwLock", "Condvar"],
        why: "no lock on the command path",
    },
    Ban {
        under: &["shard/src/"],
        except: &["shard/src/ring/", "shard/src/ring.rs"],
        words: &["io_uring", "libc", "std::net", "std::fs"],
        why: "only shard/src/ring/ makes system calls",
    },
];

/// Faults of one Rust file; its test code may do anything.
pub fn check(source: &Source) -> Vec<String> {
    let code = source.product_code();
    let starts = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    let mut faults = Vec::new();
    for ban in BANS.iter().filter(|ban| starts(ban.under) && !starts(ban.except)) {
        for word in ban.words {
            let name = word.trim_end_matches('!');
            for at in words(&code, name) {
                faults.push(format!("{}:{}: {word}: {}", source.path, line_of(&code, at), ban.why));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impure_code_is_found_where_it_is_banned() {
        let rows = [
            ("keyspace/src/a.rs", "//! A.\nlet t = Instant::now();\n", 1),
            ("evict/src/a.rs", "//! A.\nuse std::fs;\n", 1),
            ("keyspace/src/a.rs", "//! A.\nuse getrandom::fill;\n", 1),
            ("keyspace/src/a.rs", "//! A.\n#[cfg(test)]\nmod tests { use std::fs; }\n", 0),
            ("shard/src/a.rs", "//! A.\nuse std::sync::Mutex;\n", 1),
            ("shard/src/a.rs", "//! A.\nuse libc::c_int;\n", 1),
            ("shard/src/ring/a.rs", "//! A.\nuse libc::c_int;\n", 0),
            ("server/src/a.rs", "//! A.\nuse std::fs;\nlet m: Mutex<u8>;\n", 0),
        ];
        for (path, text, faults) in rows {
            assert_eq!(check(&Source::made_up(path, text)).len(), faults, "{path}: {text}");
        }
    }
}
