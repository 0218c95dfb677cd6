//! The files of the pack.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::lever::Lever;
use super::profile::Profile;
use crate::binaries::workspace;
use crate::error::BenchError;
use crate::machine;
use crate::stats::Spread;
use crate::tool::first_line;

/// Writes every file, the manifest last; returns their paths.
pub(super) fn write(
    lever: &Lever,
    folder: &Path,
    profile: &Profile,
    property: &str,
) -> Result<Vec<PathBuf>, BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::io(folder.display().to_string()))?;
    let files = [
        ("baseline_profile.json", pretty(&side(lever, profile, 0))),
        ("post_profile.json", pretty(&side(lever, profile, 1))),
        ("lever_selection.md", selection(lever, profile)),
        ("isomorphism_report.md", isomorphism(lever, profile, property)),
        ("env.json", pretty(&environment())),
        ("repro.lock", reproduction(lever, profile)),
        ("LEGAL.md", LEGAL.to_owned()),
    ];
    let mut paths = Vec::new();
    let mut rows = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, &text).map_err(BenchError::io(path.display().to_string()))?;
        rows.push(json!({"file": name, "bytes": text.len(), "sha256": sha256(&path)}));
        paths.push(path);
    }
    let manifest = json!({"packet": lever.packet, "lever": lever.name, "commit": commit(), "files": rows});
    let path = folder.join("manifest.json");
    fs::write(&path, pretty(&manifest)).map_err(BenchError::io(path.display().to_string()))?;
    paths.push(path);
    Ok(paths)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn spread(spread: Spread) -> Value {
    json!({"low": spread.low, "median": spread.median, "high": spread.high})
}

/// One side's figures: 0 is the plain decision, 1 the memo.
fn side(lever: &Lever, profile: &Profile, side: usize) -> Value {
    let computed = [profile.questions, profile.computed][side];
    let names = [["plain_ns", "plain_whole_ns"], ["memo_ns", "memo_whole_ns"]][side];
    json!({
        "packet": lever.packet,
        "lever": lever.name,
        "side": lever.sides[side],
        "questions": profile.questions,
        "answers_computed": computed,
        (lever.fields[0]): spread(profile.answer[side]),
        (lever.fields[1]): spread(profile.whole[side]),
        "rounds": {(lever.fields[0]): profile.raw[names[0]], (lever.fields[1]): profile.raw[names[1]]},
        "output_digest": profile.digests[side + 1],
        "command": lever.measure.join(" "),
    })
}

fn selection(lever: &Lever, profile: &Profile) -> String {
    let hits = 100.0 * (1.0 - profile.computed as f64 / profile.questions as f64);
    let row = |name: &str, sides: [Spread; 2]| {
        let [plain, memo] = sides.map(|side| format!("{:.2} ({:.2} to {:.2})", side.median, side.low, side.high));
        format!("| {name} | {plain} | {memo} | {:.3} |\n", profile.factor(sides))
    };
    format!(
        "{}\n\nMeasured over {} recorded questions; {:.4} % of them were answered by the memo.\n\n\
         | ns per answer: median (least to greatest) | plain | memo | memo / plain |\n|---|---|---|---|\n{}{}\n\
         **{}**\n\n{}\n",
        lever.selection,
        profile.questions,
        hits,
        row(lever.rows[0], profile.answer),
        row(lever.rows[1], profile.whole),
        profile.verdict(lever),
        lever.remark,
    )
}

fn isomorphism(lever: &Lever, profile: &Profile, property: &str) -> String {
    let [asked, plain, memo] = &profile.digests;
    format!(
        "# The memo answers as the {}\n\n\
         | shown on | how much | result |\n|---|---|---|\n\
         | the recording | {} questions, sum {asked} | answers' sums: plain {plain}, memo {memo} |\n\
         | {} | {} pairs | {} differ |\n\
         | random questions with changes in between (`{}`) | see the test | {property} |\n\n{}\n\n**{}**\n",
        lever.sides[0],
        profile.questions,
        lever.pairs,
        profile.pairs,
        profile.differ,
        lever.property.join(" "),
        lever.why_equal,
        if profile.is_equal() { "Equal." } else { "NOT EQUAL: the lever must not be used." },
    )
}

fn environment() -> Value {
    let mut rows: Map<String, Value> =
        machine::sheet(&[]).into_iter().map(|(name, value)| (name, json!(value))).collect();
    rows.insert("rustc".into(), json!(first_line("rustc", &["-V"])));
    rows.insert("cargo".into(), json!(first_line("cargo", &["-V"])));
    Value::Object(rows)
}

fn reproduction(lever: &Lever, profile: &Profile) -> String {
    let lock = workspace().join("Cargo.lock");
    let rows = [
        ("commit", commit()),
        ("rustc", first_line("rustc", &["-V"]).unwrap_or_default()),
        ("cargo_lock_sha256", sha256(&lock)),
        ("seed", profile.raw["seed"].to_string()),
        ("input_digest", profile.digests[0].clone()),
        ("pack", "cargo run --release -p bench -- evidence".to_owned()),
        ("measure", lever.measure.join(" ")),
        ("property", lever.property.join(" ")),
        ("rows", format!("cargo test --workspace -- {}", lever.packet.replace('-', "_"))),
    ];
    rows.into_iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect()
}

fn commit() -> String {
    first_line("git", &["describe", "--always", "--dirty", "--abbrev=12"]).unwrap_or_default()
}

fn sha256(path: &Path) -> String {
    let line = first_line("sha256sum", &[&path.to_string_lossy()]).unwrap_or_default();
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

const LEGAL: &str = "# Origin\n\n\
    All code that was measured, the recording and these files were made for this project and are under its licence (Apache-2.0, \
    `LICENSE`). The recording is generated from a seed; no data of any person or third party is in it, and no code of Redis.\n\n\
    The command lines in `repro.lock` use cargo, git and sha256sum as installed.\n";
