//! A child process that outlives us and ends what we left behind.
//!
//! Destructors do not run on ctrl-c, on SIGKILL, nor on a panic of a release build (which aborts). So the bench tells a small copy
//! of itself, over a pipe, which processes it has started; when the pipe closes, for whatever reason, the copy ends those that are
//! left, by process id, removes the scratch folder, and goes. It stands in a process group of its own, so that ctrl-c at the terminal does not reach it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::BenchError;

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "reap";

/// Our end of the pipe.
pub(crate) struct Reaper {
    child: Child,
    pipe: RefCell<Option<ChildStdin>>,
}

impl Reaper {
    /// Starts the copy, which removes `scratch` in the end.
    pub(crate) fn start(scratch: &Path) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .arg(scratch)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(BenchError::io("start the reaper"))?;
        let pipe = RefCell::new(child.stdin.take());
        Ok(Self { child, pipe })
    }

    /// From now on `pid` is ended if we disappear.
    pub(crate) fn watch(&self, pid: u32) {
        self.tell('+', pid);
    }

    /// `pid` has ended and been waited for: its number may belong to somebody else from now on.
    pub(crate) fn forget(&self, pid: u32) {
        self.tell('-', pid);
    }

    /// A lost reaper only loses the safety net, so a failed write is not an error of the run.
    fn tell(&self, sign: char, pid: u32) {
        if let Some(pipe) = self.pipe.borrow_mut().as_mut() {
            let _ = writeln!(pipe, "{sign}{pid}");
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.borrow_mut().take());
        let _ = self.child.wait();
    }
}

/// The copy's whole life: collect process ids from `input` until it closes, end those that remain, remove the scratch folder.
pub(crate) fn serve(input: impl BufRead, scratch: Option<&Path>) {
    for pid in remaining(input) {
        // The shell's own `kill`: a program of that name is not part of every system.
        let script = format!("kill -KILL {pid}");
        let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
    }
    if let Some(folder) = scratch {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// The process ids that were added (`+7`) and not taken away (`-7`).
fn remaining(input: impl BufRead) -> BTreeSet<u32> {
    let mut pids = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        if let Some(pid) = line.strip_prefix('+').and_then(|n| n.parse().ok()) {
            pids.insert(pid);
        } else if let Some(pid) = line.strip_prefix('-').and_then(|n| n.parse().ok()) {
            pids.remove(&pid);
        }
    }
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_is_left_alone() {
        let input = "+10\n+11\n-10\nnoise\n+12\n-12\n";
        assert_eq!(remaining(input.as_bytes()), BTreeSet::from([11]));
    }
}
