//! Finds the programs under test, building ours so that no stale binary is ever measured.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::BenchError;
use crate::tool::first_line;

/// The workspace's root, where cargo is called and results are written below `target/bench`.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// redis-server: `given`, or the one on the path.
pub(crate) fn redis(given: Option<PathBuf>) -> Result<PathBuf, BenchError> {
    let program = given.unwrap_or_else(|| PathBuf::from("redis-server"));
    if first_line(&program.to_string_lossy(), &["-v"]).is_some() {
        return Ok(program);
    }
    Err(missing(&program, "apt-get install redis-server, or name one by --redis"))
}

/// ashlar: `given`, or built now in release form.
pub(crate) fn ashlar(given: Option<PathBuf>) -> Result<PathBuf, BenchError> {
    match given {
        Some(program) if program.is_file() => absolute(&program),
        Some(program) => Err(missing(&program, "it was named by --ashlar")),
        None => build(&["-p", "server", "--bin", "ashlar"], "ashlar"),
    }
}

/// The floor server: `given`, or built now; `Err` says why there is none.
pub(crate) fn floor(given: Option<PathBuf>) -> Result<PathBuf, BenchError> {
    match given {
        Some(program) if program.is_file() => absolute(&program),
        Some(program) => Err(missing(&program, "it was named by --floor")),
        None => build(&["-p", "shard", "--example", "floor"], "examples/floor"),
    }
}

/// Servers run in a scratch folder, so relative paths have to go.
fn absolute(program: &Path) -> Result<PathBuf, BenchError> {
    program.canonicalize().map_err(BenchError::io(program.display().to_string()))
}

fn build(arguments: &[&str], product: &str) -> Result<PathBuf, BenchError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("building {product}");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release"])
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status()
        .map_err(BenchError::io("run cargo"))?;
    let program = release_folder()?.join(product);
    if status.success() && program.is_file() {
        return absolute(&program);
    }
    Err(missing(&program, &format!("cargo build --release {} failed", arguments.join(" "))))
}

/// `target/release`, found from our own program so that CARGO_TARGET_DIR is honoured.
fn release_folder() -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
    let target = own.parent().and_then(Path::parent).ok_or_else(|| missing(&own, "no target folder above it"))?;
    Ok(target.join("release"))
}

fn missing(program: &Path, cure: &str) -> BenchError {
    BenchError::Missing { program: program.display().to_string(), cure: cure.to_owned() }
}
