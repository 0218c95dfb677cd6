//! The log: one line per event on standard output or in a file, as text or JSON.
//!
//! Its level can change while the server runs. What whoever started the process waits for (that it serves, or why it does not) is
//! on standard output in every case, also when the log goes to a file or leaves out notices.

use std::fs::OpenOptions;

use shard::settings::{LogFormat, LogLevel, Settings};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

/// The started log.
pub(crate) struct Log {
    level: reload::Handle<LevelFilter, Registry>,
    /// Whether the lines of the log are on standard output.
    on_stdout: bool,
}

/// Starts logging as the settings say. A log file that cannot be opened is reported and standard output used. Once per process.
pub(crate) fn start(settings: &Settings) -> Log {
    let (writer, on_stdout) = match settings.logfile.as_str() {
        "" => (BoxMakeWriter::new(std::io::stdout), true),
        path => match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => (BoxMakeWriter::new(file), false),
            Err(error) => {
                eprintln!("Can't open the log file {path}: {error}");
                (BoxMakeWriter::new(std::io::stdout), true)
            }
        },
    };
    let (filter, level) = reload::Layer::new(filter(settings.loglevel));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    let lines = match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    Log { level, on_stdout }
}

impl Log {
    /// Changes how much is logged.
    pub(crate) fn set_level(&self, level: LogLevel) {
        self.level.reload(filter(level)).expect("the log lives as long as the process");
    }

    /// Logs a notice that must be on standard output, there exactly once.
    pub(crate) fn announce(&self, text: &str) {
        tracing::info!("{text}");
        if !(self.on_stdout && tracing::enabled!(tracing::Level::INFO)) {
            println!("{text}");
        }
    }

    /// Logs why the server does not start, and has it on standard output.
    pub(crate) fn refuse(&self, error: &dyn std::fmt::Display) {
        tracing::error!("{error}");
        if !self.on_stdout {
            println!("{error}");
        }
    }
}

/// Redis's levels from much to little, as those of `tracing`.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
    }
}
