//! Files that exist while the server runs: the pid file and the UNIX socket.

use std::fs;
use std::path::Path;

use shard::settings::Settings;

/// Writes the process id to the file that the settings name. A failure is logged: the server serves without it, as Redis does.
pub(crate) fn write(settings: &Settings) {
    let path = &settings.pidfile;
    if path.is_empty() {
        return;
    }
    if let Err(error) = fs::write(path, format!("{}\n", std::process::id())) {
        tracing::warn!("Failed to write PID file {path}: {error}");
    }
}

/// Removes both files, at the end. What is gone already is no matter.
pub(crate) fn remove(settings: &Settings) {
    for (path, what) in [(&settings.pidfile, "pid file"), (&settings.unixsocket, "unix socket file")] {
        if !path.is_empty() && Path::new(path).exists() {
            tracing::info!("Removing the {what}.");
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!("Can't remove the {what} {path}: {error}");
            }
        }
    }
}
