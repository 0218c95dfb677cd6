//! Generated commands against redis-server, per family: see `tests::grammar` for the files in `tests/grammars`.
//!
//! `GENERATED_COMMANDS` sets how many commands each family plays, 5,000 by default; the long form is 200,000. `GENERATED_SEED` plays
//! the commands of a seed again that a run printed.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use tests::generated;
use tests::grammar::Grammar;

/// Commands of each family, unless the environment says otherwise.
const COMMANDS: u64 = 5_000;

/// The number in a variable of the environment.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn check(family: &str) {
    let file = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("grammars").join(format!("{name}.txt"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let grammar = Grammar::read(&file(family), &file);
    let seed = number("GENERATED_SEED").unwrap_or_else(|| fastrand::u64(..));
    let commands = number("GENERATED_COMMANDS").unwrap_or(COMMANDS);
    generated::check(family, &grammar, seed, commands as usize, &[1, 4]);
}

macro_rules! families {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

families! {
    strings
    hashes
    sets
    lists
    sorted_sets
    streams
    bitmaps
    hyperloglogs
    geo
    keys
    sort
}
