//! The users of the process: where they come from at start, and the aclfile that ACL LOAD reads and ACL SAVE writes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use shard::acl::{UserLine, Users, parse_file, print_file};
use shard::settings::Settings;

use crate::config;

/// Most bytes of an aclfile: some hundred thousand users.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The users at start: those of the aclfile, or `default` with its password and those of the configuration.
///
/// # Errors
///
/// What is wrong with the aclfile. What is wrong with the configuration was said when it was read.
pub(crate) fn at_start(settings: &Settings, lines: &[UserLine]) -> Result<Users, String> {
    if !settings.aclfile.is_empty() {
        return load(settings);
    }
    let mut users = Users::new(settings.requirepass.reveal(), settings.acl_pubsub_default);
    users.declare_lines(lines).map_err(|(_, what)| what)?;
    Ok(users)
}

/// Reads the aclfile. Blocks on the disk; not for a core loop.
///
/// # Errors
///
/// What is wrong with it, in Redis's words.
pub(crate) fn load(settings: &Settings) -> Result<Users, String> {
    let path = &settings.aclfile;
    let text = read(Path::new(path)).map_err(|error| {
        let error = error.to_string();
        let reason = error.split(" (os error").next().unwrap_or_default();
        format!("Error loading ACLs, opening file '{path}': {reason}")
    })?;
    parse_file(path, &text, settings.acl_pubsub_default).map_err(|error| error.to_string())
}

/// Replaces the aclfile as a whole; only its owner may read it. Blocks on the disk; not for a core loop.
///
/// # Errors
///
/// The operating system refused; the old file is then still there.
pub(crate) fn save(settings: &Settings, users: &Users) -> io::Result<()> {
    config::replace_file(Path::new(&settings.aclfile), &print_file(users))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other("it is larger than 64 MiB")),
        false => Ok(bytes),
    }
}
