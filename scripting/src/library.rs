//! Libraries of functions: FUNCTION LOAD and what FUNCTION LIST, DUMP and FCALL need of it.

use crate::fiber::Slot;
use crate::header::Flags;
use std::collections::{BTreeMap, HashSet};

/// Why FUNCTION LOAD or DELETE is refused: the text of the error reply, its code included.
pub type LibraryError = String;

/// A function of a library.
#[derive(Clone, Debug)]
pub struct FunctionInfo {
    /// What FCALL calls it.
    pub name: Vec<u8>,
    /// Its description, if it has one.
    pub description: Option<Vec<u8>>,
    /// What it declares.
    pub flags: Flags,
    pub(crate) slot: Slot,
}

/// A library.
#[derive(Clone, Debug)]
pub struct LibraryInfo {
    /// Its name.
    pub name: Vec<u8>,
    /// Its source, header included: what FUNCTION LIST WITHCODE shows and FUNCTION DUMP stores.
    pub code: Vec<u8>,
    /// Its functions, by name.
    pub functions: Vec<FunctionInfo>,
}

/// All libraries of an engine, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Libraries {
    by_name: BTreeMap<Vec<u8>, LibraryInfo>,
    /// Every function, by its name in lower case: FCALL does not tell cases apart.
    functions: BTreeMap<Vec<u8>, FunctionInfo>,
}

impl Libraries {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LibraryInfo> {
        self.by_name.values()
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&LibraryInfo> {
        self.by_name.get(name)
    }

    pub(crate) fn function(&self, name: &[u8]) -> Option<&FunctionInfo> {
        self.functions.get(&name.to_ascii_lowercase())
    }

    /// A function of another library than `except` that has one of these names.
    pub(crate) fn clash<'a>(&self, except: &[u8], mut names: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        let own = |name: &[u8]| {
            self.by_name
                .get(except)
                .is_some_and(|library| library.functions.iter().any(|own| own.name.eq_ignore_ascii_case(name)))
        };
        names.find(|name| self.functions.contains_key(&name.to_ascii_lowercase()) && !own(name))
    }

    pub(crate) fn insert(&mut self, library: LibraryInfo) {
        for function in &library.functions {
            self.functions.insert(function.name.to_ascii_lowercase(), function.clone());
        }
        self.by_name.insert(library.name.clone(), library);
    }

    /// Forgets a library; returns the slots of its functions.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Vec<Slot>> {
        let library = self.by_name.remove(name)?;
        for function in &library.functions {
            self.functions.remove(&function.name.to_ascii_lowercase());
        }
        Some(library.functions.iter().map(|function| function.slot).collect())
    }

    /// The slots of all functions.
    pub(crate) fn slots(&self) -> HashSet<Slot> {
        self.functions.values().map(|function| function.slot).collect()
    }

    pub(crate) fn names(&self) -> Vec<Vec<u8>> {
        self.by_name.keys().cloned().collect()
    }
}

/// The libraries that may come back when a change of several fails. Their functions stay compiled until that is settled.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) libraries: Libraries,
    pub(crate) slots: HashSet<Slot>,
}
