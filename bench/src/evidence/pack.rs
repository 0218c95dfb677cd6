//! The files of the pack.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::profile::Profile;
use super::{MEASURE, PACKET, PROPERTY};
use crate::binaries::workspace;
use crate::error::BenchError;
use crate::machine;
use crate::stats::Spread;
use crate::tool::first_line;

/// Writes every file, the manifest last; returns their paths.
pub(super) fn write(folder: &Path, profile: &Profile, property: &str) -> Result<Vec<PathBuf>, BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::io(folder.display().to_string()))?;
    let files = [
        ("baseline_profile.json", pretty(&side(profile, 0, "plain decision"))),
        ("post_profile.json", pretty(&side(profile, 1, "memoised decision"))),
        ("lever_selection.md", selection(profile)),
        ("isomorphism_report.md", isomorphism(profile, property)),
        ("env.json", pretty(&environment())),
        ("repro.lock", reproduction(profile)),
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
    let manifest = json!({"packet": PACKET, "lever": "LEV-008", "commit": commit(), "files": rows});
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
fn side(profile: &Profile, side: usize, what: &str) -> Value {
    let computed = [profile.questions, profile.computed][side];
    let names = [["plain_ns", "plain_whole_ns"], ["memo_ns", "memo_whole_ns"]][side];
    json!({
        "packet": PACKET,
        "lever": "LEV-008",
        "side": what,
        "questions": profile.questions,
        "answers_computed": computed,
        "ns_per_answer": spread(profile.answer[side]),
        "ns_per_answer_with_its_question": spread(profile.whole[side]),
        "rounds": {"ns_per_answer": profile.raw[names[0]], "ns_per_answer_with_its_question": profile.raw[names[1]]},
        "output_digest": profile.digests[side + 1],
        "command": MEASURE.join(" "),
    })
}

fn selection(profile: &Profile) -> String {
    let hits = 100.0 * (1.0 - profile.computed as f64 / profile.questions as f64);
    let row = |name: &str, sides: [Spread; 2]| {
        let [plain, memo] = sides.map(|side| format!("{:.2} ({:.2} to {:.2})", side.median, side.low, side.high));
        format!("| {name} | {plain} | {memo} | {:.3} |\n", profile.factor(sides))
    };
    format!(
        "# LEV-008: the pressure decision is memoised\n\n\
         Before a command that needs memory a core asks what the pressure on its memory asks for. The answer depends on the settings, \
         on what stands against evicting, on whether the limit is passed and on whether the policy has candidates: on few things, \
         which seldom change. The memo keeps the last answer with exactly these as its key.\n\n\
         Measured over {} questions recorded from a core that is kept at its limit; {:.4} % of them were the one before.\n\n\
         | ns per answer: median (least to greatest) | plain | memo | memo / plain |\n|---|---|---|---|\n{}{}\n\
         **{}**\n\n\
         One lever is changed at a time: both sides run in one process, in alternate rounds, over the same recording. What a command \
         pays is neither: it compares its core's bytes with one number, and only a core that is short of memory asks at all.\n",
        profile.questions,
        hits,
        row("of a question that is ready", profile.answer),
        row("with the question made from what the core knows", profile.whole),
        profile.verdict(),
    )
}

fn isomorphism(profile: &Profile, property: &str) -> String {
    let [asked, plain, memo] = &profile.digests;
    format!(
        "# The memo answers as the plain decision\n\n\
         | shown on | how much | result |\n|---|---|---|\n\
         | the recording | {} questions, sum {asked} | answers' sums: plain {plain}, memo {memo} |\n\
         | every question after every other one, policies included | {} pairs | {} differ |\n\
         | random questions with changes of the settings (`{}`) | see the test | {property} |\n\n\
         The memo holds one answer, so what it answers depends on the question and the one before: the second row is all there is. \
         A change of the settings is another epoch and never meets an answer of the one before.\n\n\
         **{}**\n",
        profile.questions,
        profile.pairs,
        profile.differ,
        PROPERTY.join(" "),
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

fn reproduction(profile: &Profile) -> String {
    let lock = workspace().join("Cargo.lock");
    let rows = [
        ("commit", commit()),
        ("rustc", first_line("rustc", &["-V"]).unwrap_or_default()),
        ("cargo_lock_sha256", sha256(&lock)),
        ("seed", profile.raw["seed"].to_string()),
        ("input_digest", profile.digests[0].clone()),
        ("pack", "cargo run --release -p bench -- evidence".to_owned()),
        ("measure", MEASURE.join(" ")),
        ("property", PROPERTY.join(" ")),
        ("rows", format!("cargo test --workspace -- {}", PACKET.replace('-', "_"))),
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
