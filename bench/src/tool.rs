//! A load tool as a child process under a deadline.
//!
//! Its output goes to files, so that a tool that prints much can never block on us. When the deadline passes the tool is left
//! running until it is dropped: who looks for the cause of a stall wants client and server as they stand.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::reaper::Reaper;

/// Pause between two looks at a running tool: rare enough to cost the measured CPUs nothing.
const LOOK: Duration = Duration::from_millis(10);

/// A running tool.
pub(crate) struct Tool<'a> {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    reaper: &'a Reaper,
}

impl<'a> Tool<'a> {
    /// Starts `command_line` with its output in `folder`, where one tool runs at a time.
    pub(crate) fn start(command_line: &[String], folder: &Path, reaper: &'a Reaper) -> Result<Self, BenchError> {
        let (stdout, stderr) = (folder.join("tool.out"), folder.join("tool.err"));
        let create = |path| File::create(path).map_err(BenchError::io("create a tool's output"));
        let child = Command::new(&command_line[0])
            .args(&command_line[1..])
            .stdin(Stdio::null())
            .stdout(create(&stdout)?)
            .stderr(create(&stderr)?)
            .spawn()
            .map_err(BenchError::io(quoted(command_line)))?;
        reaper.watch(child.id());
        Ok(Self { name: quoted(command_line), child, stdout, stderr, reaper })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the tool ends and returns its standard output, or `None` once `deadline` has passed.
    pub(crate) fn wait(&mut self, deadline: Duration) -> Result<Option<String>, BenchError> {
        let end = Instant::now() + deadline;
        loop {
            let ended = self.child.try_wait().map_err(BenchError::io("wait for a tool"))?;
            match ended {
                Some(status) => return self.result(status).map(Some),
                None if Instant::now() >= end => return Ok(None),
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// What it has printed so far, errors first.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", text_of(&self.stderr), text_of(&self.stdout))
    }

    fn result(&self, status: ExitStatus) -> Result<String, BenchError> {
        if status.success() {
            return Ok(text_of(&self.stdout));
        }
        let output = self.output();
        let end: Vec<&str> = output.split(['\n', '\r']).rev().filter(|line| !line.trim().is_empty()).take(5).collect();
        Err(BenchError::Tool { tool: self.name.clone(), why: format!("{status}: {}", end.join(" | ")) })
    }
}

impl Drop for Tool<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.reaper.forget(self.child.id());
    }
}

/// A command line as a shell would take it.
pub(crate) fn quoted(command_line: &[String]) -> String {
    let plain = |word: &str| !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "'\"$&;*".contains(c));
    let quote = |word: &String| {
        if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    command_line.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// The first line that `program argument` prints; `None` if there is no such program.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn text_of(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_can_be_pasted() {
        for (words, text) in [(vec!["a", "--save", ""], "a --save ''"), (vec!["a b", "c'd"], r"'a b' 'c'\''d'")] {
            assert_eq!(quoted(&words.into_iter().map(str::to_owned).collect::<Vec<_>>()), text);
        }
    }
}
