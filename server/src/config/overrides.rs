//! CONFIG REWRITE: what was changed at run time, in a TOML file of its own beside the configuration.
//!
//! The file is replaced as a whole: written beside its place, flushed, renamed, and the directory flushed, so that after a crash it is
//! either the old or the new one. It may hold the password, so only its owner may read it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use shard::acl::{UserLine, Users};
use shard::settings::{Group, ROWS, Row, Settings};
use thiserror::Error;

use super::load::Origin;
use super::{syntax, user_lines};

/// Why CONFIG REWRITE wrote nothing. The `Display` form is the error reply without its leading `-`.
#[derive(Debug, Error)]
pub(crate) enum RewriteError {
    /// The server was started without a configuration file, so there is no place for an overrides file.
    #[error("ERR The server is running without a config file")]
    NoConfigFile,
    /// The operating system refused.
    #[error("ERR Rewriting config file: {0}")]
    Io(#[from] io::Error),
}

/// Writes what differs from the TOML file to the overrides file: what earlier overrides said and what was changed since the start.
/// What only a flag set is not written, since whoever gives the flag gives it again.
///
/// Blocks on the disk; not for a core loop. Errors: see [`RewriteError`]; the old overrides file is then still there.
pub(crate) fn rewrite(origin: &Origin, settings: &Settings, users: &Users) -> Result<(), RewriteError> {
    let (Some(config_file), Some(overrides_file)) = (&origin.config_file, &origin.overrides_file) else {
        return Err(RewriteError::NoConfigFile);
    };
    replace(overrides_file, render(config_file, origin, settings, users)?.as_bytes())?;
    Ok(())
}

/// The overrides file of a configuration: `a.overrides.toml` beside `a.toml`. Of a server that shares the configuration with others,
/// `a.NAME.overrides.toml` with its own name: what is changed at run time is changed at one of them.
pub(super) fn path_beside(config_file: &Path, own_name: Option<&str>) -> PathBuf {
    let stem = match config_file.extension() {
        Some(extension) if extension == "toml" => config_file.file_stem(),
        _ => config_file.file_name(),
    };
    let mut name = stem.unwrap_or_default().to_owned();
    if let Some(own_name) = own_name {
        name.push(".");
        name.push(own_name);
    }
    name.push(".overrides.toml");
    config_file.with_file_name(name)
}

fn render(config_file: &Path, origin: &Origin, settings: &Settings, users: &Users) -> io::Result<String> {
    // A line end in the name must not end the comment.
    let name = config_file.file_name().unwrap_or_default().to_string_lossy().replace(char::is_control, "?");
    let mut text = format!(
        "# Settings changed at run time, written by CONFIG REWRITE, which replaces this file.\n\
         # They win over {name}: remove a line to go back to what that file says.\n"
    );
    if let Some(lines) = changed_users(origin, settings, users)? {
        text.push_str(&format!("\n{}", user_lines::write(&lines)));
    }
    for group in Group::ALL {
        let rows = ROWS.iter().filter(|row| row.group == group);
        let lines: Vec<String> = rows.filter_map(|row| line(row, origin, settings)).collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n[{}]\n{}", group.name(), lines.concat()));
        }
    }
    Ok(text)
}

/// The users, if they belong in the overrides file: those of an aclfile do not.
fn changed_users(origin: &Origin, settings: &Settings, users: &Users) -> io::Result<Option<Vec<UserLine>>> {
    if !settings.aclfile.is_empty() {
        return Ok(None);
    }
    let password = settings.requirepass.reveal();
    let mut of_file = Users::new(password, settings.acl_pubsub_default);
    // What the file says was right when it was read, under other settings perhaps.
    let same = of_file.declare_lines(&origin.file_users).is_ok();
    let now = users.lines(password);
    match now {
        None => Err(io::Error::other("the rules of a user are not UTF-8 text, which only an aclfile can hold")),
        Some(_) if same && now == of_file.lines(password) => Ok(None),
        now => Ok(now),
    }
}

/// The line of a setting, if it belongs in the overrides file.
fn line(row: &Row, origin: &Origin, settings: &Settings) -> Option<String> {
    let now = row.get(settings);
    let value = if now == row.get(&origin.start) { row.get(&origin.overridden) } else { now };
    (value != row.get(&origin.file)).then(|| format!("{} = {}\n", row.name, syntax::write(&row.kind, &value)))
}

pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_and_rename(&temporary, path, content);
    if written.is_err() {
        // What failed is what counts; a temporary file that stays is replaced next time.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_and_rename(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
