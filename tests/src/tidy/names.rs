//! Names and macros that have no place here.

use super::source::{Source, line_of, words};

/// Names that say nothing: no file, folder or module has them (design §2, rule 6).
pub const EMPTY_NAMES: &[&str] = &["common", "util", "utils", "helpers", "core_utils"];

/// Macros of unfinished code.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Test files that may sleep, each because the passing of real time is what it tests.
pub const SLEEPERS: &[&str] = &[];

/// Faults of one Rust file.
pub fn check(source: &Source) -> Vec<String> {
    let code = source.code();
    let mut faults = Vec::new();
    let mut fault = |at: usize, what: String| {
        faults.push(format!("{}:{}: {what}", source.path, line_of(&code, at)));
    };
    for name in EMPTY_NAMES {
        let part = |part: &str| part == *name || part.strip_suffix(".rs") == Some(name);
        if source.path.split('/').any(part) {
            fault(0, format!("nothing is called {name}"));
        }
        for at in words(&code, name) {
            if code[..at].trim_end().ends_with("mod") {
                fault(at, format!("no module is called {name}"));
            }
        }
    }
    for unfinished in UNFINISHED {
        let (name, _) = unfinished.split_at(unfinished.len() - 1);
        for at in words(&code, name) {
            if code[at + name.len()..].starts_with('!') {
                fault(at, format!("{unfinished} is unfinished code"));
            }
        }
    }
    for (at, _) in code.match_indices("#[ignore") {
        fault(at, "no test is ignored".into());
    }
    let tests_from = if source.is_test() { Some(0) } else { code.find("#[cfg(test)]") };
    for (at, _) in code.match_indices("thread::sleep") {
        if tests_from.is_some_and(|from| at >= from) && !SLEEPERS.contains(&source.path.as_str()) {
            fault(at, "a test does not sleep".into());
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_names_and_macros_are_found() {
        let rows = [
            ("shard/src/util.rs", "//! A.\n", 1),
            ("shard/src/helpers/x.rs", "//! A.\n", 1),
            ("shard/src/a.rs", "//! A.\nmod common;\n", 1),
            ("shard/src/a.rs", "//! A.\nfn f() { todo!() }\n", 1),
            ("shard/src/a.rs", "//! A.\nfn f() { dbg!(1); unimplemented!() }\n", 2),
            ("shard/src/a.rs", "//! A.\n#[test]\n#[ignore]\nfn f() {}\n", 1),
            ("tests/tests/a.rs", "//! A.\nfn f() { thread::sleep(d) }\n", 1),
            ("shard/src/a.rs", "//! A.\nfn f() {}\n#[cfg(test)]\nmod t { fn g() { std::thread::sleep(d) } }\n", 1),
            ("bench/src/a.rs", "//! A.\nfn f() { thread::sleep(d) } // todo! common\n", 0),
        ];
        for (path, text, faults) in rows {
            assert_eq!(check(&Source::made_up(path, text)).len(), faults, "{path}: {text}");
        }
    }
}
