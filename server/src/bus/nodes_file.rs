//! `nodes.conf` on disk: one process at a time, read whole, replaced whole.
//!
//! §13.3, §13.4. Renaming gives the file another inode, so the lock is on a file beside it, which stays.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clusterbus::conf::{ConfError, NodesConf, PrimaryPort};

use crate::config;

/// Most bytes of the file: a node's line is below 200 KB with every slot apart, and mostly below 300 bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodesFileError {
    /// No name.
    #[error("cluster-config-file is empty: a node needs a file in which it keeps what it knows of the cluster")]
    NoName,
    /// Another process has it.
    #[error(
        "Sorry, the cluster configuration file {0} is already used by another node. Please make sure that every node has a file \
         of its own."
    )]
    Locked(String),
    /// The system refuses it.
    #[error("{what} {path}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: String,
        /// Why it failed.
        error: io::Error,
    },
    /// It is damaged.
    #[error(
        "Unrecoverable error: corrupted cluster config file {path}: {error}. Nothing was changed. Restore the file from a copy, or \
         move it away to start as a new node."
    )]
    Corrupted {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: ConfError,
    },
}

/// The file, locked.
#[derive(Debug)]
pub(super) struct NodesFile {
    path: PathBuf,
    /// Unlocked by its end, that is the process's.
    _lock: File,
}

impl NodesFile {
    /// Locks the file for the rest of the process's life.
    ///
    /// # Errors
    ///
    /// Another process has it, or the system refuses.
    pub(super) fn lock(name: &str) -> Result<NodesFile, NodesFileError> {
        if name.is_empty() {
            return Err(NodesFileError::NoName);
        }
        let beside = format!("{name}.lock");
        let failed = |error| NodesFileError::System { what: "Can't lock", path: beside.clone(), error };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&beside).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(NodesFile { path: PathBuf::from(name), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(NodesFileError::Locked(name.into())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What the file holds; none if there is no file, or an empty one.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is damaged. It is as it was.
    pub(super) fn load(&self) -> Result<Option<NodesConf>, NodesFileError> {
        let path = self.path.display().to_string();
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(NodesFileError::System { what: "Can't read", path, error }),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        NodesConf::parse(&bytes, PrimaryPort::Tcp).map(Some).map_err(|error| NodesFileError::Corrupted { path, error })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Replaces the file so that a crash leaves the old or the new one: written beside it, flushed, renamed, the folder flushed. Blocks on
/// the disk.
///
/// # Errors
///
/// The system refused; the old file is then still there.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), NodesFileError> {
    config::replace_file(path, text.as_bytes()).map_err(|error| NodesFileError::System {
        what: "Can't write",
        path: path.display().to_string(),
        error,
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "06bd484f6a95433826015be45b4298f670067fcd 127.0.0.1:7001@17001 myself,master - 0 0 3 connected 0-5\n";

    fn in_folder() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let name = folder.path().join("nodes.conf").display().to_string();
        (folder, name)
    }

    #[test]
    fn a_file_is_one_process_s() {
        let (_folder, name) = in_folder();
        let first = NodesFile::lock(&name).expect("nobody has it");
        assert!(matches!(NodesFile::lock(&name), Err(NodesFileError::Locked(_))));
        replace(first.path(), "vars").expect("the folder can be written");
        assert!(NodesFile::lock(&name).is_err(), "it is another file now, and still locked");
        drop(first);
        assert!(NodesFile::lock(&name).is_ok());
        assert!(matches!(NodesFile::lock(""), Err(NodesFileError::NoName)));
        assert!(matches!(NodesFile::lock("/nowhere/nodes.conf"), Err(NodesFileError::System { .. })));
    }

    #[test]
    fn what_is_missing_is_new_and_what_is_damaged_is_refused() {
        let (_folder, name) = in_folder();
        let file = NodesFile::lock(&name).expect("nobody has it");
        assert!(file.load().expect("there is none").is_none());
        fs::write(&name, "").expect("it can be written");
        assert!(file.load().expect("it is empty").is_none());
        let whole = format!("{LINE}vars currentEpoch 3 lastVoteEpoch 0\n");
        replace(file.path(), &whole).expect("it can be written");
        let conf = file.load().expect("it is whole").expect("it is there");
        assert_eq!(conf.myself.as_str(), &LINE[..40]);
        for length in 1..whole.len() {
            fs::write(&name, &whole[..length]).expect("it can be written");
            let error = file.load().expect_err("it is cut").to_string();
            assert!(error.contains("corrupted") && error.contains("line "), "{error}");
            assert_eq!(fs::read_to_string(&name).expect("it is there"), whole[..length], "nothing was changed");
        }
    }
}
