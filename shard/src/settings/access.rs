//! CONFIG GET and CONFIG SET on a value of [`Settings`]; pure.

use keyspace::glob::{self, Case};
use thiserror::Error;

use super::row::{Change, Row, find};
use super::table::{ROWS, Settings};

/// Why CONFIG SET changed nothing. The `Display` form is the error reply without its leading `-`. All are the client's fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigSetError {
    /// No setting has this name, given as the client wrote it.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")]
    Unknown {
        /// As the client wrote it, with line ends replaced and what is not UTF-8 marked.
        name: String,
    },
    /// The setting is named twice; given as the client wrote it.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - duplicate parameter")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// The setting may not change, or does not take the value.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Failed {
        /// The setting, as the table spells it.
        name: &'static str,
        /// Why, in Redis's words.
        reason: String,
    },
}

/// The settings that match any of `patterns`, each name once, as CONFIG GET replies: in the order of the patterns, then of the table.
///
/// A pattern without `*`, `?` or `[` is a name and is echoed as written. Aliases are entries of their own. Redis gives its reply
/// in an order that differs between runs, so clients read it as a map. Cost: patterns × rows.
pub fn config_get(settings: &Settings, patterns: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(&'static str, String, &Row)> = Vec::new();
    for pattern in patterns {
        let exact = !pattern.iter().any(|byte| b"*?[".contains(byte));
        for row in ROWS {
            for known in std::iter::once(&row.name).chain(row.aliases) {
                let wanted = match exact {
                    true => known.as_bytes().eq_ignore_ascii_case(pattern),
                    false => glob::matches(pattern, known.as_bytes(), Case::Fold),
                };
                if wanted && !found.iter().any(|(name, ..)| name == known) {
                    let echoed =
                        if exact { String::from_utf8_lossy(pattern).into_owned() } else { (*known).to_owned() };
                    found.push((known, echoed, row));
                }
            }
        }
    }
    found.into_iter().map(|(_, echoed, row)| (echoed, row.get(settings))).collect()
}

/// `settings` with every pair applied, or the first error and no change at all.
///
/// Names are checked before values, as Redis does it. Limits that only the running process knows, such as the descriptors that
/// `maxclients` needs, are for the caller to check.
pub fn config_set(settings: &Settings, pairs: &[(&[u8], &[u8])]) -> Result<Settings, ConfigSetError> {
    let mut named: Vec<(&'static str, &Row)> = Vec::with_capacity(pairs.len().min(ROWS.len()));
    for (name, _) in pairs {
        let (spelling, row) = changeable(name)?;
        if named.iter().any(|(earlier, _)| *earlier == spelling) {
            return Err(duplicate(name));
        }
        named.push((spelling, row));
    }
    let mut changed = settings.clone();
    for ((spelling, row), (_, value)) in named.iter().zip(pairs) {
        row.set(&mut changed, value).map_err(|reason| ConfigSetError::Failed { name: spelling, reason })?;
    }
    Ok(changed)
}

fn changeable(name: &[u8]) -> Result<(&'static str, &'static Row), ConfigSetError> {
    let found = find(name).and_then(|row| Some((row.spelling(name)?, row)));
    let Some((spelling, row)) = found else {
        let name = String::from_utf8_lossy(name).replace(['\r', '\n'], " ");
        return Err(ConfigSetError::Unknown { name });
    };
    match row.change {
        Change::Anytime => Ok((spelling, row)),
        Change::AtStart => Err(failed(spelling, "can't set immutable config")),
        Change::Protected => Err(failed(spelling, "can't set protected config")),
    }
}

/// A setting is named twice; the error names it as the client wrote it.
fn duplicate(name: &[u8]) -> ConfigSetError {
    let name = String::from_utf8_lossy(name).replace(['\r', '\n'], " ");
    ConfigSetError::Duplicate { name }
}

fn failed(name: &'static str, reason: &str) -> ConfigSetError {
    ConfigSetError::Failed { name, reason: reason.to_owned() }
}
