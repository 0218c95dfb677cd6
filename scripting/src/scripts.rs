//! The cache of scripts, by the SHA-1 of their source.

use crate::direct::Program;
use crate::fiber::Slot;
use crate::header::Flags;
use ahash::AHasher;
use sha1::Digest as _;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// The name of a script: its SHA-1 in lower-case hexadecimal.
pub type Sha = [u8; 40];

/// A script that is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name.
    pub sha: Sha,
    /// What it declares.
    pub flags: Flags,
}

/// Why a script was not loaded: the text of the error reply, its code included.
pub type ScriptError = String;

/// One script.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) slot: Slot,
    pub(crate) flags: Flags,
    /// Length of its source.
    pub(crate) bytes: usize,
    /// From SCRIPT LOAD: never evicted.
    pub(crate) kept: bool,
    /// What it is without Lua, if it can be.
    pub(crate) program: Option<Rc<Program>>,
}

/// All scripts of an engine. Those of EVAL are at most so many, of so many bytes; the one loaded first goes first.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    by_sha: HashMap<Sha, Script, BuildHasherDefault<AHasher>>,
    evictable: VecDeque<Sha>,
    evictable_bytes: usize,
    kept_bytes: usize,
}

impl Scripts {
    pub(crate) fn get(&self, sha: &Sha) -> Option<&Script> {
        self.by_sha.get(sha)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_sha.len()
    }

    /// Bytes of all sources.
    pub(crate) fn bytes(&self) -> usize {
        self.evictable_bytes + self.kept_bytes
    }

    /// Bytes of the sources that stay.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Adds a script. Returns the slots of scripts that had to go: never that of the new one.
    pub(crate) fn insert(&mut self, sha: Sha, script: Script, count_max: usize, bytes_max: usize) -> Vec<Slot> {
        if script.kept {
            self.kept_bytes += script.bytes;
        } else {
            self.evictable.push_back(sha);
            self.evictable_bytes += script.bytes;
        }
        self.by_sha.insert(sha, script);
        let mut gone = Vec::new();
        while self.evictable.len() > count_max || (self.evictable_bytes > bytes_max && self.evictable.len() > 1) {
            let oldest = self.evictable.pop_front().expect("there are several");
            let script = self.by_sha.remove(&oldest).expect("what can be evicted is there");
            self.evictable_bytes -= script.bytes;
            gone.push(script.slot);
        }
        gone
    }

    /// SCRIPT LOAD of a script that EVAL had loaded.
    pub(crate) fn keep(&mut self, sha: &Sha) {
        if let Some(script) = self.by_sha.get_mut(sha)
            && !script.kept
        {
            script.kept = true;
            self.evictable_bytes -= script.bytes;
            self.kept_bytes += script.bytes;
            self.evictable.retain(|other| other != sha);
        }
    }

    /// Forgets all; returns their slots.
    pub(crate) fn clear(&mut self) -> Vec<Slot> {
        self.evictable.clear();
        (self.evictable_bytes, self.kept_bytes) = (0, 0);
        self.by_sha.drain().map(|(_, script)| script.slot).collect()
    }
}

/// The name of a source.
pub fn sha_of(source: &[u8]) -> Sha {
    hex(&sha1::Sha1::digest(source).into())
}

/// Twenty bytes in hexadecimal.
pub(crate) fn hex(digest: &[u8; 20]) -> Sha {
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    text
}
