//! Which crate may depend on which (design §2).

/// How a dependency is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// By the crate itself.
    Normal,
    /// By its tests, benches or build script.
    Development,
}

/// Each crate and the crates of the workspace that it may use. Criterion benches may also use the pure crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("audit", &[]),
    ("evict", &["audit"]),
    ("clusterbus", &["keyspace", "audit"]),
    ("keyspace", &["evict"]),
    ("scripting", &["keyspace"]),
    ("shard", &["keyspace", "evict", "audit", "clusterbus", "scripting"]),
    ("server", &["shard", "keyspace", "evict", "audit", "clusterbus"]),
    ("bench", &[]),
    ("tests", &[]),
];

/// What benches may link beside sockets and binaries.
const BENCHED: &[&str] = &["audit", "evict", "keyspace", "clusterbus", "scripting", "shard"];

/// The fault of one dependency between crates of the workspace, if it is one.
pub fn check(from: &str, to: &str, kind: Use) -> Option<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
        return Some(format!("{from} has no place in the design's layout"));
    };
    let benched = from == "bench" && kind == Use::Development && BENCHED.contains(&to);
    (!allowed.contains(&to) && !benched).then(|| format!("{from} must not depend on {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_against_the_design_are_found() {
        let rows = [
            ("keyspace", "evict", Use::Normal, true),
            ("audit", "evict", Use::Normal, false),
            ("evict", "keyspace", Use::Normal, false),
            ("keyspace", "shard", Use::Development, false),
            ("bench", "keyspace", Use::Development, true),
            ("bench", "keyspace", Use::Normal, false),
            ("tests", "shard", Use::Development, false),
            ("extra", "evict", Use::Normal, false),
        ];
        for (from, to, kind, good) in rows {
            assert_eq!(check(from, to, kind).is_none(), good, "{from} on {to}");
        }
    }
}
