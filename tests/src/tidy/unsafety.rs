//! Where `unsafe` may stand, and that each has its reason.

use super::source::{Source, line_of, words};

/// The places that may hold `unsafe` (design §2, rule 4).
pub const ALLOWED: &[&str] =
    &["shard/src/ring/", "shard/src/mesh/baton.rs", "keyspace/src/entry.rs", "keyspace/src/prefetch.rs"];

/// Lines above an `unsafe` in which its `SAFETY:` comment must stand.
const REASON_LINES: usize = 12;

/// Faults of one Rust file.
pub fn check(source: &Source) -> Vec<String> {
    let code = source.code();
    let allowed = ALLOWED.iter().any(|place| source.path.starts_with(place));
    let lines: Vec<&str> = source.text.lines().collect();
    let mut faults = Vec::new();
    for at in words(&code, "unsafe") {
        let line = line_of(&code, at);
        if !allowed {
            faults.push(format!("{}:{line}: unsafe stands only in {ALLOWED:?}", source.path));
            continue;
        }
        let above = &lines[line.saturating_sub(REASON_LINES + 1)..line];
        let reason = above.iter().any(|line| line.contains("// SAFETY:") || line.contains("# Safety"));
        if !reason {
            faults.push(format!("{}:{line}: unsafe without // SAFETY:", source.path));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_outside_its_places_or_without_reason_is_found() {
        let reasoned = "//! A.\n// SAFETY: upheld by f.\nunsafe { f() }\n";
        let rows = [
            ("shard/src/ring/ops.rs", reasoned, 0),
            ("shard/src/ring/ops.rs", "//! A.\nunsafe { f() }\n", 1),
            ("shard/src/router.rs", reasoned, 1),
            ("server/src/main.rs", "//! A.\n#![forbid(unsafe_code)]\n// unsafe\n", 0),
        ];
        for (path, text, faults) in rows {
            assert_eq!(check(&Source::made_up(path, text)).len(), faults, "{path}: {text}");
        }
    }
}
