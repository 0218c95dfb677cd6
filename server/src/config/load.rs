//! From the arguments of the process to its settings.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shard::acl::UserLine;
use shard::settings::Settings;

use super::described::{Described, NodesSection};
use super::error::{ConfigError, Problem, in_argument, in_file};
use super::file::Declared;
use super::{file, flags, overrides};

/// Most bytes of a configuration file; the sample has some ten thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the arguments ask for.
#[derive(Debug)]
pub(crate) enum Start {
    /// Serve with these settings.
    Serve {
        /// The settings in force at start.
        settings: Arc<Settings>,
        /// Where they came from, for CONFIG REWRITE and INFO.
        origin: Box<Origin>,
    },
    /// Print a text on standard output and exit with 0.
    PrintAndExit(String),
}

/// Where the settings of the running server came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// The TOML file, absolute; `None` if none was given.
    pub(crate) config_file: Option<PathBuf>,
    /// Where what is changed at run time is kept, likewise.
    pub(super) overrides_file: Option<PathBuf>,
    /// Defaults and the TOML file.
    pub(super) file: Settings,
    /// The users of the TOML file.
    pub(super) file_users: Vec<UserLine>,
    /// The users at start, unless they come from an aclfile: those of the TOML file, or of the overrides file if it has any.
    pub(crate) users: Vec<UserLine>,
    /// The same and the overrides file.
    pub(super) overridden: Settings,
    /// The same and the flags: the settings in force at start.
    pub(super) start: Arc<Settings>,
    /// The cluster that the TOML file describes.
    pub(crate) described: Option<Described>,
    /// What whoever wrote the configuration should know, although it is in force.
    pub(crate) notices: Vec<String>,
}

/// Reads the arguments, without the program's own name, and the files that they lead to.
///
/// In the settings `dir` is absolute and exists. Errors: everything that is wrong, each with its file, line and key, or its flag.
pub(crate) fn load(args: &[OsString]) -> Result<Start, ConfigError> {
    let arguments = match flags::read(args) {
        Ok(flags::Request::Print(text)) => return Ok(Start::PrintAndExit(text)),
        Ok(flags::Request::Serve(arguments)) => arguments,
        Err(problem) => return Err(ConfigError::new(vec![problem])),
    };
    let mut problems = Vec::new();
    let mut settings = Settings::default();
    let mut declared = Declared::default();
    let mut config_file = None;
    if let Some(path) = arguments.config_file {
        apply_file(&path, Missing::IsAProblem, (&mut settings, &mut declared), &mut problems);
        // Absolute, because the process may change its directory before CONFIG REWRITE.
        config_file = Some(std::path::absolute(&path).unwrap_or(path));
    }
    let (from_file, file_users) = (settings.clone(), declared.users.clone());
    let overrides_file = config_file.as_ref().map(|path| {
        let own_name = own_name(&settings, &arguments.flags, declared.nodes.as_ref());
        overrides::path_beside(path, own_name.as_deref())
    });
    if let Some(path) = &overrides_file {
        apply_file(path, Missing::IsEmpty, (&mut settings, &mut declared), &mut problems);
    }
    let overridden = settings.clone();
    flags::apply(&arguments.flags, &mut settings, &mut problems);
    match working_directory(&settings.dir) {
        Ok(dir) => settings.dir = dir,
        Err(what) => problems.push(in_argument("dir", what)),
    }
    let Declared { users, nodes } = declared;
    if !settings.aclfile.is_empty() && !users.is_empty() {
        problems.push(in_argument("aclfile", "users come from this file or from [[users]], not from both"));
    }
    // After the flags: some of them say which node this is.
    let described = match nodes.filter(|_| problems.is_empty()).map(|nodes| nodes.settle(&mut settings)).transpose() {
        Ok(described) => described,
        Err(problem) => return Err(ConfigError::new(vec![problem])),
    };
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let notices = keep_to_one_database(&mut settings).into_iter().collect();
    let settings = Arc::new(settings);
    let start = Arc::clone(&settings);
    let origin = Origin {
        config_file,
        overrides_file,
        file: from_file,
        file_users,
        users,
        overridden,
        start,
        described,
        notices,
    };
    Ok(Start::Serve { settings, origin: Box::new(origin) })
}

/// What tells this server from others that share its configuration file, which says nothing of that itself: its place among the nodes that the
/// file describes, or another port than the file's. Overrides have no say: which they are depends on it.
fn own_name(of_file: &Settings, flags: &[flags::Flag], nodes: Option<&NodesSection>) -> Option<String> {
    let mut settings = of_file.clone();
    // What is wrong with flags is told when they are applied.
    flags::apply(flags, &mut settings, &mut Vec::new());
    match nodes {
        Some(nodes) => nodes.own_name(&settings),
        None => (settings.port != of_file.port).then(|| settings.port.to_string()),
    }
}

/// A node of a cluster has one database (`spec/cluster.md` §5.2), whatever it was given. Says so if it was given another number.
fn keep_to_one_database(settings: &mut Settings) -> Option<String> {
    let asked = settings.databases;
    if !settings.cluster_enabled {
        return None;
    }
    settings.databases = 1;
    let chosen = asked != 1 && asked != Settings::default().databases;
    chosen.then(|| format!("A node of a cluster has one database: databases is 1, not {asked}."))
}

/// What a file that does not exist means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsEmpty,
    IsAProblem,
}

fn apply_file(
    path: &Path,
    missing: Missing,
    (settings, declared): (&mut Settings, &mut Declared),
    problems: &mut Vec<Problem>,
) {
    match read_bounded(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => file::apply(path, &text, settings, declared, problems),
            Err(error) => {
                let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count();
                problems.push(in_file(path, format!("line {line} is not UTF-8 text")));
            }
        },
        Err(error) if missing == Missing::IsEmpty && error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(in_file(path, format!("can't read the configuration: {error}"))),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(bytes),
    }
}

/// The absolute form of the directory `dir`, or of the present one if it is empty.
fn working_directory(dir: &str) -> Result<String, String> {
    let path = match dir.is_empty() {
        true => env::current_dir(),
        false => std::fs::canonicalize(dir),
    };
    let path = path.map_err(|error| error.to_string())?;
    if !path.is_dir() {
        return Err("it is not a directory".to_owned());
    }
    path.into_os_string().into_string().map_err(|_| "its path is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests;
