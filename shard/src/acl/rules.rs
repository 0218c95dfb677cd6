//! Why a rule is refused, and how rules are told apart.

use std::borrow::Cow;

use keyspace::refusal::Refusal;

use super::users::NAME_REFUSED;

/// Why a rule is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// No rule looks like this.
    Syntax,
    /// No command or category has the name.
    Unknown,
    /// All keys are allowed already.
    KeysAfterAll,
    /// All channels are allowed already.
    ChannelsAfterAll,
    /// Not the hash of a password.
    BadHash,
    /// The user does not have the password that is to go.
    NoSuchPassword,
    /// A subcommand is allowed or not; its arguments decide nothing.
    FirstArgOfSubcommand,
}

impl RuleError {
    /// The reason in Redis's words.
    pub fn text(self) -> &'static str {
        match self {
            RuleError::Syntax => "Syntax error",
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try \
                 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try \
                 'resetchannels' to start with an empty list of channels"
            }
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        }
    }
}

/// Why ACL SETUSER changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUserError {
    /// The name would fall apart in a line of rules.
    Name,
    /// A selector that begins with this word does not end.
    Unmatched(Box<[u8]>),
    /// This rule is refused.
    Rule(Box<[u8]>, RuleError),
}

impl SetUserError {
    /// What the client reads. It has no use for a password: its client has it.
    pub fn refusal(&self) -> Refusal {
        match self {
            SetUserError::Name => NAME_REFUSED,
            SetUserError::Unmatched(word) => {
                Refusal::naming("ERR Unmatched parenthesis in acl selector starting at '", word, "'.")
            }
            SetUserError::Rule(rule, error) => {
                Refusal::naming("ERR Error in ACL SETUSER modifier '", rule, &format!("': {}", error.text()))
            }
        }
    }
}

/// Rules, each whole: a selector in parentheses may come in several words.
pub fn join_selectors<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Cow<'a, [u8]>>, SetUserError> {
    let mut rules = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for word in words {
        let ends = word.last() == Some(&b')');
        match &mut open {
            None if word.first() == Some(&b'(') && !ends => open = Some((word, word.to_vec())),
            None => rules.push(Cow::Borrowed(word)),
            Some((_, joined)) => {
                joined.push(b' ');
                joined.extend_from_slice(word);
            }
        }
        if ends && let Some((_, joined)) = open.take() {
            rules.push(Cow::Owned(joined));
        }
    }
    match open {
        None => Ok(rules),
        Some((word, _)) => Err(SetUserError::Unmatched(word.into())),
    }
}
