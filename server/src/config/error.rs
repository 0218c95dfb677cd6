//! What is wrong with a configuration, all of it at once, each with its place. Values are never part of it: one may be a password.

use std::fmt;
use std::path::{Path, PathBuf};

use shard::settings;
use thiserror::Error;

/// A configuration that cannot be used; nothing was started. The fault of whoever wrote it.
#[derive(Debug, Error)]
pub(crate) struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// All `problems`, of which there is at least one.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

impl fmt::Display for ConfigError {
    /// One line per problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}: {}", problem.place, problem.what)?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) what: String,
}

/// Where it is.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file as a whole.
    File(PathBuf),
    /// In a line of a file, counted from 1, at a key.
    Key(PathBuf, usize, String),
    /// In a line of a file where no key is known.
    Line(PathBuf, usize),
    /// At an argument of the command line; with dashes if it has them.
    Argument(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Key(path, line, key) => write!(f, "{}:{line}: {key}", path.display()),
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Argument(argument) => write!(f, "{argument}"),
        }
    }
}

/// The problem that `path` as a whole has.
pub(super) fn in_file(path: &Path, what: impl Into<String>) -> Problem {
    Problem { place: Place::File(path.to_owned()), what: what.into() }
}

/// The problem that the command line has at `argument`.
pub(super) fn in_argument(argument: impl Into<String>, what: impl Into<String>) -> Problem {
    Problem { place: Place::Argument(argument.into()), what: what.into() }
}

/// What to say about a name that no setting has.
pub(super) fn unknown(name: &str) -> String {
    match settings::nearest(name) {
        Some(nearest) => format!("no setting has this name; did you mean '{nearest}'?"),
        None => "no setting has this name; --help lists all".to_owned(),
    }
}
