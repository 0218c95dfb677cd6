//! `evidence`: the evidence packs of the levers LEV-007, the memoised gate, and LEV-008, the memoised pressure decision (`spec/packets.md`),
//! written under `target/artifacts`.
//!
//! Everything in them is measured or looked up by this run: the figures come from an example of the crate that decides, which answers one
//! recording with and without the memo; the property test runs as part of it; the environment is read from the machine. What a lever
//! gains is told as it was measured, also if it gains nothing.

mod lever;
mod pack;
mod profile;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Options;
use crate::binaries;
use crate::error::BenchError;
use crate::tool::quoted;

use lever::{LEVERS, Lever};
use profile::Profile;

/// Measures every lever and writes its pack, in a folder of its packet.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let folder = options.out.clone().unwrap_or_else(|| binaries::workspace().join("target/artifacts"));
    LEVERS.iter().try_for_each(|lever| write(lever, &folder.join(lever.packet)))
}

fn write(lever: &Lever, folder: &Path) -> Result<(), BenchError> {
    println!("measuring: {}", lever.measure.join(" "));
    let profile = Profile::read(&carry_out(&lever.measure)?)?;
    println!("testing: {}", lever.property.join(" "));
    let property = carry_out(&lever.property)?;
    let passed = property.lines().find(|line| line.starts_with("test result: ok. 1 passed"));
    let property = passed.ok_or_else(|| BenchError::parse("the property test's result", &property))?.to_owned();
    for path in pack::write(lever, folder, &profile, &property)? {
        println!("{}", path.display());
    }
    println!("{}", profile.verdict(lever));
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
