//! Where the programs under test are: `ashlar` beside the test executable, the Redis tools in PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the program to test as `ashlar`; for developing suites against redis-server itself.
pub const ASHLAR_VARIABLE: &str = "ASHLAR_BIN";

/// The server under test: `$ASHLAR_BIN`, else `ashlar` in the profile folder of the running test executable.
/// Panics with the cure if there is none.
pub fn ashlar() -> PathBuf {
    if let Some(path) = env::var_os(ASHLAR_VARIABLE) {
        return PathBuf::from(path);
    }
    let test = env::current_exe().expect("a test knows its own path");
    let path = test
        .parent()
        .and_then(Path::parent)
        .map(|profile| profile.join("ashlar"))
        .expect("test executables live in target/PROFILE/deps");
    assert!(
        path.is_file(),
        "{} is missing: build it first (`cargo build -p server`), or run ./test.sh",
        path.display()
    );
    path
}

/// Whether the program tested as `ashlar` is in truth a redis-server.
pub fn ashlar_is_redis() -> bool {
    ashlar().file_name().is_some_and(|name| name.to_string_lossy().contains("redis-server"))
}

/// A program of Debian's redis packages in PATH. Panics with the cure if it is missing.
pub fn redis_tool(name: &str) -> PathBuf {
    env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not in PATH: install Debian's redis-server and redis-tools, or run ./test.sh")
        })
}

/// A Python that has redis-py: ours, which `real_clients/install.sh` makes, or the system's.
pub fn python_with_redis_py() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let target = env::var_os("CARGO_TARGET_DIR").map_or(target, PathBuf::from);
    let pythons = [target.join("redis-py/bin/python"), PathBuf::from("/usr/bin/python3")];
    pythons.into_iter().find(|python| {
        Command::new(python).args(["-c", "import redis"]).output().is_ok_and(|output| output.status.success())
    })
}
