//! What can go wrong in a bench run, by whose fault it is.
//!
//! One enum for the whole tool: it is a program for people, so every variant ends as one line on standard error.

use std::io;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The command line is wrong; the text says how.
    #[error("{0}")]
    Usage(String),
    /// A program that the run needs is not there.
    #[error("{program} is missing: {cure}")]
    Missing {
        /// Its name or path.
        program: String,
        /// What to do about it.
        cure: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A server did not start or ended early.
    #[error("{server}: {why}")]
    Server {
        /// The contender's name.
        server: String,
        /// What was seen, with the end of its log.
        why: String,
    },
    /// A server answered something else than it had to.
    #[error("unexpected reply to {command}: {reply}")]
    Reply {
        /// The command, shortened.
        command: String,
        /// The reply as received, shortened.
        reply: String,
    },
    /// A load tool failed.
    #[error("{tool} failed: {why}")]
    Tool {
        /// The tool's name.
        tool: String,
        /// Its own words.
        why: String,
    },
    /// Output of a tool or a file of the kernel has not the form that it should have.
    #[error("cannot find {what} in: {text}")]
    Parse {
        /// What was looked for.
        what: &'static str,
        /// The text, shortened.
        text: String,
    },
}

impl BenchError {
    /// An operating system error together with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// A parse failure that quotes at most 400 characters of the text.
    pub(crate) fn parse(what: &'static str, text: &str) -> Self {
        Self::Parse { what, text: text.chars().take(400).collect() }
    }
}
