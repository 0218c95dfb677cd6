//! All users: what is published to every core, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyspace::refusal::Refusal;

use crate::settings::PubsubDefault;

use super::password::hash;
use super::rules::{SetUserError, join_selectors};
use super::selector::has_space;
use super::user::User;

/// The user of clients that did not say who they are.
pub const DEFAULT_USER: &str = "default";

/// What a client reads that names a user so.
pub(super) const NAME_REFUSED: Refusal = Refusal::Text("ERR Usernames can't contain spaces or null characters");

/// A user of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// Its name.
    pub name: String,
    /// Its rules, with spaces between them.
    pub rules: String,
}

/// Every user by name. One called `default` is always there.
#[derive(Clone, Debug)]
pub struct Users {
    /// Grows with every change.
    version: u64,
    by_name: BTreeMap<Box<[u8]>, Arc<User>>,
    /// How many users there ever were: the next one's incarnation.
    born: u64,
    /// What a selector begins with.
    channels: PubsubDefault,
    /// Whether a client may use commands that did not say who it is.
    open: bool,
}

impl Users {
    /// The users of a server that nobody configured: `default`, with this password if it is not empty, may do everything.
    pub fn new(password: &[u8], channels: PubsubDefault) -> Self {
        let mut users = Users { version: 0, by_name: BTreeMap::new(), born: 0, channels, open: false };
        let rules: [&[u8]; 5] = [b"on", b"nopass", b"~*", b"&*", b"+@all"];
        users.set(DEFAULT_USER.as_bytes(), rules.into_iter()).expect("these are rules");
        users.set_default_password(password);
        users.version = 0;
        users
    }

    /// Which one of all that were published it is.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Changes what selectors begin with.
    pub fn set_channels(&mut self, channels: PubsubDefault) {
        self.channels = channels;
        self.version += 1;
    }

    /// The channels that a selector begins with.
    pub fn channels(&self) -> PubsubDefault {
        self.channels
    }

    /// Puts a user in, in place of the one with its name. It is none of those that were.
    pub fn declare(&mut self, mut user: User) {
        user.incarnation = match self.get(&user.name).filter(|_| *user.name == *DEFAULT_USER.as_bytes()) {
            Some(default) => default.incarnation,
            None => {
                self.born += 1;
                self.born - 1
            }
        };
        self.put(user);
    }

    /// The user with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// The user of clients that did not say who they are.
    pub fn default_user(&self) -> &Arc<User> {
        self.get(DEFAULT_USER.as_bytes()).expect("it cannot be deleted")
    }

    /// True if a client need not say who it is.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// All users in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// The user that a name and a password are of, if it may authenticate. A name without a user takes as long as one with a wrong
    /// password.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&Arc<User>> {
        let user = self.get(name);
        let right = user.unwrap_or(self.default_user()).has_password(password);
        user.filter(|user| right && user.on)
    }

    /// Makes or changes a user by rules.
    ///
    /// # Errors
    ///
    /// The first rule that is refused; nothing has changed then.
    pub fn set<'a>(&mut self, name: &[u8], words: impl Iterator<Item = &'a [u8]>) -> Result<(), SetUserError> {
        if has_space(name) {
            return Err(SetUserError::Name);
        }
        let rules = join_selectors(words)?;
        let mut user = match self.get(name) {
            Some(user) => User::clone(user),
            None => User::new(name, self.born, self.channels),
        };
        let applied = user.apply_all(&rules, self.channels);
        applied.map_err(|(rule, error)| SetUserError::Rule(rule, error))?;
        self.born += u64::from(user.incarnation == self.born);
        self.put(user);
        Ok(())
    }

    /// Gives `default` this password alone, or none.
    pub fn set_default_password(&mut self, password: &[u8]) {
        let rule = match password {
            [] => b"nopass".to_vec(),
            _ => format!("#{}", hash(password).hex()).into_bytes(),
        };
        let rules: [&[u8]; 2] = [b"resetpass", &rule];
        self.set(DEFAULT_USER.as_bytes(), rules.into_iter()).expect("these are rules");
    }

    /// Deletes users; says how many there were.
    ///
    /// # Errors
    ///
    /// `default` stays, and then all do.
    pub fn delete<'a>(&mut self, names: impl Iterator<Item = &'a [u8]> + Clone) -> Result<u64, Refusal> {
        if names.clone().any(|name| name == DEFAULT_USER.as_bytes()) {
            return Err(Refusal::Text("ERR The 'default' user cannot be removed"));
        }
        let removed = names.filter(|name| self.by_name.remove(*name).is_some()).count();
        self.version += 1;
        Ok(removed as u64)
    }

    /// Takes the users of another one in place of these. All but `default` are new: nobody goes on as one that was before.
    pub fn replace(&mut self, others: &Users) {
        self.by_name.retain(|name, _| **name == *DEFAULT_USER.as_bytes());
        others.iter().for_each(|user| self.declare(User::clone(user)));
    }

    fn put(&mut self, user: User) {
        self.version += 1;
        self.by_name.insert(user.name.clone(), Arc::new(user));
        if let Some(user) = self.get(DEFAULT_USER.as_bytes()) {
            self.open = user.nopass && user.on;
        }
    }
}
