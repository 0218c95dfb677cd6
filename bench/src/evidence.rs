//! `evidence`: the evidence pack of lever LEV-008, the memoised pressure decision (`spec/packets.md`), written under `target/artifacts`.
//!
//! Everything in it is measured or looked up by this run: the figures come from `evict`'s example `memo`, which answers one recording with
//! and without the memo; the property test runs as part of it; the environment is read from the machine. What the lever gains is told
//! as it was measured, also if it gains nothing.

mod pack;
mod profile;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::args::Options;
use crate::binaries;
use crate::error::BenchError;
use crate::tool::quoted;

use profile::Profile;

/// The packet whose lever it is.
const PACKET: &str = "FR-P2C-008";

/// What measures.
const MEASURE: [&str; 8] = ["cargo", "run", "--quiet", "--release", "-p", "evict", "--example", "memo"];

/// The property that both answer alike, over random questions with changes of settings in between.
const PROPERTY: [&str; 7] = ["cargo", "test", "--quiet", "-p", "evict", "--", "the_memo_answers_as_the_plain_decision"];

/// Measures and writes the pack.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => binaries::workspace().join("target/artifacts").join(PACKET),
    };
    println!("measuring: {}", MEASURE.join(" "));
    let profile = Profile::read(&carry_out(&MEASURE)?)?;
    println!("testing: {}", PROPERTY.join(" "));
    let property = carry_out(&PROPERTY)?;
    let passed = property.lines().find(|line| line.starts_with("test result: ok. 1 passed"));
    let property = passed.ok_or_else(|| BenchError::parse("the property test's result", &property))?.to_owned();
    for path in pack::write(&folder, &profile, &property)? {
        println!("{}", path.display());
    }
    println!("{}", profile.verdict());
    Ok(())
}

/// Runs a command in the workspace and returns what it prints; fails if it does.
fn carry_out(words: &[&str]) -> Result<String, BenchError> {
    let line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let program = match words[0] {
        "cargo" => std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
        other => other.into(),
    };
    let output = Command::new(program)
        .args(&words[1..])
        .current_dir(binaries::workspace())
        .stdin(Stdio::null())
        .output()
        .map_err(BenchError::io(quoted(&line)))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BenchError::Tool { tool: quoted(&line), why });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
